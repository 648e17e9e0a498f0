"""Tables of the chapter's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from companion.claims import measured_text
from companion.quartet.lab.released import Refit, Regression
from companion.quartet.lab.rounding import Averages, Simulated
from companion.quartet.lab.speed import Speeds
from companion.quartet.lab.training import Ladder, Rates, efficiency, monotone_efficiency
from companion.quartet.method.law import PARAMETERS
from companion.quartet.method.linear import BASELINE
from companion.quartet.page.figures import NAMED
from companion.quartet.sources import TABLE_2, TABLE_6
from companion.quartet.verdict import deviations
from companion.stats import Interval, over_seeds
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


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
        "slope per doubling, RTN, signs after": found.slopes["RTN, signs after"],
        "slope per doubling, RTN, signs before": found.slopes["RTN, signs before"],
        "half of the first minus the second": found.small,
        "the same beyond SR's": found.small_beyond_placebo,
        "change of RTN's slope": found.rtn,
        "change of SR's slope (placebo)": found.sr,
        "change beyond the placebo": found.beyond_placebo,
        "fall of the mean gap beyond the placebo": found.level,
        "SR - RTN, signs before": found.sr_minus_rtn,
        "its slope per doubling": found.its_slope,
    }
    rows = [
        {
            "quantity (millinats)": name,
            "estimate": measured_text(
                Interval(*(1e3 * v for v in (value.estimate, value.low, value.high)))
            ),
            "p": value.p,
        }
        for name, value in names.items()
    ]
    return styled(pd.DataFrame(rows), "quartet-reruns", {"p": "{:.4f}"})


def law_table(refit: Refit) -> Styler:
    """The six constants beside Table 6, with intervals, and those without the largest runs."""
    held = refit.held_out
    rows = [
        {
            "parameter": name,
            "Table 6": TABLE_6[name],
            "refit": measured_text(refit.interval(name)),
            "off (%)": off,
            "without 430M, 800M": without,
            "the same, γ = 1": flat,
        }
        for name, off, without, flat in zip(
            PARAMETERS, deviations(refit), held.law.theta, held.law_gamma_1.theta, strict=True
        )
    ]
    formats = {"off (%)": "{:.2f}"}
    formats |= dict.fromkeys(("Table 6", "without 430M, 800M", "the same, γ = 1"), "{:.3f}")
    return styled(pd.DataFrame(rows), "quartet-law", formats)


def authors_depth_table(frame: pd.DataFrame) -> Styler:
    """The authors' gradients six blocks from the top."""
    formats = {"cosine": "{:.3f}", "misalignment (%)": "{:.1f}"}
    return styled(frame, "quartet-authors-depth", formats)


def training_table(ladder: Ladder) -> Styler:
    """Final held-out loss, gap, and share of every recipe, by two curves through the ladder."""
    ways = {"share": efficiency, "share, monotone curve": monotone_efficiency}
    rows = []
    for name, losses in ladder.final.items():
        forward, _, backward = name.partition(":")
        of = "N" if backward == "none" else "D" if forward == "none" else ""
        row = {"forward : backward": NAMED.get(name, name), "loss ↓": losses.mean()}
        if name == BASELINE:
            row |= {"gap (nats)": "–", **dict.fromkeys(ways, "–")}
        else:
            row["gap (nats)"] = measured_text(over_seeds(ladder.gap(name)))
            for column, measure in ways.items():
                row[column] = f"{measured_text(measure(ladder, name, of))} of {of}" if of else "–"
        rows.append(row)
    return styled(pd.DataFrame(rows), "quartet-training", {"loss ↓": "{:.4f}"})


def rate_table(rates: Rates) -> Styler:
    """Loss of every recipe at each learning rate, and what it gains beyond the unquantized run."""
    rows = []
    for name, losses in rates.final.items():
        for i, lr in enumerate(rates.rates):
            gained = "–" if name == BASELINE else measured_text(over_seeds(rates.gained(name)[i]))
            rows.append(
                {
                    "recipe": NAMED.get(name, name),
                    "learning rate": f"{lr:g}",
                    "loss ↓": losses[i].mean(),
                    "gain beyond unquantized": gained,
                }
            )
    return styled(pd.DataFrame(rows), "quartet-rates", {"loss ↓": "{:.4f}"})


def control_table(measured: Averages) -> Styler:
    """Error of the mean of K draws over that of one draw, and what pure noise would leave."""
    rows = [
        {
            "arm": arm,
            **{
                f"K = {k}": float((errors[:, i] / errors[:, 0]).mean())
                for i, k in enumerate(measured.counts)
            },
        }
        for arm, errors in measured.errors.items()
    ]
    rows.append({"arm": "1 / K", **{f"K = {k}": 1 / k for k in measured.counts}})
    formats = {f"K = {k}": "{:.4f}" for k in measured.counts}
    return styled(pd.DataFrame(rows), "quartet-control", formats)


def larger_table(frame: pd.DataFrame) -> Styler:
    """The authors' larger models: what four bits cost in loss and accuracy."""
    shown = frame.assign(**{"gap (nats)": frame["loss Quartet"] - frame["loss FP8"]})
    tasks = ["hellaswag", "winogrande", "arc_easy"]
    shown = shown[["size", "loss FP8", "loss Quartet", "gap (nats)", *tasks]]
    formats = dict.fromkeys(("loss FP8", "loss Quartet", "gap (nats)"), "{:.3f}")
    return styled(shown, "quartet-larger", formats | dict.fromkeys(tasks, "{:+.1f}"))


def layer_table(frame: pd.DataFrame) -> Styler:
    """The authors' layers on an RTX 5090: times as fast as FP8 and BF16."""
    formats = {name: "{:.2f}" for name in frame.columns if name != "layer"}
    return styled(frame, "quartet-layers", formats)


def speed_table(speeds: Speeds) -> Styler:
    """Run times as ratios."""
    took, steps = speeds.matrix, speeds.steps
    rows = [
        ("rotation and QuEST", "the kernel's algorithm", "rotation and QuEST, ours"),
        ("RTN, no rotation", "torch.bucketize", "RTN, ours"),
    ]
    slow = ("rotation and QuEST, the kernel step by step", "RTN by bucketize")
    table = [
        {"operation": what, "against": against, "times as fast": took[other] / took[ours]}
        for (what, against, ours), other in zip(rows, slow, strict=True)
    ]
    table += [
        {
            "operation": f"training step, {NAMED.get(name, name)}",
            "against": "unquantized",
            "times as fast": steps[BASELINE] / seconds,
        }
        for name, seconds in steps.items()
        if name != BASELINE
    ]
    return styled(pd.DataFrame(table), "quartet-speed", {"times as fast": "{:.2g}"})
