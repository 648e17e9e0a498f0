"""Numbers printed in the paper (arXiv 2508.03616v2), by table, and one check of a table.

Tables are facts; they stand here so that a chapter can put its own beside them.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from companion.massive_activations.sources.architectures import paper_models

SIZES = ("14m", "70m", "160m", "410m", "1b", "1.4b", "2.8b", "6.9b", "12b")
"""The nine models, in the order of the paper's column heads."""

TABLE_1 = dict(
    zip(
        SIZES, (0.9307, 0.9681, 0.9831, 0.9937, 0.9922, 0.9956, 0.9686, 0.9954, 0.9829), strict=True
    )
)
"""Mean over layers of the best R2 of eq. 9."""

TABLE_2 = pd.DataFrame(
    {
        "cv_percent": (6.95, 7.0, 6.98, 4.64, 6.57, 5.19, 6.46, 5.78, 4.22),
        "sem_percent": (2.2, 2.21, 2.21, 1.47, 2.08, 1.64, 2.04, 1.83, 1.34),
        "ci95_percent": (4.97, 5.0, 4.99, 3.32, 4.7, 3.71, 4.62, 4.13, 3.02),
    },
    index=SIZES,
)
"""Spread over the ten input sequences, in percent of the mean."""

TABLE_3 = pd.DataFrame(
    {
        "ridge": (0.077, 0.031, 0.056, 0.100, 0.405),
        "lasso": (0.195, -0.015, -0.006, 0.017, 0.316),
        "random forest": (0.476, 0.643, 0.055, 0.447, 0.803),
        "gradient boosting": (0.274, 0.506, -1.571, 0.266, 0.824),
        "xgboost": (0.244, 0.664, -0.089, 0.387, 0.847),
    },
    index=("A", "lam", "gamma", "t0", "K"),
)
"""Test R2 of predicting each parameter of eq. 9 from architecture, random 80/20 split."""

TABLE_5_AS_PRINTED = pd.DataFrame(
    {
        "eq. 9": (0.9951, 0.9829, 0.8068, 0.9832, 0.9922, 0.9666, 0.9928, 0.9947, 0.9659),
        "reparametrized": (0.9956, 0.9825, 0.9307, 0.9831, 0.9922, 0.9630, 0.9936, 0.9954, 0.9681),
        "step 1": (0.8008, 0.6177, -0.6833, 0.2592, 0.6183, 0.3134, 0.8202, 0.8774, -0.3587),
        "step 2": (0.9754, 0.9682, 0.6316, 0.9071, 0.9760, 0.9619, 0.9816, 0.9774, 0.8031),
    },
    index=SIZES,
)
"""Mean R2 of each hypothesis under the printed column heads; see :func:`relabel`."""


def relabel(printed: pd.DataFrame) -> pd.DataFrame:
    """Read a table's columns in alphabetical order of the model names.

    Table 5 contradicts Table 1 under its printed heads.  A script that sorted the names as
    strings (1.4b, 12b, 14m, 160m, ...) and printed the values under heads sorted by size would do
    exactly that.

    printed : rows indexed by :data:`SIZES`, in the printed order.  Returns the same rows under
    the names they belong to, again in the order of size.
    """
    return printed.set_axis(sorted(SIZES)).loc[list(SIZES)]


TABLE_5 = relabel(TABLE_5_AS_PRINTED)
"""Table 5 under the names it belongs to."""


def table_5_gap(table: pd.DataFrame) -> float:
    """Largest difference, over models, between Table 1 and the better of a table's two forms.

    Table 1 averages the better form of each layer, so it can exceed the better average a little;
    a large gap means that the columns are not the models they claim to be.
    """
    best = table[["eq. 9", "reparametrized"]].max(axis=1)
    return float((best - pd.Series(TABLE_1)).abs().max())


def layer_weighted_mean(values: Mapping[str, float]) -> float:
    """Mean over the 188 layers of a number that is given per model (keys :data:`SIZES`)."""
    layers = {row.size: row.layers for row in paper_models()}
    return sum(values[size] * layers[size] for size in SIZES) / sum(layers.values())
