r"""Tiny training runs: the same weights and the same text, other arithmetic; and what they cost.

What a recipe costs is the loss of its run above that of the unquantized run with the same seed.
In units of the paper's law it is a share: quantizing the forward pass acts like keeping eff_N of
the parameters, quantizing the backward pass like keeping eff_D of the tokens.  At a fixed number of
tokens the law is a curve over N, and eff_N is how far a run lies to the left of where it should be;
so a ladder of unquantized sizes, and one of lengths, turn a loss into a share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from companion.corpora import Corpus, byte_tokens, king_james, split
from companion.quartet.lab.llama import Shape, TinyLlama
from companion.quartet.method.linear import BASELINE, RECIPES
from companion.scale import derive_seed, generator, one_thread
from companion.stats import Interval, over_seeds
from companion.sweep import sweep
from companion.training import TrainingSettings, learning_rate, make_optimizer

SEQ = 64
CHECKPOINTS, SPACING = 3, 10
"""Held-out losses are averaged over this many checkpoints at the end of a run, so far apart."""


# --------------------------------------------------------------------------- text
@cache
def corpus() -> Corpus:
    """The King James Bible, the same under every Python."""
    return king_james()


@cache
def streams() -> tuple[Tensor, Tensor, int]:
    """Training tokens, held-out tokens (the last tenth), size of the vocabulary.

    Tokens are the distinct bytes of the text, numbered; the size is a multiple of 32.
    """
    kinds, numbered = torch.unique(byte_tokens(corpus().text), return_inverse=True)
    train, held_out = split(numbered)
    return train, held_out, -(-len(kinds) // 32) * 32


def batch(seeds: Sequence[int], step: int, n_windows: int, seq: int) -> Tensor:
    """Windows of training step `step` for each seed: int64 (seeds, n_windows, seq).

    A pure function of seed and step, so every recipe reads the same text in the same order.
    """
    train = streams()[0]
    starts = np.stack(
        [generator(seed, "verses", step).integers(0, len(train) - seq, n_windows) for seed in seeds]
    )
    return train[torch.from_numpy(starts)[..., None] + torch.arange(seq)]


def held_out_windows(n_seeds: int, n_tokens: int, seq: int) -> Tensor:
    """Windows spread evenly over the held-out text, the same for each seed: (seeds, n, seq)."""
    tokens = streams()[1]
    n = min(n_tokens, len(tokens)) // seq
    starts = np.linspace(0, len(tokens) - seq, n).astype(int)
    windows = tokens[torch.from_numpy(starts)[:, None] + torch.arange(seq)]
    return windows.expand(n_seeds, n, seq)


def shape_for_text(**changes: int) -> Shape:
    """The default shape with the vocabulary of the text."""
    return Shape(vocab=streams()[2], **changes)


# --------------------------------------------------------------------------- one stack of runs
@dataclass(frozen=True)
class Job:
    """Runs of one recipe at one size and length, all seeds in one stack.

    recipe : a key of :data:`RECIPES`; d_model : width, of two blocks whose hidden layers are three
    times as wide; steps : updates; n_windows : windows of 64 tokens an update and seed
    n_held_out : tokens on which the loss is read
    """

    recipe: str
    d_model: int
    steps: int
    seeds: tuple[int, ...]
    lr: float = 2e-3
    n_windows: int = 4
    n_held_out: int = 32_768

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise ValueError(f"unknown recipe {self.recipe!r}; known are {', '.join(RECIPES)}")
        least = 1 + SPACING * (CHECKPOINTS - 1)
        if self.steps < least or not self.seeds or self.n_windows * SEQ % 32:
            raise ValueError(
                f"need {least} steps, a seed, and a number of tokens per update that is a multiple "
                f"of 32, got {self.steps} steps, {len(self.seeds)} seeds, {self.n_windows} windows"
            )

    @property
    def shape(self) -> Shape:
        """Of the model."""
        return shape_for_text(d_model=self.d_model, hidden=3 * self.d_model, seq=SEQ)

    @property
    def tokens(self) -> int:
        """Read by each seed: the law's D."""
        return self.steps * self.n_windows * SEQ

    @property
    def cost(self) -> float:
        """Rough work, to start long jobs first."""
        quantized = RECIPES[self.recipe]
        passes = 1 + 0.7 * (quantized.forward is not None) + 1.2 * (quantized.backward is not None)
        return passes * self.d_model * self.steps * len(self.seeds)


