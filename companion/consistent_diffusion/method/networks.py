r"""Energy networks, and a mixture of experts over the diffusion time.

An energy network gives one number E(x, t) and so :math:`\log q(x,t) = -E` and the score
:math:`s = \nabla_x\log q`.  One automatic derivative in what the network reads gives the score and
:math:`\partial_t\log q` together; training differentiates it once more.

Small networks of many seeds are trained and moved in one stack: with ``seeds=S`` weights have a
first axis of S, and so have x, (S, batch, D), and t, (S, batch).

The paper's network for molecules is attention between beads, with displacements as edges.  Beads
enter as one-hot vectors with the features of the diffusion time, pairs of beads as the three
numbers :math:`x_j - x_i`.  Moving the molecule therefore changes nothing; turning it does, and the
paper shows the network turned copies.  This is our reading of the authors' released code: a layer
norm before attention and before the feed-forward part, biases in all maps but the gates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

# ----------------------------------------------------------------------------------------- networks
N_TIME = 4
N_RELATIVE = 3


class Local(NamedTuple):
    """What an energy model knows at one point.

    log_q : the shape of t, not normalized; score : that of x, its gradient in x; rate : that of t,
    its derivative in t
    """

    log_q: Tensor
    score: Tensor
    rate: Tensor


def time_features(
    t: Tensor, t0: float = 0.0, t1: float = 1.0, *, relative: bool = False
) -> tuple[Tensor, Callable[[], Tensor]]:
    """Features of the diffusion time, and a function that gives their derivatives in t.

    t : any shape; t0, t1 : the range of the model; relative : three features more, of
    u = (t - t0) / (t1 - t0): u - 1/2, cos(pi u), sin(pi u).  Without any an expert on [0, 0.1]
    hardly sees the time; the released code has cos(2 pi u), sin(2 pi u), -cos(4 pi u), and leaves
    them out there by a slip.
    Returns : (..., 4 or 7), and a function without arguments that returns as much; the score
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
        return torch.stack(found, -1)

    return torch.stack(values, -1), slopes


