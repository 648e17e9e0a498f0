"""Results at the border of a verdict: what a chapter's judging must not wave through.

Perfect results and useless ones say little about judging, because whatever decides there agrees.
A border result is perfect but for one thing: an interval that crosses while its estimate passes,
one seed or arm or depth that fails, an effect hidden in a large spread that pairs share, a p-value
between the raw and the corrected threshold.  Every chapter lists its own in ``tests/<its folder>/
borders.py``, as :class:`Border` entries and one function ``clean`` that makes perfect results.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, Finding

CROSSES = "the estimate passes and its interval crosses"
ONE_FAILS = "one of several fails"
PAIRED = "a large effect of the seed is shared"
CORRECTED = "p lies between the raw and the corrected threshold"
NONE = "there is no interval"
KINDS = (CROSSES, ONE_FAILS, PAIRED, CORRECTED, NONE)

NOT_HELD = (DOES_NOT_HOLD, NOT_RESOLVED)
"""What a border result may be where the rule leaves both open."""


class Border(NamedTuple):
    """One result at a border.

    claim : its id; kind : one of :data:`KINDS`; what : the one thing that is wrong
    find : makes the findings of the spoiled results
    verdicts : those that are right
    """

    claim: str
    kind: str
    what: str
    find: Callable[[], list[Finding]]
    verdicts: tuple[str, ...] = NOT_HELD

    def verdict(self) -> str:
        """What the chapter says of its claim."""
        return next(f.verdict for f in self.find() if f.claim == self.claim)


class Chapter(NamedTuple):
    """Border results of one chapter.

    clean : makes the findings of perfect results
    borders : one or more for each claim; never : claims that no result can make hold, with why
    """

    slug: str
    clean: Callable[[], list[Finding]]
    borders: tuple[Border, ...]
    never: dict[str, str]


def chapters() -> list[Chapter]:
    """Every chapter that has border results, by folder name."""
    found = []
    for path in sorted(Path(__file__).parent.glob("*/borders.py")):
        module = importlib.import_module(f"tests.{path.parent.name}.borders")
        slug = path.parent.name.replace("_", "-")
        found.append(
            Chapter(slug, module.clean, tuple(module.BORDERS), getattr(module, "NEVER", {}))
        )
    return found


def spread(mean: float, deviation: float, n: int, seed: int = 0) -> np.ndarray:
    """`n` values with exactly this mean and standard deviation (ddof 1)."""
    values = np.random.default_rng(seed).standard_normal(n)
    return mean + deviation * (values - values.mean()) / values.std(ddof=1)


def crossing(mean: float, border: float, n: int, seed: int = 0) -> np.ndarray:
    """Values whose mean is on one side of `border` and whose t interval reaches the other."""
    return spread(mean, abs(mean - border) * np.sqrt(n) / 1.5, n, seed)


__all__ = ["HOLDS", "NOT_HELD", "Border", "Chapter", "chapters", "crossing", "spread"]
