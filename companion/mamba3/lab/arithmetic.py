"""Arithmetic modulo 5, with and without brackets: three layers are asked once, at the end.

The paper's other two tasks of state tracking, for paper scale: they take longer than a laptop has.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from companion.mamba3.lab.models import UNASKED, Probe, Recipe, Stack
from companion.mamba3.lab.tracking import VARIANTS, Training, scaled_accuracy
from companion.scale import torch_generator
from companion.sweep import sweep

BASE = 5
SYMBOLS = "01234+-*()="
"""Tokens by number: the digits, three operators, two brackets, and the question."""

N_LAYERS = 3
TASKS = ("plain", "brackets")
"""Without brackets: digits with +, - and *, which binds tighter.  With: a tree of + and -."""


def draw(n: int, rng: torch.Generator) -> int:
    """A whole number from 0 to n - 1."""
    return int(torch.randint(n, (), generator=rng))


def plain(length: int, rng: torch.Generator) -> str:
    """An expression of `length` symbols, an odd number: digits with operators between them."""
    return "".join(
        SYMBOLS[draw(BASE, rng)] if i % 2 == 0 else "+-*"[draw(3, rng)] for i in range(length)
    )


def bracketed(length: int, rng: torch.Generator) -> str:
    """A tree of `length` symbols: n, -n, (n), (-n), or (left op right) with op + or -."""
    if length < 5:
        number = SYMBOLS[draw(BASE, rng)]
        return (f"{number}", f"-{number}", f"({number})", f"(-{number})")[length - 1]
    left = 1 + draw(length - 4, rng)
    parts = bracketed(left, rng), bracketed(length - 3 - left, rng)
    return f"({parts[0]}{'+-'[draw(2, rng)]}{parts[1]})"


def value(expression: str) -> int:
    """What an expression is modulo 5, by one pass with a stack."""
    outside: list[tuple[int, int]] = []
    total, factor, sign, product = 0, 0, 1, False
    for before, symbol in zip(f"({expression}", expression, strict=False):
        if symbol.isdigit():
            factor = factor * int(symbol) if product else sign * int(symbol)
            product = False
        elif symbol == "*":
            product = True
        elif symbol in "+-":
            turn = 1 if symbol == "+" else -1
            is_sign = before in "+-("  # of the number behind it, and no operator
            total, sign = (total, sign * turn) if is_sign else (total + factor, turn)
        elif symbol == "(":
            outside.append((total, sign))
            total, sign = 0, 1
        else:
            before_it, sign = outside.pop()
            total, factor = before_it, sign * (total + factor)
    return (total + factor) % BASE


def problems(task: str, n: int, length: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """`n` expressions and a question mark each: tokens and labels, (n, length + 1).

    Without brackets the expression has an odd number of symbols, at most `length`.
    """
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}; known are {', '.join(TASKS)}")
    length = length if task == "brackets" else length - (length + 1) % 2
    make = bracketed if task == "brackets" else plain
    texts = [make(length, rng) for _ in range(n)]
    tokens = torch.tensor([[SYMBOLS.index(symbol) for symbol in f"{text}="] for text in texts])
    labels = torch.full_like(tokens, UNASKED)
    labels[:, -1] = torch.tensor([value(text) for text in texts])
    return tokens, labels


def calculate(
    task: str, arm: str, training: Training, read_at: int, n_read: int, seed: int
) -> np.ndarray:
    """Scaled accuracy at expressions of `read_at` symbols, one a seed; NaN where one diverged."""
    seeds = range(seed, seed + training.n_seeds)
    stack = Stack(lambda: Probe(VARIANTS[arm], len(SYMBOLS), BASE, N_LAYERS), seeds)
    sources = [torch_generator(one, "expressions", task) for one in seeds]

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        length = training.length(step)
        drawn = [problems(task, training.batch, length, source) for source in sources]
        return tuple(torch.stack(parts) for parts in zip(*drawn, strict=True))

    losses = stack.train(batch_at, Recipe(training.steps, training.lr))
    tokens, labels = problems(task, n_read, read_at, torch_generator(seed, "exam", task))
    right = []
    with torch.no_grad():
        for part, asked in zip(tokens.split(64), labels.split(64), strict=True):
            said = stack(part.expand(len(seeds), -1, -1))[:, :, -1].argmax(-1)
            right.append(said == asked[:, -1])
    found = scaled_accuracy(torch.cat(right, 1).double().mean(1), 1 / BASE).numpy()
    return np.where(np.isfinite(losses).all(axis=0), found, np.nan)


def calculate_all(
    arms: Sequence[str],
    training: Training,
    read_at: int,
    n_read: int,
    seed: int,
    *,
    n_jobs: int | None = 1,
) -> dict[str, dict[str, np.ndarray]]:
    """Every arm on both tasks: task to arm to scaled accuracy, one a seed."""
    call = partial(calculate, training=training, read_at=read_at, n_read=n_read)
    pairs = [(task, arm) for task in TASKS for arm in arms]
    jobs = [{"task": task, "arm": arm, "seed": seed} for task, arm in pairs]
    found = dict(
        zip(pairs, sweep(call, jobs, n_jobs=n_jobs, label="mod 5", unpack=True), strict=True)
    )
    return {task: {arm: found[task, arm] for arm in arms} for task in TASKS}
