"""Every sweep of the book, in processes of this machine and on a cluster: the same, bit for bit.

``python -m tests.sweeps`` begins a scheduler with two workers on this machine, runs every sweep of
every chapter both ways, at toy scale, and prints a line for each; some minutes.  ``python -m
tests.sweeps tart quartet`` takes these chapters only.  What is listed here is held against the code
by `tests/test_every_sweep.py`, which `make test` runs; it runs none of the sweeps.

A sweep is caught on its way into the processes: its jobs go both ways, and the chapter goes on with
what came back from here.  So it is the chapter's own code that makes the jobs and takes the
results.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from importlib import import_module
from types import FrameType, ModuleType

from companion import results
from companion import sweep as sweeping
from companion.papers import papers
from companion.project import Project

FEW = {
    "consistent-diffusion": {
        "steps": 60,
        "sim_steps": 250,
        "data_steps": 200,
        "iid": 50,
        "chains": 4,
        "molecule_single_steps": 60,
        "molecule_iid": 20,
        "molecule_iid_steps": 4,
        "molecule_common": 2,
        "molecule_rare": 2,
        "iid_steps": 4,
        "line_seeds": 2,
        "line_points": 500,
    },
    "leximark": {
        "seeds": 2,
        "n_half": 10,
        "smol_docs": 10,
        "smol_seeds": 2,
        "smol_key_docs": 5,
        "smol_key_seeds": 1,
    },
    "model-ecosystem": {"coverage_models": 2_000, "drift_models": 2_000, "coverage_runs": 6},
    "next-token-concepts": {
        "seeds": 2,
        "steps": 60,
        "eta_steps": 60,
        "broken_steps": 20,
        "broken_trained": 1,
        "broken_seeds": 2,
        "sim_steps": 20,
        "contexts": 512,
        "sae_seeds": 2,
        "sae_contexts": 1_000,
        "sae_steps": 20,
        "sae_net_steps": 20,
    },
    "mamba3": {
        "arithmetic_arms": ("Mamba-3", "Mamba-2"),
        "track_steps": 6,
        "recall_steps": 6,
        "text_steps": 3,
        "n_read": 16,
    },
    "distillation-memorization": {"real_seeds": 2, "perceptron_seeds": 2},
    "scaling-laws": {"tiny_seeds": 2, "tiny_steps": 20, "table_draws": 16, "draws": 8},
    "gaussian-rbf": {
        "tables": ("wine", "iris"),
        "nested_steps": 30,
        "pairs": ((3, 8),),
        "reading_steps": 20,
    },
    "synthetic-data": {"n_seeds": 2, "lm_steps": 20},
    "tart": {"live_steps": 30, "live_falling": 5, "live_seeds": 2, "plain_steps": 5},
    "quartet": {},
}
"""Chapter -> settings beside those of toy scale: little work, and every sweep with two jobs."""


def _leximark(run: ModuleType, settings: object, seed: int) -> None:
    known = run.dictionaries(settings, seed)
    run.word_model(known, settings, seed)
    run.smol(known, settings, seed)


def step(name: str) -> Callable[[ModuleType, object, int], object]:
    """``lab.run.NAME(settings, seed)``."""
    return lambda run, settings, seed: getattr(run, name)(settings, seed)


CALLS: dict[str, Sequence[Callable[[ModuleType, object, int], object]]] = {
    "tart": [step("learn")],
    "next-token-concepts": [
        step(name) for name in ("plain", "by_eta", "broken", "simulate", "autoencoders")
    ],
    "distillation-memorization": [
        step(name) for name in ("transformers", "perceptrons", "real_text", "baseline_rates")
    ],
    "leximark": [_leximark],
    "model-ecosystem": [step("coverage"), step("drift_worlds")],
    "gaussian-rbf": [step("nested_folds"), step("pairs_of_digits")],
    "quartet": [step("train_ladder")],
    "mamba3": [step(name) for name in ("parity", "modulo_five", "compare_rates", "text")],
    "scaling-laws": [step("run_designs"), step("train_seeds")],
    "consistent-diffusion": [
        step("two_modes"),
        step("muller_brown"),
        lambda run, settings, seed: run.molecule("", settings, seed),
    ],
    "synthetic-data": [step("loops"), step("language")],
}
"""Chapter -> steps that reach all its sweeps; massive-activations has none."""

PLACES = (
    "companion.consistent_diffusion.lab.line.run_line",
    "companion.consistent_diffusion.lab.molecule.chains.simulate_all",
    "companion.consistent_diffusion.lab.molecule.chains.train_all",
    "companion.consistent_diffusion.lab.plane.run_models",
    "companion.distillation_memorization.lab.run._worlds",
    "companion.distillation_memorization.lab.run.baseline_rates",
    "companion.gaussian_rbf.lab.run.nested_folds",
    "companion.gaussian_rbf.method.training._in_threads",
    "companion.leximark.lab.run.dictionaries",
    "companion.leximark.lab.run.smol",
    "companion.leximark.lab.run.word_model",
    "companion.mamba3.lab.models.longest_first",
    "companion.mamba3.lab.tracking.calculate_all",
    "companion.model_ecosystem.lab.worlds.coverage",
    "companion.model_ecosystem.lab.worlds.drift_runs",
    "companion.next_token_concepts.lab.run._train",
    "companion.next_token_concepts.lab.run.autoencoders",
    "companion.next_token_concepts.lab.run.broken",
    "companion.next_token_concepts.lab.run.simulate",
    "companion.quartet.lab.training.train_all",
    "companion.scaling_laws.lab.designs.monte_carlo",
    "companion.scaling_laws.lab.trained.train_seeds",
    "companion.synthetic_data.lab.language.run_lives",
    "companion.synthetic_data.lab.run.loops",
    "companion.tart.lab.learned.learn",
)
"""Every function that calls a sweep; :func:`main` takes all of them to a cluster."""

THREADS = {
    "companion.consistent_diffusion.lab.line.run_line",
    "companion.gaussian_rbf.method.training._in_threads",
}
"""Sweeps in threads of one process, for jobs that share objects: they stay where they are."""


def places() -> set[str]:
    """Every function of a chapter that calls a sweep, as ``module.function``; by the source."""
    found = set()
    for entry in papers():
        for path in sorted((Project().root / entry.module.replace(".", "/")).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if not any(
                isinstance(node, ast.ImportFrom) and node.module == "companion.sweep"
                for node in ast.walk(tree)
            ):
                continue
            module = ".".join(path.relative_to(Project().root).with_suffix("").parts)
            for function in ast.walk(tree):
                if isinstance(function, ast.FunctionDef) and any(
                    map(_is_sweep, ast.walk(function))
                ):
                    found.add(f"{module}.{function.name}")
    return found


def _is_sweep(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "sweep"


# --------------------------------------------------------------------------- both ways
@dataclass(frozen=True)
class Both:
    """One sweep, here and there.

    place : the function that called it; label : of its progress bar; jobs : how many
    different : what the first results that differ are, "" if none do
    here, there : seconds
    """

    place: str
    label: str
    jobs: int
    different: str
    here: float
    there: float

    @property
    def line(self) -> str:
        """For people."""
        what = f"differs: {self.different}" if self.different else "equal"
        if not self.there:
            what = "threads, stays here"
        name = self.place.removeprefix("companion.")
        return f"{name:<58} {self.jobs:>3} jobs {self.here:6.1f} s {self.there:6.1f} s  {what}"


def difference(here: object, there: object) -> str:
    """Where two results differ first, "" if they do not; models by their weights."""
    try:
        return results.difference(here, there) or ""
    except results.NotStorable:
        pass
    if hasattr(here, "state_dict"):
        return difference(dict(here.state_dict()), dict(there.state_dict()))
    if isinstance(here, tuple | list) and len(here) == len(there):
        pairs = zip(here, there, strict=True)
        return next((found for one, other in pairs if (found := difference(one, other))), "")
    raise TypeError(f"{type(here).__name__} and {type(there).__name__} cannot be compared")


def untimed(value: object) -> object:
    """A result without the ``seconds`` that it took, which are never the same twice."""
    if isinstance(value, list):
        return [untimed(one) for one in value]
    is_timed = is_dataclass(value) and "seconds" in {one.name for one in fields(value)}
    return replace(value, seconds=0.0) if is_timed else value


@contextmanager
def caught(address: str, show: Callable[[Both], None]) -> Iterator[list[Both]]:
    """Within the block every sweep goes both ways; what came of it is collected and shown."""
    found: list[Both] = []
    threaded: set[str] = set()
    real = sweeping._run

    def both(
        calls: Sequence[sweeping._Call], n_jobs: int, label: str, threads: bool
    ) -> Iterator[object]:
        place = _caller(sys._getframe())
        if threads:
            if place not in threaded:
                threaded.add(place)
                found.append(Both(place, label, len(calls), "", 0.0, 0.0))
                show(found[-1])
            yield from real(calls, n_jobs, label, threads)
            return
        begun = time.perf_counter()
        here = list(sweeping._here(calls, 2, False))
        middle = time.perf_counter()
        there = list(sweeping._on_cluster(address, calls, lambda: None))
        took = middle - begun, time.perf_counter() - middle
        found.append(
            Both(place, label, len(calls), difference(untimed(here), untimed(there)), *took)
        )
        show(found[-1])
        yield from here

    sweeping._run = both
    try:
        yield found
    finally:
        sweeping._run = real


def _caller(frame: FrameType) -> str:
    """The function outside of :mod:`companion.sweep` that a frame in it was called by."""
    while (
        frame.f_globals["__name__"] in (sweeping.__name__, __name__) or "<" in frame.f_code.co_name
    ):
        frame = frame.f_back
    return f"{frame.f_globals['__name__']}.{frame.f_code.co_name}"


def settings_of(slug: str) -> object:
    """Toy scale with little work, two jobs at a time."""
    module = import_module(f"companion.{slug.replace('-', '_')}.settings")
    toy = module.PRESETS["toy"]
    names = [name for name in ("jobs", "n_jobs") if hasattr(toy, name)]
    return replace(toy, **FEW[slug], **dict.fromkeys(names, 2))


def run_chapter(slug: str, address: str, show: Callable[[Both], None], seed: int = 0) -> list[Both]:
    """Every sweep of a chapter, both ways."""
    run = import_module(f"companion.{slug.replace('-', '_')}.lab.run")
    with caught(address, show) as found:
        for call in CALLS[slug]:
            call(run, settings_of(slug), seed)
    return found


@contextmanager
def cluster() -> Iterator[str]:
    """Address of a scheduler with two workers, each a process of this machine with one thread."""
    from distributed import LocalCluster

    paths = [str(Project().root), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **options) as made:
        made.wait_for_workers(2)
        yield made.scheduler_address


def main() -> None:
    """Print a line for each sweep; ends with 1 if one differs, fails, or was not reached."""
    asks = argparse.ArgumentParser(description=__doc__)
    asks.add_argument("chapters", nargs="*", metavar="SLUG", help="all if none is named")
    asked = asks.parse_args().chapters or list(CALLS)
    found: list[Both] = []
    broken: list[str] = []
    with cluster() as address:
        for slug in asked:
            try:
                found += run_chapter(slug, address, lambda one: print(one.line, flush=True))
            except Exception as error:  # a chapter that fails does not hide the others
                broken.append(slug)
                print(f"{slug}: {type(error).__name__}: {error}", flush=True)
    modules = tuple(f"companion.{slug.replace('-', '_')}." for slug in asked)
    wanted = {place for place in places() if place.startswith(modules)}
    missed = sorted(wanted - {one.place for one in found})
    for place in missed:
        print(f"{place}: not reached")
    apart = sum(bool(one.different) for one in found)
    print(f"{len(found)} sweeps of {len(wanted)} places, {apart} differ, {len(missed)} not reached")
    sys.exit(bool(apart or missed or broken))


if __name__ == "__main__":
    main()
