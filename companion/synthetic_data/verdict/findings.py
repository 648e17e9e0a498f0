"""The chapter's own claims, theory and other laboratories; then the verdict of every claim."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from companion.claims import HOLDS, Finding, as_verdict, judge, measured_text, not_tested
from companion.data import Missing
from companion.stats import LEVEL, Interval, over_seeds, paired, proportion
from companion.synthetic_data.lab.language import Student, Variety
from companion.synthetic_data.lab.lives import Lives
from companion.synthetic_data.lab.tabular import Regenerated
from companion.synthetic_data.lab.tasks import FAMILY, TASKS
from companion.synthetic_data.lab.threshold import equivalent
from companion.synthetic_data.verdict import claims, paper
from companion.synthetic_data.verdict.claims import CLAIMS
from companion.synthetic_data.verdict.paper import (
    UNKNOWN,
    Results,
    knot_ranges,
    known,
    ratio,
    relative_loss,
    repaired,
    rise,
)


# ------------------------------------------------------------------------------------------- theory
def theorems(r: Results, scale: str) -> Finding:
    """T1."""
    furthest = max(r.checks, key=lambda row: abs(row.z) if np.isfinite(row.z) else np.inf)
    note = f"furthest of {len(r.checks)}: {furthest.law}, {furthest.at}, {abs(furthest.z):.2f} s.e."
    three = [row for row in r.checks if (row.law, row.at) == ("mixing, fresh", "s=1, k=3")]
    times = normal_interval(three[0].simulated, three[0].error) if three else UNKNOWN
    finding = judge(claims.BY_ID["T1"], scale, times, note=note)
    # gates: to lie within the error of a simulation establishes nothing, to lie beyond it does
    for value, limit, why in (
        (abs(furthest.z), claims.FURTHEST, "a simulated mean misses its theorem"),
        (r.survival_margin, claims.NOT_BELOW, "a token dies more often than its bound says"),
    ):
        if (verdict := limit.verdict(known(value))) != HOLDS:
            finding = as_verdict(finding, verdict, why)
    return finding


def normal_interval(mean: float, error: float) -> Interval:
    """Interval of a mean over very many replicates, from its standard error."""
    half = float(norm.ppf((1 + LEVEL) / 2)) * error
    return Interval(mean, mean - half, mean + half)


def greedy(r: Results, scale: str) -> Finding:
    """T2."""
    runs = r.top("fixed, T=0")
    predicted = 0.5 * (1 - runs.at("accuracy", 0.0))
    off = over_seeds(rise(runs, "over", 0.5) - predicted)
    parts = {"accuracy": (over_seeds(rise(runs, "accuracy", 0.5)), claims.SMALL)}
    note = f"predicted {predicted.mean():.4f}, measured {rise(runs, 'over', 0.5).mean():.4f}"
    return judge(claims.BY_ID["T2"], scale, off, parts=parts, note=note)


def sharper(r: Results, scale: str) -> Finding:
    """T3."""
    cold, warm = r.top("fresh, T=0.7"), r.top("fresh, T=1")
    moved = over_seeds(rise(cold, "ece", 0.5))
    parts = {
        "rise": (moved, claims.BIG),
        "accuracy": (over_seeds(rise(cold, "accuracy", 0.5)), claims.SMALL_2),
        "calibration error at T = 1": (over_seeds(rise(warm, "ece", 0.5)), claims.BELOW_2),
    }
    return judge(claims.BY_ID["T3"], scale, moved, parts=parts)


def collapse(r: Results, scale: str) -> Finding:
    """T4."""
    runs = r.top("fixed, T=1")
    more = over_seeds(runs.at("kl", 1.0) - runs.at("kl", 0.5))
    parts = {"s = 1 minus s = 0.5, nats": (more, claims.ABOVE_0)}
    return judge(
        claims.BY_ID["T4"], scale, ratio(runs.at("kl", 1.0), runs.at("kl", 0.0)), parts=parts
    )


def hops(r: Results, scale: str) -> Finding:
    """T5."""
    runs = r.top("fixed, T=1")
    found = ratio(relative_loss(runs, "hops_4", 0.5), relative_loss(runs, "em", 0.5))
    return judge(claims.BY_ID["T5"], scale, found, parts={"the same": (found, claims.ABOVE_5)})


def moves(r: Results, scale: str) -> Finding:
    """T6."""
    ranges = knot_ranges(r.top("fresh, T=0.7"), "kl")
    parts = {"the same": (ranges.difference, claims.ABOVE_TENTH)}
    note = f"knot {ranges.narrow.estimate:.2f} on [0, 0.5], {ranges.wide.estimate:.2f} on [0, 0.9]"
    return judge(claims.BY_ID["T6"], scale, ranges.difference, parts=parts, note=note)


def nothing(r: Results, scale: str) -> Finding:
    """T7, the negative control."""
    runs = r.top("truth")
    each = [
        rise(runs, "kl", 0.5, k) / runs.at("kl", 0.0) for k in range(1, len(runs.metrics["kl"]))
    ]
    change = over_seeds(np.mean(each, axis=0))
    parts = {"change of any metric when s = 0 is trained again": (known(r.repeat), claims.SAME)}
    return judge(claims.BY_ID["T7"], scale, change, parts=parts)


def fooled(r: Results, scale: str) -> Finding:
    """T8."""
    a = r.artifact
    parts = {"move of the knot of the exact law": (known(a.wide_knot - a.knot), claims.ABOVE_02)}
    note = (
        f"knot {a.knot:.2f} on [0, 0.5] and {a.wide_knot:.2f} on [0, 0.9]; the knot beats a "
        f"parabola in {100 * a.beats_parabola:.0f} %"
    )
    share = proportion(round(a.rejected * a.n), a.n)
    return judge(claims.BY_ID["T8"], scale, share, parts=parts, note=note)


def to_blame(r: Results, scale: str) -> Finding:
    """R1: the mixture against its real part alone."""
    alone = r.top("compute matched")
    found = {}
    for arm in ("fixed, T=1", "fixed, T=0.7", "fresh, T=1", "fresh, T=0.7"):
        runs = r.top(arm)
        found[arm] = over_seeds(runs.at("kl", 0.5) - alone.at("kl", 0.5))
    fewer = over_seeds(r.top("fixed, T=1").at("kl", 0.5) - r.top("real only").at("kl", 0.5))
    told = [f"{arm}: {x.estimate:+.3f}" for arm, x in found.items() if arm != "fixed, T=1"]
    told.append(f"against the real part with fewer updates: {fewer.estimate:+.3f}")
    return judge(claims.BY_ID["R1"], scale, found["fixed, T=1"], note="; ".join(told))


def mended(r: Results, scale: str) -> Finding:
    """X1: the share of the calibration damage that one scalar removes."""
    runs = r.top("fresh, T=0.7")
    gone, was = repaired(runs, 0.5, "confidence", "ece", alike=False)
    parts = {}
    for t, s in ((0.7, 0.2), (0.7, 0.5), (0.0, 0.5)):
        d = r.infinite[t, s]
        share = 1 - d.after_kl / d.kl if d.kl > 0 else float("nan")
        parts[f"infinite data, T = {t:g}, s = {s:g}, divergence"] = (known(share), claims.HALF)
    by_loss = ratio(*repaired(runs, 0.5, "loss", "ece", alike=False))
    alike = ratio(*repaired(runs, 0.5, "loss", "kl", alike=True))
    note = (
        f"scalar chosen by confidence, mean {runs.temperature['confidence'].mean(1)[-1]:.2f} "
        "at the largest s; chosen by log loss it removes "
        f"{by_loss.estimate:.2f} of the rise in calibration error (below 0: makes it worse) "
        f"and {alike.estimate:.2f} of the rise in divergence"
    )
    return judge(claims.BY_ID["X1"], scale, ratio(gone, was), parts=parts, note=note)


def lost(r: Results, scale: str) -> Finding:
    """X2: rare facts; a greedy answer does not depend on the temperature."""
    runs = r.top("fixed, T=1")
    gone, was = repaired(runs, 0.5, "loss", "tail", alike=False)
    note = (
        f"rare facts known: {100 * runs.at('tail', 0.0).mean():.1f} % at s = 0, "
        f"{100 * runs.at('tail', 0.5).mean():.1f} % at s = 0.5, the same after scaling: the "
        "order of answers does not depend on the temperature"
    )
    share = ratio(-gone, -was)
    if not gone.any() and np.isfinite(share.estimate):  # an identity: the order is the same
        share = known(0.0, len(gone))
    return judge(claims.BY_ID["X2"], scale, share, note=note)


def lost_divergence(r: Results, scale: str) -> Finding:
    """X3: divergence on rare contexts, both models scaled."""
    runs = r.top("fixed, T=1")
    found = ratio(*repaired(runs, 0.5, "loss", "tail_kl", alike=True))
    by_confidence = ratio(*repaired(runs, 0.5, "confidence", "tail_kl", alike=True))
    note = f"scalar chosen by log loss; chosen by confidence {by_confidence.estimate:.2f}"
    return judge(claims.BY_ID["X3"], scale, found, note=note)


# ------------------------------------------------------------------------------------------- others
def table_lead(found: Regenerated, share: float = 0.5) -> np.ndarray:
    """Rise of the smooth calibration error minus fall of accuracy, points: (n_splits,)."""
    at = int(np.flatnonzero(np.isclose(found.shares, share))[0])
    start = int(np.flatnonzero(found.shares == 0)[0])
    error, accuracy = (
        found.scores[n][-1, at] - found.scores[n][-1, start] for n in ("error", "accuracy")
    )
    return 100 * (error + accuracy)


def tables(r: Results, scale: str) -> Finding:
    """L1: splits share the data, so their interval is a rough one; the note says so."""
    names = list(dict.fromkeys(name for name, _ in r.tables))
    first, *others = names
    cold, warm = (
        {name: over_seeds(table_lead(r.tables[name, t])) for name in names} for t in (0.5, 1.0)
    )
    parts = {f"{name}:": (cold[name], claims.ABOVE_0) for name in others}
    told = ", ".join(f"{name} {measured_text(lead)}" for name, lead in warm.items())
    note = (
        f"{first} shown; at T = 1: {told}; random halves of one data set overlap, so the "
        "intervals are too narrow"
    )
    return judge(claims.BY_ID["L1"], scale, cold[first], parts=parts, note=note)


def good_tasks(found: Lives, *families: str) -> list[str]:
    """Tasks of the families that passed the entrance rule at the largest size."""
    usable = found.usable()
    return [t for t in TASKS if usable[t] and (not families or FAMILY[t] in families)]


def over_tasks(found: Lives, score: str, share: float, tasks: list[str], t: float) -> np.ndarray:
    """Mean over tasks of a score of the last generation: (n_seeds,)."""
    at, warm = found.plan.shares.index(share), found.plan.temperatures.index(t)
    if not tasks:
        return np.full(len(found.plan.seeds), np.nan)
    return np.mean([found.of(score, task, -1, warm)[at, -1] for task in tasks], axis=0)


def transformers(r: Results, scale: str) -> list[Finding]:
    """L2, L3, L4."""
    names = ("L2", "L3", "L4")
    if isinstance(r.lives, Missing) or scale not in claims.BY_ID["L2"].criteria:
        reason = getattr(r.lives, "reason", "tiny transformers are judged at book scale")
        return [not_tested(claims.BY_ID[name], scale, reason) for name in names]
    found, good = r.lives, good_tasks(r.lives)
    told = f"tasks that passed the entrance rule: {', '.join(good) or 'none'}"

    def at(score: str, share: float, tasks: list[str], t: float) -> np.ndarray:
        return over_tasks(found, score, share, tasks, t)

    stable = equivalent(at("accuracy", 0.2, good, 0.7), at("accuracy", 0.0, good, 0.7), 0.03)
    lead = 100 * (
        at("ece", 0.2, good, 0.7)
        - at("ece", 0.0, good, 0.7)
        + at("accuracy", 0.2, good, 0.7)
        - at("accuracy", 0.0, good, 0.7)
    )
    lost = {}
    for family in ("reasoning", "retrieval"):
        tasks = good_tasks(found, family)
        lost[family] = 1 - at("exact", 0.5, tasks, 1.0) / at("exact", 0.0, tasks, 1.0)
    gap = 100 * (lost["reasoning"] - lost["retrieval"])
    note = told + "; " + ", ".join(f"{k} loses {100 * v.mean():.1f} %" for k, v in lost.items())
    return [
        judge(claims.BY_ID["L2"], scale, stable, note=told),
        judge(claims.BY_ID["L3"], scale, over_seeds(lead), note=told),
        judge(claims.BY_ID["L4"], scale, over_seeds(gap), note=note),
    ]


def student_at(students: list[Student], t: float, share: float, k: int) -> Student:
    """One student of a list."""
    (one,) = (x for x in students if (x.temperature, x.share, x.generation) == (t, share, k))
    return one


def real_model(r: Results, scale: str) -> Finding:
    """E1."""
    claim = claims.BY_ID["E1"]
    if isinstance(r.students, Missing):
        return not_tested(claim, scale, r.students.reason)
    sharp, greedy, plain = (student_at(r.students, t, 0.5, 3) for t in (0.7, 0.0, 1.0))
    off = abs(greedy.over - 0.5 * (1 - greedy.best))
    parts = {
        "T = 0 against s (1 - E max p), difference": (known(off), claims.ROUNDING),
        "T = 1": (known(abs(plain.over)), claims.ROUNDING),
    }
    note = f"positions of one text; divergence {sharp.kl:.3f} nats; T = 0 gives {greedy.over:.3f}"
    return judge(claim, scale, over_seeds(sharp.each), parts=parts, note=note)


def narrower(r: Results, scale: str) -> Finding:
    """E2."""
    claim = claims.BY_ID["E2"]
    if isinstance(r.variety, Missing):
        return not_tested(claim, scale, r.variety.reason)
    if scale not in claim.criteria:
        return not_tested(claim, scale, "completions are judged at book scale")
    by_t: dict[float, Variety] = {v.temperature: v for v in r.variety}
    cold, warm = by_t[0.3], by_t[1.0]
    finite = np.isfinite([cold.by_prompt, warm.by_prompt]).all()
    spread = paired(cold.by_prompt, warm.by_prompt) if finite else UNKNOWN
    pairs, bleu = cold.distinct[1] - warm.distinct[1], cold.self_bleu - warm.self_bleu
    parts = {
        "distinct pairs": (Interval(pairs, n=cold.n), claims.BELOW_0),
        "self-BLEU": (Interval(bleu, n=cold.n), claims.ABOVE_0),
    }
    return judge(claim, scale, spread, parts=parts, note=f"{cold.n} completions at each T")


# ----------------------------------------------------------------------------------------- findings
def evaluate(results: Results, scale: str) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    r = results
    found = [
        paper.stable(r, scale),
        paper.robust(r, scale),
        paper.early(r, scale),
        paper.faster(r, scale),
        paper.external(scale),
        theorems(r, scale),
        greedy(r, scale),
        sharper(r, scale),
        collapse(r, scale),
        hops(r, scale),
        moves(r, scale),
        nothing(r, scale),
        fooled(r, scale),
        to_blame(r, scale),
        mended(r, scale),
        lost(r, scale),
        lost_divergence(r, scale),
        tables(r, scale),
        *transformers(r, scale),
        real_model(r, scale),
        narrower(r, scale),
    ]
    by_id = {finding.claim: finding for finding in found}
    return [by_id[claim.id] for claim in CLAIMS]


def series(results: Results) -> dict[str, object]:
    """What the published figures need: curves of the largest size, means over seeds."""
    loops = {}
    for (arm, rank), runs in results.runs.items():
        if rank == results.largest:
            loops[arm] = {"s": runs.shares} | {
                name: runs.metrics[name][-1].mean(axis=1) for name in ("kl", "accuracy", "ece")
            }
    found: dict[str, object] = {"loops": loops, "rank": results.largest}
    if not isinstance(results.students, Missing):
        found["students"] = [
            {"T": x.temperature, "s": x.share, "k": x.generation, "over": x.over, "kl": x.kl}
            for x in results.students
        ]
    if isinstance(results.variety, list):
        found["variety"] = [
            {
                "T": v.temperature,
                "distinct": v.distinct,
                "self_bleu": v.self_bleu,
                "dispersion": v.dispersion,
                "vendi": v.vendi,
            }
            for v in results.variety
        ]
    return found
