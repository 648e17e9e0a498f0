r"""The molecule's models: networks, training, and the methods that they make up.

Both networks read the invariants of the beads, which makes translations and rotations exact (the
paper's transformer learns rotations from turned copies).  The energy model is
:math:`\log q = -\tfrac12\|x\|^2 + NN(f, t)`; the other gives a vector field that need not be a
gradient, :math:`s = -x + \sum_k c_k(f,t)\,\nabla y_k`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
from companion.consistent_diffusion.lab.train import Fit, train
from companion.consistent_diffusion.method.diffusion import T_MIN, beta, sigma
from companion.consistent_diffusion.method.losses import Objective
from companion.consistent_diffusion.method.networks import (
    MLP,
    N_RELATIVE,
    N_TIME,
    Experts,
    GraphEnergy,
    GraphScore,
    Local,
    time_features,
    turned,
)
from companion.scale import derive_seed, one_thread, torch_generator
from companion.training import n_parameters


@dataclass(frozen=True)
class MoleculeSizes:
    """How much of everything; each as the setting of the same name."""

    molecule_seeds: int
    molecule_weights: str
    molecule_network: str
    molecule_frames: str
    molecule_hidden: tuple[int, ...]
    molecule_batch: int
    molecule_lr: float
    molecule_single_steps: int
    molecule_large_steps: tuple[int, ...]
    molecule_small_steps: int
    molecule_borders: tuple[float, ...]
    molecule_alpha: float
    molecule_share: float
    molecule_t_evals: tuple[float, ...]
    molecule_common: int
    molecule_rare: int
    molecule_ps: float
    molecule_dt: float
    molecule_temperature: float
    molecule_iid: int
    molecule_iid_steps: int
    jobs: int


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

    :math:`f_k = (y_k - m_k) / \sqrt{s_k^2 + \sigma(t)^2}`: a bond has s = 0.03, the noise
    at t = 0.1 has 0.3, and the unit grows with it (ours).

    spread : from :func:`spread_of`; hidden : widths; generator : of the initial weights
    t0, t1 : the model's range of diffusion times; seeds : networks in the stack
    """

    n_out = 1

    def __init__(
        self,
        spread: Spread,
        hidden: tuple[int, ...],
        *,
        generator: torch.Generator,
        t0: float = 0.0,
        t1: float = 1.0,
        seeds: int | None = None,
    ) -> None:
        super().__init__()
        self.t0, self.t1 = t0, t1
        self.relative = (t0, t1) != (0.0, 1.0)
        self.register_buffer("mean", spread.mean.clone())
        self.register_buffer("square", spread.deviation.square())
        n_in = N_INVARIANTS + N_TIME + N_RELATIVE * self.relative
        self.net = MLP(n_in, hidden, self.n_out, generator, seeds)

    @property
    def lanes(self) -> tuple[int, ...]:
        """Shape of the stack: () or (seeds,)."""
        return self.net.lanes

    def _read(
        self, x: Tensor, t: Tensor
    ) -> tuple[Invariants, Tensor, Tensor, Callable[[], Tensor]]:
        """Invariants, input of the network, 1 / unit of each invariant (..., 16), and the slopes
        of the time features on request."""
        invariants = Invariants(x)
        inverse = (self.square + sigma(t).square()[..., None]).rsqrt()
        times, slopes = time_features(t, self.t0, self.t1, relative=self.relative)
        features = (invariants.values - self.mean) * inverse
        return invariants, torch.cat([features, times], -1), inverse, slopes


class MoleculeEnergy(_Reader):
    """log q of centered beads (notebook eq. 7).

    Translations and rotations leave it as it is, a mirror does not.
    """

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """Unnormalized log density of (..., 15): the shape of t."""
        x = centered(x)
        return self.net(self._read(x, t)[1])[..., 0] - 0.5 * x.square().sum(-1)

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log q, score, and the derivative in t, from one derivative of the network."""
        x = centered(x)
        invariants, features, inverse, slopes = self._read(x, t)
        value, gradient = self.net.value_and_gradient(features)
        by_feature, by_time = gradient[..., :N_INVARIANTS], gradient[..., N_INVARIANTS:]
        score = invariants.pull_back(by_feature * inverse) - x
        # the unit of a feature changes with t as well: d sigma^2 / dt = beta (1 - sigma^2)
        growth = (beta(t) * (1 - sigma(t).square()))[..., None]
        stretch = -0.5 * features[..., :N_INVARIANTS] * inverse.square() * growth
        rate = (by_time * slopes()).sum(-1) + (by_feature * stretch).sum(-1)
        return Local(value - 0.5 * x.square().sum(-1), score, rate)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(..., 15); the same as in :meth:`local`, without the time derivative."""
        x = centered(x)
        invariants, features, inverse, _ = self._read(x, t)
        _, gradient = self.net.value_and_gradient(features)
        return invariants.pull_back(gradient[..., :N_INVARIANTS] * inverse) - x


