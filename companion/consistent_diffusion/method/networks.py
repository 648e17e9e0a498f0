r"""Energy networks with a score written by hand, and a mixture of experts over the diffusion time.

Energy networks with a score written by hand, and a score network without an energy.

An energy network gives one number E(x, t) and so :math:`\log q(x,t) = -E` and the score
:math:`s = \nabla_x\log q`.  Training needs the derivative of that derivative.  Both are written
out here as passes through the layers, which is faster than differentiating automatically twice.
The pass that gives the score also gives :math:`\partial_t\log q`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# ----------------------------------------------------------------------------------------- networks
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
) -> tuple[Tensor, Callable[[], Tensor]]:
    """Features of the diffusion time, and a function that gives their derivatives in t.

    t : (batch,); t0, t1 : the range of the model; relative : three features more, of
    (t - t0) / (t1 - t0).  Without them an expert on [0, 0.1] hardly sees the time; the released
    code leaves them out there by a slip.
    Returns : (batch, 4 or 7), and a function without arguments that returns as much; the score
    alone does not need the derivatives, and then nobody computes them
    """
    turn, width = 2 * math.pi, t1 - t0
    a = turn * t
    cos, sin = a.cos(), a.sin()
    values = [t - 0.5 * width, cos, sin, 1 - 2 * cos.square()]  # the last is -cos(2a)
    if relative:
        u = (t - t0) / width
        c = math.pi * u
        cos_c, sin_c = c.cos(), c.sin()
        values += [u - 0.5, cos_c, sin_c]

    def slopes() -> Tensor:
        found = [torch.ones_like(t), -turn * sin, turn * cos, 4 * turn * sin * cos]
        if relative:
            speed = math.pi / width
            found += [torch.full_like(t, 1 / width), -speed * sin_c, speed * cos_c]
        return torch.stack(found, 1)

    return torch.stack(values, 1), slopes


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
        """The one output and its gradient in z: (batch,) and (batch, n_in).

        Differentiable once more, in the weights and in z; see :class:`ValueAndGradient`.
        """
        return ValueAndGradient.apply(z, *self.weights, *self.biases)


class ValueAndGradient(torch.autograd.Function):
    r"""Value and gradient of an MLP with swish, and the derivatives of both, written by hand.

    In a layer a = z W' + b, with the slope p = swish'(a), the gradient g of the value behind the
    layer becomes (p g) W before it.  The derivative passes every layer twice: forwards for what
    the gradient depended on, then backwards for what the value and the slopes depended on.
    """

    @staticmethod
    def forward(ctx, z: Tensor, *parameters: Tensor) -> tuple[Tensor, Tensor]:
        """z : (batch, n_in); parameters : all weights, then all biases."""
        n = len(parameters) // 2 - 1  # hidden layers
        weights, biases = parameters[: n + 1], parameters[n + 1 :]
        inputs, gates, slopes, one = [], [], [], z.new_ones(())
        for weight, bias in zip(weights[:n], biases[:n], strict=True):
            inputs.append(z)
            a = torch.addmm(bias, z, weight.T)
            gates.append(torch.sigmoid(a))
            z = a * gates[-1]
            slopes.append(torch.lerp(z, one, gates[-1]))  # swish'(a), z + (1 - z) * gate
        value = torch.addmm(biases[n], z, weights[n].T)[:, 0]
        gradients, scaled = [weights[n]], []  # last layer first
        for weight, slope in zip(reversed(weights[:n]), reversed(slopes), strict=True):
            scaled.append(gradients[-1] * slope)
            gradients.append(scaled[-1] @ weight)
        kept = (*weights, *inputs, *gates, *slopes, *reversed(scaled), *reversed(gradients[:n]))
        ctx.save_for_backward(z, *kept)
        ctx.set_materialize_grads(False)  # what nobody asks for comes back as None, not as zeros
        return value, gradients[n]

    @staticmethod
    @once_differentiable
    def backward(ctx, d_value: Tensor | None, d_gradient: Tensor | None):
        """Derivatives in z, the weights, and the biases.

        A loss of the score and of the rate does not depend on the value: its branch is left out.
        """
        last, *kept = ctx.saved_tensors
        n = (len(kept) - 1) // 6
        weights = kept[: n + 1]
        inputs, gates, slopes, scaled, gradients = (
            kept[k * n + 1 : (k + 1) * n + 1] for k in range(1, 6)
        )
        if d_gradient is None:
            d_gradient = last.new_zeros(len(last), weights[0].shape[1])
        d_weights, d_biases, d_scaled = [None] * (n + 1), [None] * (n + 1), []
        for i in range(n):
            d_weights[i] = scaled[i].T @ d_gradient
            d_scaled.append(d_gradient @ weights[i].T)
            d_gradient = d_scaled[i] * slopes[i]
        d_weights[n], d_z = d_gradient.sum(0, keepdim=True), None
        if d_value is not None:
            d_weights[n] += d_value[None] @ last
            d_biases[n] = d_value.sum()[None]
            d_z = d_value[:, None] * weights[n]
        for i in reversed(range(n)):
            gate, slope = gates[i], slopes[i]
            bend = (slope + gate).addcmul_(gate, slope, value=-2)  # swish''(a)
            d_a = d_scaled[i].mul_(gradients[i]).mul_(bend)
            if d_z is not None:
                d_a.addcmul_(d_z, slope)
            d_weights[i].addmm_(d_a.T, inputs[i])
            d_biases[i] = d_a.sum(0)
            d_z = d_a @ weights[i] if i or ctx.needs_input_grad[0] else None
        return d_z, *d_weights, *d_biases


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
        score, rate = gradient[:, : self.dim], (gradient[:, self.dim :] * slopes()).sum(1)
        if self.prior:
            value, score = value - 0.5 * x.square().sum(1), score - x
        return Local(value, score, rate)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(batch, dim); the same as in :meth:`local`, without the derivative in t."""
        features, _ = time_features(t, self.t0, self.t1, relative=self.relative)
        _, gradient = self.net.value_and_gradient(torch.cat([x, features], 1))
        score = gradient[:, : self.dim]
        return score - x if self.prior else score


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


