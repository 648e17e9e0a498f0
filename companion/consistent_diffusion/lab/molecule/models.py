r"""The molecule's models: networks, training, and the methods that they make up.

Models of the molecule that do not care where it is and how it is turned.

Both read the invariants of :mod:`geometry`, which makes translations and rotations exact
(the paper's transformer learns rotations from turned copies).  The energy model is
:math:`\log q = -\tfrac12\|x\|^2 + NN(f, t)`; the other gives a vector field that need not be a
gradient, :math:`s = -x + \sum_k c_k(f,t)\,\nabla y_k`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from companion.consistent_diffusion.lab.molecule.peptide import (
    N_BEADS,
    N_INVARIANTS,
    Invariants,
    centered,
)
from companion.consistent_diffusion.lab.molecule.settings import MoleculeSettings
from companion.consistent_diffusion.lab.train import Fit, Losses, train
from companion.consistent_diffusion.method.diffusion import T_MIN, beta, sigma
from companion.consistent_diffusion.method.graph_transformer import GraphEnergy, GraphScore, turned
from companion.consistent_diffusion.method.losses import Objective
from companion.consistent_diffusion.method.networks import (
    MLP,
    N_RELATIVE,
    N_TIME,
    Experts,
    Local,
    time_features,
)
from companion.scale import derive_seed, one_thread, torch_generator
from companion.training import n_parameters


# ------------------------------------------------------------------------------------------- energy
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


# -------------------------------------------------------------------------------------------- train
EFFECTIVE = 12
"""Dimensions of five beads without their common center."""

SINGLE = {"Diffusion": "single", "Fixed units": "single, fixed units"}
"""Method -> its one network."""
SMALL = {"Mixture": "small", "Both": "small, penalty", "No energy": "small, no energy"}
"""Method -> its expert for small t; all share the experts for large t."""


@dataclass(frozen=True)
class Molecule:
    """The data in the unit of the models.

    beads : (n, 5, 3) in nm, centered; scale : nm per unit, the deviation of all coordinates
    """

    beads: np.ndarray
    scale: float

    @cached_property
    def x(self) -> Tensor:
        """(n, 15) in units of the model."""
        return torch.tensor(self.beads.reshape(-1, 15), dtype=torch.float32) / self.scale

    @cached_property
    def spread(self) -> Spread:
        """Mean and deviation of the invariants."""
        return spread_of(self.x)


def molecule_of(beads: np.ndarray) -> Molecule:
    """Data from (n, 5, 3) beads in nm."""
    beads = beads - beads.mean(1, keepdims=True)
    return Molecule(beads, float(beads.std()))


class Net(NamedTuple):
    """One network: its range of t, the weight's midpoint, updates, penalty, whether it has an
    energy, and whether its features are in units of the noise."""

    t0: float
    t1: float
    midpoint: float
    steps: int
    alpha: float = 0.0
    energy: bool = True
    noise: bool = True


def methods(settings: MoleculeSettings) -> tuple[str, ...]:
    """What is trained; the transformer reads coordinates, so it has no other units to try."""
    found = (*SINGLE, *SMALL)
    if settings.molecule_network == "transformer":
        return tuple(name for name in found if name != "Fixed units")
    return found


def nets(settings: MoleculeSettings) -> dict[str, Net]:
    """Name -> network; the midpoints are the paper's."""
    s = settings
    if len(s.molecule_borders) != len(s.molecule_large_steps):
        raise ValueError(
            f"{len(s.molecule_borders)} molecule_borders need as many molecule_large_steps, "
            f"got {s.molecule_large_steps}"
        )
    edges = (1.0, *s.molecule_borders)
    found = {"single": Net(0.0, 1.0, 0.3, s.molecule_single_steps)}
    if "Fixed units" in methods(s):
        found["single, fixed units"] = found["single"]._replace(noise=False)
    for i, steps in enumerate(s.molecule_large_steps):
        low, high = edges[i + 1], edges[i]
        found[f"large {i}"] = Net(low, high, (low + high) / 2, steps, energy=False)
    small = Net(0.0, edges[-1], 0.3 * edges[-1], s.molecule_small_steps)
    return found | {
        "small": small,
        "small, penalty": small._replace(alpha=s.molecule_alpha),
        "small, no energy": small._replace(energy=False),
    }


