"""The experiments, one function a step of the notebook: settings in, results out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.massive_activations import hub
from companion.massive_activations.lab import predict, rivals, series
from companion.massive_activations.lab.real_model import RealModel, watch_real_model
from companion.massive_activations.method.measure import Measurement
from companion.massive_activations.settings import Settings
from companion.scale import generator, one_thread

PLATEAUS = {"early peak": (56, 64), "rising": (-9000, 3000)}
"""Regime to the ends of the grid on which K is held."""


@one_thread()
def real_model(settings: Settings, seed: int) -> RealModel:
    """Massive activations in a pretrained model, and what breaks without them (C9)."""
    rng = generator(seed, "real model")
    return watch_real_model(settings.texts, settings.text_tokens, rng)


@one_thread()
def untrained(settings: Settings, seed: int) -> list[Measurement]:
    """Networks before training, to be held against the authors' step 0 (C0)."""
    return [series.untrained(seed + i) for i in range(settings.pipeline_seeds)]


def authors(settings: Settings) -> pd.DataFrame:
    """The authors' measurements: an excerpt, or all at paper scale."""
    return hub.authors_measurements(settings.source)


def ours(settings: Settings) -> pd.DataFrame:
    """Our own measurements of the published checkpoints, at paper scale."""
    return hub.our_measurements(settings.pythia)


@one_thread()
def fits(rows: pd.DataFrame) -> pd.DataFrame:
    """Eq. 9 and its rivals on every layer (C4, C12, C14)."""
    return rivals.fit_layers(rows)


@one_thread()
def true_fits(rows: pd.DataFrame, settings: Settings, seed: int) -> dict[str, np.ndarray]:
    """The same race where eq. 9 is the truth (C14)."""
    return rivals.closer_where_true(rows, settings.true_draws, generator(seed, "true fits"))


@one_thread()
def levels(
    rows: pd.DataFrame, fitted: pd.DataFrame, settings: Settings, seed: int
) -> dict[str, dict[str, predict.Splits]]:
    """Plateau and last ratio of every layer from architecture, by two ways to split (C13)."""
    targets = predict.level_targets(rows, fitted)
    return predict.score_levels(targets, settings.splits, generator(seed, "levels"))


@one_thread()
def refits(settings: Settings, seed: int) -> dict[str, rivals.Refits]:
    """Refits of two known curves, regime by regime (C5)."""
    return {
        name: rivals.refit(truth, settings.refits, generator(seed, "refit", name))
        for name, truth in rivals.REGIMES.items()
    }


@one_thread()
def profiles(settings: Settings, seed: int) -> dict[str, rivals.Profile]:
    """Profile likelihood of K on one series of each regime."""
    made = {}
    for name, truth in rivals.REGIMES.items():
        drawn = rivals.draw_series(truth, 1, generator(seed, "profile", name))[0]
        grid = np.linspace(*PLATEAUS[name], settings.profile_points)
        made[name] = rivals.profile_plateau(drawn, grid, truth.K)
    return made


@one_thread()
def leakage(settings: Settings, seed: int) -> predict.Leakage:
    """Splits by rows and by models where architecture says nothing (C6)."""
    return predict.leakage_null(settings.leak_draws, generator(seed, "leakage"))


@one_thread()
def leakage_by_regressor(settings: Settings, seed: int) -> dict[str, predict.Leakage]:
    """The same for every regressor, all on the same targets and splits (C6)."""
    return {
        name: predict.leakage_null(settings.table_draws, generator(seed, "regressors"), name=name)
        for name in predict.regressors()
    }


@one_thread()
def positive_control(seed: int) -> predict.Leakage:
    """The same where architecture decides: a model left out must be predicted."""
    rng = generator(seed, "positive control")
    return predict.leakage_null(10, rng, name="ridge", architecture_effect=2.0)
