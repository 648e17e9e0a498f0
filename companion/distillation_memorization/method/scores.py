"""Losses, perplexities and entropies of the tokens of a text, as the paper counts them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


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
