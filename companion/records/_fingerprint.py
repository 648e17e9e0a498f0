"""A hash of the code that makes a chapter's numbers.

It covers the chapter's package and the code cells of its notebook, without comments, docstrings
and blank lines, so that better prose does not make a published result stale.  Left out, because
they cannot change a number: modules ``figures`` (they draw from results that they are given) and
the notebook's setup and parameters cells.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from pathlib import Path

import nbformat

from companion.papers import paper
from companion.project import Project

_NOT_NUMBERS = "figures"
_CELLS_LEFT_OUT = {"setup", "parameters"}


def code_text(source: str) -> str:
    """`source` without comments, docstrings and blank lines.

    Cut by position and not printed from a syntax tree, so the text is the same under every Python.
    """
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                lines[first.lineno - 1 : first.end_lineno] = [""] * (
                    first.end_lineno - first.lineno + 1
                )
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and lines[token.start[0] - 1]:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def cell_text(source: str) -> str:
    """:func:`code_text` of a notebook cell, where lines of IPython magic stand for themselves."""
    magic = [line for line in source.splitlines() if line.lstrip()[:1] in {"%", "!"}]
    python = [line for line in source.splitlines() if line.lstrip()[:1] not in {"%", "!"}]
    # A docstring-like first expression is output in a cell, so it must stay: add a line before it.
    return "\n".join([*magic, code_text("\n".join(["pass", *python]))])


def _notebook_code(path: Path) -> list[str]:
    notebook = nbformat.read(path, as_version=4)
    return [
        cell_text(cell.source)
        for cell in notebook.cells
        if cell.cell_type == "code" and not _CELLS_LEFT_OUT & set(cell.metadata.get("tags", ()))
    ]


def fingerprint(slug: str, project: Project | None = None) -> str:
    """SHA-256, in hexadecimal, of the code behind the chapter's numbers."""
    project = project or Project()
    entry = paper(slug, project)
    digest = hashlib.sha256()
    folder = entry.package_path(project)
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        if _NOT_NUMBERS not in name.with_suffix("").parts:
            text = code_text(path.read_text(encoding="utf-8"))
            digest.update(f"{name.as_posix()}\n{text}\n".encode())
    # Where only the package is installed (Colab), the notebook's source is not there.
    if entry.is_available(project):
        for text in _notebook_code(entry.notebook_path(project)):
            digest.update(f"cell\n{text}\n".encode())
    return digest.hexdigest()
