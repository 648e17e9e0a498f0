"""Recall: how much a state of fixed size remembers (multi-query associative recall).

A sequence lists pairs of a key and a value, then asks for every key in another order.  At each
question the label is the key's value.  Nothing else is asked, and a guess costs log(values) nats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor

from companion.mamba3.lab.models import (
    UNASKED,
    MixerConfig,
    Probe,
    Recipe,
    Stack,
    cost,
    longest_first,
    stacks,
)
from companion.mamba3.method.layer import Mamba2Config, Mamba3Config
from companion.scale import torch_generator
from companion.training import n_parameters

N_KEYS = 16
"""Keys, and as many values; a question is guessed right one time in sixteen."""

D_MODEL, N_LAYERS = 32, 2
"""Two layers: a single one of Mamba-3 cannot bind a key to the value behind it."""


def questions(n: int, n_pairs: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """`n` sequences of `n_pairs` pairs and as many questions: tokens and labels, (n, 3 n_pairs).

    Keys are the tokens 0 ... 15, values 16 ... 31.  Labels are ``UNASKED`` but at questions.
    """
    if not 1 <= n_pairs <= N_KEYS:
        raise ValueError(f"there are {N_KEYS} keys; {n_pairs} pairs need other numbers")
    keys = torch.rand(n, N_KEYS, generator=rng).argsort(1)[:, :n_pairs]
    values = torch.randint(N_KEYS, 2 * N_KEYS, (n, n_pairs), generator=rng)
    order = torch.rand(n, n_pairs, generator=rng).argsort(1)
    listed = torch.stack((keys, values), 2).flatten(1)
    tokens = torch.cat((listed, keys.gather(1, order)), 1)
    labels = torch.full_like(tokens, UNASKED)
    labels[:, 2 * n_pairs :] = values.gather(1, order)
    return tokens, labels


def list_loss(n_pairs: int) -> float:
    """Nats a question of knowing which values were listed, and not which is whose.

    A value that is listed c times is then the answer with probability c / `n_pairs`; besides the
    asked pair, each of the others has the same value one time in :data:`N_KEYS`.
    """
    others = np.arange(n_pairs)
    share = binom.pmf(others, n_pairs - 1, 1 / N_KEYS)
    return float(np.log(n_pairs) - share @ np.log1p(others))


AT_ONCE = 5
"""Seeds of one stack: a seed in a stack of two takes a third longer than in one of five."""


# --------------------------------------------------------------------------------------------- arms
_PARTS: Mapping[str, Callable[[Mamba3Config], MixerConfig]] = {
    "Mamba-3": lambda c: c,
    "no bias": lambda c: replace(c, bias_init=None),
    "no trapezoid": lambda c: replace(c, trapezoid="off"),
    "neither": lambda c: replace(c, bias_init=None, trapezoid="off"),
    "with convolution": lambda c: replace(c, conv=4),
    "MIMO": lambda c: replace(c, rank=4, chunk=8),
    "Mamba-2": lambda c: Mamba2Config(
        d_model=c.d_model, d_state=c.d_state, head_dim=c.head_dim, chunk=c.chunk
    ),
}
PARTS = tuple(_PARTS)
"""The layer, the layer without one of its parts or with one more, and the baseline."""


@dataclass(frozen=True)
class Arm:
    """One run: which of :data:`PARTS`, state size N, peak learning rate, seeds."""

    part: str
    d_state: int
    rate: float
    seeds: tuple[int, ...]


def arm_mixer(part: str, d_state: int) -> MixerConfig:
    """The layer of an arm; Δ starts in the released range."""
    if part not in _PARTS:
        raise ValueError(f"unknown arm {part!r}; known are {', '.join(PARTS)}")
    return _PARTS[part](Mamba3Config(d_model=D_MODEL, d_state=d_state, head_dim=32, chunk=32))


@dataclass(frozen=True)
class Recalled:
    """One arm after training.

    steps : after how many updates it was read
    loss, share : (n_steps, n_seeds), nats a question and share of right answers, held out
    """

    arm: Arm
    n_parameters: int
    steps: tuple[int, ...]
    loss: np.ndarray
    share: np.ndarray

    @property
    def final(self) -> np.ndarray:
        """Loss at the end, one a seed."""
        return self.loss[-1]


def learn(
    part: str,
    d_state: int,
    rate: float,
    seeds: Sequence[int],
    *,
    n_pairs: int,
    steps: int,
    batch: int,
    n_read: int,
    exam: int | None = None,
) -> Recalled:
    """Train the seeds of an arm in a stack, and read them at half of the training and at its end.

    exam : seed of the sequences that are read; the first of `seeds` by default
    All arms see the same sequences, seed by seed, so differences are paired.
    """
    config = arm_mixer(part, d_state)
    stack = Stack(lambda: Probe(config, 2 * N_KEYS, 2 * N_KEYS, N_LAYERS), seeds)
    sources = [torch_generator(one, "questions") for one in seeds]
    exam = seeds[0] if exam is None else exam
    held_out = questions(n_read, n_pairs, torch_generator(exam, "held out"))
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def batch_at(_step: int) -> tuple[Tensor, Tensor]:
        drawn = [questions(batch, n_pairs, source) for source in sources]
        return tuple(torch.stack(parts) for parts in zip(*drawn, strict=True))

    def look(step: int) -> None:
        found[step] = answers(stack, *held_out)

    reads = {step: partial(look, step) for step in (max(1, steps // 2), steps)}
    stack.train(batch_at, Recipe(steps, rate), reads)
    loss, share = (np.array(parts) for parts in zip(*found.values(), strict=True))
    return Recalled(
        Arm(part, d_state, rate, tuple(seeds)), n_parameters(stack.model), (*found,), loss, share
    )


@torch.no_grad()
def answers(stack: Stack, tokens: Tensor, labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Loss in nats a question and share of right answers, one a seed, in blocks of sequences."""
    losses, shares = [], []
    for part, asked in zip(tokens.split(256), labels.split(256), strict=True):
        inputs, wanted = (x.expand(len(stack.seeds), -1, -1) for x in (part, asked))
        losses.append(stack.losses(inputs, wanted))
        right = (stack(inputs).argmax(-1) == wanted) & (wanted != UNASKED)
        shares.append(right.flatten(1).sum(1) / (asked != UNASKED).sum())
    return tuple(torch.stack(parts).mean(0).numpy() for parts in (losses, shares))


