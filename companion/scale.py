"""The three scales of a chapter, and everything that makes a run repeatable.

A notebook is one experiment at one of three sizes.  Whatever depends on the size is a field of the
chapter's frozen ``Settings``; this module picks the preset, derives random generators from the one
seed of the run, and chooses device and thread count.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import io
import math
import os
import sys
import textwrap
import tokenize
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

if TYPE_CHECKING:
    import torch
    from threadpoolctl import ThreadpoolController

SCALES = ("toy", "book", "paper")
"""``toy``: half a minute; ``book``: the published numbers; ``paper``: a GPU and the Hub."""

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


def sized(
    toy: object,
    book: object = dataclasses.MISSING,
    paper: object = dataclasses.MISSING,
    *,
    least: float | None = None,
) -> Any:
    """A setting that depends on the scale; a field of a class of settings, see :class:`Sized`.

    book : as `toy` if not given; paper : as `book` if not given
    least : the smallest value that makes sense, checked whenever settings are made
    """
    book = toy if book is dataclasses.MISSING else book
    paper = book if paper is dataclasses.MISSING else paper
    about = dict(zip(SCALES, (toy, book, paper), strict=True)) | {"least": least}
    return dataclasses.field(kw_only=True, metadata=about)


class Sized:
    """Settings that say on one line what a setting is at each scale::

        @dataclass(frozen=True)
        class Settings(Sized):
            n_seeds: int = sized(toy=2, book=8, least=2)  # independent worlds (C1)
            steps: int = sized(toy=100, book=2_000, paper=10_000)  # of every training
            width: int = sized(64)  # of every network, at every scale


        PRESETS = Settings.presets()

    The comment, beside a field or in the lines right above it, is its help (:func:`help_text`).
    No value is a default: a test takes ``dataclasses.replace(PRESETS["toy"], n_seeds=6)``.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            least, value = field.metadata.get("least"), getattr(self, field.name)
            if least is not None and not value >= least:
                raise ValueError(f"{field.name} must be at least {least}, got {value}")

    @classmethod
    def presets(cls: type[SettingsT]) -> dict[str, SettingsT]:
        """Scale -> the settings there."""
        found = [field for field in dataclasses.fields(cls) if set(SCALES) <= set(field.metadata)]
        return {
            scale: cls(**{field.name: field.metadata[scale] for field in found}) for scale in SCALES
        }


def help_text(presets: Mapping[str, object]) -> str:
    """Every setting on a line: its name, its value at each scale, and its comment.

    presets : mapping from scale to a dataclass instance; without comments where the source of its
        class is not at hand
    """
    settings = type(presets["toy"])
    try:
        comments = _comments_of_fields(textwrap.dedent(inspect.getsource(settings)))
    except (OSError, TypeError):
        comments = {}
    lines = []
    for field in dataclasses.fields(settings):
        values = {scale: getattr(presets[scale], field.name) for scale in SCALES}
        one, *others = values.values()
        said = ", ".join(f"{scale} {value!r}" for scale, value in values.items())
        told = said if any(other != one for other in others) else repr(one)
        comment = comments.get(field.name)
        lines.append(f"{field.name}: {told}" + (f"  # {comment}" if comment else ""))
    return "\n".join(lines)


def _comments_of_fields(source: str) -> dict[str, str]:
    """The comments of the fields of the class in `source`: ``name: type = value  # comment``."""
    found: dict[str, str] = {}
    line: list[tokenize.TokenInfo] = []  # of one logical line
    above: list[str] = []  # comments between the last one and this
    skipped = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NL and not line and not token.line.strip():
            above = []
        elif token.type == tokenize.COMMENT:
            above.append(token.string.lstrip("# ").rstrip())
        elif token.type == tokenize.NEWLINE:
            if len(line) > 1 and line[0].type == tokenize.NAME and line[1].string == ":":
                found[line[0].string] = " ".join(above)
            line, above = [], []
        elif token.type not in skipped:
            line.append(token)
    return {name: comment for name, comment in found.items() if comment}


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
