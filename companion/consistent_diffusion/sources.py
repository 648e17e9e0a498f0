"""The authors' trajectory of alanine dipeptide: downloaded, checked, and cut to five beads.

460 MB from the group's server, no license stated: read here, never shipped.  It is needed at
``paper`` scale only, and so is h5py, which reads it.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np

from companion.data import DataUnavailable

URL = (
    "http://ftp.mi.fu-berlin.de/pub/cmb-data/bgmol/datasets/minipeptides/AImplicitUnconstrained.tgz"
)
MD5 = "f18b9a9c06f3590f1632ca99161c6553"
MEMBER = "traj0.h5"

N_ATOMS = 22
BEADS = (4, 6, 8, 14, 16)
"""Atoms that are kept: C of ACE; N, CA, C of ALA; N of NME (the paper's five beads)."""


def download(folder: Path) -> Path:
    """The archive in `folder`, checked against its MD5; downloaded only if it is not there.

    Raises
    ------
    DataUnavailable : the server cannot be reached, or sends another file
    """
    import pooch

    try:
        fetched = pooch.retrieve(
            URL, known_hash=f"md5:{MD5}", fname=URL.rpartition("/")[2], path=folder
        )
    except (OSError, ValueError) as error:
        raise DataUnavailable(
            f"the authors' trajectory is not here: {error}. Download {URL} into {folder} "
            f"(MD5 {MD5}), or stay at scale 'book', which has frames of its own"
        ) from error
    return Path(fetched)


def extract(archive: Path, folder: Path) -> Path:
    """The trajectory out of the archive, to ``folder / "traj0.h5"``.

    Raises
    ------
    ValueError : the archive does not hold exactly one file of that name
    """
    target = folder / MEMBER
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    with tarfile.open(archive) as packed:
        found = [m for m in packed if m.isfile() and Path(m.name).name == MEMBER]
        if len(found) != 1:
            raise ValueError(f"{archive} holds {len(found)} files named {MEMBER}, expected one")
        stream = packed.extractfile(found[0])
        with fresh.open("wb") as out:
            while block := stream.read(1 << 20):
                out.write(block)
    fresh.replace(target)
    return target


def read_beads(path: Path, n: int, rng: np.random.Generator) -> np.ndarray:
    """n random frames, in the order of time, centered: (n, 5, 3) float32 in nm.

    path : HDF5 in mdtraj's layout, ``coordinates`` of shape (frames, 22, 3)

    Raises
    ------
    DataUnavailable : h5py is not installed
    ValueError : the file has another layout, another unit, or fewer than n frames
    """
    try:
        import h5py
    except ImportError as error:
        raise DataUnavailable(
            "reading the authors' trajectory needs h5py: pip install h5py"
        ) from error
    with h5py.File(path, "r") as stored:
        if "coordinates" not in stored:
            raise ValueError(f"{path} has {sorted(stored)}, expected 'coordinates'")
        coordinates = stored["coordinates"]
        if coordinates.ndim != 3 or coordinates.shape[1:] != (N_ATOMS, 3):
            raise ValueError(f"coordinates have shape {coordinates.shape}, expected (n, 22, 3)")
        if (unit := _text(coordinates.attrs.get("units", b"nanometers"))) != "nanometers":
            raise ValueError(f"coordinates are in {unit!r}, expected 'nanometers'")
        if len(coordinates) < n:
            raise ValueError(f"{path} has {len(coordinates):,} frames, {n:,} are wanted")
        chosen = np.sort(rng.choice(len(coordinates), n, replace=False))
        beads = np.empty((n, len(BEADS), 3), dtype=np.float32)
        for start in range(0, len(coordinates), 100_000):  # whole blocks: rows one by one are slow
            rows = (chosen >= start) & (chosen < start + 100_000)
            if rows.any():
                block = coordinates[start : start + 100_000]
                beads[rows] = block[chosen[rows] - start][:, list(BEADS)]
    return beads - beads.mean(1, keepdims=True)


def published_beads(folder: Path, n: int, rng: np.random.Generator) -> np.ndarray:
    """Download, extract, and read: (n, 5, 3) float32 in nm; the paper takes n = 50,000."""
    return read_beads(extract(download(folder), folder), n, rng)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
