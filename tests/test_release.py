"""Packing the data release."""

from __future__ import annotations

import hashlib
import re

import pytest

from companion import data, release
from companion.data import _registry


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror with two files that may go out and one that may not, and its registry."""
    entries = {}
    for name, free in (("tart/a.csv", True), ("quartet/b.csv", True), ("tart/c.csv", False)):
        path = tmp_path / "mirror" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}\n")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        size, licence = path.stat().st_size, "MIT" if free else "none found"
        entries[name] = data.Entry(name, digest, size, licence, f"from {name}", free, "Ada")
    monkeypatch.setattr(release, "registry", lambda: entries)
    return tmp_path / "mirror"


def test_what_may_go_out_is_packed_with_sums_and_licenses(mirror, tmp_path):
    out = tmp_path / "new" / "out"
    packed = release.pack(mirror, out)
    names = {path.name for path in out.iterdir()}
    assert names == {"tart--a.csv", "quartet--b.csv", "SHA256SUMS", "LICENSES.md"}
    assert set(packed.assets) == set(out.iterdir())
    assert [entry.name for entry in packed.left_out] == ["tart/c.csv"]
    assert (out / "tart--a.csv").read_text() == "content of tart/a.csv\n"
    for line in (out / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert "| `tart/a.csv` | MIT | Ada | from tart/a.csv |" in (out / "LICENSES.md").read_text()
    assert "c.csv" not in (out / "LICENSES.md").read_text()


def test_names_are_those_that_readers_download(mirror, tmp_path):
    release.pack(mirror, tmp_path / "out")
    assets = {entry.asset for entry in release.registry().values() if entry.ships}
    assert assets <= {path.name for path in (tmp_path / "out").iterdir()}


def test_every_wrong_or_missing_file_is_named_and_nothing_is_written(mirror, tmp_path):
    (mirror / "tart/a.csv").write_text("changed")
    (mirror / "quartet/b.csv").unlink()
    with pytest.raises(release.CannotPack) as error:
        release.pack(mirror, tmp_path / "out")
    assert "tart/a.csv: SHA-256 is " in str(error.value)
    assert "quartet/b.csv: not in " in str(error.value)
    assert {path.name for path in tmp_path.iterdir()} == {"mirror"}


def test_a_file_that_stays_out_need_not_be_there(mirror, tmp_path):
    (mirror / "tart/c.csv").unlink()
    assert len(release.pack(mirror, tmp_path / "out").assets) == 4


def test_a_folder_that_holds_something_is_left_alone(mirror, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    release.pack(mirror, out)  # an empty folder is fine
    with pytest.raises(FileExistsError, match="not an empty folder"):
        release.pack(mirror, out)
    assert len(list(out.iterdir())) == 4


def test_a_full_disk_leaves_nothing(mirror, tmp_path, monkeypatch):
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(release.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        release.pack(mirror, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"mirror"}


def test_without_a_mirror_the_package_is_packed(tmp_path):
    packed = release.pack(None, tmp_path / "out")
    names = {path.name for path in packed.assets} - {"SHA256SUMS", "LICENSES.md"}
    assert names == {entry.asset for entry in data.registry().values() if entry.ships}
    for line in (tmp_path / "out" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        raw = (tmp_path / "out" / name).read_bytes()
        assert hashlib.sha256(raw).hexdigest() == digest


def test_the_registry_knows_every_license():
    for name, entry in data.registry().items():
        assert len(entry.sha256) == 64
        assert entry.bytes > 0
        assert entry.origin
        assert entry.ships == (entry.licence in PERMISSIVE or entry.facts), name
        assert entry.facts == (entry.licence == FACTS), name
        if entry.licence in PERMISSIVE - {"CC0-1.0"}:
            assert entry.copyright, f"{name}: {entry.licence} asks to name somebody"


PERMISSIVE = {
    *("MIT", "Apache-2.0", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "MIT AND Apache-2.0"),
}
"""Licenses that allow redistribution; anything else stays out, unless it is facts."""

FACTS = "none found; numbers transcribed as facts"


def notice() -> str:
    """The notice as it lies in the package."""
    return (_registry.FILES / "LICENSES.md").read_text(encoding="utf-8")


def test_the_notice_is_up_to_date():
    assert notice() == release.licences(release.shipped()), "run `companion sync`"


def test_the_notice_names_every_file_of_the_package_and_no_other():
    named = re.findall(r"^\| `([^`]+)` \|", notice(), re.MULTILINE)
    there = [path for path in _registry.FILES.rglob("*") if path.is_file()]
    there = {path.relative_to(_registry.FILES).as_posix() for path in there} - {"LICENSES.md"}
    assert len(named) == len(there)
    assert set(named) == there
    for name, entry in data.registry().items():
        assert entry.ships or name not in notice()


def test_the_notice_has_what_the_licenses_ask_for():
    text = notice()
    for words in (
        "The above copyright notice and this permission notice shall be included in all\ncopies",
        "THE SOFTWARE IS PROVIDED",
        "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION",
        "END OF TERMS AND CONDITIONS",
        "<https://creativecommons.org/licenses/by/4.0/>",
        "<https://creativecommons.org/licenses/by-sa/4.0/>",
        "Copyright (c) 2024 EPFL Machine Learning and Optimization Laboratory",
        "Copyright (c) 2024 IBM",
        "Copyright (c) 2026 Aditya Patra",
    ):
        assert words in text
    for entry in data.registry().values():
        if entry.ships and entry.copyright:
            assert f"| {entry.copyright} |" in text


def test_a_license_without_a_place_in_the_notice_has_no_text():
    plain = data.Entry("a/b", "0" * 64, 1, "MIT", "here", True, "Ada")
    facts = data.Entry("a/c", "0" * 64, 1, FACTS, "there", True, facts=True)
    text = release.licences([plain, facts])
    assert "## MIT" in text
    assert "Apache" not in text
    assert "| `a/c` | facts |  | there |" in text
