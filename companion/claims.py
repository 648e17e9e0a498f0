"""What a paper claims, what we measured, and the verdict.

A :class:`Claim` states what the paper says and, per scale, a :class:`Criterion`: a region that the
quantity must lie in, written down before anything runs.  :func:`judge` compares a measured
interval with the region and returns a :class:`Finding` whose verdict is one of :data:`VERDICTS`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from companion import contracts
from companion.scale import check_scale

if TYPE_CHECKING:  # who reads verdicts measures nothing, and needs no libraries for it
    from companion.stats import Interval

HOLDS = "holds"
DOES_NOT_HOLD = "does not hold"
NOT_RESOLVED = "not resolved"
NOT_TESTED = "not tested"
VERDICTS = (HOLDS, DOES_NOT_HOLD, NOT_RESOLVED, NOT_TESTED)
"""The closed list; `not resolved` means that the interval allows both answers."""

PAPER, OURS = "paper", "ours"
OF = (PAPER, OURS)
"""Whose statement a claim is: the paper's, or a check that this book adds (identity, control)."""

REAL, MODEL = "real", "model"
ON = (REAL, MODEL, PAPER)
"""What the evidence is: real data, text and trained networks; a simulator of our own making; or the
paper's own, which is a number that it prints, or a simulation that is itself the claim, repeated.
"""

EVIDENCE = {REAL: "real data", MODEL: "simulator", PAPER: "the paper's own evidence"}
"""The same in a reader's words."""

LONG = 1e9
"""Numbers from here on are written with a power of ten: digits in full would not fit a column."""

SHORT = 1e-6
"""So are those whose interval is narrower than this: small p-values."""

NO_WIDTH = 1e-3
"""An end that is closer to zero than this part of the interval's width is printed as zero."""


class ClaimFailed(AssertionError):
    """A claim that must hold at this scale does not."""