# ------------------------------------------------------------------------------------------ experts
class Experts(nn.Module):
    """Several models as one; the one whose range holds t answers.

    models : from large t to small t, the order in which the paper trains them
    edges : the inner borders, falling, e.g. (0.6, 0.1); at a border the expert below answers
    """

    def __init__(self, models: Sequence[nn.Module], edges: Sequence[float]) -> None:
        super().__init__()
        if len(edges) != len(models) - 1 or list(edges) != sorted(edges, reverse=True):
            raise ValueError(
                f"{len(models)} experts need {len(models) - 1} falling edges, got {list(edges)}"
            )
        self.models, self.edges = nn.ModuleList(models), tuple(edges)

    @property
    def last(self) -> nn.Module:
        """The expert of the smallest times, whose gradient is the force of a simulation."""
        return self.models[-1]

    def which(self, t: Tensor) -> Tensor:
        """Index of the expert of each t: (batch,)."""
        which = torch.zeros(t.shape, dtype=torch.long)
        for edge in self.edges:
            which += (t <= edge).long()
        return which

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """Each expert's own log density; they differ by constants, so compare at one t only."""
        return self._each(x, t, lambda model, x, t: model.log_q(x, t), ())

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(batch, D)."""
        return self._each(x, t, lambda model, x, t: model.score(x, t), x.shape[1:])

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log q, score, and rate; by automatic differentiation."""
        return automatic(self, x, t)

    def _each(self, x: Tensor, t: Tensor, ask, shape: tuple[int, ...]) -> Tensor:
        which = self.which(t)
        first = int(which[0])
        if bool((which == first).all()):  # the usual case in sampling, and no copies
            return ask(self.models[first], x, t)
        answer = x.new_zeros(len(x), *shape)
        for index, model in enumerate(self.models):
            rows = torch.nonzero(which == index)[:, 0]
            if len(rows):
                answer = answer.index_copy(0, rows, ask(model, x[rows], t[rows]))
        return answer
