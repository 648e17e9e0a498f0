"""Ranges, pins, and what goes into the package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from companion import data, wheels
from companion.papers import chapters, paper
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
    extras = PYPROJECT["optional-dependencies"]
    assert {"book", "cluster", "test"} == set(extras)
    assert set(extras["cluster"]) <= set(extras["test"])  # so two extras install everything
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package's wheel, built once, from a copy so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(
        ROOT / "companion", source / "companion", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", str(source), "--no-deps", "-q", "-w", folder]
    if _builds_here():
        command.append("--no-build-isolation")
    subprocess.run(command, check=True, timeout=300, stdin=subprocess.DEVNULL)
    (built,) = folder.glob("*.whl")
    return built


def _builds_here() -> bool:
    """Whether this environment has what builds the package; else pip fetches that."""
    (backend,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    need = Requirement(backend)
    try:
        return need.specifier.contains(metadata.version(need.name))
    except metadata.PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder with the installed wheel, and nothing else of the book."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "-q", "--target"]
    subprocess.run([*command, target, wheel], check=True, timeout=300, stdin=subprocess.DEVNULL)
    return target


def outside(command: list[object], installed: Path, folder: Path) -> str:
    """What a command prints in an empty folder where only the installed wheel is to be had."""
    hidden = ("COMPANION_", "PYTHON", "PYTEST")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    env |= {"PYTHONPATH": str(installed), "COMPANION_CACHE": str(folder / "cache")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_the_wheel_holds_data_records_and_all_that_is_read(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    files = {f"companion/data/files/{name}" for name, e in data.registry().items() if e.ships}
    assert {n for n in names if n.startswith("companion/data/files/")} == {
        *files,
        "companion/data/files/LICENSES.md",
    }
    assert {f"companion/records/{paper.slug}.json" for paper in chapters()} <= names
    templates = {".py", ".pyc", ".tmpl"}
    there = [path for path in (ROOT / "companion").rglob("*") if path.is_file()]
    needed = {p.relative_to(ROOT).as_posix() for p in there if p.suffix not in templates}
    code = {p.relative_to(ROOT).as_posix() for p in there if p.suffix == ".py"}
    assert needed | code <= names, sorted((needed | code) - names)


def test_an_installed_wheel_has_data_and_records_of_its_own(installed, tmp_path):
    code = (
        "import json, companion\n"
        "from companion import data, records\n"
        "from companion.papers import papers\n"
        "found = {n: str(data.fetch(n)) for n, e in data.registry().items() if e.ships}\n"
        "stored = [p.slug for p in papers() if records.load(p.slug)]\n"
        "print(json.dumps([companion.__file__, found, stored]))\n"
    )
    place, found, stored = json.loads(outside([sys.executable, "-c", code], installed, tmp_path))
    assert Path(place).is_relative_to(installed)
    assert set(found) == {name for name, entry in data.registry().items() if entry.ships}
    assert all(Path(path).is_relative_to(installed) for path in found.values())
    assert stored == [entry.slug for entry in chapters()]


CHEAP = "model-ecosystem"
SMALL = {
    "models": 6_000,
    "grid_families": 600,
    "coverage_models": 5_000,
    "coverage_runs": 15,
    "drift_models": 3_000,
    "drift_runs": 2,
    "resamples": 100,
    "null_orders": 15,
    "sim_null_orders": 3,
    "speed_sizes": [2_000, 4_000],
}
"""A chapter that is quick without a language model, and settings that make it quicker still."""


@pytest.mark.notebook
def test_a_notebook_runs_from_an_installed_wheel(installed, tmp_path):
    """A copy of a cheap notebook in an empty folder, without a checkout in reach."""
    notebook = nbformat.read(paper(CHEAP).notebook_path(), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("import companion\ncompanion.__file__"))
    nbformat.write(notebook, tmp_path / "copy.ipynb")
    command = [sys.executable, "-m", "papermill", "copy.ipynb", "out.ipynb", "-k", "python3"]
    command += ["-y", json.dumps({"SETTINGS": SMALL}), "--no-progress-bar"]
    outside(command, installed, tmp_path)
    done = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    said = [output for cell in done.cells for output in cell.get("outputs", ())]
    assert str(installed) in said[-1]["data"]["text/plain"]
    pages = ["".join(output.get("data", {}).get("text/html", "")) for output in said]
    assert any("rp-claims" in page for page in pages)
    missing = [page for page in pages if "rp-missing" in page]
    assert not any("not on this machine" in page for page in missing)
    withheld = [name for name, entry in data.registry().items() if not entry.ships]
    told = [page for page in missing if "does not ship" in page]
    assert all(any(name in page for name in withheld) for page in told)
