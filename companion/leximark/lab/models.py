"""Language models with one interface: two small ones, a tiny transformer, those of the Hub.

Transformers behind the interface of :mod:`lm`: a tiny one, or one of the Hub.

The tiny one has a byte-level BPE of its own, trained on the pretraining text only.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from companion.leximark.method.scores import TokenStats, from_flat, token_moments
from companion.models import neox, neox_config
from companion.scale import generator, torch_generator
from companion.training import TrainingSettings, train

if TYPE_CHECKING:
    from tokenizers import Tokenizer


# ----------------------------------------------------------------------------------------------- lm
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


# ------------------------------------------------------------------------------------------- causal
IGNORE = -100
"""Label of a padded place, which no loss and no score counts."""


class CausalModel:
    """A causal transformer with its tokenizer.

    net : ``net(ids).logits`` of shape (batch, seq, vocab)
    encode : text -> token ids; seq : longest text in tokens, the rest is not read
    train_last : train only this many last blocks (found as ``layers``); 0 trains all weights
    """

    def __init__(
        self, net: nn.Module, encode: Callable[[str], list[int]], seq: int, train_last: int = 0
    ) -> None:
        self.net, self.encode, self.seq, self.train_last = net, encode, seq, train_last

    def batch(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(ids padded with 0, labels padded with IGNORE), both int64 (n_texts, longest)."""
        rows = [self.encode(text)[: self.seq] for text in texts]
        longest = max(2, max(map(len, rows), default=0))
        ids = torch.zeros((len(rows), longest), dtype=torch.int64)
        labels = torch.full_like(ids, IGNORE)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = labels[i, : len(row)] = torch.tensor(row, dtype=torch.int64)
        return ids, labels

    def lengths(self, texts: Sequence[str]) -> np.ndarray:
        """Tokens of each text, those beyond `seq` included: (n_texts,)."""
        return np.array([len(self.encode(text)) for text in texts])

    @torch.no_grad()
    def stats(self, texts: Sequence[str], at_a_time: int = 16) -> TokenStats:
        """Statistics of every token but each text's first; padding is behind and never counted."""
        self.net.eval()
        device = next(self.net.parameters()).device
        columns, lengths = [], []
        for start in range(0, len(texts), at_a_time):
            ids, labels = (x.to(device) for x in self.batch(texts[start : start + at_a_time]))
            logits = self.net(ids).logits[:, :-1]  # (batch, seq - 1, vocab)
            counted = labels[:, 1:] != IGNORE
            lengths += counted.sum(1).tolist()
            columns.append(token_moments(logits[counted].float(), labels[:, 1:][counted]))
        return from_flat([torch.cat(column) for column in zip(*columns, strict=True)], lengths)

    def trained(
        self,
        texts: Sequence[str],
        *,
        epochs: int,
        lr: float,
        seed: int,
        batch: int = 8,
        progress: bool = False,
        label: str = "transformer",
    ) -> CausalModel:
        """A copy trained on the texts, `batch` texts a step, each epoch in a new order."""
        net = copy.deepcopy(self.net)
        device = next(net.parameters()).device
        if self.train_last:
            net.requires_grad_(False)
            for block in blocks(net)[-self.train_last :]:
                block.requires_grad_(True)
        per_epoch = max(1, len(texts) // batch)
        orders = [
            generator(seed, "leximark order", e).permutation(len(texts)) for e in range(epochs)
        ]

        def batch_at(step: int) -> Tensor:
            epoch, place = divmod(step, per_epoch)
            chosen = orders[epoch][place * batch : (place + 1) * batch]
            return torch.stack(self.batch([texts[i] for i in chosen])).to(device)

        fit(net, batch_at, epochs * per_epoch, lr, seed, _masked_loss, progress, label)
        return CausalModel(net, self.encode, self.seq, self.train_last)


def blocks(net: nn.Module) -> nn.ModuleList:
    """The transformer blocks of a model of the transformers library."""
    for name, module in net.named_modules():
        if isinstance(module, nn.ModuleList) and name.rpartition(".")[2] in ("layers", "h"):
            return module
    raise ValueError(f"{type(net).__name__} has no list of blocks named layers or h")


def _masked_loss(net: nn.Module, batch: Tensor) -> Tensor:
    """Mean cross-entropy of the tokens that are there; batch : (2, batch, seq), ids and labels."""
    ids, labels = batch
    logits = net(ids).logits[:, :-1]
    return nn.functional.cross_entropy(
        logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORE
    )


def train_bpe(texts: Sequence[str], vocab: int) -> Tokenizer:
    """Byte-level BPE: every text can be encoded, and decoding gives it back."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def tiny_transformer(
    texts: Sequence[str],
    *,
    vocab: int,
    d_model: int,
    n_layers: int,
    seq: int,
    epochs: int,
    lr: float,
    batch: int,
    seed: int,
    progress: bool = True,
) -> CausalModel:
    """A small GPT-NeoX, pretrained on the texts with its own BPE."""
    tokenizer = train_bpe(texts, vocab)
    config = neox_config(n_layers=n_layers, d_model=d_model, n_heads=4, vocab_size=vocab, seq=seq)
    net = neox(config, torch_generator(seed, "leximark transformer"))
    model = CausalModel(net, lambda text: tokenizer.encode(text).ids, seq)
    return model.trained(
        texts,
        epochs=epochs,
        lr=lr,
        seed=seed,
        batch=batch,
        progress=progress,
        label="pretraining the transformer",
    )
