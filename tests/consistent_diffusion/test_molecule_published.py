"""The authors' trajectory, by a tiny stand-in with the same layout that is written here."""

from __future__ import annotations

import sys
import tarfile

import h5py
import numpy as np
import pytest

from companion.consistent_diffusion import sources as published
from companion.data import DataUnavailable


def write(path, coordinates, units="nanometers", name="coordinates"):
    with h5py.File(path, "w") as stored:
        stored.create_dataset(name, data=coordinates)
        stored[name].attrs["units"] = units
        stored.create_dataset("time", data=np.arange(len(coordinates), dtype="f4"))
    return path


@pytest.fixture
def coordinates() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(30, 22, 3)).astype("f4")


def test_beads_of_random_frames_in_order(tmp_path, coordinates):
    path = write(tmp_path / "traj0.h5", coordinates)
    beads = published.read_beads(path, 12, np.random.default_rng(5))
    assert beads.shape == (12, 5, 3)
    assert beads.dtype == np.float32
    expected = coordinates[:, [4, 6, 8, 14, 16]]
    expected = expected - expected.mean(1, keepdims=True)
    rows = [int(np.abs(expected - frame).max((1, 2)).argmin()) for frame in beads]
    assert rows == sorted(set(rows))
    np.testing.assert_allclose(beads, expected[rows], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"units": "angstroms"}, "angstroms"),
        ({"name": "xyz"}, "expected 'coordinates'"),
        ({"coordinates": np.zeros((30, 10, 3))}, "(30, 10, 3)"),
        ({"coordinates": np.zeros((5, 22, 3))}, "5 frames"),
    ],
)
def test_another_layout_is_refused(tmp_path, coordinates, change, part):
    path = write(tmp_path / "traj0.h5", **({"coordinates": coordinates} | change))
    with pytest.raises(ValueError) as caught:
        published.read_beads(path, 12, np.random.default_rng(0))
    assert part in str(caught.value)


def test_the_archive_is_opened_and_read(tmp_path, coordinates, monkeypatch):
    write(tmp_path / "traj0.h5", coordinates)
    archive = tmp_path / "some.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "traj0.h5", "AImplicitUnconstrained/traj0.h5")
    monkeypatch.setattr(published, "download", lambda folder: archive)
    beads = published.published_beads(tmp_path / "out", 30, np.random.default_rng(0))
    assert beads.shape == (30, 5, 3)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["traj0.h5"]


def test_an_archive_of_something_else_is_refused(tmp_path):
    archive = tmp_path / "some.tgz"
    with tarfile.open(archive, "w:gz"):
        pass
    with pytest.raises(ValueError, match="holds 0 files"):
        published.extract(archive, tmp_path / "out")


def test_no_network_is_said(tmp_path, monkeypatch):
    import pooch

    def refuse(*_args, **named):
        assert named["known_hash"] == f"md5:{published.MD5}"
        raise OSError("no route")

    monkeypatch.setattr(pooch, "retrieve", refuse)
    with pytest.raises(DataUnavailable, match=r"no route.*scale 'book'"):
        published.download(tmp_path)


def test_a_missing_h5py_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataUnavailable, match="pip install h5py"):
        published.read_beads(tmp_path / "x.h5", 1, np.random.default_rng(0))
