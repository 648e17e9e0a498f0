"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.massive_activations.lab.predict import TARGETS, Splits
from companion.massive_activations.lab.real_model import RealModel
from companion.massive_activations.lab.rivals import LAST_VALUE
from companion.massive_activations.lab.series import MODEL, layer_profile
from companion.massive_activations.method.curve import DAMPED_LOG
from companion.massive_activations.method.measure import Measurement
from companion.massive_activations.method.theory import hidden_state_ratio
from companion.massive_activations.sources import FitRecord, architecture
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def step_zero_table(measurements: Sequence[Measurement], rows: pd.DataFrame) -> Styler:
    """Median and ratio of untrained 14M models beside the authors' step 0, layer by layer.

    measurements : of :func:`lab.series.untrained`, one per seed
    """
    theirs = layer_profile(rows, MODEL, 0)
    ours = np.stack([one.median.mean(axis=0) for one in measurements]).mean(axis=0)
    ratio = np.stack([one.mean_ratio for one in measurements]).mean(axis=0)
    frame = pd.DataFrame(
        {
            "layer": theirs.index,
            "median, authors": theirs["median"].to_numpy(),
            "median, ours": ours,
            "difference": ours / theirs["median"].to_numpy() - 1,
            "ratio, authors": theirs.ratio.to_numpy(),
            "ratio, ours": ratio,
            "Gaussian null": hidden_state_ratio(architecture(MODEL).width),
        }
    )
    formats = dict.fromkeys(("median, authors", "median, ours"), "{:.3f}")
    formats |= dict.fromkeys(("ratio, authors", "ratio, ours", "Gaussian null"), "{:.2f}")
    return styled(frame, "step-zero", formats | {"difference": "{:+.1%}"})


def curve_table(fits: pd.DataFrame) -> Styler:
    """Every curve over the layers on which eq. 9 can be fitted without the last third.

    Median R2, layers in which it misses that third by less than eq. 9 does, and by how much it
    misses it (median, in units of the layer's range).

    fits : of :func:`lab.rivals.fit_layers`
    """
    wide = fits.pivot(index=["model", "layer"], columns="curve", values="hidden_error")
    wide = wide[wide[DAMPED_LOG.name].notna()]
    r2 = fits.pivot(index=["model", "layer"], columns="curve", values="r2").loc[wide.index]
    order = fits.drop_duplicates("curve").set_index("curve").n_parameters
    closer = [int((wide[name] < wide[DAMPED_LOG.name]).sum()) for name in order.index]
    error, n = wide.median()[order.index].to_numpy(), f"closer than eq. 9, of {len(wide)} layers"
    frame = pd.DataFrame(
        {
            "curve": order.index,
            "parameters": order.to_numpy(),
            "median R² ↑": r2.median()[order.index].to_numpy(),
            n: closer,
            "error in the hidden third ↓": error,
        }
    )
    unknown = frame["error in the hidden third ↓"].isna()
    frame[n] = [None if lost else count for lost, count in zip(unknown, closer, strict=True)]
    frame.loc[frame.curve == DAMPED_LOG.name, n] = None
    frame.loc[frame.curve == LAST_VALUE, "median R² ↑"] = np.nan
    formats = {"median R² ↑": "{:.3f}", "error in the hidden third ↓": "{:.2f}", n: "{:.0f}"}
    return styled(frame, "curves", formats)


def level_table(levels: Mapping[str, Mapping[str, Splits]], paper: Mapping[str, float]) -> Styler:
    """R2 of plateau and last ratio on real layers, by random splits and with a model left out.

    paper : regressor to the paper's test R2 for K on a random split (Table 3)
    """
    rows = []
    for target in TARGETS:
        for name, found in levels[target].items():
            printed = paper.get(name) if target == TARGETS[0] else None
            rows.append((target, name, printed, np.median(found.random), found.grouped))
    names = ["what", "regressor", "paper, random", "ours, random split", "ours, model left out"]
    formats = dict.fromkeys(names[2:], "{:.2f}")
    return styled(pd.DataFrame(rows, columns=names), "levels", formats)


def beside_authors(fits: pd.DataFrame, theirs: pd.DataFrame) -> Styler:
    """Our K beside the authors' of the same layers, by model: rank correlation and both R2."""
    mine = fits[fits.curve == DAMPED_LOG.name]
    both = mine.merge(theirs, on=["model", "layer"], suffixes=(", ours", ", authors"))
    rows = [
        (
            model,
            len(part),
            part["K, ours"].corr(part["K, authors"], method="spearman"),
            part["r2, ours"].mean(),
            part["r2, authors"].mean(),
        )
        for model, part in both.groupby("model", sort=False)
    ]
    names = ["model", "layers", "rank correlation of K", "mean R², ours", "mean R², authors"]
    formats = dict.fromkeys(names[2:], "{:.3f}")
    return styled(pd.DataFrame(rows, columns=names), "authors", formats)


def variants_table(real: RealModel) -> Styler:
    """Largest scalar of every text: as it is, without its first token, behind a begin token.

    One row a variant, over all texts: share at token 0 and at the same dimension, and its range.
    """
    dim = real.location.dims[0]
    grouped = real.variants.groupby("variant", sort=False)
    table = grouped.agg(
        first=("token", lambda tokens: (tokens == 0).mean()),
        same=("dim", lambda dims: (dims == dim).mean()),
        low=("magnitude", "min"),
        high=("magnitude", "max"),
    ).reset_index()
    names = {
        "first": "at token 0",
        "same": f"at dimension {dim}",
        "low": "smallest |h|",
        "high": "largest |h|",
    }
    formats = {
        "at token 0": "{:.0%}",
        f"at dimension {dim}": "{:.0%}",
        "smallest |h|": "{:,.0f}",
        "largest |h|": "{:,.0f}",
    }
    return styled(table.rename(columns=names), "variants", formats)


def correlation_table(found: FitRecord) -> Styler:
    """Correlations of the five parameters in one of the authors' own fits."""
    names = ["A", "λ", "γ", "t0", "K"]
    deviation = np.sqrt(np.diag(found.covariance))
    frame = pd.DataFrame(found.covariance / np.outer(deviation, deviation), columns=names)
    frame.insert(0, f"R² = {found.r2:.4f}", names)
    return styled(frame, "own-fit", dict.fromkeys(names, "{:+.3f}"))
