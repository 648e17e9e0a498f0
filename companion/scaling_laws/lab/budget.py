"""From a budget to the runs worth training: the practitioner's table.

The best of many designs looks better than it is, because the luckiest is picked.  So every design
is chosen on one half of the subsets and its error reported on the other half.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.scale import generator
from companion.scaling_laws.lab.designs import NESTED, Design, large_runs, targets, thrown
from companion.scaling_laws.method.protocol import Family, are, bias, target_points, training_points
from companion.scaling_laws.method.reduced import fit_one_model
from companion.stats import bootstrap, proportion

BAD_DAY = 10.0
"""Percent of error from which a prediction is called a bad day."""

LEAST_SUBSETS = 8
"""Subsets that each half of a design's draws must have."""


def candidate_designs(
    ks: Sequence[int], tokens: Sequence[float], pools: Sequence[str] = NESTED
) -> list[Design]:
    """Every combination, with the first tenth of each run thrown away."""
    return [Design(pool, k, float(D), thrown(0.1)) for pool in pools for k in ks for D in tokens]


def target_cost(family: Family) -> float:
    """FLOP of training one target to its end, 6 N D, mean over the targets."""
    _, final = targets(family)
    return float((6 * final.N * final.D).mean())


def practitioner_table(
    results: pd.DataFrame,
    cost: float,
    budgets: Sequence[float],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Budget in, design out, with the error to expect.

    Parameters
    ----------
    results : of ``monte_carlo`` over ``candidate_designs``
    cost : FLOP of the target run; budgets : shares of it

    Columns: budget (share of the target's cost), pool, k, tokens, spent (share), are with low and
    high (95 % bootstrap interval of the mean over held-out subsets), worst_tenth (90th percentile
    of ARE: one plan in ten errs by more), bad with bad_low and bad_high (share of the held-out
    subsets that err by more than :data:`BAD_DAY`, Wilson interval), bias (mean signed error: where
    it is far smaller than ARE, errors of opposite sign cancel between subsets), n, n_failed. Left
    out are budgets that no design fits, and designs with so few subsets that a half has less than
    LEAST_SUBSETS.
    """
    names = ["pool", "k", "tokens"]
    results = results[results.groupby(names)["draw"].transform("size") >= 2 * LEAST_SUBSETS]
    chosen_on = results[results["draw"] % 2 == 0].groupby(names)
    summary = chosen_on.agg(are=("are", "mean"), flop=("flop", "mean")).reset_index()
    rows = []
    for budget in budgets:
        affordable = summary[summary["flop"] <= budget * cost]
        if affordable.empty:
            continue
        best = affordable.loc[affordable["are"].idxmin()]
        same = np.logical_and.reduce([results[name] == best[name] for name in names])
        held_out = results[same & (results["draw"] % 2 == 1)]
        errors = held_out["are"].to_numpy()
        finite = errors[np.isfinite(errors)]
        interval = bootstrap(finite, rng=rng)
        bad = proportion(int((finite > BAD_DAY).sum()), finite.size)
        rows.append(
            {
                "budget": budget,
                "pool": best["pool"],
                "k": int(best["k"]),
                "tokens": float(best["tokens"]),
                "spent": float(best["flop"] / cost),
                "are": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "worst_tenth": float(np.quantile(finite, 0.9)),
                "bad": bad.estimate,
                "bad_low": bad.low,
                "bad_high": bad.high,
                "bias": float(held_out["bias"].mean()),
                "n": int(finite.size),
                "n_failed": int(errors.size - finite.size),
            }
        )
    return pd.DataFrame(rows)


def own_run_error(family: Family, share: float) -> pd.DataFrame:
    """The other plan: train the target itself for `share` of its run, borrow the size term.

    The first tenth of what was trained is thrown away. Returns one row per target: model, are and
    bias (last 30 %, percent). ValueError if fewer than three checkpoints remain.
    """
    rows = []
    for run in large_runs(family):
        data = training_points([run], q=share, cut=0.1 * share * run.D[-1])
        law, target = fit_one_model(data).law, target_points(run)
        rows.append({"model": run.model, "are": are(law, target), "bias": bias(law, target)})
    return pd.DataFrame(rows)


def plans(
    results: pd.DataFrame, family: Family, budgets: Sequence[float], seed: int
) -> pd.DataFrame:
    """Both plans for every budget: rows of :func:`practitioner_table` and the target's own run.

    seed : of the bootstrap over subsets

    Adds the column plan; for the own run low and high are the range over targets, not an interval.
    A share so small that fewer than three checkpoints remain has no own-run row.
    """
    rng = generator(seed, "budget")
    small = practitioner_table(results, target_cost(family), budgets, rng)
    small = small.assign(
        plan=[
            f"{row.k} runs of at most {row.pool}, {row.tokens / 1e9:.0f}B tokens each"
            for row in small.itertuples()
        ]
    )
    own = []
    for share in budgets:
        if share >= 1:  # nothing is left to predict
            continue
        try:
            errors = own_run_error(family, share)
        except ValueError:  # so short a run has too few checkpoints
            continue
        own.append(
            {
                "budget": share,
                "plan": f"the target's own first {100 * share:.0f} %",
                "spent": share,
                "are": errors["are"].mean(),
                "low": errors["are"].min(),
                "high": errors["are"].max(),
                "worst_tenth": np.nan,
                "bad": float((errors["are"] > BAD_DAY).mean()),
                "bad_low": np.nan,
                "bad_high": np.nan,
                "bias": errors["bias"].mean(),
                "n": len(errors),
                "n_failed": 0,
            }
        )
    table = pd.concat([small, pd.DataFrame(own)], ignore_index=True)
    return table.sort_values(["budget", "spent"], kind="stable", ignore_index=True)
