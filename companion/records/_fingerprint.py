"""The hash of files that records carried before the digest by definition.

Only ``companion restamp`` uses it, to prove which code made an old record.  It covers the
chapter's package and the code cells of its notebook, and not the shared modules.  Comments,
docstrings and blank lines do not count.

Left out, because they cannot change a number: modules ``figures`` (they draw from results that
they are given) and the notebook's setup and parameters cells.
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
        # docstrings of modules, classes and functions, and those that follow a constant
        if isinstance(node, ast.Expr) and _is_string(node.value):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and lines[token.start[0] - 1]:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def cell_text(source: str) -> str:
    """:func:`code_text` of a notebook cell, where lines of IPython magic stand for themselves."""
    magic = [line for line in source.splitlines() if line.lstrip()[:1] in {"%", "!"}]
    python = [line for line in source.splitlines() if line.lstrip()[:1] not in {"%", "!"}]
    return "\n".join([*magic, code_text("\n".join(python))])


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
