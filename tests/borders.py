"""Results at the border of a verdict: what a chapter's judging must not wave through.

Perfect results and useless ones say little about judging, because whatever decides there agrees.
A border result is perfect but for one thing: an interval that crosses while its estimate passes,
one seed or arm or depth that fails, an effect hidden in a large spread that pairs share, a p-value
between the raw and the corrected threshold.  Every chapter lists its own in ``tests/<its folder>/
borders.py``, as :class:`Border` entries and one function ``clean`` that makes perfect results.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, Finding
from companion.verdicts import Verdicts

CROSSES = "the estimate passes and its interval crosses"
ONE_FAILS = "one of several fails"
PAIRED = "a large effect of the seed is shared"
CORRECTED = "p lies between the raw and the corrected threshold"
NONE = "there is no interval"
KINDS = (CROSSES, ONE_FAILS, PAIRED, CORRECTED, NONE)

NOT_HELD = (DOES_NOT_HOLD, NOT_RESOLVED)
"""What a border result may be where the rule leaves both open."""


@contextmanager
def alone(*claims: str) -> Iterator[None]:
    """Within it a registry judges these claims only.

    None depends on another one, and some resample thousands of times.
    """
    evaluate = Verdicts.evaluate

    def some(registry: Verdicts, results: object, scale: str) -> list[Finding]:
        chosen = Verdicts()
        chosen._entries = {claim: registry._entries[claim] for claim in claims}
        return evaluate(chosen, results, scale)

    with patch.object(Verdicts, "evaluate", some):
        yield


class Said(Mapping[str, str]):
    """Claim -> what is said of it; a claim is judged when it is asked for, alone.

    find : makes the findings
    """

    def __init__(self, find: Callable[[], list[Finding]]) -> None:
        self._find, self._known = find, {}

    def __getitem__(self, claim: str) -> str:
        if claim not in self._known:
            with alone(claim):
                self._known |= {f.claim: f.verdict for f in self._find()}
        return self._known[claim]

    def __iter__(self) -> Iterator[str]:
        self._known = {f.claim: f.verdict for f in self._find()}
        return iter(self._known)

    def __len__(self) -> int:
        return len(list(self))


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
        with alone(self.claim):
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


__all__ = [
    "HOLDS",
    "NOT_HELD",
    "Border",
    "Chapter",
    "Said",
    "alone",
    "chapters",
    "crossing",
    "spread",
]
