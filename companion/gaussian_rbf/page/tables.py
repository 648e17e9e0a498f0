"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from companion.gaussian_rbf.lab.nested import OURS, Nested
from companion.gaussian_rbf.lab.penalties import Surface, effects
from companion.gaussian_rbf.lab.speed import N_FITS, Speed
from companion.gaussian_rbf.sources import AUTHORS
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


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
    """Mean outer score per table and model."""
    means = nested.means
    kind = nested.scores.groupby("table")["regression"].first()
    frame = means.reset_index()
    frame.insert(1, "score ↑", ["R²" if kind[name] else "acc." for name in frame["table"]])
    order = [OURS, *[name for name in means.columns if name != OURS]]
    frame = frame[["table", "score ↑", *order]]
    return styled(frame, "grbf-scores", dict.fromkeys(order, "{:.2f}"))


def effect_table(surfaces: Sequence[Surface]) -> Styler:
    """Shares of variance per table, start and grid, and which surfaces are flat."""
    frame = effects(surfaces)
    frame["flat"] = ["yes" if flat else "" for flat in frame.pop("flat")]
    frame = frame.drop(columns="p_flat").rename(
        columns={"eta_u": "η² of λ_u", "eta_w": "η² of λ_w", "grid": "penalties"}
    )
    return styled(frame, "grbf-effects", dict.fromkeys(("η² of λ_u", "η² of λ_w"), "{:.2f}"))


def speed_table(speed: Speed) -> Styler:
    """Processor time of one fit and of a stack, as published and ours."""
    frame = pd.DataFrame(
        {
            "": ["one fit", f"{N_FITS} fits"],
            "as published (s)": [speed.published, speed.in_turn],
            "ours (s)": [speed.one, speed.stack],
            "times as fast": [speed.published / speed.one, speed.in_turn / speed.stack],
        }
    )
    formats = dict.fromkeys(("as published (s)", "ours (s)"), "{:.2f}")
    return styled(frame, "grbf-speed", formats | {"times as fast": "{:.1f}"})
