"""``--set key=value`` and ``--seeds 0-5``: from text to what a run is given."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from collections.abc import Iterable

from companion.papers import Paper

MOST_SEEDS = 1000
"""At a time: a slip of the finger is no plan for a year."""


def parse(pairs: Iterable[str]) -> dict[str, object]:
    """``["lr=0.1", "sizes=[1, 2]"]`` as a dictionary.

    A value is read as TOML, else as JSON, else it is the text itself (so a word needs no quotes;
    a setting that is no text refuses it later).  ``ValueError`` for a pair without ``=``, a name
    that cannot be a setting, or a name given twice.
    """
    found: dict[str, object] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise ValueError(f"--set {pair!r}: write it as NAME=VALUE, for example lr=0.1")
        if name in found:
            raise ValueError(f"--set {name} is given twice")
        found[name] = value(text.strip())
    return found


def value(text: str) -> object:
    """One value of a setting."""
    try:
        parsed = tomllib.loads(f"value = {text}")
        if set(parsed) == {"value"}:
            return parsed["value"]
    except tomllib.TOMLDecodeError:
        pass
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def check(paper: Paper, scale: str, seed: int | None, overrides: dict[str, object]) -> None:
    """``ValueError``, saying what is allowed, unless the chapter can run like this."""
    from companion.scale import check_scale, check_seed, settings_for

    check_scale(scale)
    if seed is not None:
        check_seed(seed)
    if overrides:
        presets = importlib.import_module(f"{paper.module}.settings").PRESETS
        settings_for(presets, scale, overrides)


def seeds(given: str) -> list[int]:
    """``"0-5"``, ``"7"`` or ``"0-2,9"`` as seeds; ``ValueError`` for anything else."""
    from companion.scale import check_seed

    found: list[int] = []
    for part in given.split(","):
        match = re.fullmatch(r"\s*([0-9]+)(?:-([0-9]+))?\s*", part)
        if not match:
            raise ValueError(f"--seeds {given!r}: write it as 0-5, or as 0,3,7")
        first, last = (check_seed(int(match[i] or match[1])) for i in (1, 2))
        if last < first:
            raise ValueError(f"--seeds {given!r}: {part.strip()} ends before it begins")
        if len(found) + last - first >= MOST_SEEDS:
            raise ValueError(f"--seeds {given!r}: at most {MOST_SEEDS} seeds at a time")
        found += range(first, last + 1)
    if len(set(found)) < len(found):
        raise ValueError(f"--seeds {given!r} names a seed twice")
    return found
