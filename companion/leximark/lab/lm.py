"""Two small language models with one interface: train on texts, give the statistics of tokens."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from companion.leximark.method.scores import TokenStats, from_flat, token_moments
from companion.scale import generator, torch_generator
from companion.training import TrainingSettings, train


class LanguageModel(Protocol):
    """What the experiments need of a model."""

    def stats(self, texts: Sequence[str]) -> TokenStats:
        """Statistics of every token of the texts."""

    def lengths(self, texts: Sequence[str]) -> np.ndarray:
        """Tokens of each text, those that are not read included: (n_texts,)."""

    def trained(
        self, texts: Sequence[str], *, epochs: int, lr: float, seed: int, batch: int = ...
    ) -> LanguageModel:
        """A copy, trained further on the texts; the original stays as it is."""


_PIECES = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]")


def pieces(text: str) -> list[str]:
    """Words in lower case and punctuation marks."""
    return _PIECES.findall(text.lower())


class WordNet(nn.Module):
    """Next word from the last few words: embedding, one hidden layer, softmax over all words.

    Bengio et al. 2003 at the size of a test tube; a word has one embedding of its own, which is
    what the watermark needs.
    """

    def __init__(self, vocab: int, context: int, d_embed: int, hidden: int, noise: torch.Generator):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(vocab, d_embed, generator=noise) * 0.1)
        width = context * d_embed
        self.inner = nn.Parameter(torch.randn(width, hidden, generator=noise) / width**0.5)
        self.inner_bias = nn.Parameter(torch.zeros(hidden))
        self.outer = nn.Parameter(torch.randn(hidden, vocab, generator=noise) * 0.05)
        self.outer_bias = nn.Parameter(torch.zeros(vocab))

    def forward(self, context: Tensor) -> Tensor:
        """(batch, context) int64 -> logits (batch, vocab)."""
        x = self.embedding[context].flatten(1)  # (batch, context * d_embed)
        h = torch.tanh(x @ self.inner + self.inner_bias)
        return h @ self.outer + self.outer_bias


PAD = 0
UNKNOWN = 1


class WordModel:
    """A :class:`WordNet` with its vocabulary.

    words : the vocabulary in its order, without the marks for padding and unknown words
    """

    def __init__(
        self,
        words: Iterable[str],
        seed: int,
        *,
        context: int = 4,
        d_embed: int = 32,
        hidden: int = 64,
    ) -> None:
        self.index = {word: i + 2 for i, word in enumerate(words)}
        self.context = context
        noise = torch_generator(seed, "leximark word model")
        self.net = WordNet(len(self.index) + 2, context, d_embed, hidden, noise)

    def windows(self, texts: Sequence[str]) -> tuple[Tensor, list[int]]:
        """((n, context + 1) int64 windows of each token and its past, tokens per text).

        The first token of a text has no past and is not predicted.
        """
        rows, lengths = [], []
        for text in texts:
            ids = [self.index.get(piece, UNKNOWN) for piece in pieces(text)]
            padded = np.array([PAD] * (self.context - 1) + ids, dtype=np.int64)
            n = max(0, len(ids) - 1)
            if n:
                rows.append(np.lib.stride_tricks.sliding_window_view(padded, self.context + 1))
            lengths.append(n)
        if not rows:
            return torch.zeros((0, self.context + 1), dtype=torch.int64), lengths
        return torch.from_numpy(np.concatenate(rows)), lengths

    def lengths(self, texts: Sequence[str]) -> np.ndarray:
        """Words and punctuation marks of each text: (n_texts,)."""
        return np.array([len(pieces(text)) for text in texts])

    @torch.no_grad()
    def stats(self, texts: Sequence[str]) -> TokenStats:
        """Statistics of every token but each text's first."""
        windows, lengths = self.windows(texts)
        few = windows.split(64)  # their rows of the vocabulary's length stay in the cache
        parts = [token_moments(self.net(part[:, :-1]), part[:, -1]) for part in few]
        return from_flat([torch.cat(column) for column in zip(*parts, strict=True)], lengths)

    def trained(
        self,
        texts: Sequence[str],
        *,
        epochs: int,
        lr: float,
        seed: int,
        batch: int = 128,
        progress: bool = False,
        label: str = "words",
    ) -> WordModel:
        """A copy trained on the texts: Adam, cosine, each epoch in a new order."""
        windows, _ = self.windows(texts)
        other = copy.copy(self)
        other.net = copy.deepcopy(self.net)
        per_epoch = max(1, len(windows) // batch)
        orders = [
            generator(seed, "leximark order", e).permutation(len(windows)) for e in range(epochs)
        ]

        def batch_at(step: int) -> Tensor:
            epoch, place = divmod(step, per_epoch)
            return windows[torch.from_numpy(orders[epoch][place * batch : (place + 1) * batch])]

        fit(other.net, batch_at, epochs * per_epoch, lr, seed, _word_loss, progress, label)
        return other


def _word_loss(net: nn.Module, batch: Tensor) -> Tensor:
    return nn.functional.cross_entropy(net(batch[:, :-1]), batch[:, -1])


def fit(
    net: nn.Module,
    batch_at: Callable[[int], Tensor],
    steps: int,
    lr: float,
    seed: int,
    loss: Callable,
    progress: bool,
    label: str,
) -> np.ndarray:
    """Train in place with the book's loop; the losses."""
    settings = TrainingSettings(
        steps=steps, lr=lr, warmup=0.05, floor=0.0, weight_decay=0.0, clip=5.0, betas=(0.9, 0.999)
    )
    history = train(net, batch_at, settings, seed=seed, loss=loss, progress=progress, label=label)
    return history.losses
