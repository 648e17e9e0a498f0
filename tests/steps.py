"""A small chapter package whose code a test may change, for stores and sweeps."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import companion
from companion import fingerprint, results

SOURCE = '''
"""A chapter for tests."""

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.data import DataUnavailable, Missing, fetch
from companion.sweep import sweep

CALLS = []
GONE = False


@dataclass(frozen=True)
class Settings:
    n: int = 3
    width: float = 1.0
    seeds: int = 4
    n_jobs: int = 1

    @property
    def area(self):
        return self.n * self.width


class Grid(NamedTuple):
    x: np.ndarray
    name: str = "grid"


def table():
    CALLS.append("table")
    if GONE:
        raise DataUnavailable("the table is not here", short="No table.")
    return Grid(np.arange(4.0), "model-ecosystem/hub_families_nodes.csv.gz")


def grid(settings, seed):
    CALLS.append("grid")
    return Grid(factor() * np.arange(settings.n) + seed)


def area(settings):
    CALLS.append("area")
    return settings.area


def total(found):
    CALLS.append("total")
    return float(found.x.sum())


def of_table(found, settings):
    CALLS.append("of_table")
    return {"sum": found.x.sum() * settings.width}


def size(found):
    return len(found)


def factor():
    return 2.0


def clock():
    CALLS.append("clock")
    return time.perf_counter()


def timed(seed):
    return pd.DataFrame({"x": [seed], "seconds": [time.perf_counter()]})


def absent(settings):
    CALLS.append("absent")
    return Missing(f"{settings.n} pairs")


def many(settings, seed, n_jobs=1):
    CALLS.append("many")
    return sweep(one, range(seed, seed + settings.seeds), n_jobs=n_jobs)


BAD = set()


def one(seed):
    CALLS.append(seed)
    if seed in BAD:
        raise ValueError(f"diverged at {seed}")
    if -seed in BAD:
        raise KeyboardInterrupt
    return np.full(2, float(seed))


def network():
    return iter(())
'''


class _Both(fingerprint.Sources):
    """The installed package, with one module more."""

    extra: Path

    def file(self, module):
        return self.extra if module == "companion.toychapter" else super().file(module)


def install(folder: Path, monkeypatch, old: str = "", new: str = ""):
    """The module, as if it stood in the package; `old` in its source becomes `new`."""
    assert old in SOURCE
    path = folder / "toychapter.py"
    path.write_text(SOURCE.replace(old, new) if old else SOURCE)
    sources = _Both(Path(companion.__file__).parent.parent)
    sources.extra = path
    monkeypatch.setattr(companion, "__path__", [*companion.__path__, str(folder)])
    monkeypatch.setattr(fingerprint, "_installed", lambda: sources)
    monkeypatch.delitem(sys.modules, "companion.toychapter", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.invalidate_caches()
    results._classes.cache_clear()
    return importlib.import_module("companion.toychapter")
