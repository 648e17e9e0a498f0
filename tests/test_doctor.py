"""The doctor finds what is missing, and only then says so."""

from __future__ import annotations

import sys
from importlib import metadata
from types import SimpleNamespace

import pytest
import torch

from companion import data, doctor, extras, wheels
from companion.data import _registry
from tests import copies


@pytest.fixture
def book(tmp_path):
    """A copy of the sources with two chapters that need a model and data."""
    project = copies.make(tmp_path)
    copies.start(project, "massive-activations")
    return project


def found(project, **changes) -> dict[str, list[doctor.Check]]:
    """The checks by name."""
    by_name: dict[str, list[doctor.Check]] = {}
    for check in doctor.examine(project, timeout=0.2, **changes):
        by_name.setdefault(check.name, []).append(check)
    return by_name


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test waits for the network."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


def test_everything_that_the_assignment_of_a_doctor_is(book):
    names = set(found(book))
    assert names == {
        *(
            "python",
            "packages",
            "chapter extras",
            "book extra",
            "torch",
            "device",
            "threads",
            "checkout",
            "model",
        ),
        *("data", "disk, build", "disk, cache", "network"),
    }


def test_what_is_here_is_ok(book):
    checks = found(book)
    for name in ("python", "packages", "torch", "device", "threads", "checkout"):
        assert checks[name][0].status == doctor.OK
    version, told = checks["torch"][0].text.split(", ", 1)
    assert version == metadata.version("torch")
    assert told.startswith("built for CUDA" if torch.version.cuda else "a CPU build")
    assert "3 GB" in told
    assert "7 GB" in told
    assert "1 chapter ready, no public address yet" in checks["checkout"][0].text


def test_a_chapter_without_its_extra_is_a_note_that_names_it(book, monkeypatch):
    copies.start(book, "leximark")
    assert found(book)["chapter extras"][0].status == doctor.OK
    monkeypatch.setattr(extras, "_is_installed", lambda name: name != "wordfreq")
    (note,) = found(book)["chapter extra"]
    assert note.status == doctor.NOTE
    assert note.text == "leximark also needs wordfreq: pip install 'runnable-papers[leximark]'"


def test_an_old_python_is_missing(book, monkeypatch):
    monkeypatch.setattr(doctor, "PYTHON", (9, 9))
    assert found(book)["python"][0].status == doctor.MISSING


def test_a_torch_that_cannot_be_imported_is_missing(book, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    checks = found(book)
    assert checks["torch"][0].status == doctor.MISSING
    assert "device" not in checks


@pytest.mark.parametrize(
    ("requires", "extra", "unmet"),
    [
        (["numpy>=1"], "", []),
        (["numpy>=99"], "", ["numpy>=99 (found 2.0.0)"]),
        (["scipy"], "", ["scipy (not installed)"]),
        (['scipy; extra == "book"'], "", []),
        (['scipy; extra == "book"', "gone"], "book", ["scipy (not installed)"]),
        (['scipy; python_version < "3"'], "", []),
        (['scipy; extra == "test"'], "book", []),
    ],
)
def test_requirements_are_held_against_what_is_installed(monkeypatch, requires, extra, unmet):
    def version(name: str) -> str:
        if name != "numpy":
            raise metadata.PackageNotFoundError(name)
        return "2.0.0"

    fake = SimpleNamespace(
        requires=lambda name: requires,
        version=version,
        PackageNotFoundError=metadata.PackageNotFoundError,
    )
    monkeypatch.setattr(doctor, "metadata", fake)
    assert doctor.unmet("runnable-papers", extra) == unmet


def test_a_package_that_is_not_installed_is_unmet_itself():
    assert doctor.unmet("no-such-distribution") == ["no-such-distribution"]


def test_models_are_a_note_with_what_to_do(book, monkeypatch):
    for version, status in (("0.1.2", doctor.OK), ("0.1.1", doctor.NOTE), (None, doctor.NOTE)):
        monkeypatch.setattr(wheels.Wheel, "installed", lambda wheel, version=version: version)
        (check,) = found(book)["model"]
        assert check.status == status
        assert ("companion models --install" in check.text) == (status == doctor.NOTE)


@pytest.fixture
def poor(tmp_path, monkeypatch):
    """No mirror and an empty cache."""
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COMPANION_DATA", raising=False)


def test_data_that_ship_are_counted(book, poor):
    (check,) = found(book)["data"]
    assert check == doctor.Check(
        doctor.OK, "data", "all 4 files that ship with the package are here"
    )


def test_a_package_without_its_data_is_said(book, poor, tmp_path, monkeypatch):
    monkeypatch.setattr(_registry, "FILES", tmp_path / "package")
    (check,) = found(book)["data"]
    assert check.status == doctor.MISSING
    assert check.text.startswith("0 of 4 files that ship with the package are here; not here: ")
    bad = tmp_path / "package" / "massive-activations" / "paper_tables.json"
    bad.parent.mkdir(parents=True)
    bad.write_text("{}")
    first, second = found(book)["data"]
    assert first.status == second.status == doctor.MISSING
    assert data.registry()["massive-activations/paper_tables.json"].sha256 in first.text
    assert second.text.startswith("1 of 4 files")


def test_data_that_do_not_ship_are_a_note_with_the_reason(book, poor, tmp_path, monkeypatch):
    copies.start(book, "tart")
    (check,) = found(book)["data, other"]
    assert check.status == doctor.NOTE
    assert check.text == (
        "2 files do not ship, 0 of them here (COMPANION_DATA is not set): tart/sms_spam.csv, "
        "tart/youtube_spam.csv (texts by other people, under a license that is not confirmed)"
    )
    bad = tmp_path / "mirror" / "tart" / "sms_spam.csv"
    bad.parent.mkdir(parents=True)
    bad.write_text("label,text\n")
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "mirror"))
    (corrupt,) = found(book)["data"]
    assert corrupt.status == doctor.MISSING
    assert data.registry()["tart/sms_spam.csv"].sha256 in corrupt.text


def test_a_full_disk_is_missing(book, monkeypatch):
    full = SimpleNamespace(disk_usage=lambda place: SimpleNamespace(free=3 * 10**6))
    monkeypatch.setattr(doctor, "shutil", full)
    (check,) = found(book)["disk, build"]
    assert check.status == doctor.MISSING
    assert "3 MB free" in check.text


def test_no_network_is_a_note_and_any_answer_will_do(book, monkeypatch):
    assert found(book)["network"][0].status == doctor.NOTE

    def refuse(request, timeout):
        raise doctor.urllib.error.HTTPError(request.full_url, 503, "", {}, None)

    monkeypatch.setattr(doctor.urllib.request, "urlopen", refuse)
    assert found(book)["network"][0].status == doctor.OK


def test_the_last_line_sums_up():
    good = doctor.Check(doctor.OK, "a", "x")
    bad = doctor.Check(doctor.MISSING, "longer", "y")
    assert doctor.text([good]).endswith("Everything that is required is here")
    assert doctor.text([good, bad]).endswith("1 required thing is missing")
    assert doctor.text([bad, bad]).endswith("2 required things are missing")
