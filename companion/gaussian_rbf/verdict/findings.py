"""Claims about the precision (C2 to C4, C7, C8) and other methods (C1, C5, C6, C9); verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest, friedmanchisquare, wilcoxon

from companion.claims import DOES_NOT_HOLD, Finding, as_verdict, judge, not_tested
from companion.data import Missing
from companion.gaussian_rbf.lab.digits import DeadStart, LogResult
from companion.gaussian_rbf.lab.nested import (
    OURS,
    SMALL,
    Nested,
    Penalties,
    corrected_interval,
    effect_table,
    lead_of_u,
    mean_scores,
)
from companion.gaussian_rbf.lab.reduction import Bench, Reading, Reduction
from companion.gaussian_rbf.lab.synthetic import gaps, main_rows
from companion.gaussian_rbf.method.model import DIAGONAL, FULL, ISOTROPIC
from companion.gaussian_rbf.method.precision import Counterexample
from companion.gaussian_rbf.verdict import claims
from companion.scale import generator
from companion.stats import (
    EQUIVALENCE,
    LEVEL,
    Interval,
    bootstrap,
    exact,
    holm,
    over_seeds,
    proportion,
)


# ----------------------------------------------------------------------------------------- spectrum
def signed_rank(values: np.ndarray) -> float | None:
    """Two-sided Wilcoxon p that the median is 0; None where it cannot be had."""
    values = np.asarray(values, float)
    if len(values) < 2 or not np.isfinite(values).all() or not values.any():
        return None
    return float(wilcoxon(values).pvalue)


def resampled(
    values: np.ndarray,
    statistic: Callable[..., np.ndarray],
    rng: np.random.Generator,
    confidence: float = LEVEL,
) -> Interval:
    """Bootstrap interval over seeds or folds; unknown if a value is not finite or there is one."""
    values = np.asarray(values, float)
    if len(values) < 2 or not np.isfinite(values).all():
        return Interval(float("nan"), n=len(values))
    return bootstrap(values, statistic, rng=rng, confidence=confidence)


def structures(scale: str, ridges: pd.DataFrame, *, seed: int) -> Finding:
    """Claim C2: the gap on rotated data, and none on aligned data."""
    diagonal = gaps(ridges, rotated=True, against=DIAGONAL)
    isotropic = gaps(ridges, rotated=True, against=ISOTROPIC)
    aligned = gaps(ridges, rotated=False, against=DIAGONAL)
    rows = main_rows(ridges)
    medians = rows[rows["rotated"]].groupby("structure")["r2"].median()
    again, bad = rows["disagree"], rows["worst"] < rows["r2"] - 0.1
    return judge(
        claims.BY_ID["C2"],
        scale,
        resampled(diagonal, np.median, generator(seed, "gap"))._replace(p=signed_rank(diagonal)),
        parts={
            "mean gap to diagonal": (over_seeds(diagonal), claims.ABOVE_ZERO),
            "mean gap to isotropic": (over_seeds(isotropic), claims.ABOVE_ZERO),
            "median gap on aligned data": (
                resampled(aligned, np.median, generator(seed, "aligned gap"), EQUIVALENCE),
                claims.NO_GAP,
            ),
        },
        note="median R2 on rotated data: "
        + ", ".join(f"{name} {medians[name]:.2f}" for name in (FULL, DIAGONAL, ISOTROPIC))
        + f"; of {len(again)} cases, restarts differ by more than 10 % of the objective in "
        f"{again.sum()}, and one of them is worse by 0.1 of R2 in {bad.sum()}",
    )


def angles(scale: str, ridges: pd.DataFrame, *, seed: int) -> Finding:
    """Claim C3: angles at the main penalty, full precision, rotated data."""
    rows = main_rows(ridges)
    rows = rows[rows["rotated"] & (rows["structure"] == FULL)]
    close = (rows["angle_p"] < 10).to_numpy()  # nan is not close
    excess = (rows["angle_p"] - rows["angle_agop"]).to_numpy()
    parts = {}
    if scale != "toy":
        measured = resampled(excess, np.median, generator(seed, "angles"))
        parts["angle of P less that of AGOP"] = measured, claims.NOT_LARGER
    return judge(
        claims.BY_ID["C3"],
        scale,
        proportion(int(close.sum()), len(close))._replace(p=signed_rank(rows["angle_p"] - 10)),
        parts=parts,
        note=f"median angle of P {rows['angle_p'].median():.1f} degrees, of AGOP "
        f"{rows['angle_agop'].median():.1f}",
    )


def decay(scale: str, reduction: Reduction, *, seed: int) -> Finding:
    """Claim C4: shares of the eigenvalues over folds."""

    def share(table: str, column: str) -> Interval:
        values = reduction.shares.loc[reduction.shares["table"] == table, column].to_numpy()
        return resampled(values, np.mean, generator(seed, "decay", table))

    return judge(
        claims.BY_ID["C4"],
        scale,
        share("digits 3v8", "first"),
        parts={"wine, first two": (share("wine", "first_two"), claims.ABOVE_99)},
    )


def dead_start(scale: str, dead: DeadStart, *, seed: int) -> Finding:
    """Claim C7: no penalty, no awakening; one time for all penalties; a smaller start cures it."""
    at = {float(lam): i for i, lam in enumerate(dead.lams)}
    end = abs(float(dead.loss[at[0.0], -1]) - np.log(2))
    ratio = dead.wake[at[1e-5]] / dead.wake[at[1e-2]]
    woken = [f"{lam:g}: {step:.0f}" for lam, step in zip(dead.lams, dead.wake, strict=True)]
    return judge(
        claims.BY_ID["C7"],
        scale,
        over_seeds([end]),
        parts={
            "wake-up with 1e-5 over 0.01": (over_seeds([ratio]), claims.WITHIN_20),
            "accuracy from the small start": (over_seeds([dead.accuracy_small]), claims.TRAINS),
        },
        note=f"largest Gaussian at the start {dead.peak:.0e}; wake-up step by weight: "
        + ", ".join(woken).replace("nan", "never"),
    )


def turned(scale: str, example: Counterexample, readings: list[Reading], *, seed: int) -> Finding:
    """Claim C8: the counter-example, and the cosine on real tables."""
    off = np.abs(np.diag(example.H) - [0.036, 0.111]).max()
    return judge(
        claims.BY_ID["C8"],
        scale,
        exact(example.cosine),
        parts={"H off by": (exact(off), claims.WITHIN_001)},
        note="|cosine| on real tables: "
        + ", ".join(f"{one.table.name} {one.cosine:.2f}" for one in readings),
    )


# ------------------------------------------------------------------------------------------- models
RANKED = (OURS, "SVM", "MLP", "random forest", "gradient boosting")
MARGINS = {False: 0.02, True: 0.05}
"""Non-inferiority margin: accuracy, R2."""


def competitive(scale: str, nested: Nested, *, seed: int) -> Finding:
    """Claim C1: against the model of the best mean rank, in units of the margin."""
    claim = claims.BY_ID["C1"]
    if nested.scores.empty:
        return not_tested(claim, scale, "no table could be had")
    means = mean_scores(nested)
    if absent := [name for name in RANKED if name not in means.columns]:
        return not_tested(claim, scale, f"these rivals did not run: {', '.join(absent)}")
    whole = means[list(RANKED)].dropna()
    if len(whole) < 3:
        return not_tested(claim, scale, f"{len(whole)} tables are too few to rank models")
    ranks = whole.rank(axis=1, ascending=False).mean()
    best = ranks.drop(OURS).idxmin()
    kind = nested.scores.groupby("table")["regression"].first()
    margins = kind.map(MARGINS).reindex(whole.index).to_numpy()
    shortfall = (whole[best] - whole[OURS]).to_numpy() / margins
    p_values = [signed_rank(whole[name] - whole[OURS]) or 1.0 for name in RANKED[1:]]
    adjusted = dict(zip(RANKED[1:], holm(p_values), strict=True))
    fine = _not_inferior(nested, whole.index, best)
    friedman = friedmanchisquare(*[whole[name] for name in RANKED]).pvalue
    lost = len(means) - len(whole)
    finding = judge(
        claim,
        scale,
        over_seeds(shortfall),
        note="mean ranks: "
        + ", ".join(f"{name} {ranks[name]:.1f}" for name in RANKED)
        + f"; Friedman p = {friedman:.2f}; not inferior to {best} by a corrected resampled t "
        f"interval on {fine} of {len(whole)} tables; Holm-Wilcoxon p {adjusted[best]:.2g}"
        + (f"; {lost} tables without a finite score of every model" if lost else ""),
    )
    if adjusted[best] < claims.WORSE and np.median(shortfall) > 0:
        return as_verdict(finding, DOES_NOT_HOLD, f"worse than {best}")
    return finding


def _not_inferior(nested: Nested, tables: pd.Index, rival: str) -> int:
    """Tables on which the corrected interval of our score less the rival's is above -margin."""
    count = 0
    for name in tables:
        rows = nested.scores[nested.scores["table"] == name]
        wide = rows.pivot(index="fold", columns="model", values="score")
        difference = (wide[OURS] - wide[rival]).to_numpy()
        _, low, _ = corrected_interval(difference, len(wide))
        count += low > -MARGINS[bool(rows["regression"].iloc[0])]
    return count


