"""Small models side by side as lanes, what is read off any model, and one training loop.

Each *lane* is a model of its own: all parameters have a leading lane axis, no operation mixes
lanes, and AdamW works element by element, so lanes train as if each were alone (a test holds it).

What is read off a model asks for little: ``lanes``, ``vocab``, logits of shape
(lanes, batch, length, vocab), and ``continue_greedily``.  At paper scale a released checkpoint
answers to the same (:mod:`companion.distillation_memorization.hub`).

Students of one shape, from one base model, see the same batches in the same order; only what they
are trained on differs.  Small models are trained side by side as lanes, released ones in turn.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from companion.distillation_memorization.method.memorization import Scores, matches
from companion.distillation_memorization.method.objectives import Cached, Objective
from companion.scale import generator, torch_generator
from companion.training import TrainingSettings, train


# -------------------------------------------------------------------------------------------- lanes
class Lanes(nn.Module):
    """Models of one shape; each parameter has a leading lane axis.

    vocab : number of characters
    """

    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.vocab = vocab

    @property
    def lanes(self) -> int:
        """Number of models."""
        return next(self.parameters()).shape[0]

    def each_lane(self, tokens: Tensor) -> Tensor:
        """int64 (lanes, batch, length) from that, or from (batch, length) that all lanes read."""
        return tokens if tokens.ndim == 3 else tokens.expand(self.lanes, *tokens.shape)

    def repeated(self, n: int) -> Lanes:
        """`n` lanes, each a copy of the only lane of this model."""
        return self._take([0] * n)

    def lane(self, i: int) -> Lanes:
        """Lane `i` as a model of its own (a copy)."""
        return self._take([i])

    @torch.no_grad()
    def _take(self, lanes: list[int]) -> Lanes:
        if max(lanes) >= self.lanes:
            raise ValueError(f"there is no lane {max(lanes)} among {self.lanes}")
        taken = copy.deepcopy(self)
        for name, parameter in self.named_parameters():
            setattr(taken, name, nn.Parameter(parameter[lanes].clone()))
        return taken


def _drawn(lanes: int, shape: tuple[int, ...], std: float, noise: torch.Generator) -> nn.Parameter:
    """Normal weights, the same for each lane."""
    one = std * torch.randn(1, *shape, generator=noise)
    return nn.Parameter(one.repeat(lanes, *[1] * len(shape)))


class LaneTransformer(Lanes):
    """`lanes` decoder-only transformers: learned positions, norms in front, ReLU.

    There are neither biases nor gains: what a gain could do, the next matrix does.

    length : most tokens that it reads; d : width; n_layers : blocks; n_heads : of each attention
    generator : draws the initial weights, with Pythia's standard deviations
    """

    def __init__(
        self,
        *,
        vocab: int,
        length: int,
        d: int,
        n_layers: int,
        n_heads: int,
        generator: torch.Generator,
        lanes: int = 1,
    ) -> None:
        super().__init__(vocab)
        self.n_heads = n_heads
        narrow, out = math.sqrt(2 / (5 * d)), 2 / (n_layers * math.sqrt(d))

        def weights(*shape: int, std: float = narrow) -> nn.Parameter:
            return _drawn(lanes, shape, std, generator)

        self.embedding = weights(vocab, d)
        self.positions = weights(length, d)
        self.qkv = weights(n_layers, d, 3 * d)
        self.attended = weights(n_layers, d, d, std=out)
        self.up = weights(n_layers, d, 4 * d)
        self.down = weights(n_layers, 4 * d, d, std=out)
        self.readout = weights(d, vocab)

    def forward(self, tokens: Tensor) -> SimpleNamespace:
        """Logits of the next character after every position.

        tokens : int64 (batch, length), read by every lane, or (lanes, batch, length)
        returns : ``.logits`` of shape (lanes, batch, length, vocab); position t predicts t + 1
        """
        return SimpleNamespace(logits=self._read(self.each_lane(tokens)))

    def _read(self, tokens: Tensor, kept: list[Tensor] | None = None) -> Tensor:
        """Logits; `kept` holds keys and values of what was read, one entry a block, and grows."""
        lanes, batch, length = tokens.shape
        d = self.embedding.shape[-1]
        start = kept[0].shape[-2] if kept else 0
        first = self.vocab * torch.arange(lanes, device=tokens.device).view(-1, 1, 1)
        x = F.embedding(tokens + first, self.embedding.flatten(0, 1))
        x = (x + self.positions[:, None, start : start + length]).flatten(1, 2)  # (R, B * L, d)
        blocks = (self.qkv, self.attended, self.up, self.down)
        for i, block in enumerate(zip(*(p.unbind(1) for p in blocks), strict=True)):
            qkv, attended, up, down = block
            heads = torch.bmm(F.layer_norm(x, (d,)), qkv)
            heads = heads.view(lanes * batch, length, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
            query, known = heads[0], heads[1:]
            if kept is not None:
                if start:
                    known = torch.cat([kept[i], known], -2)
                    kept[i] = known
                else:
                    kept.append(known)
            # a single new token sees all that was read, so it needs no mask
            seen = F.scaled_dot_product_attention(query, *known, is_causal=start == 0)
            x = x + torch.bmm(seen.transpose(1, 2).reshape(lanes, batch * length, d), attended)
            x = x + torch.bmm(torch.bmm(F.layer_norm(x, (d,)), up).relu_(), down)
        logits = torch.bmm(F.layer_norm(x, (d,)), self.readout)
        return logits.view(lanes, batch, length, self.vocab)

    @torch.no_grad()
    def continue_greedily(self, prefixes: Tensor, n: int) -> Tensor:
        """The `n` most likely next characters, one after the other: int64 (lanes, batch, n).

        prefixes : int64 (batch, p) or (lanes, batch, p); what was read is not read again
        """
        read, kept, found = self.each_lane(prefixes), [], []
        for _ in range(n):  # the first new token comes from the last position of the prefix
            found.append(self._read(read, kept)[:, :, -1].argmax(-1))
            read = found[-1][..., None]
        return torch.stack(found, -1)


WINDOW, EMBEDDING = 12, 16
"""Characters that a :class:`LaneMLP` sees, and numbers per character."""


class LaneMLP(Lanes):
    """`lanes` perceptrons: the last 12 characters, one ReLU layer, the next character.

    vocab : number of characters; one more id stands for "before the beginning"
    hidden : width of the hidden layer
    generator : draws the initial weights, the same for each lane
    """

    def __init__(self, *, vocab: int, hidden: int, generator: torch.Generator, lanes: int = 1):
        super().__init__(vocab)
        inside = WINDOW * EMBEDDING
        self.embedding = _drawn(lanes, (vocab + 1, EMBEDDING), 1.0, generator)
        self.first = _drawn(lanes, (inside, hidden), math.sqrt(2 / inside), generator)
        self.first_bias = nn.Parameter(torch.zeros(lanes, 1, hidden))
        self.second = _drawn(lanes, (hidden, vocab), math.sqrt(1 / hidden), generator)
        self.second_bias = nn.Parameter(torch.zeros(lanes, 1, vocab))

    def forward(self, tokens: Tensor) -> SimpleNamespace:
        """As :meth:`LaneTransformer.forward`."""
        tokens = self.each_lane(tokens)
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
        """As :meth:`LaneTransformer.continue_greedily`."""
        prefixes = self.each_lane(prefixes)
        padding = prefixes.new_full((*prefixes.shape[:-1], WINDOW), self.vocab)
        window = torch.cat([padding, prefixes], -1)[..., -WINDOW:]
        found = []
        for _ in range(n):
            new = self._read(window[..., None, :])[..., 0, :].argmax(-1)  # (R, B)
            found.append(new)
            window = torch.cat([window[..., 1:], new[..., None]], -1)
        return torch.stack(found, -1)


@dataclass(frozen=True)
class Shape:
    """Size of a model: `n_layers` 0 is the perceptron with hidden width `d`."""

    d: int
    n_layers: int = 0
    n_heads: int = 1

    def build(self, vocab: int, length: int, seed: int, name: str) -> Lanes:
        """A fresh model of one lane whose weights depend on seed and name only."""
        noise = torch_generator(seed, name, "weights")
        if self.n_layers == 0:
            return LaneMLP(vocab=vocab, hidden=self.d, generator=noise)
        return LaneTransformer(
            vocab=vocab,
            length=length,
            d=self.d,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            generator=noise,
        )


# ------------------------------------------------------------------------------------------ reading
NUMBERS_AT_ONCE = 1 << 24
"""Logits that one batch may have: 64 MB in float32."""


def device_of(model: nn.Module) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device


def half_precision(device: torch.device) -> torch.autocast:
    """bfloat16 products on a GPU, nothing on a CPU; use as a context."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def generate(model: nn.Module, prefixes: Tensor, n: int, batch: int = 512) -> Tensor:
    """`n` tokens of greedy decoding after each prefix: int64 (lanes, n_prefixes, n).

    prefixes : int64 (n_prefixes, p), all of one length, so that no padding is needed.  There is no
    end-of-text token: exactly `n` tokens are made.
    """
    device = device_of(model)
    with half_precision(device):
        parts = [
            model.continue_greedily(rows, n).cpu() for rows in prefixes.to(device).split(batch)
        ]
    return torch.cat(parts, 1)


