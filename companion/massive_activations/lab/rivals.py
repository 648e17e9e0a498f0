"""Does eq. 9 describe a series better than its rivals, in sample and beyond the sample?

The paper compares eq. 9 with step responses that start at 0, although every series starts near 7,
the ratio of Gaussian noise.  A comparison is fair only when the rival may have the offset that
eq. 9 has in K, so each is here in both forms, beside two smooth curves with an offset: a cubic in
log(1 + t/τ) and a log-logistic.

R2 alone cannot tell: every curve here has three to five free numbers and the series are smooth.
AICc charges for the parameters; hiding the last third of training asks what a designer would ask,
and "the last value seen" is the answer that needs no curve.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from companion.massive_activations.lab.identifiability import CHECKPOINTS, LAST_STEP, NOISE
from companion.massive_activations.lab.series import ratio_series, relative_noise
from companion.massive_activations.method.curve import turning_point
from companion.massive_activations.method.fit import DAMPED_LOG, Fit, Separable, check_series, fit

SEEN = 2 / 3
"""Share of training that an extrapolation may look at."""

LAST_VALUE = "last value seen"

_TIMES = tuple(np.log(np.geomspace(1e-3, 10.0, 13)))
_TIME_BOUNDS = (math.log(1e-5), math.log(1e3))


# --------------------------------------------------------------------------- the rivals
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
    return _columns(second_order_step(u, shape[..., 0:1], np.exp(-shape[..., 1:2])))


def _loglogistic(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return _columns(log_logistic(u, np.exp(shape[..., 0:1]), np.exp(shape[..., 1:2])))


def _cubic(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    log_time = np.log1p(u / np.exp(shape[..., 0:1]))
    return _columns(log_time, log_time**2, log_time**3)


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
_LOGLOGISTIC = Separable(
    "log-logistic",
    _loglogistic,
    (_TIME_BOUNDS, (math.log(0.2), math.log(20.0))),
    (_TIMES[::2], tuple(np.log([0.5, 1.0, 2.0, 5.0]))),
    1,
)
_CUBIC = Separable("cubic", _cubic, ((math.log(1e-5), math.log(10.0)),), (_TIMES[:-3],), 3)

AS_PRINTED = (STEP_1, STEP_2)
STEPS_WITH_OFFSET = (
    _with_offset(STEP_1, "step 1 + offset"),
    _with_offset(STEP_2, "step 2 + offset"),
)
FAIR = (
    *STEPS_WITH_OFFSET,
    _with_offset(_LOGLOGISTIC, "log-logistic + offset"),
    _with_offset(_CUBIC, "cubic in log(1 + t/τ)"),
)
CURVES = (DAMPED_LOG, *AS_PRINTED, *FAIR)


# --------------------------------------------------------------------------- every layer
def fit_layers(rows: pd.DataFrame) -> pd.DataFrame:
    """Every curve fitted to the ratio of every layer; a row a layer and curve.

    rows : measurements as :func:`sources.load_excerpt` gives them

    Columns: ``model``, ``layer``, ``depth``, ``curve``, ``n`` checkpoints, ``n_parameters``,
    ``r2``, ``aicc`` (infinite where there are too few), ``hidden_error`` (see
    :func:`hidden_error`; not of the step responses as printed), and of eq. 9 ``K`` and ``turning``,
    the plateau and the turning step.
    A curve with more parameters than checkpoints is not fitted; its numbers are nan.
    """
    series = ratio_series(rows)
    table = []
    for (model, layer), part in series.groupby(["model", "layer"], sort=False):
        part = part.sort_values("step")
        t, y = part.step.to_numpy(float), part.ratio.to_numpy()
        head = (model, layer, float(part.depth.iloc[0]))
        table += [(*head, *row) for row in compare(t, y)]
    columns = ["model", "layer", "depth", "curve", "n", "n_parameters", "r2", "aicc"]
    return pd.DataFrame(table, columns=[*columns, "hidden_error", "K", "turning"])


def compare(t: np.ndarray, y: np.ndarray) -> list[tuple]:
    """Rows of :func:`fit_layers` of one series, from ``curve`` on, eq. 9 first."""
    t, y = check_series(t, y, 4)
    rows = []
    for model in CURVES:
        error = np.nan if model in AS_PRINTED else hidden_error(model, t, y)
        if t.size < model.n_parameters:
            rows.append((model.name, t.size, model.n_parameters, *[np.nan] * 2, error, *_NO_PLACE))
            continue
        found = fit(model, t, y)
        place = _place(found) if model is DAMPED_LOG else _NO_PLACE
        row = (model.name, t.size, model.n_parameters, found.r2, found.aicc, error)
        rows.append((*row, *place))
    last = hidden_error(None, t, y)
    return [*rows, (LAST_VALUE, t.size, 1, np.nan, np.nan, last, *_NO_PLACE)]


_NO_PLACE = (np.nan, np.nan)


def _place(found: Fit) -> tuple[float, float]:
    params = found.params
    turning = turning_point(params) if np.isfinite(params).all() else np.nan
    return float(found.coefficients[-1]), turning


def hidden_error(model: Separable | None, t: np.ndarray, y: np.ndarray) -> float:
    """Root mean square error after two thirds of training of what was fitted before, over range(y).

    model : a family of curves, or None for the last value seen

    nan where the first two thirds have fewer checkpoints than the curve has parameters.
    """
    late = t > SEEN * t[-1]
    seen = ~late
    if seen.sum() < (1 if model is None else model.n_parameters):
        return float("nan")
    guess = y[seen][-1] if model is None else fit(model, t[seen], y[seen]).predict(t[late])
    return float(np.sqrt(np.mean((guess - y[late]) ** 2)) / np.ptp(y))


# --------------------------------------------------------------------------- where eq. 9 is true
def closer_where_true(rows: pd.DataFrame, n_draws: int, rng: np.random.Generator) -> dict:
    """How often eq. 9 beats the last value seen in series that follow eq. 9.

    Each layer's fitted curve is taken for the truth, and `n_draws` series are drawn around it: at
    the checkpoints at hand with the noise of their texts, and at 37 checkpoints up to the same step
    with that of a mean over ten.

    Returns ``"at hand"`` and ``"37 checkpoints"`` -> bool array (n_layers, n_draws); layers with
    too few checkpoints for the first are left out of both.
    """
    found: dict[str, list] = {"at hand": [], "37 checkpoints": []}
    for (model, _), part in ratio_series(rows).groupby(["model", "layer"], sort=False):
        part = part.sort_values("step")
        t, y = part.step.to_numpy(float), part.ratio.to_numpy()
        if np.isnan(hidden_error(DAMPED_LOG, t, y)):
            continue
        truth = fit(DAMPED_LOG, t, y)
        dense = CHECKPOINTS * (t[-1] / LAST_STEP)
        noise = relative_noise(model) / np.sqrt(part.n.to_numpy(float))
        for name, at, size in (("at hand", t, noise), ("37 checkpoints", dense, NOISE)):
            clean = truth.predict(at)
            draws = clean * (1 + size * rng.standard_normal((n_draws, at.size)))
            pairs = [[hidden_error(m, at, one) for m in (DAMPED_LOG, None)] for one in draws]
            found[name].append([ours < last for ours, last in pairs])
    return {name: np.array(won) for name, won in found.items()}
