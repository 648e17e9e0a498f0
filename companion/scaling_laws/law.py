r"""The law and the points it is fitted to.

A scaling law is a regression with five parameters on points (N, D, L), one point per checkpoint:

.. math:: \hat L(N, D) = E + A\,N^{-\alpha} + B\,D^{-\beta} \qquad \text{(paper eq. 1)}

N counts parameters, D tokens seen, L is the loss of that checkpoint.  E is what no model of this
family can get rid of, the second term what a finite model misses, the third what a finite amount
of data misses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

MIN_SIZES = 3
"""Distinct N that E, A and alpha need: with two, a whole curve of (E, A, alpha) fits equally."""


class Points(NamedTuple):
    """Checkpoints to fit or to predict, as :func:`points` checks them.

    N : float array of shape (n,), parameters; D : (n,), tokens seen
    loss : (n,), in any unit, as long as it is one unit
    """

    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray

    @property
    def n_sizes(self) -> int:
        """Number of distinct N."""
        return np.unique(self.N).size


def points(N: ArrayLike, D: ArrayLike, loss: ArrayLike) -> Points:
    """Checked points: 1-D, equally long, finite and positive.

    Raises
    ------
    ValueError
        Names the column, how many rows are bad and the first of them, and what to do.
    """
    columns = {
        "N": np.asarray(N, dtype=float),
        "D": np.asarray(D, dtype=float),
        "loss": np.asarray(loss, dtype=float),
    }
    shapes = {name: column.shape for name, column in columns.items()}
    if len(set(shapes.values())) > 1 or columns["N"].ndim != 1 or columns["N"].size == 0:
        raise ValueError(f"N, D and loss must be 1-D, equally long and not empty, got {shapes}")
    for name, column in columns.items():
        for is_bad, what in ((~np.isfinite(column), "not finite"), (column <= 0, "not positive")):
            if is_bad.any():
                row = int(np.argmax(is_bad))
                raise ValueError(
                    f"{is_bad.sum()} of {column.size} values of {name} are {what}, the first in "
                    f"row {row} ({column[row]}); drop or mend these rows before the fit"
                )
    return Points(**columns)


@dataclass(frozen=True)
class ScalingLaw:
    """Five numbers that predict a loss. Paper eq. 1.

    E : irreducible loss, >= 0, in the unit of the loss
    A, alpha : size term A N^-alpha; B, beta : data term B D^-beta; all >= 0
    """

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    def predict(self, N: ArrayLike, D: ArrayLike) -> np.ndarray:
        """Predicted loss; N and D broadcast."""
        N, D = np.asarray(N, dtype=float), np.asarray(D, dtype=float)
        return self.E + self._term(self.A, self.alpha, N) + self._term(self.B, self.beta, D)

    @staticmethod
    def _term(factor: float, exponent: float, x: np.ndarray) -> np.ndarray:
        # through the logarithm: B alone overflows long before B D^-beta does
        return np.exp(math.log(factor) - exponent * np.log(x)) if factor > 0 else np.zeros_like(x)

    @property
    def log_parameters(self) -> np.ndarray:
        """(a, b, e, alpha, beta) with A = exp(a), B = exp(b), E = exp(e); the paper's theta."""
        with np.errstate(divide="ignore"):
            logs = np.log([self.A, self.B, self.E])
        return np.array([*logs, self.alpha, self.beta])

    @classmethod
    def from_log(cls, theta: ArrayLike) -> ScalingLaw:
        """The law with log-parameters `theta` = (a, b, e, alpha, beta)."""
        a, b, e, alpha, beta = np.asarray(theta, dtype=float)
        return cls(
            E=float(np.exp(e)), A=float(np.exp(a)), B=float(np.exp(b)),
            alpha=float(alpha), beta=float(beta),
        )  # fmt: skip


class Fit(NamedTuple):
    """A fitted law and what is needed to judge the fit.

    law : the best parameters found
    sse : sum of squared residuals over the training points, loss unit squared
    n_points, n_sizes : training points and distinct N
    converged : whether the solver met its tolerance; a fit that did not is kept and counted
    at_bound : whether an exponent stopped at the edge of the search; the law then does not
        describe the points, or the points do not determine it
    """

    law: ScalingLaw
    sse: float
    n_points: int
    n_sizes: int
    converged: bool
    at_bound: bool = False


def residual_sum(law: ScalingLaw, data: Points) -> float:
    """Sum of squared residuals of `law` on `data`: the paper's objective."""
    residuals = law.predict(data.N, data.D) - data.loss
    return float(residuals @ residuals)


def check_identifiable(data: Points, least_sizes: int = MIN_SIZES) -> None:
    """Raise ValueError if the points cannot determine the five parameters.

    least_sizes : distinct N that are enough; the paper's own tables go down to 2, where E, A and
        alpha are not identified and different solvers return different laws
    """
    if data.n_sizes < least_sizes:
        raise ValueError(
            f"the law needs training runs of at least {least_sizes} different sizes to determine "
            f"E, A and alpha, got {data.n_sizes}: add sizes, or borrow A and alpha from another "
            "family with fit_one_model"
        )
    if np.unique(data.D).size < MIN_SIZES:
        raise ValueError(
            f"the law needs checkpoints at {MIN_SIZES} or more token counts to determine B and "
            f"beta, got {np.unique(data.D).size}: add checkpoints, or fit the size term alone "
            "with fit_size_only"
        )
