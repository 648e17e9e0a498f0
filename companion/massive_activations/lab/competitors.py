"""Does eq. 9 describe a series better than its competitors?

Curves to compare eq. 9 with: the paper's two, with and without offset, and two fair ones.

The paper compares eq. 9 with step responses that start at 0, although every series starts near
7, the ratio of Gaussian noise.  A comparison is fair only when the competitor may have the
offset that eq. 9 has in K, so each is here in both forms, beside two smooth curves with an
offset: a cubic in log(1 + t/τ) and a log-logistic.

Does eq. 9 describe a series better than its competitors, in sample and beyond the sample?

R2 alone cannot tell: every curve here has three to five free numbers and the series are smooth.
AICc charges for the parameters; extrapolation asks the question a designer would ask, what
happens in the last two fifths of training when only the first three were seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from companion.massive_activations.method.fit import (
    Separable,
    check_series,
    fit_curve,
    fit_separable,
)
from companion.stats import Interval, bootstrap, sign_test

# ---------------------------------------------------------------------------------------- baselines
_TIMES = tuple(np.log(np.geomspace(1e-3, 10.0, 13)))
_TIME_BOUNDS = (math.log(1e-5), math.log(1e3))


def first_order_step(t: ArrayLike, tau: ArrayLike) -> np.ndarray:
    """Step 1 of the paper without its gain: 1 - exp(-t/τ); t and τ broadcast."""
    return -np.expm1(-np.asarray(t, dtype=float) / tau)


def second_order_step(t: ArrayLike, zeta: ArrayLike, omega: ArrayLike) -> np.ndarray:
    r"""Step 2 of the paper without its gain, for every damping.

    The response of :math:`\ddot y + 2\zeta\omega\dot y + \omega^2 y = \omega^2` from rest:

    .. math:: y = 1 - e^{-\zeta\omega t}\big[\cos\omega_d t
        + \tfrac{\zeta}{\sqrt{1-\zeta^2}}\sin\omega_d t\big],
        \qquad \omega_d = \omega\sqrt{1-\zeta^2}

    for ζ < 1 (the paper writes the bracket as one sine with phase arccos ζ),
    :math:`1 - e^{-\omega t}(1+\omega t)` at ζ = 1, and two real exponentials above.  All start
    with y = 0 and zero slope, which the printed over-damped form leaves to the reader's signs.

    t, zeta, omega : broadcastable arrays, t >= 0, ζ >= 0, ω > 0
    """
    t, zeta, omega = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (t, zeta, omega)))
    # one formula per sign of s = 1 - ζ²; near s = 0 both divide by almost nothing, so the
    # critical form, their limit, takes over there with error of order s (ωt)³ e^{-ωt}
    root = np.sqrt(np.abs(1 - zeta**2))
    near, under = root < 1e-5, zeta < 1
    safe = np.where(near, 1.0, root)
    angle = safe * omega * t
    decay = np.exp(-zeta * omega * t)
    oscillating = 1 - decay * (np.cos(angle) + zeta / safe * np.sin(angle))
    # (ζ - root) loses digits for large ζ; its equal 1 / (ζ + root) does not
    slow, fast = 1 / (zeta + safe), zeta + safe
    real = 1 - (fast * np.exp(-slow * omega * t) - slow * np.exp(-fast * omega * t)) / (2 * safe)
    critical = 1 - np.exp(-omega * t) * (1 + omega * t)
    return np.where(near, critical, np.where(under, oscillating, real))


def log_logistic(t: ArrayLike, tau: ArrayLike, slope: ArrayLike) -> np.ndarray:
    """(t/τ)^slope / (1 + (t/τ)^slope): a sigmoid in log t; 0 at t = 0, 1/2 at t = τ."""
    with np.errstate(divide="ignore", over="ignore"):
        return 1 / (1 + (np.asarray(t, dtype=float) / tau) ** -np.asarray(slope, dtype=float))


def _columns(*functions: np.ndarray) -> np.ndarray:
    return np.stack(np.broadcast_arrays(*functions), axis=-1)


def _step1(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return _columns(first_order_step(u, np.exp(shape[..., 0:1])))


def _step2(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    zeta, omega = shape[..., 0:1], np.exp(-shape[..., 1:2])
    return _columns(second_order_step(u, zeta, omega))


def _loglogistic(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return _columns(log_logistic(u, np.exp(shape[..., 0:1]), np.exp(shape[..., 1:2])))


def _cubic(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    log_time = np.log1p(u / np.exp(shape[..., 0:1]))
    return _columns(log_time, log_time**2, log_time**3)


def _damped_log(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    decay = np.exp(-np.exp(shape[..., 0:1]) * u)
    return _columns(decay * np.log(u + np.exp(shape[..., 1:2])), decay)


def _with_offset(model: Separable, name: str) -> Separable:
    def basis(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
        columns = model.basis(u, shape)
        return np.concatenate([columns, np.ones_like(columns[..., :1])], axis=-1)

    return model._replace(name=name, basis=basis, n_linear=model.n_linear + 1)


STEP_1 = Separable("step 1", _step1, (_TIME_BOUNDS,), (_TIMES,), 1)
STEP_2 = Separable(
    "step 2",
    _step2,
    ((0.0, 50.0), _TIME_BOUNDS),
    ((0.05, 0.2, 0.5, 0.9, 1.5, 4.0), _TIMES[::2]),
    1,
)
STEP_1_OFFSET = _with_offset(STEP_1, "step 1 + offset")
STEP_2_OFFSET = _with_offset(STEP_2, "step 2 + offset")
LOG_LOGISTIC = _with_offset(
    Separable(
        "log-logistic",
        _loglogistic,
        (_TIME_BOUNDS, (math.log(0.2), math.log(20.0))),
        (_TIMES[::2], tuple(np.log([0.5, 1.0, 2.0, 5.0]))),
        1,
    ),
    "log-logistic + offset",
)
CUBIC = _with_offset(
    Separable("cubic", _cubic, ((math.log(1e-5), math.log(10.0)),), (_TIMES[:-3],), 3),
    "cubic in log(1 + t/τ)",
)
DAMPED_LOG = _with_offset(
    Separable(
        "damped logarithm",
        _damped_log,
        ((math.log(1e-4), math.log(1e4)), (math.log(1e-7), math.log(1e2))),
        (tuple(np.log(np.geomspace(1e-3, 1e3, 9))), tuple(np.log(np.geomspace(1e-5, 10.0, 7)))),
        2,
    ),
    "damped logarithm, eq. 9",
)
"""Eq. 9 in the reparametrized form, where A1, A2 and K are linear: its global best fit."""

PAPER_BASELINES = (STEP_1, STEP_2)
FAIR_BASELINES = (STEP_1_OFFSET, STEP_2_OFFSET, LOG_LOGISTIC, CUBIC)
CURVES = (DAMPED_LOG, *PAPER_BASELINES, *FAIR_BASELINES)


# ------------------------------------------------------------------------------------------ compare
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