def clip_per_seed(model: TinyLlama, largest: float = 1.0) -> Tensor:
    """Scale each seed's gradient to a norm of at most `largest`; the norms before, (seeds,)."""
    squares = torch.zeros(model.n_seeds, device=model.embedding.device)
    for name, weight in model.named_parameters():
        squares += _seeds_first(name, weight.grad).square().sum(1)
    norms = squares.sqrt()
    factor = (largest / (norms + 1e-6)).clamp(max=1.0)
    for name, weight in model.named_parameters():
        shape = [1] * weight.ndim
        shape[1 if name == "gains" else 0] = model.n_seeds
        weight.grad.mul_(factor.view(shape))
    return norms


def _seeds_first(name: str, gradient: Tensor) -> Tensor:
    """(seeds, everything else); the gains have their layer axis first."""
    return (gradient.transpose(0, 1) if name == "gains" else gradient).flatten(1)


def step_once(
    model: TinyLlama, optimizer: torch.optim.Optimizer, tokens: Tensor, lr: float
) -> Tensor:
    """One update of all seeds; their losses before it, (seeds,)."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    losses = model.losses(tokens)
    losses.sum().backward()  # seeds share no weight, so each gets the gradient of its own loss
    clip_per_seed(model)
    optimizer.step()
    optimizer.zero_grad()
    return losses.detach()


@torch.no_grad()
def evaluate(model: TinyLlama, windows: Tensor, n_windows: int = 64) -> Tensor:
    """Mean loss per seed over windows (seeds, windows, seq): (seeds,)."""
    parts = windows.split(n_windows, dim=1)
    total = sum(model.losses(part) * part.shape[1] for part in parts)
    return total / windows.shape[1]


@one_thread()
def train(job: Job) -> np.ndarray:
    """Final held-out loss in nats per byte of every seed, (seeds,); not finite where it diverged.

    One thread makes the numbers independent of the machine's number of cores.
    """
    settings = TrainingSettings(steps=job.steps, lr=job.lr, warmup=0.1, floor=0.1)
    noise = torch.Generator().manual_seed(derive_seed(job.seeds[0], "rounding", job.recipe))
    weights = [derive_seed(seed, "weights") for seed in job.seeds]
    model = TinyLlama(job.shape, RECIPES[job.recipe], weights, noise)
    optimizer = make_optimizer(model, settings)
    windows = held_out_windows(len(job.seeds), job.n_held_out, SEQ)
    last = {job.steps - 1 - i * SPACING for i in range(CHECKPOINTS)}
    final = []
    for step in range(job.steps):
        tokens = batch(job.seeds, step, job.n_windows, SEQ)
        step_once(model, optimizer, tokens, learning_rate(step, settings))
        if step in last:
            final.append(evaluate(model, windows))
    return torch.stack(final).mean(0).double().numpy()


def train_all(
    jobs: Sequence[Job], *, n_jobs: int = 1, progress: bool = True
) -> dict[Job, np.ndarray]:
    """Every job's losses; each is done once, the longest first."""
    todo = sorted(dict.fromkeys(jobs), key=lambda job: -job.cost)
    found = sweep(train, todo, n_jobs=n_jobs, label="runs" if progress else "")
    return dict(zip(todo, found, strict=True))


