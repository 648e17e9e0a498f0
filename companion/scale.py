"""The three scales of a chapter, and everything that makes a run repeatable.

A notebook is one experiment at one of three sizes.  Whatever depends on the size is a field of the
chapter's frozen ``Settings``; this module picks the preset, derives random generators from the one
seed of the run, and chooses device and thread count.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
import os
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import UnionType
from typing import TYPE_CHECKING, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

if TYPE_CHECKING:
    import torch
    from threadpoolctl import ThreadpoolController

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
    overrides : mapping from field name to value; the value must have the field's type (an ``int``
        is accepted for a ``float``, a list for a tuple).  No number may be negative, infinite or
        NaN, and a whole number that is positive in every preset must be at least 1.

    Raises
    ------
    ValueError
        Unknown scale, unknown field (the message lists the fields), a value of another type, or a
        number out of range.
    """
    preset = presets[check_scale(scale)]
    allowed = {field.name: getattr(preset, field.name) for field in dataclasses.fields(preset)}
    kinds = get_type_hints(type(preset))
    changes = {}
    for name, value in (overrides or {}).items():
        if name not in allowed:
            raise ValueError(f"unknown setting {name!r}; allowed are {', '.join(sorted(allowed))}")
        try:
            changes[name] = _converted(kinds[name], value)
        except _Refused:
            raise ValueError(
                f"setting {name!r} is {_name_of(kinds[name])}, got {value!r} "
                f"({type(value).__name__}); for example {name}={allowed[name]!r}"
            ) from None
    settings = dataclasses.replace(preset, **changes)  # the chapter's own checks come first
    for name, value in changes.items():
        known = [n for one in presets.values() for n in _whole_numbers(getattr(one, name))]
        least = int(bool(known) and min(known) > 0)
        if wrong := _out_of_range(value, least):
            raise ValueError(f"setting {name!r} must be {wrong}, got {value!r}")
    return settings


class _Refused(Exception):
    """A value of another type than the setting's."""


def _converted(kind: object, value: object) -> object:
    """`value` as a `kind`, an annotation of a setting; :class:`_Refused` if it is none.

    Converts what TOML and JSON cannot say: tuples, and whole numbers that are floats.
    """
    if get_origin(kind) in (Union, UnionType):
        for one in get_args(kind):
            with suppress(_Refused):
                return _converted(one, value)
        raise _Refused
    if get_origin(kind) is tuple:
        return _converted_tuple(get_args(kind), value)
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if isinstance(kind, type) and type(value) is not kind:
        raise _Refused
    return value


def _converted_tuple(kinds: tuple[object, ...], value: object) -> tuple[object, ...]:
    """`value` as a tuple whose members have the `kinds`, as in ``tuple[int, ...]``."""
    if not isinstance(value, list | tuple):
        raise _Refused
    if kinds[1:] == (Ellipsis,):
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise _Refused
    return tuple(_converted(one, member) for one, member in zip(kinds, value, strict=True))


def _out_of_range(value: object, least: int) -> str:
    """What the numbers in a setting must be and are not; empty if they are.

    least : the smallest whole number
    """
    if isinstance(value, tuple):
        return next(filter(None, (_out_of_range(member, least) for member in value)), "")
    if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
        return "finite and not negative"
    if isinstance(value, int) and not isinstance(value, bool) and value < least:
        return f"at least {least}"
    return ""


def _whole_numbers(value: object) -> Iterator[int]:
    """The whole numbers in a setting, which may be a tuple of tuples."""
    if isinstance(value, tuple):
        for member in value:
            yield from _whole_numbers(member)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value


def _name_of(kind: object) -> str:
    """An annotation as somebody wrote it: ``int``, ``tuple[int, ...]``."""
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)


MAX_SEED = 2**31 - 1
"""The largest seed of a run: every library takes it, and some of its successors."""


def check_seed(seed: int) -> int:
    """Return `seed` if it is a whole number from 0 to :data:`MAX_SEED`, else ``ValueError``."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"a seed is a whole number from 0 to {MAX_SEED}, got {seed!r}")
    return seed


def derive_seed(seed: int, *names: object) -> int:
    """A 63-bit seed that is a pure function of the run's seed and the names of its use.

    Streams with different names are independent, so adding an experiment to a chapter leaves the
    random numbers of the others as they were.  A name counts by its text: 1 and ``"1"`` are one
    name, ``"a/b"`` is another than ``"a", "b"``.
    """
    # The slash separates names, so it is escaped inside of one, and the escape sign too.
    escaped = (str(name).replace("\\", "\\\\").replace("/", "\\/") for name in names)
    text = "/".join([str(int(seed)), *escaped])
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
    """Torch and linear algebra compute on one thread within the block, and as before after it.

    Operations on a few thousand numbers gain nothing from a second thread, and lose much where the
    machine is busy, because each of them waits for the slower one.  One thread also keeps the
    order of sums, so results are the same on machines with different numbers of cores, and beside
    others as alone.  Works as a decorator too: ``@one_thread()``.

    Torch counts if it is imported by then; nothing here needs the seconds that its import takes.
    """
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    if torch:  # first in and last out: it keeps a number that threadpoolctl does not see
        torch.set_num_threads(1)
    try:
        with _pools(len(sys.modules)).limit(limits=1):
            yield
    finally:
        if torch:
            torch.set_num_threads(before)


@functools.lru_cache(maxsize=1)
def _pools(n_modules: int) -> ThreadpoolController:
    """Thread pools of the libraries that are loaded; looking for them takes ten milliseconds.

    n_modules : a new library comes with a new module
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
