r"""Models of the molecule that do not care where it is and how it is turned.

Both read the invariants of :mod:`geometry`, which makes translations and rotations exact
(the paper's transformer learns rotations from turned copies).  The energy model is
:math:`\log q = -\tfrac12\|x\|^2 + NN(f, t)`; the other gives a vector field that need not be a
gradient, :math:`s = -x + \sum_k c_k(f,t)\,\nabla y_k`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from companion.consistent_diffusion.lab.molecule.geometry import N_INVARIANTS, Invariants, centered
from companion.consistent_diffusion.method.networks import (
    MLP,
    N_RELATIVE,
    N_TIME,
    Local,
    time_features,
)
from companion.consistent_diffusion.method.vp import beta, sigma


class Spread(NamedTuple):
    """Mean and deviation of each invariant over the data, (16,) each."""

    mean: Tensor
    deviation: Tensor


def spread_of(data: Tensor) -> Spread:
    """Mean and deviation of the invariants of (n, 15) data, in the unit of the model."""
    values = Invariants(centered(data)).values
    return Spread(values.mean(0), values.std(0))


class _Reader(nn.Module):
    r"""What the networks read: invariants in units of their spread, and time features.

    :math:`f_k = (y_k - m_k) / \sqrt{s_k^2 + \sigma(t)^2}` with noise in the unit, else
    :math:`(y_k - m_k) / s_k` at all times.  A bond has s = 0.03, noise at t = 0.1 has 0.3.
    """

    def __init__(self, spread: Spread, t0: float, t1: float, noise: bool) -> None:
        super().__init__()
        self.t0, self.t1, self.noise = t0, t1, float(noise)
        self.relative = (t0, t1) != (0.0, 1.0)
        self.register_buffer("mean", spread.mean.clone())
        self.register_buffer("square", spread.deviation.square())

    @property
    def n_in(self) -> int:
        return N_INVARIANTS + N_TIME + N_RELATIVE * self.relative

    def _read(
        self, x: Tensor, t: Tensor
    ) -> tuple[Invariants, Tensor, Tensor, Callable[[], Tensor]]:
        """Invariants, input of the network, 1 / unit of each invariant (batch, 16), and the slopes
        of the time features on request."""
        invariants = Invariants(x)
        inverse = (self.square + self.noise * sigma(t).square()[:, None]).rsqrt()
        times, slopes = time_features(t, self.t0, self.t1, relative=self.relative)
        features = (invariants.values - self.mean) * inverse
        return invariants, torch.cat([features, times], 1), inverse, slopes


class MoleculeEnergy(_Reader):
    """log q of centered beads; translations and rotations leave it as it is, a mirror does not.

    spread : from :func:`spread_of`; hidden : widths; generator : of the initial weights
    t0, t1 : the model's range of diffusion times
    noise : whether the unit of the features grows with the noise (ours), or is fixed
    """

    def __init__(
        self,
        spread: Spread,
        hidden: tuple[int, ...],
        *,
        generator: torch.Generator,
        t0: float = 0.0,
        t1: float = 1.0,
        noise: bool = True,
    ) -> None:
        super().__init__(spread, t0, t1, noise)
        self.net = MLP(self.n_in, hidden, 1, generator)

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """Unnormalized log density of (batch, 15): (batch,)."""
        x = centered(x)
        _, features, _, _ = self._read(x, t)
        return self.net(features)[:, 0] - 0.5 * x.square().sum(1)

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log q, score, and the derivative in t, from one pass there and back."""
        x = centered(x)
        invariants, features, inverse, slopes = self._read(x, t)
        value, gradient = self.net.value_and_gradient(features)
        by_feature, by_time = gradient[:, :N_INVARIANTS], gradient[:, N_INVARIANTS:]
        score = invariants.pull_back(by_feature * inverse) - x
        # the unit of a feature changes with t as well: d sigma^2 / dt = beta (1 - sigma^2)
        growth = self.noise * (beta(t) * (1 - sigma(t).square()))[:, None]
        stretch = -0.5 * features[:, :N_INVARIANTS] * inverse.square() * growth
        rate = (by_time * slopes()).sum(1) + (by_feature * stretch).sum(1)
        return Local(value - 0.5 * x.square().sum(1), score, rate)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(batch, 15); the same as in :meth:`local`, without the time derivative."""
        x = centered(x)
        invariants, features, inverse, _ = self._read(x, t)
        _, gradient = self.net.value_and_gradient(features)
        return invariants.pull_back(gradient[:, :N_INVARIANTS] * inverse) - x


class MoleculeScore(_Reader):
    """A field that turns with the molecule but has no energy; arguments as above."""

    def __init__(
        self,
        spread: Spread,
        hidden: tuple[int, ...],
        *,
        generator: torch.Generator,
        t0: float = 0.0,
        t1: float = 1.0,
        noise: bool = True,
    ) -> None:
        super().__init__(spread, t0, t1, noise)
        self.net = MLP(self.n_in, hidden, N_INVARIANTS, generator)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(batch, 15)."""
        x = centered(x)
        invariants, features, inverse, _ = self._read(x, t)
        return invariants.pull_back(self.net(features) * inverse) - x
