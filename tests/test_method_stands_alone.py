"""The paper's room needs no table library, no statistics package and no second process.

Nor does it need what its shape types are written with.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from companion import imports
from companion.papers import papers

NOT_HERE = ("pandas", "seaborn", "statsmodels", "joblib", "IPython", "jaxtyping")

SCRIPT = """
import importlib, json, sys
found = {{}}
for chapter, names in {methods!r}.items():
    known = set(sys.modules)
    for name in names:
        importlib.import_module(name)
    new = set(sys.modules) - known
    found[chapter] = [sorted(new & {not_here!r}),
                      [m for m in sys.modules if m.startswith(chapter + ".")]]
print(json.dumps(found))
"""

CLOCK = """
import importlib, json, time
def seconds(names):
    begun = time.process_time()
    for name in names:
        importlib.import_module(name)
    return time.process_time() - begun
print(json.dumps([seconds(["torch"])] + [seconds(names) for names in {methods!r}]))
"""


def method_of(chapter):
    """Modules of a chapter's method."""
    names = sorted(name for name in imports.modules() if name.startswith(f"{chapter}.method"))
    assert len(names) > 1
    return names


def printed(script):
    """What a fresh process prints last, as JSON."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def loaded():
    """(what a chapter's method was the first to load and must not, its own modules), by chapter.

    One process imports all methods in turn: that torch is imported twelve times shows nothing.
    """
    methods = {paper.module: method_of(paper.module) for paper in papers()}
    return printed(SCRIPT.format(methods=methods, not_here=set(NOT_HERE)))


@pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)
def test_the_method_stands_alone(loaded, paper):
    others, modules = loaded[paper.module]
    assert others == []
    assert modules
    assert {name for name in modules if not name.startswith(f"{paper.module}.method")} == set()


@pytest.mark.bench
def test_a_method_is_imported_more_quickly_than_torch(ratio):
    """One process for all: what two chapters import counts for the first one."""
    torch, *methods = printed(CLOCK.format(methods=[method_of(p.module) for p in papers()]))
    # torch takes somewhat over a second
    ratio("", "import of the slowest method / of torch", max(methods) / torch, most=1)
    ratio("", "import of all methods / of torch", sum(methods) / torch, most=3)
