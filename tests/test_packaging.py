"""Ranges, pins, and what goes into the package."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from companion import chapter, data, extras, imports, wheels
from companion.papers import chapters, paper, papers
from companion.project import Project

ROOT = Project().root
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIRED = [Requirement(line) for line in PYPROJECT["dependencies"]]
EXTRAS = [Requirement(x) for group in PYPROJECT["optional-dependencies"].values() for x in group]
OWN = {entry.slug: entry.packages for entry in papers() if entry.packages}
"""What only one chapter needs, by slug."""

OF_CHAPTERS = [Requirement(line) for lines in OWN.values() for line in lines]

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")

INDIRECT = {
    "gguf": "transformers reads GGUF weights with it",
    "ipywidgets": "tqdm and the explorers draw with it",
    "jinja2": "pandas styles tables with it",
    "pyarrow": "pandas reads parquet with it",
    "tokenizers": "of a version that reads our vocabularies",
}
"""Requirements of the base that no module needs to import, and why they are there."""

OPTIONAL = {"xgboost", "xgboost-cpu", "h5py", "rtdl-revisiting-models"}
"""What a chapter says is missing, and goes on without; no reader of Colab waits for it."""


TYPED = {"jaxtyping"}
"""What is imported for readers and type checkers, and never when the package runs."""


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


@pytest.mark.parametrize("need", REQUIRED + OF_CHAPTERS, ids=lambda need: need.name)
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
    assert "-e .[all,book,test]" in pip
    groups = PYPROJECT["optional-dependencies"]
    assert {"all", "book", "cluster", "test", *OWN} == set(groups)
    assert set(groups["cluster"]) <= set(groups["test"])  # so three extras install everything
    for text in ("Makefile", ".github/workflows/weekly.yml"):
        assert ".[all,book,test]" in (ROOT / text).read_text(encoding="utf-8")
    (python,) = (d for d in environment["dependencies"] if str(d).startswith("python="))
    assert (
        f"3.{python.partition('.')[2]}" in Requirement(f"x{PYPROJECT['requires-python']}").specifier
    )


def test_binder_builds_the_book_with_a_small_torch():
    folder = ROOT / ".binder"
    listed = yaml.safe_load((folder / "environment.yml").read_text(encoding="utf-8"))
    names = {
        Requirement(line.replace("=3", "==3", 1)).name: line for line in listed["dependencies"]
    }
    root = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert names["python"] in [str(d).split("#")[0].strip() for d in root["dependencies"]]
    (torch,) = (need for need in REQUIRED if need.name == "torch")
    assert names["pytorch-cpu"] == f"pytorch-cpu{torch.specifier}"
    script = (folder / "postBuild").read_text(encoding="utf-8")
    assert os.access(folder / "postBuild", os.X_OK)
    assert subprocess.run(["bash", "-n", folder / "postBuild"], check=False).returncode == 0
    (install,) = re.findall(r"^python -m pip install (.*)$", script, re.MULTILINE)
    # what building the site needs stays out, but for a rival of two chapters
    assert install == """--quiet --no-cache-dir -c "$pins" -e '.[all]' xgboost-cpu"""
    assert "xgboost-cpu" in pins("constraints.txt")
    assert script.rstrip().endswith("companion models --install")


def test_binder_leaves_what_is_there_and_pins_the_rest(tmp_path):
    script = (ROOT / ".binder" / "postBuild").read_text(encoding="utf-8")
    (code,) = re.findall(r"<<'PYTHON'\n(.*?)^PYTHON$", script, re.DOTALL | re.MULTILINE)
    (tmp_path / "constraints.txt").write_text(
        "# all\nnumpy==1\nTyping_Extensions==1\nnot-here==2\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "not-here==2\n"


providers_of = functools.cache(metadata.packages_distributions)
"""Distributions of each name that can be imported here; to look takes a quarter of a second."""


def taken_in(files: Iterable[Path]) -> set[str]:
    """Distributions, by canonical name, of which `files` import something or read a file."""
    providers = providers_of()
    found: set[str] = set()
    for path in files:
        source = path.read_text(encoding="utf-8")
        names = {name.partition(".")[0] for name in imports.imported_names(source)}
        names |= set(re.findall(r'wheel_folder\("(\w+)"\)', source))
        names -= {"companion", "__future__", *TYPED, *sys.stdlib_module_names}
        for name in names:
            found |= {canonicalize_name(one) for one in providers.get(name, [name])}
    return found


@pytest.fixture(scope="module")
def usage() -> dict[str, set[str]]:
    """What each chapter takes in, by slug, and all that is shared under the empty name."""
    package = Project().package
    rooms = {entry.slug: entry.package_path() for entry in papers()}
    shared = [
        path
        for path in package.rglob("*.py")
        if not any(path.is_relative_to(folder) for folder in rooms.values())
    ]
    found = {slug: taken_in(folder.rglob("*.py")) for slug, folder in rooms.items()}
    return {"": taken_in(shared), **found}


def names_of(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def test_a_chapter_finds_all_that_it_imports_in_the_base_or_in_its_extra(usage):
    base = names_of(PYPROJECT["dependencies"]) | OPTIONAL
    for entry in papers():
        lacking = usage[entry.slug] - base - names_of(entry.packages)
        assert not lacking, f"{entry.slug} imports {lacking}; `packages` in papers.toml"


def test_an_extra_is_what_only_its_chapter_imports(usage):
    for slug, lines in OWN.items():
        assert names_of(lines) <= usage[slug], f"{slug} does not import all of its extra"
        others = set().union(*(found for other, found in usage.items() if other != slug))
        assert not names_of(lines) & others, f"not only {slug} imports these"


def test_all_readers_download_only_what_more_than_one_chapter_needs(usage):
    shared = usage.pop("")
    for name in names_of(PYPROJECT["dependencies"]) - shared - set(INDIRECT):
        users = [slug for slug, found in usage.items() if name in found]
        assert len(users) > 1, f"{name} is needed by {users}: an extra"


def test_the_extras_are_those_of_the_register_and_all_has_them_all():
    groups = PYPROJECT["optional-dependencies"]
    assert {slug: set(lines) for slug, lines in OWN.items()} == {s: set(groups[s]) for s in OWN}
    assert set(groups["all"]) == {line for lines in OWN.values() for line in lines}
    assert not names_of(groups["all"]) & names_of(PYPROJECT["dependencies"])


@pytest.mark.parametrize("entry", chapters(), ids=lambda entry: entry.slug)
def test_a_notebook_installs_the_extra_of_its_chapter_and_asks_for_it(entry):
    notebook = nbformat.read(entry.notebook_path(), as_version=4)
    (setup,) = (c.source for c in notebook.cells if "setup" in c.metadata.get("tags", ()))
    extra = f"[{entry.slug}]" if entry.slug in OWN else ""
    assert f'%pip install --quiet "runnable-papers{extra} @ git+{{REPOSITORY}}"' in setup
    assert (f'extras.require("{entry.slug}")' in setup) == (entry.slug in OWN)


def test_a_missing_extra_is_named_and_nothing_else_is_asked_for(monkeypatch):
    for entry in papers():
        extras.require(entry.slug)
    monkeypatch.setattr(extras, "_is_installed", lambda name: name != "openmm")
    with pytest.raises(extras.MissingExtra, match=r"openmm, not .*\[consistent-diffusion\]"):
        chapter.begin("consistent-diffusion", "toy")
    assert chapter.begin("tart", "toy").slug == "tart"
    assert issubclass(extras.MissingExtra, ModuleNotFoundError)


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


ARCHIVED = (
    *("companion", "notebooks", "book", "tests", "docs", ".ci", ".binder", ".github"),
    *("pyproject.toml", "MANIFEST.in", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
    *("LICENSE-prose", "CITATION.cff", "Makefile", "_config.yml", "environment.yml"),
    *("constraints.txt", ".zenodo.json", ".gitignore", ".gitattributes"),
)
"""What the source archive has of a checkout: all from which the book is built and tested."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """The source archive, built once, from a copy so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("sources")
    copied = folder / "copy"
    for name in ARCHIVED:
        if (ROOT / name).is_dir():
            skip = shutil.ignore_patterns("__pycache__", ".*cache", ".ipynb_checkpoints")
            shutil.copytree(ROOT / name, copied / name, ignore=skip)
        else:
            shutil.copy(ROOT / name, copied / name)
    path = [str(folder / "backend"), os.environ.get("PYTHONPATH", "")]
    if not _builds_here():
        (backend,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"][
            "requires"
        ]
        subprocess.run([*PIP, "install", "-q", "--target", path[0], backend], check=True)
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=copied,
        check=True,
        timeout=300,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
    )
    (built,) = folder.glob("*.tar.gz")
    return built


