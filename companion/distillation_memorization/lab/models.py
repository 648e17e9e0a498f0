"""The models side by side as lanes, and what is read off them.

A character model with one hidden layer, many of them side by side in one module.

Each *lane* is a model of its own: all parameters have a leading lane axis, no operation mixes
lanes, and AdamW works element by element, so lanes train as if each were alone (a test holds it).

What is read off a model: logits by lane, greedy continuations, losses and divergences.

Greedy decoding is batched; transformers keep the keys and values of what they have read.
"""

from __future__ import annotations

import inspect
import math
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from companion.distillation_memorization.method.memorization import Scores, matches

# ---------------------------------------------------------------------------------------------- mlp
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


# ------------------------------------------------------------------------------------------ reading
NUMBERS_AT_ONCE = 1 << 24
"""Logits that one batch may have: 64 MB in float32."""


def device_of(model: nn.Module) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device


def half_precision(device: torch.device) -> torch.autocast:
    """bfloat16 products on a GPU, nothing on a CPU; use as a context."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def lane_logits(model: nn.Module, tokens: Tensor) -> Tensor:
    """Next-token logits (lanes, batch, length, vocab) of a LaneMLP or a transformers model.

    A transformer is one lane.
    """
    logits = model(tokens).logits
    return logits if isinstance(model, LaneMLP) else logits[None]


@torch.no_grad()
def generate(model: nn.Module, prefixes: Tensor, n: int, batch: int = 512) -> Tensor:
    """`n` tokens of greedy decoding after each prefix: int64 (lanes, n_prefixes, n).

    prefixes : int64 (n_prefixes, p), all of one length, so that no padding is needed.  There is no
    end-of-text token: exactly `n` tokens are made.
    """
    device = device_of(model)
    parts = [
        model.continue_greedily(rows, n)
        if isinstance(model, LaneMLP)
        else _with_cache(model, rows, n)[None]
        for rows in prefixes.to(device).split(batch)
    ]
    return torch.cat(parts, 1).cpu()


def _with_cache(model: nn.Module, prefixes: Tensor, n: int) -> Tensor:
    """One pass over the prefix, then one token at a time on the kept keys and values."""
    with half_precision(prefixes.device):
        return _decode(model, prefixes, n)


def _decode(model: nn.Module, prefixes: Tensor, n: int) -> Tensor:
    from transformers import DynamicCache

    causal = getattr(model, "causal", model)
    # transformers 5.2x renamed the argument; the object is filled in place under either name
    takes = inspect.signature(type(causal).forward).parameters
    kept = {"cache" if "cache" in takes else "past_key_values": DynamicCache(config=causal.config)}
    found, read = [], prefixes
    for _ in range(n):  # the first new token comes from the last position of the prefix
        found.append(model(read, use_cache=True, **kept).logits[:, -1].argmax(-1))
        read = found[-1][:, None]
    return torch.stack(found, 1)


@torch.no_grad()
def generate_plainly(model: nn.Module, prefixes: Tensor, n: int) -> Tensor:
    """The same one sequence at a time, reading everything anew for every token: the oracle."""
    rows = []
    for prefix in prefixes:
        lanes = []
        for lane in range(model.lanes if isinstance(model, LaneMLP) else 1):
            tokens = prefix[None]
            for _ in range(n):
                new = lane_logits(model, tokens)[lane, :, -1].argmax(-1)
                tokens = torch.cat([tokens, new[:, None]], 1)
            lanes.append(tokens[0, len(prefix) :])
        rows.append(torch.stack(lanes))
    return torch.stack(rows, 1)


def memorized(model: nn.Module, tokens: Tensor, prefix: int, suffix: int) -> np.ndarray:
    """M: which sequences the model completes word for word, bool (lanes, n)."""
    return matches(generate(model, tokens[:, :prefix], suffix), tokens, prefix)


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
