"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import Finding
from companion.massive_activations.lab.ratios import MODEL, hidden_state_ratio, layer_profile
from companion.massive_activations.lab.real_model import RealModel, first_token_variants
from companion.massive_activations.method.fit import correlation
from companion.massive_activations.method.measure import Measurement
from companion.massive_activations.sources import FitRecord, architecture
from companion.tables import predictions, styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def step_zero_table(measurements: Sequence[Measurement], excerpt: pd.DataFrame) -> Styler:
    """Median and ratio of untrained 14M models beside the authors' step 0, layer by layer.

    measurements : of :func:`companion.massive_activations.lab.ratios.untrained`, one per seed
    """
    theirs = layer_profile(excerpt, MODEL, 0)
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


def curve_table(comparison: pd.DataFrame) -> Styler:
    """Median over layers of fit, AICc relative to eq. 9, and extrapolation error of each curve.

    comparison : of :func:`companion.massive_activations.lab.competitors.compare_all`
    """
    first = comparison.curve.iloc[0]
    reference = comparison[comparison.curve == first].set_index("series").aicc
    relative = comparison.aicc - comparison.series.map(reference)
    grouped = comparison.assign(relative=relative).groupby("curve", sort=False)
    frame = grouped.agg(
        parameters=("n_parameters", "first"),
        r2=("r2", "median"),
        aicc=("relative", "median"),
        error=("extrapolation_error", "median"),
        unconverged=("converged", lambda flags: int((~flags).sum())),
    ).reset_index()
    names = {
        "r2": "median R² ↑",
        "aicc": "AICc − eq. 9 ↓",
        "error": "extrapolation error ↓",
    }
    formats = {names["r2"]: "{:.3f}", names["aicc"]: "{:+.0f}", names["error"]: "{:.2f}"}
    return styled(frame.rename(columns=names), "curves", formats)


_ANSWERS = (
    ("An untrained model has no massive activations.", ("C0", "C1")),
    ("The curve fits every layer of our minis.", ("C4",)),
    ("The same fits leave the parameters loose.", ("C5",)),
    ("The predictor's score needs no effect of architecture.", ("C6",)),
    ("A few scalars of a real model can be replaced by a constant, not by zero.", ("C9",)),
)


def predictions_table(findings: Sequence[Finding]) -> Styler:
    """The predictions of the chapter's opening and what this run says of each."""
    return predictions(findings, _ANSWERS)


def variants_table(real: RealModel) -> Styler:
    """Largest scalar of every text: as it is, without its first token, behind a begin token.

    One row a variant, over all texts: share at token 0 and at the same dimension, and its range.
    """
    rows = [
        found._asdict()
        for text in real.texts.input_ids
        for found in first_token_variants(real.model, real.tokenizer, text, real.location.block)
    ]
    frame = pd.DataFrame(rows)
    dim = real.location.dims[0]
    grouped = frame.groupby("variant", sort=False)
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


def correlation_table(fit: FitRecord) -> Styler:
    """Correlations of the five parameters in one of the authors' own fits."""
    names = ["A", "λ", "γ", "t0", "K"]
    frame = pd.DataFrame(correlation(fit.covariance), columns=names)
    frame.insert(0, f"R² = {fit.r2:.4f}", names)
    return styled(frame, "own-fit", dict.fromkeys(names, "{:+.3f}"))