def test_the_source_archive_holds_the_checkout(sources):
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {name for name in ARCHIVED if (ROOT / name).is_file()}
    for folder in (name for name in ARCHIVED if (ROOT / name).is_dir()):
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT)
            hidden = any(p == "__pycache__" or p.endswith("_cache") for p in inside.parts)
            if path.is_file() and not hidden and ".ipynb_checkpoints" not in inside.parts:
                wanted.add(inside.as_posix())
    assert wanted <= names, sorted(wanted - names)[:20]
    version = PYPROJECT["version"]
    assert sources.name == f"runnable_papers-{version}.tar.gz"


@pytest.fixture(scope="module")
def wheel(sources: Path) -> Path:
    """The package's wheel, built once, from the source archive as a release is."""
    command = [*PIP, "wheel", str(sources), "--no-deps", "-q", "-w", str(sources.parent)]
    if _builds_here():
        command.append("--no-build-isolation")
    subprocess.run(command, check=True, timeout=300, stdin=subprocess.DEVNULL)
    (built,) = sources.parent.glob("*.whl")
    return built


def _backend() -> str:
    """The requirement of what builds the package."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (backend,) = tables["build-system"]["requires"]
    return backend


def _builds_here() -> bool:
    """Whether this environment has what builds the package; else pip fetches that."""
    need = Requirement(_backend())
    try:
        return need.specifier.contains(metadata.version(need.name))
    except metadata.PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder with the installed wheel, and nothing else of the book."""
    target = tmp_path_factory.mktemp("installed")
    command = [*PIP, "install", "--no-deps", "--no-index", "--no-compile", "-q", "--target"]
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


