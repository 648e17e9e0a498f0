"""What a stored notebook must be; each function returns the problems."""

from __future__ import annotations

import re
from collections.abc import Iterator

import nbformat

MAX_LINES = 25
MIN_ALT_WORDS = 12
MACHINE = re.compile(r"(?<![\w.])/(?:home|root|tmp|Users|work)/\w|C:\\\\Users")
METADATA = {"tags", "mystnb", "editable", "slideshow", "jupyter", "cellView"}
"""What a cell may say about itself; the last two fold its code in JupyterLab and in Colab."""

SECTIONS = (
    "the claim",
    "the idea",
    "the experiment",
    "paper and ours",
    "explore",
    "what differs and what breaks it",
    "exercises",
    "further reading",
)


def tags(cell: nbformat.NotebookNode) -> set[str]:
    """The cell's tags."""
    return set(cell.metadata.get("tags", []))


def code(notebook: nbformat.NotebookNode) -> Iterator[tuple[int, nbformat.NotebookNode]]:
    """Code cells with their number in the notebook, from 1."""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            yield number, cell


def figure(cell: nbformat.NotebookNode) -> dict | None:
    """The cell's figure metadata, or None."""
    return cell.metadata.get("mystnb", {}).get("figure")


def alt(cell: nbformat.NotebookNode) -> str | None:
    """The description of the cell's picture; None where an explorer describes its own frames."""
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt")


def is_short(text: str) -> bool:
    """Too few words to say what a picture shows."""
    return len(text.split()) < MIN_ALT_WORDS


def stored(notebook: nbformat.NotebookNode) -> list[str]:
    """Stored without outputs, counts, times, and the state of widgets."""
    problems = [f"cell {n} has outputs" for n, cell in code(notebook) if cell.outputs]
    problems += [f"cell {n} has a count" for n, cell in code(notebook) if cell.execution_count]
    for number, cell in enumerate(notebook.cells, start=1):
        extra = set(cell.metadata) - METADATA - ({"opening"} if "card" in tags(cell) else set())
        problems += [f"cell {number} has metadata {name!r}" for name in sorted(extra)]
    extra = set(notebook.metadata) - {"kernelspec", "language_info"}
    return problems + [f"the notebook has metadata {name!r}" for name in sorted(extra)]


def layout(notebook: nbformat.NotebookNode) -> list[str]:
    """Card, setup and first screen on top, one parameters cell with the defaults, short cells."""
    problems = []
    for place, tag in enumerate(("card", "setup")):
        if tag not in tags(notebook.cells[place]):
            problems.append(f"cell {place + 1} is not tagged {tag!r}")
    if "opening" in notebook.cells[0].metadata:
        for place, tag in ((2, "hero"), (3, "opening")):
            if tag not in tags(notebook.cells[place]):
                problems.append(f"cell {place + 1} is not tagged {tag!r}")
    parameters = [cell for _, cell in code(notebook) if "parameters" in tags(cell)]
    if len(parameters) != 1:
        problems.append(f"{len(parameters)} cells are tagged 'parameters'")
    for text in ('SCALE = "toy"', "SEED = 0", "SETTINGS = {}"):
        if not any(text in cell.source for cell in parameters):
            problems.append(f"the parameters cell lacks {text}")
    for number, cell in code(notebook):
        lines = len(cell.source.splitlines())
        if lines > MAX_LINES:
            problems.append(f"cell {number} has {lines} lines")
    for number, cell in enumerate(notebook.cells, start=1):
        if found := MACHINE.search(cell.source):
            problems.append(f"cell {number} names a path of one machine: {found.group(0)}")
    return problems


def sections(notebook: nbformat.NotebookNode) -> list[str]:
    """The sections of a chapter, in their order."""
    titles = [
        line.removeprefix("## ").strip().lower()
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("## ")
    ]
    places = [titles.index(name) if name in titles else -1 for name in SECTIONS]
    problems = [f"no section {n!r}" for n, p in zip(SECTIONS, places, strict=True) if p < 0]
    return problems or ([] if places == sorted(places) else ["the sections are in another order"])


def figures(notebook: nbformat.NotebookNode) -> list[str]:
    """Each figure has a name of its own and a caption, and a picture a description."""
    problems, names = [], []
    for number, cell in code(notebook):
        if data := figure(cell):
            names.append(data.get("name", ""))
            if not data.get("caption"):
                problems.append(f"cell {number}: the figure has no caption")
            if not names[-1].startswith("fig-"):
                problems.append(f"cell {number}: the figure's name {names[-1]!r} is no fig-...")
            if alt(cell) is not None and is_short(alt(cell)):
                problems.append(f"cell {number}: the description is too short: {alt(cell)!r}")
    problems += [f"the name {name!r} is used twice" for name in names if names.count(name) > 1]
    return problems


def pictures(executed: nbformat.NotebookNode) -> list[str]:
    """What ran: one picture a cell at most, and each with a name and a description."""
    problems = []
    for number, cell in code(executed):
        shown = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        if len(shown) > 1:
            problems.append(f"cell {number} shows {len(shown)} pictures")
        if shown and (not figure(cell) or is_short(alt(cell) or "")):
            problems.append(f"cell {number} shows a picture without caption or description")
        explorers = [o for o in cell.outputs if "rp-explorer" in str(o.get("data", ""))]
        if len(explorers) > 1:
            problems.append(f"cell {number} shows {len(explorers)} explorers")
    return problems
