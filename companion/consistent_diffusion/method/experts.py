"""A mixture of experts over the diffusion time: each has a range of its own, and no say outside."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from companion.consistent_diffusion.method.networks import Local, automatic


class Experts(nn.Module):
    """Several models as one; the one whose range holds t answers.

    models : from large t to small t, the order in which the paper trains them
    edges : the inner borders, falling, e.g. (0.6, 0.1); at a border the expert below answers
    """

    def __init__(self, models: Sequence[nn.Module], edges: Sequence[float]) -> None:
        super().__init__()
        if len(edges) != len(models) - 1 or list(edges) != sorted(edges, reverse=True):
            raise ValueError(
                f"{len(models)} experts need {len(models) - 1} falling edges, got {list(edges)}"
            )
        self.models, self.edges = nn.ModuleList(models), tuple(edges)

    @property
    def last(self) -> nn.Module:
        """The expert of the smallest times, whose gradient is the force of a simulation."""
        return self.models[-1]

    def which(self, t: Tensor) -> Tensor:
        """Index of the expert of each t: (batch,)."""
        which = torch.zeros(t.shape, dtype=torch.long)
        for edge in self.edges:
            which += (t <= edge).long()
        return which

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """Each expert's own log density; they differ by constants, so compare at one t only."""
        return self._each(x, t, lambda model, x, t: model.log_q(x, t), ())

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(batch, D)."""
        return self._each(x, t, lambda model, x, t: model.score(x, t), x.shape[1:])

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log q, score, and rate; by automatic differentiation."""
        return automatic(self, x, t)

    def _each(self, x: Tensor, t: Tensor, ask, shape: tuple[int, ...]) -> Tensor:
        which = self.which(t)
        first = int(which[0])
        if bool((which == first).all()):  # the usual case in sampling, and no copies
            return ask(self.models[first], x, t)
        answer = x.new_zeros(len(x), *shape)
        for index, model in enumerate(self.models):
            rows = torch.nonzero(which == index)[:, 0]
            if len(rows):
                answer = answer.index_copy(0, rows, ask(model, x[rows], t[rows]))
        return answer
