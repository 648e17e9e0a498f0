"""Is the estimate from first derivatives unbiased, and what does the penalty cost?"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from companion.consistent_diffusion.method.diffusion import (
    displacements,
    exact_residual,
    weak_residuals,
)
from companion.consistent_diffusion.method.losses import Objective, objective_loss
from companion.consistent_diffusion.method.networks import EnergyMLP
from companion.scale import one_thread, torch_generator

N_POINTS, TIMES = 6, (0.02, 0.1, 0.5)
PAPER_HIDDEN = (92, 92, 92)
"""The network that is timed is the paper's, at every scale."""


class Unbiased(NamedTuple):
    """Per point and time (18,): exact R squared; mean and standard error of the product with two
    independent v; the same with one v for both factors.
    """

    exact: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    same_mean: np.ndarray
    same_error: np.ndarray

    @property
    def off(self) -> np.ndarray:
        """Distance from the exact square in standard errors, (18,)."""
        return (self.mean - self.exact) / self.error

    @property
    def off_same(self) -> np.ndarray:
        """The same with one v for both factors."""
        return (self.same_mean - self.exact) / self.same_error


@one_thread()
def check_estimator(n_draws: int, seed: int) -> Unbiased:
    """A random network in double precision, `n_draws` displacements at each of 18 points.

    Its weights are drawn larger than those at the start of training, so that the divergence, which
    is what the displacements estimate, is a good part of the residual.
    """
    draws = torch_generator(seed, "estimator")
    model = EnergyMLP(2, (24, 24), generator=draws).double()
    for weight in model.net.weights:
        weight.data *= 3
    x = torch.randn(N_POINTS, 2, generator=draws, dtype=torch.float64).repeat(len(TIMES), 1)
    t = torch.tensor(TIMES, dtype=torch.float64).repeat_interleave(N_POINTS)
    exact = exact_residual(model, x, t).square().numpy()
    rows = []
    with torch.no_grad():
        for point, at in zip(x, t, strict=True):
            many = point.expand(n_draws, -1)
            v1, v2 = displacements(many, draws)
            rows.append(
                [
                    weak_residuals(model, many, at.expand(n_draws), v1, other).square.numpy()
                    for other in (v2, v1)
                ]
            )
    values = np.array(rows)  # (18, 2, draws)
    mean, error = values.mean(2), values.std(2) / math.sqrt(n_draws)
    return Unbiased(exact, mean[:, 0], error[:, 0], mean[:, 1], error[:, 1])


class Speeds(NamedTuple):
    """Processor seconds of one thread, medians within one process: a training step without
    penalty, with ours, and with the paper's finite difference in t.
    """

    plain: float
    penalized: float
    paper: float


@one_thread()
def time_steps(batch: int, alpha: float, repeats: int, seed: int) -> Speeds:
    """All timings in turn, `repeats` times, so that a slow moment hits all of them."""
    draws = torch_generator(seed, "speed")
    model = EnergyMLP(2, PAPER_HIDDEN, generator=draws)
    data = torch.randn(batch, 2, generator=draws)

    def step(objective: Objective) -> Callable[[], None]:
        def run() -> None:
            model.zero_grad()
            objective_loss(model, data, objective, draws).total.backward()

        return run

    jobs = {
        "plain": step(Objective()),
        "penalized": step(Objective(alpha=alpha)),
        "paper": step(Objective(alpha=alpha, rate="difference")),
    }
    took = {name: [] for name in jobs}
    for _ in range(repeats + 2):
        for name, job in jobs.items():
            started = time.process_time()
            job()
            took[name].append(time.process_time() - started)
    return Speeds(**{name: float(np.median(times[2:])) for name, times in took.items()})
