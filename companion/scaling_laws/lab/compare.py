"""Our heat maps beside the numbers that the authors' figures print."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.scaling_laws.sources import printed_heatmaps

REPRODUCIBLE = ("OPT", "gpt3", "t5-pile")
"""Families whose data were released in the form that the paper fitted."""

TOLERANCE = 0.05
"""Percentage points within which a cell is reproduced."""

_EXPERIMENTS = {0.0: "fit_no_cut", 1e10: "fit_cut10B"}


def beside_printed(table: pd.DataFrame, *, least: int = 3) -> pd.DataFrame:
    """One row per printed cell with n >= `least`, of the reproducible families.

    table : rows of ``n_vs_q`` in the paper's unit, with and without the cut

    Columns: family, cut, n, q, printed, ours, difference (percentage points), reproduced. The
    figure with the cut prints two significant digits, so there a cell is reproduced if it lies
    within half a digit and :data:`TOLERANCE`. A cell that ours left empty is not reproduced.
    """
    printed = printed_heatmaps()
    printed = printed[printed["group"].isin(REPRODUCIBLE) & (printed["n"] >= least)]
    parts = []
    for cut, experiment in _EXPERIMENTS.items():
        ours = table[(table["cut"] == cut) & (table["experiment"] == "n vs q")]
        theirs = printed[printed["experiment"] == experiment]
        merged = theirs.merge(
            ours.assign(group=ours["family"], percentage=ours["q"])[
                ["group", "n", "percentage", "are"]
            ],
            on=["group", "n", "percentage"],
            how="left",
        )
        merged = merged[merged["group"].isin(ours["family"])]
        parts.append(
            pd.DataFrame(
                {
                    "family": merged["group"],
                    "cut": cut,
                    "n": merged["n"],
                    "q": merged["percentage"],
                    "printed": merged["are_pct"],
                    "ours": merged["are"],
                    "half_digit": 0.005 if cut == 0 else _half_digit(merged["are_pct"]),
                }
            )
        )
    cells = pd.concat(parts, ignore_index=True).dropna(subset="printed")
    cells["difference"] = cells["ours"] - cells["printed"]
    within = cells["difference"].abs() <= TOLERANCE + np.where(
        cells["cut"] > 0, cells["half_digit"], 0
    )
    return cells.assign(reproduced=within).drop(columns="half_digit")


def _half_digit(values: pd.Series) -> np.ndarray:
    """Half a unit of the second significant digit."""
    return 0.5 * 10 ** (np.floor(np.log10(values)) - 1)


def share_reproduced(cells: pd.DataFrame) -> float:
    """Share of printed cells that are reproduced."""
    return float(cells["reproduced"].mean())
