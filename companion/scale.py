"""The three scales of a chapter, and everything that makes a run repeatable.

A notebook is one experiment at one of three sizes.  Whatever depends on the size is a field of the
chapter's frozen ``Settings``; this module picks the preset, derives random generators from the one
seed of the run, and chooses device and thread count.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

SCALES = ("toy", "book", "paper")
"""``toy``: a minute on two cores; ``book``: the published numbers; ``paper``: a GPU and the Hub."""

SettingsT = TypeVar("SettingsT")


def check_scale(scale: str) -> str:
    """Return `scale` if it is one of :data:`SCALES`, else raise ``ValueError`` naming the three."""
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}; choose one of {', '.join(SCALES)}")
    return scale


def settings_for(
    presets: Mapping[str, SettingsT], scale: str, overrides: Mapping[str, object] | None = None
) -> SettingsT:
    """The chapter's settings at `scale`, with single fields replaced.

    Parameters
    ----------
    presets : mapping from scale to a frozen dataclass instance
    scale : one of :data:`SCALES`
    overrides : mapping from field name to value; the value must have the type of the preset's
        (an ``int`` is accepted for a ``float``, a list for a tuple)

    Raises
    ------
    ValueError
        Unknown scale, unknown field (the message lists the fields) or a value of another type.
    """
    preset = presets[check_scale(scale)]
    allowed = {field.name: getattr(preset, field.name) for field in dataclasses.fields(preset)}
    changes = {}
    for name, value in (overrides or {}).items():
        if name not in allowed:
            raise ValueError(f"unknown setting {name!r}; allowed are {', '.join(sorted(allowed))}")
        changes[name] = _as_type_of(allowed[name], name, value)
    return dataclasses.replace(preset, **changes)


def _as_type_of(example: object, name: str, value: object) -> object:
    """Convert what TOML and JSON cannot say (tuples, whole floats); refuse everything else."""
    if isinstance(example, tuple) and isinstance(value, list | tuple):
        return tuple(value)
    if isinstance(example, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if example is not None and type(value) is not type(example):
        raise ValueError(
            f"setting {name!r} is {type(example).__name__}, got {value!r} "
            f"({type(value).__name__}); for example {name}={example!r}"
        )
    return value


def derive_seed(seed: int, *names: object) -> int:
    """A 63-bit seed that is a pure function of the run's seed and the names of its use.

    Streams with different names are independent, so adding an experiment to a chapter leaves the
    random numbers of the others as they were.
    """
    text = "/".join([str(int(seed)), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: object) -> np.random.Generator:
    """A numpy generator for one named use, e.g. ``generator(SEED, "bootstrap", layer)``."""
    return np.random.default_rng(derive_seed(seed, *names))


def torch_generator(seed: int, *names: object, device: str = "cpu") -> torch.Generator:
    """A torch generator on `device` for one named use."""
    import torch

    return torch.Generator(device=device).manual_seed(derive_seed(seed, *names))


def seed_everything(seed: int) -> None:
    """Seed the global generators of python, numpy and torch.

    Our own code takes generators as arguments; this is for libraries that still draw from the
    global ones (module initialisation in torch, for example).
    """
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (the global state is the point here)
    torch.manual_seed(seed)


def device() -> str:
    """``"cuda"``, ``"mps"`` or ``"cpu"``, the first that works; ``COMPANION_DEVICE`` overrides."""
    import torch

    if chosen := os.environ.get("COMPANION_DEVICE"):
        return chosen
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def n_threads() -> int:
    """Threads this process may use: ``OMP_NUM_THREADS`` when set, else the cores it may run on."""
    value = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(value)) if value.isdigit() else n_cores()


def n_cores() -> int:
    """Cores that this process is allowed to run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes on one thread within the block, and as before after it.

    Operations on a few thousand numbers gain nothing from a second thread, and lose much where the
    machine is busy, because each of them waits for the slower one.  One thread also keeps the
    order of sums, so results are the same on machines with different numbers of cores.  Works as a
    decorator too: ``@one_thread()``.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
