"""The authors' released tables, and numbers that the paper prints, each with its place."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from companion.data import fetch
from companion.quartet.method.law import Runs
from companion.quartet.method.optimal import Speed

TABLE_2 = pd.DataFrame(
    [
        ("SR AbsMax", "SR", 0.42, 2.77e-2, 0.88, 0.0),
        ("RTN AbsMax", "RTN", 0.59, 1.37e-2, 0.93, 9.3e-3),
        ("QuEST", "QuEST", 0.64, 1.32e-2, 0.83, 1.3e-2),
    ],
    columns=["rounding", "scheme", "eff_n", "mse", "eff_d", "misalignment"],
)
"""Table 2 of version 4.  Its eff_D column has an asterisk that the paper does not explain."""


TABLE_6 = {
    "log A": math.log(1.52e5),
    "alpha": 0.589,
    "log B": math.log(5.25e5),
    "beta": 0.544,
    "log E": math.log(1.35),
    "gamma": 0.274,
}
"""Table 6: constants of the law."""

PAPER_RUNS = {
    "none:none": 3.4157,
    "QuEST:none": 3.4821,
    "QuEST:RTN": 3.49,  # Table 3
    "QuEST:SR": 3.5003,
}
"""C4 validation loss of the 30M model at 25 tokens per parameter (released losses)."""


def released_losses() -> pd.DataFrame:
    """The authors' table of final losses, columns as in its README.

    Raises ``DataUnavailable`` where the file cannot be had.
    """
    return pd.read_csv(fetch("quartet/losses.csv"), keep_default_na=False)


def select(table: pd.DataFrame, forward: str, backward: str, *, suspect: bool = False) -> Runs:
    """Runs of one pair of schemes, first release only.

    suspect : whether to keep values that the table's note marks as suspect
    """
    rows = table[
        (table["forward"] == forward)
        & (table["backward"] == backward)
        & (table["snapshot"] == "2025-05")
    ]
    if not suspect:
        rows = rows[~rows["note"].str.startswith("suspect")]
    return Runs(*(rows[name].to_numpy(float) for name in ("n_params", "d_tokens", "c4_val_loss")))


def measured_speed(kernels: str = "new"):
    """Function of N: the authors' block-level speed-ups, log-linear in N, flat beyond the ends."""
    table = pd.read_csv(fetch("quartet/rtx5090_block_speedups.csv"))
    rows = table[table["kernels"] == kernels].sort_values("n_params")
    if rows.empty:
        raise ValueError(f"unknown kernels {kernels!r}; the table has {set(table['kernels'])}")
    x = np.log(rows["n_params"])

    def at(N: float) -> Speed:
        return Speed(
            *(
                float(np.interp(np.log(N), x, rows[f"{name}_speedup_vs_fp8"]))
                for name in ("forward", "backward")
            )
        )

    return at
