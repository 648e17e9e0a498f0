"""A book with two chapters that take a second each, made in a temporary folder."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from companion.project import Project
from tests.publish import quick_worker

REAL = Project()
QUICK = (sys.executable, "-I", "-S", "-B", str(Path(quick_worker.__file__)))
"""Command that runs a notebook without a kernel.

Compiled code is not kept: of two edits within a second the second one would not be seen.
"""

ENTRY = """
[[paper]]
slug = "{slug}"
number = {number}
title = "The paper about {slug}"
short = "Chapter {slug}"
authors = ["A. Author"]
year = 2025
arxiv = "2501.0000{number}"
venue = ""
part = "Small things"
question = "Is {slug} what it seems?"
code = ""
data_url = ""
licences = {{ paper = "", code = "", data = "" }}
module = "companion.{slug}"
notebook = "0{number}-{slug}"
data = [{data}]
"""

FIGURE = {
    "mystnb": {
        "figure": {"name": "fig-{slug}", "caption": "The value of {slug}, drawn as a line."},
        "image": {"alt": "Line chart of the chapter's value against its index, rising."},
    }
}


PICTURE = """\
import base64

class Picture:
    def _repr_png_(self):
        return base64.b64decode(
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
        )

Picture()"""


def code(source: str, tags: tuple[str, ...] = (), metadata: dict | None = None):
    """A code cell."""
    cell = new_code_cell(source)
    cell.metadata.update(metadata or {})
    if tags:
        cell.metadata["tags"] = list(tags)
    return cell


def cells(slug: str) -> list:
    """The cells of a small chapter; running it appends its slug to ``ran.log``."""
    figure = json.loads(json.dumps(FIGURE).replace("{slug}", slug))
    return [
        new_markdown_cell(f"# Chapter {slug}\n\nIt has an equation, $x_1 \\le \\boldsymbol{{y}}$."),
        code('SCALE = "toy"\nSEED = 0\nSETTINGS = {}', ("parameters",)),
        new_markdown_cell("## The measurement"),
        code(
            f"from companion.{slug} import value\n"
            'with open("../ran.log", "a") as log:\n'
            f'    log.write("{slug} " + SCALE + "\\n")\n'
            "value(SEED)"
        ),
        new_markdown_cell("## The figure"),
        code(PICTURE, metadata=figure),
    ]


def write_notebook(project: Project, number: int, slug: str, content: list) -> Path:
    """Store a notebook of the tiny book."""
    for index, cell in enumerate(content):
        cell["id"] = f"{slug}-{index}"
    path = project.notebooks / f"0{number}-{slug}.ipynb"
    notebook = new_notebook(cells=content)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, path)
    return path


def make(root: Path, data: str = "") -> Project:
    """A complete book below `root`: configuration, prose, register, package, two notebooks."""
    project = Project(root)
    shutil.copytree(REAL.book / "_static", project.book / "_static")
    shutil.copy(REAL.config, project.config)
    shutil.copy(REAL.book / "references.bib", project.book)
    for name in ("add-your-paper", "changelog", "clusters", "how-to-read", "notation", "speed"):
        (project.book / f"{name}.md").write_text(f"# Page {name}\n\nText.\n")
    (project.book / "intro.md").write_text("# Tiny book\n\n## Chapters\n\n<!-- cards -->\n")
    (project.book / "references.md").write_text("# References\n\n```{bibliography}\n:all:\n```\n")
    shutil.copy(REAL.book / "_toc.yml", project.book)
    project.notebooks.mkdir()
    register = ""
    for number, slug in enumerate(("alpha", "beta"), start=1):
        package = project.package / slug
        package.mkdir(parents=True)
        source = "from companion.common import one\n\n\ndef value(seed):\n    return seed + one()\n"
        (package / "__init__.py").write_text(source)
        write_notebook(project, number, slug, cells(slug))
        register += ENTRY.format(slug=slug, number=number, data=data)
    (project.package / "__init__.py").write_text("")
    (project.package / "common.py").write_text("def one():\n    return 1\n")
    (project.package / "unused.py").write_text("def two():\n    return 2\n")
    (project.package / "papers.toml").write_text(register)
    return project


def whole(project: Project) -> None:
    """Let the book's package have all modules of this one, as a book's own has."""
    (project.package / "__init__.py").write_text(f"__path__.append({str(REAL.package)!r})\n")


def ran(project: Project) -> list[str]:
    """What ran since the last call, in the form ``"alpha toy"``, sorted."""
    log = project.root / "ran.log"
    lines = log.read_text().splitlines() if log.is_file() else []
    log.unlink(missing_ok=True)
    return sorted(lines)


def record(slug: str) -> str:
    """A complete record, as JSON."""
    finding = dict.fromkeys(("estimate", "low", "high", "p", "n"))
    finding |= dict.fromkeys(("statement", "paper", "criterion", "unit", "note"), "")
    finding |= {"claim": "C1", "statement": "It is so.", "verdict": "not tested"}
    finding |= {"of": "paper", "on": "real"}
    provenance = {"versions": {}, "python": "3.11.0", "processor": "p", "cores": 2}
    provenance |= {"wall_s": 1.5, "peak_mb": 100.0, "commit": None}
    provenance |= {"digest": "0" * 64, "definitions": {}, "date": "2026-01-01"}
    parts = {"slug": slug, "scale": "toy", "seeds": [0], "settings": {}, "findings": [finding]}
    return json.dumps({**parts, "series": {}, "provenance": provenance})
