"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.next_token_concepts.lab import measurements, sweeps
from companion.next_token_concepts.lab.learning import Plan, Trained, train_and_evaluate
from companion.next_token_concepts.lab.sweeps import run_one
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.settings import Settings
from companion.scale import generator
from companion.sweep import sweep

LENGTH = 12
"""Words of a context in all measurements but the sweeps over length."""

HEADLINE = (0.01, 0.3)
OTHERS = tuple(eta for eta in sweeps.ETAS if eta not in HEADLINE)


class Noise(NamedTuple):
    """E9 (iii): the recipe on noise, at one penalty.

    same, held_out : (K,), diagonals of A_s W_s; permuted : with permuted labels of the probe
    frobenius, frobenius_unrelated : the authors' F on noise, and of unrelated unit vectors
    table : (K, K), A_s W_s of the same pairs
    """

    c: float
    same: np.ndarray
    held_out: np.ndarray
    permuted: np.ndarray
    frobenius: float
    frobenius_unrelated: float
    table: np.ndarray


def headline(settings: Settings, seed: int, *, progress: bool = True) -> list[Trained]:
    """The networks of E1 to E4 and E9, for both eta and all seeds."""
    plans = [
        Plan(eta, s, "exact", settings.steps, settings.d, settings.network)
        for eta in HEADLINE
        for s in range(seed, seed + settings.seeds)
    ]
    return _train(plans, settings, f"{settings.network}s", progress)


def other_etas(settings: Settings, seed: int, *, progress: bool = True) -> list[Trained]:
    """Perceptrons at the other four eta, and the headline's network on sampled names."""
    plans = [
        Plan(eta, s, "exact", settings.sweep_steps, 16, "perceptron")
        for eta in OTHERS
        for s in range(seed, seed + settings.sweep_seeds)
    ]
    if settings.sampled_steps:
        plans += [
            Plan(0.01, s, "sampled", settings.sampled_steps, settings.d, settings.network)
            for s in range(seed, seed + settings.sweep_seeds)
        ]
    return _train(plans, settings, "other eta, sampled names", progress)


def _train(plans: Sequence[Plan], settings: Settings, label: str, progress: bool) -> list[Trained]:
    function = partial(train_and_evaluate, length=LENGTH, n=settings.contexts)
    return sweep(function, plans, n_jobs=settings.n_jobs, label=label if progress else "")


def eta_table(settings: Settings, seed: int) -> pd.DataFrame:
    """What a perfect predictor gives at every eta."""
    return sweeps.eta_sweep(
        range(seed, seed + settings.exact_seeds), LENGTH, settings.contexts // 2
    )


def two_ways(settings: Settings, seed: int) -> pd.DataFrame:
    """E5, exact."""
    return sweeps.two_ways(range(seed, seed + settings.exact_seeds), settings.contexts // 4)


def trained_ways(settings: Settings, seed: int, *, progress: bool = True) -> pd.DataFrame:
    """Trained points of E5; empty where the settings leave them out."""
    parts = sweep(
        partial(sweeps.trained_lengths, n=settings.contexts // 2, steps=settings.sweep_steps),
        range(seed, seed + settings.sweep_seeds),
        n_jobs=settings.n_jobs,
        label="lengths" if progress else "",
    )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def broken(settings: Settings, seed: int, *, progress: bool = True) -> sweeps.Broken:
    """E7 and E8: exact, and trained where the settings have seeds for it."""
    n = max(settings.sweep_seeds, settings.exact_seeds)
    jobs = [
        {"seed": s, "steps": settings.sweep_steps if i < settings.sweep_seeds else 0}
        for i, s in enumerate(range(seed, seed + n))
    ]
    return sweeps.join(
        sweep(
            partial(sweeps.broken_of, n=settings.contexts // 2),
            jobs,
            n_jobs=settings.n_jobs if settings.sweep_seeds else 1,
            label="broken assumptions" if progress else "",
            unpack=True,
        )
    )


def simulate(settings: Settings, seed: int, *, progress: bool = True) -> pd.DataFrame:
    """E6: one row a system, number of bits and seed."""
    jobs = [
        {"m": m, "edges": edges, "n_bits": bits, "seed": s}
        for m in settings.sim_m
        for edges in settings.sim_edges
        for bits in settings.sim_bits
        for s in range(seed, seed + settings.sim_seeds)
    ]
    rows = sweep(
        partial(run_one, steps=settings.sim_steps, n=settings.contexts // 2),
        jobs,
        n_jobs=settings.n_jobs if settings.sim_steps else 1,
        label="the paper's simulation" if progress else "",
        unpack=True,
    )
    return pd.DataFrame(rows)


def recipe_on_noise(settings: Settings, seed: int, cs: Sequence[float] = (1e-4, 1e-2, 1.0)) -> list:
    """E9 (iii): the authors' recipe on isotropic noise, one :class:`Noise` per penalty."""
    rng = generator(seed, "ntc isotropic noise")
    sizes = [50] * settings.noise_concepts
    pairs = dr.isotropic(sizes, settings.noise_d, rng)
    found = []
    for c in cs:
        table = measurements.cosines(pairs, c, held_out=False)
        a = np.stack([dr.direction(p) for p in pairs])
        w = np.stack([measurements.probe(p, c) for p in pairs])
        other = np.stack([dr.unit(row) for row in rng.standard_normal(w.shape)])
        found.append(
            Noise(
                c,
                np.diag(table),
                np.diag(measurements.cosines(pairs, c, held_out=True)),
                np.diag(measurements.permuted(pairs, c, rng)),
                dr.frobenius(a, w),
                dr.frobenius(a, other),
                table,
            )
        )
    return found
