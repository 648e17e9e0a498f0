"""Claims about AUROC in a run: C1 to C7, C11, and the metric check."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from sklearn.metrics import roc_auc_score

from companion.claims import (
    DOES_NOT_HOLD,
    NOT_RESOLVED,
    Criterion,
    Finding,
    judge,
    measured_text,
    not_tested,
)
from companion.leximark.lab.arms import CONTROL, MARK, NONE, dose, removal
from companion.leximark.lab.detection import auroc, bootstrap_auroc
from companion.leximark.lab.run import DECOMPOSITION, SAME_HALF, Run
from companion.leximark.verdict import claims
from companion.stats import Interval, exact, over_seeds, proportion

Parts = dict[str, tuple[Interval, Criterion]]


def unknown(n: int | None = None) -> Interval:
    """What a score that is not finite leaves: no number, and every verdict open."""
    return Interval(float("nan"), n=n)


def judged(run: Run, interval: Interval) -> Interval:
    """What a verdict may use: one training says nothing about others, so its estimate alone."""
    if len(run.seeds) > 1:
        return interval
    return interval._replace(low=None, high=None, n=len(run.seeds))


def difference(
    run: Run, arm: str, question: str, against: str = NONE, other: str = "record"
) -> Interval:
    """AUROC of an arm minus that of another on the same documents, bootstrapped.

    other : the question that is asked of the arm `against`
    """
    try:
        pairs, minus = run.pairs(arm, question), run.pairs(against, other)
        return bootstrap_auroc(pairs, minus, seed=run.seeds[0])
    except ValueError:  # a score that is not finite
        return unknown(len(run.seeds))


def by_seeds(run: Run, arm: str, question: str, against: str = NONE) -> Interval:
    """The same difference with a t interval over the seeds alone."""
    try:
        return over_seeds(run.aurocs(arm, question) - run.aurocs(against))
    except ValueError:
        return unknown(len(run.seeds))


def level(run: Run, arm: str, question: str = "record", model: str = "trained") -> Interval:
    """AUROC of an arm with its bootstrap interval."""
    try:
        return bootstrap_auroc(
            run.pairs(arm, question, model=model), seed=run.seeds[0], same=question in SAME_HALF
        )
    except ValueError:
        return unknown(len(run.seeds))


def win_rate(run: Run, model: str = "trained") -> Interval:
    """Share of members that score higher under their own dictionary: t interval over seeds.

    With one seed Wilson's interval over its documents.
    """
    values = run.win_rates(MARK, model)
    if len(values) > 1 or not np.isfinite(values).all():
        return over_seeds(values)
    n = len(run.pairs(MARK, "counterfactual", model=model)[0][0])
    return proportion(round(float(values[0]) * n), n)._replace(estimate=float(values[0]))


def _lacking(runs: Sequence[Run], *needs: tuple[str, str]) -> str:
    for run in runs:
        for arm, question in needs:
            if not run.has(arm, question):
                return f"the arm {arm!r} was not run with the {run.model}"
    return ""


def _compare(
    claim: str,
    scale: str,
    runs: Sequence[Run],
    arm: str,
    question: str,
    part: Criterion,
    note: str = "",
) -> Finding:
    """A difference to "none": the last run carries the claim, the others are parts of it."""
    if reason := _lacking(runs, (NONE, "record"), (arm, question)):
        return not_tested(claims.BY_ID[claim], scale, reason)
    found = {run.model: difference(run, arm, question) for run in runs}
    main = runs[-1]
    levels = "; ".join(
        f"{run.model}: none {measured_text(level(run, NONE))}, "
        f"{arm} {measured_text(level(run, arm, question))}"
        + (
            f", difference by seeds alone {measured_text(by_seeds(run, arm, question))}"
            if len(run.seeds) > 1
            else ""
        )
        for run in runs
    )
    measured = found[main.model]
    if len(main.seeds) < 2:
        note += f"95 % interval over documents {measured_text(measured)}; "
    parts = {f"difference, {run.model}": (judged(run, found[run.model]), part) for run in runs[:-1]}
    return judge(
        claims.BY_ID[claim], scale, judged(main, measured), parts=parts, note=note + levels
    )


def gain(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C1."""
    return _compare("C1", scale, runs, MARK, "protocol", claims.GAIN_PART)


