"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from companion.gaussian_rbf.lab.nested import OURS, Nested, Penalties, effect_table, mean_scores
from companion.gaussian_rbf.lab.reduction import Bench
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


AUTHORS = {
    "digits 3v8": {"train": 1.0, "test": 0.9907},
    "wine": {"train": 1.0, "test": 1.0},
    "make_classification, 2 features": {"train": 0.915, "test": 0.925},
}
"""Accuracy that the authors' example notebooks print; the paper's own tables we could not see."""


def authors_table(rows: dict[str, tuple[float, float]]) -> Styler:
    """The authors' three examples beside ours; rows : name to (train, test) accuracy."""
    frame = pd.DataFrame(
        [
            (name, there["train"], rows[name][0], there["test"], rows[name][1])
            for name, there in AUTHORS.items()
        ],
        columns=["example", "train, authors", "train, ours", "test, authors", "test, ours"],
    )
    return styled(frame, "grbf-authors", dict.fromkeys(frame.columns[1:], "{:.3f}"))


def score_table(nested: Nested) -> Styler:
    """Mean outer score per table and model, and the seconds that the network took."""
    means = mean_scores(nested)
    kind = nested.scores.groupby("table")["regression"].first()
    frame = means.reset_index()
    frame.insert(1, "score ↑", ["R²" if kind[name] else "accuracy" for name in frame["table"]])
    order = [OURS, *[name for name in means.columns if name != OURS]]
    frame = frame[["table", "score ↑", *order]]
    return styled(frame, "grbf-scores", dict.fromkeys(order, "{:.3f}"))


def effects(penalties: Penalties) -> Styler:
    """Shares of variance per table, start and grid."""
    frame = effect_table(penalties).rename(
        columns={"eta_u": "η² of λ_u", "eta_w": "η² of λ_w", "grid": "penalties"}
    )
    return styled(frame, "grbf-effects", dict.fromkeys(("η² of λ_u", "η² of λ_w"), "{:.2f}"))


def bench_table(bench: Bench) -> Styler:
    """One fit, the batch, the ratio, and the largest difference between both."""
    frame = pd.DataFrame(
        {
            "fits": [bench.fits],
            "Adam steps": [bench.steps],
            "one fit (s)": [bench.one],
            "all in a batch (s)": [bench.many],
            "ratio": [bench.ratio],
            "largest difference of an output": [bench.difference],
        }
    )
    formats = {
        "one fit (s)": "{:.3f}",
        "all in a batch (s)": "{:.3f}",
        "ratio": "{:.1f}",
        "largest difference of an output": "{:.0e}",
    }
    return styled(frame, "grbf-bench", formats)
