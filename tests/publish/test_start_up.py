"""What a process that runs a notebook loads before it does anything."""

import importlib.util
import subprocess
import sys

import pytest

from companion import publish

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


@pytest.mark.parametrize(
    "imports", ["from companion import records", "from companion import publish"]
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
