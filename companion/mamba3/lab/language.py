"""Small language models on English text: Mamba-3 and Mamba-2 at one size and one state.

All read the same characters in the same order, seed by seed, so differences are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from companion import corpora
from companion.mamba3.lab.models import (
    LanguageModel,
    MixerConfig,
    ModelConfig,
    Recipe,
    Stack,
    cost,
    longest_first,
    stacks,
)
from companion.mamba3.method.layer import Mamba2Config, Mamba3Config
from companion.scale import generator
from companion.training import n_parameters

SEQ = 128
"""Characters of a training window."""

LENGTHS = (64, 128, 256, 512, 1024)
"""Lengths at which the held-out text is cut; the loss counts all positions."""

_BASE = Mamba3Config(d_model=64, d_state=8, head_dim=32, chunk=16)
FAMILIES: dict[str, MixerConfig] = {
    "Mamba-3": _BASE,
    "Mamba-2": Mamba2Config(d_model=64, d_state=8, head_dim=32, chunk=16),
}
"""Equal width and state; the SwiGLU makes up for what the mixers differ by."""

ORDER = 3
"""Characters of context of the n-gram that a language model has to beat."""


AT_ONCE = 2
"""Seeds of one stack: more are no faster a seed, and one long stack would run alone at the end."""


@dataclass(frozen=True)
class Read:
    """One family after training.

    steps : after how many updates it was read
    course : (n_steps, n_seeds), held-out loss at the training length, nats a character
    held_out : (n_lengths, n_seeds), at the end, by the length at which the text is cut
    """

    family: str
    n_parameters: int
    steps: tuple[int, ...]
    course: np.ndarray
    lengths: tuple[int, ...]
    held_out: np.ndarray

    def at(self, length: int) -> np.ndarray:
        """Loss at the end, one a seed, of the text cut at `length`."""
        return self.held_out[self.lengths.index(length)]


@dataclass(frozen=True)
class Reading:
    """What was read: family to result, and the loss of the n-gram on the same text.

    n_gram : nats a character, with :data:`ORDER` characters of context
    """

    reads: dict[str, Read]
    n_gram: float


def text() -> corpora.Corpus:
    """The text: the same under every Python."""
    return corpora.king_james()


def characters() -> tuple[Tensor, Tensor, int]:
    """Training and held-out characters as tokens, and how many there are."""
    values, tokens = corpora.byte_tokens(text().text).unique(return_inverse=True)
    train, held_out = corpora.split(tokens)
    return train, held_out, len(values)


def n_gram_loss(train: np.ndarray, held_out: np.ndarray, order: int, n_tokens: int) -> float:
    """Nats a token of an interpolated n-gram (Witten and Bell) with `order` tokens of context.

    Each context's counts are blended with the next shorter one's prediction, with the weight
    n / (n + t) after n tokens of t kinds; the shortest one is uniform.
    """
    predicted = np.full(len(held_out) - order, 1 / n_tokens)
    for size in range(order + 1):
        seen, asked = (_contexts(part, size, n_tokens) for part in (train, held_out))
        asked = asked[order - size :]
        grams, counts = np.unique(seen, return_counts=True)
        contexts, first, kinds = np.unique(grams // n_tokens, return_index=True, return_counts=True)
        totals = np.add.reduceat(counts, first)
        own, total = (
            _looked_up(grams, counts, asked),
            _looked_up(contexts, totals, asked // n_tokens),
        )
        kind = _looked_up(contexts, kinds, asked // n_tokens)
        weight = total / np.maximum(total + kind, 1)
        predicted = weight * own / np.maximum(total, 1) + (1 - weight) * predicted
    return float(-np.log(predicted).mean())


def _contexts(tokens: np.ndarray, size: int, n_tokens: int) -> np.ndarray:
    """Every run of `size` + 1 tokens as one number."""
    code = np.zeros(len(tokens) - size, dtype=np.int64)
    for i in range(size + 1):
        code = code * n_tokens + tokens[i : len(tokens) - size + i]
    return code


def _looked_up(known: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The values of the wanted ones, 0 for those that are not known."""
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, values[place], 0)


