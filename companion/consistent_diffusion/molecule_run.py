"""All networks and all simulations of the molecule, side by side in processes of one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joblib import Parallel, delayed
from tqdm.auto import tqdm

from companion.consistent_diffusion.molecule_frames import load_frames
from companion.consistent_diffusion.molecule_langevin import Drawn, Run, draw_iid, run_chains
from companion.consistent_diffusion.molecule_published import published_beads
from companion.consistent_diffusion.molecule_settings import MoleculeSettings
from companion.consistent_diffusion.molecule_train import (
    Molecule,
    Trained,
    methods,
    model_of,
    molecule_of,
    nets,
    train_net,
)
from companion.consistent_diffusion.vp import T_MIN
from companion.scale import derive_seed, generator, n_cores

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
    jobs = [(name, molecule, settings, derive_seed(seed, i)) for name in names for i in seeds]
    done = side_by_side(train_net, jobs, settings.molecule_jobs, "training" if progress else "")
    found: list[dict[str, Trained]] = [{} for _ in seeds]
    for k, trained in enumerate(done):
        found[k % len(seeds)][trained.name] = trained
    return found


def _cost(name: str, settings: MoleculeSettings) -> float:
    net = nets(settings)[name]
    return net.steps * (1 + 4 * (net.alpha > 0))


def simulate_all(
    trained: Sequence[dict[str, Trained]], molecule: Molecule, settings: MoleculeSettings, *,
    seed: int, progress: bool = True,
) -> Simulated:  # fmt: skip
    """Denoise with three methods, simulate with all, and with "Two For One" at each t."""
    tasks = [(method, T_MIN) for method in methods(settings)]
    tasks += [("Diffusion", t) for t in settings.molecule_t_evals]
    tasks += [(method, None) for method in IID_METHODS]
    keys = [(i, method, t) for method, t in tasks for i in range(len(trained))]
    jobs = [(trained[i], molecule, settings, derive_seed(seed, i), method, t)
            for i, method, t in keys]  # fmt: skip
    done = side_by_side(_simulate, jobs, settings.molecule_jobs, "simulating" if progress else "")
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


def side_by_side(
    function: Callable[..., object], jobs: Sequence[tuple], n_jobs: int, label: str
) -> list[object]:
    """``function(*job)`` for every job; the results do not depend on `n_jobs`."""
    with tqdm(total=len(jobs), desc=label, disable=not label) as bar:
        if min(n_jobs, n_cores(), len(jobs)) <= 1:
            outcomes = (function(*job) for job in jobs)
        else:
            outcomes = Parallel(n_jobs=n_jobs, backend="loky", return_as="generator")(
                delayed(function)(*job) for job in jobs
            )
        results = []
        for outcome in outcomes:
            results.append(outcome)
            bar.update()
    return results