def features(scale: str, selection: pd.DataFrame, *, seed: int) -> Finding:
    """Claim C5: hits of the authors' formula on the two problems with classes."""
    ours = selection[selection["method"] == "|V| gamma"]
    hits = {
        name: ours.loc[ours["problem"] == name, "hit"].to_numpy() for name in ("orange skin", "XOR")
    }
    worst = min(hits, key=lambda name: hits[name].mean())
    n, k = len(hits[worst]), int(hits[worst].sum())
    told = [f"{name} {int(row.sum())} of {len(row)}" for name, row in hits.items()]
    auc = selection.pivot_table(index=["problem", "seed"], columns="method", values="auc")
    for rival in ("forest, impurity", "forest, permutation"):
        gain = over_seeds(auc["|V| gamma"] - auc[rival])
        told.append(f"AUC less that of {rival} {_text(gain)}")
    regression = ours.loc[ours["problem"] == "additive regression", "hit"]
    told.append(f"additive regression {int(regression.sum())} of {len(regression)}")
    return judge(
        claims.BY_ID["C5"],
        scale,
        proportion(k, n)._replace(p=float(binomtest(k, n, 0.9).pvalue)),
        note="hits: " + "; ".join(told),
    )


def _text(value: Interval) -> str:
    if not value.has_interval:
        return f"{value.estimate:+.3f}"
    return f"{value.estimate:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"


