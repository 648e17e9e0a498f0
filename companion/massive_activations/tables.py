"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.massive_activations.architectures import architecture
from companion.massive_activations.excerpt import layer_profile
from companion.massive_activations.measure import Measurement
from companion.massive_activations.null import hidden_state_ratio
from companion.massive_activations.pipeline import MODEL

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def _styled(frame: pd.DataFrame, name: str, formats: dict[str, str]) -> Styler:
    """A table without index column, whose ids are the same at every run."""
    styler = frame.style.hide(axis="index").format(formats, na_rep="–").set_uuid(name)
    return styler.set_table_attributes('class="dataframe"')


def step_zero_table(measurements: Sequence[Measurement], excerpt: pd.DataFrame) -> Styler:
    """Median and ratio of untrained 14M models beside the authors' step 0, layer by layer.

    measurements : of :func:`companion.massive_activations.pipeline.untrained`, one per seed
    """
    theirs = layer_profile(excerpt, MODEL, 0)
    ours = np.stack([one.median.mean(axis=0) for one in measurements]).mean(axis=0)
    ratio = np.stack([one.mean_ratio for one in measurements]).mean(axis=0)
    frame = pd.DataFrame({
        "layer": theirs.index,
        "median, authors": theirs["median"].to_numpy(),
        "median, ours": ours,
        "difference": ours / theirs["median"].to_numpy() - 1,
        "ratio, authors": theirs.ratio.to_numpy(),
        "ratio, ours": ratio,
        "Gaussian null": hidden_state_ratio(architecture(MODEL).width),
    })  # fmt: skip
    formats = dict.fromkeys(("median, authors", "median, ours"), "{:.3f}")
    formats |= dict.fromkeys(("ratio, authors", "ratio, ours", "Gaussian null"), "{:.2f}")
    return _styled(frame, "step-zero", formats | {"difference": "{:+.1%}"})


def curve_table(comparison: pd.DataFrame) -> Styler:
    """Median over layers of fit, AICc relative to eq. 9, and extrapolation error of each curve.

    comparison : of :func:`companion.massive_activations.compare.compare_all`
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
    return _styled(frame.rename(columns=names), "curves", formats)