# --------------------------------------------------------------------------- ladders
def share(ladder: np.ndarray, losses: np.ndarray, loss: float) -> float:
    """The share of a run's own size, or tokens, at which the unquantized curve has its `loss`.

    ladder : (k,), k >= 3, sizes or tokens over those of the run: 1 is the run's own
    losses : (k,) of the unquantized runs there

    The curve is a parabola in log ladder, by least squares.  Beyond twice the ladder's ends it says
    nothing: nan, as for a curve that does not fall or a loss that it does not reach.
    """
    x = np.log(ladder)
    a, b, c = np.polyfit(x, losses, 2)
    low, high = x.min() - np.log(2), x.max() + np.log(2)
    roots = np.roots([a, b, c - loss]) if np.isfinite([a, b, c, loss]).all() else np.array([])
    real = roots[np.abs(roots.imag) < 1e-12].real
    falling = [r for r in real if low <= r <= high and 2 * a * r + b < 0]
    return float(np.exp(falling[0])) if falling else float("nan")


def pseudo_values(statistic: Callable[[np.ndarray], float], n: int) -> np.ndarray:
    """The jackknife's values of a statistic of `n` seeds: (n,), to be averaged like a sample.

    statistic : takes the indices of seeds.  One seed gives its own value.
    """
    every = np.arange(n)
    whole = statistic(every)
    if n < 2:
        return np.array([whole])
    return np.array([n * whole - (n - 1) * statistic(np.delete(every, i)) for i in every])


class Ladder(NamedTuple):
    """Losses in nats per byte of the same seeds everywhere.

    seeds : (s,); n, tokens : the size and length at which recipes are compared
    sizes, by_size : (k,) parameters and (k, s) unquantized losses at that length
    lengths, by_length : (m,) tokens and (m, s) unquantized losses at that size
    final : recipe -> (s,)
    """

    seeds: np.ndarray
    n: int
    tokens: int
    sizes: np.ndarray
    by_size: np.ndarray
    lengths: np.ndarray
    by_length: np.ndarray
    final: dict[str, np.ndarray]

    def gap(self, recipe: str) -> np.ndarray:
        """Loss above the unquantized run, per seed."""
        return self.final[recipe] - self.final[BASELINE]

    def n_diverged(self) -> int:
        """Runs whose loss is not finite."""
        every = (*self.final.values(), *self.by_size, *self.by_length)
        return int(sum((~np.isfinite(losses)).sum() for losses in every))

    def log_shares(self, recipe: str, of: str) -> np.ndarray:
        """log eff_N (`of` "N") or log eff_D ("D") of a recipe: pseudo-values, (s,)."""
        known = {"N": (self.sizes / self.n, self.by_size)}
        known["D"] = (self.lengths / self.tokens, self.by_length)
        at, losses = known[of]
        return pseudo_values(
            lambda pick: np.log(
                share(at, losses[:, pick].mean(1), self.final[recipe][pick].mean())
            ),
            len(self.seeds),
        )

    def efficiency(self, recipe: str, of: str) -> Interval:
        """eff_N or eff_D with its 95 % interval over seeds."""
        return over_seeds(self.log_shares(recipe, of)).map(np.exp)


def log_shares(ladder, recipe: str, of: str) -> np.ndarray:
    """log eff_N or log eff_D of a recipe as pseudo-values over seeds, that of no quantization 0.

    A parabola does not go through every rung, so the unquantized run's own share is not quite 1;
    it is divided out.
    """
    return ladder.log_shares(recipe, of) - ladder.log_shares(BASELINE, of)


def efficiency(ladder, recipe: str, of: str) -> Interval:
    """eff_N or eff_D of a recipe with its 95 % interval over seeds."""
    return ratio_of_logs(log_shares(ladder, recipe, of))


def monotone_share(ladder: np.ndarray, losses: np.ndarray, loss: float) -> float:
    """As :func:`share`, from a monotone curve through every rung.

    ladder, losses : (k,), rising sizes or tokens over those of the run, and unquantized losses

    The curve is piecewise cubic (PCHIP; Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5, 1984).
    Beyond the ladder it says nothing: nan, as for losses that do not fall.
    """
    if not (np.isfinite([*losses, loss]).all() and (np.diff(losses) < 0).all()):
        return float("nan")
    found = PchipInterpolator(np.log(ladder), losses).solve(loss, extrapolate=False)
    return float(np.exp(found[0])) if found.size else float("nan")


