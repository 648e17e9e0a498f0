"""Is the estimate from first derivatives unbiased, and what do its parts cost?"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from companion.consistent_diffusion.method.diffusion import (
    displacements,
    exact_residual,
    weak_residuals,
)
from companion.consistent_diffusion.method.losses import Objective, objective_loss
from companion.consistent_diffusion.method.networks import EnergyMLP, automatic
from companion.consistent_diffusion.settings import Settings
from companion.scale import generator, one_thread, torch_generator
from companion.stats import Interval, bootstrap

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
    def worst(self) -> float:
        """Largest distance from the exact square, in standard errors."""
        return float(np.abs((self.mean - self.exact) / self.error).max())

    @property
    def worst_same(self) -> float:
        """The same with one v for both factors."""
        return float(np.abs((self.same_mean - self.exact) / self.same_error).max())


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


@dataclass(frozen=True)
class Speeds:
    """Processor seconds of one thread, medians within one process.

    plain, penalized, paper : a training step without penalty, with ours, and with the paper's
        finite difference in t (nine evaluations of the network, five of them with a gradient in x,
        instead of our five)
    plain_x, plain_xt : a plain step with double differentiation, in x only, and in x and t
    score, score_x, score_xt : the score and its derivative in the weights alone, without the rest
        of a step: written by hand, and by double differentiation
    reference : five million steps of Muller-Brown with the true force
    cost : a step with the paper's penalty over a plain one, bootstrap over rounds
    """

    plain: float
    penalized: float
    paper: float
    plain_x: float
    plain_xt: float
    score: float
    score_x: float
    score_xt: float
    reference: float
    cost: Interval

    @property
    def hand_ratios(self) -> dict[str, float]:
        """How many times as fast the hand-written score is, by job and baseline.

        A plain step uses no derivative in t; differentiating in t as well is how the automatic
        score is coded for the penalty.
        """
        return {
            "score, against x and t": self.score_xt / self.score,
            "score, against x alone": self.score_x / self.score,
            "step, against x and t": self.plain_xt / self.plain,
            "step, against x alone": self.plain_x / self.plain,
        }

    @property
    def cost_ratio(self) -> float:
        """A step with the paper's penalty over a plain one."""
        return self.paper / self.plain

    @property
    def our_cost_ratio(self) -> float:
        """A step with the penalty as we train with it over a plain one."""
        return self.penalized / self.plain


class Doubly(nn.Module):
    """The same energy with its score by automatic differentiation, to compare with.

    in_time : differentiate in t as well, which the penalty needs and a plain step does not
    """

    def __init__(self, model: EnergyMLP, *, in_time: bool) -> None:
        super().__init__()
        self.model, self.in_time = model, in_time

    def log_q(self, x, t):
        """(batch,)."""
        return self.model.log_q(x, t)

    def score(self, x, t):
        """(batch, D), differentiable once more."""
        if self.in_time:
            return automatic(self.model, x, t, create_graph=True).score
        x = x.detach().requires_grad_()
        return torch.autograd.grad(self.model.log_q(x, t).sum(), x, create_graph=True)[0]


def _ratio_of_medians(pairs: np.ndarray, axis: int | None = None) -> float:
    """Median of the first column over that of the second."""
    return np.median(pairs[:, 0]) / np.median(pairs[:, 1])


@one_thread()
def run_speed(settings: Settings, seed: int) -> Speeds:
    """All timings in turn, `bench_repeats` times, so that a slow moment hits all of them."""
    from companion.consistent_diffusion.lab.systems import reference_run

    draws = torch_generator(seed, "speed")
    model = EnergyMLP(2, PAPER_HIDDEN, generator=draws)
    data = torch.randn(settings.batch, 2, generator=draws)

    def step(of: nn.Module, objective: Objective) -> Callable[[], None]:
        def run() -> None:
            of.zero_grad()
            objective_loss(of, data, objective, draws).total.backward()

        return run

    x, pull = (torch.randn(settings.batch, 2, generator=draws) for _ in range(2))
    t = torch.rand(settings.batch, generator=draws)

    def score(of: nn.Module) -> Callable[[], None]:
        def run() -> None:
            of.zero_grad()
            (of.score(x, t) * pull).sum().backward()

        return run

    plain, alone, both = Objective(), Doubly(model, in_time=False), Doubly(model, in_time=True)
    jobs = {
        "plain": step(model, plain),
        "penalized": step(model, Objective(alpha=settings.alpha)),
        "paper": step(model, Objective(alpha=settings.alpha, rate="difference")),
        "plain_x": step(alone, plain),
        "plain_xt": step(both, plain),
        "score": score(model),
        "score_x": score(alone),
        "score_xt": score(both),
    }
    took = {name: [] for name in jobs}
    for _ in range(settings.bench_repeats + 2):
        for name, job in jobs.items():
            started = time.process_time()
            job()
            took[name].append(time.process_time() - started)
    medians = {name: float(np.median(times[2:])) for name, times in took.items()}
    rounds = np.column_stack([took["paper"], took["plain"]])[2:]
    cost = bootstrap(rounds, _ratio_of_medians, rng=generator(seed, "speed"))
    started = time.process_time()
    reference_run(np.random.default_rng(seed), n_chains=500, steps=10_000)
    reference = time.process_time() - started
    return Speeds(**medians, reference=reference, cost=cost)
