"""The paper's room needs no table library, no statistics package and no second process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from companion import imports
from companion.papers import papers

NOT_HERE = ("pandas", "seaborn", "statsmodels", "joblib", "IPython")

SCRIPT = """
import importlib, json, sys
for name in {names!r}:
    importlib.import_module(name)
print(json.dumps([[m for m in {not_here!r} if m in sys.modules],
                  [m for m in sys.modules if m.startswith({chapter!r})]]))
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


@pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)
def test_the_method_stands_alone(paper):
    chapter = paper.module
    script = SCRIPT.format(names=method_of(chapter), not_here=NOT_HERE, chapter=f"{chapter}.")
    loaded, modules = printed(script)
    assert loaded == []
    assert {name for name in modules if not name.startswith(f"{chapter}.method")} == set()


@pytest.mark.bench
def test_a_method_is_imported_more_quickly_than_torch(ratio):
    """One process for all: what two chapters import counts for the first one."""
    torch, *methods = printed(CLOCK.format(methods=[method_of(p.module) for p in papers()]))
    # torch takes somewhat over a second
    ratio("", "import of the slowest method / of torch", max(methods) / torch, most=1)
    ratio("", "import of all methods / of torch", sum(methods) / torch, most=3)
