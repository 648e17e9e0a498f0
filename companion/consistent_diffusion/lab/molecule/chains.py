"""Moving the molecule with the models' scores, and the networks that ship trained.

Lengths are in nm, times in ps, masses in Da, energies in kJ/mol, which fit together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from companion.consistent_diffusion.lab.molecule.frames import ASSETS, load_frames
from companion.consistent_diffusion.lab.molecule.models import (
    Molecule,
    MoleculeSizes,
    Trained,
    model_of,
    molecule_of,
    nets,
    train_net,
)
from companion.consistent_diffusion.lab.molecule.peptide import (
    bond_lengths,
    centered,
    in_rare_state,
    phi_psi,
    with_angles,
)
from companion.consistent_diffusion.method.diffusion import T_MIN, Dynamics, denoise, simulate
from companion.consistent_diffusion.method.networks import Experts
from companion.consistent_diffusion.sources import published_beads
from companion.data import DataUnavailable
from companion.scale import generator, one_thread, torch_generator
from companion.sweep import kept_in, sweep

# -------------------------------------------------------------------------------- shipped networks
NAME = "molecule_nets"
MAKER_SEED = 20251120
"""Of the networks that ship: no run has it."""


class NetsDamaged(ValueError):
    """The trained networks and their record do not belong together, or to these settings."""


def training_of(sizes: MoleculeSizes) -> dict[str, object]:
    """The settings that a trained network depends on."""
    names = (
        "molecule_seeds",
        "molecule_network",
        "molecule_frames",
        "molecule_hidden",
        "molecule_batch",
        "molecule_lr",
        "molecule_single_steps",
        "molecule_large_steps",
        "molecule_small_steps",
        "molecule_borders",
        "molecule_alpha",
        "molecule_share",
    )
    return {name: json.loads(json.dumps(getattr(sizes, name))) for name in names}


def make_nets(
    scratch: Path, say: Callable[[str], None], sizes: MoleculeSizes, folder: Path = ASSETS
) -> Path:
    """Train every network of the book, two side by side; each is kept in `scratch` when done."""
    with kept_in(scratch / "nets"):
        trained = train_all(load_molecule(sizes), sizes, MAKER_SEED)
    arrays = {f"{name}|loss": one.loss for name, one in trained.items()}
    for name, one in trained.items():
        arrays |= {f"{name}|{key}": value for key, value in one.weights.items()}
        say(f"{name}: {one.seconds:.0f} s of processor time, loss {one.loss[-1].mean():.4f}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.npz"
    fresh = folder / f"{NAME}.new.npz"
    np.savez(fresh, **arrays)
    record = {
        "what": "networks of alanine dipeptide, one stack of seeds each",
        "sha256": hashlib.sha256(fresh.read_bytes()).hexdigest(),
        "settings": training_of(sizes),
        "seed": MAKER_SEED,
        "processor_s": {name: round(one.seconds) for name, one in trained.items()},
        "torch": torch.__version__,
        "license": "CC0-1.0",
    }
    (folder / f"{NAME}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)
    say(f"{path} ({path.stat().st_size:,} bytes)")
    return path


def shipped_hash(folder: Path = ASSETS) -> str:
    """SHA-256 of the networks that ship, "" where they are not: what a stored result depends on."""
    about = folder / f"{NAME}.json"
    if not about.is_file():
        return ""
    return json.loads(about.read_text(encoding="utf-8"))["sha256"]


def load_nets(sizes: MoleculeSizes, folder: Path = ASSETS) -> dict[str, Trained]:
    """The networks that ship, checked against their record.

    Raises
    ------
    companion.data.DataUnavailable : they are not here
    NetsDamaged : another file, or trained with other settings
    """
    path, about = folder / f"{NAME}.npz", folder / f"{NAME}.json"
    if not (path.is_file() and about.is_file()):
        raise DataUnavailable(
            "the trained networks are not here: companion make consistent-diffusion molecule"
        )
    record = json.loads(about.read_text(encoding="utf-8"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != record["sha256"]:
        raise NetsDamaged(f"{path.name} is not the file of its record")
    if record["settings"] != training_of(sizes):
        raise NetsDamaged(
            f"{path.name} was trained with other settings than these; molecule_weights 'trained' "
            "trains networks in the run"
        )
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path, allow_pickle=False) as stored:
        for key in stored.files:
            name, _, part = key.partition("|")
            found.setdefault(name, {})[part] = stored[key]
    return {
        name: Trained({k: v for k, v in parts.items() if k != "loss"}, parts["loss"], 0.0)
        for name, parts in found.items()
    }


def load_molecule(sizes: MoleculeSizes, seed: int = 0) -> Molecule:
    """The frames that the models learn from.

    Raises
    ------
    companion.data.DataUnavailable : the published trajectory is asked for and cannot be had
    """
    if sizes.molecule_frames == "ours":
        return molecule_of(load_frames().all)
    from companion.data._fetch import cache_folder

    return molecule_of(published_beads(cache_folder(), 50_000, generator(seed, "published")))


def train_all(molecule: Molecule, sizes: MoleculeSizes, seed: int) -> dict[str, Trained]:
    """Train every network, all seeds in one stack: name -> trained."""
    names = list(nets(sizes))
    done = sweep(
        partial(train_net, molecule=molecule, sizes=sizes, seed=seed),
        [{"name": name} for name in names],
        n_jobs=sizes.jobs,
        label="training",
        unpack=True,
    )
    return dict(zip(names, done, strict=True))


# ----------------------------------------------------------------------------------------- langevin
K_BOLTZMANN = 0.00831446
"""kJ/mol/K."""
MASS = (3 * 12.011 + 2 * 14.007) / 5
"""One mass for all beads, their mean in Da: where they are in equilibrium does not depend on it."""
FRAME_PS = 2.0
"""Time between two frames, of the stored data and of chains of the book."""
LIMIT = 10.0
"""A chain that goes further from the center, in units of the model, has left."""


@dataclass(frozen=True)
class Moved:
    """Chains of one model of every seed: first axis the seed, then frames, then chains.

    angles : (seeds, frames, chains, 2) phi and psi in radian; bonds : (seeds, frames, chains, 4) in
        nm; NaN from where a chain was stopped
    heat : (seeds, chains) kinetic temperature over the wanted one, mean of the last quarter of the
        run, NaN of a chain that left
    left : (seeds, chains)
    """

    angles: np.ndarray
    bonds: np.ndarray
    heat: np.ndarray
    left: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """Denoised samples: angles (seeds, n, 2) in radian, bonds (seeds, n, 4) in nm, NaN if lost."""

    angles: np.ndarray
    bonds: np.ndarray


def label_of(method: str, t_eval: float) -> str:
    """How a simulation is called in figures and tables."""
    return method if t_eval <= T_MIN else f"Two For One, t = {t_eval:g}"


def dynamics_of(sizes: MoleculeSizes, part: float = 1.0) -> Dynamics:
    """Constants of the simulations: friction 1/ps, the temperature asked for, a frame every 2 ps
    (ten frames of chains that are shorter than ten times that).

    part : of the length that the settings ask for
    """
    ps = part * sizes.molecule_ps
    every = min(FRAME_PS, ps / 10)
    return Dynamics(
        kT=K_BOLTZMANN * sizes.molecule_temperature,
        friction=1.0,
        dt=sizes.molecule_dt,
        mass=MASS,
        steps=round(ps / sizes.molecule_dt),
        every=round(every / sizes.molecule_dt),
        limit=LIMIT,
    )


def starts(molecule: Molecule, sizes: MoleculeSizes, draws: torch.Generator) -> Tensor:
    """Frames of the data that chains start from, first those outside of the rare state, then those
    in it: (seeds, chains, 15) in units of the model.

    As many of each as asked for; the scores weigh them by the share of the state in the data.
    """
    inside = torch.as_tensor(in_rare_state(phi_psi(molecule.beads)[:, 0]))
    parts = []
    for where, n in ((~inside, sizes.molecule_common), (inside, sizes.molecule_rare)):
        rows = torch.nonzero(where)[:, 0]
        parts.append(rows[torch.randint(len(rows), (sizes.molecule_seeds, n), generator=draws)])
    return molecule.x[torch.cat(parts, 1)]


OUTSIDE_PART = 0.25
"""Length of chains that start outside of the data, over that of the others: psi relaxes in less."""


def starts_outside(molecule: Molecule, sizes: MoleculeSizes, draws: torch.Generator) -> Tensor:
    """Frames of the data whose phi and psi are drawn anew, uniformly: (seeds, chains, 15) in units
    of the model.  Bonds stay as they were, so only the two angles lie where there are no data.
    """
    shape = (sizes.molecule_seeds, sizes.molecule_common + sizes.molecule_rare)
    rows = torch.randint(len(molecule.x), shape, generator=draws)
    angles = 2 * torch.pi * torch.rand((*shape, 2), generator=draws) - torch.pi
    beads = with_angles(molecule.x[rows].numpy(), angles.numpy())
    return centered(torch.as_tensor(beads.reshape(*shape, 15), dtype=molecule.x.dtype))


@one_thread()
def move(
    method: str,
    t_evals: Sequence[float],
    trained: Mapping[str, Trained],
    molecule: Molecule,
    sizes: MoleculeSizes,
    seed: int,
    outside: bool = False,
) -> dict[str, Moved]:
    """Simulate with one method, side by side with its force at each of `t_evals`; by label.

    The same seed gives every method, and every time, the same starts.
    outside : shorter chains that start outside of the data
    """
    draws = torch_generator(seed, "molecule", "outside" if outside else "langevin")
    begin, part = (starts_outside, OUTSIDE_PART) if outside else (starts, 1.0)
    model = model_of(method, trained, molecule, sizes)
    moving = model.last if isinstance(model, Experts) else model
    start = begin(molecule, sizes, draws) * molecule.scale
    n = start.shape[1]
    chains = simulate(
        moving.score,
        start.repeat(1, len(t_evals), 1),
        dynamics_of(sizes, part),
        draws,
        t_eval=torch.tensor(t_evals).repeat_interleave(n),
        scale=molecule.scale,
        project=centered,
    )
    frames = np.moveaxis(chains.frames, 0, 1)
    late = chains.kinetic[-max(1, len(chains.kinetic) // 4) :]
    left = chains.stopped >= 0
    heat = np.where(left, np.nan, late.mean(0))
    angles, bonds = phi_psi(frames).astype(np.float32), bond_lengths(frames).astype(np.float32)
    return {
        label_of(method, t): Moved(angles[:, :, at], bonds[:, :, at], heat[:, at], left[:, at])
        for t, at in ((t, slice(k * n, (k + 1) * n)) for k, t in enumerate(t_evals))
    }


@one_thread()
def draw(
    method: str,
    trained: Mapping[str, Trained],
    molecule: Molecule,
    sizes: MoleculeSizes,
    seed: int,
) -> Drawn:
    """Denoise with one method."""
    model = model_of(method, trained, molecule, sizes)
    found = denoise(
        model.score,
        (sizes.molecule_seeds, sizes.molecule_iid, 15),
        torch_generator(seed, "molecule", "iid"),
        steps=sizes.molecule_iid_steps,
        project=centered,
    )
    beads = found.samples * molecule.scale
    return Drawn(phi_psi(beads).astype(np.float32), bond_lengths(beads).astype(np.float32))


def skew_share(
    method: str,
    trained: Mapping[str, Trained],
    molecule: Molecule,
    sizes: MoleculeSizes,
    seed: int,
    n: int = 64,
) -> np.ndarray:
    """Antisymmetric share of the Jacobian of the score at t = 1e-5, mean over n frames: (seeds,).

    0 for the gradient of an energy.
    """
    rows = generator(seed, "jacobian").integers(0, len(molecule.x), (sizes.molecule_seeds, n))
    x = molecule.x[torch.as_tensor(rows)].clone().requires_grad_()
    model = model_of(method, trained, molecule, sizes)
    moving = model.last if isinstance(model, Experts) else model
    score = moving.score(x, torch.full(x.shape[:-1], T_MIN))
    found = [
        torch.autograd.grad(score[..., i].sum(), x, retain_graph=True)[0]
        for i in range(x.shape[-1])
    ]
    jacobian = torch.stack(found, -2)
    odd = 0.5 * (jacobian - jacobian.mT)
    return (odd.norm(dim=(-2, -1)) / jacobian.norm(dim=(-2, -1))).mean(-1).detach().numpy()


MOVED = ("Diffusion", "Mixture", "Both", "No energy")
DENOISED = ("Diffusion", "Mixture", "Both")


@dataclass(frozen=True)
class Simulated:
    """moved : label -> chains; outside : method -> chains that start outside of the data; drawn :
    method -> denoised samples; skew : method -> (seeds,).
    """

    moved: Mapping[str, Moved]
    outside: Mapping[str, Moved]
    drawn: Mapping[str, Drawn]
    skew: Mapping[str, np.ndarray]


def simulate_all(
    trained: Mapping[str, Trained], molecule: Molecule, sizes: MoleculeSizes, seed: int
) -> Simulated:
    """Simulate with every method, with "Two For One" at each time; with three of them denoise, and
    start outside of the data.
    """
    given = {"trained": trained, "molecule": molecule, "sizes": sizes, "seed": seed}
    later = {"Diffusion": sizes.molecule_t_evals}
    moved = sweep(
        partial(move, **given),
        [{"method": name, "t_evals": (T_MIN, *later.get(name, ()))} for name in MOVED],
        n_jobs=sizes.jobs,
        label="simulating",
        unpack=True,
    )
    outside = sweep(
        partial(move, t_evals=(T_MIN,), outside=True, **given),
        [{"method": method} for method in DENOISED],
        n_jobs=sizes.jobs,
        label="from outside",
        unpack=True,
    )
    drawn = sweep(
        partial(draw, **given),
        [{"method": method} for method in DENOISED],
        n_jobs=sizes.jobs,
        label="denoising",
        unpack=True,
    )
    return Simulated(
        {label: one for found in moved for label, one in found.items()},
        {label: one for found in outside for label, one in found.items()},
        dict(zip(DENOISED, drawn, strict=True)),
        {name: skew_share(name, **given) for name in ("Mixture", "No energy")},
    )
