"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.data import Missing
from companion.next_token_concepts.lab import dictionaries, learning, measurements, words, worlds
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.settings import ETAS, Settings
from companion.scale import generator
from companion.sweep import sweep

LENGTH = 12
"""Words of a context in all measurements but those over length."""

PENALTIES = (1e-4, 1e-2, 1.0)

APART = 500
"""The worlds of broken assumptions and of the simulation stand this far from the other seeds: their
numbers and the length of training were chosen on seeds that are not among them."""


class Noise(NamedTuple):
    """The authors' recipe on noise, at one penalty.

    same, held_out : (K,), diagonals of A_s W_s; permuted : with permuted labels of the probe
    frobenius, frobenius_unrelated : the authors' F on noise, and of unrelated unit vectors
    """

    c: float
    same: np.ndarray
    held_out: np.ndarray
    permuted: np.ndarray
    frobenius: float
    frobenius_unrelated: float


def plain(settings: Settings, seed: int) -> list[learning.Trained]:
    """Plain next-token prediction, one network a world, names with error 0.01 (C1, C2, C4, C5)."""
    plans = [
        learning.Plan(worlds.SHARP, one, settings.steps, settings.d, settings.network)
        for one in range(seed, seed + settings.seeds)
    ]
    return _train(plans, settings, "next-token prediction", twins=True)


def by_eta(settings: Settings, seed: int) -> list[learning.Trained]:
    """Perceptrons at several errors of the names, with f_x as wide as names can fix (C3, C11)."""
    plans = [
        learning.Plan(eta, one, settings.eta_steps, learning.FIXED, "perceptron")
        for eta in settings.etas
        for one in range(seed, seed + settings.eta_seeds)
    ]
    return _train(plans, settings, "names from sharp to vague", twins=False)


def _train(
    plans: Sequence[learning.Plan], settings: Settings, label: str, *, twins: bool
) -> list[learning.Trained]:
    run = partial(learning.train_and_measure, length=LENGTH, n=settings.contexts, twins=twins)
    return sweep(run, plans, n_jobs=settings.jobs, label=label)


def eta_table(settings: Settings, seed: int) -> pd.DataFrame:
    """What a perfect predictor gives at every eta."""
    seeds = range(seed, seed + settings.exact_seeds)
    return worlds.eta_sweep(seeds, ETAS, LENGTH, settings.contexts // 2)


def two_ways(settings: Settings, seed: int) -> pd.DataFrame:
    """Two ways to a small uncertainty, exact (C6, C12)."""
    return worlds.two_ways(range(seed, seed + settings.exact_seeds), settings.contexts // 4)


def transfer(settings: Settings, seed: int) -> pd.DataFrame:
    """A map of vague names from short contexts to long ones, exact."""
    return worlds.transfer(range(seed, seed + settings.exact_seeds), settings.contexts // 2)


def broken(settings: Settings, seed: int) -> worlds.Broken:
    """The assumptions broken (C13): exact, and in the first worlds trained as well."""
    jobs = [
        {
            "seed": seed + APART + i,
            "steps": settings.broken_steps if i < settings.broken_trained else 0,
        }
        for i in range(settings.broken_seeds)
    ]
    run = partial(worlds.broken_of, n=settings.contexts // 2)
    label = "broken assumptions"
    return worlds.join(sweep(run, jobs, n_jobs=settings.jobs, label=label, unpack=True))


def simulate(settings: Settings, seed: int) -> pd.DataFrame:
    """The paper's simulation (C7): one row a system, number of bits and seed."""
    jobs = [
        {"m": m, "edges": edges, "n_bits": bits, "seed": one}
        for m in settings.sim_m
        for edges in settings.sim_edges
        for bits in settings.sim_bits
        for one in range(seed + APART, seed + APART + settings.sim_seeds)
    ]
    run = partial(worlds.run_one, steps=settings.sim_steps, n=settings.contexts // 2)
    label = "the paper's simulation"
    return pd.DataFrame(sweep(run, jobs, n_jobs=settings.jobs, label=label, unpack=True))


def recipe_on_noise(settings: Settings, seed: int) -> list[Noise]:
    """The authors' recipe on isotropic noise, one :class:`Noise` per penalty (C14)."""
    rng = generator(seed, "ntc isotropic noise")
    pairs = dr.isotropic([50] * settings.noise_concepts, settings.noise_d, rng)
    a = np.stack([dr.direction(p) for p in pairs])
    found = []
    for c in PENALTIES:
        w = np.stack([measurements.probe(p, c) for p in pairs])
        other = np.stack([dr.unit(row) for row in rng.standard_normal(w.shape)])
        found.append(
            Noise(
                c,
                np.diag(a @ w.T),
                np.diag(measurements.cosines(*measurements.alternate(pairs), c)),
                measurements.permuted(pairs, c, rng),
                dr.frobenius(a, w),
                dr.frobenius(a, other),
            )
        )
    return found


def real_words(settings: Settings, seed: int) -> words.RealWords | Missing:
    """Directions and probes in SmolLM2-135M, trained and with random weights (C8, C15)."""
    return words.read_smollm2(
        settings.word_concepts,
        settings.word_pairs,
        seed,
        n_layers=settings.word_layers,
        draws=settings.null_draws,
    )


def autoencoders(settings: Settings, seed: int) -> dictionaries.Dictionaries | Missing:
    """Autoencoders, supervised probe, and random directions (C9, C10, C16)."""
    if not settings.sae_seeds:
        return Missing("The autoencoders are trained at book scale only: set SCALE to 'book'.")
    jobs = settings.jobs
    caches = sweep(
        partial(dictionaries.cache, n=settings.sae_contexts, steps=settings.sae_net_steps),
        range(seed, seed + settings.sae_seeds),
        n_jobs=jobs,
        label="networks for autoencoders",
        keep=False,
    )
    work = [
        {"kind": kind, "level": level, "found": found}
        for found in caches
        for kind, levels in dictionaries.LEVELS.items()
        for level in levels
    ]
    n, steps = settings.sae_features, settings.sae_steps
    scores = sweep(
        partial(dictionaries.score, n_features=n, steps=steps),
        work,
        n_jobs=jobs,
        label="autoencoders",
        unpack=True,
    )
    rows = [dictionaries.probe_row(found, n) for found in caches]
    return dictionaries.Dictionaries(pd.DataFrame(scores), pd.DataFrame(rows))
