"""README and its siblings say what is true."""

from __future__ import annotations

import re
import tomllib

import pytest
import typer
import yaml

from companion import catalogue
from companion.cli import app
from companion.papers import papers
from companion.project import Project

ROOT = Project().root
PAGES = ("README.md", "CONTRIBUTING.md")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> str:
    """A file of the checkout."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_readme_has_the_table_of_papers():
    assert catalogue.readme_table(Project(ROOT)) in read("README.md")


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", read(page))
    assert targets or page == "CONTRIBUTING.md"
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_pages_name_exist(page):
    command = typer.main.get_command(app)
    known = set(command.commands)
    named = set(re.findall(r"(?<![\w/.-])companion ([a-z][a-z-]*)", code(page)))
    assert named
    assert named <= known, named - known
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", code(page))) <= targets


def code(page: str) -> str:
    """Code blocks and inline code of a page."""
    text = read(page)
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text))])


@pytest.mark.parametrize("page", PAGES)
def test_files_that_pages_name_exist(page):
    names = re.findall(
        r"`((?:companion|tests|book|notebooks|\.github|\.ci)/[^`\s<*]*)`", read(page)
    )
    written = [name for name in names if "SLUG" not in name]
    assert written or page == "README.md"
    assert [name for name in written if not (ROOT / name).exists()] == []


def test_the_help_page_names_every_command():
    command = typer.main.get_command(app)
    assert all(c.help for c in command.commands.values())
    assert {"list", "doctor", "run", "record", "build", "scoreboard"} <= set(command.commands)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_ask_for_no_more_than_they_need(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] in ({}, {"contents": "read"})
    allowed = {"contents": {"read"}, "pages": {"write"}, "id-token": {"write"}}
    for name, job in workflow["jobs"].items():
        for permission, level in job.get("permissions", {}).items():
            assert level in allowed.get(permission, ()), (name, permission)
            assert level == "read" or "run" not in str(job["steps"]), "a writing job runs no code"
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/none@v1"))
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False
    assert "secrets." not in path.read_text(encoding="utf-8")


def test_workflows_run_the_commands_of_the_readme():
    assert [path.stem for path in WORKFLOWS] == ["publish", "test"]
    publish, test = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in WORKFLOWS)
    assert ".ci/run" in [step.get("run") for step in test["jobs"]["test"]["steps"]]
    steps = publish["jobs"]["build"]["steps"]
    assert "make pdf" in [step.get("run") for step in steps]
    assert re.search(r"^pdf: book$", read("Makefile"), re.MULTILINE)
    assert steps[-1]["with"]["path"] == "build/site"
    assert "make test" in read(".ci/run")


def test_the_citation_has_what_its_format_requires():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert citation["version"] == version
    assert citation["license"] == "MIT"


def test_licenses_are_whole():
    assert read("LICENSE").startswith("MIT License\n\nCopyright (c) ")
    assert "The Runnable Papers authors" in read("LICENSE")
    assert "https://creativecommons.org/licenses/by/4.0/" in read("LICENSE-prose")


def test_pages_say_the_disk_that_is_needed_and_how_to_choose():
    for page in ("README.md", "Makefile"):
        for word in ("about 3 GB", "about 7 GB", "PIP_OPTIONS", "torch's site"):
            assert word in read(page), (page, word)


def test_every_chapter_is_on_one_of_the_four_ways():
    ways = read("book/intro.md").partition("## Four ways")[2].partition("\n## ")[0]
    assert ways.count("\n: ") == 4
    for entry in papers():
        linked = re.findall(
            rf"\[(?:chapter )?{entry.number}\]\(../notebooks/([^)]*)\.ipynb\)", ways
        )
        assert linked == [entry.notebook]


@pytest.mark.parametrize("part", sorted({entry.part for entry in papers()}))
def test_every_part_has_a_page_that_leads_to_its_chapters(part):
    text = read(f"{catalogue.part_page(part)}.md")
    linked = set(re.findall(r"\]\(../notebooks/([^)]*)\.ipynb\)", text))
    assert linked >= {entry.notebook for entry in papers() if entry.part == part}
    assert {"file": catalogue.part_page(part)} in [
        one["chapters"][0] for one in catalogue.contents(Project(ROOT))
    ]


@pytest.mark.parametrize("page", ["README.md", "book/intro.md", "book/how-to-read.md"])
def test_no_page_promises_a_time_that_no_record_shows(page):
    assert not re.search(r"20 minutes|(about|under) a minute", read(page))
