"""The paper's released families: its grids beside printed numbers, and each rule as a pair of fits.

Every grid is a table with one row per cell:

``family, experiment, n, q, cut`` : the cell
``are`` : mean absolute relative error on the target, percent
``status`` : ``ok``, ``not converged``, ``at bound`` (an exponent stopped at the edge of the
search), ``not identified`` (fewer than three sizes or token counts), ``failed`` (the solver gave
up) or ``empty`` (the window holds no checkpoint). Rows are never dropped.

A rule is two fits, by two recipes.  **The paper's recipe**: the numbers that it fits, in their
units; the largest model is the target; the first 10B tokens are cut; five parameters always, from
the published start where the points do not determine them.

**A sound recipe**: one metric for every size, in nats; every model with at least three smaller
ones is a target once; the first tenth of each run is cut, where the rule does not speak of the
cut; final losses get a law that they can determine, E' + A N^-alpha, and are scored at the final
checkpoint, where it may be asked.

An error is the mean over the last 30 % of the target's run, in percent, unless the rule says
otherwise.  A pair that a family is too small for is not a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
)
from companion.scaling_laws.method.protocol import (
    CUT,
    Family,
    Run,
    are,
    stack,
    target_points,
    training_points,
)
from companion.scaling_laws.method.recipe import fit_curve_fit, fit_one_model, fit_size_only
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
    raw, standardized : (5,) cumulative share of variance of the principal components, in the
        parameters' own units and in units of their standard deviations over families
    dealt : (permutations,) share of the first three standardized components when each parameter
        is dealt out to the families anew, so that none has anything to do with another
    dealt_raw : the same in the parameters' own units, mean
    without : (sources,) share of the first three standardized components without the families of
        one source; variants of Pythia are one source, and so are those of GPT-2
    alpha_slope, beta_slope : of alpha on a and of beta on b (least squares)
    alpha_arithmetic, beta_arithmetic : 1 / mean log N and 1 / mean log D of all points
    """

    families: tuple[str, ...]
    theta: np.ndarray
    raw: np.ndarray
    standardized: np.ndarray
    dealt: np.ndarray
    dealt_raw: float
    without: np.ndarray
    alpha_slope: float
    beta_slope: float
    alpha_arithmetic: float
    beta_arithmetic: float


def cumulative_variance(theta: np.ndarray) -> np.ndarray:
    """Cumulative share of variance of the principal components of rows, shape (columns,)."""
    values = np.linalg.svd(theta - theta.mean(axis=0), compute_uv=False) ** 2
    return np.cumsum(values) / values.sum()


def standardized(theta: np.ndarray) -> np.ndarray:
    """Columns in units of their standard deviation; one that does not vary stays."""
    spread = theta.std(axis=0)
    return theta / np.where(spread > 0, spread, 1.0)


def source_of(family: str) -> str:
    """Who trained a family: the part of its name before the first dash."""
    return family.partition("-")[0]


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
    units = standardized(theta)
    dealt = [rng.permuted(theta, axis=0) for _ in range(n_permutations)]
    sources = np.array([source_of(name) for name in names])
    left = [theta[sources != one] for one in dict.fromkeys(sources)]
    return Freedom(
        families=tuple(names),
        theta=theta,
        raw=cumulative_variance(theta),
        standardized=cumulative_variance(units),
        dealt=np.array([cumulative_variance(standardized(one))[2] for one in dealt]),
        dealt_raw=float(np.mean([cumulative_variance(one)[2] for one in dealt])),
        without=np.array([cumulative_variance(standardized(one))[2] for one in left if len(one)]),
        alpha_slope=float(np.polyfit(theta[:, 0], theta[:, 3], 1)[0]),
        beta_slope=float(np.polyfit(theta[:, 1], theta[:, 4], 1)[0]),
        alpha_arithmetic=1 / float(np.mean(log_n)),
        beta_arithmetic=1 / float(np.mean(log_d)),
    )


PAPER_WAY, SOUND_WAY = "paper", "sound"
TENTH, HALF = 0.1, 0.5
WINDOW = 4
"""Neighboring sizes in the paper's moving window (Fig. 1a)."""

