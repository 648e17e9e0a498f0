"""The authors' excerpt where a mirror or the cache has it, else a stand-in of known shape.

Tests take what they expect from :class:`Known`, so that every one of them runs either way.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from companion.data import locate
from companion.massive_activations.curve import CurveParams
from companion.massive_activations.excerpt import load_excerpt

CHECKPOINTS = {
    "pythia-14m": (6, 128, {0: 3, 2: 3, 18_000: 3, 22_000: 3, 66_000: 3}),
    "pythia-160m": (12, 768, {0: 2, 64: 2, 24_000: 1, 40_000: 1, 80_000: 1}),
    "pythia-1b": (16, 2048, {32: 1, 24_000: 1, 100_000: 1}),
}
NULL = {"pythia-14m": 6.963, "pythia-160m": 7.488, "pythia-1b": 7.761}


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
def known(tmp_path_factory) -> Known:
    path = locate("massive-activations/pythia_stats_excerpt.csv")
    if path is not None:
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
    path = tmp_path_factory.mktemp("data") / "excerpt.csv"
    stand_in().to_csv(path, index=False)
    return Known(
        path,
        load_excerpt(path),
        {0: [6.6] * 6, 66_000: [np.exp(log_ratio(layer / 6)) for layer in range(1, 7)]},
        {"pythia-160m": -11.0, "pythia-1b": -11.0},
        np.exp(log_ratio(9 / 16)) / NULL["pythia-1b"],
        (0.55 - 1e-9, 0.55 + 1e-9),
        1.0,
        0.02,
    )


@pytest.fixture(scope="session")
def excerpt(known) -> pd.DataFrame:
    return known.frame


def log_ratio(x: float) -> float:
    """Final log ratio of the stand-in at relative depth x: a parabola with peak at 0.55."""
    return 2 + 12.1 * x - 11 * x**2


def stand_in() -> pd.DataFrame:
    """An excerpt with the columns of the real one and growth factors that were put in."""
    rows = []
    for model, (n_layers, _, checkpoints) in CHECKPOINTS.items():
        for step, n_sequences in checkpoints.items():
            for sequence in range(n_sequences):
                for layer in range(1, n_layers + 1):
                    ratio, median = _state(model, step, layer, n_layers)
                    offset = sequence - (n_sequences - 1) / 2
                    ratio *= np.exp(0.02 * offset * (1 + step / 200_000))
                    top = ratio * median
                    rows.append((model, step, sequence, layer, top, 0.9 * top, 0.8 * top, median))
    columns = ["model", "step", "sequence", "layer", "top1", "top2", "top3", "median"]
    return pd.DataFrame(rows, columns=columns)


def _state(model: str, step: int, layer: int, n_layers: int) -> tuple[float, float]:
    """Ratio and median of one layer, before the spread over sequences."""
    if step <= 64:
        return (6.6 if model == "pythia-14m" else 0.95 * NULL[model]), 0.3
    final = np.exp(log_ratio(layer / n_layers))
    last = max(CHECKPOINTS[model][2])
    if step == last:
        return final, 0.4
    if model == "pythia-14m":
        growth, share = ({5: 0.6, 6: 0.2}.get(layer, 1.3), 0.1)
    elif model == "pythia-160m":
        growth, share = 1.1, 3.0  # the median falls by more than the ratio grows: top-1 falls
    else:
        growth, share = (1.03, 1.0) if layer <= 3 else (2.0, 0.55)
    return final / growth, 0.4 * growth**share


class KnownFit(NamedTuple):
    path: Path
    correlations: dict[tuple[str, str], float]
    turning_step: float


@pytest.fixture(scope="session")
def known_fit(tmp_path_factory) -> KnownFit:
    path = locate("massive-activations/pythia_410m_layer1_median_fit.json")
    if path is not None:
        facts = {("lam", "gamma"): -0.995, ("A", "gamma"): -0.961, ("lam", "K"): 0.935}
        return KnownFit(path, facts, 38_890)
    path = tmp_path_factory.mktemp("fit") / "fit.json"
    deviation = np.array([0.01, 0.02, 1e-5, 0.03, 0.01])
    pcov = np.diag(deviation**2)
    pcov[1, 2] = pcov[2, 1] = -0.9 * deviation[1] * deviation[2]
    record = {
        "param_names": ["A", "lambda", "gamma", "t0", "K"],
        "popt": list(CurveParams(0.2, 1 / (np.e**2 * 2), 1e-4, 0.6, 0.12)),  # x log x = 2e^2
        "pcov": pcov.tolist(),
        "r2": 0.99,
    }
    path.write_text(json.dumps(record))
    return KnownFit(path, {("lam", "gamma"): -0.9}, (np.e**2 - 0.6) / 1e-4)


@pytest.fixture(scope="session")
def training_configurations() -> pd.DataFrame:
    """Rows of the Pythia training configurations, all ten or three that were typed again."""
    path = locate("massive-activations/pythia_architectures.csv")
    if path is not None:
        return pd.read_csv(path)
    names = ["model", "layers", "hidden_size", "heads", "mlp_size", "lr_max", "in_paper"]
    rows = [
        ("pythia-31m", 6, 256, 8, 1024, 0.001, False),
        ("pythia-1b", 16, 2048, 8, 8192, 0.00025, True),
        ("pythia-12b", 36, 5120, 40, 20480, 0.00012, True),
    ]
    return pd.DataFrame(rows, columns=names)
