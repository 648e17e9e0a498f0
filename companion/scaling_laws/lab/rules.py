"""Every rule of the paper as a pair of fits on one family, once its way and once a sound way.

**The paper's recipe**: the numbers that it fits, in their units; the largest model is the target;
the first 10B tokens are cut; five parameters always, from the published start where the points do
not determine them.

**A sound recipe**: one metric for every size, in nats; every model with at least three smaller
ones is a target once; the first tenth of each run is cut; final losses get a law that they can
determine, E' + A N^-alpha, and are scored at the final checkpoint, where it may be asked.

An error is the mean over the last 30 % of the target's run, in percent, unless the rule says
otherwise.  A pair that a family is too small for is not a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from companion.scaling_laws.method.curvefit import fit_curve_fit
from companion.scaling_laws.method.law import (
    LEAST_DISTINCT,
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
from companion.scaling_laws.method.reduced import fit_one_model, fit_size_only
from companion.scaling_laws.method.varpro import fit_varpro

PAPER_WAY, SOUND_WAY = "paper", "sound"
TENTH, HALF = 0.1, 0.5
WINDOW = 4
"""Neighboring sizes in the paper's moving window (Fig. 1a)."""

RULES = {
    "cut": ("nothing cut", "start cut"),
    "cut more": ("start cut", "half cut"),
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
        "cut": (error(training_points(runs), target), plain),
        "cut more": (plain, error(after(runs, HALF, CUT), target)),
        "law": (are(best_seen(data), target), plain),
    }
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
    plain = are(fit.law, target)
    found = {
        "cut": (error(after(runs, 0.0), target), plain),
        "cut more": (plain, error(after(runs, HALF), target)),
        "checkpoints": (are(fit_size_only(final(runs)).law, end), are(fit.law, end)),
        "law": (are(best_seen(data), target), plain),
    }
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

    Columns: family, model, N, is_target, scale_up (target size over training size), are. The
    target's own run is cut after `share` of its tokens; of the other runs all after 10B is used.
    """
    target, rows = target_points(family.target), []
    for run in family.runs:
        own = run is family.target
        end = share * run.D[-1] if own else run.D[-1]
        left = run.select((run.D > CUT) & (end > run.D))
        enough = np.unique(left.D).size >= LEAST_DISTINCT
        found = are(fit_one_model(stack([left])).law, target) if enough else np.nan
        about = {"family": family.name, "model": run.model, "N": run.N, "is_target": own}
        rows.append(about | {"scale_up": family.target.N / run.N, "are": found})
    return pd.DataFrame(rows)


def over_families(
    make: Callable[..., pd.DataFrame], families: Sequence[tuple[Family, ...]], *args: object
) -> pd.DataFrame:
    """The tables of `make` for every family, one after the other."""
    return pd.concat([make(*family, *args) for family in families], ignore_index=True)
