"""From wide embeddings to a few white coordinates, with guards that the original lacks.

Everything is computed on the k context vectors only: mean, p principal axes, and one scale per
axis.  Principal scores are uncorrelated already, so whitening them is a division,

    z = V_p^T (e - mean) / (s_p / sqrt(k - 1)),

with the singular values s_p of the centered context (k vectors span k - 1 dimensions at most).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float

RANK_TOLERANCE = 1e-6
"""An axis whose singular value is below this share of the largest one is no axis."""

FLOOR = 1e-3
"""Scales are not smaller than this share of the largest, so that noise is not blown up."""

MODES = ("whiten", "scores", "none")


class NotEnoughVectors(ValueError):
    """The context spans no direction: fewer than two distinct vectors."""


@dataclass(frozen=True)
class Whitening:
    """A map that was fitted to a context.  Notebook eq. 5.

    mean : (d_emb,); axes : (p, d_emb), orthonormal rows; scales : (p,), standard deviations of
    the context along the axes, floored; k : size of the context; rank : of the centered context
    """

    mean: np.ndarray
    axes: np.ndarray
    scales: np.ndarray
    k: int
    rank: int

    @classmethod
    def fit(cls, context: ArrayLike, p: int, mode: str = "whiten") -> Whitening:
        """Fit to a context (k, d_emb); at most `p` axes, fewer if the context spans fewer.

        mode : ``"whiten"``; ``"scores"`` divides all axes by one number, so that the mean squared
            coordinate is 1 and the shape of the cloud stays; ``"none"`` divides by nothing

        The decomposition is a full and deterministic one: the randomized solver, which
        scikit-learn takes by itself when a side exceeds 500, changes from run to run.  The sign of
        an axis is fixed so that its largest entry is positive.

        Raises
        ------
        NotEnoughVectors : all vectors are equal, or there is only one
        ValueError : not a finite matrix, p below 1, or an unknown mode
        """
        e = _matrix(context)
        if p < 1 or mode not in MODES:
            raise ValueError(f"need p >= 1 and a mode of {MODES}, got {p} and {mode!r}")
        mean = e.mean(axis=0)
        _, s, axes = np.linalg.svd(e - mean, full_matrices=False)
        size = np.abs(e).max()
        rank = int((s > RANK_TOLERANCE * s[0]).sum()) if s.size and s[0] > 1e-12 * size else 0
        if rank == 0:
            raise NotEnoughVectors(
                f"{len(e)} context vectors, all equal: give at least two distinct examples"
            )
        p = min(p, rank)
        axes, s = axes[:p], s[:p]
        largest = np.abs(axes).argmax(axis=1)
        axes = axes * np.sign(axes[np.arange(p), largest])[:, None]
        scales = np.maximum(s, FLOOR * s[0]) / np.sqrt(len(e) - 1)
        if mode == "scores":
            scales = np.full(p, np.sqrt((scales**2).mean()))
        if mode == "none":
            scales = np.ones(p)
        return cls(mean, axes, scales, len(e), rank)

    def transform(self, vectors: ArrayLike) -> Float[np.ndarray, "n p"]:
        """Coordinates (n, p) of vectors (n, d_emb), by the context's mean, axes, and scales."""
        return (_matrix(vectors) - self.mean) @ self.axes.T / self.scales

    @property
    def p(self) -> int:
        """Number of axes."""
        return len(self.axes)


def whiten(
    context: ArrayLike, query: ArrayLike, p: int, mode: str = "whiten"
) -> tuple[np.ndarray, np.ndarray]:
    """White coordinates of a context (k, d_emb) and of queries (n, d_emb)."""
    fitted = Whitening.fit(context, p, mode)
    return fitted.transform(context), fitted.transform(query)


def fill(z: np.ndarray, d: int, how: str = "zero") -> np.ndarray:
    """Coordinates (n, p) widened to the module's d.

    how : ``"zero"`` appends zeros, which the curriculum has shown to the module; ``"repeat"``
        appends the coordinates again, as the paper does for images and sound (p = 8, d = 16)

    Raises
    ------
    ValueError : more coordinates than the module reads, or an unknown way
    """
    n, p = z.shape
    if p > d:
        raise ValueError(f"{p} coordinates, the module reads {d}: whiten to at most {d}")
    if how == "zero":
        return np.pad(z, ((0, 0), (0, d - p)))
    if how == "repeat":
        return np.tile(z, (1, -(-d // p)))[:, :d] if p else np.zeros((n, d))
    raise ValueError(f"unknown way to fill {how!r}; choose zero or repeat")


def shrinkage(context: ArrayLike, query: ArrayLike, p: int) -> float:
    """Mean squared white coordinate of the queries; of the context it is (k - 1) / k.

    Below 1 the queries lie nearer to the mean than the context: the context's axes were chosen for
    the context.  The module never saw that in training.
    """
    return float((whiten(context, query, p)[1] ** 2).mean())


def _matrix(vectors: ArrayLike) -> np.ndarray:
    e = np.asarray(vectors, dtype=np.float64)
    if e.ndim != 2 or not e.shape[1]:
        raise ValueError(f"need a matrix of shape (n, d_emb), got shape {e.shape}")
    if not np.isfinite(e).all():
        raise ValueError(f"{(~np.isfinite(e)).sum()} entries are not finite")
    return e


contracts.guard_public(__name__)