def penalty(scale: str, penalties: Penalties, *, seed: int) -> Finding:
    """Claim C6: which penalty explains more, on the grid up to 0.1 and on the full one."""

    def lead(part: Penalties, name: str) -> Interval:
        values = lead_of_u(part, generator(seed, "penalty", name))
        draws = values[1:][np.isfinite(values[1:])]
        if not np.isfinite(values[0]) or len(draws) < len(values) / 2:
            return Interval(float("nan"))
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        folds = len(next(iter(part.scores.values())))
        return Interval(float(values[0]), float(low), float(high), None, folds)

    top = penalties.lams.max()
    return judge(
        claims.BY_ID["C6"],
        scale,
        lead(penalties.upto(SMALL), "small"),
        parts={f"grid up to {top:g}": (lead(penalties, "full"), claims.ABOVE_ZERO)},
    )


def coordinates(scale: str, reduction: Reduction, *, seed: int) -> Finding:
    """Claim C9: neighbors on two coordinates, digits decide, other tables are told."""
    table = reduction.accuracy.pivot_table(
        index=["table", "fold"], columns="method", values="accuracy"
    )

    def gain(name: str, rival: str) -> Interval:
        rows = table.loc[name]
        difference = (rows["GRBFNN"] - rows[rival]).to_numpy()
        if np.ptp(difference) == 0:  # folds that agree say nothing about their spread
            return over_seeds(difference)
        return Interval(*corrected_interval(difference, len(rows)), None, len(rows))

    others = [name for name in table.index.unique("table") if name != "digits 3v8"]
    told = [
        f"{name}: less PCA {_text(gain(name, 'PCA'))}, less NCA {_text(gain(name, 'NCA'))}"
        for name in others
    ]
    return judge(
        claims.BY_ID["C9"],
        scale,
        gain("digits 3v8", "PCA"),
        parts={"less NCA": (gain("digits 3v8", "NCA"), claims.NOT_BELOW)},
        note="; ".join(told),
    )


