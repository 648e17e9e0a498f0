"""Tables of the chapter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from companion.next_token_concepts import hub
from companion.next_token_concepts.lab.dictionaries import Dictionaries
from companion.next_token_concepts.lab.learning import Trained
from companion.next_token_concepts.lab.run import Noise
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def oracle_table(etas: pd.DataFrame) -> Styler:
    """R2 of a perfect predictor's name logits by eta, with the theorem's own A and the residual."""
    names = {
        "LM": "log marginals",
        "P": "posterior",
        "joint": "joint log table",
        "bag": "counts",
        "no_fit": "theorem's A",
        "ratio": "sd(h) / sd(line)",
        "information": "I(x; y), nats",
    }
    mean = etas.groupby("eta", as_index=False).mean(numeric_only=True)
    table = mean[["eta", *names]].rename(columns=names | {"eta": "η"})
    return styled(table, "ntc-oracle", dict.fromkeys(names.values(), "{:.3f}") | {"η": "{:g}"})


def vector_table(runs: Sequence[Trained]) -> Styler:
    """What f_x itself and the name logits are linear in, by kind of network and eta."""
    rows = [
        {
            "network": run.plan.network,
            "width of f": run.plan.d,
            "η": run.plan.eta,
            "largest KL / I": run.excess,
            "f, log marginals": run.vector["LM"],
            "f, posterior": run.vector["P"],
            "logits, log marginals": run.logits["LM"],
            "logits, posterior": run.logits["P"],
        }
        for run in runs
    ]
    keys = ["network", "width of f", "η"]
    groups = pd.DataFrame(rows).groupby(keys, sort=False)
    table = groups.mean()
    table["largest KL / I"] = groups["largest KL / I"].max()
    table.insert(0, "seeds", groups.size())
    table = table.reset_index()
    formats = dict.fromkeys(table.columns[5:], "{:.3f}")
    return styled(table, "ntc-vector", formats | {"largest KL / I": "{:.4f}", "η": "{:g}"})


def noise_table(noise: Sequence[Noise]) -> Styler:
    """The recipe on pure noise: cosines and the authors' Frobenius value."""
    table = pd.DataFrame(
        [
            {
                "C": one.c,
                "same pairs": one.same.mean(),
                "disjoint": one.held_out.mean(),
                "labels permuted": one.permuted.mean(),
                "F": one.frobenius,
                "F, unrelated vectors": one.frobenius_unrelated,
            }
            for one in noise
        ]
    )
    return styled(table, "ntc-noise", dict.fromkeys(table.columns[1:], "{:.3f}") | {"C": "{:g}"})


def twin_table(runs: Sequence[Trained]) -> Styler:
    """Scale-aware test and diagonals in the concept world, one row a seed."""
    table = pd.DataFrame(
        [
            {
                "seed": run.plan.seed,
                "slope": run.twins.slope,
                "R²": run.twins.r2,
                "cosine, same pairs": run.twins.same.mean(),
                "cosine, disjoint": run.twins.held_out.mean(),
            }
            for run in runs
        ]
    )
    return styled(table, "ntc-twins", dict.fromkeys(table.columns[1:], "{:.3f}"))


def dictionary_table(found: Dictionaries) -> Styler:
    """Error, active sparse features, and scores by kind and level, means over seeds."""
    names = {
        "mse": "error",
        "active": "active",
        "exp_r": "exp(z) with p",
        "odds_r": "z with log odds",
    }
    groups = found.scores.groupby(["kind", "level"], sort=False)
    table = groups[list(names)].mean().reset_index().rename(columns=names)
    formats = {"error": "{:.4f}", "active": "{:.1f}"}
    return styled(table, "ntc-codes", formats | dict.fromkeys(table.columns[4:], "{:.2f}"))


def checkpoint_table(rows: pd.DataFrame) -> Styler:
    """Pythia: gain of the held-out diagonal over training, and the same-pair one at step 0."""
    found = []
    for name in rows["model"].unique():
        start = rows[(rows["model"] == name) & (rows["revision"] == hub.FIRST)]
        gain = hub.gained(rows, name)
        found.append(
            {
                "model": name,
                "gain": gain.estimate,
                "from": gain.low,
                "to": gain.high,
                "same pairs, step 0": start.loc[start["depth"] == 1, "same"].mean(),
            }
        )
    table = pd.DataFrame(found)
    return styled(table, "ntc-pythia", dict.fromkeys(table.columns[1:], "{:.2f}"))
