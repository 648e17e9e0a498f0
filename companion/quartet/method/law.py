r"""The paper's scaling law, with quantization as a smaller effective N and D.

.. math:: L(N, D) = \Big( \frac{A}{(N\,\mathrm{eff}_N)^\alpha} +
                          \frac{B}{(D\,\mathrm{eff}_D)^\beta} \Big)^\gamma + E

First stage: six parameters on the unquantized runs.  Second stage: the base is kept, and each
scheme gets its efficiency.  Residuals are in log L under a Huber loss with threshold 1e-4, as in
the authors' notebook.

A budget is what FP8 could do: a model of N parameters on D tokens.  Faster arithmetic buys a larger
model at the same cost of inference, and more tokens at the same cost of training:

.. math:: \mathrm{loss} = L\big(N\,sp_{fw},\; D\,sp_{tr} / sp_{fw};\;\mathrm{eff}_N,
          \mathrm{eff}_D\big), \qquad
          \frac1{sp_{tr}} = \frac{1/3}{sp_{fw}} + \frac{2/3}{sp_{bw}}
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult, brentq, least_squares

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float, Num

PARAMETERS = ("log A", "alpha", "log B", "beta", "log E", "gamma")
HUBER = 1e-4
FREE = {"full": (), "gamma = 1": (5,), "beta = 1": (3,)}
"""Law to the indices of parameters that are held at 1: Hoffmann's, and Kaplan's."""


class Law(NamedTuple):
    """theta : (6,) in the order of PARAMETERS; cost : the Huber objective it reached"""

    theta: np.ndarray
    cost: float

    def loss(
        self,
        N: Num[np.ndarray, "*#runs"] | float,
        D: Num[np.ndarray, "*#runs"] | float,
        eff_n: float = 1.0,
        eff_d: float = 1.0,
    ) -> Float[np.ndarray, "*runs"] | float:
        """Predicted loss in nats, broadcasting.  Chapter eq. 11."""
        return np.exp(_log_loss(self.theta, np.asarray(N) * eff_n, np.asarray(D) * eff_d)[0])


class Runs(NamedTuple):
    """N, D : parameters and tokens; loss : nats; all (n,)"""

    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray

    def take(self, pick: np.ndarray) -> Runs:
        """The runs of an index array or a boolean mask."""
        return Runs(self.N[pick], self.D[pick], self.loss[pick])


def _log_loss(theta: np.ndarray, N: np.ndarray, D: np.ndarray):
    """log L and its six derivatives: (n,), (n, 6)."""
    log_a, alpha, log_b, beta, log_e, gamma = theta
    log_n, log_d = np.log(N), np.log(D)
    a, b = np.exp(log_a - alpha * log_n), np.exp(log_b - beta * log_d)
    inner = a + b
    reducible, floor = inner**gamma, np.exp(log_e)
    L = reducible + floor
    slope = gamma * reducible / inner / L  # of log L by the inner sum
    columns = (slope * a, -slope * a * log_n, slope * b, -slope * b * log_d)
    columns += (np.broadcast_to(floor / L, L.shape), reducible * np.log(inner) / L)
    return np.log(L), np.stack(np.broadcast_arrays(*columns), axis=-1)


def fit_from(start: np.ndarray, runs: Runs, fixed: tuple[int, ...] = ()) -> OptimizeResult:
    """One Huber least-squares fit; parameters in `fixed` are held at 1."""
    free = [i for i in range(6) if i not in fixed]
    target = np.log(runs.loss)

    def whole(part: np.ndarray) -> np.ndarray:
        theta = np.ones(6)
        theta[free] = part
        return theta

    def residual(part: np.ndarray) -> np.ndarray:
        return _log_loss(whole(part), runs.N, runs.D)[0] - target

    def jacobian(part: np.ndarray) -> np.ndarray:
        return _log_loss(whole(part), runs.N, runs.D)[1][:, free]

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return least_squares(
            residual,
            np.asarray(start, float)[free],
            jac=jacobian,
            loss="huber",
            f_scale=HUBER,
            x_scale="jac",
            max_nfev=3000,
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-12,
        )


def starts(n: int) -> list[np.ndarray]:
    """`n` starts: near the paper's law first, then spread over the authors' grid of 486."""
    near = [
        np.array([12.0, 0.6, 13.0, 0.55, 0.3, 0.3]),
        np.array([6.0, 0.35, 7.0, 0.35, 0.5, 1.0]),
    ]
    grid = [
        np.array(point, float)
        for point in product(
            (0, 5, 10), (0, 0.5, 1), (0, 5, 10), (0, 0.5, 1), (0, 0.5), (0, 0.5, 1)
        )
        if point[1] > 0 and point[3] > 0 and point[5] > 0  # at an exponent of 0 the slope is lost
    ]
    pick = np.linspace(0, len(grid) - 1, max(0, n - len(near))).round().astype(int)
    return (near + [grid[i] for i in pick])[:n]


def fit_law(runs: Runs, n_starts: int, kind: str = "full") -> Law:
    """The best of `n_starts` fits.

    kind : a key of FREE.  Raises ``ValueError`` if there are fewer runs than parameters.
    """
    fixed = FREE[kind]
    if runs.loss.size < 6 - len(fixed):
        raise ValueError(f"{runs.loss.size} runs cannot determine {6 - len(fixed)} parameters")
    best = Law(np.full(6, np.nan), np.inf)
    for start in starts(n_starts):
        try:
            found = fit_from(start, runs, fixed)
        except ValueError:  # a start from which the first residuals are not finite
            continue
        if found.cost < best.cost:
            theta = np.ones(6)
            theta[[i for i in range(6) if i not in fixed]] = found.x
            best = Law(theta, float(found.cost))
    return best


def fit_efficiency(law: Law, runs: Runs, which: str) -> tuple[float, float]:
    """(eff_N, eff_D) of a scheme's runs with the base law kept.

    which : ``"N"`` or ``"D"`` fits one of them and leaves the other at 1; ``"both"`` fits both
    """
    if which not in ("N", "D", "both"):
        raise ValueError(f"which is 'N', 'D' or 'both', got {which!r}")
    free = {"N": [0], "D": [1], "both": [0, 1]}[which]
    target = np.log(runs.loss)

    def logs(part: np.ndarray) -> np.ndarray:
        both = np.zeros(2)
        both[free] = part
        return both

    def residual(part: np.ndarray) -> np.ndarray:
        n, d = np.exp(logs(part))
        return _log_loss(law.theta, runs.N * n, runs.D * d)[0] - target

    def jacobian(part: np.ndarray) -> np.ndarray:
        n, d = np.exp(logs(part))
        _, slopes = _log_loss(law.theta, runs.N * n, runs.D * d)
        # log eff_N enters where -log A / alpha does
        return np.stack([-law.theta[1] * slopes[:, 0], -law.theta[3] * slopes[:, 2]], -1)[:, free]

    found = least_squares(
        residual,
        np.full(len(free), -0.2),
        jac=jacobian,
        loss="huber",
        f_scale=HUBER,
        x_scale="jac",
        max_nfev=2000,
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    eff = np.exp(logs(found.x))
    return float(eff[0]), float(eff[1])


# --------------------------------------------------------------------------- budgets
PRECISIONS = ("FP8:FP8", "FP4:FP8", "FP8:FP4", "FP4:FP4")
"""Forward and backward precision.  The paper's FP8 is idealized: BF16 quality at FP8 speed."""

