"""Claims about how much is memorized: 1, 1b, order, tau, 4b, control."""

from __future__ import annotations

import numpy as np

from companion.claims import NOT_RESOLVED, Finding, as_verdict, judge, measured_text, not_tested
from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method import arms, sets
from companion.distillation_memorization.verdict import claims, resampling
from companion.distillation_memorization.verdict.results import Results
from companion.distillation_memorization.verdict.trend import temperature_slope
from companion.scale import generator
from companion.stats import Interval, over_seeds, proportion


def resampled(results: Results, name: str, count: resampling.Weighted, statistic) -> Interval:
    """The statistic of summed counts, with its two-level bootstrap interval."""
    return resampling.two_level(
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


def counts_of(*models: str) -> resampling.Weighted:
    """Counts |M| of the models, weighted."""
    return lambda m, w: np.array([(m[name] * w).sum() for name in models])


def fold(results: Results, first: str, second: str) -> Interval:
    """|M_first| / |M_second| over all seeds."""
    return resampled(
        results, f"{first}/{second}", counts_of(first, second), lambda n: sets.ratio(n[0], n[1])
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
    measured = fold(results, arms.BASELINE, arms.SOFT)
    p = resampling.mcnemar_p(*(pooled(results.worlds, m) for m in (arms.BASELINE, arms.SOFT)))
    notes = [
        "memorized: "
        f"{counts_text(results.worlds, (arms.TEACHER, arms.BASELINE, arms.SOFT, arms.HARD))}",
        f"95 % interval {told(measured)}",
    ]
    for name, worlds in results.others().items():
        there = Interval(*_plain_ratio(worlds, arms.BASELINE, arms.SOFT))
        notes.append(f"{name}: {there.estimate:.2f} ({len(worlds)} seeds)")
    shown = decisive(results, measured)._replace(p=p)
    return judge(claims.BY_ID["1"], results.scale, shown, note="; ".join(notes))


def _plain_ratio(worlds: list[World], first: str, second: str) -> tuple[float]:
    return (sets.ratio(*(float(sum(w.count(m) for w in worlds)) for m in (first, second))),)


def better(results: Results) -> Finding:
    """Claim 1b."""
    gain = over_seeds([w.loss[arms.BASELINE] - w.loss[arms.SOFT] for w in results.worlds])
    means = {
        m: np.mean([w.loss[m] for w in results.worlds])
        for m in (arms.TEACHER, arms.BASELINE, arms.SOFT, arms.HARD)
        if m in results.worlds[0].loss
    }
    notes = ["held-out loss: " + ", ".join(f"{m} {loss:.3f}" for m, loss in means.items())]
    if means[arms.SOFT] < means[arms.TEACHER]:
        notes.append("the student is better than its teacher too, unlike the paper's")
    return judge(claims.BY_ID["1b"], results.scale, gain, note="; ".join(notes))


def order(results: Results) -> Finding:
    """Claim order."""
    holds = [
        w.count(arms.TEACHER) > w.count(arms.BASELINE) > w.count(arms.SOFT) for w in results.worlds
    ]
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
        f"tau {tau:g}: {sum(w.count(arms.soft(tau)) for w in results.worlds)}" for tau in taus
    )
    if len(taus) < 2:
        return not_tested(claims.BY_ID["tau"], results.scale, "only one temperature was run")
    if results.scale == "toy":
        measured = fold(results, arms.soft(4.0), arms.SOFT)
    else:
        measured = temperature_slope(
            [{tau: w.members[arms.soft(tau)] for tau in taus} for w in results.worlds]
        )
    note = f"memorized: {shown}"
    return judge(claims.BY_ID["tau"], results.scale, decisive(results, measured), note=note)


def same_rate(results: Results) -> Finding:
    """Claim 4b."""
    measured = fold(results, arms.HARD, arms.SOFT)
    note = "reported, not reproduced at this size: see the text"
    finding = judge(claims.BY_ID["4b"], results.scale, decisive(results, measured))
    within = finding.verdict == "holds"
    return finding if within else as_verdict(finding, finding.verdict, note)


def control(results: Results) -> Finding:
    """Claim control: held-out text, and a teacher that never read D."""
    worlds = results.worlds
    trained = [w.rate(arms.SOFT) for w in worlds]
    unseen = [float(w.held[arms.SOFT].mean()) for w in worlds]
    rng = generator(results.seed, "bootstrap", "control")
    draws = [_control_draw(worlds, rng) for _ in range(results.bootstrap)]
    estimate = sets.ratio(float(np.mean(unseen)), float(np.mean(trained)))
    measured = Interval(estimate, *resampling.ends(draws), None, len(worlds))
    passed = resampled(
        results,
        "unread",
        lambda m, w: np.array(
            [sets.inherited(m, student) @ w for student in (arms.UNREAD, arms.HARD)]
        ),
        lambda n: sets.halved_ratio(n[0], n[1]),
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
    if not any(sets.inherited(w.members, arms.HARD).any() for w in worlds):
        return as_verdict(finding, NOT_RESOLVED, "the hard student inherited nothing")
    return finding


def _control_draw(worlds: list[World], rng: np.random.Generator) -> float:
    """One two-level bootstrap draw of held-out rate over training rate."""
    picks = rng.integers(0, len(worlds), len(worlds)) if len(worlds) > 1 else [0]
    held = trained = 0.0
    for k in picks:
        known, unseen = worlds[k].members[arms.SOFT], worlds[k].held[arms.SOFT]
        trained += rng.binomial(known.size, known.mean()) / known.size
        held += rng.binomial(unseen.size, unseen.mean()) / unseen.size
    return sets.ratio(held, trained)
