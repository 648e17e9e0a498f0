r"""Membership scores: from a model's probabilities, one number per document, larger = member.

One vectorized pass over the vocabulary gives, for each token t = 2..n with probabilities p(v) given
the tokens before it,

    l_t = log p(x_t),   mu_t = sum_v p(v) log p(v),   sigma_t^2 = sum_v p(v) (log p(v) - mu_t)^2,

and every score below is made of them (eq. 4; Min-K%++ of Zhang et al. 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class TokenStats(NamedTuple):
    """Per document an array of shape (n_tokens - 1,), as a document's first token has no past.

    logp : l_t in nats; mu : mean log-probability (minus the entropy); sigma : its deviation
    """

    logp: list[np.ndarray]
    mu: list[np.ndarray]
    sigma: list[np.ndarray]

    @property
    def z(self) -> list[np.ndarray]:
        """z_t = (l_t - mu_t) / sigma_t; where sigma is 0 the token was certain and z is 0."""
        return [
            np.divide(logp - mu, sigma, out=np.zeros_like(logp), where=sigma > 0)
            for logp, mu, sigma in zip(*self, strict=True)
        ]


def token_moments(
    logits: Float[Tensor, "n vocab"], targets: Int[Tensor, " n"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"], Float[Tensor, " n"]]:
    """(logp, mu, sigma) of each position, in the precision of `logits`.

    logits : (n, vocab); targets : int64 (n,); each result : (n,)

    The variance is the mean of squared deviations, so rounding cannot make it negative, as it can
    with E[x^2] - mu^2.
    """
    logs = torch.log_softmax(logits, dim=-1)
    logp = logs.gather(1, targets[:, None]).squeeze(1)  # l in eq. 4
    logs.clamp_(min=-1e4)  # p log p = 0 where p = 0
    p = logs.exp()
    mu = torch.einsum("nv,nv->n", p, logs)
    variance = torch.einsum("nv,nv->n", p, logs.sub_(mu[:, None]).square_())
    return logp, mu, variance.sqrt()


def from_flat(moments: Sequence[Tensor], lengths: Sequence[int]) -> TokenStats:
    """Cut three tensors of shape (sum of lengths,) into documents."""
    ends = np.cumsum(lengths)[:-1]
    return TokenStats(*(np.split(m.double().cpu().numpy(), ends) for m in moments))


def lowest_mean(values: np.ndarray, share: float) -> float:
    """Mean of the floor(share n) lowest values, at least one; NaN for an empty document."""
    if not 0 < share <= 1:
        raise ValueError(f"share is above 0 and at most 1, got {share!r}")
    if not len(values):
        return float("nan")
    n = max(1, int(share * len(values)))
    return float(np.partition(values, n - 1)[:n].mean())


MIN_K_PLUS = "Min-K%++ 20"
"""The paper's main test."""

SCORES = ("loss", "Min-K% 20", MIN_K_PLUS)
"""Names of the scores; all are larger for likelier members, a sign fixed beforehand."""


def score(stats: TokenStats, name: str = MIN_K_PLUS) -> np.ndarray:
    """One score of :data:`SCORES` per document: (n_documents,)."""
    if name == "loss":
        return np.array([row.mean() if len(row) else np.nan for row in stats.logp])
    kind, _, percent = name.rpartition(" ")
    values = {"Min-K%": stats.logp, "Min-K%++": stats.z}.get(kind)
    if values is None or not percent.isdigit():
        raise ValueError(f"unknown score {name!r}; known are {', '.join(SCORES)}")
    return np.array([lowest_mean(row, int(percent) / 100) for row in values])


contracts.guard(
    __name__,
    {
        "lowest_mean": {"values": contracts.FINITE},
        "score": {"stats": contracts.NUMBER.of_parts()},
        "from_flat": {"lengths": contracts.SOME},
    },
)
