"""Every implemented equation stands in one place, and the chapter's first page names it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from companion.papers import papers

SAID = re.compile(r"(Notebook|Chapter|Paper)\s+eqs?\.\s(\d+)(?:\s(and|to)\s(\d+))?", re.IGNORECASE)
"""An equation that a docstring says it is: whose, and which."""
LOOSE = re.compile(r"\(eqs?\.\s(\d+)[;)]|(?:^|\.\s\s?|\n\s*)Eqs?\.\s(\d+)")
"""The same without the word; it counts where nobody says it in full."""

TWICE: dict[str, set[str]] = {}
"""Equations that still stand in two places of a method."""

each_chapter = pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)


def said(docstring: str | None) -> list[str]:
    """``"3"`` for the third of the notebook, ``"9 (paper)"`` for the ninth of the paper."""
    found = []
    for match in SAID.finditer(docstring or ""):
        first, last = int(match[2]), int(match[4] or match[2])
        numbers = range(first, last + 1) if match[3] == "to" else sorted({first, last})
        whose = " (paper)" if match[1].lower() == "paper" else ""
        found += [f"{number}{whose}" for number in numbers]
    return found


def loosely(docstring: str | None) -> list[str]:
    """Equations of which a docstring does not say whose they are."""
    return [match[1] or match[2] for match in LOOSE.finditer(docstring or "")]


def docstrings(source: str) -> Iterator[tuple[str, str | None]]:
    """Of the definitions of a module and their methods; of the module, under an empty name."""
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, ast.get_docstring(node)
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    name = f"{node.name}.{method.name}".replace(".__call__", "")
                    yield name, ast.get_docstring(method)
    yield "", ast.get_docstring(tree)


def claimed(sources: dict[str, str]) -> dict[str, list[str]]:
    """Equation -> the definitions that claim it, or the modules where no definition does."""
    ranks: list[dict[str, list[str]]] = [{}, {}, {}, {}]
    for module, source in sorted(sources.items()):
        for name, docstring in docstrings(source):
            place = f"{module}.{name}" if name else module
            for loose, keys in enumerate((said(docstring), loosely(docstring))):
                for key in dict.fromkeys(keys):
                    ranks[2 * loose + (not name)].setdefault(key, []).append(place)
    in_full = {**ranks[0], **ranks[1]}
    found: dict[str, list[str]] = {}
    for i, rank in enumerate(ranks):
        for key, places in rank.items():
            if i < 2 or f"{key} (paper)" not in in_full:
                found.setdefault(key, places)
    return found


def method_of(folder: Path) -> dict[str, str]:
    """Sources of a chapter's method."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path.read_text("utf-8")
        for path in (folder / "method").rglob("*.py")
    }


@each_chapter
def test_an_equation_stands_in_one_place(paper):
    folder = paper.package_path()
    twice = {key for key, places in claimed(method_of(folder)).items() if len(places) > 1}
    assert twice == TWICE.get(folder.name, set())


@each_chapter
def test_the_first_page_of_a_chapter_names_its_equations(paper):
    folder = paper.package_path()
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
    table = dict(re.findall(r"^(\d+(?: \(paper\))?) +(\S.*)$", text, re.MULTILINE))
    for key, places in claimed(method_of(folder)).items():
        assert key in table, key
        assert set(places) <= set(table[key].split(", ")), key


def test_the_reading_of_docstrings():
    text = '''"""Curves (eq. 2)."""
def f():
    """Paper eq. 9."""
def g():
    """Fits eq. 9 as the paper does.  Notebook eqs. 3 and 4."""
def h():
    """Exact.  Eq. 5."""
def k():
    """The same again (eq. 5)."""
'''
    assert claimed({"m": text}) == {
        "9 (paper)": ["m.f"],
        "3": ["m.g"],
        "4": ["m.g"],
        "5": ["m.h", "m.k"],
        "2": ["m"],
    }
