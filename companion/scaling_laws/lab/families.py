"""The paper's grids on the released families, beside the numbers that its figures print.

Every grid is a table with one row per cell:

``family, experiment, n, q, cut`` : the cell
``are`` : mean absolute relative error on the target, percent
``status`` : ``ok``, ``not converged``, ``at bound`` (an exponent stopped at the edge of the
search), ``not identified`` (fewer than three sizes or token counts), ``failed`` (the solver gave
up) or ``empty`` (the window holds no checkpoint). Rows are never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.scaling_laws.method.curvefit import fit_curve_fit
from companion.scaling_laws.method.law import LEAST_DISTINCT, Fit, Points, is_identified
from companion.scaling_laws.method.protocol import (
    CUT,
    Family,
    Run,
    are,
    target_points,
    training_points,
)
from companion.scaling_laws.method.reduced import fit_one_model
from companion.scaling_laws.method.varpro import fit_varpro
from companion.scaling_laws.sources import printed_heatmaps

SHARES = tuple(round(0.1 * i, 1) for i in range(1, 11))

Solver = Callable[..., Fit | None]


# --------------------------------------------------------------------------- grids
def fit_cell(solver: Solver, training: Callable[[], Points], target: Points) -> dict[str, object]:
    """Fit and predict one cell; a fit that cannot be made is a row too.

    solver : a function like ``fit_varpro``, with ``need_identified``
    training : makes the training points; ValueError means that no checkpoint is left
    """
    try:
        data = training()
    except ValueError:
        return {"status": "empty", "are": np.nan}
    fit = solver(data, need_identified=False)
    if fit is None:
        return {"status": "failed", "are": np.nan}
    status = (
        "not identified"
        if not is_identified(data)
        else "not converged"
        if not fit.converged
        else "at bound"
        if fit.at_bound
        else "ok"
    )
    return {"status": status, "are": are(fit.law, target)}


def _table(
    family: Family,
    experiment: str,
    cells: Iterable[tuple[Sequence[Run], float, float, dict[str, object]]],
    solver: Solver = fit_varpro,
) -> pd.DataFrame:
    target = target_points(family.target)
    rows = []
    for runs, q, cut, columns in cells:
        training = partial(training_points, runs, q=q, cut=cut)
        row = {"family": family.name, "experiment": experiment, "n": len(runs), "q": q, "cut": cut}
        rows.append(row | columns | fit_cell(solver, training, target))
    return pd.DataFrame(rows)


def n_vs_q(
    family: Family,
    *,
    cut: float = CUT,
    shares: Sequence[float] = SHARES,
    least: int = 2,
    solver: Solver = fit_varpro,
) -> pd.DataFrame:
    """The n smallest models, the first share q of their training. Paper Fig. 1b and 5."""
    sizes = range(least, len(family.runs))
    cells = ((family.runs[:n], q, cut, {}) for n in sizes for q in shares)
    return _table(family, "n vs q", cells, solver)


def one_model(
    family: Family, *, cut: float = CUT, shares: Sequence[float] = SHARES
) -> pd.DataFrame:
    """A single model with the size term borrowed; the last is the target itself. Paper Fig. 6."""

    def solver(data: Points, *, need_identified: bool) -> Fit | None:
        return fit_one_model(data) if np.unique(data.D).size >= LEAST_DISTINCT else None

    runs = family.runs
    cells = (([run], q, cut, {"model": run.model, "N": run.N}) for run in runs for q in shares)
    table = _table(family, "one model", cells, solver)
    # a single size is what this law is for; it only gives up for want of token counts
    renamed = {"not identified": "ok", "failed": "not identified"}
    return table.assign(status=table["status"].replace(renamed))


# --------------------------------------------------------------------------- printed numbers
REPRODUCIBLE = ("OPT", "gpt3", "t5-pile")
"""Families whose data were released in the form that the paper fitted."""

TOLERANCE = 0.05
"""Percentage points within which a cell is reproduced."""

_EXPERIMENTS = {0.0: "fit_no_cut", 1e10: "fit_cut10B"}


def beside_printed(table: pd.DataFrame, *, least: int = 3) -> pd.DataFrame:
    """One row per printed cell with n >= `least`, of the reproducible families.

    table : rows of :func:`n_vs_q` in the paper's unit, with and without the cut, and of
        :func:`one_model`

    Columns: figure, family, cut, n, q, printed, ours, difference (percentage points), reproduced.
    The figure with the cut prints two significant digits, so there a cell is reproduced if it lies
    within half a digit and :data:`TOLERANCE`. A cell that ours left empty is not reproduced. Of
    the one-model table (OPT) cells with fewer than three token counts are left out: they do not
    determine the law.
    """
    printed = printed_heatmaps()
    grids = printed[printed["group"].isin(REPRODUCIBLE) & (printed["n"] >= least)]
    parts = []
    for cut, experiment in _EXPERIMENTS.items():
        ours = table[(table["cut"] == cut) & (table["experiment"] == "n vs q")]
        ours = ours[["family", "n", "q", "are"]]
        theirs = grids[grids["experiment"] == experiment]
        theirs = theirs.rename(columns={"group": "family", "percentage": "q"})
        merged = theirs.merge(ours, on=["family", "n", "q"], how="left")
        merged = merged[merged["family"].isin(ours["family"])]
        digit = _half_digit(merged["are_pct"]) if cut else 0.0
        parts.append(merged.assign(figure="heat map", cut=cut, room=TOLERANCE + digit))
    parts.append(_one_model_cells(table, printed).assign(figure="one model", room=TOLERANCE))
    cells = pd.concat(parts, ignore_index=True).dropna(subset="are_pct")
    cells = cells.rename(columns={"are_pct": "printed", "are": "ours"})
    cells["difference"] = cells["ours"] - cells["printed"]
    cells["reproduced"] = cells["difference"].abs() <= cells["room"]
    columns = ["figure", "family", "cut", "n", "q", "printed", "ours", "difference", "reproduced"]
    return cells[columns]


def _one_model_cells(table: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    """OPT's printed one-model cells beside ours; a size is known by its millions."""
    ours = table[(table["experiment"] == "one model") & (table["family"] == "OPT")]
    ours = ours[ours["status"] == "ok"]
    ours = ours.assign(megas=(ours["N"] / 1e6).round())[["family", "q", "cut", "megas", "are"]]
    theirs = printed["experiment"] == "one_model_borrowed_A_alpha"
    theirs = printed[theirs & (printed["group"] == "OPT")]
    megas = (theirs["row_note"].str.rstrip("B").astype(float) * 1e3).round()
    theirs = theirs.assign(megas=megas, q=theirs["percentage"].round(1), n=1)
    return theirs[["megas", "q", "n", "are_pct"]].merge(ours, on=["megas", "q"])


