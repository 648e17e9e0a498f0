"""The register is complete, and notebooks, packages, records and contents agree with it."""

from __future__ import annotations

import re
import sys
import tomllib
from itertools import groupby

import nbformat
import pytest
import yaml
from pybtex.database import parse_string

from companion import catalogue, cli, data
from companion.papers import BadRegister, Paper, UnknownPaper, chapters, paper, papers
from companion.project import PACKAGE, Project
from companion.publish import share

REGISTER = tomllib.loads((PACKAGE / "papers.toml").read_text(encoding="utf-8"))
SHARED = {"cli", "data", "publish", "records", "templates"}
"""Folders of the package that are no chapters."""

each = pytest.mark.parametrize("entry", papers(), ids=lambda entry: entry.slug)


def test_papers_are_numbered_in_order():
    assert [entry.number for entry in papers()] == list(range(1, len(papers()) + 1))
    assert len({entry.slug for entry in papers()}) == len(papers()) >= 12
    assert papers()[0].slug == "massive-activations"


@each
def test_names_follow_from_slug_and_number(entry: Paper):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.slug)
    assert entry.notebook == f"{entry.number:02}-{entry.slug}"
    assert entry.module == f"companion.{entry.slug.replace('-', '_')}"


@each
def test_facts_have_their_form(entry: Paper):
    if match := re.fullmatch(
        r"(?:[a-z-]+(?:\.[A-Z]{2})?/)?(\d\d)\d\d(?:\.\d{4,5}|\d{3})", entry.arxiv
    ):
        submitted = int(match[1]) + (1900 if int(match[1]) > 90 else 2000)
        assert submitted <= entry.year <= submitted + 2
    else:
        assert entry.arxiv == ""
        assert entry.url == "" or re.fullmatch(r"https://\S+[^/\s]", entry.url)
    assert entry.question.endswith("?")
    assert entry.authors
    assert all(name == " ".join(name.split()) for name in entry.authors)
    assert set(entry.licences) == {"paper", "code", "data"}
    for address in (entry.code, entry.data_url):
        assert address == "" or re.fullmatch(r"https://\S+[^/\s]", address)


def test_arxiv_numbers_and_titles_differ():
    for facts in ([e.arxiv for e in papers() if e.arxiv], [e.title for e in papers()]):
        assert len(set(facts)) == len(facts)


def test_parts_are_few_and_their_papers_stand_together():
    parts = [part for part, _ in groupby(papers(), key=lambda entry: entry.part)]
    assert len(parts) == len(set(parts))
    assert len(parts) <= len(papers()) / 2


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


def register(tmp_path, *changes: tuple[str, str]) -> Project:
    """A book whose register has two papers, with some lines replaced."""
    text = "\n".join(
        f"""[[paper]]
slug = "paper-{n}"
number = {n}
title = "A title {n}"
short = "Short {n}"
authors = ["A. Author"]
year = 1961
arxiv = ""
venue = ""
part = "Part"
question = "What {n}?"
code = ""
data_url = ""
licences = {{ paper = "", code = "", data = "" }}
module = "companion.paper_{n}"
notebook = "0{n}-paper-{n}"
"""
        for n in (1, 2)
    )
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "companion").mkdir()
    (tmp_path / "companion" / "papers.toml").write_text(text, encoding="utf-8")
    return Project(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("year = 1961\n", ""), r"papers\.toml: \[\[paper\]\] 'paper-1' lacks year"),
        (("year =", "yaer ="), "'paper-1' lacks year and has no use for yaer"),
        (('slug = "paper-1"\n', ""), "'A title 1' lacks slug"),
        (("number = 2", "number = 1"), "two papers have the number 1"),
        (('slug = "paper-2"', 'slug = "paper-1"'), "two papers have the slug paper-1"),
        (("year = 1961", "year = "), r"papers\.toml: Invalid value \(at line 7"),
    ],
)
def test_a_register_that_cannot_be_read_says_what_is_wrong(tmp_path, change, said):
    with pytest.raises(BadRegister, match=said):
        papers(register(tmp_path, change))


def test_the_command_line_says_it_in_one_line(tmp_path, monkeypatch, capsys):
    book = register(tmp_path, ("year = 1961\n", ""))
    monkeypatch.setattr(cli._app, "Project", lambda: book)
    monkeypatch.setattr(sys, "argv", ["companion", "list"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("companion: ")
    assert line.endswith("'paper-1' lacks year")


def test_a_paper_that_is_not_on_arxiv_leads_to_its_page_or_nowhere(tmp_path):
    page = 'arxiv = ""\nurl = "https://doi.org/10.1000/1"'
    project = register(tmp_path, ('arxiv = ""', page))
    one, two = papers(project)
    assert (one.address, one.called) == ("https://doi.org/10.1000/1", "doi.org/10.1000/1")
    assert (two.address, two.called) == ("", "")
    assert "[A title 1](https://doi.org/10.1000/1)" in catalogue.facts(one, project)
    assert "| Published | 1961, [doi.org/10.1000/1](https://doi.org/10.1000/1) |" in (
        catalogue.facts(one, project)
    )
    assert "| Paper | A title 2 |" in catalogue.facts(two, project)
    assert "| Published | 1961 |" in catalogue.facts(two, project)
    assert "arxiv" not in catalogue.readme_table(project).lower()
    for entry, address in ((one, "url = {https://doi.org/10.1000/1}"), (two, "")):
        cited = share.bibtex(entry)
        assert address in cited
        assert "arxiv" not in cited.lower()
        assert set(parse_string(cited, "bibtex").entries) == {
            f"{entry.slug}-paper",
            f"{entry.slug}-runnable",
        }
    on_arxiv = papers()[0]
    assert on_arxiv.address == f"https://arxiv.org/abs/{on_arxiv.arxiv}"


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
