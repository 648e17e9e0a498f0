"""The authors' released tables, and numbers that the paper prints, each with its place."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from companion.data import fetch
from companion.quartet.method.law import Runs, Speed

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

TABLE_3 = pd.DataFrame(
    {
        "LUQ-INT4": (3.73, 3.68, 3.66, 3.43, 3.40, 0.49, 0.15),
        "LUQ-FP4": (4.81, 4.91, 4.88, 4.84, 4.80, 0.01, 0.07),
        "Jetfire-FP4": (7.03, 6.94, 6.76, 6.62, 6.58, math.nan, math.nan),
        "HALO-FP4": (6.65, 7.04, 6.55, 6.50, 5.38, math.nan, math.nan),
        "LSS-INT4": (math.nan, 3.40, math.nan, math.nan, math.nan, math.nan, math.nan),
        "Quartet": (3.49, 3.38, 3.29, 3.24, 3.20, 0.65, 0.95),
    },
    index=["25", "50", "100", "200", "400", "eff_n", "eff_d"],
).T
"""Table 3 of version 4: C4 validation loss of the 30M model by tokens per parameter."""

TABLE_7 = (16.40, 17.77)
"""C4 perplexity of the 7B model after 10 billion tokens, BF16 and Quartet (Table 7)."""

RERUN_RATIOS = (24.6, 49.2, 98.4, 196.8, 393.7, 787.3)
"""Tokens per parameter of the authors' re-runs."""

RERUN_GAPS = {
    "RTN, signs after": (0.00675, 0.00776, 0.00813, 0.01066, 0.01278, 0.01327),
    "RTN, signs before": (0.00662, 0.00624, 0.00600, 0.00744, 0.00630, 0.00700),
    "SR, signs after": (0.01179, 0.01417, 0.01377, 0.01331, 0.01317, 0.01262),
    "SR, signs before": (0.01494, 0.01546, 0.01222, 0.01365, 0.01375, 0.00999),
}
"""Backward scheme to loss above its unquantized baseline in nats, in the order of RERUN_RATIOS:
30M parameters, one seed each, from the repository of Quartet II."""

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


def curve_7b() -> pd.DataFrame:
    """Losses of the 7B model as it trains: iter, tokens, val_loss_baseline, val_loss_quartet.

    Raises ``DataUnavailable`` where the file cannot be had.
    """
    return pd.read_csv(fetch("quartet/curve_7b.csv"))


def gradient_alignment() -> pd.DataFrame:
    """The authors' gradient quality six blocks from the top: backward, cosine, misalignment (%).

    Raises ``DataUnavailable`` where the file cannot be had.
    """
    table = pd.read_csv(fetch("quartet/gradient_alignment.csv"))
    deepest = table[table["depth_blocks"] == 6]
    return pd.DataFrame(
        {
            "backward": deepest["backward"],
            "cosine": deepest["cosine_mean"],
            "misalignment (%)": 100 * (1 - deepest["alignment_mean"]),
        }
    )


def larger_models() -> pd.DataFrame:
    """Loss and accuracy of FP8 and Quartet at 100 tokens per parameter, where both are released.

    Columns: size, loss FP8, loss Quartet, and for each task Quartet's accuracy minus FP8's in
    percentage points.  Raises ``DataUnavailable`` where the file cannot be had.
    """
    table = pd.read_csv(fetch("quartet/fewshot.csv")).set_index(["size", "method"])
    both = [size for size in ("200M", "430M", "800M") if (size, "Quartet") in table.index]
    rows = []
    for size in both:
        fp8, ours = table.loc[(size, "FP8")], table.loc[(size, "Quartet")]
        row = {"size": size, "loss FP8": fp8["c4_val_loss"], "loss Quartet": ours["c4_val_loss"]}
        for task in ("hellaswag", "winogrande", "arc_easy"):
            row[task] = ours[f"{task}_acc"] - fp8[f"{task}_acc"]
        rows.append(row)
    return pd.DataFrame(rows)


def layer_speeds() -> pd.DataFrame:
    """Speed of the authors' MXFP4 layers of four sizes on an RTX 5090.

    Columns: layer, and forward, backward and both against FP8 and BF16.  Raises
    ``DataUnavailable`` where the file cannot be had.
    """
    table = pd.read_csv(fetch("quartet/rtx5090_layer_ms.csv"))
    by = {
        kernel: rows.set_index(["in_features", "out_features"])
        for kernel, rows in table.groupby("kernels")
    }
    rows = []
    for shape in ((1024, 1024), (4096, 4096), (8192, 8192), (22016, 8192)):
        row = {"layer": f"{shape[0]} to {shape[1]}"}
        for other, name in (("+fp8", "FP8"), ("baseline", "BF16")):
            for part in ("forward", "backward", "total"):
                ratio = by[other].loc[shape, f"{part}_ms"] / by["+cuda"].loc[shape, f"{part}_ms"]
                row[f"{part} / {name}"] = ratio
        rows.append(row)
    return pd.DataFrame(rows)


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
