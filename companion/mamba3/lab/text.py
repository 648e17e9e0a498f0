"""Small language models on English text: what each part of the layer and each state size is worth.

All arms read the same characters in the same order, seed by seed, so differences are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from companion import corpora
from companion.mamba3.lab.models import LanguageModel, MixerConfig, ModelConfig
from companion.mamba3.lab.seeds import Recipe, Stack
from companion.mamba3.method.layer import Mamba3Config
from companion.mamba3.method.mamba2 import Mamba2Config
from companion.scale import generator
from companion.sweep import sweep
from companion.training import n_parameters


@dataclass(frozen=True)
class Reading:
    """How the language models are trained and read.

    n_seeds, steps, batch, seq : of the training
    d_model, d_hidden, n_layers, lr : of the models; d_hidden is that of Mamba-3 SISO
    eval_windows : windows of `longest` characters, the held-out text that every model is read on
    lengths : lengths at which it is cut; the loss counts all positions
    """

    n_seeds: int
    steps: int
    batch: int = 8
    seq: int = 128
    d_model: int = 64
    d_hidden: int = 128
    n_layers: int = 2
    lr: float = 3e-3
    eval_windows: int = 16
    lengths: tuple[int, ...] = (64, 128, 256, 512, 1024)

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.seq, self.eval_windows) < 1 or self.n_seeds < 1:
            raise ValueError(f"all sizes must be positive, got {self}")
        if self.seq not in self.lengths or any(max(self.lengths) % n for n in self.lengths):
            raise ValueError(
                f"lengths must divide the longest and hold the training length {self.seq}, "
                f"got {self.lengths}"
            )


_PARTS: dict[str, Callable[[Mamba3Config], MixerConfig]] = {
    "full": lambda c: c,
    "no bias": lambda c: replace(c, bias_init=None),
    "no bias, no trapezoid": lambda c: replace(c, bias_init=None, trapezoid="off"),
    "with convolution": lambda c: replace(c, conv=4),
    "bias from 0": lambda c: replace(c, bias_init=0.0),
    "bias from U(-1, 1)": lambda c: replace(c, bias_init=0.0, bias_spread=1.0),
    "Mamba-2": lambda c: _mamba2(c),
}
PARTS = tuple(_PARTS)
"""Arms of the ablation (C6)."""


def _mamba2(config: Mamba3Config) -> Mamba2Config:
    return Mamba2Config(
        d_model=config.d_model,
        d_state=config.d_state,
        head_dim=config.head_dim,
        chunk=config.chunk,
    )


@dataclass(frozen=True)
class Arm:
    """One architecture: family ``"Mamba-2"``, ``"Mamba-3"`` or ``"MIMO"``, and its state size."""

    name: str
    family: str
    d_state: int
    model: ModelConfig


def part_arm(name: str, reading: Reading, vocab_size: int) -> Arm:
    """An arm of :data:`PARTS`, with as many parameters as the full layer has."""
    if name not in _PARTS:
        raise ValueError(f"unknown arm {name!r}; known are {', '.join(PARTS)}")
    base = _base(reading, 16)
    reference = n_parameters(LanguageModel(_model(base, reading, vocab_size)))
    config = matched(_PARTS[name](base), reading, vocab_size, reference)
    return Arm(name, "Mamba-2" if name == "Mamba-2" else "Mamba-3", 16, config)


def size_arm(family: str, d_state: int, reading: Reading, vocab_size: int) -> Arm:
    """An arm of the comparison by state size, matched to Mamba-3 SISO of the same state (C7)."""
    base = _base(reading, d_state)
    reference = n_parameters(LanguageModel(_model(base, reading, vocab_size)))
    mixers = {"Mamba-3": base, "Mamba-2": _mamba2(base), "MIMO": replace(base, rank=4, chunk=16)}
    if family not in mixers:
        raise ValueError(f"unknown family {family!r}; known are {', '.join(mixers)}")
    config = matched(mixers[family], reading, vocab_size, reference)
    return Arm(f"{family}, N = {d_state}", family, d_state, config)


def _base(reading: Reading, d_state: int) -> Mamba3Config:
    return Mamba3Config(d_model=reading.d_model, d_state=d_state, head_dim=16, chunk=32)


def _model(mixer: MixerConfig, reading: Reading, vocab_size: int) -> ModelConfig:
    return ModelConfig(
        mixer=mixer, n_layers=reading.n_layers, d_hidden=reading.d_hidden, vocab_size=vocab_size
    )


def matched(mixer: MixerConfig, reading: Reading, vocab_size: int, target: int) -> ModelConfig:
    """The model whose SwiGLU is narrowed or widened until its parameters come closest to target."""
    start = _model(mixer, reading, vocab_size)
    per_unit = 3 * reading.d_model * reading.n_layers
    missing = target - n_parameters(LanguageModel(start))
    return replace(start, d_hidden=max(1, start.d_hidden + round(missing / per_unit)))


@dataclass(frozen=True)
class Read:
    """One arm after training.

    losses : (steps, n_seeds), nats a character, of the training batches
    held_out : (n_lengths, n_windows, n_seeds), nats a character
    """

    arm: Arm
    n_parameters: int
    losses: np.ndarray
    lengths: tuple[int, ...]
    held_out: np.ndarray

    def renamed(self, arm: Arm) -> Read:
        """The same result as that of another arm of the same model."""
        return replace(self, arm=arm)

    @property
    def alive(self) -> np.ndarray:
        """Seeds whose losses are all finite."""
        return np.isfinite(self.losses).all(axis=0) & np.isfinite(self.held_out).all(axis=(0, 1))

    def loss(self, length: int) -> np.ndarray:
        """Held-out loss per seed, cut at `length`."""
        return self.held_out[self.lengths.index(length)].mean(axis=0)


def characters() -> tuple[Tensor, Tensor, int]:
    """Training and held-out tokens of the English text, and the number of distinct bytes."""
    raw = corpora.byte_tokens(corpora.python_topics().text)
    values, tokens = raw.unique(return_inverse=True)
    train, held_out = corpora.split(tokens)
    return train, held_out, len(values)


def read_arm(arm: Arm, reading: Reading, seed: int) -> Read:
    """Train all seeds of an arm and read them at every length."""
    train, held_out, _ = characters()
    seeds = range(seed, seed + reading.n_seeds)
    stack = Stack(lambda: LanguageModel(arm.model), seeds)

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        drawn = torch.stack(
            [
                corpora.random_windows(
                    train, reading.batch, reading.seq + 1, generator(one, "text", step)
                )
                for one in seeds
            ]
        )
        return drawn[..., :-1], drawn[..., 1:]

    recipe = Recipe(reading.steps, reading.lr, weight_decay=0.1, betas=(0.9, 0.95))
    losses = stack.train(batch_at, recipe)
    held = _held_out(stack, held_out, reading)
    return Read(arm, n_parameters(stack.one(0)), losses, reading.lengths, held)


@torch.no_grad()
def _held_out(stack: Stack, tokens: Tensor, reading: Reading) -> np.ndarray:
    longest = max(reading.lengths)
    windows = corpora.consecutive_windows(tokens, reading.eval_windows, longest + 1)
    result = []
    for length in reading.lengths:
        losses = []
        for window in windows:
            inputs, labels = (part.reshape(-1, length) for part in (window[:-1], window[1:]))
            shape = (len(stack.seeds), -1, -1)
            losses.append(stack.losses(inputs.expand(shape), labels.expand(shape)).numpy())
        result.append(losses)
    return np.array(result)


def arms_of(
    parts: Sequence[str], sizes: Sequence[int], mimo_sizes: Sequence[int], reading: Reading
) -> list[Arm]:
    """The arms of both comparisons, each architecture once a name."""
    *_, vocab_size = characters()
    arms = [part_arm(name, reading, vocab_size) for name in parts]
    arms += [
        size_arm(family, n, reading, vocab_size)
        for family, numbers in (("Mamba-2", sizes), ("Mamba-3", sizes), ("MIMO", mimo_sizes))
        for n in numbers
    ]
    return arms


def read_all(
    arms: Sequence[Arm], reading: Reading, seed: int, *, n_jobs: int = 1, progress: bool = True
) -> dict[str, Read]:
    """Train and read every arm: name to result."""
    runs = sweep(
        partial(read_arm, reading=reading, seed=seed),
        arms,
        n_jobs=n_jobs,
        label="text" if progress else "",
    )
    return {arm.name: run for arm, run in zip(arms, runs, strict=True)}
