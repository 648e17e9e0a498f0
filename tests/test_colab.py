"""The parts of the Colab check that need no network; `make colab-check` runs the whole."""

from __future__ import annotations

import random
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from companion import colab
from companion.project import Project


@pytest.fixture
def bench(tmp_path):
    """A bench that has not been set up."""
    found = colab.Bench(Project(tmp_path), lambda line: None)
    found.folder.mkdir(parents=True)
    return found


def test_pins_are_read_without_torch(tmp_path):
    path = tmp_path / "pins.txt"
    path.write_text("# Colab\nnumpy==2.1.3  # old\n\ntorch==2.11\nTorchVision==0.26\nPyYAML==6\n")
    assert colab.read_pins(path) == ["numpy==2.1.3", "PyYAML==6"]


def test_a_change_is_another_version_or_a_removal_and_not_an_addition():
    before = {"numpy": "2.1.3", "pandas": "2.2.3", "scipy": "1.16.3"}
    after = {"numpy": "2.4.0", "scipy": "1.16.3", "gguf": "0.19"}
    assert colab.changes(before, after) == ["numpy 2.1.3 -> 2.4.0", "pandas 2.2.3 -> removed"]


def test_pins_that_pip_cannot_find_are_left_out_one_by_one_and_named(bench, monkeypatch):
    absent = {"xgboost==3.4.1", "gone==1"}

    def pip(*arguments: str):
        left = bench.pin_file.read_text().split()
        first = next((pin for pin in left if pin in absent), None)
        text = f"ERROR: No matching distribution found for {first}\n" if first else ""
        return subprocess.CompletedProcess(arguments, int(bool(first)), text)

    monkeypatch.setattr(bench, "_pip", pip)
    pins = ["numpy==2.1.3", "gone==1", "xgboost==3.4.1", "scipy==1.16.3"]
    assert bench.install_pins(pins) == ["gone==1", "xgboost==3.4.1"]
    assert bench.pin_file.read_text().split() == ["numpy==2.1.3", "scipy==1.16.3"]


def test_another_failure_of_pip_ends_the_check(bench, monkeypatch):
    broken = subprocess.CompletedProcess((), 1, "ERROR: no space left\n")
    monkeypatch.setattr(bench, "_pip", lambda *arguments: broken)
    with pytest.raises(colab.ColabCheckFailed, match="no space left"):
        bench.install_pins(["numpy==2.1.3"])


def test_a_distribution_is_linked_with_its_metadata():
    names = {path.name for path in colab.top_level("torch")}
    assert {"torch", f"torch-{metadata.version('torch')}.dist-info"} <= names
    assert all(path.exists() for path in colab.top_level("torch"))


def test_the_sources_are_copied_without_tests_and_caches(tmp_path):
    real = colab.Bench(Project(), lambda line: None)
    real.folder = tmp_path
    copied = real.copy_sources()
    assert (copied / "companion" / "papers.toml").is_file()
    assert (copied / "pyproject.toml").is_file()
    assert not list(copied.rglob("__pycache__"))
    assert not (copied / "tests").exists()


class FakeBench:
    """Stands for an environment in which installing the book changes `after`."""

    def __init__(self, after, problem="", *later, megabytes=3.0):
        self.lists = [{"numpy": "2.1.3"}, after, *later]
        self.problem = problem
        self.weight = megabytes
        self.asked = []
        self.ran = []
        self.removed = []
        self.torch = None

    def __call__(self, project, say, python, torch):
        self.say = say
        self.folder = project.build
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pin_file = self.folder / "pins.txt"
        return self

    def create(self): ...

    def python_version(self):
        return "Python 3.12.1"

    def install_pins(self, pins):
        return [pins[-1]]

    def pip(self, *arguments):
        self.asked.append(arguments)

    def megabytes(self, versions, source=None):
        return dict.fromkeys(versions, self.weight)

    def copy_sources(self):
        return self.folder

    def versions(self):
        return self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]

    def run(self, paper):
        self.ran.append(paper.slug)
        return self.problem, 12.3

    def remove(self, names):
        self.removed += sorted(names)


def examine(tmp_path, monkeypatch, bench, *slugs, go_on=False):
    """The check on a fake environment, for some chapters."""
    from companion.papers import paper

    monkeypatch.setattr(colab, "Bench", bench)
    pins = tmp_path / "pins.txt"
    pins.write_text("numpy==2.1.3\nxgboost==3.4.1\n")
    chosen = [paper(slug) for slug in slugs or ("tart",)]
    return colab.check(pins, chosen, Project(tmp_path), say=lambda line: None, go_on=go_on)


