"""What is read off the runs: ratios, onsets, and shares of a damage, with their intervals.

Is there a threshold?  A line with one knot fits any smooth convex curve well, and its knot follows
the grid.  So a threshold is believed here only if it stays where it is when the grid is extended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from companion.scale import generator
from companion.stats import EQUIVALENCE, LEVEL, Interval, over_seeds
from companion.synthetic_data.lab.language import Lives
from companion.synthetic_data.lab.loop import Runs
from companion.synthetic_data.lab.run import Loops, named

ONSET = 2.0
"""Standard deviations that are a change."""

ONSETS = ("ece", "regret")
"""Scores that have an onset; both rise when they get worse."""


def sizes(loops: Loops) -> list[Runs]:
    """The main mixture at every size, smallest first."""
    found = [runs for name, runs in loops.items() if name.startswith("fixed, T=1, rank ")]
    return sorted(found, key=lambda runs: runs.rank)


def arm(loops: Loops, name: str) -> Runs:
    """An arm at the largest size."""
    return loops[named(name, sizes(loops)[-1].rank)]


def lost(loss: np.ndarray) -> Interval:
    """Mean relative loss with the 90 % interval of two one-sided tests at 5 %; (n_seeds,)."""
    return over_seeds(loss, confidence=EQUIVALENCE)


def relative(one: Lives, temperature: float, share: float) -> np.ndarray:
    """Share of the language model's accuracy that is lost, (n_seeds,)."""
    start = one.at("accuracy", temperature, share, 0)
    return 1 - one.at("accuracy", temperature, share) / start


def worst(cells: dict[str, Interval], margin: float) -> str:
    """The cell that decides whether all are inside: beyond the margin, or nearest to it."""
    beyond = {name: one for name, one in cells.items() if one.low > margin}
    if beyond:
        return max(beyond, key=lambda name: beyond[name].low)
    return max(cells, key=lambda name: cells[name].high)


def ratio(over: np.ndarray, under: np.ndarray, *, n_resamples: int = 2000) -> Interval:
    """Ratio of two means over the same seeds with a bootstrap interval.

    Unknown if the denominator is not safely above zero: its own resamples must be positive.  No
    spread over resamples is an infinite interval.
    """
    over, under = np.asarray(over, float), np.asarray(under, float)
    n = len(over)
    if n < 2 or over.shape != under.shape or not np.isfinite([over, under]).all():
        return Interval(float("nan"))
    rng = generator(0, "ratio")
    weights = rng.multinomial(n, np.full(n, 1 / n), n_resamples) / n
    below_ = weights @ under
    ends = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    if under.mean() <= 0 or np.quantile(below_, ends[0]) <= 0:
        return Interval(float("nan"), n=n)
    draws = (weights @ over) / np.where(below_ > 0, below_, np.nan)
    low, high = np.nanquantile(draws, ends)
    if low == high:
        low, high = -np.inf, np.inf
    return Interval(float(over.mean() / under.mean()), float(low), float(high), None, n)


def less(found: Interval, expected: float) -> Interval:
    """A measured quantity less its law."""
    return found.map(lambda value: value - expected)


def measured_share(loops: Loops, s: float, k: int = -1, name: str = "kl") -> Interval:
    """Share of the added divergence that the synthetic samples cause: eq. 8, measured."""
    mixed, alone = arm(loops, "fixed, T=1"), arm(loops, "real only")
    sign = -1 if name == "accuracy" else 1
    return ratio(
        sign * (mixed.at(name, s, k) - alone.at(name, s, k)), sign * mixed.rise(name, s, k)
    )


def text_share(one: Lives, s: float) -> Interval:
    """The same of the language model's test loss at T = 1, last generation."""
    mixed, start = one.at("loss", 1.0, s), one.at("loss", 1.0, s, 0)
    return ratio(mixed - one.real_alone("loss", s), mixed - start)


def first_onsets(
    runs: Runs, most: float = 0.5, spread: Mapping[str, float] | None = None
) -> dict[str, np.ndarray]:
    """Smallest s at which a score is worse by `ONSET` standard deviations, (n_seeds,) by score.

    spread : the standard deviation of each score; without it that over seeds, each with a world
        of its own, without synthetic data
    Infinite where it is worse at no s up to `most`.
    """
    shares = runs.shares[(runs.shares > 0) & (runs.shares <= most + 1e-9)]
    spread = spread or {name: runs.metrics[name][0, 0].std(ddof=1) for name in ONSETS}
    found = {}
    for name in ONSETS:
        worse = np.array([runs.rise(name, s) > ONSET * spread[name] for s in shares])
        found[name] = np.where(worse.any(0), shares[worse.argmax(0)], np.inf)
    return found


def control_spread(loops: Loops, share: float = 0.5) -> dict[str, float]:
    """Standard deviation over seeds of the changes where the truth wrote the synthetic part.

    A change is paired by seed, so what differs between worlds is not in it.
    """
    control = arm(loops, "written by the truth")
    return {name: float(control.rise(name, share).std(ddof=1)) for name in ONSETS}