def _half_digit(values: pd.Series) -> np.ndarray:
    """Half a unit of the second significant digit."""
    return 0.5 * 10 ** (np.floor(np.log10(values)) - 1)


# --------------------------------------------------------------------------- free parameters
class Freedom(NamedTuple):
    """Laws of many families and the spread of their parameters.

    families : names; theta : (families, 5), columns (a, b, e, alpha, beta)
    raw, standardized : (5,) cumulative share of variance of the principal components
    unrelated : (permutations,) share of the first three raw components when each parameter is
        dealt out to the families anew, so that none has anything to do with another
    alpha_slope, beta_slope : of alpha on a and of beta on b (least squares)
    alpha_arithmetic, beta_arithmetic : 1 / mean log N and 1 / mean log D of all points
    """

    families: tuple[str, ...]
    theta: np.ndarray
    raw: np.ndarray
    standardized: np.ndarray
    unrelated: np.ndarray
    alpha_slope: float
    beta_slope: float
    alpha_arithmetic: float
    beta_arithmetic: float


def cumulative_variance(theta: np.ndarray) -> np.ndarray:
    """Cumulative share of variance of the principal components of rows, shape (columns,)."""
    values = np.linalg.svd(theta - theta.mean(axis=0), compute_uv=False) ** 2
    return np.cumsum(values) / values.sum()


def freedom(
    families: Sequence[Family],
    n_permutations: int,
    rng: np.random.Generator,
    *,
    cut: float = CUT,
) -> Freedom:
    r"""Fit every family's training models with the paper's recipe and look at the parameters.

    Paper sec. 9 and Fig. 3. The recipe and not variable projection, because most families have
    two training sizes only: their a, e and alpha are not determined by data, and it is the
    recipe's start value that the paper's figure shows.

    A law must pass through its data.  If the size term is t at the data's mean size, then
    :math:`a - \alpha \overline{\ln N} = \ln t`, and as alpha varies between families, a follows
    along a line of slope :math:`1 / \overline{\ln N}`; so do b and beta.

    Raises
    ------
    ValueError : fewer than three families could be fitted
    """
    names, theta, log_n, log_d = [], [], [], []
    for family in families:
        data = training_points(family.runs[:-1], cut=cut)
        fit = fit_curve_fit(data, need_identified=False)
        if fit is not None:
            names.append(family.name)
            theta.append(fit.law.log_parameters)
            log_n.append(np.log(data.N).mean())
            log_d.append(np.log(data.D).mean())
    if len(theta) < 3:
        raise ValueError(f"need the laws of at least 3 families, got {len(theta)}")
    theta = np.array(theta)
    dealt = (rng.permuted(theta, axis=0) for _ in range(n_permutations))
    return Freedom(
        families=tuple(names),
        theta=theta,
        raw=cumulative_variance(theta),
        standardized=cumulative_variance(theta / theta.std(axis=0)),
        unrelated=np.array([cumulative_variance(one)[2] for one in dealt]),
        alpha_slope=float(np.polyfit(theta[:, 0], theta[:, 3], 1)[0]),
        beta_slope=float(np.polyfit(theta[:, 1], theta[:, 4], 1)[0]),
        alpha_arithmetic=1 / float(np.mean(log_n)),
        beta_arithmetic=1 / float(np.mean(log_d)),
    )
