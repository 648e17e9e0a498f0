"""What a process that runs a notebook loads before it does anything."""

import importlib
import importlib.util
import subprocess
import sys

import pytest

from companion import publish
from companion._quick import without

HEAVY = {"matplotlib", "pandas", "polars", "scipy", "sklearn", "statsmodels", "torch"}


def loaded(imports):
    """Modules in a fresh interpreter after some imports."""
    command = [sys.executable, "-c", f"import sys\n{imports}\nprint(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_process_of_a_notebook_loads_what_it_needs():
    found = loaded("from companion.publish import worker")
    assert "companion.publish.family" in found
    assert found & HEAVY == set()


def test_who_runs_notebooks_and_reads_verdicts_loads_no_statistics():
    modules = "records, claims, chapter, scoreboard, sync, budgets"
    found = loaded(f"from companion import {modules}\nfrom companion.publish import shown")
    assert "companion.publish.runs" in found
    assert found & HEAVY == set()


def test_papermill_is_loaded_without_what_reads_from_hadoop():
    found = loaded(
        "from companion.publish.worker import Job, execute\n"
        "execute(Job('nothing.ipynb', 'out.ipynb', '.', {}), lambda event: None)"
    )
    assert "papermill.iorw" in found
    assert not {"pyarrow", "numpy"} & found


def test_a_module_is_back_once_it_is_no_longer_left_out():
    with without("no_such_module"):
        with pytest.raises(ModuleNotFoundError, match="halted"):
            importlib.import_module("no_such_module")
        with without("no_such_module"):  # inside, the outer one decides
            pass
        assert "no_such_module" in sys.modules
    assert "no_such_module" not in sys.modules
    with without("sys"):
        assert importlib.import_module("sys") is sys


@pytest.mark.parametrize(
    "imports",
    [
        "from companion import records",
        "from companion import publish",
        "from companion import sync",
        "from companion import skeleton",
    ],
)
def test_a_schema_is_checked_without_a_grammar_of_addresses(imports):
    if importlib.util.find_spec("rfc3987_syntax") is None:
        pytest.skip("not installed, so nothing could load it")
    found = loaded(f"{imports}\nimport nbformat")
    assert "jsonschema" in found
    assert "rfc3987_syntax.syntax_helpers" not in found
    assert "rfc3987_syntax" not in found  # who wants it can still have it


def test_every_name_of_the_package_is_there():
    for name in [name for names in publish._PLACES.values() for name in names]:
        assert callable(getattr(publish, name)), name
    with pytest.raises(AttributeError, match=r"'companion\.publish' has no attribute 'nothing'"):
        _ = publish.nothing
