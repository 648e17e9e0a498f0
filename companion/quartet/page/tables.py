"""Tables of the chapter's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from companion.claims import measured_text
from companion.data import fetch
from companion.quartet.lab.gaussian import Simulated
from companion.quartet.lab.refit import Refit
from companion.quartet.lab.reruns import Regression
from companion.quartet.lab.speed import Speeds
from companion.quartet.method.law import PARAMETERS
from companion.quartet.sources import TABLE_2, TABLE_6
from companion.quartet.verdict import deviations
from companion.stats import Interval, t_interval
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

    from companion.quartet.lab.training import Trained


def quantizer_table(table: Mapping[str, Simulated]) -> Styler:
    """Error and misalignment of every quantizer beside Table 2."""
    printed = TABLE_2.set_index("scheme")
    rows = []
    for name, measured in table.items():
        known = printed.loc[name] if name in printed.index else None
        rows.append(
            {
                "quantizer": name,
                "MSE ↓ (%)": 100 * measured.mse.mean(),
                "Table 2": None if known is None else 100 * known["mse"],
                "misalignment (%)": 100 * measured.misalignment.mean(),
                "Table 2 ": None if known is None else 100 * known["misalignment"],
            }
        )
    decimals = dict.fromkeys(("MSE ↓ (%)", "misalignment (%)"), "{:.3f}")
    decimals |= dict.fromkeys(("Table 2", "Table 2 "), "{:.2f}")
    return styled(pd.DataFrame(rows), "quartet-quantizers", decimals)


def regression_table(found: Regression) -> Styler:
    """The authors' re-runs: what least squares says, in millinats."""
    names = {
        "slope of RTN per doubling, signs after": found.after,
        "slope of RTN per doubling, signs before": found.before,
        "difference of the slopes": found.difference,
        "SR - RTN, signs before": found.sr_minus_rtn,
    }
    rows = [
        {
            "quantity (millinats)": name,
            "estimate": measured_text(
                Interval(*(1e3 * v for v in (value.estimate, value.low, value.high)))
            ),
            "p": value.p,
            "n": value.n,
        }
        for name, value in names.items()
    ]
    return styled(pd.DataFrame(rows), "quartet-reruns", {"p": "{:.4f}"})


def law_table(refit: Refit) -> Styler:
    """The six constants beside Table 6, with intervals over resampled runs."""
    rows = [
        {
            "parameter": name,
            "Table 6": TABLE_6[name],
            "refit": measured_text(refit.interval(name)),
            "difference (%)": off,
        }
        for name, off in zip(PARAMETERS, deviations(refit), strict=True)
    ]
    formats = {"Table 6": "{:.3f}", "difference (%)": "{:.2f}"}
    return styled(pd.DataFrame(rows), "quartet-law", formats)


def authors_depth() -> pd.DataFrame:
    """The authors' gradient quality six blocks from the top: scheme, cosine, misalignment (%).

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


def authors_depth_table(frame: pd.DataFrame) -> Styler:
    """:func:`authors_depth` as a table."""
    formats = {"cosine": "{:.3f}", "misalignment (%)": "{:.1f}"}
    return styled(frame, "quartet-authors-depth", formats)


def training_table(trained: Trained) -> Styler:
    """Final held-out loss and gap of every recipe."""
    rows = []
    for name, losses in trained.final.items():
        gap = trained.gap(name)
        several = len(gap) > 1 and not pd.isna(gap).any()
        rows.append(
            {
                "forward : backward": name,
                "loss ↓ (nats per byte)": losses.mean(),
                "gap (nats)": (
                    "–"
                    if name == "none:none"
                    else measured_text(t_interval(gap))
                    if several
                    else f"{gap.mean():.4f}"
                ),
            }
        )
    return styled(pd.DataFrame(rows), "quartet-training", {"loss ↓ (nats per byte)": "{:.4f}"})


def speed_table(speeds: Speeds) -> Styler:
    """Times in milliseconds and their ratios."""
    n = speeds.size
    clone, plain = speeds.clone, speeds.steps["none:none"]
    rows = [
        (f"copy of a {n} x {n} matrix", clone, "1 copy"),
        ("RTN by search of 16 codes", speeds.search, f"{speeds.search / clone:.0f} copies"),
    ]
    rows += [
        (f"{name}, ours", took, f"{took / clone:.1f} copies")
        for name, took in speeds.quantized.items()
    ]
    rows += [
        (f"training step, {name}", took, f"{took / plain:.2f} plain steps")
        for name, took in speeds.steps.items()
    ]
    frame = pd.DataFrame(rows, columns=["operation", "milliseconds", "in units of"])
    frame["milliseconds"] *= 1e3
    return styled(frame, "quartet-speed", {"milliseconds": "{:.1f}"})
