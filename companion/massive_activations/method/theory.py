r"""What noise would give: the ratio of largest to median magnitude without any structure.

The paper follows :math:`r = \max|h| / \operatorname{median}|h|` through training.  Even N
independent Gaussian scalars have r near 7, and r grows with N, so a ratio means little before it
is divided by this null value.  The median of N half-normal values is almost exactly the population
median, and the largest of them is a high quantile, so the null is a ratio of two quantiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float

SEQUENCE_LENGTH = 2048
"""Tokens in one input window of the paper's measurement."""


def gaussian_ratio(n: ArrayLike, quantile: ArrayLike = 0.5) -> Float[np.ndarray, "*shape"] | float:
    r"""A quantile of max/median over `n` independent Gaussian magnitudes (notebook eq. 2).

    .. math:: r_q(N) = \frac{\Phi^{-1}\big((1 + q^{1/N}) / 2\big)}{\Phi^{-1}(3/4)}

    The numerator is exact: the maximum of N half-normals lies below m with probability
    :math:`(2\Phi(m) - 1)^N`.  The denominator replaces the sample median by the population
    median, whose relative error is about :math:`1.2 / \sqrt N`.  The scale cancels.

    n : number of scalars, at least 1; tokens times width for a hidden state
    quantile : probability in (0, 1); 0.5 gives the null value used in the chapter

    Returns an array of the broadcast shape, or a float for two scalars.

    Examples
    --------
    >>> round(float(gaussian_ratio(2048 * 128)), 2)
    6.96
    """
    count, q = np.asarray(n, dtype=float), np.asarray(quantile, dtype=float)
    if not (np.isfinite(count).all() and (count >= 1).all()):
        raise ValueError(f"n counts scalars and must be at least 1, got {n!r}")
    if not ((q > 0) & (q < 1)).all():
        raise ValueError(f"quantile must lie strictly between 0 and 1, got {quantile!r}")
    # upper tail (1 - q^(1/N)) / 2 through expm1: q^(1/N) rounds to 1 for large N
    tail = -np.expm1(np.log(q) / count) / 2
    ratio = norm.isf(tail) / norm.ppf(0.75)
    return float(ratio) if np.ndim(ratio) == 0 else ratio


def hidden_state_ratio(width: ArrayLike, seq: int = SEQUENCE_LENGTH) -> np.ndarray | float:
    """The null ratio of a hidden state with `seq` tokens and `width` dimensions (an array, too)."""
    return gaussian_ratio(np.asarray(width) * seq)


contracts.guard_public(
    __name__,
    {"gaussian_ratio": {"n": contracts.NUMBERS, "quantile": contracts.NUMBERS}},
)
