r"""Does eq. 9 describe a series better than its rivals, and do 37 checkpoints determine it?

The paper compares eq. 9 with step responses that start at 0, although every series starts near 7,
the ratio of Gaussian noise.  A comparison is fair only when the rival may have the offset that
eq. 9 has in K, so each is here in both forms, beside two smooth curves with an offset: a cubic in
log(1 + t/τ) and a log-logistic.

R2 alone cannot tell: every curve here has three to five free numbers and the series are smooth.
AICc charges for the parameters; hiding the last third of training asks what a designer would ask,
and "the last value seen" is the answer that needs no curve.

A fit with R2 above 0.99 can leave its parameters free.  Two true curves are drawn again and
again with 2 % noise and refitted.  A layer that peaked and decayed pins its plateau K; a layer
that still rises does not, because as β goes to 0

.. math:: e^{-\beta t}[A_1 \log(t + \tau_0) + A_2] + K
   \;\approx\; A_1 \log(t + \tau_0) + (A_2 + K) - \beta t\,[A_1 \log(t + \tau_0) + A_2]

contains A2 and K only through their sum.  The profile likelihood shows the same on one series.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import f as f_distribution

from companion.data import Missing
from companion.massive_activations.lab.series import ratio_series, relative_noise
from companion.massive_activations.method.curve import (
    DAMPED_LOG,
    CurveParams,
    Fit,
    Separable,
    check_series,
    damped_log,
    fit,
    project,
    search,
    turning_point,
)
from companion.stats import Interval, proportion
from companion.verdicts import Untested

# ------------------------------------------------------------------------------- what is determined
LAST_STEP = 143_000
CHECKPOINTS = np.array(
    [
        0,
        *(2**k for k in range(10)),
        *(1000 * k for k in (1, 2, 3, 4, 6, 8)),
        *range(10_000, LAST_STEP + 1, 7_000),
    ],
    dtype=float,
)
"""37 steps.  The paper says "at least 37" and lists none; these are our reading."""
NOISE = 0.02
"""Relative noise of a mean over ten sequences (the paper's Table 2 has SEM 1.3 to 2.2 %)."""

REGIMES = {
    "early peak": CurveParams(A=300.0, lam=0.9, gamma=1.2e-4, t0=0.9, K=60.0),
    "rising": CurveParams(A=500.0, lam=1e-3, gamma=2e-3, t0=0.5, K=350.0),
}
"""True curves: one that peaks near step 8,000 and decays, one that still rises at step 90,000."""


def draw_series(truth: CurveParams, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Noisy series around `truth` at :data:`CHECKPOINTS`: shape (n_draws, 37)."""
    clean = damped_log(CHECKPOINTS, *truth)
    return clean * (1 + NOISE * rng.standard_normal((n_draws, CHECKPOINTS.size)))


@dataclass(frozen=True)
class Refits:
    """Refits of one true curve; axis 0 is the noise draw.

    truth : the curve behind the draws
    params : (n_draws, 5) eq. 9, not finite where only the reparametrized form can name the fit
    r2 : (n_draws,)
    turning : (n_draws,) t_peak in steps
    fitted : (n_draws, 37) fitted curves at :data:`CHECKPOINTS`
    bounded : (n_draws,) whether a 95 % profile interval bounds K on both sides
    """

    truth: CurveParams
    params: np.ndarray
    r2: np.ndarray
    turning: np.ndarray
    fitted: np.ndarray
    bounded: np.ndarray

    def values(self, name: str) -> np.ndarray:
        """Finite estimates of one parameter, e.g. ``"K"``."""
        column = self.params[:, CurveParams._fields.index(name)]
        return column[np.isfinite(column)]


def refit(truth: CurveParams, n_draws: int, rng: np.random.Generator) -> Refits:
    """Draw `n_draws` noisy series around `truth` and fit each."""
    if n_draws < 1:
        raise ValueError(f"need at least one draw, got {n_draws}")
    series = draw_series(truth, n_draws, rng)
    fits = [fit(DAMPED_LOG, CHECKPOINTS, y) for y in series]
    limits = np.array([limits_at_infinity(CHECKPOINTS, y) for y in series])
    best = np.minimum([one.rss for one in fits], limits.min(axis=1))
    return Refits(
        truth=truth,
        params=np.array([one.params for one in fits]),
        r2=np.array([one.r2 for one in fits]),
        turning=np.array([turning_point(one.params) for one in fits]),
        fitted=np.array([one.predict(CHECKPOINTS) for one in fits]),
        bounded=(limits > _excluded(CHECKPOINTS.size) * best[:, None]).all(axis=1),
    )


@dataclass(frozen=True)
class Profile:
    """Profile likelihood of the plateau K on one series.

    truth : K of the curve behind it
    K : (m,) values at which K was held
    rss : (m,) smallest residual sum of squares with K held, all else free, over its least value
    limit : the same number at the limit of the 95 % interval
    open_below, open_above : whether no K on that side is excluded, however far
    """

    truth: float
    K: np.ndarray
    rss: np.ndarray
    limit: float
    open_below: bool
    open_above: bool


def profile_plateau(y: np.ndarray, K: np.ndarray, truth: float) -> Profile:
    r"""Hold K at each value of a grid and minimize over the other four parameters.

    With K held, eq. 9 is linear in A1 and A2, so only β and τ0 are searched, globally.  The limit
    is that of an F test: :math:`RSS(K) \le RSS_{min}\,[1 + F_{1,n-5}^{-1}(0.95)/(n-5)]`.

    y : (37,) series at :data:`CHECKPOINTS`; K : increasing grid of shape (m,), in the unit of y
    """
    u, size = CHECKPOINTS / CHECKPOINTS[-1], float(np.abs(y).max())
    below, above = limits_at_infinity(CHECKPOINTS, y)
    free = fit(DAMPED_LOG, CHECKPOINTS, y)
    if K[0] < free.coefficients[-1] < K[-1]:  # so that a coarse grid cannot step over its minimum
        K = np.unique(np.append(K, free.coefficients[-1]))
    rss = np.array([search(_WITHOUT_OFFSET, u, (y - held) / size)[1] for held in K]) * size**2
    best = min(free.rss, float(rss.min()), below, above)
    limit = _excluded(y.size)
    return Profile(truth, K, rss / best, limit, below <= limit * best, above <= limit * best)


def _excluded(n: int) -> float:
    """RSS over its least value from which a K is excluded at 95 %."""
    return float(1 + f_distribution.ppf(0.95, 1, n - 5) / (n - 5))


def limits_at_infinity(t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    r"""What a series costs when K goes to minus and to plus infinity: two values of RSS.

    Let :math:`A_2 = c - K` and :math:`\beta = b/A_2`.  As K goes to minus infinity at fixed b >= 0
    the curve tends to :math:`A_1\log(t + \tau_0) + c - b t`, a logarithm with a falling line; for
    K to plus infinity the line rises.  Both are ordinary curves with a finite RSS.  If it is below
    the limit of the profile, the data do not bound K on that side, on any grid.
    """
    u, size = t / t[-1], float(np.abs(y).max())
    shape, free = search(_LOG_AND_LINE, u, y / size)
    slope = project(_LOG_AND_LINE.basis(u, shape), y / size)[0][1]
    flat = search(_LOG, u, y / size)[1]  # the better slope has the wrong sign: the line is flat
    below, above = (free, flat) if slope <= 0 else (flat, free)
    return below * size**2, above * size**2


def _without_offset(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return DAMPED_LOG.basis(u, shape)[..., :-1]


def _log(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    rising = np.log(u + np.exp(shape[..., 0:1]))
    return np.stack([rising, np.ones_like(rising)], axis=-1)


def _log_and_line(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    rising, one = np.moveaxis(_log(u, shape), -1, 0)
    return np.stack([rising, np.broadcast_to(u, rising.shape), one], axis=-1)


_WITHOUT_OFFSET = DAMPED_LOG._replace(basis=_without_offset, n_linear=2)
_LOG = Separable("logarithm", _log, DAMPED_LOG.bounds[1:], DAMPED_LOG.grid[1:], 2)
_LOG_AND_LINE = _LOG._replace(name="logarithm and line", basis=_log_and_line, n_linear=3)


# ------------------------------------------------------------------------------------------- rivals
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


# ----------------------------------------------------------------------------------------- the race
ENOUGH = 8
"""Checkpoints from which AICc of a curve with five parameters exists."""


@dataclass(frozen=True)
class Race:
    """Eq. 9 against rivals, layer by layer, from the table of :func:`fit_layers`."""

    fits: pd.DataFrame

    def wide(self, column: str) -> pd.DataFrame:
        """One row a layer, one column a curve."""
        keyed = self.fits.set_index(["model", "layer", "curve"])[column]
        return keyed.unstack("curve")

    @property
    def n(self) -> np.ndarray:
        """Checkpoints of each layer."""
        return self.wide("n")[DAMPED_LOG.name].to_numpy()

    @property
    def too_few(self) -> Missing | None:
        """Stands for a comparison by AICc where no layer has checkpoints enough."""
        if int(self.n.max()) >= ENOUGH:
            return None
        return Missing(f"AICc of five parameters needs {ENOUGH} checkpoints")

    @property
    def doubt(self) -> str:
        """Why a high R² is not enough, if it is not."""
        if self.too_few is None:
            return ""
        few = f"{int(self.n.min())} to {int(self.n.max())}"
        return f"{few} checkpoints a layer are too few for five parameters"

    @property
    def parameters(self) -> int:
        """Of eq. 9."""
        return DAMPED_LOG.n_parameters

    @property
    def r2(self) -> np.ndarray:
        """Of eq. 9, each layer."""
        return self.wide("r2")[DAMPED_LOG.name].to_numpy()

    def best_r2(self, rivals: Sequence) -> np.ndarray:
        """The highest of some curves, each layer."""
        return self.wide("r2")[[one.name for one in rivals]].max(axis=1).to_numpy()

    def lower_aicc(self, rivals: Sequence) -> Interval:
        """Share of layers in which eq. 9 has a lower AICc than all of some curves."""
        wide = self.wide("aicc")
        won = wide[DAMPED_LOG.name] < wide[[one.name for one in rivals]].min(axis=1)
        return proportion(int(won.sum()), len(won))

    def closer(self, *rivals: str) -> Interval:
        """Share of layers whose hidden third eq. 9 misses by less than each of some rivals.

        Layers on which it cannot be fitted without that third are left out.
        """
        wide = self.wide("hidden_error")
        wide = wide[wide[DAMPED_LOG.name].notna()]
        if wide.empty:
            raise Untested("no layer has five checkpoints in the first two thirds of training")
        won = wide[DAMPED_LOG.name] < wide[list(rivals)].min(axis=1)
        return proportion(int(won.sum()), len(won))
