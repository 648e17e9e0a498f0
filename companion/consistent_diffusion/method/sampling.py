r"""Two ways to use a score: denoising from noise to data, and molecular dynamics.

OpenMM's Langevin step with :math:`a=e^{-\gamma\Delta t}`:
:math:`v\leftarrow a v+\frac{1-a}{\gamma}\frac Fm+\sqrt{k_BT(1-a^2)/m}\,\xi`,
:math:`x\leftarrow x+\Delta t\,v`, with the force :math:`F=k_BT\,\nabla\log q(x,t_{eval})`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion import contracts
from companion.consistent_diffusion.method.diffusion import T_MIN, beta


# -------------------------------------------------------------------------------------- reverse sde
class Denoised(NamedTuple):
    """samples : (..., n, D), NaN where a sample was lost; leading axes as the stack of models."""

    samples: np.ndarray

    @property
    def lost(self) -> np.ndarray:
        """(..., n), whether each sample is not finite."""
        return ~np.isfinite(self.samples).all(-1)


@torch.no_grad()
def denoise(
    score: Callable[[Tensor, Tensor], Tensor],
    shape: tuple[int, ...],
    generator: torch.Generator,
    *,
    steps: int = 1000,
    chunk: int = 4096,
    project: Callable[[Tensor], Tensor] | None = None,
) -> Denoised:
    r"""Euler-Maruyama from t = 1 to 0 in uniform steps, noise in the last step too.

    :math:`x\leftarrow x+(\tfrac12\beta x+\beta s)\Delta t+\sqrt{\beta\Delta t}\,z`, start N(0, I).
    The score is asked at the beginning of each step, from t = 1 down to `1 / steps`.
    shape : (..., n, D) of the samples
    chunk : samples of each model that go through it together
    project : noise to the subspace of centered molecules
    """
    *lanes, n, dim = shape
    parts, dt = [], 1 / steps
    for size in [min(chunk, n - start) for start in range(0, n, chunk)]:
        here = (*lanes, size, dim)

        def noise(here: tuple[int, ...] = here) -> Tensor:
            draw = torch.randn(here, generator=generator)
            return draw if project is None else project(draw)

        x = noise()
        for step in range(steps):
            t = torch.full(here[:-1], max(1 - step * dt, T_MIN))
            rate = beta(t)[..., None]
            x = x + (0.5 * rate * x + rate * score(x, t)) * dt + (rate * dt).sqrt() * noise()
        parts.append(x)
    samples = torch.cat(parts, -2)
    finite = torch.isfinite(samples).all(-1, keepdim=True)
    return Denoised(torch.where(finite, samples, torch.nan).numpy())


# ----------------------------------------------------------------------------------------- langevin
@dataclass(frozen=True)
class Dynamics:
    """Constants of a simulation, in any consistent units (nm, ps, Da, and kJ/mol are).

    kT, friction, dt : thermal energy, collision rate, time step
    mass : one number
    steps, every : steps of each chain, and steps from one stored frame to the next
    limit : a chain that leaves this distance (largest coordinate, in units of the model) has
        diverged
    """

    kT: float
    friction: float = 1.0
    dt: float = 5e-3
    mass: float = 0.5
    steps: int = 10_000
    every: int = 50
    limit: float = 10.0

    def __post_init__(self) -> None:
        if min(self.kT, self.friction, self.dt, self.mass, self.limit) <= 0:
            raise ValueError(f"constants of a simulation must be positive, got {self}")
        if not 1 <= self.every <= self.steps:
            raise ValueError(f"need 1 <= every <= steps, got {self.every} and {self.steps}")


@dataclass(frozen=True)
class Chains:
    """Simulated chains; one that diverged is stopped, and stays in the count.

    frames : (n_frames, ..., n_chains, D), NaN from the frame at which a chain diverged; axes
        between are those of the stack of models
    kinetic : (n_frames, ..., n_chains), kinetic temperature over the wanted one, 1 on average
    stopped : (..., n_chains), the step at which a chain diverged, -1 if it did not
    dynamics : as asked for
    """

    frames: np.ndarray
    kinetic: np.ndarray
    stopped: np.ndarray
    dynamics: Dynamics

    @property
    def n_diverged(self) -> int:
        """Number of chains that were stopped."""
        return int((self.stopped >= 0).sum())

    def pooled(self, drop: float = 0.2) -> np.ndarray:
        """All frames of all chains but the first part: (n, D), or (..., frames * n_chains, D) of a
        stack, with NaN from where a chain was stopped.
        """
        late = np.moveaxis(self.frames[int(drop * len(self.frames)) :], 0, -3)
        return late.reshape(*late.shape[:-3], -1, late.shape[-1])

    def times(self) -> np.ndarray:
        """Simulated time of every stored frame: (n_frames,)."""
        return self.dynamics.dt * self.dynamics.every * np.arange(1, len(self.frames) + 1)


@torch.no_grad()
def simulate(
    score: Callable[[Tensor, Tensor], Tensor],
    start: Tensor,
    dynamics: Dynamics,
    generator: torch.Generator,
    *,
    t_eval: float | Tensor = T_MIN,
    scale: float = 1.0,
    project: Callable[[Tensor], Tensor] | None = None,
) -> Chains:
    """Run all chains side by side.  Notebook eq. 6.

    score : model score, (..., n, D) and (..., n) to (..., n, D)
    start : (..., n_chains, D) in units of the data
    t_eval : diffusion time of the force, one, or one a chain
    scale : the data were divided by it before the model saw them; force kT s(x / scale) / scale
    project : keeps noise on the subspace of centered molecules
    """
    d = dynamics
    keep = math.exp(-d.friction * d.dt)
    push = (1 - keep) / d.friction / d.mass * d.kT / scale
    kick = math.sqrt(d.kT * (1 - keep**2) / d.mass)
    x, speed = start.clone(), math.sqrt(d.kT / d.mass)
    dim = x.shape[-1]
    t = torch.as_tensor(t_eval, dtype=x.dtype).expand(x.shape[:-1])

    def noise() -> Tensor:
        draw = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return draw if project is None else project(draw)

    v = speed * noise()
    alive = torch.ones(x.shape[:-1], dtype=torch.bool)
    stopped = torch.full(x.shape[:-1], -1)
    n_frames = d.steps // d.every
    frames = torch.full((n_frames, *x.shape), torch.nan)
    kinetic = torch.full((n_frames, *x.shape[:-1]), torch.nan)
    effective = dim if project is None else float(project(torch.eye(dim)).diagonal().sum())
    for frame in range(n_frames):
        for _ in range(d.every):
            v = keep * v + push * score(x / scale if scale != 1 else x, t) + kick * noise()
            x = x + d.dt * v
        far = ~(x.abs().amax(-1) < d.limit * scale)  # NaN counts as far
        stopped[alive & far] = (frame + 1) * d.every
        alive &= ~far
        if not bool(alive.all()):  # park what diverged where the score is harmless
            x, v = x.clone(), v.clone()
            x[~alive], v[~alive] = start[~alive], 0.0
        frames[frame, alive] = x[alive].float()
        heat = d.mass * v.square().sum(-1) / (effective * d.kT)
        kinetic[frame, alive] = heat[alive].float()
        if not bool(alive.any()):
            break
    return Chains(frames.numpy(), kinetic.numpy(), stopped.numpy(), dynamics)


contracts.guard(
    __name__,
    {
        "Dynamics": {
            **dict.fromkeys(("kT", "friction", "dt", "mass", "limit"), contracts.FINITE),
            **dict.fromkeys(("steps", "every"), contracts.INTEGER),
        },
        "simulate": {"t_eval": contracts.FINITE, "scale": contracts.POSITIVE},
    },
)
