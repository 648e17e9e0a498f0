"""What processes do that are killed on the way; each is begun again until it ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# The first optimizer of a process imports it: once in the server, not in each fork.
import torch._dynamo  # noqa: F401

from companion import data, repository, results, sweep
from companion.data import _fetch, _registry
from companion.scale import derive_seed
from companion.tart.lab import shipped
from companion.tart.method.module import HeadConfig
from companion.tart.method.training import Curriculum, HeadRecipe

N_JOBS = 60
CONTENT = np.random.default_rng(0).bytes(300_000)

RECIPE = HeadRecipe(
    head=HeadConfig(d=4, n_pairs=6, n_embd=16, n_layers=1, n_heads=2, repeats=True),
    curriculum=Curriculum(d_start=2, d_step=2, n_start=4, n_step=2, every=100),
    steps=200,
    lr=1e-3,
    batch=4,
)


def swept(folder: Path) -> None:
    """A sweep that keeps its jobs."""
    with sweep.kept_in(folder):
        found = sweep.sweep(derive_seed, range(N_JOBS), n_jobs=1)
    results.save(folder / "all.npz", found)


def stored(folder: Path) -> None:
    """The store, one value over the other; the last one stays."""
    results.forget_parts(folder)
    for i in range(100):
        results.save(folder / "value.npz", {"x": np.full(20_000, float(i)), "i": i})


def stored_whole(folder: Path) -> None:
    """Whatever is there is one of the values, whole."""
    if (folder / "value.npz").exists():
        value = results.load(folder / "value.npz")
        assert (value["x"] == value["i"]).all()


def fetched(folder: Path, address: str) -> None:
    """A download of 300 kB into a cache of its own."""
    entry = data.Entry("demo/a.bin", _registry_hash(), len(CONTENT), "MIT", "made here", ships=True)
    _registry.FILES = folder / "package"
    _fetch.registry = lambda: {entry.name: entry}
    _fetch.cache_folder = lambda env=None: folder / "cache"
    _fetch.PATIENCE, _fetch.SLOWEST = 20.0, 1e9
    _fetch.MARGIN = -20.0  # leftovers are old at once: there is one download at a time
    repository.url = lambda project=None: address
    assert data.fetch(entry.name).read_bytes() == CONTENT


def _registry_hash() -> str:
    import hashlib

    return hashlib.sha256(CONTENT).hexdigest()


def made(folder: Path) -> None:
    """A maker with checkpoints, as ``companion make`` calls it."""
    results.forget_parts(folder / "run")
    shipped.make_head(
        folder / "run", lambda _line: None, recipe=RECIPE, falling=20, folder=folder / "made"
    )
