"""Is there a threshold?  Segmented regression, its rivals, equivalence, and the range of the grid.

A line with one knot fits any smooth convex curve well, and its knot follows the grid.  So a
threshold is believed here only if it stays where it is when the grid is extended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import statsmodels.api as sm
from statsmodels.stats.weightstats import ttost_paired

from companion.stats import EQUIVALENCE, LEVEL, Interval

KNOT_STEP = 0.01


class Segmented(NamedTuple):
    """Least-squares line with one knot: y = a + before s, and slope `after` beyond the knot.

    rss, straight : sums of squared residuals of this fit and of a straight line
    """

    knot: float
    intercept: float
    before: float
    after: float
    rss: float
    straight: float

    def __call__(self, s: np.ndarray) -> np.ndarray:
        """The fitted line."""
        s = np.asarray(s, float)
        return (
            self.intercept
            + self.before * s
            + (self.after - self.before) * np.maximum(s - self.knot, 0)
        )

    def gain(self) -> float:
        """Share of the straight line's residual sum of squares that the knot removes."""
        return 1 - self.rss / self.straight if self.straight > 0 else float("nan")


def candidates(s: np.ndarray) -> np.ndarray:
    """Knots that are tried: every hundredth strictly inside the grid's second and last but one."""
    points = np.unique(s)
    if len(points) < 5:
        raise ValueError(f"a knot needs at least 5 mixing ratios, got {len(points)}")
    inner = np.arange(points[1], points[-2] + 1e-9, KNOT_STEP)
    return inner if len(inner) > 1 else np.array([points[len(points) // 2]])


def _residual_maker(s: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Orthonormal bases of the designs [1, s, (s - knot)+]: (knots, n, 3)."""
    ones, line = np.ones_like(s), s
    designs = np.stack([np.column_stack([ones, line, np.maximum(s - c, 0)]) for c in knots])
    return np.linalg.qr(designs)[0]


def one_knot(s: np.ndarray, y: np.ndarray) -> Segmented:
    """Fit by search over :func:`candidates`.

    s, y : (n,), mixing ratios (repeats allowed) and outcomes
    """
    s, y = np.asarray(s, float), np.asarray(y, float)
    knots = candidates(s)
    knot = knots[_best(_residual_maker(s, knots), y[None])[0]]
    design = np.column_stack([np.ones_like(s), s, np.maximum(s - knot, 0)])
    beta, *_ = np.linalg.lstsq(design, y, rcond=None)
    rss = float(((y - design @ beta) ** 2).sum())
    line = np.polyfit(s, y, 1)
    straight = float(((y - np.polyval(line, s)) ** 2).sum())
    return Segmented(
        float(knot), *(float(b) for b in (beta[0], beta[1], beta[1] + beta[2])), rss, straight
    )


def _best(bases: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Index of the best knot of each row of ys, (rows, n)."""
    explained = np.square(np.einsum("knd,rn->rkd", bases, ys)).sum(-1)
    return explained.argmax(axis=1)


def knots_of(s: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """The fitted knot of each curve: curves (rows, n_s) on one grid -> (rows,)."""
    knots = candidates(s)
    return knots[_best(_residual_maker(np.asarray(s, float), knots), np.asarray(curves, float))]


def resampled(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    n_resamples: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster bootstrap over seeds: (the statistic of the mean curve, of each resample).

    values : (n_s, n_seeds); statistic : mean curves (rows, n_s) -> (rows,)
    """
    n = values.shape[1]
    if n < 2:
        raise ValueError(f"the bootstrap needs at least 2 seeds, got {n}")
    weights = rng.multinomial(n, np.full(n, 1 / n), n_resamples) / n
    return statistic(values.mean(axis=1)[None])[0], statistic(weights @ values.T)


def _interval(estimate: float, draws: np.ndarray, n: int) -> Interval:
    if not np.isfinite(draws).all() or not np.isfinite(estimate):
        return Interval(float("nan"), None, None, None, n)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if low == high:  # seeds alike say nothing about further ones
        low, high = -np.inf, np.inf
    return Interval(float(estimate), float(low), float(high), None, n)


class Ranges(NamedTuple):
    """Knots on the paper's range and on a wider one, with intervals over seeds."""

    narrow: Interval
    wide: Interval
    difference: Interval


def knot_by_range(
    s: np.ndarray,
    values: np.ndarray,
    rng: np.random.Generator,
    ends: tuple[float, float] = (0.5, 0.9),
    n_resamples: int = 500,
) -> Ranges:
    """The knot on [0, ends[0]] and on [0, ends[1]]; a genuine threshold does not move.

    s : (n_s,); values : (n_s, n_seeds)
    """
    masks = [s <= end + 1e-9 for end in ends]
    weights = (
        rng.multinomial(values.shape[1], np.full(values.shape[1], 1 / values.shape[1]), n_resamples)
        / values.shape[1]
    )
    curves = np.vstack([values.mean(axis=1), weights @ values.T])
    narrow, wide = (knots_of(s[m], curves[:, m]) for m in masks)
    n = values.shape[1]
    return Ranges(*(_interval(x[0], x[1:], n) for x in (narrow, wide, wide - narrow)))


def acceleration(
    s: np.ndarray, values: np.ndarray, rng: np.random.Generator, n_resamples: int = 500
) -> Interval:
    """Slope on [0.3, 0.5] minus slope on [0, 0.2], bootstrap over seeds."""
    early, late = s <= 0.2 + 1e-9, (s >= 0.3 - 1e-9) & (s <= 0.5 + 1e-9)

    def slopes(curves: np.ndarray) -> np.ndarray:
        return (
            np.polyfit(s[late], curves[:, late].T, 1)[0]
            - np.polyfit(s[early], curves[:, early].T, 1)[0]
        )

    estimate, draws = resampled(values, slopes, rng, n_resamples)
    return _interval(estimate, draws, values.shape[1])


def equivalent(with_it: np.ndarray, without: np.ndarray, margin: float) -> Interval:
    """Mean relative loss with its 90 % interval; p is that of two one-sided tests.

    with_it, without : (n_seeds,), scores of the same seeds, higher is better
    margin : the loss (and gain) that still counts as stable, e.g. 0.03
    The two tests at 5 % are passed exactly if the 90 % interval lies within the margin.
    """
    loss = 1 - np.asarray(with_it, float) / np.asarray(without, float)
    n = len(loss)
    if n < 2 or not np.isfinite(loss).all():
        return Interval(float("nan"), None, None, None, n)
    if np.ptp(loss) == 0:
        return Interval(float(loss[0]), -np.inf, np.inf, 1.0, n)
    p, _, _ = ttost_paired(loss, np.zeros(n), -margin, margin)
    from scipy.stats import t

    half = t.ppf((1 + EQUIVALENCE) / 2, n - 1) * loss.std(ddof=1) / np.sqrt(n)
    return Interval(
        float(loss.mean()), float(loss.mean() - half), float(loss.mean() + half), float(p), n
    )


def aicc(rss: float, n: int, n_parameters: int) -> float:
    """Akaike's criterion for small samples; n_parameters counts the error variance."""
    if n - n_parameters - 1 <= 0 or rss <= 0:
        return float("nan")
    return n * np.log(rss / n) + 2 * n_parameters * n / (n - n_parameters - 1)


def rivals(
    s: np.ndarray, y: np.ndarray, law: Callable[[np.ndarray], np.ndarray]
) -> dict[str, float]:
    """AICc of the knot and of smooth curves, lower is better.

    law : the mixing law, V(s); its curve has two free numbers, like a + b s^2
    """
    s, y = np.asarray(s, float), np.asarray(y, float)
    found = {"one knot": aicc(one_knot(s, y).rss, len(s), 5)}
    shapes = {"line": [s], "a + b s²": [s**2], "parabola": [s, s**2], "mixing law": [law(s) - 1]}
    for name, columns in shapes.items():
        fitted = sm.OLS(y, sm.add_constant(np.column_stack(columns))).fit()
        found[name] = aicc(float(fitted.ssr), len(s), len(columns) + 2)
    return found


class Artifact(NamedTuple):
    """What a search for thresholds finds in a curve that has none.

    knot, wide_knot : in the exact curve on [0, 0.5] and on [0, 0.9]
    rejected : share of noisy replicates in which the sup-F test rejects a straight line
    beats_parabola : share in which the knot has a lower AICc than a parabola
    """

    knot: float
    wide_knot: float
    rejected: float
    beats_parabola: float
    n: int


def artifact(
    law: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    *,
    noise: float = 0.03,
    n_seeds: int = 5,
    replicates: int = 200,
    grid: Sequence[float] = (0, 0.1, 0.2, 0.3, 0.4, 0.5),
) -> Artifact:
    """Fit a knot to a smooth law, exactly and with noise.

    noise : standard deviation of one seed's value; replicates : noisy data sets
    """
    s = np.asarray(grid, float)
    wide = np.round(np.arange(0, 0.91, 0.1), 10)
    knot, wide_knot = one_knot(s, law(s)).knot, one_knot(wide, law(wide)).knot
    x = np.repeat(s, n_seeds)
    knots = candidates(x)
    bases = _residual_maker(x, knots)
    line = np.linalg.qr(np.column_stack([np.ones_like(x), x]))[0]
    bend = np.linalg.qr(np.column_stack([np.ones_like(x), x, x**2]))[0]

    def rss(y: np.ndarray, basis: np.ndarray) -> np.ndarray:
        return np.square(y).sum(-1) - np.square(y @ basis).sum(-1)

    def best(y: np.ndarray) -> np.ndarray:
        return np.square(y).sum(-1) - np.square(np.einsum("knd,rn->rkd", bases, y)).sum(-1).max(
            axis=1
        )

    null = rng.standard_normal((2000, len(x)))
    limit = np.quantile(rss(null, line) / best(null), 0.95)
    y = law(x) + noise * rng.standard_normal((replicates, len(x)))
    y -= y.mean()
    with_knot = best(y)
    rejected = rss(y, line) / with_knot > limit
    n = len(x)
    wins = [aicc(a, n, 5) < aicc(b, n, 4) for a, b in zip(with_knot, rss(y, bend), strict=True)]
    return Artifact(knot, wide_knot, float(rejected.mean()), float(np.mean(wins)), replicates)
