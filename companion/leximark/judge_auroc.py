"""Claims about AUROC in a run: C1 to C7, C11, and the metric check."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from companion.claims import Criterion, Finding, judge, measured_text, not_tested
from companion.leximark import claims as c
from companion.leximark.arms import CONTROL, MARK, NONE, dose, removal
from companion.leximark.detection import auroc, bootstrap_auroc
from companion.leximark.experiment import DECOMPOSITION, Run
from companion.stats import Interval, t_interval

Parts = dict[str, tuple[Interval, Criterion]]

NAN = Interval(float("nan"))


def over_seeds(values: Sequence[float]) -> Interval:
    """Mean over seeds with a t interval; one seed has no interval, a value not finite no mean."""
    array = np.asarray(values, dtype=float)
    if not len(array) or not np.isfinite(array).all():
        return NAN._replace(n=len(array))
    if len(array) == 1:
        return Interval(float(array[0]), n=1)
    if np.ptp(array) == 0:
        return Interval(float(array[0]), float(array[0]), float(array[0]), n=len(array))
    return t_interval(array)


def point(interval: Interval) -> Interval:
    """The estimate alone: what a toy run is judged by."""
    return interval._replace(low=None, high=None)


def difference(run: Run, arm: str, question: str, against: str = NONE) -> Interval:
    """AUROC of an arm minus that of another on the same documents, bootstrapped."""
    try:
        pairs, minus = run.pairs(arm, question), run.pairs(against, "record")
        return bootstrap_auroc(pairs, minus, seed=run.seeds[0])
    except ValueError:  # a score that is not finite
        return NAN._replace(n=len(run.seeds))


def level(run: Run, arm: str, question: str = "record", model: str = "trained") -> Interval:
    """AUROC of an arm with its bootstrap interval."""
    try:
        return bootstrap_auroc(run.pairs(arm, question, model=model), seed=run.seeds[0])
    except ValueError:
        return NAN._replace(n=len(run.seeds))


def _lacking(runs: Sequence[Run], *needs: tuple[str, str]) -> str:
    for run in runs:
        for arm, question in needs:
            if not run.has(arm, question):
                return f"the arm {arm!r} was not run with the {run.model}"
    return ""


def _compare(claim: str, scale: str, runs: Sequence[Run], arm: str, question: str,
             part: Criterion, note: str = "") -> Finding:  # fmt: skip
    """A difference to "none": the last run carries the claim, the others are parts of it."""
    if reason := _lacking(runs, (NONE, "record"), (arm, question)):
        return not_tested(c.BY_ID[claim], scale, reason)
    found = {run.model: difference(run, arm, question) for run in runs}
    main = runs[-1]
    levels = "; ".join(
        f"{run.model}: none {measured_text(level(run, NONE))}, "
        f"{arm} {measured_text(level(run, arm, question))}"
        for run in runs
    )
    measured = found.pop(main.model)
    if scale == "toy" and claim != "C2":
        note += f"95 % interval {measured_text(measured)}; "
        measured = point(measured)
    parts = {f"difference, {model}": (interval, part) for model, interval in found.items()}
    return judge(c.BY_ID[claim], scale, measured, parts=parts, note=note + levels)


def gain(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C1."""
    return _compare("C1", scale, runs, MARK, "protocol", c.GAIN_PART)


