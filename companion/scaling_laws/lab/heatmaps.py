"""The paper's experiments: grids of (number of models, share of the run) and what they predict.

Every function returns a table with one row per cell:

``family, experiment, n, q, cut, scale_up`` : the cell; scale_up is target size / largest
training size
``are, bias`` : mean absolute and mean signed relative error on the target, percent
``status`` : ``ok``, ``not converged``, ``at bound`` (an exponent stopped at the edge of the
search), ``not identified`` (fewer than three sizes or token counts), ``failed`` (the solver gave
up) or ``empty`` (the window holds no checkpoint, so there is nothing to fit). Rows are never
dropped.
``E, log_A, log_B, alpha, beta, sse, n_points, seconds`` : the fitted law and its cost
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.scaling_laws.method.law import (
    LEAST_DISTINCT,
    Fit,
    Points,
    ScalingLaw,
    is_identified,
    residual_sum,
)
from companion.scaling_laws.method.protocol import (
    CUT,
    Family,
    Run,
    are,
    bias,
    tail_points,
    target_points,
    training_points,
)
from companion.scaling_laws.method.reduced import fit_one_model
from companion.scaling_laws.method.varpro import fit_varpro

SHARES = tuple(round(0.1 * i, 1) for i in range(1, 11))
TAILS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)
STATUSES = ("ok", "not converged", "at bound", "not identified", "failed", "empty")

Solver = Callable[..., Fit | None]


def fit_cell(solver: Solver, training: Callable[[], Points], target: Points) -> dict[str, object]:
    """Fit, predict and time one cell; a fit that cannot be made is a row too.

    solver : a function like ``fit_varpro``, with ``need_identified``
    training : makes the training points; ValueError means that no checkpoint is left
    """
    try:
        data = training()
    except ValueError:
        return {"status": "empty", "are": np.nan, "bias": np.nan, "seconds": 0.0}
    began = time.perf_counter()
    fit = solver(data, need_identified=False)
    seconds = round(time.perf_counter() - began, 4)
    if fit is None:
        return {"status": "failed", "are": np.nan, "bias": np.nan, "seconds": seconds}
    law = fit.law
    status = (
        "not identified"
        if not is_identified(data)
        else "not converged"
        if not fit.converged
        else "at bound"
        if fit.at_bound
        else "ok"
    )
    return {
        "status": status,
        "are": are(law, target),
        "bias": bias(law, target),
        "E": law.E,
        "log_A": law.log_A,
        "log_B": law.log_B,
        "alpha": law.alpha,
        "beta": law.beta,
        "sse": fit.sse,
        "n_points": fit.n_points,
        "seconds": seconds,
    }


class _Cell(NamedTuple):
    """runs that train; how their checkpoints are chosen; columns that name the cell."""

    runs: Sequence[Run]
    training: Callable[[], Points]
    columns: dict[str, object]


def _table(
    family: Family, experiment: str, cells: Iterable[_Cell], solver: Solver = fit_varpro
) -> pd.DataFrame:
    target = target_points(family.target)
    rows = []
    for runs, training, columns in cells:
        rows.append(
            {
                "family": family.name,
                "experiment": experiment,
                "n": len(runs),
                "scale_up": family.target.N / max(run.N for run in runs),
                **columns,
                **fit_cell(solver, training, target),
            }
        )
    return pd.DataFrame(rows)


def _cell(runs: Sequence[Run], q: float, cut: float, **columns: object) -> _Cell:
    return _Cell(
        runs, partial(training_points, runs, q=q, cut=cut), {"q": q, "cut": cut, **columns}
    )


def n_vs_q(
    family: Family,
    *,
    cut: float = CUT,
    shares: Sequence[float] = SHARES,
    least: int = 2,
    solver: Solver = fit_varpro,
) -> pd.DataFrame:
    """The n smallest models, the first share q of their training. Paper Fig. 1b and 5."""
    cells = (_cell(family.runs[:n], q, cut) for n in range(least, len(family.runs)) for q in shares)
    return _table(family, "n vs q", cells, solver)


def size_vs_q(
    family: Family, *, width: int = 4, cut: float = CUT, shares: Sequence[float] = SHARES
) -> pd.DataFrame:
    """A window of `width` neighbouring sizes that moves toward the target. Paper Fig. 1a."""
    cells = (
        _cell(family.runs[first : first + width], q, cut)
        for first in range(len(family.runs) - width)
        for q in shares
    )
    return _table(family, "size vs q", cells)


def n_vs_size(family: Family, *, cut: float = CUT, least: int = 3) -> pd.DataFrame:
    """Windows of n neighbouring sizes that end at each size, whole runs. Paper Fig. 1c."""
    cells = (
        _cell(family.runs[last - n : last], 1.0, cut)
        for last in range(least, len(family.runs))
        for n in range(least, last + 1)
    )
    return _table(family, "n vs size", cells)


def tail_only(
    family: Family, *, cut: float = CUT, tails: Sequence[float] = TAILS, least: int = 3
) -> pd.DataFrame:
    """Only the end of the first 70 % of the training, from share q of it on. Paper Fig. 4."""
    cells = (
        _Cell(runs, partial(tail_points, runs, q=q, cut=cut), {"q": q, "cut": cut})
        for runs in (family.runs[:n] for n in range(least, len(family.runs)))
        for q in tails
    )
    return _table(family, "tail only", cells)


def one_model(
    family: Family, *, cut: float = CUT, shares: Sequence[float] = SHARES
) -> pd.DataFrame:
    """A single model with the size term borrowed; the last is the target itself. Paper Fig. 6."""

    def solver(data: Points, *, need_identified: bool) -> Fit | None:
        return fit_one_model(data) if np.unique(data.D).size >= LEAST_DISTINCT else None

    cells = (_cell([run], q, cut, model=run.model, N=run.N) for run in family.runs for q in shares)
    table = _table(family, "one model", cells, solver)
    # a single size is what this law is for; it only gives up for want of token counts
    renamed = {"not identified": "ok", "failed": "not identified"}
    return table.assign(status=table["status"].replace(renamed))


def best_seen(
    family: Family, *, cut: float = CUT, shares: Sequence[float] = SHARES, least: int = 2
) -> pd.DataFrame:
    """No law: the least training loss is the prediction. The paper's baseline."""

    def solver(data: Points, *, need_identified: bool) -> Fit:
        law = ScalingLaw.of(E=data.loss.min(), A=0, B=0, alpha=0, beta=0)
        return Fit(law, residual_sum(law, data), data.N.size, data.n_sizes, converged=True)

    cells = (_cell(family.runs[:n], q, cut) for n in range(least, len(family.runs)) for q in shares)
    return _table(family, "best seen", cells, solver).assign(status="ok")


def scale_down(family: Family, *, cut: float = CUT) -> pd.DataFrame:
    """Predict the smallest model from the n largest, whole runs. Paper Fig. 8."""
    table = n_vs_q(family.reversed(), cut=cut, shares=(1.0,), least=3)
    return table.assign(experiment="scale down")


def leave_one_out(family: Family, *, cut: float = CUT) -> pd.DataFrame:
    """Leave one training size out: how badly is it predicted, and does the target miss it?

    ``are`` is the error on the target without the size named by ``model`` (empty: nothing left
    out), ``own_are`` that on the last 30 % of the size itself. Paper App. D.
    """
    training = family.runs[:-1]
    subsets = [("", training)]
    if len(training) > LEAST_DISTINCT:  # three sizes must remain
        subsets += [
            (run.model, [other for other in training if other is not run]) for run in training
        ]
    cells = [_cell(runs, 1.0, cut, model=model) for model, runs in subsets]
    table = _table(family, "leave one out", cells)
    own = [np.nan]
    for run, row in zip(training, table.iloc[1:].itertuples(), strict=False):
        law = ScalingLaw(row.E, row.log_A, row.log_B, row.alpha, row.beta)
        own.append(are(law, target_points(run)))
    return table.assign(own_are=own)
