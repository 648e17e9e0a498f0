r"""The training objective: denoising score matching, and the Fokker-Planck penalty.

.. math:: L = \lambda(t)\,\big[\,\tfrac1D\|\varepsilon+\sigma s\|^2
   + \alpha\,D^{-2}\tilde R(v_1)\tilde R(v_2)\,\big]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from companion import contracts
from companion.consistent_diffusion.method.diffusion import (
    SIGMA_V,
    T_MIN,
    displacements,
    noised,
    sigma,
    weak_residuals,
)

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True)
class Objective:
    """What is minimized, and where.

    t0, t1 : diffusion times are uniform on [t0, t1]
    midpoint : the weight gives the times below and above it the same total; None weighs equally
    alpha : weight of the Fokker-Planck penalty, 0 for none
    share : part of each batch that the penalty is evaluated on (1 in the paper)
    dim : effective dimension, None for that of x
    sigma_v, rate : see :func:`diffusion.weak_residuals`
    """

    t0: float = T_MIN
    t1: float = 1.0
    midpoint: float | None = None
    alpha: float = 0.0
    share: float = 1.0
    dim: float | None = None
    sigma_v: float = SIGMA_V
    rate: str = "exact"

    def __post_init__(self) -> None:
        if not 0 <= self.t0 < self.t1 <= 1:
            raise ValueError(f"need 0 <= t0 < t1 <= 1, got [{self.t0}, {self.t1}]")
        if self.midpoint is not None and not self.t0 < self.midpoint < self.t1:
            raise ValueError(f"midpoint {self.midpoint} is not inside [{self.t0}, {self.t1}]")
        if self.alpha < 0 or not 0 < self.share <= 1:
            raise ValueError(f"need alpha >= 0 and 0 < share <= 1, got {self.alpha}, {self.share}")


class Loss(NamedTuple):
    """total is minimized, summed over the models of a stack; dsm and penalty are its two terms
    before alpha, one number a model, for reports.
    """

    total: Tensor
    dsm: Tensor
    penalty: Tensor


def equal_weight(t: Tensor, t0: float, t1: float, midpoint: float) -> Tensor:
    """Piecewise constant weight with half of its integral on each side of `midpoint`; mean 1."""
    low, high = 0.5 * (t1 - t0) / (midpoint - t0), 0.5 * (t1 - t0) / (t1 - midpoint)
    return torch.where(t <= midpoint, low, high)


def draw_times(shape: Sequence[int], objective: Objective, generator: torch.Generator) -> Tensor:
    """Diffusion times, uniform on [t0, t1]: of this shape."""
    return objective.t0 + (objective.t1 - objective.t0) * torch.rand(shape, generator=generator)


def objective_loss(
    model,
    x0: Float[Tensor, "*batch D"],
    objective: Objective,
    generator: torch.Generator,
    *,
    project: Callable[[Tensor], Tensor] | None = None,
) -> Loss:
    """The loss of one batch, without or with the penalty.  Notebook eqs. 2 and 5.

    model : ``score(x, t)``, and ``local(x, t)`` for a penalty with the exact rate
    x0 : (..., batch, D) data; leading axes are those of a stack of models
    project : maps noise to the subspace that the data live in (centered molecules)
    """
    t = draw_times(x0.shape[:-1], objective, generator)
    noise = torch.randn(x0.shape, generator=generator)
    noise = noise if project is None else project(noise)
    x = noised(x0, t, noise)
    dim = x0.shape[-1] if objective.dim is None else objective.dim
    weight = torch.ones_like(t)
    if objective.midpoint is not None:
        weight = equal_weight(t, objective.t0, objective.t1, objective.midpoint)
    if objective.alpha == 0:
        scores, penalty = model.score(x, t), torch.zeros(x.shape[:-2])
    else:
        scores, penalty = _penalized(model, x, t, weight, dim, objective, generator, project)
    error = noise + sigma(t)[..., None] * scores
    dsm = (weight * error.square().sum(-1)).mean(-1) / dim
    return Loss((dsm + objective.alpha * penalty).sum(), dsm, penalty)


def _penalized(
    model, x, t, weight, dim, objective: Objective, generator, project
) -> tuple[Tensor, Tensor]:
    """(scores of the whole batch, penalty of its first part)."""
    n = max(1, round(objective.share * x.shape[-2]))
    first, at = x[..., :n, :], t[..., :n]
    v1, v2 = displacements(first, generator, sigma_v=objective.sigma_v, project=project)
    weak = weak_residuals(
        model, first, at, v1, v2, dim=dim, sigma_v=objective.sigma_v, rate=objective.rate
    )
    scores = weak.score
    if n < x.shape[-2]:
        scores = torch.cat([scores, model.score(x[..., n:, :], t[..., n:])], -2)
    return scores, (weight[..., :n] * weak.square).mean(-1) / dim**2


contracts.guard(
    __name__,
    {
        "Objective": {
            "alpha": contracts.NOT_NEGATIVE,
            "share": contracts.SHARE,
            "dim": contracts.POSITIVE.or_none(),
            "sigma_v": contracts.POSITIVE,
        },
    },
)
