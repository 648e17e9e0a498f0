r"""Energy networks with a score written by hand, and a score network without an energy.

An energy network gives one number E(x, t) and so :math:`\log q(x,t) = -E` and the score
:math:`s = \nabla_x\log q`.  With automatic differentiation, training needs the derivative of a
derivative.  Here the inner one is a pass backwards through the layers, written out, so that one
level of automatic differentiation is left.  The same pass gives :math:`\partial_t\log q`.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

N_TIME = 4
N_RELATIVE = 3


class Local(NamedTuple):
    """What an energy model knows at one point.

    log_q : (batch,), not normalized; score : (batch, dim), its gradient in x; rate : (batch,), its
    derivative in t
    """

    log_q: Tensor
    score: Tensor
    rate: Tensor


def time_features(
    t: Tensor, t0: float = 0.0, t1: float = 1.0, *, relative: bool = False
) -> tuple[Tensor, Tensor]:
    """Features of the diffusion time, and their derivatives in t.

    t : (batch,); t0, t1 : the range of the model; relative : three features more, of
    (t - t0) / (t1 - t0).  Without them an expert on [0, 0.1] hardly sees the time; the released
    code leaves them out there by a slip.
    Returns : two tensors (batch, 4 or 7)
    """
    turn = 2 * math.pi
    a, b = turn * t, 2 * turn * t
    values = [t - 0.5 * (t1 - t0), a.cos(), a.sin(), -b.cos()]
    slopes = [torch.ones_like(t), -turn * a.sin(), turn * a.cos(), 2 * turn * b.sin()]
    if relative:
        width = t1 - t0
        u = (t - t0) / width
        c = math.pi * u
        values += [u - 0.5, c.cos(), c.sin()]
        slopes += [
            torch.full_like(t, 1 / width),
            -math.pi / width * c.sin(),
            math.pi / width * c.cos(),
        ]
    return torch.stack(values, 1), torch.stack(slopes, 1)


class MLP(nn.Module):
    """Layers with swish between them, and their hand-written derivative.

    n_in : width of the input; hidden : widths of the hidden layers; n_out : width of the output
    """

    def __init__(
        self, n_in: int, hidden: tuple[int, ...], n_out: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = (n_in, *hidden, n_out)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for before, after in pairwise(widths):
            # the initial law of torch's Linear, from a generator of our own
            bound = before**-0.5
            draws = (2 * torch.rand(after, before + 1, generator=generator) - 1) * bound
            self.weights.append(nn.Parameter(draws[:, :-1].clone()))
            self.biases.append(nn.Parameter(draws[:, -1].clone()))

    def forward(self, z: Tensor) -> Tensor:
        """z : (batch, n_in).  Returns : (batch, n_out)."""
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = torch.addmm(bias, z, weight.T)
            if layer < last:
                z = nn.functional.silu(z)
        return z

    def value_and_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        r"""The one output and its gradient in z: (batch,) and (batch, n_in).

        swish(a) = a sig(a) has the slope sig(a) (1 + a (1 - sig(a))); the gradient goes backwards
        through the layers, :math:`g \leftarrow (g \odot swish'(a))\,W`.
        """
        slopes = []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            a = torch.addmm(bias, z, weight.T)
            gate = torch.sigmoid(a)
            z = a * gate
            slopes.append(gate + z * (1 - gate))
        value = torch.addmm(self.biases[-1], z, self.weights[-1].T)[:, 0]
        gradient = self.weights[-1]  # (1, width), the same for the whole batch
        for weight, slope in zip(reversed(self.weights[:-1]), reversed(slopes), strict=True):
            gradient = (gradient * slope) @ weight
        return value, gradient


class EnergyMLP(nn.Module):
    r"""log q(x, t) as an MLP of (x, features of t); the score is its gradient.

    dim : dimension of x
    hidden : widths; the paper's single model on Muller-Brown has (92, 92, 92)
    generator : of the initial weights
    t0, t1 : the model's range of diffusion times
    relative : see :func:`time_features`; by default for a model of a part of [0, 1]
    prior : add :math:`-\tfrac12\|x\|^2`, which is the whole answer at t = 1 (ours; the paper's
        toys have none)
    """

    def __init__(
        self,
        dim: int,
        hidden: tuple[int, ...],
        *,
        generator: torch.Generator,
        t0: float = 0.0,
        t1: float = 1.0,
        relative: bool | None = None,
        prior: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.t0, self.t1, self.prior = dim, t0, t1, prior
        self.relative = (t0, t1) != (0.0, 1.0) if relative is None else relative
        n_time = N_TIME + N_RELATIVE * self.relative
        self.net = MLP(dim + n_time, hidden, 1, generator)

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """Unnormalized log density: (batch,)."""
        features, _ = time_features(t, self.t0, self.t1, relative=self.relative)
        value = self.net(torch.cat([x, features], 1))[:, 0]
        return value - 0.5 * x.square().sum(1) if self.prior else value

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log q, score, and the derivative in t, from one pass there and back."""
        features, slopes = time_features(t, self.t0, self.t1, relative=self.relative)
        value, gradient = self.net.value_and_gradient(torch.cat([x, features], 1))
        score, rate = gradient[:, : self.dim], (gradient[:, self.dim :] * slopes).sum(1)
        if self.prior:
            value, score = value - 0.5 * x.square().sum(1), score - x
        return Local(value, score, rate)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(batch, dim)."""
        return self.local(x, t).score


class ScoreMLP(nn.Module):
    """A score network without an energy: its field need not be a gradient.

    Arguments as in :class:`EnergyMLP`.
    """

    def __init__(
        self,
        dim: int,
        hidden: tuple[int, ...],
        *,
        generator: torch.Generator,
        t0: float = 0.0,
        t1: float = 1.0,
        relative: bool | None = None,
        prior: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.t0, self.t1, self.prior = dim, t0, t1, prior
        self.relative = (t0, t1) != (0.0, 1.0) if relative is None else relative
        self.net = MLP(dim + N_TIME + N_RELATIVE * self.relative, hidden, dim, generator)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(batch, dim)."""
        features, _ = time_features(t, self.t0, self.t1, relative=self.relative)
        value = self.net(torch.cat([x, features], 1))
        return value - x if self.prior else value


def automatic(model: nn.Module, x: Tensor, t: Tensor, *, create_graph: bool = False) -> Local:
    """log q, score, and rate by automatic differentiation of ``model.log_q``.

    The slow way that works for every energy model, and the oracle of the hand-written one.
    create_graph : keep what a derivative in the weights needs
    """
    with torch.enable_grad():
        x, t = x.detach().requires_grad_(), t.detach().requires_grad_()
        value = model.log_q(x, t)
        score, rate = torch.autograd.grad(value.sum(), (x, t), create_graph=create_graph)
    return Local(value if create_graph else value.detach(), score, rate)


def n_parameters(model: nn.Module) -> int:
    """Number of trained numbers."""
    return sum(p.numel() for p in model.parameters())