MODELS = {
    "Llama 3 70B": (70e9, 15e12),
    "Qwen 2.5 72B": (72e9, 18e12),
    "Gemma 3 27B": (27e9, 14e12),
    "Gemma 3 12B": (12e9, 12e12),
    "Gemma 3 4B": (4e9, 4e12),
    "Gemma 3 1B": (1e9, 2e12),
}
"""Parameters and training tokens of models that the paper marks."""

RATIO_LIMITS, SIZE_LIMITS = (25.0, 2200.0), (1e8, 1e11)


class Speed(NamedTuple):
    """Speed-up of four-bit products over FP8 ones, forward and backward."""

    forward: float = 2.0
    backward: float = 2.0

    def of(self, precision: str) -> tuple[float, float]:
        """(sp_fw, sp_tr) of a precision.  Chapter eq. 12."""
        fw = self.forward if precision.startswith("FP4") else 1.0
        bw = self.backward if precision.endswith("FP4") else 1.0
        return fw, 1 / ((1 / 3) / fw + (2 / 3) / bw)


class Quality(NamedTuple):
    """eff_N of four-bit forward, eff_D of four-bit backward."""

    eff_n: float
    eff_d: float


def loss_at_budget(
    law: Law,
    N: Num[np.ndarray, "*#runs"] | float,
    ratio: Num[np.ndarray, "*#runs"] | float,
    precision: str,
    speed: Speed,
    quality: Quality,
) -> Float[np.ndarray, "*runs"] | float:
    """Loss of `precision` at the budget of an FP8 run of N parameters and ratio * N tokens.

    Chapter eq. 13.  Arrays broadcast.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; choose one of {PRECISIONS}")
    fw, tr = speed.of(precision)
    N, D = np.asarray(N, float), np.asarray(ratio, float) * N
    eff_n = quality.eff_n if precision.startswith("FP4") else 1.0
    eff_d = quality.eff_d if precision.endswith("FP4") else 1.0
    return law.loss(N * fw, D * tr / fw, eff_n, eff_d)


class Map(NamedTuple):
    """ratio : (x,) tokens per parameter; size : (y,) parameters

    best : (y, x) index into PRECISIONS; margin : (y, x) how far the best is below FP8:FP8, nats
    """

    ratio: np.ndarray
    size: np.ndarray
    best: np.ndarray
    margin: np.ndarray

    def share(self, precision: str) -> float:
        """Share of the map where it is best."""
        return float((self.best == PRECISIONS.index(precision)).mean())


def crossover(law: Law, N: float, speed: Speed, quality: Quality) -> float:
    """Tokens per parameter above which FP4:FP4 beats FP8:FP4; nan if it does not change sides."""

    def gap(log_ratio: float) -> float:
        both, backward = (
            loss_at_budget(law, N, np.exp(log_ratio), precision, speed, quality)
            for precision in ("FP4:FP4", "FP8:FP4")
        )
        return float(both - backward)

    low, high = np.log(0.5), np.log(1e5)
    if gap(low) * gap(high) >= 0:
        return float("nan")
    return float(np.exp(brentq(gap, low, high)))


contracts.guard_public(
    __name__,
    {
        **{
            name: {"runs": contracts.FINITE.of_parts()}
            for name in ("fit_from", "fit_law", "fit_efficiency")
        },
        **{
            name: {"speed": contracts.FINITE.of_parts(), "quality": contracts.FINITE.of_parts()}
            for name in ("loss_at_budget", "crossover")
        },
    },
)