def memorized(model: nn.Module, tokens: Tensor, prefix: int, suffix: int) -> np.ndarray:
    """M: which sequences the model completes word for word, bool (lanes, n)."""
    return matches(generate(model, tokens[:, :prefix], suffix), tokens, prefix)


def rows_at_once(tokens: Tensor, vocab: int, lanes: int = 1) -> int:
    """Sequences per batch that keep the logits within NUMBERS_AT_ONCE."""
    return max(1, NUMBERS_AT_ONCE // (tokens.shape[1] * vocab * lanes))


@torch.no_grad()
def score(model: nn.Module, tokens: Tensor) -> Scores:
    """Log-probabilities and entropies of all tokens but the first.

    tokens : int64 (n, length)
    """
    device = device_of(model)
    log_ps, entropies = [], []
    for rows in tokens.split(rows_at_once(tokens, model.vocab, model.lanes)):
        read = rows.to(device)
        with half_precision(device):
            logits = model(read).logits[..., :-1, :]
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
    for rows in tokens.split(rows_at_once(tokens, first.vocab, 2)):
        pair = []
        for model in (first, second):
            device = device_of(model)
            with half_precision(device):
                logits = model(rows.to(device)).logits[0, :, :-1]
            pair.append(logits.float().log_softmax(-1))
        p, q = pair[0], pair[1].to(pair[0].device)
        found.append((p.exp() * (p - q)).sum(-1).mean(-1).cpu())
    return torch.cat(found).numpy()


# ----------------------------------------------------------------------------------------- training
TEXT = Objective("text")


def batches(n: int, size: int, seed: int, name: str) -> Callable[[int], Tensor]:
    """Step -> indices of its sequences: every epoch a fresh permutation, the last few left out."""
    if not 1 <= size <= n:
        raise ValueError(f"batches of {size} cannot be drawn from {n} sequences")
    per_epoch = n // size

    @cache
    def order(epoch: int) -> Tensor:
        return torch.from_numpy(generator(seed, name, "order", epoch).permutation(n))

    def batch_at(step: int) -> Tensor:
        epoch, place = divmod(step, per_epoch)
        return order(epoch)[place * size : (place + 1) * size]

    return batch_at


@dataclass(frozen=True)
class Recipe:
    """How to train; the rate falls as half a cosine to zero.

    lr : peak learning rate; batch : sequences per update
    """

    lr: float
    batch: int

    def settings(self, n: int, epochs: int) -> TrainingSettings:
        """Of `epochs` passes over n sequences.

        Clipping is off: a norm over several lanes would let them influence each other.
        """
        return TrainingSettings(
            epochs * (n // self.batch),
            lr=self.lr,
            warmup=0.02,
            floor=0.0,
            weight_decay=0.0,
            clip=1e9,
            betas=(0.9, 0.99),
        )


def fit(
    model: nn.Module,
    inputs: Tensor,
    recipe: Recipe,
    epochs: int,
    *,
    seed: int,
    name: str,
    objectives: Sequence[Objective] = (TEXT,),
    teacher: Cached | None = None,
    order: str = "",
    progress: bool = False,
) -> None:
    """Train `model` in place, one objective per lane.

    inputs : int64 (n, length), or (lanes, n, length) where lanes read different text
    teacher : its outputs on the same n sequences, where an objective needs them
    order : name of the shuffling; models that are compared share it
    """
    text = inputs.expand(len(objectives), *inputs.shape) if inputs.ndim == 2 else inputs
    text = text.to(device_of(model))
    n = text.shape[1]

    def loss(model: nn.Module, rows: Tensor) -> Tensor:
        read = text[:, rows]  # (lanes, batch, length)
        with half_precision(text.device):
            logits = model(read).logits[..., :-1, :]
        known = None if teacher is None else teacher.rows(rows, text.device)
        terms = [o.loss(logits[i], read[i, :, 1:], known) for i, o in enumerate(objectives)]
        return torch.stack(terms).sum()

    train(
        model,
        batches(n, recipe.batch, seed, order or name),
        recipe.settings(n, epochs),
        seed=seed,
        loss=loss,
        progress=progress,
        label=name,
    )


def fit_arms(
    base: nn.Module,
    arms: dict[str, Objective],
    text: dict[str, Tensor],
    recipe: Recipe,
    epochs: int,
    **kwargs: object,
) -> dict[str, nn.Module]:
    """All students of one base model, which stays as it was: name -> model of one lane.

    text : arm -> int64 (n, length), what it reads
    kwargs : of :func:`fit`
    """
    names = list(arms)
    if isinstance(base, Lanes):
        model = base.repeated(len(names))
        stacked = torch.stack([text[name] for name in names])
        fit(model, stacked, recipe, epochs, objectives=list(arms.values()), **kwargs)
        return {name: model.lane(i) for i, name in enumerate(names)}
    models = {}
    for name in names:
        models[name] = copy.deepcopy(base)
        fit(models[name], text[name], recipe, epochs, objectives=[arms[name]], **kwargs)
    return models
