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
import importlib, json, sys, time
begun = time.process_time()
import torch
between = time.process_time()
for name in {names!r}:
    importlib.import_module(name)
seconds = [between - begun, time.process_time() - between]
print(json.dumps([seconds, [m for m in {not_here!r} if m in sys.modules],
                  [m for m in sys.modules if m.startswith({chapter!r})]]))
"""

each_chapter = pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)


def imported(chapter):
    """What a fresh process has after importing the method of a chapter.

    Returns : seconds of processor time for torch and for the method, modules of :data:`NOT_HERE`,
    modules of the chapter
    """
    names = sorted(name for name in imports.modules() if name.startswith(f"{chapter}.method"))
    assert len(names) > 1
    script = SCRIPT.format(names=names, not_here=NOT_HERE, chapter=f"{chapter}.")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@each_chapter
def test_the_method_stands_alone(paper):
    chapter = paper.module
    _, loaded, modules = imported(chapter)
    assert loaded == []
    assert {name for name in modules if not name.startswith(f"{chapter}.method")} == set()


@pytest.mark.bench
@each_chapter
def test_a_method_is_imported_as_quickly_as_torch(paper):
    torch, method = imported(paper.module)[0]
    assert method <= torch  # which takes somewhat over a second
