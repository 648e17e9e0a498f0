"""Ours: when siblings are the closer pair, by mutation or by a field that only children have.

A child keeps its parent's value with probability 1 − μ, and otherwise takes another one from a
distribution q with s = Σq².  Two siblings agree if both kept, or if both changed to the same value.
Similarity is the cosine: a field that fills the share b of a child's squared length, and that the
parent lacks, leaves √(1 − b) of the child for the parent to be like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float, Num

ALWAYS_ENOUGH = 0.25
"""Share of a string above which a common field makes siblings the closer pair, whatever the traits
do: with a = 1 − μ and b > 1/4 the difference is at least (√(1−b) a − 1/2)² + b − 1/4 > 0."""


def parent_child(mu: float, tagged: float = 0.0) -> float:
    """Expected cosine of parent and child.  Notebook eq. 1.

    tagged : share of the child's squared length that a field takes which all children have in
        common (their parent's name), and which the parent has not
    """
    return np.sqrt(1 - tagged) * (1 - mu)


def sibling(mu: float, s: float, tagged: float = 0.0) -> float:
    """Expected cosine of two siblings.  Notebook eq. 2."""
    return (1 - tagged) * ((1 - mu) ** 2 + mu**2 * s) + tagged


def critical_mutation(s: float) -> float:
    """The mutation probability above which siblings agree more: 1 / (1 + s).  Notebook eq. 3."""
    return 1 / (1 + s)


def enough_bookkeeping(mu: float, s: float) -> float:
    """Share of the string above which a common field makes siblings closer.  Notebook eq. 4.

    1 − r², where r = √(1 − b) solves r² (1 − a) + r (1 − μ) = 1 with a the siblings' agreement; 0
    where they are closer without it.  At most ALWAYS_ENOUGH.
    """
    kept, differ = 1 - mu, 1 - sibling(mu, s)
    if kept <= 1 - differ:
        return 0.0
    root = (np.sqrt(kept**2 + 4 * differ) - kept) / (2 * differ)
    return float(1 - root**2)


def most_siblings(
    kept: Num[np.ndarray, "*shape"] | int, d: Num[np.ndarray, "*shape"] | int
) -> Float[np.ndarray, "*shape"] | float:
    """The largest sibling agreement of d children, of whom `kept` are as the parent.  Eq. 5.

    Reached when all that changed took one value.  Exceeds kept / d only if kept < (d − 1) / 2.
    """
    kept, d = np.asarray(kept, float), np.asarray(d, float)
    return (kept * (kept - 1) + (d - kept) * (d - kept - 1)) / (d * (d - 1))


def concentrated(s: float, k: int) -> np.ndarray:
    """A distribution on k values with Σq² = s: one large value, the others equal.

    Raises
    ------
    ValueError : s is not between 1/k and 1
    """
    if not 1 / k - 1e-12 <= s <= 1:
        raise ValueError(f"Σq² of {k} values lies between {1 / k:.3g} and 1, got {s}")
    top = (1 + np.sqrt(max(0.0, (k - 1) * (k * s - 1)))) / k
    return np.append(top, np.full(k - 1, (1 - top) / (k - 1)))


contracts.guard_public(
    __name__,
    {
        "parent_child": {"mu": contracts.SHARE, "tagged": contracts.SHARE},
        "sibling": {"mu": contracts.SHARE, "s": contracts.SHARE, "tagged": contracts.SHARE},
        "critical_mutation": {"s": contracts.SHARE},
        "enough_bookkeeping": {"mu": contracts.SHARE, "s": contracts.SHARE},
        "most_siblings": {"kept": contracts.WHOLE, "d": contracts.COUNT},
        "concentrated": {"s": contracts.SHARE, "k": contracts.COUNT},
    },
)