RULES = {
    "cut": ("nothing cut", "10B tokens cut"),
    "cut more": ("10B tokens cut", "half cut"),
    "checkpoints": ("final losses only", "all checkpoints"),
    "larger": ("smallest runs", "largest runs"),
    "more": ("three runs", "all runs"),
    "law": ("best loss seen", "law"),
}
"""Rule -> the two arms that are compared: the rule says that the first errs more."""


# --------------------------------------------------------------------------- choosing points
def after(runs: Sequence[Run], share: float, tokens: float = 0.0) -> Points:
    """Checkpoints after the first `share` of each run and after `tokens`; ValueError if none."""
    return stack([run.select(max(share * run.D[-1], tokens) < run.D) for run in runs])


def final(runs: Sequence[Run]) -> Points:
    """The last checkpoint of each run."""
    return stack([run.select(run.D[-1] == run.D) for run in runs])


def has_start(runs: Sequence[Run]) -> bool:
    """Whether any run was logged in its first 10B tokens, so that the cut throws something away."""
    return any(run.D[0] <= CUT for run in runs)


def best_seen(data: Points) -> ScalingLaw:
    """No law: the least training loss is the prediction. The paper's baseline."""
    return ScalingLaw.of(E=data.loss.min(), A=0, B=0, alpha=0, beta=0)


def error(data: Points, target: Points) -> float:
    """ARE of the least-squares law of `data`; nan where the points do not determine it."""
    return are(fit_varpro(data).law, target) if is_identified(data) else np.nan


# --------------------------------------------------------------------------- the two recipes
def paper_errors(family: Family) -> dict[str, tuple[float, float]]:
    """Rule -> errors of its two arms, the paper's way; the family is in the paper's unit."""
    runs, target = family.runs[:-1], target_points(family.target)
    data = training_points(runs, cut=CUT)
    plain = error(data, target)
    found = {
        "cut more": (plain, error(after(runs, HALF, CUT), target)),
        "law": (are(best_seen(data), target), plain),
    }
    if has_start(runs):
        found["cut"] = (error(training_points(runs), target), plain)
    ends = fit_curve_fit(final(runs), need_identified=False)
    found["checkpoints"] = (are(ends.law, target) if ends else np.nan, plain)
    if len(runs) > WINDOW:
        windows = (runs[:WINDOW], runs[-WINDOW:])
        found["larger"] = tuple(error(training_points(w, cut=CUT), target) for w in windows)
    if len(runs) > LEAST_DISTINCT:
        found["more"] = (error(training_points(runs[:LEAST_DISTINCT], cut=CUT), target), plain)
    return found


def sound_errors(runs: Sequence[Run], largest: Run) -> dict[str, tuple[float, float]]:
    """Rule -> errors of its two arms, the sound way; `runs` predict `largest`."""
    target, end = target_points(largest), final([largest])
    data = after(runs, TENTH)
    fit = fit_varpro(data)
    plain, cut = are(fit.law, target), error(after(runs, 0.0, CUT), target)
    found = {
        "cut more": (cut, error(after(runs, HALF), target)),
        "checkpoints": (are(fit_size_only(final(runs)).law, end), are(fit.law, end)),
        "law": (are(best_seen(data), target), plain),
    }
    if has_start(runs):
        found["cut"] = (error(after(runs, 0.0), target), cut)
    if len(runs) > LEAST_DISTINCT:
        small, large = runs[:LEAST_DISTINCT], runs[-LEAST_DISTINCT:]
        few = error(after(large, TENTH), target)
        found["larger"] = (error(after(small, TENTH), target), few)
        found["more"] = (few, plain)
    return found


def targets_of(family: Family) -> Iterator[tuple[tuple[Run, ...], Run]]:
    """(smaller runs, target) for every model that has at least three smaller ones."""
    for i in range(LEAST_DISTINCT, len(family.runs)):
        yield family.runs[:i], family.runs[i]