# ----------------------------------------------------------------------------------------- findings
@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed; a field may hold a ``Missing`` instead.

    Named as the functions that make them: ``run_log``, ``run_dead_start``, ``run_ridges``,
    ``run_selection``, ``run_nested``, ``run_penalties``, ``run_reduction``, ``read_tables``,
    ``counterexample``, ``run_bench``.
    """

    log: LogResult | Missing
    dead: DeadStart | Missing
    ridges: pd.DataFrame | Missing
    selection: pd.DataFrame | Missing
    nested: Nested | Missing
    penalties: Penalties | Missing
    reduction: Reduction | Missing
    readings: list[Reading] | Missing
    counterexample: Counterexample | Missing
    bench: Bench | Missing


def evaluate(results: Results, scale: str, seed: int) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    calls: dict[str, tuple[Callable[..., Finding], tuple[object, ...]]] = {
        "C1": (competitive, (results.nested,)),
        "C2": (structures, (results.ridges,)),
        "C3": (angles, (results.ridges,)),
        "C4": (decay, (results.reduction,)),
        "C5": (features, (results.selection,)),
        "C6": (penalty, (results.penalties,)),
        "C7": (dead_start, (results.dead,)),
        "C8": (turned, (results.counterexample, results.readings)),
        "C9": (coordinates, (results.reduction,)),
    }
    found = []
    for name, (function, parts) in calls.items():
        missing = next((part for part in parts if isinstance(part, Missing)), None)
        if missing is not None:
            found.append(not_tested(claims.BY_ID[name], scale, missing.reason))
        elif claims.BY_ID[name].criteria.get(scale) is None:
            found.append(
                not_tested(claims.BY_ID[name], scale, "needs more tables than this scale has")
            )
        else:
            found.append(function(scale, *parts, seed=seed))
    return found


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    r, found = results, {}
    if not isinstance(r.ridges, Missing):
        columns = [
            "features",
            "rows",
            "lam",
            "scale",
            "structure",
            "rotated",
            "seed",
            "r2",
            "angle_p",
            "angle_agop",
        ]
        found["ridges"] = r.ridges[columns].round(4).to_dict("list")
    if not isinstance(r.nested, Missing) and len(r.nested.scores):
        means = mean_scores(r.nested).round(4)
        found["scores"] = {"table": list(means.index), **means.to_dict("list")}
    if not isinstance(r.selection, Missing):
        groups = r.selection.groupby(["problem", "method"], sort=False)
        found["selection"] = groups[["score", "auc", "hit", "mass"]].mean().round(4).reset_index()
        found["selection"] = found["selection"].to_dict("list")
    if not isinstance(r.penalties, Missing):
        found["effects"] = effect_table(r.penalties).round(4).to_dict("list")
    if not isinstance(r.dead, Missing):
        found["wake"] = {"lam": r.dead.lams, "epoch": r.dead.wake, "small": r.dead.wake_small}
    if not isinstance(r.log, Missing):
        found["log"] = {
            "epochs": r.log.epochs,
            "objective": np.round(r.log.objective.mean(axis=0), 5),
            "test": r.log.test,
        }
    if not isinstance(r.reduction, Missing):
        means = r.reduction.accuracy.groupby(["table", "method"], sort=False)["accuracy"].mean()
        found["reduction"] = means.round(4).reset_index().to_dict("list")
    if not isinstance(r.readings, Missing):
        found["cosines"] = {one.table.name: round(one.cosine, 4) for one in r.readings}
    if not isinstance(r.bench, Missing):
        found["bench"] = {"fits": r.bench.fits, "ratio": round(r.bench.ratio, 2)}
    return found
