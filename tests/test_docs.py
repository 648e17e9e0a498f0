"""README and its siblings say what is true."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest
import typer
import yaml
from packaging.version import Version

from companion import catalogue, data, sweep
from companion.cli import app
from companion.papers import papers
from companion.project import Project
from tests.published import published

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


PINNED = re.compile(r"actions/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_ask_for_no_more_than_they_need(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] in ({}, {"contents": "read"})
    allowed = {"contents": {"read"}, "pages": {"write"}, "id-token": {"write"}}
    if path.stem == "release":
        allowed["contents"] = {"read", "write"}
    for name, job in workflow["jobs"].items():
        levels = set(job.get("permissions", {}).values())
        for permission, level in job.get("permissions", {}).items():
            assert level in allowed.get(permission, ()), (name, permission)
        if "write" in levels:  # it runs no code of ours: what it publishes was made elsewhere
            ran = [step["run"] for step in job["steps"] if "run" in step]
            assert all(re.fullmatch(r"gh release create .*", line) for line in ran), ran
            assert not any("checkout" in step.get("uses", "") for step in job["steps"])
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False
    assert "secrets." not in path.read_text(encoding="utf-8")


def test_one_commit_of_each_action_is_used_everywhere():
    used = [
        line.split("uses:")[1].strip()
        for path in WORKFLOWS
        for line in path.read_text(encoding="utf-8").splitlines()
        if "uses:" in line
    ]
    assert used
    assert [line for line in used if not PINNED.fullmatch(line)] == []
    names = {line.split("@")[0] for line in used}
    assert len(set(used)) == len(names)


def test_workflows_run_the_commands_of_the_readme():
    assert [path.stem for path in WORKFLOWS] == ["publish", "release", "test", "weekly"]
    publish, release, test, weekly = (
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in WORKFLOWS
    )
    assert ".ci/run" in [step.get("run") for step in test["jobs"]["test"]["steps"]]
    steps = publish["jobs"]["build"]["steps"]
    commands = [step.get("run", "") for step in steps]
    assert "make pdf" in commands
    assert any("companion verify --all" in line and "--minutes" in line for line in commands)
    # a loop of the shell over folders meets what is no chapter
    assert not any("for " in line for line in commands)
    assert re.search(r"^pdf: book$", read("Makefile"), re.MULTILINE)
    assert steps[-1]["with"]["path"] == "build/site"
    assert "make test" in read(".ci/run")
    for job in weekly["jobs"].values():  # what fails is told, and nothing is green in silence
        assert "continue-on-error" not in job
        last = job["steps"][-1]
        assert last["if"] == "always()"
        assert re.fullmatch(r'python \.ci/summary\.py \S+ >> "\$GITHUB_STEP_SUMMARY"', last["run"])
    assert release["jobs"]["release"]["needs"] == "build"


def release_notes(tag: str, folder: Path) -> str:
    """What the step of the release workflow writes for a tag, in a folder like the checkout."""
    workflow = yaml.safe_load(read(".github/workflows/release.yml"))
    (script,) = (
        step["run"]
        for step in workflow["jobs"]["build"]["steps"]
        if "CHANGELOG.md" in step.get("run", "")
    )
    (folder / "CHANGELOG.md").write_text(read("CHANGELOG.md"), encoding="utf-8")
    env = {"GITHUB_REF_NAME": tag, "PATH": os.environ["PATH"]}
    done = subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=env, check=False)
    notes = folder / "notes" / "notes.md"
    return notes.read_text(encoding="utf-8") if done.returncode == 0 else ""


def test_a_release_says_the_section_of_its_version(tmp_path):
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    sections = re.findall(r"^## (\S+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert sections[0] == version
    assert sections == sorted(sections, key=Version, reverse=True)
    for name, tag in (("now", f"v{version}"), ("old", "v0.1.0"), ("none", "v9.9.9")):
        (tmp_path / name).mkdir()
        text = release_notes(tag, tmp_path / name)
        assert bool(text.strip()) == (name != "none"), tag
        assert "## " not in text
    assert "second edition" in release_notes(f"v{version}", Path(tempfile.mkdtemp(dir=tmp_path)))
    (tmp_path / "data" / "dist").mkdir(parents=True)
    (tmp_path / "data" / "dist" / "LICENSES.md").write_text("CC0-1.0: a file")
    assert release_notes("data-v1", tmp_path / "data") == "CC0-1.0: a file"


JUNIT = """<testsuites><testsuite tests="3"><testcase classname="tests.test_a" name="test_x"/>
<testcase classname="tests.test_a" name="test_y"><failure message="assert 1 == 2&#10;more"/>
</testcase><testcase classname="tests.test_b" name="test_z"><error message="no `torch`"/></testcase>
</testsuite></testsuites>"""


def test_the_weekly_summary_names_what_failed(tmp_path):
    def told(name: str, text: str | None) -> str:
        if text is not None:
            (tmp_path / name).write_text(text, encoding="utf-8")
        command = [sys.executable, ROOT / ".ci" / "summary.py", tmp_path / name]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert told("junit.xml", JUNIT).splitlines() == [
        "### 3 tests, 2 failed",
        "",
        "- `tests.test_a.test_y`: assert 1 == 2",
        "- `tests.test_b.test_z`: no 'torch'",
    ]
    rows = [
        {"filename": "book/a.md", "uri": "https://x.org/1", "status": "working", "info": ""},
        {"filename": "book/b.md", "uri": "https://x.org/2", "status": "broken", "info": "404"},
    ]
    links = "\n".join(map(json.dumps, rows))
    assert told("output.json", links).splitlines() == [
        "### 2 addresses, 1 broken",
        "",
        "- https://x.org/2 in `book/b.md`: 404",
    ]
    assert "was not written" in told("gone.json", None)
    many = "\n".join([json.dumps(rows[1])] * 70)
    assert told("many.json", many).splitlines()[-1] == "- and 20 more"


def test_the_readme_counts_the_files_that_ship_and_those_that_may_not():
    entries = data.registry().values()
    ships = [entry.bytes for entry in entries if entry.ships]
    told = f"come with the package: {len(ships)} files, {sum(ships) / 1e6:.1f} MB"
    assert told in read("README.md")
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
    assert f"{words[len(entries) - len(ships)]} files may not be passed on" in read("README.md")


def test_options_that_workflows_give_exist():
    asked = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    root = typer.main.get_command(app)
    told = re.findall(r"companion ([a-z]+(?: pack)?)((?:[^|\n#])*)", asked)
    assert len(told) >= 3
    for name, rest in told:
        command = root
        for word in name.split():
            command = command.commands[word]
        known = {option for one in command.params for option in one.opts}
        assert set(re.findall(r"--[a-z]+", rest)) <= known, name


def test_the_archive_says_what_the_citation_says():
    archive = json.loads(read(".zenodo.json"))
    citation = yaml.safe_load(read("CITATION.cff"))
    assert (archive["title"], archive["license"]) == (citation["title"], citation["license"])
    assert archive["keywords"] == citation["keywords"]
    assert [one["name"] for one in archive["creators"]] == [
        one["name"] for one in citation["authors"]
    ]
    assert "version" not in archive, "the archive takes it from the tag"


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
    for entry in published():
        linked = re.findall(
            rf"\[(?:chapter )?{entry.number}\]\(../notebooks/([^)]*)\.ipynb\)", ways
        )
        assert linked == [entry.notebook]


@pytest.mark.parametrize("part", sorted({entry.part for entry in published()}))
def test_every_part_has_a_page_that_leads_to_its_chapters(part):
    text = read(f"{catalogue.part_page(part)}.md")
    linked = set(re.findall(r"\]\(../notebooks/([^)]*)\.ipynb\)", text))
    assert linked >= {entry.notebook for entry in published() if entry.part == part}
    first = [one["chapters"][0] for one in catalogue.contents(Project(ROOT))]
    assert {"file": catalogue.part_page(part), "title": catalogue.TOGETHER} in first


@pytest.mark.parametrize("page", ["README.md", "book/intro.md", "book/how-to-read.md"])
def test_no_page_promises_a_time_that_no_record_shows(page):
    assert not re.search(r"20 minutes|(about|under) a minute", read(page))


def test_the_page_of_clusters_has_code_that_parses_and_a_place_in_the_book(project):
    text = (project.book / "clusters.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    taken = [re.search(r"^from (dask_\S+)", block, re.MULTILINE)[1] for block in blocks]
    assert taken == ["dask_jobqueue", "dask_kubernetes.operator"]
    for block in blocks:
        names = {node.id for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Name)}
        assert "cluster" in names
        assert sweep.CLUSTER in block
    assert "book/clusters" in (project.book / "_toc.yml").read_text(encoding="utf-8")
    # every command of the page is one
    said = re.findall(r"^(?:\w+=\S+ )?companion (\w+) ([\w-]+)", text, re.MULTILINE)
    assert said
    for command, slug in said:
        assert command in typer.main.get_command(app).commands
        assert slug in {paper.slug for paper in papers(project)}
