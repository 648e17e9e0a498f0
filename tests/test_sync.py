"""Generated parts of the sources: written once, refused where their place is missing."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from companion import sync
from companion.papers import paper
from companion.project import NotACheckout, Project
from tests import copies


@pytest.fixture
def book(tmp_path):
    """A copy of the sources with one chapter."""
    project = copies.make(tmp_path)
    copies.start(project, "tart")
    return project


def test_the_generated_parts_of_the_book_are_up_to_date(project: Project):
    late = [path.relative_to(project.root).as_posix() for path in sync.out_of_date(project)]
    assert late == [], f"run `companion sync` and commit {late}"


def test_a_plan_writes_nothing_and_a_sync_writes_it_once(book):
    copies.publish(book, "tart", [{}])
    before = copies.snapshot(book.root)
    wanted = sync.plan(book)
    assert copies.snapshot(book.root) == before
    late = sync.out_of_date(book)
    assert {path.name for path in late} == {"README.md", "02-tart.ipynb"}
    assert sync.sync(book) == late
    assert all(path.read_text() == text for path, text in wanted.items())
    assert sync.sync(book) == []


def test_only_card_run_time_and_address_change_in_a_notebook(book):
    path = book.notebooks / "02-tart.ipynb"
    before = nbformat.read(path, as_version=4)
    copies.publish(book, "tart", [{}])
    sync.sync(book)
    after = nbformat.read(path, as_version=4)
    changed = [i for i, (a, b) in enumerate(zip(before.cells, after.cells, strict=True)) if a != b]
    assert changed == [0, 4]
    assert "<!-- time -->13 min<!-- /time -->" in after.cells[4].source
    assert "1 of the paper's one claim holds" in after.cells[0].source


def test_a_notebook_that_is_right_keeps_its_formatting(book):
    path = book.notebooks / "02-tart.ipynb"
    text = json.dumps(json.loads(path.read_text()), indent=4)
    assert sync.notebook(text, paper("tart"), book) == text


@pytest.mark.parametrize("tag", ["card", "setup"])
@pytest.mark.parametrize("count", [0, 2])
def test_a_notebook_needs_one_cell_of_each_kind(book, tag, count):
    path = book.notebooks / "02-tart.ipynb"
    document = nbformat.read(path, as_version=4)
    index = next(i for i, c in enumerate(document.cells) if tag in c.metadata.get("tags", ()))
    cell = document.cells.pop(index)
    document.cells += [nbformat.from_dict({**cell, "id": f"again-{i}"}) for i in range(count)]
    nbformat.write(document, path)
    with pytest.raises(sync.CannotSync, match=rf"02-tart\.ipynb has {count} cells tagged `{tag}`"):
        sync.plan(book)


@pytest.mark.parametrize("name", ["README.md", "book/_toc.yml"])
def test_a_file_without_markers_is_refused(book, name):
    path = book.root / name
    path.write_text(path.read_text().replace("begin", "start"))
    with pytest.raises(sync.CannotSync, match=path.name):
        sync.sync(book)


marked = st.text(st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85"))


@given(before=marked, old=marked, after=marked)
def test_only_what_lies_between_the_markers_changes(before, old, after):
    head, foot = f"{before}\n<!-- papers:begin (x) -->\n", f"<!-- papers:end -->\n{after}"
    new = sync.between(f"{head}{old}\n{foot}", "papers", "new\n", "README.md")
    assert new == f"{head}new\n{foot}"


def test_the_citation_has_the_version_of_the_package(book):
    path = book.root / "pyproject.toml"
    text, count = re.subn(r'^version = "[^"]*"', 'version = "2.5.0"', path.read_text(), flags=re.M)
    assert count == 1
    path.write_text(text)
    sync.sync(book)
    assert yaml.safe_load((book.root / "CITATION.cff").read_text())["version"] == "2.5.0"


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(NotACheckout, match="clone the repository"):
        sync.sync(Project(tmp_path))
