"""``companion new``: a chapter that is complete from the first minute, to be replaced in pieces."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

from companion import _quick as _quick

# isort: split
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from companion.papers import Paper
from companion.project import PACKAGE, Project

TEMPLATES = PACKAGE / "templates"

_OWN_IMPORTS = re.compile(r"(?:^from companion\b.*\n){2,}", re.MULTILINE)


def targets(paper: Paper, project: Project) -> dict[str, Path]:
    """Where a chapter's three parts go: ``package``, ``tests``, ``notebook``."""
    package = paper.package_path(project)
    return {
        "package": package,
        "tests": project.root / "tests" / package.name,
        "notebook": paper.notebook_path(project),
    }


def check_free(paper: Paper, project: Project) -> None:
    """``ValueError`` if a part of the chapter is there already."""
    there = [path for path in targets(paper, project).values() if path.exists()]
    if there:
        names = ", ".join(str(path.relative_to(project.root)) for path in there)
        raise ValueError(f"{paper.slug} has been started: {names} exists")


def create(paper: Paper, project: Project) -> list[Path]:
    """Write the skeleton of `paper`; the files, in the order written.

    The parts are made apart and moved into place one after the other, the notebook last: a chapter
    counts as available only when everything else is there.
    """
    check_free(paper, project)
    places = targets(paper, project)
    project.build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=project.build, prefix="new-") as scratch:
        made = Path(scratch)
        for part in ("package", "tests"):
            for template in sorted((TEMPLATES / part).rglob("*.tmpl")):
                target = made / part / template.relative_to(TEMPLATES / part).with_suffix("")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(fill(template.read_text("utf-8"), paper), encoding="utf-8")
        cells = (TEMPLATES / "notebook.tmpl").read_text("utf-8")
        nbformat.write(notebook(fill(cells, paper)), made / "notebook")
        for part, place in places.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(made / part, place)
    return [
        file
        for place in places.values()
        for file in (sorted(filter(Path.is_file, place.rglob("*"))) if place.is_dir() else [place])
    ]


def fill(template: str, paper: Paper) -> str:
    """`template` with its ``@name@`` replaced by the paper's facts."""
    facts = {
        "slug": paper.slug,
        "package": paper.module.rpartition(".")[2],
        "short": paper.short,
        "title": paper.title,
        "reference": f"[{paper.title}]({paper.address}), {paper.called}"
        if paper.address
        else paper.title,
        "called": paper.called or paper.title,
    }
    for name, value in facts.items():
        template = template.replace(f"@{name}@", value)
    # Where the chapter's own imports belong among the others depends on its name.
    return _OWN_IMPORTS.sub(lambda m: "".join(sorted(m[0].splitlines(True), key=_module)), template)


def _module(line: str) -> str:
    return line.split()[1]


def notebook(text: str) -> nbformat.NotebookNode:
    """A notebook from cells that each begin with a line ``%% markdown`` or ``%% code``.

    The kind may be followed by the cell's metadata as JSON.
    """
    cells = []
    for block in f"\n{text}".split("\n%% ")[1:]:
        head, _, source = block.partition("\n")
        kind, _, metadata = head.partition(" ")
        make = {"markdown": new_markdown_cell, "code": new_code_cell}[kind]
        cell = make(source.strip("\n"), id=f"cell-{len(cells) + 1:02}")
        cell.metadata.update(json.loads(metadata or "{}"))
        cells.append(cell)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})
