"""What a run found: how much is memorized, which sequences and why; then all verdicts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import ttest_ind

from companion.claims import (
    HOLDS,
    NOT_RESOLVED,
    Finding,
    as_verdict,
    judge,
    measured_text,
    not_tested,
)
from companion.data import Missing
from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method import memorization
from companion.distillation_memorization.method.memorization import halved_ratio, inherited, ratio
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    HARD,
    SOFT,
    TEACHER,
    UNREAD,
    soft,
)
from companion.distillation_memorization.verdict import claims
from companion.distillation_memorization.verdict.results import (
    Results,
    Weighted,
    ends,
    mcnemar_p,
    temperature_slope,
    two_level,
)
from companion.scale import generator
from companion.stats import Interval, over_seeds, p_value, proportion


# -------------------------------------------------------------------------------------------- rates
def resampled(results: Results, name: str, count: Weighted, statistic) -> Interval:
    """The statistic of summed counts, with its two-level bootstrap interval."""
    return two_level(
        [w.members for w in results.worlds],
        count,
        statistic,
        generator(results.seed, "bootstrap", name),
        results.bootstrap,
    )


def told(interval: Interval) -> str:
    """An interval in words; one that could not be had is said."""
    if not np.isfinite([interval.estimate, interval.low, interval.high]).all():
        return f"{interval.estimate:.3g} (no interval)"
    return measured_text(interval)


def decisive(results: Results, measured: Interval) -> Interval:
    """What decides: of one seed a point, as its sequences say nothing about further seeds."""
    return measured._replace(low=None, high=None) if results.one_seed else measured


def counts_of(*models: str) -> Weighted:
    """Counts |M| of the models, weighted."""
    return lambda m, w: np.array([(m[name] * w).sum() for name in models])


def fold(results: Results, first: str, second: str) -> Interval:
    """|M_first| / |M_second| over all seeds."""
    return resampled(
        results, f"{first}/{second}", counts_of(first, second), lambda n: ratio(n[0], n[1])
    )


def counts_text(worlds: list[World], models: tuple[str, ...]) -> str:
    """Counts of all seeds together, e.g. ``teacher 134, baseline 63 of 800``."""
    n = sum(len(w.zlib) for w in worlds)
    present = [m for m in models if m in worlds[0].members]
    named = ", ".join(f"{m} {sum(w.count(m) for w in worlds)}" for m in present)
    return f"{named} of {n}"


def pooled(worlds: list[World], model: str) -> np.ndarray:
    """M of a model in all worlds, one after the other."""
    return np.concatenate([w.members[model] for w in worlds])


def less(results: Results) -> Finding:
    """Claim 1."""
    measured = fold(results, BASELINE, SOFT)
    p = mcnemar_p(*(pooled(results.worlds, m) for m in (BASELINE, SOFT)))
    notes = [
        f"memorized: {counts_text(results.worlds, (TEACHER, BASELINE, SOFT, HARD))}",
        f"95 % interval {told(measured)}",
    ]
    for name, worlds in results.others().items():
        there = Interval(*_plain_ratio(worlds, BASELINE, SOFT))
        notes.append(f"{name}: {there.estimate:.2f} ({len(worlds)} seeds)")
    shown = decisive(results, measured)._replace(p=p)
    return judge(claims.BY_ID["1"], results.scale, shown, note="; ".join(notes))


def _plain_ratio(worlds: list[World], first: str, second: str) -> tuple[float]:
    return (ratio(*(float(sum(w.count(m) for w in worlds)) for m in (first, second))),)


def better(results: Results) -> Finding:
    """Claim 1b."""
    gain = over_seeds([w.loss[BASELINE] - w.loss[SOFT] for w in results.worlds])
    means = {
        m: np.mean([w.loss[m] for w in results.worlds])
        for m in (TEACHER, BASELINE, SOFT, HARD)
        if m in results.worlds[0].loss
    }
    notes = ["held-out loss: " + ", ".join(f"{m} {loss:.3f}" for m, loss in means.items())]
    if means[SOFT] < means[TEACHER]:
        notes.append("the student is better than its teacher too, unlike the paper's")
    return judge(claims.BY_ID["1b"], results.scale, gain, note="; ".join(notes))


def order(results: Results) -> Finding:
    """Claim order."""
    holds = [w.count(TEACHER) > w.count(BASELINE) > w.count(SOFT) for w in results.worlds]
    share = proportion(sum(holds), len(holds))
    return judge(claims.BY_ID["order"], results.scale, decisive(results, share))


def cooler(results: Results) -> Finding:
    """Claim tau: a ratio of counts at toy scale, a slope elsewhere."""
    taus = sorted(
        float(m.removeprefix("soft, tau "))
        for m in results.worlds[0].members
        if m.startswith("soft, tau ")
    )
    shown = "; ".join(
        f"tau {tau:g}: {sum(w.count(soft(tau)) for w in results.worlds)}" for tau in taus
    )
    if len(taus) < 2:
        return not_tested(claims.BY_ID["tau"], results.scale, "only one temperature was run")
    if results.scale == "toy":
        measured = fold(results, soft(4.0), SOFT)
    else:
        measured = temperature_slope(
            [{tau: w.members[soft(tau)] for tau in taus} for w in results.worlds]
        )
    note = f"memorized: {shown}"
    return judge(claims.BY_ID["tau"], results.scale, decisive(results, measured), note=note)


def same_rate(results: Results) -> Finding:
    """Claim 4b."""
    measured = fold(results, HARD, SOFT)
    note = "reported, not reproduced at this size: see the text"
    finding = judge(claims.BY_ID["4b"], results.scale, decisive(results, measured))
    within = finding.verdict == "holds"
    return finding if within else as_verdict(finding, finding.verdict, note)


def control(results: Results) -> Finding:
    """Claim control: held-out text, and a teacher that never read D."""
    worlds = results.worlds
    trained = [w.rate(SOFT) for w in worlds]
    unseen = [float(w.held[SOFT].mean()) for w in worlds]
    rng = generator(results.seed, "bootstrap", "control")
    draws = [_control_draw(worlds, rng) for _ in range(results.bootstrap)]
    estimate = ratio(float(np.mean(unseen)), float(np.mean(trained)))
    measured = Interval(estimate, *ends(draws), None, len(worlds))
    passed = resampled(
        results,
        "unread",
        lambda m, w: np.array([inherited(m, student) @ w for student in (UNREAD, HARD)]),
        lambda n: halved_ratio(n[0], n[1]),
    )
    finding = judge(
        claims.BY_ID["control"],
        results.scale,
        decisive(results, measured),
        parts={
            "inherited from a teacher that never read D": (
                decisive(results, passed),
                claims.QUARTER,
            )
        },
        note=f"held-out rate {100 * np.mean(unseen):.2f} %, training rate "
        f"{100 * np.mean(trained):.2f} %",
    )
    if not any(inherited(w.members, HARD).any() for w in worlds):
        return as_verdict(finding, NOT_RESOLVED, "the hard student inherited nothing")
    return finding


def _control_draw(worlds: list[World], rng: np.random.Generator) -> float:
    """One two-level bootstrap draw of held-out rate over training rate."""
    picks = rng.integers(0, len(worlds), len(worlds)) if len(worlds) > 1 else [0]
    held = trained = 0.0
    for k in picks:
        known, unseen = worlds[k].members[SOFT], worlds[k].held[SOFT]
        trained += rng.binomial(known.size, known.mean()) / known.size
        held += rng.binomial(unseen.size, unseen.mean()) / unseen.size
    return ratio(held, trained)


# ------------------------------------------------------------------------------------------- causes
def easy(results: Results) -> Finding:
    """Claim 2."""

    def count(m: memorization.Members, w: np.ndarray) -> np.ndarray:
        simple = memorization.easy(m)
        return np.array([(simple & m[SOFT]) @ w, m[SOFT] @ w, simple @ w, w.sum()])

    def enrichment(n: np.ndarray) -> float:
        return memorization.ratio(memorization.ratio(n[0], n[1]), memorization.ratio(n[2], n[3]))

    measured = resampled(results, "enrichment", count, enrichment)
    share = resampled(results, "easy share", count, lambda n: memorization.ratio(n[0], n[1]))
    notes = []
    for name, worlds in results.others().items():
        both = [w.members for w in worlds]
        n = sum(count(m, np.ones(len(m[SOFT]))) for m in both)
        notes.append(f"{name}: share {memorization.ratio(n[0], n[1]):.2f}")
    return judge(
        claims.BY_ID["2"],
        results.scale,
        decisive(results, measured),
        parts={
            "share of M_S in E": (
                decisive(results, share),
                claims.EASY_SHARE.get(results.scale, claims.EASY_SHARE["book"]),
            )
        },
        note="; ".join(notes),
    )


def low_zlib(results: Results) -> Finding:
    """Claim 2b: the mean over seeds and the largest p; the worst seed must not contradict."""
    gaps, ps = [], []
    for world in results.worlds:
        members = world.zlib[world.members[BASELINE]]
        if len(members) < 2:
            gaps.append(np.nan)
            ps.append(np.nan)
            continue
        test = ttest_ind(members, world.zlib, equal_var=False)
        gaps.append(float(members.mean() - world.zlib.mean()))
        ps.append(float(test.pvalue))
    largest = float(np.max(ps))
    finding = judge(
        claims.BY_ID["2b"],
        results.scale,
        over_seeds(gaps)._replace(p=largest),
        parts={"largest p": (p_value(largest, len(ps)), claims.SMALL_P)},
        note=f"largest of the seeds' differences {np.max(gaps):.3g}",
    )
    if finding.verdict == HOLDS and not np.max(gaps) < claims.ZLIB_BYTES:
        return as_verdict(finding, NOT_RESOLVED, f"not below {claims.ZLIB_BYTES:g} in every seed")
    return finding


def predictable(results: Results) -> Finding:
    """Claim 3."""
    tested = [w.prediction for w in results.worlds if w.prediction.tested]
    if len(tested) < len(results.worlds):
        return judge(
            claims.BY_ID["3"],
            results.scale,
            Interval(float("nan"), n=len(results.worlds)),
            note=f"too few memorized sequences in {len(results.worlds) - len(tested)} of the seeds",
        )
    measured = over_seeds([p.auc.mean() for p in tested])
    permuted = over_seeds([p.permuted.mean() for p in tested])
    hard = np.concatenate([p.hard for p in tested])
    scores = {
        "recall": np.mean([p.recall.mean() for p in tested]),
        "precision": np.mean([p.precision.mean() for p in tested]),
        "sd of AUC over resamples": np.mean([p.auc.std() for p in tested]),
    }
    if np.isfinite(hard).any():
        scores["AUC against easy sequences that S rejects"] = np.nanmean(hard)
    return judge(
        claims.BY_ID["3"],
        results.scale,
        measured,
        parts={"permuted labels": (permuted, claims.PERMUTED)},
        note=", ".join(f"{name} {value:.2f}" for name, value in scores.items()),
    )


def filtered(results: Results) -> Finding:
    """Claim 3b."""
    worlds = [w for w in results.worlds if w.filtered is not None]
    if not worlds or len(worlds) < len(results.worlds):
        return not_tested(
            claims.BY_ID["3b"], results.scale, "no student of the filtered text was run"
        )
    members = [
        {"before": w.members[SOFT], "after": w.filtered.memorized & w.filtered.kept} for w in worlds
    ]
    measured = two_level(
        members,
        lambda m, w: np.array([m["after"] @ w, m["before"] @ w]),
        lambda n: memorization.ratio(n[0], n[1]),
        generator(results.seed, "bootstrap", "filter"),
        results.bootstrap,
    )
    removed = np.mean([1 - w.filtered.kept.mean() for w in worlds])
    everywhere = sum(int(w.filtered.memorized.sum()) for w in worlds)
    after = sum(int(m["after"].sum()) for m in members)
    new = sum(int((m["after"] & ~m["before"]).sum()) for m in members)
    return judge(
        claims.BY_ID["3b"],
        results.scale,
        decisive(results, measured),
        note=f"{100 * removed:.0f} % of D removed; memorized "
        f"{sum(w.count(SOFT) for w in worlds)} before, {after} after, {new} of them new; with "
        f"removed sequences that are completed all the same {everywhere}",
    )


def hard_inherits(results: Results) -> Finding:
    """Claim 4."""

    def count(m: memorization.Members, w: np.ndarray) -> np.ndarray:
        return np.array([memorization.inherited(m, student) @ w for student in (HARD, SOFT)])

    def more(n: np.ndarray) -> float:
        return memorization.halved_ratio(n[0], n[1]) if n.sum() > 0 else float("nan")

    measured = resampled(results, "inherited", count, more)
    only = np.concatenate([memorization.teacher_only(w.members) for w in results.worlds])
    p = mcnemar_p(*(pooled(results.worlds, m)[only] for m in (HARD, SOFT)))
    total = sum(count(w.members, np.ones(len(w.zlib))) for w in results.worlds)
    notes = [f"hard {int(total[0])}, soft {int(total[1])} of {int(only.sum())} teacher-only"]
    for name, worlds in results.others().items():
        n = sum(count(w.members, np.ones(len(w.zlib))) for w in worlds)
        notes.append(f"{name}: hard {int(n[0])}, soft {int(n[1])}")
    shown: Interval = decisive(results, measured)._replace(p=p)
    return judge(claims.BY_ID["4"], results.scale, shown, note="; ".join(notes))


# ----------------------------------------------------------------------------------------- findings
def evaluate(results: Results) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    calls: dict[str, Callable[[Results], Finding]] = {
        "1": less,
        "1b": better,
        "order": order,
        "tau": cooler,
        "2": easy,
        "2b": low_zlib,
        "3": predictable,
        "3b": filtered,
        "4": hard_inherits,
        "4b": same_rate,
        "control": control,
    }
    return [
        function(results)
        if results.scale in claims.BY_ID[name].criteria
        else not_tested(claims.BY_ID[name], results.scale, "tested at book scale")
        for name, function in calls.items()
    ]


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    found = {"main": _rates(results.worlds)}
    found |= {name: _rates(worlds) for name, worlds in results.others().items()}
    if not isinstance(results.overfit, Missing):
        sweep = results.overfit
        found["overfit"] = {
            "epochs": sweep.epochs.tolist(),
            "dividend": _rounded(sweep.dividend),
            "soft minus baseline loss": _rounded(sweep.soft_loss - sweep.baseline_loss),
        }
    return found


def _rates(worlds: list[World]) -> dict[str, object]:
    models = list(worlds[0].members)
    return {
        "models": models,
        "rate": _rounded([[w.rate(m) for m in models] for w in worlds]),
        "held_rate": _rounded([[w.held[m].mean() for m in models] for w in worlds]),
        "loss": _rounded([[w.loss[m] for m in models] for w in worlds]),
        "inherited": [
            {
                m: int(memorization.inherited(w.members, m).sum())
                for m in (SOFT, HARD, UNREAD)
                if m in w.members
            }
            for w in worlds
        ],
        "teacher_only": [int(memorization.teacher_only(w.members).sum()) for w in worlds],
        "easy": [int(memorization.easy(w.members).sum()) for w in worlds],
        "easy_and_soft": [
            int((memorization.easy(w.members) & w.members[SOFT]).sum()) for w in worlds
        ],
    }


def _rounded(values: object, digits: int = 6) -> list:
    """Nested lists of `digits` significant digits; None for what is not finite."""
    if np.ndim(values):
        return [_rounded(row, digits) for row in values]
    return float(f"{float(values):.{digits}g}") if np.isfinite(values) else None
