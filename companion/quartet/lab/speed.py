"""How fast the emulation is: ratios of processor times measured in one process.

Emulation cannot show the speed of four-bit hardware.  What it can show is that it is cheap enough
to train with.  Two things are measured beside it, both in float32 on one thread: the algorithm of
the authors' kernel, written down step by step, and rounding by ``torch.bucketize``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from companion.quartet.lab.llama import TinyLlama
from companion.quartet.lab.training import batch, shape_for_text, step_once
from companion.quartet.method.linear import QUARTET, RECIPES, hadamard, rotate
from companion.quartet.method.mxfp4 import GROUP, MAGNITUDES
from companion.quartet.method.quantizers import QUEST_SCALE, quantize
from companion.scale import one_thread
from companion.training import TrainingSettings, make_optimizer

_THRESHOLDS = (0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0)


def published(x: Tensor, name: str = "QuEST") -> Tensor:
    """Rotation, scale and rounding as the authors' kernel does them, in plain torch: shape of x.

    name : ``"QuEST"`` or ``"RTN"``.  Exact ties go to the smaller magnitude.
    """
    groups = x.view(-1, GROUP) @ hadamard()
    if name == "QuEST":
        mean = groups.sum(-1, keepdim=True) / GROUP
        squares = (groups * groups).sum(-1, keepdim=True) / GROUP
        wanted = QUEST_SCALE * (squares - mean * mean).sqrt() + 1e-8
        scale = torch.exp2(torch.floor(torch.log2(wanted)))
    else:
        largest = groups.abs().amax(-1, keepdim=True)
        scale = torch.exp2(torch.floor(torch.log2(largest)) - 2) / (3 / 4)
    scaled = groups / scale
    size, sign = scaled.abs(), torch.where(scaled > 0, 1.0, -1.0)
    rounded = torch.zeros_like(size)
    for threshold, magnitude in zip(_THRESHOLDS, MAGNITUDES[1:], strict=True):
        rounded = torch.where(size > threshold, magnitude, rounded)
    return (rounded * sign * scale).view(x.shape)


def by_bucketize(x: Tensor) -> Tensor:
    """RTN AbsMax without a rotation, each element looked up among the thresholds: shape of x."""
    groups = x.view(-1, GROUP)
    largest = groups.abs().amax(-1, keepdim=True)
    scale = torch.exp2(torch.floor(torch.log2(largest)) - 2) / (3 / 4)
    scaled = groups / scale
    place = torch.bucketize(scaled.abs(), torch.tensor(_THRESHOLDS))
    return (torch.tensor(MAGNITUDES)[place] * scaled.sign() * scale).view(x.shape)


def rotate_and_quantize(x: Tensor, name: str = "QuEST") -> Tensor:
    """Ours for the same result."""
    turned = rotate(x, None, "none")
    return quantize(turned, name, out=turned).values


def best_times(functions: Mapping[str, Callable[[], object]], n: int) -> dict[str, float]:
    """Processor seconds of this thread, of the fastest of `n` calls of each, in turns.

    Other programs on the machine do not count, but for what they do to the caches; taking turns,
    all calls meet that alike.
    """
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(n):
        for name, function in functions.items():
            start = time.thread_time()
            function()
            best[name] = min(best[name], time.thread_time() - start)
    return best


class Speeds(NamedTuple):
    """Seconds of the best call: of operations on one matrix, and of one training step by recipe.

    size : side of the matrix
    """

    matrix: dict[str, float]
    steps: dict[str, float]
    size: int


MATRIX = (
    "a copy",
    "rotation and QuEST, the kernel step by step",
    "rotation and QuEST, ours",
    "RTN by bucketize",
    "RTN, ours",
    "SR, ours",
)


@one_thread()
def measure_matrix(size: int, n: int = 5) -> dict[str, float]:
    """MATRIX -> seconds, on one Gaussian matrix (size, size), float32."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(size, size, generator=generator)
    calls = (
        x.clone,
        partial(published, x),
        partial(rotate_and_quantize, x),
        partial(by_bucketize, x),
        partial(quantize, x, "RTN"),
        partial(quantize, x, "SR", generator=generator),
    )
    return best_times(dict(zip(MATRIX, calls, strict=True)), n)


@one_thread()
def measure_steps(names: tuple[str, ...] = (QUARTET,), n: int = 6) -> dict[str, float]:
    """Seconds of one training step of four tiny Llamas in a stack, unquantized and by recipe."""
    seeds = list(range(4))
    tokens = batch(seeds, 0, 8, 64)
    calls = {}
    for name in ("none:none", *names):
        model = TinyLlama(shape_for_text(), RECIPES[name], seeds, torch.Generator().manual_seed(0))
        optimizer = make_optimizer(model, TrainingSettings(steps=n, lr=1e-3))
        calls[name] = partial(step_once, model, optimizer, tokens, 1e-3)
    return best_times(calls, n)


@one_thread()
def run_speed(size: int) -> Speeds:
    """All of it, on one thread."""
    return Speeds(measure_matrix(size), measure_steps(), size)