def build(net: Net, spread: Spread, settings: MoleculeSettings, seed: int) -> nn.Module:
    """The untrained network; `seed` draws its weights."""
    if settings.molecule_network == "transformer":
        torch.manual_seed(seed)
        kind = GraphEnergy if net.energy else GraphScore
        return kind(torch.arange(N_BEADS), t0=net.t0, t1=net.t1)
    if settings.molecule_network != "invariants":
        raise ValueError(
            f"molecule_network is {settings.molecule_network!r}; choose invariants or transformer"
        )
    kind = MoleculeEnergy if net.energy else MoleculeScore
    return kind(
        spread,
        settings.molecule_hidden,
        generator=torch_generator(seed, "weights"),
        t0=net.t0,
        t1=net.t1,
        noise=net.noise,
    )


def parts_of(method: str, settings: MoleculeSettings) -> list[str]:
    """The networks of a method, from large t to small t."""
    if method in SINGLE:
        return [SINGLE[method]]
    return [*(name for name in nets(settings) if name.startswith("large")), SMALL[method]]


def molecule_budgets(settings: MoleculeSettings) -> dict[str, tuple[int, int]]:
    """Method -> (trained numbers, updates), its experts together."""
    spread, all_nets, found = Spread(*torch.ones(2, N_INVARIANTS)), nets(settings), {}
    with torch.random.fork_rng():  # the transformer draws its weights from torch's own generator
        for method in methods(settings):
            parts = [all_nets[name] for name in parts_of(method, settings)]
            numbers = sum(n_parameters(build(net, spread, settings, 0)) for net in parts)
            found[method] = numbers, sum(net.steps for net in parts)
    return found


@dataclass(frozen=True)
class Trained:
    """weights : name -> array; losses : per update; seconds : of training."""

    name: str
    weights: Mapping[str, np.ndarray]
    losses: Losses
    seconds: float


def train_net(name: str, molecule: Molecule, settings: MoleculeSettings, seed: int) -> Trained:
    """Train one network on one thread; the same seed gives the same weights.

    Raises
    ------
    companion.training.TrainingDiverged : with step and seed
    """
    net = nets(settings)[name]
    model = build(net, molecule.spread, settings, derive_seed(seed, "molecule", name))
    objective = Objective(
        t0=max(net.t0, T_MIN),
        t1=net.t1,
        midpoint=net.midpoint,
        alpha=net.alpha,
        dim=EFFECTIVE,
        share=settings.molecule_share,
    )
    fit = Fit(net.steps, settings.molecule_batch, settings.molecule_lr)
    began = time.perf_counter()
    with one_thread():
        losses = train(
            model,
            molecule.x,
            objective,
            fit,
            seed=derive_seed(seed, "molecule"),
            label=name,
            progress=False,
            project=centered,
            augment=turned if settings.molecule_network == "transformer" else None,
        )
    weights = {key: value.numpy().copy() for key, value in model.state_dict().items()}
    return Trained(name, weights, losses, time.perf_counter() - began)


def model_of(
    method: str, trained: Mapping[str, Trained], molecule: Molecule, settings: MoleculeSettings
) -> nn.Module:
    """A method's model, one network or experts, from trained networks of one seed."""

    def load(name: str) -> nn.Module:
        model = build(nets(settings)[name], molecule.spread, settings, 0)
        weights = {k: torch.tensor(v) for k, v in trained[name].weights.items()}
        model.load_state_dict(weights)
        return model.eval()

    models = [load(name) for name in parts_of(method, settings)]
    return models[0] if len(models) == 1 else Experts(models, settings.molecule_borders)
