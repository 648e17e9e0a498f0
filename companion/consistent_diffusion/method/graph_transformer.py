r"""The paper's network for molecules: attention between beads, with displacements as edges.

Beads enter as one-hot vectors with the features of the diffusion time, pairs of beads as the three
numbers :math:`x_j - x_i`.  Moving the molecule therefore changes nothing; turning it does, and the
paper shows the network turned copies.  This is our reading of the authors' released code: a layer
norm before attention and before the feed-forward part, biases in all maps but the gates.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from companion.consistent_diffusion.method.networks import N_TIME, Local, automatic, time_features

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
