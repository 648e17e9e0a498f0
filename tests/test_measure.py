"""What :mod:`tests.measure` counts, on sources small enough to count by hand."""

from __future__ import annotations

from companion.papers import papers
from tests import measure

TEXT = '''"""Says something
on two lines."""

from math import (
    e,
    pi,
)

# a comment
LIMIT = 3
_OWN = pi


def area(r):
    """Of a disc."""
    return pi * r**2
'''

INSIDE = {
    "method.law": "def fit(x, n_steps): return e(n_steps)\ndef e(n): return n",
    "lab.one": "from companion.x.method.law import fit\ndef go(n): return fit(0, n_steps=n)",
    "lab.run": "from companion.x.lab import one\ndef step(settings): return one.go(settings.steps)",
}

MOST_MODULES, ALL_MODULES = 24, 236
"""Of one chapter, and of all: a new module asks whether an idea is new, too."""


def test_lines_imports_and_names_are_counted():
    assert len(measure.code_lines(TEXT)) == 8
    assert len(measure.import_lines(TEXT)) == 4
    assert measure.public_names(TEXT) == {"LIMIT", "area"}


def test_a_module_stands_above_what_it_imports():
    edges = measure.arrows(INSIDE, "companion.x")
    assert edges == {"method.law": set(), "lab.one": {"method.law"}, "lab.run": {"lab.one"}}
    assert measure.floors(edges) == {"method.law": 1, "lab.one": 2, "lab.run": 3}
    assert measure.circles(edges) == []
    assert measure.circles({"a": {"b"}, "b": {"a"}, "c": {"a"}}) == ["a", "b"]


def test_a_parameter_is_followed_from_its_setting_to_where_it_ends():
    whole = {f"companion.x.{name}": source for name, source in INSIDE.items()}
    way = measure.longest(measure.passes(whole), "companion.x")
    assert [(stop.module.removeprefix("companion.x."), stop.parameter) for stop in way] == [
        ("settings", "steps"),
        ("lab.run", "steps"),
        ("lab.one", "n"),
        ("method.law", "n_steps"),
        ("method.law", "n"),
    ]


def test_a_chapter_is_no_larger_than_it_was():
    sizes = {
        paper.slug: sum(path.name != "__init__.py" for path in paper.package_path().rglob("*.py"))
        for paper in papers()
    }
    assert max(sizes.values()) <= MOST_MODULES, sizes
    assert sum(sizes.values()) <= ALL_MODULES, sizes