class MLP(nn.Module):
    """Layers with swish between them.

    n_in : width of the input; hidden : widths of the hidden layers; n_out : width of the output
    seeds : networks in the stack; None for one network without an axis for it
    """

    def __init__(
        self,
        n_in: int,
        hidden: tuple[int, ...],
        n_out: int,
        generator: torch.Generator,
        seeds: int | None = None,
    ) -> None:
        super().__init__()
        widths, self.lanes = (n_in, *hidden, n_out), () if seeds is None else (seeds,)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for before, after in pairwise(widths):
            # the initial law of torch's Linear, from a generator of our own
            bound = before**-0.5
            shape = (*self.lanes, after, before + 1)
            draws = (2 * torch.rand(shape, generator=generator) - 1) * bound
            self.weights.append(nn.Parameter(draws[..., :-1].clone()))
            self.biases.append(nn.Parameter(draws[..., -1].clone()))

    def forward(self, z: Tensor) -> Tensor:
        """z : (..., batch, n_in).  Returns : (..., batch, n_out)."""
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if self.lanes:
                z = torch.baddbmm(bias[:, None], z, weight.mT)
            else:
                z = nn.functional.linear(z, weight, bias)
            if layer < last:
                z = nn.functional.silu(z)
        return z

    def value_and_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The one output (..., batch), and its derivative in z; to be differentiated again while
        gradients are recorded, and without a graph otherwise.
        """
        again = torch.is_grad_enabled()
        with torch.enable_grad():
            z = z if z.requires_grad else z.detach().requires_grad_()
            value = self(z)[..., 0]
            gradient = torch.autograd.grad(value.sum(), z, create_graph=again)[0]
        return value if again else value.detach(), gradient


class EnergyMLP(nn.Module):
    r"""log q(x, t) as an MLP of (x, features of t); the score is its gradient.

    dim : dimension of x
    hidden : widths; the paper's single model on Muller-Brown has (92, 92, 92)
    generator : of the initial weights
    t0, t1 : the model's range of diffusion times
    relative : see :func:`time_features`; by default for a model of a part of [0, 1]
    seeds : networks in one stack, see the module
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
        seeds: int | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.t0, self.t1 = dim, t0, t1
        self.relative = (t0, t1) != (0.0, 1.0) if relative is None else relative
        n_time = N_TIME + N_RELATIVE * self.relative
        self.net = MLP(dim + n_time, hidden, 1, generator, seeds)

    @property
    def lanes(self) -> tuple[int, ...]:
        """Shape of the stack: () or (seeds,)."""
        return self.net.lanes

    def _read(self, x: Tensor, t: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        features, slopes = time_features(t, self.t0, self.t1, relative=self.relative)
        return torch.cat([x, features], -1), slopes

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """Unnormalized log density: the shape of t."""
        return self.net(self._read(x, t)[0])[..., 0]

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log q, score, and the derivative in t, from one derivative of the network."""
        read, slopes = self._read(x, t)
        value, gradient = self.net.value_and_gradient(read)
        rate = (gradient[..., self.dim :] * slopes()).sum(-1)
        return Local(value, gradient[..., : self.dim], rate)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """The shape of x; the same as in :meth:`local`, without the derivative in t."""
        return self.net.value_and_gradient(self._read(x, t)[0])[1][..., : self.dim]


def automatic(model: nn.Module, x: Tensor, t: Tensor, *, create_graph: bool = False) -> Local:
    """log q, score, and rate by automatic differentiation of ``model.log_q``.

    Works for every energy model.
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

    @property
    def lanes(self) -> tuple[int, ...]:
        """Shape of the stack that every expert is."""
        return self.last.lanes

    def which(self, t: Tensor) -> Tensor:
        """Index of the expert of each t."""
        return sum((t <= edge).long() for edge in self.edges)

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """Each expert's own log density; they differ by constants, so compare at one t only."""
        return self._each(x, t, lambda model: model.log_q(x, t))

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """The shape of x."""
        return self._each(x, t, lambda model: model.score(x, t))

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log q, score, and rate; by automatic differentiation."""
        return automatic(self, x, t)

    def _each(self, x: Tensor, t: Tensor, ask: Callable[[nn.Module], Tensor]) -> Tensor:
        which = self.which(t)
        here = which.unique()
        if len(here) == 1:  # the usual case in sampling
            return ask(self.models[int(here)])
        answer = ask(self.models[int(here[0])])
        for index in here[1:]:
            mine = which == index
            found = ask(self.models[int(index)])
            answer = torch.where(mine if found.shape == t.shape else mine[..., None], found, answer)
        return answer


# ---------------------------------------------------------------- the paper's network for molecules
HEADS, HEAD_WIDTH = 8, 64
WIDEN = 4
"""Hidden width of the feed-forward part, in widths of a node."""


class GatedResidual(nn.Module):
    """out g + res (1 - g) with g = sigmoid(w [out, res, out - res]), one number per node."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(3 * width, 1, bias=False)

    def forward(self, out: Tensor, residual: Tensor) -> Tensor:
        """Both (batch, n, width)."""
        g = torch.sigmoid(self.gate(torch.cat([out, residual, out - residual], -1)))
        return out * g + residual * (1 - g)


class EdgeAttention(nn.Module):
    """Eight heads of 64; one map of the edges is added to keys and to values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = HEADS * HEAD_WIDTH
        self.query, self.key, self.value = (nn.Linear(width, inner) for _ in range(3))
        self.edge, self.out = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        """nodes : (batch, n, width); edges : (batch, n, n, width).  Returns : as nodes."""
        query, key, value, edge = (
            flat.unflatten(-1, (HEADS, HEAD_WIDTH))
            for flat in (self.query(nodes), self.key(nodes), self.value(nodes), self.edge(edges))
        )
        keys, values = key[:, None] + edge, value[:, None] + edge  # (batch, i, j, head, 64)
        logits = torch.einsum("bihd,bijhd->bhij", query, keys) * HEAD_WIDTH**-0.5
        mixed = torch.einsum("bhij,bijhd->bihd", logits.softmax(-1), values)
        return self.out(mixed.flatten(2))


class Layer(nn.Module):
    """Attention, then a feed-forward part, each behind a gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before_attention, self.before_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = EdgeAttention(width)
        self.forward_part = nn.Sequential(
            nn.Linear(width, WIDEN * width), nn.GELU(), nn.Linear(WIDEN * width, width)
        )
        self.after_attention, self.after_forward = GatedResidual(width), GatedResidual(width)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        """nodes : (batch, n, width); edges : (batch, n, n, width)."""
        nodes = self.after_attention(self.attention(self.before_attention(nodes), edges), nodes)
        return self.after_forward(self.forward_part(self.before_forward(nodes)), nodes)


class Trunk(nn.Module):
    """From coordinates and time to one vector per bead.

    kinds : (n,) what each bead is; equal kinds can be exchanged
    width, n_layers : 96 and 2 for alanine dipeptide, 128 and 3 for larger molecules
    """

    def __init__(self, kinds: Tensor, width: int, n_layers: int, t0: float, t1: float) -> None:
        super().__init__()
        self.t0, self.t1 = t0, t1
        one_hot = nn.functional.one_hot(kinds).float()
        self.register_buffer("one_hot", one_hot)
        self.node = nn.Linear(one_hot.shape[1] + N_TIME, width)
        self.edge = nn.Linear(3, width)
        self.layers = nn.ModuleList(Layer(width) for _ in range(n_layers))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """x : (batch, 3 n); t : (batch,).  Returns : (batch, n, width)."""
        n = len(self.one_hot)
        beads = x.reshape(-1, n, 3)
        times, _ = time_features(t, self.t0, self.t1)
        nodes = torch.cat(
            [self.one_hot.expand(len(x), -1, -1), times[:, None].expand(-1, n, -1)], -1
        )
        nodes, edges = self.node(nodes), self.edge(beads[:, None] - beads[:, :, None])
        for layer in self.layers:
            nodes = layer(nodes, edges)
        return nodes


class GraphEnergy(nn.Module):
    """log q = -E, where E is a sum over the beads; arguments as in :class:`Trunk`."""

    def __init__(
        self, kinds: Tensor, width: int = 96, n_layers: int = 2, t0: float = 0.0, t1: float = 1.0
    ) -> None:
        super().__init__()
        self.trunk = Trunk(kinds, width, n_layers, t0, t1)
        self.head = nn.Linear(width, 1)

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """Unnormalized log density: (batch,)."""
        return -self.head(self.trunk(x, t)).sum((1, 2))

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log q, score, and rate, by automatic differentiation."""
        return automatic(self, x, t, create_graph=torch.is_grad_enabled())

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(batch, 3 n)."""
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(self.log_q(x, t).sum(), x, create_graph=keep)[0]


class GraphScore(nn.Module):
    """All beads' vectors together are mapped to the score at once; no energy behind it."""

    def __init__(
        self, kinds: Tensor, width: int = 96, n_layers: int = 2, t0: float = 0.0, t1: float = 1.0
    ) -> None:
        super().__init__()
        self.trunk = Trunk(kinds, width, n_layers, t0, t1)
        self.head = nn.Linear(len(kinds) * width, 3 * len(kinds))

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(batch, 3 n)."""
        return self.head(self.trunk(x, t).flatten(1))


def turned(x: Tensor, generator: torch.Generator) -> Tensor:
    """Every molecule of (..., 3 n) turned by a rotation of its own, uniform over all.

    A normal 4-vector of unit length is a uniform rotation as a quaternion.
    """
    q = torch.randn(*x.shape[:-1], 4, generator=generator, dtype=x.dtype)
    w, a, b, c = (q / q.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        1 - 2 * (b * b + c * c),
        2 * (a * b - c * w),
        2 * (a * c + b * w),
        2 * (a * b + c * w),
        1 - 2 * (a * a + c * c),
        2 * (b * c - a * w),
        2 * (a * c - b * w),
        2 * (b * c + a * w),
        1 - 2 * (a * a + b * b),
    ]
    matrix = torch.stack(rows, -1).unflatten(-1, (3, 3))
    return (x.unflatten(-1, (-1, 3)) @ matrix.mT).reshape(x.shape)
