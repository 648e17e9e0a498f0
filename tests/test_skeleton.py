"""A new chapter is complete: it is formatted, its tests pass, and its notebook runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from companion import imports, publish, records, skeleton, sync
from companion.papers import paper, papers
from companion.project import Project
from tests import copies
from tests.notebooks import lint


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A copy of the whole package with a skeleton for every paper."""
    root = tmp_path_factory.mktemp("book")
    project = copies.make(root)
    folders = [paper(e.slug).package_path(project).name for e in papers()]
    ignored = shutil.ignore_patterns("*.json", *folders)  # what is compiled stays so
    shutil.copytree(copies.REAL.package, project.package, ignore=ignored, dirs_exist_ok=True)
    shutil.copy(copies.REAL.records / "schema.json", project.records)
    (root / "tests").mkdir()
    (root / "tests" / "__init__.py").touch()
    for entry in papers():
        skeleton.create(entry, project)
    sync.sync(project)
    return project


def call(project: Project, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module on the copy."""
    env = {**os.environ, "PYTHONPATH": str(project.root), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project.root,
        env=env,
        text=True,
        capture_output=True,
        check=False,
    )


def test_every_skeleton_is_linted_and_formatted(book):
    places = ["notebooks", "tests"]
    places += [str(entry.package_path(book)) for entry in papers()]
    for command in (["check"], ["format", "--check"]):
        done = call(book, "ruff", *command, *places)
        assert done.returncode == 0, done.stdout


def test_a_new_chapter_has_the_forms_of_the_book(book):
    package = paper("tart").package_path(book)
    found = {path.name for path in package.iterdir()}
    rooms = {"method", "lab", "page"}
    assert found == {"__init__.py", "settings.py", "sources.py", "verdict.py", *rooms}
    assert "class Settings(Sized):" in (package / "settings.py").read_text()
    assert (package / "verdict.py").read_text().count("@verdicts.claim(") == 2


def test_no_placeholder_is_left(book):
    for entry in papers():
        files = [*entry.package_path(book).rglob("*.py"), entry.notebook_path(book)]
        for path in files:
            text = path.read_text()
            assert "@slug@" not in text
            assert "@package@" not in text


def test_the_tests_of_a_new_chapter_pass(book):
    done = call(book, "pytest", "-q", "-p", "no:cacheprovider", "tests/gaussian_rbf")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_a_new_chapter_imports_only_shared_modules(book):
    for entry in papers():
        others = {e.module for e in papers()} - {entry.module}
        reached = imports.closure([entry.module], book)
        assert entry.module in reached
        assert not {
            name for name in reached for other in others if f"{name}.".startswith(f"{other}.")
        }


def test_a_new_notebook_runs_and_leaves_a_record_that_holds(book):
    run = publish.run("mamba3", project=book)
    executed = nbformat.read(run.path, as_version=4)
    record = records.from_notebook(executed)
    assert (record["slug"], record["scale"]) == ("mamba3", "toy")
    assert {f["claim"]: f["verdict"] for f in record["findings"]} == {"S1": "holds", "S2": "holds"}


@pytest.mark.parametrize("check", [lint.stored, lint.layout, lint.sections, lint.figures])
def test_a_new_notebook_is_as_the_notebooks_of_the_book_must_be(book, check):
    assert check(nbformat.read(paper("mamba3").notebook_path(book), as_version=4)) == []


def test_a_new_notebook_has_the_sections_in_order(book):
    notebook = nbformat.read(paper("mamba3").notebook_path(book), as_version=4)
    titles = [
        line[3:]
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("## ")
    ]
    assert titles == [
        *("The claim", "The idea", "The experiment", "Paper and ours", "Explore"),
        *("What differs and what breaks it", "Exercises", "Further reading"),
    ]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert max(len(cell.source.splitlines()) for cell in code) <= 15
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", ())]
    assert [tag for tag in tags if tag in ("card", "setup", "parameters")] == [
        *("card", "setup", "parameters"),
    ]


def test_a_broken_effect_fails_the_new_notebook(tmp_path_factory, book):
    code = paper("quartet").package_path(book) / "lab" / "draws.py"
    whole = code.read_text()
    code.write_text(whole.replace("rng.standard_normal(shape)", "rng.standard_cauchy(shape)"))
    try:
        with pytest.raises(publish.PublishError, match="ClaimFailed"):
            publish.run("quartet", project=book)
    finally:
        code.write_text(whole)


def test_a_chapter_that_was_started_is_never_overwritten(book):
    before = copies.snapshot(book.notebooks)
    with pytest.raises(ValueError, match="companion/tart, tests/tart, notebooks/02-tart"):
        skeleton.create(paper("tart", book), book)
    assert copies.snapshot(book.notebooks) == before


def test_cells_are_read_with_their_metadata():
    text = '%% markdown\n# T\n\ntext\n%% code {"tags": ["a"]}\nx = 1\n\n%pip list\n'
    first, second = skeleton.notebook(text).cells
    assert (first.cell_type, first.source) == ("markdown", "# T\n\ntext")
    assert (second.cell_type, second.source) == ("code", "x = 1\n\n%pip list")
    assert second.metadata.tags == ["a"]
