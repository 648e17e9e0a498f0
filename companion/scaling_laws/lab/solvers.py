"""Both solvers on the same fits: which finds the lower objective, and how long each takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from companion.scale import generator
from companion.scaling_laws.method.curvefit import fit_curve_fit, fit_multi_start
from companion.scaling_laws.method.law import Points, is_identified
from companion.scaling_laws.method.protocol import CUT, Family, are, target_points, training_points
from companion.scaling_laws.method.varpro import fit_varpro

NO_WORSE = 1e-6
"""Relative excess of the sum of squares up to which an objective counts as no worse (ours)."""


TIMES = ("seconds_varpro", "seconds_multi")
"""Columns of :func:`compare_solvers` that no second run repeats."""


class Problem(NamedTuple):
    """One fit: a name, its training points and the points to predict."""

    name: str
    data: Points
    target: Points


def problems(families: Sequence[Family], n: int, seed: int) -> list[Problem]:
    """`n` identified cells of ``n_vs_q``, with and without the cut, drawn without replacement."""
    cells = [
        (family, k, q / 10, cut)
        for family in families
        for k in range(3, len(family.runs))
        for q in range(1, 11)
        for cut in (0.0, CUT)
    ]
    found = []
    for i in generator(seed, "solver benchmark").permutation(len(cells)):
        family, k, q, cut = cells[i]
        try:
            data = training_points(family.runs[:k], q=q, cut=cut)
        except ValueError:  # no checkpoint is left
            continue
        if is_identified(data):
            name = f"{family.name} n={k} q={q:g} cut={cut:.0e}"
            found.append(Problem(name, data, target_points(family.target)))
        if len(found) == n:
            break
    return found


def compare_solvers(
    cases: Sequence[Problem], *, n_starts: int, seed: int, progress: bool = True
) -> pd.DataFrame:
    """One row per problem.

    Columns: name, n_points, sse_varpro, sse_multi (best of `n_starts` searches), sse_single (the
    paper's one start; nan if it failed), failed_starts, seconds_varpro, seconds_multi,
    are_varpro, are_multi, at_bound.
    """
    rows = []
    for case in tqdm(cases, desc="both solvers", disable=not progress):
        began = time.perf_counter()
        fit = fit_varpro(case.data)
        between = time.perf_counter()
        rng = generator(seed, "starts", case.name)
        multi, failed = fit_multi_start(case.data, rng, n_starts=n_starts)
        ended = time.perf_counter()
        single = fit_curve_fit(case.data)
        rows.append(
            {
                "name": case.name,
                "n_points": case.data.N.size,
                "sse_varpro": fit.sse,
                "sse_multi": multi.sse if multi else np.nan,
                "sse_single": single.sse if single else np.nan,
                "failed_starts": failed,
                "seconds_varpro": between - began,
                "seconds_multi": ended - between,
                "are_varpro": are(fit.law, case.target),
                "are_multi": are(multi.law, case.target) if multi else np.nan,
                "at_bound": fit.at_bound,
            }
        )
    return pd.DataFrame(rows)


class Verdict(NamedTuple):
    """no_worse : share of fits in which variable projection is no worse than the multi-start

    time_ratio : its total time over the multi-start's; single_worse : share in which the paper's
    single start ends more than the same tolerance above variable projection, or fails
    """

    no_worse: float
    time_ratio: float
    single_worse: float
    n: int


def summarize(table: pd.DataFrame) -> Verdict:
    """The benchmark in four numbers; a multi-start that failed altogether counts as worse."""
    bound = table["sse_multi"].fillna(np.inf) * (1 + NO_WORSE)
    single = table["sse_single"].fillna(np.inf)
    return Verdict(
        no_worse=float((table["sse_varpro"] <= bound).mean()),
        time_ratio=float(table["seconds_varpro"].sum() / table["seconds_multi"].sum()),
        single_worse=float((single > table["sse_varpro"] * (1 + NO_WORSE)).mean()),
        n=len(table),
    )