def family_model(family: str, vocab_size: int) -> ModelConfig:
    """Two blocks, with as many parameters as Mamba-3 has."""
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}; known are {', '.join(FAMILIES)}")
    like = ModelConfig(mixer=_BASE, n_layers=2, d_hidden=128, vocab_size=vocab_size)
    start = replace(like, mixer=FAMILIES[family])
    missing = n_parameters(LanguageModel(like)) - n_parameters(LanguageModel(start))
    per_unit = 3 * _BASE.d_model * like.n_layers
    return replace(start, d_hidden=max(1, start.d_hidden + round(missing / per_unit)))


def read_family(
    family: str, seeds: Sequence[int], *, steps: int, batch: int, n_windows: int, rate: float
) -> Read:
    """Train the seeds of a family in a stack; read them on their way, and at every length."""
    train, held_out, vocab_size = characters()
    config = family_model(family, vocab_size)
    stack = Stack(lambda: LanguageModel(config), seeds)
    windows = corpora.consecutive_windows(held_out, n_windows, max(LENGTHS) + 1)
    course: dict[int, np.ndarray] = {}

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        drawn = torch.stack(
            [
                corpora.random_windows(train, batch, SEQ + 1, generator(one, "text", step))
                for one in seeds
            ]
        )
        return drawn[..., :-1], drawn[..., 1:]

    def look(step: int) -> None:
        course[step] = loss_at(stack, windows, SEQ)

    reads = {step: partial(look, step) for step in {max(1, steps * i // 4) for i in range(1, 5)}}
    recipe = Recipe(steps, rate, weight_decay=0.1, betas=(0.9, 0.95))
    stack.train(batch_at, recipe, reads)
    held = np.array([loss_at(stack, windows, length) for length in LENGTHS])
    losses = np.array([*course.values()])
    return Read(family, n_parameters(stack.model), (*course,), losses, LENGTHS, held)


@torch.no_grad()
def loss_at(stack: Stack, windows: Tensor, length: int) -> np.ndarray:
    """Nats a character, one a seed, of windows (n, longest + 1) cut at `length`."""
    losses = []
    for window in windows:
        inputs, labels = (part.reshape(-1, length) for part in (window[:-1], window[1:]))
        shape = (len(stack.seeds), -1, -1)
        losses.append(stack.losses(inputs.expand(shape), labels.expand(shape)))
    return torch.stack(losses).mean(0).numpy()


def read_all(
    families: Sequence[str],
    seeds: Sequence[int],
    *,
    steps: int,
    batch: int,
    n_windows: int,
    rate: float,
    n_jobs: int | None = 1,
) -> Reading:
    """Every family, and the n-gram on the same held-out text."""
    call = partial(read_family, steps=steps, batch=batch, n_windows=n_windows, rate=rate)
    parts = [(family, part) for family in families for part in stacks(seeds, AT_ONCE)]
    found = longest_first(
        call,
        [{"family": family, "seeds": list(part)} for family, part in parts],
        [len(part) * cost(FAMILIES[family]) for family, part in parts],
        n_jobs=n_jobs,
        label="text",
    )
    reads = {
        name: together([r for r in found if r.family == name]) for name in dict.fromkeys(families)
    }
    train, held_out, vocab_size = characters()
    held_out = held_out[: n_windows * (max(LENGTHS) + 1)]
    loss = n_gram_loss(train.numpy(), held_out.numpy(), ORDER, vocab_size)
    return Reading(reads, loss)


def together(runs: Sequence[Read]) -> Read:
    """Runs of one family on several seeds, as one."""
    return replace(
        runs[0],
        course=np.concatenate([run.course for run in runs], 1),
        held_out=np.concatenate([run.held_out for run in runs], 1),
    )
