"""Which cheap runs predict a large model?  A Monte Carlo over runs that the paper did not see.

Gemstones has 22 models trained with one recipe.  A *design* says how many of the smaller ones to
train, from which pool of sizes, for how many tokens, and which checkpoints go into the fit.  Many
random subsets of runs are drawn per design; each predicts the three largest models at the end of
their training.

The intervals speak about subsets of these runs, not about other families: one family is one
observation, however many subsets it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from companion.scale import generator
from companion.scaling_laws.lab.rules import best_seen
from companion.scaling_laws.method.curvefit import fit_curve_fit
from companion.scaling_laws.method.law import Fit, Points, join, residual_sum
from companion.scaling_laws.method.protocol import (
    CUT,
    Family,
    Run,
    are,
    bias,
    stack,
    target_points,
)
from companion.scaling_laws.method.reduced import fit_size_only
from companion.scaling_laws.method.varpro import fit_varpro
from companion.sweep import sweep

SHORT, WHOLE = 1e11, 3.5e11
"""Tokens of each run in the two groups of designs."""

POOLS = {
    "120M": (0.0, 1.2e8),
    "545M": (0.0, 5.45e8),
    "1.05B": (0.0, 1.05e9),
    "475M to 1.05B": (4e8, 1.05e9),
}
"""Sizes that a design may train on: more parameters than the first number, at most the second."""

NESTED = ("120M", "545M", "1.05B")
"""Pools that hold each other; the fourth has large runs only."""

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


def equal_tokens(family: Family, few: tuple[str, int], many: tuple[str, int]) -> float:
    """Tokens that each of a few runs may have, so that they cost as much as many whole ones.

    few, many : pool and number of runs; costs are 6 N D, at the mean size of each pool
    """
    costs = [k * np.mean([run.N for run in pool_runs(family, pool)]) for pool, k in (few, many)]
    return float(WHOLE * costs[1] / costs[0])


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

    Columns: pool, k, tokens, treatment, draw, are (last 30 % of the targets), are_final (their
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
        row = {**asdict(design), "draw": draw, "flop": cost}
        rows.append(row | _predict(design, chosen, window, final))
    return pd.DataFrame(rows)


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


def select(table: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Rows of a Monte Carlo with these values; ValueError if there are none."""
    keep = np.logical_and.reduce([table[name] == value for name, value in where.items()])
    if not keep.any():
        raise ValueError(f"the Monte Carlo has no rows with {where}")
    return table[keep].reset_index(drop=True)
