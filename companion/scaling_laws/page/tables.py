"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.scaling_laws.lab.facts import Fact
from companion.scaling_laws.verdict.across import Mixed
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def ladder_table(ladders: pd.DataFrame) -> Styler:
    """How many laws each experiment fitted, how they ended, and how long it took."""
    rows = ladders[ladders["experiment"] != "best seen"]
    counts = rows.groupby("experiment")["status"].value_counts().unstack(fill_value=0)
    order = ["ok", "at bound", "not converged", "not identified", "failed", "empty"]
    counts = counts.reindex(columns=order, fill_value=0)
    fitted = counts.drop(columns="empty").sum(axis=1)
    frame = pd.DataFrame({"laws": fitted, **{name: counts[name] for name in order}})
    frame["seconds"] = rows.groupby("experiment")["seconds"].sum()
    frame.loc["all"] = frame.sum()
    frame = frame.rename(columns={"empty": "no checkpoint"}).reset_index(names="experiment")
    integers = [name for name in frame.columns if name not in ("experiment", "seconds")]
    return styled(frame, "sl-ladders", {**dict.fromkeys(integers, "{:,.0f}"), "seconds": "{:.1f}"})


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
    """Budget in, runs to train out, with the error to expect."""
    frame = pd.DataFrame(
        {
            "budget (% of the target's cost)": 100 * plans["budget"],
            "train": plans["plan"],
            "spent (%)": 100 * plans["spent"],
            "error ↓ (%)": plans["are"],
            "interval": [f"{row.low:.1f} to {row.high:.1f}" for row in plans.itertuples()],
            "one in ten above": plans["worst_tenth"],
            "signed error": plans["bias"],
        }
    )
    formats = {
        "budget (% of the target's cost)": "{:.0f}",
        "spent (%)": "{:.1f}",
        "error ↓ (%)": "{:.1f}",
        "one in ten above": "{:.1f}",
        "signed error": "{:+.1f}",
    }
    return styled(frame, "sl-plans", formats)


def singles_table(singles: pd.DataFrame) -> Styler:
    """Errors of single runs with a borrowed size term."""
    frame = pd.DataFrame(
        {
            "the one run": singles["model"],
            "parameters (millions)": singles["N"] / 1e6,
            "error ↓ (%)": singles["are"],
            "signed error": singles["bias"],
        }
    )
    formats = {
        "parameters (millions)": "{:,.0f}",
        "error ↓ (%)": "{:.1f}",
        "signed error": "{:+.1f}",
    }
    return styled(frame, "sl-singles", formats)


def regression_table(result: Mixed) -> Styler:
    """Effects on log error, as factors of the error."""
    terms = result.terms.drop(index="intercept")
    frame = pd.DataFrame(
        {
            "term": terms.index,
            "error changes by the factor": np.exp(terms["estimate"]),
            "low": np.exp(terms["low"]),
            "high": np.exp(terms["high"]),
        }
    )
    formats = dict.fromkeys(("error changes by the factor", "low", "high"), "{:.2f}")
    return styled(frame, "sl-regression", formats)
