"""How fast the emulation is: ratios of times measured in one process.

Emulation cannot show the speed of four-bit hardware.  What it can show is that it is cheap enough
to train with: a quantized matrix costs about as much as a few copies of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from companion.quartet.lab import text
from companion.quartet.lab.llama import TinyLlama
from companion.quartet.lab.training import RECIPES, shape_for_text, step_once
from companion.quartet.method.mxfp4 import GROUP, nearest_by_search
from companion.quartet.method.quantizers import quantize
from companion.quartet.method.scales import absmax_scale
from companion.scale import one_thread
from companion.training import TrainingSettings, make_optimizer


def quantize_by_search(x: Tensor) -> Tensor:
    """RTN AbsMax as one would write it down: divide by the scale, take the nearest of 16 codes."""
    groups = x.view(-1, GROUP)
    scale = absmax_scale(groups.abs().amax(1, keepdim=True))
    return nearest_by_search(groups / scale).mul_(scale).view(x.shape)


def best_time(function: Callable[[], object], n: int) -> float:
    """Seconds of the fastest of `n` calls: what other programs on the machine only lengthen."""
    times = []
    for _ in range(n):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


class Speeds(NamedTuple):
    """Seconds. clone : ``tensor.clone()``; search : :func:`quantize_by_search`

    quantized : scheme -> quantize and dequantize; steps : recipe -> one training step
    size : side of the matrix; threads : of torch
    """

    clone: float
    search: float
    quantized: dict[str, float]
    steps: dict[str, float]
    size: int
    threads: int


@one_thread()
def measure_matrix(size: int, n: int = 5) -> tuple[float, float, dict[str, float]]:
    """(clone, search, scheme -> seconds) on one Gaussian matrix (size, size), float32."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(size, size, generator=generator)
    quantized = {
        name: best_time(lambda name=name: quantize(x, name, generator=generator), n)
        for name in ("RTN", "SR", "QuEST")
    }
    return best_time(x.clone, n), best_time(lambda: quantize_by_search(x), 1), quantized


@one_thread()
def measure_steps(
    names: tuple[str, ...], n: int = 6, n_seeds: int = 4, n_windows: int = 8
) -> dict[str, float]:
    """Seconds of one training step of the tiny Llama under each recipe, and unquantized."""
    seeds = list(range(n_seeds))
    names = ("none:none", *names)
    runs = {}
    for name in names:
        model = TinyLlama(shape_for_text(), RECIPES[name], seeds, torch.Generator().manual_seed(0))
        runs[name] = (model, make_optimizer(model, TrainingSettings(steps=n, lr=1e-3)))
    tokens = text.batch(seeds, 0, n_windows, 64)
    best = dict.fromkeys(names, float("inf"))
    for _ in range(n):  # in turns, so that a busy moment of the machine hits all of them
        for name, (model, optimizer) in runs.items():
            took = best_time(lambda m=model, o=optimizer: step_once(m, o, tokens, 1e-3), 1)
            best[name] = min(best[name], took)
    return best


@one_thread()
def run_speed(size: int) -> Speeds:
    """All of it, on one thread; about six seconds at size 4096."""
    clone, search, quantized = measure_matrix(size)
    steps = measure_steps(("none:RTN", "QuEST:RTN", "QuEST:SR"))
    return Speeds(clone, search, quantized, steps, size, 1)
