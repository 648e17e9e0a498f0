"""How much one batched fit saves over one fit after another."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from companion.scale import generator, one_thread
from companion.synthetic_data.lab.bilinear import fit, fit_by_autograd
from companion.synthetic_data.lab.world import World, draw


class Speed(NamedTuple):
    """Seconds of processor time per model on one thread, best of the repeats.

    autograd, single, batched : the usual way one after another, ours one at a time, one batch
    difference : largest absolute difference of the probabilities, batch against autograd
    """

    autograd: float
    single: float
    batched: float
    difference: float


@one_thread()
def measure_speed(
    world: World, seed: int, *, rank: int = 8, n: int = 32, n_serial: int = 3, repeats: int = 2
) -> Speed:
    """Fit `n` seeds in one batch, and `n_serial` of them one after another."""
    counts = np.stack(
        [draw(world.truth, world.weight, 4000, generator(seed, "speed", i)) for i in range(n)]
    )
    seeds = list(range(n))
    fit_by_autograd(counts[0], rank, 0)  # the first call loads parts of torch
    times = {"autograd": [], "single": [], "batched": []}
    for _ in range(repeats):
        start = time.process_time()
        together = fit(counts, rank, seeds)
        times["batched"].append((time.process_time() - start) / n)
        start = time.process_time()
        alone = [fit_by_autograd(counts[i], rank, i) for i in range(n_serial)]
        times["autograd"].append((time.process_time() - start) / n_serial)
        start = time.process_time()
        for i in range(n_serial):
            fit(counts[i : i + 1], rank, [i])
        times["single"].append((time.process_time() - start) / n_serial)
    difference = max(float(np.abs(a - b).max()) for a, b in zip(alone, together, strict=False))
    return Speed(*(min(t) for t in times.values()), difference)
