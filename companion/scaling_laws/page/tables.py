"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.scaling_laws.lab.facts import Fact
from companion.scaling_laws.lab.solvers import TIMES, no_worse
from companion.scaling_laws.page.figures import name_of
from companion.scaling_laws.verdict import deviation
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def solver_table(table: pd.DataFrame) -> Styler:
    """Three ways to fit the same cells: time of all, and how often each ends lowest."""
    seconds = table[list(TIMES)].sum().to_numpy()
    least = table[["sse_varpro", "sse_single", "sse_multi"]].fillna(np.inf)
    lowest = least.le(least.min(axis=1) * (1 + 1e-6), axis=0).sum().to_numpy()
    frame = pd.DataFrame(
        {
            "fit": ["variable projection", "curve_fit, the paper's start", "curve_fit, 20 starts"],
            "seconds": seconds,
            "times ours": seconds / seconds[0],
            f"lowest in, of {len(no_worse(table))} cells": lowest,
        }
    )
    return styled(frame, "sl-solvers", {"seconds": "{:.2f}", "times ours": "{:.1f}"})


def facts_table(facts: Sequence[Fact]) -> Styler:
    """Each fact, and the numbers that show it."""
    frame = pd.DataFrame(
        {
            "what is so": [fact.statement for fact in facts],
            "what shows it": [fact.shown_by for fact in facts],
            "agrees": ["yes" if fact.holds else "no" for fact in facts],
        }
    )
    return styled(frame, "sl-facts")


def plan_table(plans: pd.DataFrame) -> Styler:
    """Budget in, runs to train out, with the error to expect and the chance of a bad day."""
    bad = [
        f"{100 * row.bad:.0f} %"
        + ("" if np.isnan(row.bad_low) else f" [{100 * row.bad_low:.0f}, {100 * row.bad_high:.0f}]")
        for row in plans.itertuples()
    ]
    frame = pd.DataFrame(
        {
            "budget (%)": 100 * plans["budget"],
            "train": plans["plan"],
            "spent (%)": 100 * plans["spent"],
            "error ↓ (%)": [
                f"{row.are:.1f} [{row.low:.1f}, {row.high:.1f}]" for row in plans.itertuples()
            ],
            "bad days": bad,
            "signed error": plans["bias"],
        }
    )
    formats = {"budget (%)": "{:.0f}", "spent (%)": "{:.1f}", "signed error": "{:+.1f}"}
    return styled(frame, "sl-plans", formats)


def singles_table(singles: pd.DataFrame) -> Styler:
    """Every family: its largest smaller model alone, and the target's own first 30 %."""
    released = singles[singles["family"] != "gemstones"]
    others = released[~released["is_target"]]
    nearest = others.loc[others.groupby("family", sort=False)["N"].idxmax()].set_index("family")
    own = released[released["is_target"]].set_index("family")["are"]
    frame = pd.DataFrame(
        {
            "family": [name_of(name) for name in nearest.index],
            "the one run": nearest["model"].to_numpy(),
            "target, times as large": nearest["scale_up"].to_numpy(),
            "error ↓ (%)": nearest["are"].to_numpy(),
            "target's own first 30 %: error (%)": own.reindex(nearest.index).to_numpy(),
        }
    )
    numbers = ("target, times as large", "error ↓ (%)", "target's own first 30 %: error (%)")
    return styled(frame, "sl-singles", dict.fromkeys(numbers, "{:.1f}"))


def seeds_table(seeds: pd.DataFrame) -> Styler:
    """Tiny models: spread of the final loss over seeds."""
    groups = seeds.dropna(subset="loss").groupby("shape")["loss"]
    mean, spread, n = groups.mean(), groups.std(ddof=1), groups.size()
    frame = pd.DataFrame(
        {
            "layers x width": mean.index,
            "loss (nats per byte)": mean.to_numpy(),
            "standard deviation (%)": [
                measured_text(deviation(100 * spread[name] / mean[name], int(n[name])))
                for name in mean.index
            ],
            "seeds": n.to_numpy(),
        }
    )
    return styled(frame, "sl-seeds", {"loss (nats per byte)": "{:.3f}"})
