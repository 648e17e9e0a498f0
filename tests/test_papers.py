"""The register is complete, and notebooks, packages, records and contents agree with it."""

from __future__ import annotations

import re
import tomllib
from itertools import groupby

import nbformat
import pytest
import yaml

from companion import data
from companion.papers import Paper, UnknownPaper, chapters, paper, papers
from companion.project import PACKAGE, Project

REGISTER = tomllib.loads((PACKAGE / "papers.toml").read_text(encoding="utf-8"))
SHARED = {"cli", "data", "publish", "records", "templates"}
"""Folders of the package that are no chapters."""

each = pytest.mark.parametrize("entry", papers(), ids=lambda entry: entry.slug)


def test_twelve_papers_in_order():
    assert [entry.number for entry in papers()] == list(range(1, 13))
    assert len({entry.slug for entry in papers()}) == 12
    assert papers()[0].slug == "massive-activations"


@each
def test_names_follow_from_slug_and_number(entry: Paper):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.slug)
    assert entry.notebook == f"{entry.number:02}-{entry.slug}"
    assert entry.module == f"companion.{entry.slug.replace('-', '_')}"


@each
def test_facts_have_their_form(entry: Paper):
    assert re.fullmatch(r"\d{4}\.\d{5}", entry.arxiv)
    submitted = 2000 + int(entry.arxiv[:2])
    assert submitted <= entry.year <= submitted + 1
    assert entry.question.endswith("?")
    assert entry.authors
    assert all(name == " ".join(name.split()) for name in entry.authors)
    assert set(entry.licences) == {"paper", "code", "data"}
    for address in (entry.code, entry.data_url):
        assert address == "" or re.fullmatch(r"https://\S+[^/\s]", address)


def test_arxiv_numbers_and_titles_differ():
    for facts in ([e.arxiv for e in papers()], [e.title for e in papers()]):
        assert len(set(facts)) == 12


def test_parts_are_few_and_their_papers_stand_together():
    parts = [part for part, _ in groupby(papers(), key=lambda entry: entry.part)]
    assert len(parts) == len(set(parts))
    assert 3 <= len(parts) <= 4


@each
def test_data_belong_to_the_chapter_and_are_in_the_registry(entry: Paper):
    assert {name.partition("/")[0] for name in entry.data} <= {entry.slug}
    assert set(entry.data) <= set(data.registry())


def test_every_data_file_is_used():
    assert {name for entry in papers() for name in entry.data} == set(data.registry())


@each
def test_models_are_pinned_in_the_register(entry: Paper):
    assert set(entry.models) <= set(REGISTER["models"])


def test_an_unknown_slug_is_refused_with_the_list():
    with pytest.raises(UnknownPaper, match=r"massive-activation'.*massive-activations, tart"):
        paper("massive-activation")


def test_every_notebook_is_a_paper(project: Project):
    found = {path.stem for path in project.notebooks.glob("*.ipynb")}
    assert found == {entry.notebook for entry in chapters(project)}


def test_every_record_is_of_a_chapter(project: Project):
    found = {path.stem for path in project.records.glob("*.json")} - {"schema"}
    assert found <= {entry.slug for entry in chapters(project)}


def test_every_chapter_has_package_tests_and_title(project: Project):
    for entry in chapters(project):
        package = entry.package_path(project)
        assert (package / "settings.py").is_file()
        assert list((project.root / "tests" / package.name).glob("test_*.py"))
        notebook = nbformat.read(entry.notebook_path(project), as_version=4)
        assert notebook.cells[0].source.splitlines()[0] == f"# {entry.short}"


def test_every_package_is_shared_or_of_a_paper(project: Project):
    folders = {path.parent.name for path in project.package.glob("*/__init__.py")}
    assert folders - SHARED <= {entry.package_path(project).name for entry in papers()}


def test_the_table_of_contents_lists_exactly_the_chapters(project: Project):
    toc = yaml.safe_load((project.book / "_toc.yml").read_text(encoding="utf-8"))
    listed = [
        (part["caption"], chapter["file"])
        for part in toc["parts"]
        for chapter in part["chapters"]
        if chapter["file"].startswith("notebooks/")
    ]
    assert listed == [(e.part, f"notebooks/{e.notebook}") for e in chapters(project)]
