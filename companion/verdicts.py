"""A chapter's claims in one place: statement, criterion, and measurement beside each other.

Every chapter has one registry in its ``verdict.py``::

    verdicts = Verdicts()


    @verdicts.claim(
        "C1",
        "Averaging halves the error.",
        of=PAPER,
        paper="0.5 (Table 1)",
        unit="ratio",
        needs=("errors",),
        region=between(0.45, 0.55),
        criterion="error of four draws over error of one {}, over seeds, of which none fails",
        parts={"no seed fails": YES},
    )
    def averaging(errors):
        return Measured(over_seeds(errors.four / errors.one), {"no seed fails": errors.n_lost == 0})

and the notebook asks ``verdicts.evaluate(results, SCALE)``.  A measurement says what was found and
knows neither criterion nor scale; the registry compares, by the rules of :mod:`companion.claims`.
The text of a region is made from its numbers, so that no page can show another criterion than the
one that decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    REAL,
    Claim,
    Criterion,
    Finding,
    as_verdict,
    judge,
    not_tested,
)
from companion.data import Missing
from companion.scale import SCALES, check_scale
from companion.stats import Interval, exact

EVERYWHERE, FROM_BOOK = SCALES, SCALES[1:]
"""Scales at which a claim is judged."""

ROUNDING = 1e-12
"""How far two numbers may differ that are equal but for rounding."""

Region = Criterion | Mapping[str, Criterion]
"""A criterion, or one for each scale."""


# --------------------------------------------------------------------------- regions
def above(
    low: float, text: str = "{}", *, closed: bool = False, must_hold: bool = False
) -> Criterion:
    """``low < quantity``; ``low <= quantity`` if `closed`.

    text : the criterion as a reader sees it; ``{}`` stands for the region in words ("above 0.2").
        A text without it must name the region's numbers itself, in digits or as a word ("half")

    Raises ``ValueError`` for a text that does not.  So do the other regions.
    """
    made = f"{'at least' if closed else 'above'} {digits(low)}"
    return Criterion(_told(text, made, low), low=low, closed=closed, must_hold=must_hold)


def below(
    high: float, text: str = "{}", *, closed: bool = False, must_hold: bool = False
) -> Criterion:
    """``quantity < high``; ``quantity <= high`` if `closed`.  text : as for :func:`above`."""
    made = f"{'at most' if closed else 'below'} {digits(high)}"
    return Criterion(_told(text, made, high), high=high, closed=closed, must_hold=must_hold)


def between(low: float, high: float, text: str = "{}", *, must_hold: bool = False) -> Criterion:
    """``low < quantity < high``.  text : as for :func:`above`."""
    made = f"between {digits(low)} and {digits(high)}"
    return Criterion(_told(text, made, low, high), low=low, high=high, must_hold=must_hold)


def within(
    center: float,
    tolerance: float | None = None,
    text: str = "{}",
    *,
    percent: float | None = None,
    must_hold: bool = False,
) -> Criterion:
    """Less than `tolerance`, or less than `percent` of `center`, away from `center`.

    text : as for :func:`above`
    """
    if (tolerance is None) == (percent is None):
        raise ValueError(f"within {center} needs either a tolerance or a percentage")
    if percent is None:
        low, high = center - tolerance, center + tolerance
        made, numbers = f"within {digits(tolerance)} of {digits(center)}", (center, tolerance)
    else:
        low, high = sorted((center * (1 - percent / 100), center * (1 + percent / 100)))
        made, numbers = f"within {digits(percent)} % of {digits(center)}", (center, percent)
    return Criterion(_told(text, made, *numbers), low=low, high=high, must_hold=must_hold)


def size_below(limit: float, text: str = "{}", *, must_hold: bool = False) -> Criterion:
    """``|quantity| < limit``.  text : as for :func:`above`."""
    text = _told(text, f"below {digits(limit)} in size", limit)
    return Criterion(text, low=-limit, high=limit, must_hold=must_hold)


def equal_to(value: float, text: str = "{}", *, must_hold: bool = False) -> Criterion:
    """The same number but for rounding (:data:`ROUNDING`, relative for large ones)."""
    room = ROUNDING * max(1.0, abs(value))
    text = _told(text, f"equal to {digits(value)}", value)
    return Criterion(text, low=value - room, high=value + room, must_hold=must_hold)


YES = Criterion("yes", low=0.5)
"""The region of a fact: the part is ``True``."""


def digits(value: float) -> str:
    """A number as a criterion shows it: ``0.03``, ``175``, ``5e-4``, ``1e6``."""
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.9e}".split("e")
        return f"{float(mantissa):.10g}e{int(exponent)}"
    return f"{value:.10g}"


_NUMBER = re.compile(r"[-−]?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?( %)?")
_WORDS = {
    "no": 0,
    "none": 0,
    "nowhere": 0,
    "never": 0,
    "half": 0.5,
    "all": 1,
    "every": 1,
    "one": 1,
    "two": 2,
    "twice": 2,
    "three": 3,
    "four": 4,
}


def _told(text: str, made: str, *numbers: float) -> str:
    """`text` with the region in words; ``ValueError`` if it says other numbers than the region."""
    if "{}" in text:
        return text.replace("{}", made)
    said = _numbers_in(text)
    lacking = [n for n in numbers if not any(math.isclose(abs(n), s) for s in said)]
    if lacking:
        raise ValueError(
            f"criterion {text!r} does not name {', '.join(map(digits, lacking))}: "
            f"write {{}} where {made!r} belongs"
        )
    return text


def _said(region: Criterion, text: str) -> Criterion:
    """The same region with its words in the place of ``{}``."""
    ends = [end for end in (region.low, region.high) if end is not None]
    return replace(region, text=_told(text, region.text, *ends))


def _numbers_in(text: str) -> set[float]:
    """Sizes of the numbers that a text names; of percentages also the share."""
    found = {float(_WORDS[word]) for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS}
    for match in _NUMBER.finditer(text):
        value = float(match[0].removesuffix(" %").lstrip("-−").replace(",", ""))
        found |= {value, value / 100} if match[1] else {value}
    return found


# --------------------------------------------------------------------------- measurements
class Measured(NamedTuple):
    """What a claim's measurement found.

    value : the claim's quantity
    parts : its further conditions by their declared names: an interval, or True or False for a
        fact.  Where a declared name has ``{}``, a number of this run stands there.  A
        :class:`companion.data.Missing` leaves a condition out
    note : what else the reader should know
    doubt : why `holds` would say too much; if not empty, it is `not resolved` instead
    refuted : why the claim does not hold, whatever the interval says
    """

    value: Interval
    parts: Mapping[str, Interval | bool | Missing] = {}
    note: str = ""
    doubt: str = ""
    refuted: str = ""


class Open(Exception):
    """Raised by a measurement that has no number to show; the message becomes the note."""


class Untested(Exception):
    """Raised by a measurement for which this run lacks something; the message is the reason."""


class _Entry(NamedTuple):
    """A claim with what was declared for it."""

    claim: Claim
    measure: Callable[..., Measured]
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    parts: Mapping[str, Region]
    by_estimate: tuple[str, ...]
    replications: tuple[str, ...]
    elsewhere: str


class Verdicts:
    """The registry of one chapter: its claims, in the order in which they are declared."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Every claim that was declared."""
        return tuple(entry.claim for entry in self._entries.values())

    def claim(
        self,
        id: str,
        statement: str,
        *,
        of: str,
        paper: str,
        region: Region,
        criterion: str = "{}",
        on: str = REAL,
        unit: str = "",
        needs: tuple[str, ...] = (),
        uses: tuple[str, ...] = (),
        parts: Mapping[str, Region] | None = None,
        by_estimate: tuple[str, ...] = (),
        replications: tuple[str, ...] = (),
        scales: tuple[str, ...] = EVERYWHERE,
        elsewhere: str = "",
    ) -> Callable[[Callable[..., Measured]], Callable[..., Measured]]:
        """Declare a claim; the decorated function measures it.

        id, statement, of, on, paper, unit : as in :class:`companion.claims.Claim`
        region : of the claim's quantity; a mapping where scales differ
        criterion : what must be true, parts included, as a reader sees it; ``{}`` stands for the
            region in words, see :func:`above`
        needs : names of the results that the measurement takes, in its order; if one is missing
            the claim is `not tested`, for that reason
        uses : names of further results, which may be missing
        parts : further conditions by name.  A mapping from scale leaves the condition out at
            scales that it does not have; ``{}`` in a name stands for a number of the run, and is
            measured once
        by_estimate : names of parts whose estimate decides at toy scale, where it must hold: for
            intervals of a few seeds, which reach the margin though the program is right
        replications : names of parts that repeat the main measurement on other data.  Each has
            its own verdict in the row; one that does not hold makes `holds` `not resolved` and
            refutes nothing
        scales : where one region is judged; elsewhere : why not at the others

        Raises ``ValueError`` for an id that is taken, and for declarations that do not fit.
        """
        regions = region if isinstance(region, Mapping) else dict.fromkeys(scales, region)
        criteria = {scale: _said(one, criterion) for scale, one in regions.items()}
        claim = Claim(id, statement, paper, criteria, unit, of=of, on=on)
        parts = dict(parts or {})
        self._check(claim, parts, by_estimate, replications)

        def declare(measure: Callable[..., Measured]) -> Callable[..., Measured]:
            entry = _Entry(claim, measure, needs, uses, parts, by_estimate, replications, elsewhere)
            self._entries[id] = entry
            return measure

        return declare

    def _check(
        self,
        claim: Claim,
        parts: Mapping[str, Region],
        by_estimate: tuple[str, ...],
        replications: tuple[str, ...],
    ) -> None:
        if claim.id in self._entries:
            raise ValueError(f"claim {claim.id} is declared twice")
        for name, part in parts.items():
            where = set(part) if isinstance(part, Mapping) else set()
            if unknown := where - set(claim.criteria):
                raise ValueError(f"{claim.id}: part {name!r} is judged at {sorted(unknown)} alone")
        if isinstance(replications, str):
            raise TypeError(f"{claim.id}: replications are names, got {replications!r}")
        for names in (by_estimate, replications):
            if unknown := set(names) - set(parts):
                raise ValueError(f"{claim.id}: no part is called {sorted(unknown)}")
        toy = claim.criteria.get("toy")
        if by_estimate and not (toy and toy.must_hold):
            raise ValueError(f"{claim.id}: an estimate decides only where the claim must hold")

    def evaluate(self, results: object, scale: str) -> list[Finding]:
        """One finding a claim, in the order declared.

        results : has the results that the claims name as attributes; each may be a ``Missing``

        Raises ``AttributeError`` for a result that is not there at all, and ``ValueError`` for
        parts that were not declared, or declared and not measured.
        """
        check_scale(scale)
        return [_finding(entry, results, scale) for entry in self._entries.values()]


