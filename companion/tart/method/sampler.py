"""Synthetic tasks: every sequence is a logistic regression of its own.

Nothing else is ever shown to the reasoning module.  Paper, section on the synthetic tasks:

    w ~ N(0, I_d),   x_i ~ N(0, I_d),   y_i ~ Bernoulli(sigmoid(alpha <w, x_i>)).

A batch is a pure function of the sampler, the seed and the number of the batch, so training can be
resumed, and a new seed is a new test set.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from companion.scale import torch_generator


@dataclass(frozen=True)
class LogisticTaskSampler:
    """Draws tasks in `d` dimensions.

    d : dimensions of a point
    alpha : weight multiplier; the larger, the less noise in the labels (the paper's 10 is nearly
        noiseless: whoever knows w is right in 98.5 % at d = 16)
    variable : draw alpha per sequence, uniform on the integers 1 to `alpha`
    flip : probability that a label is turned around after it was drawn
    """

    d: int
    alpha: float = 10.0
    variable: bool = False
    flip: float = 0.0

    def __post_init__(self) -> None:
        if self.d < 1 or self.alpha <= 0 or not 0 <= self.flip <= 1:
            raise ValueError(f"need d >= 1, alpha > 0 and 0 <= flip <= 1, got {self}")
        if self.variable and self.alpha < 1:
            raise ValueError(f"a variable alpha is at least 1, got {self.alpha}")

    def weights(self, n_tasks: int, rng: torch.Generator) -> Tensor:
        """alpha * w: (n_tasks, d)."""
        w = torch.randn(n_tasks, self.d, generator=rng)
        if not self.variable:
            return self.alpha * w
        return w * torch.randint(1, int(self.alpha) + 1, (n_tasks, 1), generator=rng)

    def draw(
        self, n_tasks: int, n_pairs: int, rng: torch.Generator, *, d_used: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Points (n_tasks, n_pairs, d), labels 0 or 1 (n_tasks, n_pairs), alpha * w (n_tasks, d).

        d_used : coordinates from this one on are 0 in x, the curriculum of the paper; the tail of
            w keeps its values, which then do not matter

        Raises
        ------
        ValueError : `d_used` outside 1 to d
        """
        d_used = self.d if d_used is None else d_used
        if not 1 <= d_used <= self.d:
            raise ValueError(f"d_used must lie in 1..{self.d}, got {d_used}")
        w = self.weights(n_tasks, rng)
        x = torch.randn(n_tasks, n_pairs, self.d, generator=rng)
        x[..., d_used:] = 0.0
        p = torch.sigmoid(torch.einsum("tnd,td->tn", x, w))
        y = torch.bernoulli(p, generator=rng)
        flips = torch.bernoulli(torch.full_like(y, self.flip), generator=rng)
        return x, (y + flips) % 2, w

    def tasks(self, n_tasks: int, n_pairs: int, seed: int, *names: object) -> tuple[Tensor, ...]:
        """:meth:`draw` as a pure function of the seed and of names."""
        return self.draw(n_tasks, n_pairs, torch_generator(seed, "tart tasks", *names))


def knows_the_weights(x: Tensor, w: Tensor) -> Tensor:
    """Labels (...,) of whoever knows w, the Bayes rule: 1 where <w, x> > 0."""
    return ((x * w).sum(-1) > 0).to(x.dtype)
