"""Does eq. 9 describe a series better than its competitors, in sample and beyond the sample?

R2 alone cannot tell: every curve here has three to five free numbers and the series are smooth.
AICc charges for the parameters; extrapolation asks the question a designer would ask, what
happens in the last two fifths of training when only the first three were seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from companion.massive_activations.lab.baselines import CURVES, DAMPED_LOG, STEP_1, STEP_2
from companion.massive_activations.method.fit import fit_curve
from companion.massive_activations.method.separable import Separable, check_series, fit_separable
from companion.stats import Interval, bootstrap, sign_test

EQ_9 = "damped logarithm, paper's fit"
"""Eq. 9 fitted as the paper does (:func:`companion.massive_activations.method.fit.fit_curve`)."""
LAST_VALUE = "last value seen"
FIT_SHARE = 0.6
"""Share of training that an extrapolation may look at (ours)."""

Series = Mapping[object, tuple[ArrayLike, ArrayLike]]
"""Name of a series (for example ``("seed 0", 3)``) to its steps and values."""


def compare(t: ArrayLike, y: ArrayLike, curves: Sequence[Separable] = CURVES) -> pd.DataFrame:
    """Fit every curve to one series.

    t, y : arrays of shape (n,)
    Returns a frame with one row per curve, eq. 9 by the paper's procedure first: ``curve``,
    ``n_parameters``, ``r2``, ``aicc``, ``extrapolation_error`` (:func:`extrapolation_error`),
    ``converged``.
    """
    t, y = check_series(t, y, 8)
    rows = [(EQ_9, 5, *_paper_fit(t, y))]
    for model in curves:
        fit = fit_separable(model, t, y)
        error = extrapolation_error(model, t, y)
        rows.append((model.name, model.n_parameters, fit.r2, fit.aicc, error, fit.converged))
    late = _late(t)
    last = float(y[~late][-1])
    rows.append((LAST_VALUE, 1, np.nan, np.nan, _error(np.full(late.sum(), last), y, late), True))
    columns = ("curve", "n_parameters", "r2", "aicc", "extrapolation_error", "converged")
    return pd.DataFrame(rows, columns=list(columns))


def extrapolation_error(model: Separable, t: ArrayLike, y: ArrayLike) -> float:
    """Root mean square error after 60 % of training of the curve fitted before, over range(y).

    t, y : arrays of shape (n,).  Lower is better; 0.1 means a tenth of the series' whole range.
    """
    t, y = check_series(t, y, 8)
    late = _late(t)
    return _error(fit_separable(model, t[~late], y[~late]).predict(t[late]), y, late)


def _paper_fit(t: np.ndarray, y: np.ndarray) -> tuple[float, float, float, bool]:
    late, fit = _late(t), fit_curve(t, y)
    error = _error(fit_curve(t[~late], y[~late]).predict(t[late]), y, late)
    return fit.r2, fit.aicc, error, fit.converged


def _late(t: np.ndarray) -> np.ndarray:
    late = t > FIT_SHARE * t[-1]
    if late.sum() < 2 or (~late).sum() < 6:
        raise ValueError(
            f"extrapolation needs 6 checkpoints before and 2 after {FIT_SHARE:.0%} of training, "
            f"got {(~late).sum()} and {late.sum()}"
        )
    return late


def _error(predicted: np.ndarray, y: np.ndarray, late: np.ndarray) -> float:
    return float(np.sqrt(np.mean((predicted - y[late]) ** 2)) / np.ptp(y))


def compare_all(series: Series, curves: Sequence[Separable] = CURVES) -> pd.DataFrame:
    """:func:`compare` for many series, stacked, with the series' name in column ``series``."""
    frames = [
        compare(t, y, curves).assign(series=[name] * (len(curves) + 2))
        for name, (t, y) in series.items()
    ]
    return pd.concat(frames, ignore_index=True)


class FitQuality(NamedTuple):
    """What C4 asks of a set of series; one series is one layer of one run.

    median_r2 : of the paper's fit over layers; bootstrap over layers
    mean_r2 : of the paper's fit; bootstrap over runs where there are several, else over layers
    beats_steps : share of series in which eq. 9 has a lower AICc than both of the paper's step
        curves; sign test against one half
    beats_fair : the same against every competitor with an offset, step curves included
    n_unconverged : series whose kept fit had not converged
    """

    median_r2: Interval
    mean_r2: Interval
    beats_steps: Interval
    beats_fair: Interval
    n_unconverged: int


def fit_quality(
    comparison: pd.DataFrame,
    *,
    rng: np.random.Generator,
    groups: Mapping[object, object] | None = None,
) -> FitQuality:
    """Summarize :func:`compare_all` for claim C4.

    comparison : its result
    rng : for the bootstrap
    groups : series name to the run it belongs to.  Layers of one run move together, so the
        interval of the mean resamples runs; median and counts stay per series
    """
    ours = comparison[comparison.curve == EQ_9].set_index("series")
    aicc = comparison.pivot_table(
        index="series", columns="curve", values="aicc", sort=False, dropna=False
    )
    steps = aicc[[STEP_1.name, STEP_2.name]].min(axis=1)
    others = {EQ_9, LAST_VALUE, DAMPED_LOG.name, STEP_1.name, STEP_2.name}
    fair = aicc.drop(columns=[name for name in aicc if name in others]).min(axis=1)
    units = ours.r2
    if groups is not None and len(set(groups.values())) > 1:
        units = units.groupby([groups[name] for name in units.index]).mean()
    return FitQuality(
        median_r2=bootstrap(ours.r2.to_numpy(), np.median, rng=rng),
        mean_r2=bootstrap(units.to_numpy(), np.mean, rng=rng),
        beats_steps=sign_test(int((aicc[EQ_9] < steps).sum()), len(aicc)),
        beats_fair=sign_test(int((aicc[EQ_9] < fair).sum()), len(aicc)),
        n_unconverged=int((~ours.converged).sum()),
    )
