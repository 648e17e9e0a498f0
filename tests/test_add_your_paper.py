"""The page `add-your-paper` is true: its own blocks, in order, lead from a paper to a verdict."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
from pathlib import Path

import nbformat
import pytest
import yaml

from companion import records
from companion.papers import paper, papers
from companion.project import Project
from tests import copies
from tests.test_skeleton import call

PAGE = copies.REAL.book / "add-your-paper.md"
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    """The page's blocks of code in a language, in order."""
    text = PAGE.read_text(encoding="utf-8")
    return [
        re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        for indent, name, body in BLOCK.findall(text)
        if name == language
    ]


def commands() -> list[list[str]]:
    """The page's commands, as words without their comments."""
    lines = "\n".join(blocks("bash")).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def as_module(words: list[str]) -> list[str]:
    """A command of the page as a Python module with arguments."""
    if words[0] == "companion":
        return ["companion.cli", *words[1:]]
    assert words[:2] == ["make", "test"], words
    (arguments,) = (word.removeprefix("ARGS=") for word in words[2:])
    return ["pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *shlex.split(arguments)]


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Project:
    """A copy of the book without its chapters, in which the page's entry stands."""
    project = copies.make(tmp_path_factory.mktemp("book"))
    folders = [entry.package_path(project).name for entry in papers()]
    skip = shutil.ignore_patterns("files", "*.npz", *folders)  # what is compiled stays so
    register = (project.package / "papers.toml").read_text(encoding="utf-8")
    shutil.copytree(copies.REAL.package, project.package, ignore=skip, dirs_exist_ok=True)
    for path in project.records.glob("*.json"):
        if path.name != "schema.json":
            path.unlink()
    (entry,) = blocks("toml")
    (project.package / "papers.toml").write_text(f"{register}\n{entry}", encoding="utf-8")
    (project.root / "tests").mkdir()
    (project.root / "tests" / "__init__.py").touch()
    return project


@pytest.mark.notebook
def test_the_commands_of_the_page_lead_to_a_verdict(book):
    said = {}
    for words in commands():
        done = call(book, *as_module(words))
        assert done.returncode == 0, f"{words}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        said[" ".join(words[:2])] = done.stdout
    assert list(said) == [
        *("companion new", "make test", "companion run"),
        *("companion record", "companion scoreboard", "companion sync"),
    ]
    assert "passed" in said["make test"]
    for name in ("companion run", "companion scoreboard"):
        assert "S1" in said[name]
        assert "holds" in said[name]
    entry = paper("my-paper", book)
    record = records.load(entry.slug, book)
    assert record["scale"] == "book"
    assert {row["claim"]: row["verdict"] for row in record["findings"]}["S1"] == "holds"
    card = nbformat.read(entry.notebook_path(book), as_version=4).cells[0].source
    assert "1 of the paper's one claim holds" in card
    assert "My paper" in (book.root / "README.md").read_text(encoding="utf-8")


def test_the_claim_on_the_page_is_that_of_a_new_chapter():
    """But for its id and words, which a reader replaces, and that it need not hold."""
    (shown,) = blocks("python")
    template = (copies.REAL.package / "templates/package/verdict.py.tmpl").read_text()
    made = next(n for n in ast.parse(template).body if getattr(n, "name", "") == "falls")
    (written,) = ast.parse(shown).body
    assert ast.dump(ast.Module(written.body, [])) == ast.dump(ast.Module(made.body, []))
    (mine,), (theirs,) = written.decorator_list, made.decorator_list
    keywords = [{k.arg: ast.unparse(k.value) for k in call.keywords} for call in (mine, theirs)]
    for given in keywords:
        given.pop("paper")
    keywords[1]["region"] = keywords[1]["region"].replace(", must_hold=True", "")
    assert keywords[0] == keywords[1]


def test_what_the_page_names_is_there_once_the_chapter_is(book):
    named = re.findall(r"`(companion/my_paper/\S*|notebooks/\S*|tests/\S*)`", PAGE.read_text())
    assert len(named) == 2
    package = paper("my-paper", book).package_path(book)
    for name in ("method", "settings.py", "lab/run.py", "verdict.py", "page"):
        assert f"{name}" in PAGE.read_text()
        template = copies.REAL.package / "templates" / "package" / name
        assert template.is_dir() or template.with_name(f"{template.name}.tmpl").is_file()
    assert package.name == "my_paper"


def test_the_page_is_short_in_the_contents_and_linked():
    assert len(PAGE.read_text(encoding="utf-8").split()) < 600
    toc = yaml.safe_load((copies.REAL.book / "_toc.yml").read_text(encoding="utf-8"))
    listed = json.dumps(toc)
    assert '"book/add-your-paper"' in listed
    assert "(add-your-paper.md)" in (copies.REAL.book / "intro.md").read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (Path(copies.REAL.root) / name).read_text(encoding="utf-8")
        assert "(book/add-your-paper.md)" in text
