r"""The one-liner that a Transformer has to beat, and a Transformer that is it.

With white features and labels :math:`s_i = 2 y_i - 1` the score

.. math:: \sum_i s_i \langle x_i, x_q \rangle

is the first gradient step of logistic regression from w = 0, the rule of linear discriminant
analysis, and one head of linear attention: query x_q, keys x_i, values s_i.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MeanDifferenceHead(nn.Module):
    """One head of linear attention with weights set by hand: nothing is trained.

    It reads the tokens of the reasoning module made pairs, (x_i, s_i), and has its interface.

    d : dimensions of a point; 0 takes any
    """

    def __init__(self, d: int = 0, max_context: int = 1 << 30) -> None:
        super().__init__()
        self.d, self.max_context = d, max_context

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits (b, n) of points (b, n, d), labels (b, n): number i has seen those before i."""
        scores = torch.einsum("bqd,bkd->bqk", x, x).tril(-1)  # causal, and not itself
        return torch.einsum("bqk,bk->bq", scores, 2 * y.to(x.dtype) - 1)

    def scores(self, x: Tensor, y: Tensor, queries: Tensor) -> Tensor:
        """Logits (q,) of queries (q, d) after the context x (k, d), y (k,)."""
        return queries @ (x.T @ (2 * y.to(x.dtype) - 1))
