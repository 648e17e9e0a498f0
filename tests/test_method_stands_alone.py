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
import torch
begun = time.process_time()
for name in {names!r}:
    importlib.import_module(name)
seconds = time.process_time() - begun
print(json.dumps([seconds, [m for m in {not_here!r} if m in sys.modules],
                  [m for m in sys.modules if m.startswith({chapter!r})]]))
"""


@pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.slug)
def test_the_method_stands_alone(paper):
    chapter = paper.module
    names = sorted(name for name in imports.modules() if name.startswith(f"{chapter}.method"))
    assert len(names) > 1
    script = SCRIPT.format(names=names, not_here=NOT_HERE, chapter=f"{chapter}.")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    seconds, loaded, modules = json.loads(done.stdout.splitlines()[-1])
    others = {name for name in modules if not name.startswith(f"{chapter}.method")}
    assert others == set()
    assert loaded == []
    assert seconds <= 1, f"{seconds:.2f} s of processor time beyond torch"
