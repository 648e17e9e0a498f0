"""Which cheap runs predict a large model?  A Monte Carlo over runs that the paper did not see.

Gemstones has 22 models trained with one recipe.  A *design* says how many of the smaller ones to
train, from which pool of sizes, for how many tokens, and which checkpoints go into the fit.  Many
random subsets of runs are drawn per design; each predicts the three largest models at the end of
their training.

Subsets of one pool overlap, and so do their errors: the runs are the cases and not the subsets.
Intervals leave the training runs out, one at a time (:func:`over_runs`).  They speak about other
runs of this recipe, and nothing about other families: one family is one observation, however many
subsets it has.

From a budget to the runs worth training (:func:`practitioner_table`): the best of many designs
looks better than it is, because the luckiest is picked.  So every design is chosen on one half of
the subsets and its error reported on the other half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from scipy.stats import t as student

from companion.scale import generator
from companion.scaling_laws.lab.released import best_seen
from companion.scaling_laws.method.law import Fit, Points, join, residual_sum
from companion.scaling_laws.method.protocol import (
    CUT,
    Family,
    Run,
    are,
    bias,
    stack,
    target_points,
    training_points,
)
from companion.scaling_laws.method.recipe import fit_curve_fit, fit_one_model, fit_size_only
from companion.scaling_laws.method.varpro import fit_varpro
from companion.stats import LEVEL, Interval
from companion.sweep import sweep

WHOLE = 3.5e11
"""Tokens of a whole run."""

LARGE = "475M to 1.05B"
"""The truly large runs: a quarter to half of the targets' size."""

POOLS = {
    "120M": (0.0, 1.2e8),
    "545M": (0.0, 5.45e8),
    "1.05B": (0.0, 1.05e9),
    LARGE: (4e8, 1.05e9),
}
"""Sizes that a design may train on: more parameters than the first number, at most the second."""

NESTED = ("120M", "545M", "1.05B")
"""Pools that hold each other; the fourth has large runs only."""

BAD_DAY = 10.0
"""Percent of error from which a prediction is called a bad day."""

LEAST_SUBSETS = 8
"""Subsets that each half of a design's draws must have."""

TARGET_SIZE = 1.5e9
"""Models above this are the targets (three, of 1.9 to 2.0 billion parameters)."""

Select = Callable[[np.ndarray, float], np.ndarray]
"""(tokens seen at each checkpoint, tokens of the run) -> which checkpoints are used."""


def _final_five(data: Points) -> Fit | None:
    # one D for all: the law is not identified, so the paper's start value decides
    return fit_curve_fit(data, need_identified=False)


def _best_seen(data: Points) -> Fit:
    law = best_seen(data)
    return Fit(law, residual_sum(law, data), data.N.size, data.n_sizes, converged=True)


def thrown(share: float) -> str:
    """The treatment that throws away the first `share` of each run."""
    return f"cut {100 * share:.0f} %"


def _after(share: float) -> Select:
    return lambda seen, tokens: seen > share * tokens


CUT_10B, FIVE, THREE, BEST = "cut 10B", "final, 5 parameters", "final, 3 parameters", "best seen"
TREATMENTS: dict[str, tuple[Select, Callable[[Points], Fit | None]]] = {
    **{thrown(i / 10): (_after(i / 10), fit_varpro) for i in range(10)},
    CUT_10B: (lambda seen, _: seen > CUT, fit_varpro),
    FIVE: (lambda seen, _: seen == seen.max(), _final_five),
    THREE: (lambda seen, _: seen == seen.max(), fit_size_only),
    BEST: (lambda seen, _: seen > CUT, _best_seen),
}
"""Which checkpoints up to `tokens` enter the fit, and the solver."""


@dataclass(frozen=True)
class Design:
    """pool : key of POOLS; k : runs; tokens : of each; treatment : key of TREATMENTS."""

    pool: str
    k: int
    tokens: float
    treatment: str

    def __post_init__(self) -> None:
        if self.pool not in POOLS or self.treatment not in TREATMENTS:
            raise ValueError(
                f"unknown design {self}; pools are {', '.join(POOLS)}, treatments are "
                f"{', '.join(TREATMENTS)}"
            )


def targets(family: Family) -> tuple[Points, Points]:
    """(last 30 % of the largest runs, their final checkpoints)."""
    large = large_runs(family)
    final = [Run(run.model, run.N, run.D[-1:], run.loss[-1:]) for run in large]
    return join([target_points(run) for run in large]), stack(final)


def large_runs(family: Family) -> list[Run]:
    """The runs that are predicted and never trained on."""
    return [run for run in family.runs if run.N > TARGET_SIZE]


def pool_runs(family: Family, pool: str) -> tuple[Run, ...]:
    """The runs of a pool, smallest first."""
    low, high = POOLS[pool]
    return tuple(run for run in family.runs if low < run.N <= high)