def rule_errors(in_paper_unit: Family, in_nats: Family) -> pd.DataFrame:
    """Both recipes on one family.

    Columns: rule, way (``paper`` or ``sound``), family, target, is_largest, first and second
    (errors of the arms of :data:`RULES`, percent).
    """
    rows = []

    def note(way: str, target: Run, errors: dict[str, tuple[float, float]]) -> None:
        for rule, (first, second) in errors.items():
            about = {"rule": rule, "way": way, "family": in_paper_unit.name}
            about |= {"target": target.model, "is_largest": target.N == in_nats.target.N}
            rows.append(about | {"first": first, "second": second})

    note(PAPER_WAY, in_paper_unit.target, paper_errors(in_paper_unit))
    for runs, target in targets_of(in_nats):
        note(SOUND_WAY, target, sound_errors(runs, target))
    return pd.DataFrame(rows)


def ratios_of(table: pd.DataFrame, rule: str, way: str, *, largest: bool = True) -> pd.Series:
    """First arm's error over the second's per family, geometric mean over its targets.

    largest : False leaves the largest model of each family out
    """
    rows = table[(table["rule"] == rule) & (table["way"] == way)]
    rows = rows if largest else rows[~rows["is_largest"]]
    logs = np.log(rows["first"] / rows["second"])
    return np.exp(logs.groupby(rows["family"], sort=False).mean())


# --------------------------------------------------------------------------- sweeps
def cut_sweep(in_paper_unit: Family, in_nats: Family, shares: Sequence[float]) -> pd.DataFrame:
    """Error by the share of each run that is thrown away, and with the first 10B tokens cut.

    Columns: way, family, target, is_largest, thrown (share; nan for 10B tokens), are. The paper's
    way is its unit and its target; the sound way nats, and every model with three smaller ones.
    """
    cases = [(PAPER_WAY, in_paper_unit.runs[:-1], in_paper_unit.target)]
    cases += [(SOUND_WAY, runs, target) for runs, target in targets_of(in_nats)]
    rows = []
    for way, runs, largest in cases:
        target = target_points(largest)
        about = {"way": way, "family": in_paper_unit.name, "target": largest.model}
        about["is_largest"] = largest.N == in_nats.target.N
        for thrown in sorted(shares):
            rows.append(about | {"thrown": thrown, "are": error(after(runs, thrown), target)})
        rows.append(about | {"thrown": np.nan, "are": error(after(runs, 0.0, CUT), target)})
    return pd.DataFrame(rows)


def single_errors(family: Family, share: float = 0.3) -> pd.DataFrame:
    """Errors of single runs with the borrowed size term, as the paper fits them.

    Columns: family, model, N, is_target, scale_up (target size over training size), are, and
    several: the error of the law of the smallest runs, as many as together cost no more than this
    one; nan with fewer than three, and for the target's own run. That run is cut after `share` of
    its tokens; of the other runs all after 10B is used.
    """
    target, rows = target_points(family.target), []
    for run in family.runs:
        own = run is family.target
        end = share * run.D[-1] if own else run.D[-1]
        left = run.select((run.D > CUT) & (end > run.D))
        enough = np.unique(left.D).size >= LEAST_DISTINCT
        found = are(fit_one_model(stack([left])).law, target) if enough else np.nan
        about = {"family": family.name, "model": run.model, "N": run.N, "is_target": own}
        about |= {"scale_up": family.target.N / run.N, "are": found}
        rows.append(about | {"several": np.nan if own else several_error(family.runs, run, target)})
    return pd.DataFrame(rows)


def several_error(runs: Sequence[Run], one: Run, target: Points) -> float:
    """Error of the law of the smallest of `runs` that together cost no more than `one`, 6 N D."""
    smaller = [run for run in runs if run.N < one.N]
    paid = np.cumsum([run.N * run.D[-1] for run in smaller]) <= one.N * one.D[-1]
    chosen = smaller[: int(paid.sum())]
    if len(chosen) < LEAST_DISTINCT:
        return np.nan
    return error(training_points(chosen, cut=CUT), target)


def over_families(
    make: Callable[..., pd.DataFrame], families: Sequence[tuple[Family, ...]], *args: object
) -> pd.DataFrame:
    """The tables of `make` for every family, one after the other."""
    return pd.concat([make(*family, *args) for family in families], ignore_index=True)
