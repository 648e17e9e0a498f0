"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from companion.data import Missing
from companion.massive_activations.lab import identifiability, mini_runs, predict, ratios
from companion.massive_activations.lab import real_model as pretrained
from companion.massive_activations.method.curve import damped_log
from companion.massive_activations.method.measure import Measurement
from companion.massive_activations.settings import Settings, arm_minis, base_minis, grid_minis
from companion.scale import generator, n_threads

PLATEAUS = {"early peak": (0, 120, 25), "rising": (-9000, 3000, 25)}
"""Regime to the grid of K on which the profile is computed: start, end, number."""


def untrained(settings: Settings, seed: int) -> list[Measurement]:
    """Networks before training, to be held against the authors' step 0."""
    return [ratios.untrained(seed + i) for i in range(settings.n_pipeline_seeds)]


def authors(settings: Settings) -> pd.DataFrame | Missing:
    """The authors' measurements: an excerpt, or all at paper scale."""
    return ratios.authors_measurements(settings.source)


def ours(settings: Settings) -> pd.DataFrame | Missing:
    """Our own measurements of the published checkpoints, at paper scale."""
    return ratios.our_measurements(settings.pythia)


def minis(settings: Settings, seed: int) -> tuple[mini_runs.MiniRuns, mini_runs.MiniRuns]:
    """Minis of the base arm with their control, and minis of all other arms."""
    n_jobs = min(settings.n_jobs, n_threads())
    base = base_minis(settings, seed)
    control = replace(base[0], arm="control", lr=1e-3)
    trained = mini_runs.train_minis([*base, control], n_jobs=n_jobs)
    others = [*arm_minis(settings, seed), *grid_minis(settings, seed)]
    return trained, mini_runs.train_minis(others, n_jobs=n_jobs)


def refits(settings: Settings, seed: int) -> dict[str, identifiability.Refits]:
    """Refits of two known curves, regime by regime."""
    return {
        name: identifiability.refit(truth, settings.n_refits, rng=generator(seed, "refit", name))
        for name, truth in identifiability.REGIMES.items()
    }


def bounded(settings: Settings, seed: int) -> identifiability.Boundedness:
    """In how many rising series the data bound the plateau on both sides."""
    rng = generator(seed, "bounded")
    return identifiability.plateau_bounded(
        identifiability.REGIMES["rising"], settings.n_refits, rng=rng
    )


def profiles(
    found: dict[str, identifiability.Refits], seed: int
) -> dict[str, tuple[identifiability.Profile, float]]:
    """Profile likelihood of K on one series of each regime, with the true K.

    found : of :func:`refits`, for their checkpoints
    """
    made = {}
    for name, truth in identifiability.REGIMES.items():
        t = found[name].t
        noise = generator(seed, "profile", name).standard_normal(t.size)
        series = damped_log(t, *truth) * (1 + 0.02 * noise)
        grid = np.linspace(*PLATEAUS[name])
        made[name] = (identifiability.profile_plateau(t, series, grid), truth.K)
    return made


def leakage(settings: Settings, seed: int) -> predict.Leakage:
    """Splits by rows and by models where architecture says nothing."""
    return predict.leakage_null(settings.n_leak_draws, rng=generator(seed, "leakage"))


def leakage_by_regressor(settings: Settings, seed: int) -> dict[str, predict.Leakage]:
    """The same for every regressor of the paper."""
    rng = generator(seed, "regressors")
    return predict.leakage_by_regressor(settings.n_table_draws, rng=rng)


def positive_control(seed: int) -> predict.Leakage:
    """The same where architecture decides: a model left out must be predicted."""
    rng = generator(seed, "positive control")
    return predict.leakage_null(10, rng=rng, name="ridge", architecture_effect=2.0)


def real_model(settings: Settings) -> pretrained.RealModel:
    """Massive activations in a pretrained model.

    Raises
    ------
    As :func:`companion.massive_activations.lab.real_model.load_real_model` does.
    """
    return pretrained.load_real_model(settings.n_texts, settings.text_tokens)


def intervention(found: pretrained.RealModel, seed: int) -> pretrained.Intervention:
    """What breaks when its massive scalars are taken away or replaced."""
    rng = generator(seed, "intervention")
    return pretrained.intervene(found.model, found.texts.input_ids, rng, location=found.location)
