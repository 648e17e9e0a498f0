r"""The forward process, and how much a model violates its Fokker-Planck equation.

The forward process, how data turn into noise:

:math:`dx = -\tfrac12\beta(t)\,x\,dt + \sqrt{\beta(t)}\,dW` on t in [0, 1], the variance-preserving
process with the paper's constants (section 3.1 of the released code).

For this process every true density obeys, with :math:`s=\nabla\log p`,

.. math:: \partial_t\log p = \tfrac12\beta\,[\operatorname{div}s + \|s\|^2 + x\cdot s + D]

and the residual R of a model is the right side minus the left.  The D is :math:`-\operatorname{div}
f` and must not be left out: without it an exact density has a residual.

A score is used in two ways: denoising from noise to data, and molecular dynamics, which is OpenMM's
Langevin step with :math:`a=e^{-\gamma\Delta t}`:
:math:`v\leftarrow a v+\frac{1-a}{\gamma}\frac Fm+\sqrt{k_BT(1-a^2)/m}\,\xi`,
:math:`x\leftarrow x+\Delta t\,v`, with the force :math:`F=k_BT\,\nabla\log q(x,t_{eval})`.

Leading axes are allowed everywhere: a stack of models, one a seed, is asked as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float

# ----------------------------------------------------------------------------------------------- vp
BETA_MIN, BETA_MAX = 0.1, 20.0
T_MIN = 1e-5
"""The smallest diffusion time of training and, unless said otherwise, of evaluation."""


def beta(t: Tensor) -> Tensor:
    r"""Noise rate :math:`\beta(t) = \beta_{min} + t(\beta_{max} - \beta_{min})`, the shape of t."""
    return BETA_MIN + t * (BETA_MAX - BETA_MIN)


def log_alpha(t: Tensor) -> Tensor:
    r"""Logarithm of what is left of the data, :math:`-\tfrac12\int_0^t\beta`."""
    return -0.5 * BETA_MIN * t - 0.25 * (BETA_MAX - BETA_MIN) * t.square()


def alpha(t: Tensor) -> Tensor:
    """Factor of the data in x_t, from 1 at t = 0 to 0.007 at t = 1."""
    return log_alpha(t).exp()


def sigma(t: Tensor) -> Tensor:
    r"""Deviation of the noise in x_t, :math:`\sqrt{1-\alpha^2}`; exact for tiny t as well."""
    return (-torch.expm1(2 * log_alpha(t))).sqrt()


def noised(
    x0: Float[Tensor, "*batch D"], t: Float[Tensor, "*batch"], noise: Float[Tensor, "*batch D"]
) -> Float[Tensor, "*batch D"]:
    """x_t = alpha x_0 + sigma noise, where the process of notebook eq. 1 has taken x_0.

    x0, noise : (..., batch, dim); t : (..., batch)
    """
    return alpha(t)[..., None] * x0 + sigma(t)[..., None] * noise


# ----------------------------------------------------------------------------------------- residual
SIGMA_V = 1e-4
"""Deviation of the small displacements v, the paper's."""
FORWARD, BACKWARD = 5e-4, 1e-3
"""The released code's steps of the finite difference in t."""


def right_side(
    divergence: Float[Tensor, "*batch"],
    score: Float[Tensor, "*batch D"],
    x: Float[Tensor, "*batch D"],
    t: Float[Tensor, "*batch"],
    dim: float,
) -> Float[Tensor, "*batch"]:
    r""":math:`\tfrac12\beta[\operatorname{div}s+\|s\|^2+x\cdot s+D]` (notebook eq. 3), the
    shape of t.

    dim : D, the dimension of the space that x lives in; 0 leaves div f out, which is wrong
    """
    return 0.5 * beta(t) * (divergence + (score * (score + x)).sum(-1) + dim)


def exact_residual(model, x: Tensor, t: Tensor, *, dim: float | None = None) -> Tensor:
    """R with the trace of the Hessian, row by row; detached, the shape of t.

    model : has ``log_q(x, t)``; x : (..., batch, D), t : (..., batch)
    dim : effective dimension if x is confined to a subspace (centered molecules: D - 3); the
        trace over all D directions is right there if log q does not change outside of it
    """
    with torch.enable_grad():
        x, t = x.detach().requires_grad_(), t.detach().requires_grad_()
        value = model.log_q(x, t).sum()
        score, rate = torch.autograd.grad(value, (x, t), create_graph=True)
        divergence = torch.zeros_like(t)
        for i in range(x.shape[-1]):
            row = torch.autograd.grad(score[..., i].sum(), x, retain_graph=True)[0]
            divergence = divergence + row[..., i]
    dim = x.shape[-1] if dim is None else dim
    return (right_side(divergence, score, x, t, dim) - rate).detach()


