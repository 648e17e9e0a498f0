"""Tables of the chapter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.next_token_concepts import hub
from companion.next_token_concepts.lab.learning import Trained
from companion.next_token_concepts.lab.run import Noise
from companion.next_token_concepts.lab.words import RealWords
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def convergence_table(runs: Sequence[Trained]) -> Styler:
    """What each network misses of the information, and its scores; one row per group of seeds."""
    rows = [
        {
            "names": t.plan.targets,
            "network": t.plan.network,
            "η": t.plan.eta,
            "KL / I": t.excess,
            "log marginals": t.enc["LM"],
            "posterior": t.enc["P"],
            "counts": t.enc["bag"],
        }
        for t in runs
    ]
    table = pd.DataFrame(rows)
    keys = ["η", "names", "network"]
    found = table.groupby(keys, as_index=False).mean(numeric_only=True)
    found.insert(3, "seeds", table.groupby(keys).size().to_numpy())
    worst = table.groupby(keys)["KL / I"].max().to_numpy()
    found.insert(5, "largest KL / I", worst)
    formats = dict.fromkeys(("KL / I", "largest KL / I"), "{:.4f}")
    formats |= dict.fromkeys(("log marginals", "posterior", "counts"), "{:.3f}")
    return styled(found, "ntc-convergence", {**formats, "η": "{:g}"})


def oracle_table(etas: pd.DataFrame) -> Styler:
    """R2_enc of a perfect predictor by eta, with the theorem's own A and the residual."""
    names = {
        "LM": "log marginals",
        "P": "posterior",
        "bag": "counts",
        "label": "true concepts",
        "no_fit": "theorem's A",
        "ratio": "sd(h) / sd(line)",
        "information": "I(x; y), nats",
    }
    mean = etas.groupby("eta", as_index=False).mean(numeric_only=True)
    table = mean[["eta", *names]].rename(columns=names | {"eta": "η"})
    return styled(table, "ntc-oracle", dict.fromkeys(names.values(), "{:.3f}") | {"η": "{:g}"})


def noise_table(noise: Sequence[Noise]) -> Styler:
    """The recipe on pure noise: cosines and the authors' Frobenius value."""
    table = pd.DataFrame(
        [
            {
                "C": n.c,
                "same pairs": n.same.mean(),
                "disjoint": n.held_out.mean(),
                "labels permuted": n.permuted.mean(),
                "F": n.frobenius,
                "F, unrelated vectors": n.frobenius_unrelated,
            }
            for n in noise
        ]
    )
    return styled(table, "ntc-noise", dict.fromkeys(table.columns[1:], "{:.3f}") | {"C": "{:g}"})


def twin_table(runs: Sequence[Trained]) -> Styler:
    """Scale-aware test and diagonals in the concept world, by eta."""
    rows = [
        {
            "η": t.plan.eta,
            "slope": t.twins.slope,
            "R²": t.twins.r2,
            "same pairs": np.diag(t.twins.same).mean(),
            "disjoint": np.diag(t.twins.held_out).mean(),
            "noise, same pairs": np.diag(t.twins.noise_same).mean(),
            "noise, disjoint": np.diag(t.twins.noise_held_out).mean(),
        }
        for t in runs
    ]
    table = pd.DataFrame(rows).groupby("η", as_index=False).mean()
    return styled(table, "ntc-twins", dict.fromkeys(table.columns[1:], "{:.2f}") | {"η": "{:g}"})


def penalty_table(found: RealWords) -> Styler:
    """The real model's last layer at several penalties, means over concepts."""
    names = {
        "C": "C",
        "arm": "weights",
        "same": "same pairs",
        "held_out": "disjoint",
        "noise_same": "matched noise, same pairs",
    }
    table = found.sweep[list(names)].rename(columns=names)
    formats = dict.fromkeys(list(names.values())[2:], "{:.2f}") | {"C": "{:g}"}
    return styled(table, "ntc-penalty", formats)


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
