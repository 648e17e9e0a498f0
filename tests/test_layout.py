"""Every chapter has the same rooms, and `companion new` makes them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from companion.papers import papers
from companion.project import PACKAGE

ALWAYS = {"__init__", "settings", "method", "lab", "sources", "verdict", "page"}
SOMETIMES = {"hub", "makers"}
"""Paper scale, and files that a maintainer makes."""

PAGES = {"figures", "tables", "explorers", "exercises"}

NO_SOURCES = {"next_token_concepts"}
"""Chapters whose released data are read in the laboratory."""
NO_DOOR = {"consistent_diffusion", "gaussian_rbf", "massive_activations"}
"""Chapters whose notebook calls the modules of the laboratory one by one."""
PARTED = {"consistent_diffusion": {"lab/molecule"}}
"""Rooms in rooms; ``page/figures`` may be parted everywhere."""

chapters = pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)


def names(folder: Path) -> set[str]:
    """Modules and packages of a folder, without their endings."""
    return {
        path.stem if path.is_file() else path.name
        for path in folder.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }


def rooms(folder: Path) -> set[str]:
    """Packages below a chapter, as paths."""
    return {path.parent.relative_to(folder).as_posix() for path in folder.rglob("__init__.py")} - {
        "."
    }


def is_docstring_only(path: Path) -> bool:
    """Whether a module says something and does nothing."""
    tree = ast.parse(path.read_text("utf-8"))
    return ast.get_docstring(tree) is not None and len(tree.body) == 1


@chapters
def test_a_chapter_has_exactly_the_names_of_all_chapters(paper):
    folder = paper.package_path()
    missing = ALWAYS - names(folder) - ({"sources"} if folder.name in NO_SOURCES else set())
    assert missing == set()
    assert names(folder) - ALWAYS - SOMETIMES == set()


@chapters
def test_rooms_are_not_parted_further(paper):
    folder = paper.package_path()
    usual = {"method", "lab", "sources", "verdict", "page", "page/figures"}
    assert rooms(folder) - usual == PARTED.get(folder.name, set())


@chapters
def test_the_laboratory_has_one_door(paper):
    folder = paper.package_path()
    assert ("run" in names(folder / "lab")) == (folder.name not in NO_DOOR)


@chapters
def test_the_page_has_the_same_names_everywhere(paper):
    folder = paper.package_path()
    found = {name for name in names(folder / "page") if not name.startswith("live_")}
    assert found == PAGES | {"__init__"}


@chapters
def test_inits_say_what_a_room_is_and_do_nothing(paper):
    folder = paper.package_path()
    inits = [
        path
        for path in folder.rglob("__init__.py")
        if path.parent.relative_to(folder).as_posix() != "page/figures"
    ]
    assert [path for path in inits if not is_docstring_only(path)] == []


@chapters
def test_no_room_is_made_of_prefixes(paper):
    """Three modules ``a_…`` in one room are a room ``a``."""
    folder = paper.package_path()
    for place in rooms(folder):
        found = [name for name in names(folder / place) if "_" in name]
        first = [name.partition("_")[0] for name in found]
        assert [name for name in set(first) if first.count(name) > 2] == [], place


@chapters
def test_the_reading_order_names_every_module_of_the_method(paper):
    folder = paper.package_path()
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
    listed = set(re.findall(r"^ ?\d+ (method/\w+)  ", text, re.MULTILINE))
    assert listed == {f"method/{name}" for name in names(folder / "method") - {"__init__"}}


def test_the_template_has_the_same_rooms():
    folder = PACKAGE / "templates" / "package"
    found = {path.relative_to(folder).parts[0].partition(".")[0] for path in folder.rglob("*.tmpl")}
    assert found == ALWAYS
    assert (folder / "lab" / "run.py.tmpl").is_file()