def shared(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C2."""
    note = ""
    for run in runs:
        if run.has("rarest"):
            rarest = measured_text(difference(run, "rarest", "record"))
            note += f"rarest synonym for all, {run.model}: {rarest}; "
    return _compare("C2", scale, runs, MARK, "record", c.ABOVE_ZERO, note)


def direction(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C3."""
    return _compare("C3", scale, runs, CONTROL, "record", c.BELOW_ZERO)


def leak(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C4."""
    distances, outside, worst = [], 0, ""
    for run in runs:
        arms = [
            (arm, question)
            for arm, result in run.results[0].items()
            if result.base
            for question in ("record", "protocol")
            if set(DECOMPOSITION[question]) <= set(result.base)
        ]
        for arm, question in arms:
            pairs = run.pairs(arm, question, model="base")
            try:
                found = bootstrap_auroc(pairs, seed=run.seeds[0], confidence=1 - 0.05 / len(arms))
            except ValueError:
                found = NAN
            distances.append(abs(found.estimate - 0.5))
            if distances[-1] == max(distances):
                worst = f"farthest: {arm} ({question}), {run.model}, {measured_text(found)}"
            if found.low is None or not found.low <= 0.5 <= found.high:
                outside += 1
    if not distances:
        return not_tested(c.BY_ID["C4"], scale, "no arm was scored by the untrained model")
    if not np.isfinite(distances).all():
        return judge(c.BY_ID["C4"], scale, NAN, note="a score of the untrained model is no number")
    estimate = max(distances) if scale == "toy" else float(outside)
    return judge(c.BY_ID["C4"], scale, Interval(estimate, n=len(distances)), note=worst)


def blind(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C5: the texts are the matter, so the first run with the arm says it all."""
    if reason := _lacking(runs, (MARK, "protocol")):
        return not_tested(c.BY_ID["C5"], scale, reason)
    found = [result[MARK].blind for result in runs[0].results]
    split = over_seeds([values.get("protocol", np.nan) for values in found])
    one = over_seeds([values.get("record", np.nan) for values in found])
    parts: Parts = {"one dictionary": (one, c.BLIND_SHARED)}
    return judge(c.BY_ID["C5"], scale, split, parts=parts)


def dictionary(scale: str, runs: Sequence[Run]) -> Finding:
    """Claim C6."""
    if reason := _lacking(runs, (MARK, "dictionary"), (MARK, "counterfactual")):
        return not_tested(c.BY_ID["C6"], scale, reason)
    toy = scale == "toy"
    trim = point if toy else lambda interval: interval
    parts: Parts = {}
    for run in runs:
        own = trim(over_seeds(run.win_rates(MARK)))
        parts[f"wins, {run.model}"] = (own, c.WINS_TOY if toy else c.WINS)
        if run is not runs[-1]:
            parts[f"AUROC, {run.model}"] = (level(run, MARK, "dictionary"), c.DICTIONARY_PART)
        before = point(level(run, MARK, "dictionary", "base"))
        wins = point(over_seeds(run.win_rates(MARK, "base")))
        parts[f"untrained AUROC, {run.model}"] = (before, c.CHANCE)
        parts[f"untrained wins, {run.model}"] = (wins, c.CHANCE)
    if toy:  # one seed: chance alone moves these by 0.05, so they are shown and not judged
        chance = {name: parts.pop(name) for name in list(parts) if name.startswith("untrained")}
        note = ", ".join(f"{name} {measured_text(value)}" for name, (value, _) in chance.items())
    else:
        note = ""
    main = trim(level(runs[-1], MARK, "dictionary"))
    return judge(c.BY_ID["C6"], scale, main, parts=parts, note=note)


def slopes(run: Run, x: Sequence[float], arms: Sequence[str]) -> np.ndarray:
    """Per seed the least-squares slope of the protocol's AUROC on x: (n_seeds,)."""
    y = np.array([run.aurocs(arm, "protocol") for arm in arms])  # (n_x, n_seeds)
    return np.polyfit(np.asarray(x, dtype=float), y, 1)[0]


def doses(scale: str, run: Run, values: Sequence[int]) -> Finding:
    """Claim C7, on the word model."""
    if scale not in c.BY_ID["C7"].criteria:
        return not_tested(c.BY_ID["C7"], scale, "one seed and K = 5 only at this scale")
    arms = [dose(k) for k in values]
    if len(arms) < 2 or _lacking([run], *((arm, "protocol") for arm in arms)):
        return not_tested(c.BY_ID["C7"], scale, "fewer than two values of K were run")
    note = ", ".join(
        f"K = {k}: {run.aurocs(arm, 'protocol').mean():.3f}"
        for k, arm in zip(values, arms, strict=True)
    )
    return judge(c.BY_ID["C7"], scale, over_seeds(slopes(run, values, arms)), note=note)


def removed(scale: str, run: Run, shares: Sequence[float]) -> Finding:
    """Claim C11, on the word model."""
    if scale not in c.BY_ID["C11"].criteria:
        return not_tested(c.BY_ID["C11"], scale, "tested at book scale")
    x, arms = [0.0, *shares], [MARK, *map(removal, shares)]
    if len(arms) < 3 or _lacking([run], *((arm, "protocol") for arm in arms)):
        return not_tested(c.BY_ID["C11"], scale, "fewer than two shares were run")
    first = difference(run, arms[1], "protocol")
    note = ", ".join(
        f"{100 * share:.0f} %: {run.aurocs(arm, 'protocol').mean():.3f}"
        for share, arm in zip(x, arms, strict=True)
    )
    parts: Parts = {f"{arms[1]} - none": (first, c.ABOVE_ZERO)}
    return judge(c.BY_ID["C11"], scale, over_seeds(slopes(run, x, arms)), parts=parts, note=note)


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
    return judge(c.BY_ID["metric"], scale, Interval(largest, n=len(gaps)))
