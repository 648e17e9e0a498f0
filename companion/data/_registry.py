"""What data files exist, and what they must be."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REGISTRY = Path(__file__).with_name("registry.toml")


@dataclass(frozen=True)
class Entry:
    """One data file.

    name : ``"<slug>/<file>"``; sha256 : hexadecimal; bytes : size
    licence, origin : of the data, as published
    release : whether the licence lets us attach the file to our own release
    """

    name: str
    sha256: str
    bytes: int
    licence: str
    origin: str
    release: bool

    @property
    def asset(self) -> str:
        """Name of the file as an asset of the data release (assets have no folders)."""
        return self.name.replace("/", "--")


@cache
def registry() -> dict[str, Entry]:
    """All entries by name."""
    tables = tomllib.loads(REGISTRY.read_text(encoding="utf-8"))
    return {name: Entry(name=name, **table) for name, table in tables.items()}
