"""When siblings agree more than parent and child: the law of the threshold.

A child keeps its parent's value with probability 1 − μ, and otherwise takes another one from a
distribution q with s = Σq².  Two siblings agree if both kept, or if both changed to the same value.
"""

from __future__ import annotations

import numpy as np


def parent_child(mu: float, tagged: float = 0.0) -> float:
    """Expected agreement of parent and child.  Notebook eq. 1.

    tagged : share of the string that only children carry, all the same one (a parent's name)
    """
    return (1 - tagged) * (1 - mu)


def sibling(mu: float, s: float, tagged: float = 0.0) -> float:
    """Expected agreement of two siblings.  Notebook eq. 2."""
    return (1 - tagged) * ((1 - mu) ** 2 + mu**2 * s) + tagged


def critical_mutation(s: float) -> float:
    """The mutation probability above which siblings agree more: 1 / (1 + s).  Notebook eq. 3."""
    return 1 / (1 + s)


def enough_bookkeeping(mu: float, s: float) -> float:
    """Share of the string above which a common tag makes siblings the closer pair.  Notebook eq. 4.

    With the deficit g = μ (1 − μ (1 + s)) it is g / (1 + g), at most one fifth.
    """
    deficit = max(0.0, mu * (1 - mu * (1 + s)))
    return deficit / (1 + deficit)


def most_siblings(kept: np.ndarray, d: np.ndarray) -> np.ndarray:
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
