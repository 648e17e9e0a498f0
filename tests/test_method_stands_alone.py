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
import importlib, json, sys, time
found = {{}}
for chapter, names in {methods!r}.items():
    known = set(sys.modules)
    begun = time.process_time()
    for name in names:
        importlib.import_module(name)
    seconds = time.process_time() - begun
    new = set(sys.modules) - known
    found[chapter] = [sorted(new & {not_here!r}),
                      [m for m in sys.modules if m.startswith(chapter + ".")], seconds]
print(json.dumps(found))
"""


def method_of(chapter):
    """Modules of a chapter's method."""
    names = sorted(name for name in imports.modules() if name.startswith(f"{chapter}.method"))
    assert len(names) > 1
    return names


def imported():
    """What a chapter's method was the first to load and must not, its own modules, and seconds.

    One process imports torch and then all methods in turn: what two chapters import counts for the
    first one.
    """
    methods = {"torch": ["torch"]} | {one.module: method_of(one.module) for one in papers()}
    script = SCRIPT.format(methods=methods, not_here=set(NOT_HERE))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def loaded():
    """The same of one process, for all tests."""
    found = imported()
    assert found["torch"][0] == []
    return found


@pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)
def test_the_method_stands_alone(loaded, paper):
    others, modules, _ = loaded[paper.module]
    assert others == []
    assert modules
    assert {name for name in modules if not name.startswith(f"{paper.module}.method")} == set()


@pytest.mark.bench
def test_a_method_is_imported_more_quickly_than_torch(ratio, loaded, request):
    is_again = getattr(request.node, "execution_count", 1) > 1
    torch, *methods = (seconds for *_, seconds in (imported() if is_again else loaded).values())
    # torch takes somewhat over a second
    ratio("", "import of the slowest method / of torch", max(methods) / torch, most=1)
    ratio("", "import of all methods / of torch", sum(methods) / torch, most=3)
