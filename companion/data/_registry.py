"""What data files exist, and what they must be."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REGISTRY = Path(__file__).with_name("registry.toml")

FILES = Path(__file__).with_name("files")
"""The files that ship with the package, as ``<slug>/<file>``."""


@dataclass(frozen=True)
class Entry:
    """One data file.

    name : ``"<slug>/<file>"``; sha256 : hexadecimal; bytes : size
    licence, origin : of the data, as published
    ships : whether the file lies in the package and in the data release: its license allows it, or
        it holds facts
    copyright : whom the license asks to name; empty where it asks for nobody
    facts : numbers printed in a paper or by its authors, transcribed for this book
    why : in words, why a file does not ship; empty for one that does
    """

    name: str
    sha256: str
    bytes: int
    licence: str
    origin: str
    ships: bool
    copyright: str = ""
    facts: bool = False
    why: str = ""

    @property
    def asset(self) -> str:
        """Name of the file as an asset of the data release (assets have no folders)."""
        return self.name.replace("/", "--")


@cache
def registry() -> dict[str, Entry]:
    """All entries by name."""
    tables = tomllib.loads(REGISTRY.read_text(encoding="utf-8"))
    return {name: Entry(name=name, **table) for name, table in tables.items()}
