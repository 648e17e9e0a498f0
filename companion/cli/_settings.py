"""``--set key=value``: from text to the overrides of a chapter's settings."""

from __future__ import annotations

import importlib
import json
import tomllib
from collections.abc import Iterable

from companion.papers import Paper


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