def monotone_efficiency(ladder, recipe: str, of: str) -> Interval:
    """eff_N or eff_D by :func:`monotone_share`, with its 95 % interval over seeds."""
    at, losses = {
        "N": (ladder.sizes / ladder.n, ladder.by_size),
        "D": (ladder.lengths / ladder.tokens, ladder.by_length),
    }[of]
    final = ladder.final[recipe]

    def one(pick: np.ndarray) -> float:
        return np.log(monotone_share(at, losses[:, pick].mean(1), final[pick].mean()))

    return ratio_of_logs(pseudo_values(one, len(ladder.seeds)))


def ratio_of_logs(logs: np.ndarray) -> Interval:
    """Over seeds, from pseudo-values of a logarithm."""
    return over_seeds(logs).map(np.exp)


def train_ladder(
    recipes: Sequence[str],
    *,
    width: int,
    steps: int,
    widths: Sequence[int],
    lengths: Sequence[int],
    seeds: Sequence[int],
    n_held_out: int,
    lr: float = 2e-3,
    n_jobs: int = 1,
    progress: bool = True,
) -> Ladder:
    """Every recipe at one size and length, and unquantized runs at all `widths` and `lengths`.

    lengths : in steps
    """

    def job(recipe: str, width: int, steps: int) -> Job:
        return Job(recipe, width, steps, tuple(seeds), lr, n_held_out=n_held_out)

    here = {name: job(name, width, steps) for name in (BASELINE, *recipes)}
    by_size = [job(BASELINE, one, steps) for one in widths]
    by_length = [job(BASELINE, width, one) for one in lengths]
    found = train_all([*here.values(), *by_size, *by_length], n_jobs=n_jobs, progress=progress)
    return Ladder(
        seeds=np.array(seeds),
        n=here[BASELINE].shape.n_body,
        tokens=here[BASELINE].tokens,
        sizes=np.array([one.shape.n_body for one in by_size]),
        by_size=np.stack([found[one] for one in by_size]),
        lengths=np.array([one.tokens for one in by_length]),
        by_length=np.stack([found[one] for one in by_length]),
        final={name: found[one] for name, one in here.items()},
    )


class Rates(NamedTuple):
    """rates : (r,) learning rates, the middle one is that of all other runs

    final : recipe -> (r, seeds), nats per byte
    """

    rates: np.ndarray
    final: dict[str, np.ndarray]

    def gained(self, recipe: str) -> np.ndarray:
        """What a recipe gains from each rate over what the unquantized run gains: (r, seeds)."""
        lead = {name: losses[len(losses) // 2] - losses for name, losses in self.final.items()}
        return lead[recipe] - lead[BASELINE]


def compare_rates(
    recipes: Sequence[str],
    rates: Sequence[float],
    ladder: Ladder,
    *,
    width: int,
    steps: int,
    n_held_out: int,
    n_jobs: int = 1,
    progress: bool = True,
) -> Rates:
    """Final losses of recipes at several learning rates, the unquantized run included.

    ladder : has them at the middle rate, which is that of its runs, for the same seeds
    """
    names, middle = (BASELINE, *recipes), rates[len(rates) // 2]
    seeds = tuple(int(seed) for seed in ladder.seeds)
    jobs = {
        (name, lr): Job(name, width, steps, seeds, lr, n_held_out=n_held_out)
        for name in names
        for lr in rates
        if lr != middle
    }
    found = train_all(list(jobs.values()), n_jobs=n_jobs, progress=progress)
    at = {key: found[job] for key, job in jobs.items()}
    at |= {(name, middle): ladder.final[name] for name in names}
    return Rates(
        np.array(rates), {name: np.stack([at[name, lr] for lr in rates]) for name in names}
    )
