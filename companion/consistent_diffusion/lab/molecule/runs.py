"""All networks and all simulations of the molecule, side by side in processes of one thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from companion.consistent_diffusion.lab.molecule.frames import load_frames
from companion.consistent_diffusion.lab.molecule.langevin import Drawn, Run, draw_iid, run_chains
from companion.consistent_diffusion.lab.molecule.settings import MoleculeSettings
from companion.consistent_diffusion.lab.molecule.train import (
    Molecule,
    Trained,
    methods,
    model_of,
    molecule_of,
    nets,
    train_net,
)
from companion.consistent_diffusion.method.vp import T_MIN
from companion.consistent_diffusion.sources import published_beads
from companion.scale import derive_seed, generator
from companion.sweep import sweep

IID_METHODS = ("Diffusion", "Mixture", "Both")


@dataclass(frozen=True)
class Simulated:
    """Everything that was simulated and denoised.

    runs : (label, seed index) -> chains
    iid : (method, seed index) -> denoised samples, and how many were lost
    """

    runs: dict[tuple[str, int], Run]
    iid: dict[tuple[str, int], Drawn]

    @property
    def labels(self) -> list[str]:
        """What was simulated, in the order of the figures."""
        return list(dict.fromkeys(label for label, _ in self.runs))

    @property
    def n_seeds(self) -> int:
        """How many independent trainings."""
        return 1 + max(seed for _, seed in self.runs)

    def of(self, label: str) -> list[Run]:
        """The runs of all seeds."""
        return [self.runs[label, seed] for seed in range(self.n_seeds)]


def load_molecule(settings: MoleculeSettings, seed: int = 0) -> Molecule:
    """The frames that the models learn from.

    Raises
    ------
    companion.data.DataUnavailable : the published trajectory is asked for and cannot be had
    """
    if settings.molecule_frames == "ours":
        return molecule_of(load_frames().all)
    if settings.molecule_frames != "published":
        raise ValueError(f"molecule_frames is {settings.molecule_frames!r}; choose ours, published")
    from companion.data._fetch import cache_folder

    return molecule_of(published_beads(cache_folder(), 50_000, generator(seed, "published")))


def train_all(
    molecule: Molecule, settings: MoleculeSettings, *, seed: int, progress: bool = True
) -> list[dict[str, Trained]]:
    """Train every network with every seed; one dictionary a seed, by name of the network."""
    names = sorted(nets(settings), key=lambda name: -_cost(name, settings))
    seeds = range(settings.molecule_seeds)
    done = sweep(
        partial(train_net, molecule=molecule, settings=settings),
        [{"name": name, "seed": derive_seed(seed, i)} for name in names for i in seeds],
        n_jobs=settings.molecule_jobs,
        label="training" if progress else "",
        unpack=True,
    )
    found: list[dict[str, Trained]] = [{} for _ in seeds]
    for k, trained in enumerate(done):
        found[k % len(seeds)][trained.name] = trained
    return found


def _cost(name: str, settings: MoleculeSettings) -> float:
    net = nets(settings)[name]
    return net.steps * (1 + 4 * (net.alpha > 0))


def simulate_all(
    trained: Sequence[dict[str, Trained]],
    molecule: Molecule,
    settings: MoleculeSettings,
    *,
    seed: int,
    progress: bool = True,
) -> Simulated:
    """Denoise with three methods, simulate with all, and with "Two For One" at each t."""
    tasks = [(method, T_MIN) for method in methods(settings)]
    tasks += [("Diffusion", t) for t in settings.molecule_t_evals]
    tasks += [(method, None) for method in IID_METHODS]
    keys = [(i, method, t) for method, t in tasks for i in range(len(trained))]
    jobs = [
        {"trained": trained[i], "seed": derive_seed(seed, i), "method": method, "t_eval": t}
        for i, method, t in keys
    ]
    done = sweep(
        partial(_simulate, molecule=molecule, settings=settings),
        jobs,
        n_jobs=settings.molecule_jobs,
        label="simulating" if progress else "",
        unpack=True,
    )
    runs, iid = {}, {}
    for (i, method, t), result in zip(keys, done, strict=True):
        if t is None:
            iid[method, i] = result
        else:
            runs[result.label, i] = result
    return Simulated(runs, iid)


def _simulate(trained, molecule, settings, seed, method, t_eval) -> Run | Drawn:
    model = model_of(method, trained, molecule, settings)
    if t_eval is None:
        return draw_iid(model, molecule, settings, seed)
    return run_chains(model, molecule, settings, seed, method=method, t_eval=t_eval)
