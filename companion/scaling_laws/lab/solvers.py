r"""Other solvers: the paper's recipe and many starts, timed, and the Huber fit of Chinchilla.

Hoffmann et al. (2022, sec. 3.3) minimize another objective, a Huber loss on the logarithm:

.. math:: \min_{a, b, e, \alpha, \beta} \sum_i \mathrm{Huber}_\delta\big(
    \mathrm{LSE}(a - \alpha \ln N_i,\; b - \beta \ln D_i,\; e) - \ln L_i\big),
    \qquad \delta = 10^{-3}

The sum matters: divided by the number of points, the objective is so small that the default
tolerance of the usual solver stops far from the minimum.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import huber, logsumexp
from tqdm.auto import tqdm

from companion import contracts
from companion.scale import generator, one_thread
from companion.scaling_laws.method.law import (
    Points,
    ScalingLaw,
    check_identified,
    is_identified,
)
from companion.scaling_laws.method.protocol import CUT, Family, training_points
from companion.scaling_laws.method.recipe import fit_curve_fit, fit_multi_start
from companion.scaling_laws.method.varpro import fit_varpro

NO_WORSE = 1e-6
"""Relative excess of the sum of squares up to which an objective counts as no worse (ours)."""

TIMES = ("seconds_varpro", "seconds_single", "seconds_multi")
"""Columns of :func:`compare_solvers` that no second run repeats."""


class Problem(NamedTuple):
    """One fit: a name and its training points."""

    name: str
    data: Points


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
    for i in generator(seed, "cells for solvers").permutation(len(cells)):
        family, k, q, cut = cells[i]
        try:
            data = training_points(family.runs[:k], q=q, cut=cut)
        except ValueError:  # no checkpoint is left
            continue
        if is_identified(data):
            found.append(Problem(f"{family.name} n={k} q={q:g} cut={cut:.0e}", data))
        if len(found) == n:
            break
    return found


def compare_solvers(
    cases: Sequence[Problem],
    *,
    n_starts: int,
    seed: int,
    repeats: int = 5,
    progress: bool = True,
) -> pd.DataFrame:
    """One row per problem: variable projection, the paper's one start, and the best of many.

    repeats : how often the first two are timed, in turn; the median counts

    Columns: name, n_points, sse_varpro, sse_single (nan if it failed), sse_multi (best of
    `n_starts` searches), failed_starts, seconds_varpro, seconds_single, seconds_multi: processor
    time of one thread, so that what else runs on the machine counts little.
    """
    rows = []
    for case in tqdm(cases, desc="solvers", disable=not progress):
        rng = generator(seed, "starts of solvers", case.name)
        with one_thread():
            pairs = [
                (timed(fit_varpro, case.data), timed(fit_curve_fit, case.data))
                for _ in range(repeats)
            ]
            (multi, failed), spent = timed(fit_multi_start, case.data, rng, n_starts=n_starts)
        (fit, _), (single, _) = pairs[0]
        times = [*np.median([[own[1], one[1]] for own, one in pairs], axis=0), spent]
        rows.append(
            {
                "name": case.name,
                "n_points": case.data.N.size,
                "sse_varpro": fit.sse,
                "sse_single": single.sse if single else np.nan,
                "sse_multi": multi.sse if multi else np.nan,
                "failed_starts": failed,
                **dict(zip(TIMES, times, strict=True)),
            }
        )
    return pd.DataFrame(rows)


def timed(function: Callable, *args: object, **options: object) -> tuple[object, float]:
    """(what `function` returns, processor seconds that it took)."""
    start = time.process_time()
    found = function(*args, **options)
    return found, time.process_time() - start


def no_worse(table: pd.DataFrame) -> np.ndarray:
    """Whether variable projection reaches the least sum of squares of all three, per row.

    A search that failed altogether counts as worse.
    """
    others = table[["sse_single", "sse_multi"]].fillna(np.inf).min(axis=1)
    return (table["sse_varpro"] <= others * (1 + NO_WORSE)).to_numpy()


# --------------------------------------------------------------------------- Huber on the logarithm
DELTA = 1e-3

STARTS = tuple(
    (a, b, e, alpha, beta)
    for (alpha, beta) in ((0.35, 0.35), (0.5, 0.5))
    for (a, b, e) in ((6.0, 7.0, 0.5), (10.0, 10.0, 0.0))
)
"""Four starts (ours) instead of the paper's grid of 4,500; all reach the same valley."""


class HuberFit(NamedTuple):
    """law : the best found; objective : sum of Huber terms; converged : BFGS met its tolerance."""

    law: ScalingLaw
    objective: float
    converged: bool


def huber_objective(
    theta: np.ndarray, data: Points, delta: float = DELTA
) -> tuple[float, np.ndarray]:
    """Sum of Huber terms and its gradient, shape (5,), at theta = (a, b, e, alpha, beta)."""
    a, b, e, alpha, beta = theta
    log_n, log_d = np.log(data.N), np.log(data.D)
    terms = np.stack([a - alpha * log_n, b - beta * log_d, np.full(log_n.shape, e)])  # (3, n)
    prediction = logsumexp(terms, axis=0)
    residual = prediction - np.log(data.loss)
    share = np.exp(terms - prediction)  # (3, n), columns sum to one
    slope = np.clip(residual, -delta, delta)  # derivative of the Huber function
    gradient = np.array(
        [
            slope @ share[0],
            slope @ share[1],
            slope @ share[2],
            -slope @ (share[0] * log_n),
            -slope @ (share[1] * log_d),
        ]
    )
    return float(huber(delta, residual).sum()), gradient


def fit_huber_log(
    data: Points, *, delta: float = DELTA, starts: tuple[tuple[float, ...], ...] = STARTS
) -> HuberFit:
    """The law with the least sum of Huber terms over all `starts`.

    The search runs in scaled coordinates (logs of N and D about their means), where the five
    parameters are of one size, and on the objective divided by delta squared.
    """
    check_identified(data)
    center = np.array([np.log(data.N).mean(), np.log(data.D).mean()])
    scaled = Points(data.N / np.exp(center[0]), data.D / np.exp(center[1]), data.loss)

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = huber_objective(theta, scaled, delta)
        return value / delta**2, gradient / delta**2

    best = None
    for start in starts:
        moved = np.array(start, dtype=float)
        moved[:2] -= moved[3:] * center
        found = minimize(objective, moved, jac=True, method="BFGS", options={"gtol": 1e-3})
        if best is None or found.fun < best.fun:
            best = found
    theta = best.x.copy()
    theta[:2] += theta[3:] * center
    # status 2: no step improves at the precision of floats, which is as good as converged
    converged = bool(best.success or best.status == 2)
    return HuberFit(ScalingLaw.from_log(theta), best.fun * delta**2, converged)


contracts.guard(__name__, {"fit_huber_log": {"delta": contracts.POSITIVE}})