class Weak(NamedTuple):
    """Two independent estimates of the residual, and the score where they were made.

    first, second : (..., batch), each with the mean R (smoothed over v); score : at x
    """

    first: Tensor
    second: Tensor
    score: Tensor

    @property
    def square(self) -> Tensor:
        """Unbiased for R squared; may be negative, and is noisy."""
        return self.first * self.second


def displacements(
    x: Tensor,
    generator: torch.Generator,
    *,
    sigma_v: float = SIGMA_V,
    project: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Two independent v ~ N(0, sigma_v^2 I), each as x, on the subspace of `project`."""
    v1, v2 = (
        sigma_v * torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        for _ in range(2)
    )
    return (v1, v2) if project is None else (project(v1), project(v2))


def weak_residuals(
    model,
    x: Float[Tensor, "*batch D"],
    t: Float[Tensor, "*batch"],
    v1: Float[Tensor, "*batch D"],
    v2: Float[Tensor, "*batch D"],
    *,
    dim: float | None = None,
    sigma_v: float = SIGMA_V,
    rate: str = "exact",
) -> Weak:
    r"""The residual from first derivatives only, twice (Theorem 1, notebook eq. 4), in one batch.

    Stein's identity turns the divergence into a difference of scores,
    :math:`(v/\sigma_v)\cdot(s(x+v)-s(x-v))/(2\sigma_v)`; everything else is evaluated at x + v.

    rate : ``"exact"`` takes :math:`\partial_t\log q` from ``model.local``; ``"difference"`` is
        the released code's asymmetric finite difference, four evaluations of log q more (at two
        points, before and after t; the one at t comes with the score): nine in all
    """
    n, dim = x.shape[-2], x.shape[-1] if dim is None else dim
    points = torch.cat([x, x + v1, x + v2, x - v1, x - v2], -2)
    values, scores, rates = model.local(points, torch.cat([t] * 5, -1))
    if rate == "exact":
        rates = rates[..., n : 3 * n]
    elif rate == "difference":
        moved, middle = points[..., n : 3 * n, :], values[..., n : 3 * n]
        rates = _difference(model, moved, torch.cat([t, t], -1), middle)
    else:
        raise ValueError(f"rate must be 'exact' or 'difference', got {rate!r}")
    here, plus1, plus2, minus1, minus2 = scores.split(n, -2)
    rate1, rate2 = rates.split(n, -1)
    residuals = []
    for v, plus, minus, dt in ((v1, plus1, minus1, rate1), (v2, plus2, minus2, rate2)):
        divergence = (v * (plus - minus)).sum(-1) / (2 * sigma_v**2)
        residuals.append(right_side(divergence, plus, x + v, t, dim) - dt)
    return Weak(*residuals, here)


def _difference(model, x: Tensor, t: Tensor, middle: Tensor) -> Tensor:
    """The derivative of log q in t from t, t + 5e-4, and t - 1e-3; exact for parabolas.

    middle : log q at t, which is known already
    """
    values = model.log_q(torch.cat([x, x], -2), torch.cat([t + FORWARD, t - BACKWARD], -1))
    after, before = values.split(x.shape[-2], -1)
    up, down = FORWARD**2, BACKWARD**2
    weight = FORWARD * BACKWARD * (FORWARD + BACKWARD)
    return (down * after + (up - down) * middle - up * before) / weight


# -------------------------------------------------------------------------- two ways to use a score
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
    start: Float[Tensor, "*stack n_chains D"],
    dynamics: Dynamics,
    generator: torch.Generator,
    *,
    t_eval: float | Float[Tensor, " ..."] = T_MIN,
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
            **dict.fromkeys(("kT", "friction", "dt", "mass", "limit"), contracts.POSITIVE),
            **dict.fromkeys(("steps", "every"), contracts.COUNT),
        },
        "simulate": {"t_eval": contracts.FINITE, "scale": contracts.POSITIVE},
    },
)
