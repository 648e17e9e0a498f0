"""What can be read off a model without generating: losses, entropies, divergences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from companion.distillation_memorization.extraction import device_of, half_precision, lane_logits

NUMBERS_AT_ONCE = 1 << 24
"""Logits that one batch may have: 64 MB in float32."""


class Scores(NamedTuple):
    """Per lane, sequence and predicted token 1 .. length - 1: (lanes, n, length - 1), nats.

    log_p : log-probability of the true token; entropy : of the prediction
    """

    log_p: np.ndarray
    entropy: np.ndarray

    @property
    def loss(self) -> np.ndarray:
        """Mean negative log-probability per token, (lanes,): the validation loss on held-out."""
        return -self.log_p.mean((1, 2))

    @property
    def perplexity(self) -> np.ndarray:
        """exp(mean loss) of each sequence, (lanes, n)."""
        return np.exp(-self.log_p.mean(2))

    def tail(self, prefix: int, suffix: int) -> tuple[np.ndarray, np.ndarray]:
        """(mean entropy, mean log-probability) over the suffix, each (lanes, n).  Notebook eq. 6.

        Token `prefix` is the first of the suffix; it stands at place prefix - 1.
        """
        window = slice(prefix - 1, prefix - 1 + suffix)
        return self.entropy[..., window].mean(-1), self.log_p[..., window].mean(-1)


def rows_at_once(tokens: Tensor, vocab: int, lanes: int = 1) -> int:
    """Sequences per batch that keep the logits within NUMBERS_AT_ONCE."""
    return max(1, NUMBERS_AT_ONCE // (tokens.shape[1] * vocab * lanes))


def vocabulary(model: nn.Module) -> int:
    """Number of logits per position."""
    return model.vocab if hasattr(model, "vocab") else model.config.vocab_size


@torch.no_grad()
def score(model: nn.Module, tokens: Tensor) -> Scores:
    """Log-probabilities and entropies of all tokens but the first.

    tokens : int64 (n, length)
    """
    device, lanes = device_of(model), getattr(model, "lanes", 1)
    log_ps, entropies = [], []
    for rows in tokens.split(rows_at_once(tokens, vocabulary(model), lanes)):
        read = rows.to(device)
        with half_precision(device):
            logits = lane_logits(model, read)[..., :-1, :]
        log_p = logits.float().log_softmax(-1)
        target = read[:, 1:, None].expand(*log_p.shape[:-1], 1)
        log_ps.append(log_p.gather(-1, target)[..., 0].cpu())
        entropies.append(-(log_p.exp() * log_p).sum(-1).cpu())
    return Scores(torch.cat(log_ps, 1).numpy(), torch.cat(entropies, 1).numpy())


@torch.no_grad()
def divergence(first: nn.Module, second: nn.Module, tokens: Tensor) -> np.ndarray:
    """KL(first || second) per sequence, mean over positions, in nats: (n,).

    Both models are one lane; tokens : int64 (n, length)
    """
    found = []
    for rows in tokens.split(rows_at_once(tokens, vocabulary(first), 2)):
        pair = []
        for model in (first, second):
            device = device_of(model)
            with half_precision(device):
                logits = lane_logits(model, rows.to(device))[0, :, :-1]
            pair.append(logits.float().log_softmax(-1))
        p, q = pair[0], pair[1].to(pair[0].device)
        found.append((p.exp() * (p - q)).sum(-1).mean(-1).cpu())
    return torch.cat(found).numpy()
