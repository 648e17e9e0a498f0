"""Statements over families, where one family is one observation.

The sixteen GPT-2 families share runs, data and sizes, so they count as one; that leaves seven
independent lines of evidence at most, and two pairs of those (Pythia with and without
deduplication) are close relatives.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning

from companion.stats import Interval, sign_test


def cluster(family: str) -> str:
    """The independent line of evidence that a family belongs to."""
    return "GPT-2" if family.startswith("GPT2") else family


def all_models(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the largest n of each family and the largest q: everything that there is."""
    top = table.groupby("family")[["n", "q"]].transform("max")
    return table[(table["n"] == top["n"]) & (table["q"] == top["q"])]


def paired_ratios(above: pd.DataFrame, below: pd.DataFrame) -> pd.Series:
    """ARE ratio per cluster, geometric mean within it; clusters with a missing fit are left out.

    above, below : one row per family, columns family and are
    """
    both = above.set_index("family")["are"] / below.set_index("family")["are"]
    logs = np.log(both.dropna())
    return np.exp(logs.groupby([cluster(name) for name in logs.index]).mean())


def cut_ratios(ladders: pd.DataFrame) -> pd.Series:
    """Error without the cut over error with it, all models, per independent family."""
    rows = all_models(ladders[ladders["experiment"] == "n vs q"])
    return paired_ratios(rows[rows["cut"] == 0], rows[rows["cut"] > 0])


def share_above_one(ratios: pd.Series) -> Interval:
    """Share of clusters whose ratio exceeds one, Wilson interval and one-sided sign test."""
    return sign_test(int((ratios > 1).sum()), len(ratios))


class Mixed(NamedTuple):
    """terms : table with index term and columns estimate, low, high, p (of log ARE)

    n_rows, n_families : what it was fitted on; converged : statsmodels' own word
    """

    terms: pd.DataFrame
    n_rows: int
    n_families: int
    converged: bool


def mixed_model(table: pd.DataFrame) -> Mixed:
    """log ARE on log n, log scale-up, q and cut, with a random intercept per family.

    Rows that are not identified (n = 2) or have no error are left out: they measure the start
    value. Cells of one family are not independent given its intercept, so the intervals are too
    narrow; they order the effects and prove none.
    """
    rows = table[table["status"].isin(["ok", "at bound"]) & (table["are"] > 0)]
    design = pd.DataFrame(
        {
            "intercept": 1.0,
            "log n": np.log(rows["n"]),
            "log scale-up": np.log(rows["scale_up"]),
            "q": rows["q"],
            "cut 10B": (rows["cut"] > 0).astype(float),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported in the result
        fit = MixedLM(np.log(rows["are"]), design, groups=rows["family"]).fit()
    interval = fit.conf_int().loc[design.columns]
    terms = pd.DataFrame(
        {
            "estimate": fit.fe_params,
            "low": interval[0],
            "high": interval[1],
            "p": fit.pvalues[design.columns],
        }
    )
    return Mixed(terms, len(rows), rows["family"].nunique(), bool(fit.converged))
