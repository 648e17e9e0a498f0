"""Which cheap runs predict a large model?  A Monte Carlo over runs that the paper did not see.

Gemstones has 22 models trained with one recipe.  A *design* says how many of the smaller ones to
train, from which pool of sizes, for how many tokens, and which checkpoints go into the fit.  Many
random subsets of runs are drawn per design; each predicts the three largest models at the end of
their training.

The intervals speak about subsets of these runs, not about other families: one family is one
observation, however many subsets it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from companion.scaling_laws.method.curvefit import fit_curve_fit
from companion.scaling_laws.method.law import Fit, Points, ScalingLaw, join, residual_sum
from companion.scaling_laws.method.protocol import (
    TARGET_FROM,
    Family,
    Run,
    are,
    bias,
    stack,
    target_points,
)
from companion.scaling_laws.method.reduced import fit_size_only
from companion.scaling_laws.method.varpro import fit_varpro
from companion.stats import Interval, bootstrap

POOLS = {"120M": 1.2e8, "545M": 5.45e8, "1.05B": 1.05e9}
"""Largest size that a design may train on."""

TARGET_SIZE = 1.5e9
"""Models above this are the targets (three, of 1.9 to 2.0 billion parameters)."""


Select = Callable[[np.ndarray, float], np.ndarray]
"""(tokens seen at each checkpoint, tokens of the run) -> which checkpoints are used."""


def _final_five(data: Points) -> Fit | None:
    # one D for all: the law is not identified, so the paper's start value decides
    return fit_curve_fit(data, need_identified=False)


def _best_seen(data: Points) -> Fit:
    law = ScalingLaw.of(E=data.loss.min(), A=0, B=0, alpha=0, beta=0)
    return Fit(law, residual_sum(law, data), data.N.size, data.n_sizes, converged=True)


TREATMENTS: dict[str, tuple[Select, Callable[[Points], Fit | None]]] = {
    "all": (lambda seen, _: seen > 0, fit_varpro),
    "cut 10B": (lambda seen, _: seen > 1e10, fit_varpro),
    "cut 35B": (lambda seen, _: seen > 3.5e10, fit_varpro),
    "cut 10 %": (lambda seen, tokens: seen > 0.1 * tokens, fit_varpro),
    "last 30 %": (lambda seen, tokens: seen >= TARGET_FROM * tokens, fit_varpro),
    "first 30 %": (lambda seen, tokens: seen <= 0.3 * tokens, fit_varpro),
    "final, 5 parameters": (lambda seen, _: seen == seen.max(), _final_five),
    "final, 3 parameters": (lambda seen, _: seen == seen.max(), fit_size_only),
    "best seen": (lambda seen, _: seen > 1e10, _best_seen),
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
    limit = POOLS[pool]
    return tuple(run for run in family.runs if run.N <= limit)  # noqa: SIM300  (N is no constant)


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
    rng_for: Callable[[str, int], np.random.Generator],
) -> pd.DataFrame:
    """One row per design and subset: errors in percent, cost, and the status of the fit.

    rng_for : generator for (pool, k), so that designs which differ only in tokens or treatment
        see the same subsets and can be compared pair by pair

    Columns: pool, k, tokens, treatment, draw, are (last 30 % of the targets), are_final (their
    last checkpoint), bias, flop (6 N D summed over runs), seconds, status (``ok``, ``at bound``,
    ``not converged`` or ``failed``).
    """
    window, final = targets(family)
    subsets: dict[tuple[str, int], list[tuple[int, ...]]] = {}
    rows = []
    for design in designs:
        runs, key = pool_runs(family, design.pool), (design.pool, design.k)
        if key not in subsets:
            subsets[key] = draw_subsets(len(runs), design.k, n_draws, rng_for(*key))
        for draw, subset in enumerate(subsets[key]):
            chosen = [runs[i] for i in subset]
            row = {
                **asdict(design),
                "draw": draw,
                "flop": 6 * design.tokens * sum(run.N for run in chosen),
            }
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
    data = training_set(design, runs)
    began = time.perf_counter()
    fit = TREATMENTS[design.treatment][1](data)
    seconds = round(time.perf_counter() - began, 4)
    if fit is None:
        nothing = dict.fromkeys(("are", "are_final", "bias"), np.nan)
        return {"status": "failed", "seconds": seconds, **nothing}
    status = "at bound" if fit.at_bound else "ok" if fit.converged else "not converged"
    return {
        "status": status,
        "seconds": seconds,
        "are": are(fit.law, window),
        "are_final": are(fit.law, final),
        "bias": bias(fit.law, window),
    }


def select(table: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Rows of a Monte Carlo with these values; ValueError if there are none."""
    keep = np.logical_and.reduce([table[name] == value for name, value in where.items()])
    if not keep.any():
        raise ValueError(f"the Monte Carlo has no rows with {where}")
    return table[keep].reset_index(drop=True)


def ratio_of_means(
    above: pd.DataFrame,
    below: pd.DataFrame,
    rng: np.random.Generator,
    *,
    column: str = "are",
    n_resamples: int = 2000,
) -> Interval:
    """mean(above) / mean(below) with a bootstrap interval over subsets.

    Rows are paired by draw, which is right when both saw the same subsets and harmless when they
    did not; pairs with a fit that failed are left out of both means (n counts the rest).
    """
    pairs = np.stack([part.set_index("draw")[column] for part in _aligned(above, below)], axis=1)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]

    def ratio(sample: np.ndarray, axis: int | None = None) -> float:
        return sample[:, 0].mean() / sample[:, 1].mean()

    return bootstrap(pairs, ratio, rng=rng, n_resamples=n_resamples)


def _aligned(above: pd.DataFrame, below: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    common = min(len(above), len(below))
    return above.iloc[:common], below.iloc[:common]