class MoleculeScore(_Reader):
    """A field that turns with the molecule but has no energy."""

    n_out = N_INVARIANTS

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(..., 15)."""
        x = centered(x)
        invariants, features, inverse, _ = self._read(x, t)
        return invariants.pull_back(self.net(features) * inverse) - x


class Separate(nn.Module):
    """Models without an axis for seeds as a stack: each is asked by itself (the transformers)."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models, self.lanes = nn.ModuleList(models), (len(models),)

    def _each(self, ask: Callable, x: Tensor, t: Tensor) -> list:
        return [ask(*one) for one in zip(self.models, x, t, strict=True)]

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """(seeds, batch)."""
        return torch.stack(self._each(lambda model, x, t: model.log_q(x, t), x, t))

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """(seeds, batch, D)."""
        return torch.stack(self._each(lambda model, x, t: model.score(x, t), x, t))

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log q, score, and rate of every model."""
        found = self._each(lambda model, x, t: model.local(x, t), x, t)
        return Local(*map(torch.stack, zip(*found, strict=True)))


# -------------------------------------------------------------------------------------------- train
EFFECTIVE = 12
"""Dimensions of five beads without their common center."""

PARTS = {
    "Diffusion": ("single",),
    "Mixture": ("large", "small"),
    "Both": ("large", "small, penalty"),
    "No energy": ("large", "small, no energy"),
}
"""Method -> its networks; "large" stands for every expert above the last border."""


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
    """One network: its range of t, the weight's midpoint, updates, penalty, and whether it has an
    energy."""

    t0: float
    t1: float
    midpoint: float
    steps: int
    alpha: float = 0.0
    energy: bool = True


def nets(sizes: MoleculeSizes) -> dict[str, Net]:
    """Name -> network, dearest first; the midpoints are the paper's."""
    s, edges = sizes, (1.0, *sizes.molecule_borders)
    small = Net(0.0, edges[-1], 0.3 * edges[-1], s.molecule_small_steps)
    found = {
        "small, penalty": small._replace(alpha=s.molecule_alpha),
        "single": Net(0.0, 1.0, 0.3, s.molecule_single_steps),
        "small": small,
        "small, no energy": small._replace(energy=False),
    }
    for i, steps in enumerate(s.molecule_large_steps):
        low, high = edges[i + 1], edges[i]
        found[f"large {i}"] = Net(low, high, (low + high) / 2, steps, energy=False)
    return found


def parts_of(method: str, sizes: MoleculeSizes) -> list[str]:
    """Names of a method's networks, from large t to small."""
    large = [name for name in nets(sizes) if name.startswith("large")]
    return [name for part in PARTS[method] for name in (large if part == "large" else [part])]


def build(net: Net, spread: Spread, sizes: MoleculeSizes, seed: int) -> nn.Module:
    """The untrained stack of one network a seed; `seed` draws the weights."""
    if sizes.molecule_network == "transformer":
        kind = GraphEnergy if net.energy else GraphScore
        with torch.random.fork_rng():  # the transformer draws from torch's own generator
            torch.manual_seed(seed)
            one = [
                kind(torch.arange(N_BEADS), t0=net.t0, t1=net.t1)
                for _ in range(sizes.molecule_seeds)
            ]
        return Separate(one)
    kind = MoleculeEnergy if net.energy else MoleculeScore
    return kind(
        spread,
        sizes.molecule_hidden,
        generator=torch_generator(seed, "weights"),
        t0=net.t0,
        t1=net.t1,
        seeds=sizes.molecule_seeds,
    )


def molecule_budgets(sizes: MoleculeSizes) -> dict[str, tuple[int, int]]:
    """Method -> (trained numbers, updates) of one model, its networks together."""
    spread, known, found = Spread(*torch.ones(2, N_INVARIANTS)), nets(sizes), {}
    for method in PARTS:
        parts = [known[name] for name in parts_of(method, sizes)]
        numbers = sum(n_parameters(build(net, spread, sizes, 0)) for net in parts)
        found[method] = numbers // sizes.molecule_seeds, sum(net.steps for net in parts)
    return found


@dataclass(frozen=True)
class Trained:
    """weights : name -> array, first axis the seed; loss : (blocks, seeds), score matching, means
    of a hundredth of the updates; seconds : of processor time
    """

    weights: Mapping[str, np.ndarray]
    loss: np.ndarray
    seconds: float


BLOCKS = 100


def train_net(name: str, molecule: Molecule, sizes: MoleculeSizes, seed: int) -> Trained:
    """Train one network of every seed in one stack, on one thread.

    Raises
    ------
    companion.training.TrainingDiverged : with step and seed
    """
    net = nets(sizes)[name]
    model = build(net, molecule.spread, sizes, derive_seed(seed, "molecule", name))
    objective = Objective(
        t0=max(net.t0, T_MIN),
        t1=net.t1,
        midpoint=net.midpoint,
        alpha=net.alpha,
        dim=EFFECTIVE,
        share=sizes.molecule_share,
    )
    fit = Fit(net.steps, sizes.molecule_batch, sizes.molecule_lr)
    began = time.process_time()
    with one_thread():
        losses = train(
            model,
            molecule.x,
            objective,
            fit,
            seed=derive_seed(seed, "molecule"),
            label=f"{net.t0:g} to {net.t1:g}",
            progress=False,
            project=centered,
            augment=turned if sizes.molecule_network == "transformer" else None,
        )
    weights = {key: value.numpy().copy() for key, value in model.state_dict().items()}
    blocks = np.array_split(losses.dsm, min(BLOCKS, net.steps))
    loss = np.stack([block.mean(0) for block in blocks])
    return Trained(weights, loss, time.process_time() - began)


def model_of(
    method: str,
    trained: Mapping[str, Trained],
    molecule: Molecule,
    sizes: MoleculeSizes,
) -> nn.Module:
    """The stack of a method's models, one network or experts, from trained networks."""
    models = []
    for name in parts_of(method, sizes):
        model = build(nets(sizes)[name], molecule.spread, sizes, 0)
        model.load_state_dict({k: torch.tensor(v) for k, v in trained[name].weights.items()})
        models.append(model.eval())
    return models[0] if len(models) == 1 else Experts(models, sizes.molecule_borders)
