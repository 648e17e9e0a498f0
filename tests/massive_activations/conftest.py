"""The authors' excerpt, fit and configurations, and what is known of them."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from companion.data import fetch
from companion.massive_activations.sources import load_excerpt


class Known(NamedTuple):
    """An excerpt and the facts about it that tests rely on."""

    path: Path
    frame: pd.DataFrame
    ratios_14m: dict[int, list[float]]  # step to ratio per layer
    curvature: dict[str, float]  # model to the coefficient of squared depth
    smallest_final: float  # over models, largest relative ratio at the last checkpoint
    share_range: tuple[float, float]  # median's share of the growth, 1B, layers 4 to 15
    share_at_null: float  # of layers up to step 64
    means_gap: float  # largest relative gap between mean of ratios and ratio of means


@pytest.fixture(scope="session")
def known() -> Known:
    path = fetch("massive-activations/pythia_stats_excerpt.csv")
    return Known(
        path,
        load_excerpt(path),
        {
            0: [6.9, 6.6, 6.8, 6.8, 6.5, 6.4],
            66_000: [17.6, 15.3, 65.8, 47.6, 26.4, 4.1],
        },
        {"pythia-160m": -11.6, "pythia-1b": -12.7},
        9.45,
        (0.45, 0.64),
        62 / 64,
        0.0185,
    )


@pytest.fixture(scope="session")
def excerpt(known) -> pd.DataFrame:
    return known.frame


class KnownFit(NamedTuple):
    path: Path
    correlations: dict[tuple[str, str], float]
    turning_step: float


@pytest.fixture(scope="session")
def known_fit() -> KnownFit:
    path = fetch("massive-activations/pythia_410m_layer1_median_fit.json")
    facts = {("lam", "gamma"): -0.995, ("A", "gamma"): -0.961, ("lam", "K"): 0.935}
    return KnownFit(path, facts, 38_890)


@pytest.fixture(scope="session")
def training_configurations() -> pd.DataFrame:
    """Rows of the Pythia training configurations, all ten."""
    return pd.read_csv(fetch("massive-activations/pythia_architectures.csv"))