def shared(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C2."""
    note = ""
    for run in runs:
        if run.has("rarest"):
            rarest = measured_text(difference(run, "rarest", "record"))
            note += f"rarest synonym for all, {run.model}: {rarest}; "
    return _compare("C2", scale, runs, MARK, "record", claims.ABOVE_ZERO, note)


def direction(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C3."""
    return _compare("C3", scale, runs, CONTROL, "record", claims.BELOW_ZERO)


def leak(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C4: each arm's own interval must be inside, so no correction for their number."""
    told: list[tuple[float, Interval, str]] = []  # (distance of the far end, interval, arm)
    crossing, astray = 0, 0
    for run in runs:
        for arm, result in run.results[0].items():
            for question in ("record", "protocol"):
                if not set(DECOMPOSITION[question]) <= set(result.base):
                    continue
                found = level(run, arm, question, "base")
                if not np.isfinite(found.estimate):
                    note = "a score of the untrained model is no number"
                    return judge(claims.BY_ID["C4"], scale, unknown(), note=note)
                verdict = claims.CHANCE.verdict(found)
                crossing += verdict == NOT_RESOLVED
                astray += verdict == DOES_NOT_HOLD
                outside = distance(found)
                name = f"{arm} ({question}), {run.model}"
                told.append(
                    (
                        outside.estimate if scale == "toy" else outside.high,
                        judged(run, outside),
                        f"{name}, {measured_text(found)}",
                    )
                )
    if not told:
        return not_tested(claims.BY_ID["C4"], scale, "no arm was scored by the untrained model")
    surely = [row for row in told if (row[1].low or 0.0) >= claims.CHANCE.high - 0.5]
    _, measured, worst = max(surely or told, key=lambda row: row[0])
    note = f"farthest: {worst}; of {len(told)} intervals {crossing} cross the margin"
    if astray:
        note += f" and {astray} lie beyond it"
    if not surely and any(len(run.seeds) < 2 for run in runs):
        measured = Interval(measured.estimate, n=1)
    else:
        measured = measured._replace(n=len(told))
    return judge(claims.BY_ID["C4"], scale, measured, note=note)


def distance(interval: Interval) -> Interval:
    """Distance of an AUROC from 0.5."""
    ends = [abs(interval.low - 0.5), abs(interval.high - 0.5)]
    nearest = 0.0 if interval.low <= 0.5 <= interval.high else min(ends)
    return Interval(abs(interval.estimate - 0.5), nearest, max(ends), n=interval.n)


def blind(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C5: the texts are the matter, so the first run with the arm says it all."""
    if reason := _lacking(runs, (MARK, "protocol")):
        return not_tested(claims.BY_ID["C5"], scale, reason)
    found = [result[MARK].blind for result in runs[0].results]
    split = over_seeds([values.get("protocol", np.nan) for values in found])
    one = over_seeds([values.get("record", np.nan) for values in found])
    parts: Parts = {"one dictionary": (one, claims.BLIND_SHARED)}
    return judge(claims.BY_ID["C5"], scale, split, parts=parts)


def dictionary(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C6."""
    if reason := _lacking(runs, (MARK, "dictionary"), (MARK, "counterfactual")):
        return not_tested(claims.BY_ID["C6"], scale, reason)
    toy = scale == "toy"
    parts: Parts = {}
    for run in runs:
        parts[f"wins, {run.model}"] = (
            judged(run, win_rate(run)),
            claims.WINS_TOY if toy else claims.WINS,
        )
        if run is not runs[-1]:
            learned = judged(run, level(run, MARK, "dictionary"))
            parts[f"AUROC, {run.model}"] = (learned, claims.DICTIONARY_PART)
        before = judged(run, level(run, MARK, "dictionary", "base"))
        parts[f"untrained AUROC, {run.model}"] = (before, claims.CHANCE)
        parts[f"untrained wins, {run.model}"] = (judged(run, win_rate(run, "base")), claims.CHANCE)
    if toy:  # one seed: chance alone moves these by 0.05, so they are shown and not judged
        chance = {name: parts.pop(name) for name in list(parts) if name.startswith("untrained")}
        note = ", ".join(f"{name} {measured_text(value)}" for name, (value, _) in chance.items())
    else:
        note = ""
    main = judged(runs[-1], level(runs[-1], MARK, "dictionary"))
    return judge(claims.BY_ID["C6"], scale, main, parts=parts, note=note)


def slopes(run: Run, x: Sequence[float], arms: Sequence[str]) -> np.ndarray:
    """Per seed the least-squares slope of the protocol's AUROC on x: (n_seeds,)."""
    y = np.array([run.aurocs(arm, "protocol") for arm in arms])  # (n_x, n_seeds)
    return np.polyfit(np.asarray(x, dtype=float), y, 1)[0]


def doses(scale: str, run: Run, values: Sequence[int]) -> Finding:
    """Claim C7, on the word model."""
    if scale not in claims.BY_ID["C7"].criteria:
        return not_tested(claims.BY_ID["C7"], scale, "one seed and K = 5 only at this scale")
    arms = [dose(k) for k in values]
    if len(arms) < 2 or _lacking([run], *((arm, "protocol") for arm in arms)):
        return not_tested(claims.BY_ID["C7"], scale, "fewer than two values of K were run")
    note = ", ".join(
        f"K = {k}: {run.aurocs(arm, 'protocol').mean():.3f}"
        for k, arm in zip(values, arms, strict=True)
    )
    return judge(claims.BY_ID["C7"], scale, over_seeds(slopes(run, values, arms)), note=note)


def removed(scale: str, run: Run, shares: Sequence[float]) -> Finding:
    """Claim C11, on the word model."""
    if scale not in claims.BY_ID["C11"].criteria:
        return not_tested(claims.BY_ID["C11"], scale, "tested at book scale")
    x, arms = [0.0, *shares], [MARK, *map(removal, shares)]
    if len(arms) < 3 or _lacking([run], *((arm, "protocol") for arm in arms)):
        return not_tested(claims.BY_ID["C11"], scale, "fewer than two shares were run")
    note = ", ".join(
        f"{100 * share:.0f} %: {run.aurocs(arm, 'protocol').mean():.3f}"
        for share, arm in zip(x, arms, strict=True)
    )
    parts: Parts = {f"{arms[1]} - none": (difference(run, arms[1], "protocol"), claims.ABOVE_ZERO)}
    for before, after in pairwise(arms):
        step = difference(run, after, "protocol", before, "protocol")
        parts[f"{after} - {before}"] = (step, claims.BELOW_ZERO)
    return judge(
        claims.BY_ID["C11"], scale, over_seeds(slopes(run, x, arms)), parts=parts, note=note
    )


def metric(scale: str, runs: Sequence[Run]) -> Finding:
    """The metric check on every pair of every run."""
    gaps = []
    for run in runs:
        for arm in run.results[0]:
            for members, others in run.pairs(arm):
                label = np.r_[np.ones(len(members)), np.zeros(len(others))]
                values = np.r_[members, others]
                if not np.isfinite(values).all():
                    gaps.append(np.nan)
                    continue
                gaps.append(abs(auroc(members, others) - roc_auc_score(label, values)))
    largest = float(np.max(gaps)) if gaps else float("nan")
    return judge(claims.BY_ID["metric"], scale, exact(largest, len(gaps)))