@dataclass(frozen=True)
class Criterion:
    """A region fixed before the run: ``low < quantity < high``, each end optional.

    text : the criterion as a reader sees it
    low, high : ends of the region, in the unit of the claim; None leaves a side open
    closed : whether the ends belong to the region ("at least", "at most"); strict by default, so
        that a treatment that does nothing never satisfies "above 1"
    must_hold : the notebook fails unless the verdict is `holds`
    of : name of the quantity, where different scales judge different ones
    """

    text: str
    low: float | None = None
    high: float | None = None
    closed: bool = False
    must_hold: bool = False
    of: str = ""

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ValueError(f"criterion {self.text!r} has no region: give low, high or both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"criterion {self.text!r} has low {self.low} above high {self.high}")

    def verdict(self, measured: Interval, *, by_estimate: bool = False) -> str:
        """`holds` if the whole interval is inside, `does not hold` if all of it is outside.

        An estimate without an interval says nothing about further seeds and is `not resolved`,
        as is one that is not finite or that lies outside its own interval.  Quantities without
        sampling error have an interval of no width (:func:`companion.stats.exact`).

        by_estimate : let the estimate decide where there is no interval; the rule of claims that
            must hold at toy scale, see :func:`judge`

        Raises ``ValueError`` for an interval whose ends are in the wrong order.
        """
        if not math.isfinite(measured.estimate):
            return NOT_RESOLVED
        if not measured.has_interval:
            if not by_estimate:
                return NOT_RESOLVED
            low = high = measured.estimate
        else:
            low = -math.inf if measured.low is None else measured.low
            high = math.inf if measured.high is None else measured.high
        if math.isnan(low) or math.isnan(high):
            return NOT_RESOLVED
        if low > high:
            raise ValueError(f"the interval [{low}, {high}] ends before it begins")
        slack = 1e-9 * max(abs(low), abs(high)) if math.isfinite(low) and math.isfinite(high) else 0
        if not low - slack <= measured.estimate <= high + slack:
            return NOT_RESOLVED
        if self._above(low) and self._below(high):
            return HOLDS
        if not self._above(high) or not self._below(low):
            return DOES_NOT_HOLD
        return NOT_RESOLVED

    def _above(self, value: float) -> bool:
        return self.low is None or value > self.low or (self.closed and value == self.low)

    def _below(self, value: float) -> bool:
        return self.high is None or value < self.high or (self.closed and value == self.high)


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    id : the claim's name in the chapter, e.g. ``"C4"``
    statement : the claim in one plain sentence
    paper : the paper's own number and its table or figure, or a short description
    criteria : per scale; a scale that is missing is `not tested` there
    unit : of the estimate, e.g. ``"ratio"``; empty for dimensionless.  Of a p-value, which has
        none, it is what the test counts: ``"pairs"``
    of : whose statement it is, one of :data:`OF`
    on : what the evidence is, one of :data:`ON`
    """

    id: str
    statement: str
    paper: str
    criteria: Mapping[str, Criterion]
    unit: str = ""
    of: str = field(kw_only=True)
    on: str = field(default=REAL, kw_only=True)

    def __post_init__(self) -> None:
        for scale in self.criteria:
            check_scale(scale)
        for name, value, known in (("of", self.of, OF), ("on", self.on, ON)):
            if value not in known:
                raise ValueError(f"claim {self.id}: {name} is one of {known}, got {value!r}")


@dataclass(frozen=True)
class Finding:
    """What a run says about one claim; the fields are those of the record."""

    claim: str
    statement: str
    paper: str
    criterion: str
    estimate: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int | None
    unit: str
    verdict: str
    note: str = ""
    of: str = PAPER
    on: str = REAL
    replications: str = ""
    must_hold: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"unknown verdict {self.verdict!r}; choose one of {VERDICTS}")

    def as_dict(self) -> dict[str, object]:
        """The finding in the record's schema (``must_hold`` is a matter of the run, not of it)."""
        row = asdict(self)
        del row["must_hold"]
        if not self.replications:
            del row["replications"]
        return row


def judge(
    claim: Claim,
    scale: str,
    measured: Interval,
    *,
    parts: Mapping[str, tuple[Interval, Criterion]] | None = None,
    replications: Collection[str] = (),
    note: str = "",
) -> Finding:
    """Hold a measured interval against the claim's criterion at `scale`.

    parts : further conditions of the same claim, by name; the finding shows `measured`, the
        verdict is the weakest of all (one part that fails fails the claim), and the note names
        each part with its own verdict.
    replications : names of those parts that repeat the measurement on other data.  The finding
        shows each with its own verdict; one that does not hold leaves a claim that else holds
        `not resolved`, and never refutes it

    What has no interval (one seed, seeds that agree to the last digit) is `not resolved`, with one
    exception: at toy scale a claim that must hold is judged by the estimate, because there it is
    the code that is tested and not the claim.
    """
    criterion = claim.criteria.get(check_scale(scale))
    if criterion is None:
        return not_tested(claim, scale, f"no criterion at {scale} scale")
    by_estimate = criterion.must_hold and scale == "toy"
    verdicts = [criterion.verdict(measured, by_estimate=by_estimate)]
    if math.isfinite(measured.estimate) and not (measured.has_interval or by_estimate):
        size = "" if measured.n is None else f" from n = {measured.n}"
        note = "; ".join(filter(None, (note, f"no interval{size}")))
    repeated = []
    for name, (part, condition) in (parts or {}).items():
        verdict = condition.verdict(part, by_estimate=by_estimate)
        told = f"{_named(name, part)} ({condition.text}: {verdict})"
        if name in replications:
            repeated.append(told)
            verdicts.append(HOLDS if verdict == HOLDS else NOT_RESOLVED)
        else:
            note = "; ".join(filter(None, (note, told)))
            verdicts.append(verdict)
    return Finding(
        claim=claim.id,
        statement=claim.statement,
        paper=claim.paper,
        criterion=criterion.text,
        estimate=_finite(measured.estimate),
        low=_finite(measured.low),
        high=_finite(measured.high),
        p=_finite(measured.p),
        n=measured.n,
        unit=claim.unit,
        verdict=_weakest(verdicts),
        note=note,
        of=claim.of,
        on=claim.on,
        replications="; ".join(repeated),
        must_hold=criterion.must_hold,
    )


def not_tested(claim: Claim, scale: str, reason: str) -> Finding:
    """The finding of a claim that this run could not test; `reason` is shown to the reader."""
    criterion = claim.criteria.get(check_scale(scale))
    return Finding(
        claim=claim.id,
        statement=claim.statement,
        paper=claim.paper,
        criterion=criterion.text if criterion else "",
        estimate=None,
        low=None,
        high=None,
        p=None,
        n=None,
        unit=claim.unit,
        verdict=NOT_TESTED,
        note=reason,
        of=claim.of,
        on=claim.on,
    )


def check(findings: Iterable[Finding], claims: Sequence[Claim] | None = None) -> None:
    """Raise :class:`ClaimFailed` if a claim that must hold was tested and does not.

    claims : when given, every claim must have exactly one finding, and no other may be there.
    """
    findings = list(findings)
    if claims is not None:
        expected, found = [claim.id for claim in claims], [f.claim for f in findings]
        if sorted(expected) != sorted(found):
            raise ClaimFailed(f"findings {found} do not answer the claims {expected} one by one")
    failed = [f for f in findings if f.must_hold and f.verdict in (DOES_NOT_HOLD, NOT_RESOLVED)]
    if failed:
        lines = [
            f"  {f.claim}: {f.statement}\n    required: {f.criterion}\n    measured: "
            f"{interval_text(f)} -> {f.verdict}" + (f"\n    {f.note}" if f.note else "")
            for f in failed
        ]
        raise ClaimFailed("claims that must hold at this scale do not:\n" + "\n".join(lines))


def as_verdict(finding: Finding, verdict: str, note: str) -> Finding:
    """A copy of `finding` with a weaker verdict, for a gate that the numbers alone do not see."""
    return replace(finding, verdict=verdict, note="; ".join(filter(None, (finding.note, note))))


def measured_text(interval: Interval, unit: str = "") -> str:
    """An interval as findings print it, e.g. ``0.61 [0.51, 0.72]``."""
    return interval_text({**interval._asdict(), "unit": unit})


def _named(name: str, part: Interval) -> str:
    """A part with its name; a p-value that is called one does not say `p` twice."""
    text = measured_text(part)
    if re.search(r"\bp\b", name):
        text = text.removeprefix("p ")
    return f"{name} {text}"


def is_p_value(row: Mapping[str, object]) -> bool:
    """Whether what was measured is :func:`companion.stats.p_value`, whose ends are no interval.

    row : with ``estimate``, ``low``, ``high`` and, if there is one, ``p``
    """
    p = row.get("p")
    return p is not None and row["low"] == 0 and row["estimate"] == row["high"] == p


def p_text(p: float) -> str:
    """``p = 0.050``; small ones with two digits, since it is they that a region speaks of."""
    return f"p = {p:.3f}" if p >= 1e-3 else f"p = {p:.2g}"


def interval_text(finding: Finding | Mapping[str, object]) -> str:
    """``estimate [low, high] unit`` with the digits that the interval's width allows.

    Where all of it lies above zero each number has two significant digits at least: a ratio of
    ``2.3 [0.46, 12]`` does not begin at zero.  Ends that are not finite are left out, an estimate
    that is not finite is a dash.  A p-value is ``p = 0.050``, without unit.
    """
    row = finding.as_dict() if isinstance(finding, Finding) else finding
    if is_p_value(row):
        return p_text(float(row["p"]))
    estimate, low, high = (_finite(row[key]) for key in ("estimate", "low", "high"))
    if estimate is None:
        return "–"
    unit = f" {row['unit']}" if row.get("unit") else ""
    if low is None or high is None or low == high:
        return f"{_number(estimate)}{unit}"
    if max(abs(estimate), abs(low), abs(high)) >= LONG or high - low < SHORT:
        return f"{estimate:.3g} [{low:.3g}, {high:.3g}]{unit}"
    width = high - low
    digits = [_decimals(width)] * 3
    if low > width * NO_WIDTH:
        digits = [max(digits[0], _decimals(value)) for value in (estimate, low, high)]
    shown, left, right = (
        f"{value:z,.{n}f}" for value, n in zip((estimate, low, high), digits, strict=True)
    )
    return f"{shown} [{left}, {right}]{unit}"


def _decimals(size: float) -> int:
    """Decimals that show two significant digits of a size, such as an interval's width."""
    return 2 if size <= 0 else max(0, 1 - math.floor(math.log10(size)))


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if 1000 <= abs(value) < LONG else f"{value:.3g}"


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _weakest(verdicts: Sequence[str]) -> str:
    for verdict in (NOT_TESTED, DOES_NOT_HOLD, NOT_RESOLVED):
        if verdict in verdicts:
            return verdict
    return HOLDS


contracts.guard(
    __name__,
    {"Criterion": {"low": contracts.NUMBER.or_none(), "high": contracts.NUMBER.or_none()}},
)