def compounding(runs: Runs, share: float, hops: int = 4) -> float:
    """Wrong chains over what independent questions would give: 1 - (1 - l)^m.

    l is the share of wrong facts over all contexts alike, m the number of hops.
    """
    wrong = 1 - runs.at("facts", share).mean()
    expected = 1 - (1 - wrong) ** hops
    return float((1 - runs.at(f"hops_{hops}", share).mean()) / expected)


def removed(runs: Runs, name: str, share: float = 0.5) -> Interval:
    """Share of a rise that temperature scaling takes away; both models are scaled, or neither."""
    before = runs.rise(name, share)
    after = runs.scaled[name][runs.place(share)] - runs.scaled[name][runs.place(0.0)]
    return ratio(before - after, before)


def unit_of(loops: Loops) -> float:
    """Nats that a unit of V costs: what the real part alone adds at s = 0.5, where V is 2."""
    return float(arm(loops, "real only").rise("kl", 0.5).mean())


# --------------------------------------------------------------------------------------- thresholds
KNOT_STEP = 0.01


class Segmented(NamedTuple):
    """Least-squares line with one knot: slope `before` and `after` the knot."""

    knot: float
    intercept: float
    before: float
    after: float

    def __call__(self, s: np.ndarray) -> np.ndarray:
        """The fitted line."""
        s = np.asarray(s, float)
        bend = (self.after - self.before) * np.maximum(s - self.knot, 0)
        return self.intercept + self.before * s + bend


def candidates(s: np.ndarray) -> np.ndarray:
    """Knots that are tried: every hundredth strictly inside the grid's second and last but one."""
    points = np.unique(s)
    if len(points) < 5:
        raise ValueError(f"a knot needs at least 5 mixing ratios, got {len(points)}")
    inner = np.arange(points[1], points[-2] + 1e-9, KNOT_STEP)
    return inner if len(inner) > 1 else np.array([points[len(points) // 2]])


def _bases(s: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Orthonormal bases of the designs [1, s, (s - knot)+]: (knots, n, 3)."""
    ones = np.ones_like(s)
    designs = np.stack([np.column_stack([ones, s, np.maximum(s - c, 0)]) for c in knots])
    return np.linalg.qr(designs)[0]


def knots_of(s: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """The fitted knot of each curve: curves (rows, n_s) on one grid -> (rows,)."""
    s, knots = np.asarray(s, float), candidates(s)
    explained = np.square(np.einsum("knd,rn->rkd", _bases(s, knots), curves)).sum(-1)
    return knots[explained.argmax(axis=1)]


def one_knot(s: np.ndarray, y: np.ndarray) -> Segmented:
    """The best fit over :func:`candidates`.

    s, y : (n,), mixing ratios (repeats allowed) and outcomes
    """
    s, y = np.asarray(s, float), np.asarray(y, float)
    (knot,) = knots_of(s, y[None])
    design = np.column_stack([np.ones_like(s), s, np.maximum(s - knot, 0)])
    (intercept, before, bend), *_ = np.linalg.lstsq(design, y, rcond=None)
    return Segmented(float(knot), float(intercept), float(before), float(before + bend))


def over_resamples(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    n_resamples: int = 2_000,
) -> Interval:
    """A statistic of the mean curve, with its interval from a bootstrap over seeds.

    values : (n_s, n_seeds); statistic : mean curves (rows, n_s) -> (rows,).  Unknown if a value is
    not finite; without spread over resamples the interval is infinite.
    """
    n = values.shape[1]
    if n < 2 or not np.isfinite(values).all():
        return Interval(float("nan"), n=n)
    weights = rng.multinomial(n, np.full(n, 1 / n), n_resamples) / n
    found = statistic(np.vstack([values.mean(axis=1), weights @ values.T]))
    low, high = np.quantile(found[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if low == high:  # seeds alike say nothing about further ones
        low, high = -np.inf, np.inf
    return Interval(float(found[0]), float(low), float(high), None, n)


def knot_moves(
    s: np.ndarray,
    values: np.ndarray,
    rng: np.random.Generator,
    ends: tuple[float, float] = (0.5, 0.9),
) -> Interval:
    """The knot on [0, ends[1]] less that on [0, ends[0]]; a genuine threshold does not move.

    s : (n_s,); values : (n_s, n_seeds)
    """
    narrow, wide = (s <= end + 1e-9 for end in ends)

    def move(curves: np.ndarray) -> np.ndarray:
        return knots_of(s[wide], curves[:, wide]) - knots_of(s[narrow], curves[:, narrow])

    return over_resamples(values, move, rng)


def acceleration(s: np.ndarray, values: np.ndarray, rng: np.random.Generator) -> Interval:
    """Slope on [0.3, 0.5] minus slope on [0, 0.2].

    s : (n_s,); values : (n_s, n_seeds), losses
    """
    early, late = s <= 0.2 + 1e-9, (s >= 0.3 - 1e-9) & (s <= 0.5 + 1e-9)

    def slopes(curves: np.ndarray) -> np.ndarray:
        return (
            np.polyfit(s[late], curves[:, late].T, 1)[0]
            - np.polyfit(s[early], curves[:, early].T, 1)[0]
        )

    return over_resamples(values, slopes, rng)
