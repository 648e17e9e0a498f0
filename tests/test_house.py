"""What a chapter leaves to the shared modules, and what no line of the project says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from companion.papers import chapters
from companion.project import PACKAGE, Project

SIDE_BY_SIDE = {
    *("joblib", "multiprocessing", "threadpoolctl", "threadpool_limits"),
    *("set_num_threads", "set_num_interop_threads"),
}
"""Names of what decides how many processes and threads compute."""

WAITING = {"concurrent", "threading", "asyncio", "dask", "distributed"}
"""Names of what else runs beside a module; the site's runs wait for processes, a chapter never."""

THERE = {"sweep.py", "scale.py"}
"""The modules that do."""

ROOT = Project().root
LEFT_AS_IT_IS = re.compile(r"#\s*fmt\s*:\s*(?:skip|off)", re.IGNORECASE)


def side_by_side(source: str, names: set[str] = SIDE_BY_SIDE) -> set[str]:
    """Those of some names that a source imports or uses, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found & names


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from joblib import Parallel",
        "import joblib.parallel as p",
        "torch.set_num_threads(1)",
        "from threadpoolctl import threadpool_limits as limits",
        "import multiprocessing",
        "import threadpoolctl as t\nt.ThreadpoolController()",
        "from torch import set_num_interop_threads as few",
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


def test_a_chapter_leaves_waiting_to_the_sweep():
    assert side_by_side("from concurrent.futures import ThreadPoolExecutor", WAITING)
    assert side_by_side("def f():\n    import threading", WAITING)
    found = {
        str(path.relative_to(PACKAGE)): names
        for entry in chapters()
        for path in entry.package_path().rglob("*.py")
        if (names := side_by_side(path.read_text(encoding="utf-8"), WAITING))
    }
    assert found == {}


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


HEX = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")
PAINTED = re.compile(r"(?:marker)?(?:edge|face)?colors?|m?[ef]c|c")
"""Keywords of matplotlib that take a color."""

NEUTRAL = {"white", "none"}
"""Named colors that a figure may say: white turns around on a dark page, none is no color."""


def colors(source: str) -> set[str]:
    """Colors that a source spells out: in hexadecimal, of a cycle, or by name where one is asked.

    ``plotting`` is the one place for them, where it is seen that two methods look alike.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if HEX.fullmatch(node.value) or node.value.startswith(("tab:", "xkcd:")):
                found.add(node.value)
        elif isinstance(node, ast.keyword) and PAINTED.fullmatch(node.arg or ""):
            value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found.add(value.value)
    return found - NEUTRAL


@pytest.mark.parametrize(
    "text",
    [
        'x = "#d9d9d9"',
        "ax.plot(x, color='tab:red')",
        "ax.plot(x, mec='red')",
        "f(edgecolor='#fff')",
    ],
)
def test_a_color_that_is_spelled_out_is_seen(text):
    assert colors(text)
    assert not colors("ax.plot(x, color=BLUE, mec='white', label='#1 of 3')")


def test_colors_are_named_in_one_place():
    found = {
        str(path.relative_to(PACKAGE)): said
        for entry in chapters()
        for path in entry.package_path().rglob("*.py")
        if (said := colors(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_no_notebook_spells_out_a_color():
    for entry in chapters():
        cells = nbformat.read(entry.notebook_path(), as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        assert not re.search(r"[\"']#[0-9a-fA-F]{3,6}[\"']|[\"']tab:", text), entry.slug


def test_no_widget_takes_in_what_a_cell_prints():
    """An Output sends messages back while a cell runs, and a run can miss that the cell ended."""
    taking = re.compile(r"widgets\.(Output|interact\w*)\b")
    found = [path.name for path in PACKAGE.rglob("*.py") if taking.search(path.read_text("utf-8"))]
    assert found == []
