"""The direction of imports inside a chapter: page, verdict, laboratory, sources, method, shared."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from companion import imports
from companion.papers import papers

LEVEL = {"method": 1, "sources": 2, "lab": 3, "hub": 3, "makers": 4, "verdict": 4, "page": 5}
"""A room takes in rooms of its own level or below; ``settings`` stands beside them."""

DOORS = {"lab.run", "hub", "makers"}
"""Modules that may read the settings; everything else is given numbers."""

NAMED_IN_THE_LABORATORY = {
    "leximark": {"lab.arms"},
    "mamba3": {"lab.language", "lab.recall", "lab.tracking"},
}
"""Chapters whose settings choose among arms that the laboratory names; none is added."""

LETTERS = {"functional": "F"}
"""Torch's own word for it."""

each_chapter = pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)


def room(module: str) -> str:
    """``lab`` of ``lab.molecule.md``; empty for the chapter's ``__init__``."""
    return module.partition(".")[0]


def sources(chapter: str) -> dict[str, Path]:
    """Modules of a chapter, named below it."""
    return {
        name.removeprefix(f"{chapter}."): path
        for name, path in imports.modules().items()
        if name.startswith(f"{chapter}.")
    }


def inner(source: str, chapter: str, known: set[str]) -> set[str]:
    """Modules of the chapter that a source takes in, anywhere in it.

    Functions and type checks count; a package counts only where nothing more is said.
    """
    names = {
        name.removeprefix(f"{chapter}.")
        for name in imports.imported_names(source)
        if name.startswith(f"{chapter}.")
    }
    hits = {name if name in known else name.rpartition(".")[0] for name in names} & known
    return {a for a in hits if not any(b.startswith(f"{a}.") for b in hits)}


def upward(edges: dict[str, set[str]]) -> list[str]:
    """Imports of a higher room."""
    return [
        f"{module} -> {target}"
        for module, targets in sorted(edges.items())
        for target in sorted(targets)
        if room(module) in LEVEL and LEVEL.get(room(target), 0) > LEVEL[room(module)]
    ]


def circles(edges: dict[str, set[str]]) -> list[str]:
    """Modules that reach themselves."""
    reach = {module: set(targets) for module, targets in edges.items()}
    changed = True
    while changed:
        changed = False
        for targets in reach.values():
            more = set().union(*(reach.get(target, set()) for target in targets)) - targets
            targets |= more
            changed |= bool(more)
    return sorted(module for module, targets in reach.items() if module in targets)


def graph(chapter: str) -> dict[str, set[str]]:
    """Module -> modules, inside one chapter."""
    there = sources(chapter)
    return {
        name: inner(path.read_text("utf-8"), chapter, set(there)) - {name}
        for name, path in there.items()
    }


@each_chapter
def test_no_room_takes_in_a_higher_one(paper):
    assert upward(graph(paper.module)) == []


@each_chapter
def test_there_are_no_circles(paper):
    assert circles(graph(paper.module)) == []


@each_chapter
def test_settings_are_read_at_the_door(paper):
    readers = {name for name, targets in graph(paper.module).items() if "settings" in targets}
    assert readers <= DOORS


@each_chapter
def test_settings_stand_below_the_laboratory(paper):
    chosen = graph(paper.module)["settings"]
    above = {name for name in chosen if LEVEL.get(room(name), 0) > LEVEL["sources"]}
    assert above <= NAMED_IN_THE_LABORATORY.get(paper.slug, set())


def test_the_checks_see_what_they_look_for():
    known = {"method.a", "lab.b", "lab.c", "page.d", "lab"}
    hidden = "def f():\n    from companion.x.lab import b\n"
    typed = "if TYPE_CHECKING:\n    from companion.x.page.d import Figure\n"
    assert inner(hidden, "companion.x", known) == {"lab.b"}
    assert inner(typed, "companion.x", known) == {"page.d"}
    assert upward({"method.a": {"lab.b"}}) == ["method.a -> lab.b"]
    assert upward({"lab.c": {"page.d"}, "page.d": {"method.a"}}) == ["lab.c -> page.d"]
    assert circles({"lab.b": {"lab.c"}, "lab.c": {"lab.b"}, "page.d": {"lab.b"}}) == [
        *("lab.b", "lab.c"),
    ]


def single_letters(source: str) -> Iterator[str]:
    """Modules or names that are bound to one letter by an import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                is_letter = alias.asname and len(alias.asname) == 1
                if is_letter and LETTERS.get(alias.name) != alias.asname:
                    yield f"{alias.name} as {alias.asname}"


def test_nothing_is_bound_to_a_single_letter():
    assert list(single_letters("from companion.x import claims as c\nimport numpy as np\n")) == [
        "claims as c"
    ]
    assert list(single_letters("from torch.nn import functional as F\n")) == []
    found = {
        name: letters
        for name, path in imports.modules().items()
        if (letters := list(single_letters(path.read_text("utf-8"))))
    }
    assert found == {}


@each_chapter
def test_no_chapter_looks_at_its_own_path(paper):
    found = [
        name
        for name, path in sources(paper.module).items()
        if any(
            isinstance(node, ast.Name) and node.id == "__file__"
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
        )
    ]
    assert found == []