def draw_subsets(
    n_runs: int, k: int, n_draws: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """Distinct random k-subsets of range(n_runs), or all of them if there are fewer than asked.

    Raises
    ------
    ValueError : k is not between 1 and n_runs
    """
    if not 1 <= k <= n_runs:
        raise ValueError(f"cannot draw {k} of {n_runs} runs")
    if comb(n_runs, k) <= n_draws:
        return list(combinations(range(n_runs), k))
    subsets: dict[tuple[int, ...], None] = {}
    while len(subsets) < n_draws:
        subsets[tuple(sorted(rng.permutation(n_runs)[:k].tolist()))] = None
    return list(subsets)


def monte_carlo(
    family: Family,
    designs: Iterable[Design],
    n_draws: int,
    seed: int,
    *,
    n_jobs: int = 1,
    label: str = "",
) -> pd.DataFrame:
    """One row per design and subset: errors in percent, cost, and the status of the fit.

    seed : of the subsets; designs which differ only in tokens or treatment see the same ones and
        can be compared pair by pair

    Columns: pool, k, tokens, treatment, draw, runs (bit i is set if the subset has run i of the
    family), are (last 30 % of the targets), are_final (their
    last checkpoint), bias, flop (6 N D summed over runs), status (``ok``, ``at bound``,
    ``not converged`` or ``failed``).
    """
    job = partial(run_design, family=family, n_draws=n_draws, seed=seed)
    return pd.concat(sweep(job, designs, n_jobs=n_jobs, label=label), ignore_index=True)


def run_design(design: Design, *, family: Family, n_draws: int, seed: int) -> pd.DataFrame:
    """The rows of one design, see :func:`monte_carlo`."""
    window, final = targets(family)
    runs = pool_runs(family, design.pool)
    rng = generator(seed, "subsets of runs", design.pool, design.k)
    rows = []
    for draw, subset in enumerate(draw_subsets(len(runs), design.k, n_draws, rng)):
        chosen = [runs[i] for i in subset]
        cost = 6 * design.tokens * sum(run.N for run in chosen)
        row = {**asdict(design), "draw": draw, "runs": _mask(family, chosen), "flop": cost}
        rows.append(row | _predict(design, chosen, window, final))
    return pd.DataFrame(rows)


def _mask(family: Family, chosen: Sequence[Run]) -> int:
    names = [run.model for run in family.runs]
    return sum(1 << names.index(run.model) for run in chosen)


def training_set(design: Design, runs: Sequence[Run]) -> Points:
    """The points that a design trains on."""
    choose, _ = TREATMENTS[design.treatment]
    shorter = [_until(run, design.tokens) for run in runs]
    return stack([run.select(choose(run.D, design.tokens)) for run in shorter])


def _until(run: Run, tokens: float) -> Run:
    seen = run.D
    return run.select(seen <= 1.005 * tokens)  # logged counts are a little above round numbers


def _predict(
    design: Design, runs: Sequence[Run], window: Points, final: Points
) -> dict[str, object]:
    fit = TREATMENTS[design.treatment][1](training_set(design, runs))
    if fit is None:
        return {"status": "failed", **dict.fromkeys(("are", "are_final", "bias"), np.nan)}
    status = "at bound" if fit.at_bound else "ok" if fit.converged else "not converged"
    errors = (are(fit.law, window), are(fit.law, final), bias(fit.law, window))
    # six digits after the point are more than any figure shows, and make small files
    rounded = [round(value, 6) for value in errors]
    return {"status": status, **dict(zip(("are", "are_final", "bias"), rounded, strict=True))}


def over_runs(statistic: Callable[..., float], *tables: pd.DataFrame) -> Interval:
    r"""A statistic of one or more designs with the interval of leaving training runs out.

    statistic : of the tables, a number; its error is taken to be normal, so take logarithms first
    tables : rows of a Monte Carlo, with the column `runs`

    For each of the n runs of a pool the statistic :math:`\theta_{-i}` is computed without all
    subsets that hold run i, and

    .. math:: V = \frac{n - 1}{n} \sum_i (\theta_{-i} - \theta)^2

    with Student's t of n - 1 degrees of freedom.  For a mean over subsets this is the
    infinitesimal jackknife of Wager and Athey (2018, eq. 8).  Few subsets make it wider on
    average.  Where pools share no run their variances add, with Welch's degrees of freedom.  If
    a run is in every subset, or if leaving runs out changes nothing, no interval is known.
    """
    estimate = statistic(*tables)
    masks = [table["runs"].to_numpy(dtype=np.int64) for table in tables]
    held = [np.bitwise_or.reduce(mask) for mask in masks]
    everything = np.bitwise_or.reduce(held)
    runs = [i for i in range(int(everything).bit_length()) if everything >> i & 1]
    unknown = Interval(float(estimate), -np.inf, np.inf, None, len(runs))
    parts: dict[int, list[float]] = {}  # by the runs of the pool, as bits
    for i in runs:
        left = [table[(mask >> i & 1) == 0] for table, mask in zip(tables, masks, strict=True)]
        if any(table.empty for table in left):
            return unknown
        pool = int(np.bitwise_or.reduce([one for one in held if one >> i & 1]))
        parts.setdefault(pool, []).append((statistic(*left) - estimate) ** 2)
    sizes = [pool.bit_count() for pool in parts]
    variances = [
        ((n - 1) / n * sum(squares), n - 1)
        for n, squares in zip(sizes, parts.values(), strict=True)
    ]
    total = sum(variance for variance, _ in variances)
    if not (np.isfinite(estimate) and 0 < total < np.inf):
        return unknown
    freedom = total**2 / sum(variance**2 / df for variance, df in variances)
    half = float(student.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(total))
    return Interval(float(estimate), estimate - half, estimate + half, None, len(runs))


def over_subsets(values: pd.Series, rows: pd.DataFrame) -> Interval:
    """Mean over subsets of `values`, one for each of `rows`; see :func:`over_runs`."""
    return over_runs(
        lambda table: float(table["value"].mean()), rows[["runs"]].assign(value=values.to_numpy())
    )


def mean_error(rows: pd.DataFrame) -> Interval:
    """Mean error over subsets, percent, with the interval of its logarithm: errors are positive."""
    return over_runs(lambda table: float(np.log(table["are"].mean())), rows).map(np.exp)


def bad_days(rows: pd.DataFrame) -> Interval:
    """Percentage of designs that err by more than a bad day, or cannot be fitted.

    The interval ends at 0 and 100 %.
    """
    found = over_subsets(100.0 * ~(rows["are"] <= BAD_DAY), rows)
    if not found.has_interval:
        return found
    return found._replace(low=max(0.0, found.low), high=min(100.0, found.high))


def select(table: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Rows of a Monte Carlo with these values; ValueError if there are none."""
    keep = np.logical_and.reduce([table[name] == value for name, value in where.items()])
    if not keep.any():
        raise ValueError(f"the Monte Carlo has no rows with {where}")
    return table[keep].reset_index(drop=True)


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
    results: pd.DataFrame, cost: float, budgets: Sequence[float]
) -> pd.DataFrame:
    """Budget in, design out, with the error to expect.

    Parameters
    ----------
    results : of ``monte_carlo`` over ``candidate_designs``
    cost : FLOP of the target run; budgets : shares of it

    Columns: budget (share of the target's cost), pool, k, tokens, spent (share), are with low and
    high (mean over held-out subsets, 95 %, runs left out one at a time), worst_tenth (90th
    percentile of ARE: one plan in ten errs by more), bad with bad_low and bad_high (percentage of
    the held-out subsets that err by more than :data:`BAD_DAY`, 95 %), bias (mean signed error:
    where it is far smaller than ARE, errors of opposite sign cancel between subsets), n, n_failed.
    Left out are budgets that no design fits, and designs with so few subsets that a half has less
    than LEAST_SUBSETS.
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
        finite = held_out[np.isfinite(held_out["are"])]
        interval, bad = mean_error(finite), bad_days(held_out)
        rows.append(
            {
                "budget": budget,
                "pool": best["pool"],
                "k": int(best["k"]),
                "tokens": float(best["tokens"]),
                "spent": float(best["flop"] / cost),
                "are": interval.estimate,
                "low": _end(interval.low),
                "high": _end(interval.high),
                "worst_tenth": float(finite["are"].quantile(0.9)),
                "bad": bad.estimate,
                "bad_low": _end(bad.low),
                "bad_high": _end(bad.high),
                "bias": float(held_out["bias"].mean()),
                "n": len(finite),
                "n_failed": len(held_out) - len(finite),
            }
        )
    return pd.DataFrame(rows)


def _end(value: float | None) -> float:
    """An end of an interval; nan if it is not known."""
    return float(value) if value is not None and np.isfinite(value) else np.nan


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


def plans(results: pd.DataFrame, family: Family, budgets: Sequence[float]) -> pd.DataFrame:
    """Both plans for every budget: rows of :func:`practitioner_table` and the target's own run.

    Adds the column plan; for the own run low and high are the range over targets, not an interval.
    A share so small that fewer than three checkpoints remain has no own-run row.
    """
    small = practitioner_table(results, target_cost(family), budgets)
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
                "bad": 100 * float((errors["are"] > BAD_DAY).mean()),
                "bad_low": np.nan,
                "bad_high": np.nan,
                "bias": errors["bias"].mean(),
                "n": len(errors),
                "n_failed": 0,
            }
        )
    table = pd.concat([small, pd.DataFrame(own)], ignore_index=True)
    return table.sort_values(["budget", "spent"], kind="stable", ignore_index=True)
