"""Ranges, pins, and what goes into the package."""

from __future__ import annotations

import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from companion import wheels
from companion.project import Project

ROOT = Project().root
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIRED = [Requirement(line) for line in PYPROJECT["dependencies"]]
EXTRAS = [Requirement(x) for group in PYPROJECT["optional-dependencies"].values() for x in group]


def pins(name: str) -> dict[str, Version]:
    """Canonical name -> version of a constraints file; every line must be one exact pin."""
    found = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        pin = Requirement(text)
        (exact,) = pin.specifier
        assert exact.operator == "==", line
        found[canonicalize_name(pin.name)] = Version(exact.version)
    return found


@pytest.mark.parametrize("need", REQUIRED, ids=lambda need: need.name)
def test_our_ranges_admit_the_versions_of_colab(need: Requirement):
    version = pins("tests/colab-constraints.txt").get(canonicalize_name(need.name))
    assert version is None or need.specifier.contains(version), (
        f"{need} excludes Colab's {version}: installing the book there would replace it"
    )


def test_colab_has_most_of_what_the_book_needs():
    # A typing error in a name would make the test above pass without looking.
    colab = pins("tests/colab-constraints.txt")
    known = {canonicalize_name(need.name) for need in REQUIRED} & set(colab)
    assert {"numpy", "pandas", "scipy", "transformers", "ipywidgets", "typer"} <= known
    assert len(known) >= 20


def test_the_book_does_not_need_another_python_than_colab_has():
    assert Version("3.13") in Requirement(f"x{PYPROJECT['requires-python']}").specifier


@pytest.mark.parametrize("need", REQUIRED + EXTRAS, ids=lambda need: need.name)
def test_our_pins_are_within_our_ranges(need: Requirement):
    version = pins("constraints.txt")[canonicalize_name(need.name)]
    assert need.specifier.contains(version)


def test_torch_is_pinned_and_model_wheels_are_not():
    constraints = pins("constraints.txt")
    assert constraints["torch"] == Version("2.13.0")
    # They are installed by `companion models`, without dependencies; their pin is in the register.
    assert not {canonicalize_name(wheel.name) for wheel in wheels.wheels()} & set(constraints)


def test_conda_installs_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = (d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert "-c constraints.txt" in pip
    assert "-e .[book,test]" in pip
    assert {"book", "test"} == set(PYPROJECT["optional-dependencies"])
    (python,) = (d for d in environment["dependencies"] if str(d).startswith("python="))
    assert (
        f"3.{python.partition('.')[2]}" in Requirement(f"x{PYPROJECT['requires-python']}").specifier
    )


def test_everything_that_is_read_at_run_time_is_in_the_package(project: Project):
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    patterns = tool["setuptools"]["package-data"]["companion"]
    shipped = {path for pattern in patterns for path in project.package.glob(pattern)}
    needed = {
        path
        for path in project.package.rglob("*")
        if path.suffix not in {".py", ".pyc", ".tmpl"} and path.is_file()
    }
    assert project.package / "papers.toml" in needed
    assert project.package / "data" / "registry.toml" in needed
    assert needed <= shipped, sorted(needed - shipped)


def test_no_requirement_is_listed_twice():
    names = [canonicalize_name(need.name) for need in REQUIRED]
    assert len(names) == len(set(names))
