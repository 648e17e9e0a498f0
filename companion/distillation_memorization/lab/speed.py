"""What batching and kept keys and values buy: extraction against a plain loop, in one process."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch

from companion.distillation_memorization.lab.fit import Shape
from companion.distillation_memorization.lab.reading import generate, generate_plainly
from companion.distillation_memorization.lab.text import ALPHABET
from companion.scale import one_thread, torch_generator


class Speed(NamedTuple):
    """Seconds for the same continuations, and whether they are the same, sequence by sequence."""

    batched: float
    plain: float
    n: int
    equal: bool

    @property
    def ratio(self) -> float:
        """How many times faster the batched way is."""
        return self.plain / self.batched


@one_thread()
def measure_extraction(n: int = 32, prefix: int = 16, suffix: int = 16, seed: int = 0) -> Speed:
    """Greedy continuations of `n` random prompts by a small transformer, both ways."""
    model = Shape(d=64, layers=2, heads=2).build(len(ALPHABET), prefix + suffix, seed, "speed")
    model.eval()
    prompts = torch.randint(
        len(ALPHABET), (n, prefix), generator=torch_generator(seed, "speed prompts")
    )
    generate(model, prompts[:2], 2)  # warm up
    start = time.perf_counter()
    fast = generate(model, prompts, suffix)
    middle = time.perf_counter()
    slow = generate_plainly(model, prompts, suffix)
    end = time.perf_counter()
    return Speed(middle - start, end - middle, n, bool(torch.equal(fast, slow)))
