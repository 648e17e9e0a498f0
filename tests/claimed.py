"""The claims of a chapter."""

from __future__ import annotations

from importlib import import_module

from companion import imports
from companion.claims import Claim

PLACES = ("verdict", "verdict.claims", "claims")


def by(chapter: str) -> tuple[Claim, ...]:
    """Claims of the package `chapter`: those of its registry, or its constant ``CLAIMS``."""
    known = imports.modules()
    for name in (f"{chapter}.{place}" for place in PLACES):
        module = import_module(name) if name in known else None
        if hasattr(module, "verdicts"):
            return tuple(module.verdicts.claims)
        if hasattr(module, "CLAIMS"):
            return tuple(module.CLAIMS)
    raise LookupError(f"{chapter} has no claims")