def test_a_good_report(tmp_path, monkeypatch):
    bench = FakeBench({"numpy": "2.1.3", "runnable-papers": "0.1.0"})
    report = examine(tmp_path, monkeypatch, bench)
    assert "1 of 2 pins of pins.txt installed" in report
    assert "no wheel for this Python: xgboost==3.4.1" in report
    assert "added 1: runnable-papers 0.1.0" in report
    assert "replaced 0: none" in report
    assert "without an extra downloads 3.0 MB of at most 60: runnable-papers 3.0" in report
    assert "on Python 3.12.1" in report
    assert "| tart | 3.0 | none | none | ran to its end | 12 |" in report
    assert (tmp_path / "build" / "report.txt").read_text() == report + "\n"


@pytest.mark.parametrize(
    ("after", "problem", "message"),
    [
        ({"numpy": "2.4.0"}, "", "replaced 1: numpy 2.1.3 -> 2.4.0"),
        ({"numpy": "2.1.3"}, "failed\n    ValueError", "ValueError"),
    ],
)
def test_a_replaced_package_or_a_failing_notebook_fails(
    tmp_path, monkeypatch, after, problem, message
):
    with pytest.raises(colab.ColabCheckFailed, match=message):
        examine(tmp_path, monkeypatch, FakeBench(after, problem))


BASE = {"numpy": "2.1.3", "runnable-papers": "0.1.0"}


def test_a_chapter_runs_with_its_own_extra_which_goes_again(tmp_path, monkeypatch):
    bench = FakeBench(BASE, "", BASE, BASE | {"wordfreq": "3.1.1"}, megabytes=57.0)
    report = examine(tmp_path, monkeypatch, bench, "leximark")
    assert "| leximark | 114.0 | wordfreq 57.0 | none | ran to its end | 12 |" in report
    assert bench.asked[-1][0] == "install"
    assert bench.asked[-1][-1].endswith("[leximark]")
    assert bench.removed == ["wordfreq"]


def test_an_extra_that_replaces_a_package_fails(tmp_path, monkeypatch):
    bench = FakeBench(BASE, "", BASE, BASE | {"numpy": "2.4.0"})
    with pytest.raises(colab.ColabCheckFailed, match=r"\| numpy 2\.1\.3 -> 2\.4\.0 \|"):
        examine(tmp_path, monkeypatch, bench, "leximark")


def test_a_check_goes_on_with_the_chapters_that_did_not_pass(tmp_path, monkeypatch):
    failing = FakeBench(BASE, "failed\n    ValueError")
    with pytest.raises(colab.ColabCheckFailed, match="tart: failed"):
        examine(tmp_path, monkeypatch, failing)
    left = FakeBench({})  # what an interrupted check left there is removed
    left.lists = [BASE | {"stray": "1"}]
    report = examine(tmp_path, monkeypatch, left, "tart", "mamba3", go_on=True)
    assert left.asked == []  # nothing is installed again
    assert left.ran == ["tart", "mamba3"]
    assert left.removed == ["stray", "stray"]
    assert "| tart | 3.0 | none | none | ran to its end | 12 |" in report
    again = FakeBench({})
    assert examine(tmp_path, monkeypatch, again, "tart", "mamba3", go_on=True) == report
    assert again.ran == []


def test_another_python_needs_a_torch_of_its_own(bench, monkeypatch):
    monkeypatch.setattr(bench, "call", lambda *command: "Python 2.7.18\n")
    with pytest.raises(colab.ColabCheckFailed, match=r"Python 2\.7\.18.*say with --torch"):
        bench.create()


def test_a_reader_who_waits_too_long_fails_the_check(tmp_path, monkeypatch):
    with pytest.raises(colab.ColabCheckFailed, match=r"61\.0 MB of at most 60"):
        examine(tmp_path, monkeypatch, FakeBench(BASE, megabytes=61.0))


def test_what_pip_downloads_is_weighed(bench, monkeypatch, tmp_path):
    def pip(*arguments):
        folder = Path(arguments[arguments.index("--dest") + 1])
        folder.mkdir(parents=True)
        (folder / "x.whl").write_bytes(b"0" * 2_500_000)

    monkeypatch.setattr(bench, "pip", pip)
    source = tmp_path / "source"
    source.mkdir()
    for name in colab.SOURCES:
        (source / name).write_text("x = 1\n" * 100_000)
    (source / "build").write_bytes(random.Random(0).randbytes(1_000_000))
    sizes = bench.megabytes({"gguf": "0.19", "runnable-papers": "1"}, source)
    assert sizes["gguf"] == 2.5
    assert 0 < sizes["runnable-papers"] < 0.1  # packed
    assert colab.listed(sizes).startswith("gguf 2.5, runnable-papers 0.0")
