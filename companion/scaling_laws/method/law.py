r"""The law and the points it is fitted to.

A scaling law is a regression with five parameters on points (N, D, L), one point per checkpoint:

.. math:: \hat L(N, D) = E + A\,N^{-\alpha} + B\,D^{-\beta} \qquad \text{(paper eq. 1)}

N counts parameters, D tokens seen, L is the loss of that checkpoint.  E is what no model of this
family can get rid of, the second term what a finite model misses, the third what a finite amount
of data misses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float

LEAST_DISTINCT = 3
"""Distinct N, and distinct D, that the law needs: with two sizes a whole curve of (E, A, alpha)
fits equally well, and with two token counts a curve of (E, B, beta)."""


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


def join(parts: Sequence[Points]) -> Points:
    """All points of several sets."""
    return Points(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


@dataclass(frozen=True)
class ScalingLaw:
    """Five numbers that predict a loss. Paper eq. 1.

    E : irreducible loss, >= 0, in the unit of the loss
    log_A, alpha : size term A N^-alpha; log_B, beta : data term B D^-beta. The factors are kept
        as natural logarithms, because B overflows long before B D^-beta does; -inf is no term
    """

    E: float
    log_A: float
    log_B: float
    alpha: float
    beta: float

    @classmethod
    def of(cls, *, E: float, A: float, B: float, alpha: float, beta: float) -> ScalingLaw:
        """The law with plain factors A and B, all >= 0."""
        with np.errstate(divide="ignore"):
            log_A, log_B = np.log([A, B])
        return cls(float(E), float(log_A), float(log_B), float(alpha), float(beta))

    @classmethod
    def from_log(cls, theta: ArrayLike) -> ScalingLaw:
        """The law with the paper's theta = (a, b, e, alpha, beta), A = exp(a), E = exp(e)."""
        a, b, e, alpha, beta = map(float, theta)
        return cls(float(np.exp(e)), a, b, alpha, beta)

    @property
    def log_parameters(self) -> Float[np.ndarray, "theta=5"]:
        """The paper's theta = (a, b, e, alpha, beta), shape (5,)."""
        with np.errstate(divide="ignore"):
            return np.array([self.log_A, self.log_B, np.log(self.E), self.alpha, self.beta])

    @property
    def A(self) -> float:
        """Factor of the size term; inf where a float cannot hold it."""
        return _exp(self.log_A)

    @property
    def B(self) -> float:
        """Factor of the data term; inf where a float cannot hold it."""
        return _exp(self.log_B)

    def predict(self, N: ArrayLike, D: ArrayLike) -> Float[np.ndarray, "*shape"] | float:
        """Predicted loss; N and D are positive and broadcast."""
        return self.E + self.size_term(N) + self.data_term(D)

    def size_term(self, N: ArrayLike) -> Float[np.ndarray, "*shape"] | float:
        """A N^-alpha, what a model of N parameters loses against an infinite one."""
        return np.exp(self.log_A - self.alpha * np.log(np.asarray(N, dtype=float)))

    def data_term(self, D: ArrayLike) -> Float[np.ndarray, "*shape"] | float:
        """B D^-beta, what D tokens lose against infinitely many."""
        return np.exp(self.log_B - self.beta * np.log(np.asarray(D, dtype=float)))


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


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
    """Sum of squared residuals of `law` on `data`: the paper's objective.  Notebook eq. 2."""
    residuals = law.predict(data.N, data.D) - data.loss
    return float(residuals @ residuals)


def is_identified(data: Points) -> bool:
    """Whether the points have enough distinct N and D for five parameters."""
    return min(np.unique(data.N).size, np.unique(data.D).size) >= LEAST_DISTINCT


def check_identified(data: Points) -> None:
    """Raise ValueError if the points cannot determine the five parameters."""
    if data.n_sizes < LEAST_DISTINCT:
        raise ValueError(
            f"the law needs runs of at least {LEAST_DISTINCT} different sizes to determine E, A "
            f"and alpha, got {data.n_sizes}: add sizes, or borrow A and alpha from another family "
            "with fit_one_model"
        )
    if (n := np.unique(data.D).size) < LEAST_DISTINCT:
        raise ValueError(
            f"the law needs checkpoints at {LEAST_DISTINCT} or more token counts to determine B "
            f"and beta, got {n}: add checkpoints, or fit the size term alone with fit_size_only"
        )


contracts.guard_public(
    __name__,
    {
        "points": dict.fromkeys(("N", "D", "loss"), contracts.NUMBERS),
        **{
            name: {"data": contracts.FINITE.of_parts()}
            for name in ("residual_sum", "is_identified", "check_identified")
        },
    },
)