def _finding(entry: _Entry, results: object, scale: str) -> Finding:
    claim = entry.claim
    needed = [getattr(results, name) for name in entry.needs]
    absent = next((one for one in needed if isinstance(one, Missing)), None)
    if absent is not None:
        return not_tested(claim, scale, absent.reason)
    if scale not in claim.criteria:
        return not_tested(claim, scale, entry.elsewhere or f"no criterion at {scale} scale")
    try:
        found = entry.measure(*needed, *(getattr(results, name) for name in entry.uses))
    except Untested as why:
        return not_tested(claim, scale, str(why))
    except Open as why:
        return judge(claim, scale, Interval(math.nan), note=str(why))
    if not isinstance(found.value, Interval):
        raise TypeError(f"{claim.id}: its quantity is an Interval, got {found.value!r}")
    parts = _parts(entry, found, scale)
    repeated = {name for name in parts if _declared(entry, name) in entry.replications}
    finding = judge(claim, scale, found.value, parts=parts, replications=repeated, note=found.note)
    if found.refuted:
        return as_verdict(finding, DOES_NOT_HOLD, found.refuted)
    if found.doubt and finding.verdict == HOLDS:
        return as_verdict(finding, NOT_RESOLVED, found.doubt)
    return finding


def _parts(entry: _Entry, found: Measured, scale: str) -> dict[str, tuple[Interval, Criterion]]:
    """The measured parts that are judged at this scale, each with its region."""
    judged: dict[str, tuple[Interval, Criterion]] = {}
    left = dict(entry.parts)
    for name, value in found.parts.items():
        declared = _declared(entry, name)
        region = left.pop(declared, None)
        if region is None:
            raise ValueError(f"{entry.claim.id}: part {declared!r} was measured twice")
        if isinstance(region, Mapping):
            region = region.get(scale)
        if region is None or isinstance(value, Missing):
            continue
        part = _interval(entry, name, value)
        if scale == "toy" and declared in entry.by_estimate:
            part = Interval(part.estimate, n=part.n)
        judged[name] = part, region
    if left:
        raise ValueError(f"{entry.claim.id}: declared and not measured: {', '.join(left)}")
    return judged


def _declared(entry: _Entry, name: str) -> str:
    """The name under which a measured part was declared."""
    if name in entry.parts:
        return name
    patterns = {one: re.escape(one).replace(r"\{\}", ".+") for one in entry.parts if "{}" in one}
    fits = [one for one, pattern in patterns.items() if re.fullmatch(pattern, name)]
    if len(fits) != 1:
        known = ", ".join(entry.parts) or "none"
        raise ValueError(
            f"{entry.claim.id}: part {name!r} was not declared before the run; declared: {known}"
        )
    return fits[0]


def _interval(entry: _Entry, name: str, value: object) -> Interval:
    if isinstance(value, bool | np.bool_):
        return exact(value)
    if not isinstance(value, Interval):
        raise TypeError(
            f"{entry.claim.id}: part {name!r} is an Interval or a fact, got {value!r}; a count or "
            "an identity is exact(...), and an estimate has an interval"
        )
    return value
