"""A character model with one hidden layer, many of them side by side in one module.

Each *lane* is a model of its own: all parameters have a leading lane axis, no operation mixes
lanes, and AdamW works element by element, so lanes train as if each were alone (a test holds it).
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import torch
from torch import Tensor, nn

WINDOW, EMBEDDING = 12, 16
"""Characters that the model sees, and numbers per character."""


class LaneMLP(nn.Module):
    """`lanes` independent models: the last 12 characters, one ReLU layer, the next character.

    vocab : number of characters; one more id stands for "before the beginning"
    hidden : width of the hidden layer
    generator : draws the initial weights, the same for each lane
    """

    def __init__(self, *, vocab: int, hidden: int, generator: torch.Generator, lanes: int = 1):
        super().__init__()
        self.vocab, self.hidden = vocab, hidden
        inside = WINDOW * EMBEDDING

        def weights(*shape: int, std: float) -> nn.Parameter:
            drawn = std * torch.randn(1, *shape, generator=generator)
            return nn.Parameter(drawn.repeat(lanes, *[1] * len(shape)))

        self.embedding = weights(vocab + 1, EMBEDDING, std=1.0)
        self.first = weights(inside, hidden, std=math.sqrt(2 / inside))
        self.first_bias = nn.Parameter(torch.zeros(lanes, 1, hidden))
        self.second = weights(hidden, vocab, std=math.sqrt(1 / hidden))
        self.second_bias = nn.Parameter(torch.zeros(lanes, 1, vocab))

    @property
    def lanes(self) -> int:
        """Number of models."""
        return self.first.shape[0]

    def forward(self, tokens: Tensor) -> SimpleNamespace:
        """Logits of the next character after every position.

        tokens : int64 (batch, length), read by every lane, or (lanes, batch, length)
        returns : ``.logits`` of shape (lanes, batch, length, vocab); position t predicts t + 1
        """
        if tokens.ndim == 2:
            tokens = tokens.expand(self.lanes, *tokens.shape)
        padding = tokens.new_full((*tokens.shape[:-1], WINDOW - 1), self.vocab)
        windows = torch.cat([padding, tokens], -1).unfold(-1, WINDOW, 1)  # (R, B, L, window)
        return SimpleNamespace(logits=self._read(windows))

    def _read(self, windows: Tensor) -> Tensor:
        lanes = torch.arange(self.lanes).view(-1, *[1] * (windows.ndim - 1))
        x = self.embedding[lanes, windows].flatten(-2)  # (R, ..., window * embedding)
        flat = x.reshape(self.lanes, -1, x.shape[-1])
        hidden = torch.relu(torch.baddbmm(self.first_bias, flat, self.first))
        logits = torch.baddbmm(self.second_bias, hidden, self.second)
        return logits.view(*windows.shape[:-1], self.vocab)

    @torch.no_grad()
    def continue_greedily(self, prefixes: Tensor, n: int) -> Tensor:
        """The `n` most likely next characters, one after the other: int64 (lanes, batch, n).

        prefixes : int64 (batch, p) or (lanes, batch, p)
        """
        if prefixes.ndim == 2:
            prefixes = prefixes.expand(self.lanes, *prefixes.shape)
        padding = prefixes.new_full((*prefixes.shape[:-1], WINDOW), self.vocab)
        window = torch.cat([padding, prefixes], -1)[..., -WINDOW:]
        found = []
        for _ in range(n):
            new = self._read(window[..., None, :])[..., 0, :].argmax(-1)  # (R, B)
            found.append(new)
            window = torch.cat([window[..., 1:], new[..., None]], -1)
        return torch.stack(found, -1)

    @torch.no_grad()
    def repeated(self, n: int) -> LaneMLP:
        """`n` lanes, each a copy of the only lane of this model."""
        return self._take([0] * n)

    def lane(self, i: int) -> LaneMLP:
        """Lane `i` as a model of its own (a copy)."""
        return self._take([i])

    @torch.no_grad()
    def _take(self, lanes: list[int]) -> LaneMLP:
        if max(lanes) >= self.lanes:
            raise ValueError(f"there is no lane {max(lanes)} among {self.lanes}")
        taken = LaneMLP(
            vocab=self.vocab, hidden=self.hidden, generator=torch.Generator(), lanes=len(lanes)
        )
        for mine, theirs in zip(taken.parameters(), self.parameters(), strict=True):
            mine.copy_(theirs[lanes])
        return taken
