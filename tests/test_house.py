"""What a chapter leaves to the shared modules, and what no line of the project says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from companion.papers import chapters
from companion.project import PACKAGE, Project

SIDE_BY_SIDE = {"joblib", "set_num_threads", "threadpool_limits", "multiprocessing"}
"""Names of what decides how many processes and threads compute."""

THERE = {"sweep.py", "scale.py"}
"""The modules that do."""

ROOT = Project().root
LEFT_AS_IT_IS = re.compile(r"#\s*fmt\s*:\s*(?:skip|off)", re.IGNORECASE)


def side_by_side(source: str) -> set[str]:
    """Names of :data:`SIDE_BY_SIDE` that a source imports or uses, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            found |= names | {(node.module or "").partition(".")[0]}
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found & SIDE_BY_SIDE


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from joblib import Parallel",
        "import joblib.parallel as p",
        "torch.set_num_threads(1)",
        "from threadpoolctl import threadpool_limits as limits",
        "import multiprocessing",
    ],
)
def test_a_module_that_decides_for_itself_is_seen(text):
    assert side_by_side(text)
    assert not side_by_side("from companion.sweep import sweep\nsweep(f, jobs, n_jobs=2)")


def test_processes_and_threads_are_decided_in_two_modules():
    sources = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    used = {
        name: found
        for name, path in sources.items()
        if (found := side_by_side(path.read_text(encoding="utf-8")))
    }
    assert used.keys() == THERE


def test_no_notebook_decides_either():
    for entry in chapters():
        cells = nbformat.read(entry.notebook_path(), as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        assert not re.search(rf"\b({'|'.join(SIDE_BY_SIDE)})\b", text), entry.slug


def test_every_line_is_as_the_formatter_has_it():
    assert LEFT_AS_IT_IS.search("x = 1  # fmt: skip")
    kept = [PACKAGE, ROOT / "tests", ROOT / "notebooks"]
    files = [
        path for folder in kept for end in ("py", "ipynb") for path in folder.rglob(f"*.{end}")
    ]
    assert len(files) > 500
    found = [
        str(path.relative_to(ROOT))
        for path in files
        if path != Path(__file__) and LEFT_AS_IT_IS.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_widget_takes_in_what_a_cell_prints():
    """An Output sends messages back while a cell runs, and a run can miss that the cell ended."""
    taking = re.compile(r"widgets\.(Output|interact\w*)\b")
    found = [path.name for path in PACKAGE.rglob("*.py") if taking.search(path.read_text("utf-8"))]
    assert found == []
