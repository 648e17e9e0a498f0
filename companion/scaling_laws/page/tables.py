"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.scaling_laws.lab.evidence import deviation, nearest
from companion.scaling_laws.lab.facts import Fact
from companion.scaling_laws.lab.solvers import TIMES, no_worse
from companion.scaling_laws.page.figures import name_of
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

    def ends(low: float, high: float, digits: int) -> str:
        return "" if np.isnan(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"

    rows = list(plans.itertuples())
    frame = pd.DataFrame(
        {
            "budget (%)": 100 * plans["budget"],
            "train": plans["plan"],
            "spent (%)": 100 * plans["spent"],
            "error ↓ (%)": [f"{row.are:.1f}{ends(row.low, row.high, 1)}" for row in rows],
            "bad days": [f"{row.bad:.0f} %{ends(row.bad_low, row.bad_high, 0)}" for row in rows],
            "signed error": plans["bias"],
        }
    )
    formats = {"budget (%)": "{:.0f}", "spent (%)": "{:.1f}", "signed error": "{:+.1f}"}
    return styled(frame, "sl-plans", formats)


def singles_table(singles: pd.DataFrame) -> Styler:
    """Every family: its largest smaller model alone, several smaller ones, the target's own run."""
    near = nearest(singles).set_index("family")
    own = singles[singles["is_target"]].set_index("family")["are"]
    columns = {
        "target, times as large": near["scale_up"].to_numpy(),
        "error ↓ (%)": near["are"].to_numpy(),
        "smaller ones, at no more cost: error (%)": near["several"].to_numpy(),
        "target's own first 30 %: error (%)": own.reindex(near.index).to_numpy(),
    }
    names = {"family": [name_of(name) for name in near.index], "the one run": near["model"]}
    frame = pd.DataFrame({**names, **columns}).reset_index(drop=True)
    return styled(frame, "sl-singles", dict.fromkeys(columns, "{:.1f}"))


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