def recall_all(
    arms: Sequence[Arm],
    *,
    n_pairs: int,
    steps: int,
    batch: int,
    n_read: int,
    n_jobs: int | None = 1,
) -> tuple[Recalled, ...]:
    """Every arm, in this order; the seeds of an arm are read on the same sequences."""
    call = partial(learn, n_pairs=n_pairs, steps=steps, batch=batch, n_read=n_read)
    parts = [(i, arm, part) for i, arm in enumerate(arms) for part in stacks(arm.seeds, AT_ONCE)]
    jobs = [
        {
            "part": arm.part,
            "d_state": arm.d_state,
            "rate": arm.rate,
            "seeds": list(part),
            "exam": arm.seeds[0],
        }
        for _, arm, part in parts
    ]
    costs = [len(part) * cost(arm_mixer(arm.part, arm.d_state)) for _, arm, part in parts]
    found = longest_first(call, jobs, costs, n_jobs=n_jobs, label="recall")
    runs: list[list[Recalled]] = [[] for _ in arms]
    for run, (i, *_) in zip(found, parts, strict=True):
        runs[i].append(run)
    return tuple(together(arm, one) for arm, one in zip(arms, runs, strict=True))


def together(arm: Arm, runs: Sequence[Recalled]) -> Recalled:
    """Runs of one arm on some of its seeds each, in their order, as one."""
    return replace(
        runs[0],
        arm=arm,
        loss=np.concatenate([run.loss for run in runs], 1),
        share=np.concatenate([run.share for run in runs], 1),
    )


# -------------------------------------------------------------------------------------- comparisons
QUARTER = 0.25
"""Share of the gain of biases and trapezoid under which a convolution is unnecessary."""


def at_one_size(recalled: Sequence[Recalled]) -> dict[str, Recalled]:
    """The arms at the state size of the parts, Mamba-2 among them: part -> run."""
    sizes = {run.arm.d_state for run in recalled if run.arm.part not in ("Mamba-3", "Mamba-2")}
    return {run.arm.part: run for run in recalled if run.arm.d_state in sizes}


def part_gains(arms: Mapping[str, Recalled]) -> tuple[np.ndarray, np.ndarray]:
    """What biases and trapezoid gain, and a convolution beyond a quarter of it.

    Nats, (n_steps, n_seeds) each.
    """
    full = arms["Mamba-3"].loss
    gain = arms["neither"].loss - full
    return gain, (full - arms["with convolution"].loss) - QUARTER * gain


def by_size(recalled: Sequence[Recalled], reading: int = -1) -> dict[str, dict[int, np.ndarray]]:
    """Family -> state size -> loss at the end, one a seed; at half of the training for 0."""
    table: dict[str, dict[int, np.ndarray]] = {"Mamba-3": {}, "Mamba-2": {}}
    for run in recalled:
        if run.arm.part in table:
            table[run.arm.part][run.arm.d_state] = run.loss[reading]
    return table


def half_state_gaps(table: Mapping[str, Mapping[int, np.ndarray]]) -> dict[int, np.ndarray]:
    """N -> loss of Mamba-3 with N minus that of Mamba-2 with 2N, one a seed."""
    ours, theirs = table["Mamba-3"], table["Mamba-2"]
    return {n: ours[n] - theirs[2 * n] for n in ours if 2 * n in theirs}
