"""Language models with one interface: a small one of words, and causal transformers."""

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
        """Statistics of every token of the texts but each text's first."""

    def words(self, text: str) -> int:
        """Words of a text that are read, cut at spaces."""

    def trained(
        self, texts: Sequence[str], *, epochs: int, lr: float, seed: int, batch: int = ...
    ) -> LanguageModel:
        """A copy, trained further on the texts; the original stays as it is."""


def fit(
    net: nn.Module,
    batch_at: Callable[[Sequence[int]], Tensor],
    n: int,
    *,
    batch: int,
    epochs: int,
    lr: float,
    seed: int,
    loss: Callable[[nn.Module, Tensor], Tensor],
) -> np.ndarray:
    """Train in place with the book's loop, each epoch in a new order; the losses of the steps.

    batch_at : places of some of the `n` examples -> what `loss` takes
    """
    per_epoch = max(1, n // batch)
    orders = [generator(seed, "leximark order", e).permutation(n) for e in range(epochs)]

    def at(step: int) -> Tensor:
        epoch, place = divmod(step, per_epoch)
        return batch_at(orders[epoch][place * batch : (place + 1) * batch])

    settings = TrainingSettings(
        steps=epochs * per_epoch,
        lr=lr,
        warmup=0.05,
        floor=0.0,
        weight_decay=0.0,
        clip=5.0,
        betas=(0.9, 0.999),
    )
    return train(net, at, settings, seed=seed, loss=loss, progress=False).losses


# -------------------------------------------------------------------------------------------- words
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

    def words(self, text: str) -> int:
        """All words of a text, cut at spaces."""
        return len(text.split())

    @torch.no_grad()
    def stats(self, texts: Sequence[str]) -> TokenStats:
        """Statistics of every token but each text's first."""
        windows, lengths = self.windows(texts)
        few = windows.split(64)  # their rows of the vocabulary's length stay in the cache
        parts = [token_moments(self.net(part[:, :-1]), part[:, -1]) for part in few]
        return from_flat([torch.cat(column) for column in zip(*parts, strict=True)], lengths)

    def trained(
        self, texts: Sequence[str], *, epochs: int, lr: float, seed: int, batch: int = 128
    ) -> WordModel:
        """A copy trained on the texts: Adam, cosine, `batch` words a step."""
        windows, _ = self.windows(texts)
        other = copy.copy(self)
        other.net = copy.deepcopy(self.net)
        fit(
            other.net,
            lambda places: windows[torch.from_numpy(places)],
            len(windows),
            batch=batch,
            epochs=epochs,
            lr=lr,
            seed=seed,
            loss=_word_loss,
        )
        return other


def _word_loss(net: nn.Module, batch: Tensor) -> Tensor:
    return nn.functional.cross_entropy(net(batch[:, :-1]), batch[:, -1])


# ------------------------------------------------------------------------------------------- causal
class Tail(nn.Module):
    """The last blocks of a Llama, its norm and its head: hidden states in, logits out.

    blocks, norm, head, rotary : modules of a model of the transformers library; the head is frozen
    """

    def __init__(
        self, blocks: Sequence[nn.Module], norm: nn.Module, head: nn.Module, rotary: nn.Module
    ) -> None:
        super().__init__()
        self.blocks, self.norm, self.head = nn.ModuleList(blocks), norm, head
        self.rotary = rotary
        self.head.requires_grad_(False)
        self.half = head.weight.detach().bfloat16()

    def states(self, hidden: Tensor) -> Tensor:
        """(batch, n, width) -> what the head takes, the same shape; padding stands behind."""
        places = torch.arange(hidden.shape[1], device=hidden.device)[None]
        angles = self.rotary(hidden, places)
        for block in self.blocks:
            hidden = block(hidden, position_ids=places, position_embeddings=angles)
        return self.norm(hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, n, width) -> logits (batch, n, vocab)."""
        return self.head(self.states(hidden))


class CausalModel:
    """A causal transformer: a frozen trunk, which reads each text once, and a tail that is trained.

    tail : what the trunk gives, padded to (batch, n, ...) -> logits (batch, n, vocab)
    encode : text -> token ids; seq : longest text in tokens, the rest is not read
    trunk : token ids (batch, n), padded behind -> hidden states (batch, n, width), kept in half
        precision; None hands the ids to the tail
    most_words : of a text, cut at spaces, that are read; None reads it all.  A mark that replaces
        word by word is then cut where the text itself is
    """

    def __init__(
        self,
        tail: nn.Module,
        encode: Callable[[str], list[int]],
        seq: int,
        trunk: Callable[[Tensor], Tensor] | None = None,
        most_words: int | None = None,
    ) -> None:
        self.tail, self.encode, self.seq, self.trunk = tail, encode, seq, trunk
        self.most_words = most_words
        self._read: dict[str, tuple[Tensor, Tensor]] = {}

    def words(self, text: str) -> int:
        """Words of a text that are read, cut at spaces."""
        return len(text.split()[: self.most_words])

    def _ids(self, text: str) -> Tensor:
        text = text if self.most_words is None else " ".join(text.split()[: self.most_words])
        return torch.tensor(self.encode(text)[: self.seq] or [0], dtype=torch.int64)

    def read(self, texts: Sequence[str]) -> list[tuple[Tensor, Tensor]]:
        """(what the tail takes, token ids) of each text: (n, ...) and (n,); remembered."""
        new = [text for text in dict.fromkeys(texts) if text not in self._read]
        ids = [self._ids(text) for text in new]
        given = ids
        if new and self.trunk is not None:
            hidden = self.trunk(nn.utils.rnn.pad_sequence(ids, batch_first=True))
            given = [row[: len(one)].clone() for row, one in zip(hidden, ids, strict=True)]
        self._read.update(zip(new, zip(given, ids, strict=True), strict=True))
        return [self._read[text] for text in texts]

    def forgetting(self) -> CausalModel:
        """The same model without what it has read."""
        return CausalModel(self.tail, self.encode, self.seq, self.trunk, self.most_words)

    def batch(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(input of the tail, labels), padded behind with 0 and :data:`IGNORE`."""
        read = self.read(texts)
        pad = nn.utils.rnn.pad_sequence
        device = next(self.tail.parameters()).device
        given = pad([x for x, _ in read], batch_first=True)
        labels = pad([ids for _, ids in read], batch_first=True, padding_value=IGNORE)
        given = given.float() if given.is_floating_point() else given
        return given.to(device), labels.to(device)

    @torch.no_grad()
    def stats(self, texts: Sequence[str], at_a_time: int = 8) -> TokenStats:
        """Statistics of every token but each text's first, in single precision.

        A :class:`Tail` multiplies by its head in half precision, as in training.
        """
        self.tail.eval()
        columns, lengths = [], []
        for start in range(0, len(texts), at_a_time):
            given, labels = self.batch(texts[start : start + at_a_time])
            counted = labels[:, 1:] != IGNORE
            lengths += counted.sum(1).tolist()
            logits, targets = self.logits(given, counted), labels[:, 1:][counted]
            for some, target in zip(logits.split(32), targets.split(32), strict=True):
                columns.append(token_moments(some.float(), target))
        return from_flat([torch.cat(column) for column in zip(*columns, strict=True)], lengths)

    def logits(self, given: Tensor, counted: Tensor) -> Tensor:
        """(number of places that count, vocab) of all places but the last one of each text."""
        if not isinstance(self.tail, Tail):
            return self.tail(given)[:, :-1][counted]
        states = self.tail.states(given)[:, :-1][counted]
        return nn.functional.linear(states.bfloat16(), self.tail.half)

    def trained(
        self, texts: Sequence[str], *, epochs: int, lr: float, seed: int, batch: int = 8
    ) -> CausalModel:
        """A copy trained on the texts, `batch` texts a step; it shares what the trunk has read."""
        frozen = {id(p): p for p in self.tail.parameters() if not p.requires_grad}
        other = copy.copy(self)
        other.tail = copy.deepcopy(self.tail, frozen)
        fit(
            other.tail,
            lambda places: torch.from_numpy(places),
            len(texts),
            batch=batch,
            epochs=epochs,
            lr=lr,
            seed=seed,
            loss=lambda net, places: causal_loss(net, *self.batch([texts[i] for i in places])),
        )
        return other


IGNORE = -100
"""Label of a padded place, which no loss and no score counts."""


def causal_loss(net: nn.Module, given: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of the tokens that are there; matrix products in half precision."""
    with torch.autocast(given.device.type, torch.bfloat16):
        logits = net(given)[:, :-1]
    return nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=IGNORE
    )


def halved(
    net: nn.Module,
    encode: Callable[[str], list[int]],
    seq: int,
    last: int,
    most_words: int | None = None,
) -> CausalModel:
    """A Llama of the transformers library of which only the `last` blocks and the norm are trained.

    The blocks before them are turned into half precision and read each text once.
    """
    inner = net.model
    blocks = list(inner.layers)
    tail = Tail(blocks[-last:], inner.norm, net.lm_head, inner.rotary_emb)
    embed = copy.deepcopy(inner.embed_tokens).bfloat16()
    front = nn.ModuleList(blocks[:-last]).bfloat16()

    @torch.no_grad()
    def trunk(ids: Tensor) -> Tensor:
        hidden = embed(ids)
        places = torch.arange(ids.shape[1])[None]
        angles = inner.rotary_emb(hidden, places)
        for block in front:
            hidden = block(hidden, position_ids=places, position_embeddings=angles)
        return hidden

    return CausalModel(tail, encode, seq, trunk, most_words)
