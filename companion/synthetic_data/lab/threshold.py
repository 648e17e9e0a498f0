"""Is there a threshold?  Segmented regression, and the range of the grid.

A line with one knot fits any smooth convex curve well, and its knot follows the grid.  So a
threshold is believed here only if it stays where it is when the grid is extended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from companion.stats import LEVEL, Interval

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