RUNNER = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

shell, said = InteractiveShell.instance(), []
for source in json.load(open("cells.json", encoding="utf-8")):
    with capture_output() as shown:
        done = shell.run_cell(source, store_history=True)
    done.raise_error()
    said += [output.data for output in shown.outputs]
    said += [] if done.result is None else [shell.display_formatter.format(done.result)[0]]
import companion
print(json.dumps([companion.__file__, [data.get("text/html", "") for data in said]]))
"""
"""Runs cells without a kernel, which is not the book's: what they show, in HTML."""


@pytest.mark.notebook
def test_a_notebook_runs_from_an_installed_wheel(installed, tmp_path):
    """The cells of a cheap notebook in an empty folder, without a checkout in reach."""
    notebook = nbformat.read(paper(CHEAP).notebook_path(), as_version=4)
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cells.append(cell.source)
            if "parameters" in cell.metadata.get("tags", ()):
                cells.append(f"SETTINGS = {SMALL!r}")
    (tmp_path / "cells.json").write_text(json.dumps(cells), encoding="utf-8")
    command = [sys.executable, "-c", RUNNER]
    place, pages = json.loads(outside(command, installed, tmp_path).splitlines()[-1])
    assert Path(place).is_relative_to(installed)
    assert sum(map(bool, pages)) > len(cells) / 3
    for drawn in ("rpl-live", "rp-claims"):
        assert any(drawn in page for page in pages)
    missing = [page for page in pages if "rp-missing" in page]
    assert not any("not on this machine" in page for page in missing)
    withheld = [name for name, entry in data.registry().items() if not entry.ships]
    told = [page for page in missing if "does not ship" in page]
    assert all(any(name in page for name in withheld) for page in told)
