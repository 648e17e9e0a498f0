"""Claims about which sequences are memorized, and why: 2, 2b, 3, 3b, 4."""

from __future__ import annotations

import numpy as np
from scipy.stats import ttest_ind

from companion.claims import HOLDS, NOT_RESOLVED, Finding, as_verdict, judge, not_tested
from companion.distillation_memorization.method import arms, sets
from companion.distillation_memorization.verdict import claims, resampling
from companion.distillation_memorization.verdict.rates import (
    decisive,
    pooled,
    resampled,
)
from companion.distillation_memorization.verdict.results import Results
from companion.scale import generator
from companion.stats import Interval, over_seeds, p_value


def easy(results: Results) -> Finding:
    """Claim 2."""

    def count(m: sets.Members, w: np.ndarray) -> np.ndarray:
        simple = sets.easy(m)
        return np.array([(simple & m[arms.SOFT]) @ w, m[arms.SOFT] @ w, simple @ w, w.sum()])

    def enrichment(n: np.ndarray) -> float:
        return sets.ratio(sets.ratio(n[0], n[1]), sets.ratio(n[2], n[3]))

    measured = resampled(results, "enrichment", count, enrichment)
    share = resampled(results, "easy share", count, lambda n: sets.ratio(n[0], n[1]))
    notes = []
    for name, worlds in results.others().items():
        both = [w.members for w in worlds]
        n = sum(count(m, np.ones(len(m[arms.SOFT]))) for m in both)
        notes.append(f"{name}: share {sets.ratio(n[0], n[1]):.2f}")
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
        members = world.zlib[world.members[arms.BASELINE]]
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
        {"before": w.members[arms.SOFT], "after": w.filtered.memorized & w.filtered.kept}
        for w in worlds
    ]
    measured = resampling.two_level(
        members,
        lambda m, w: np.array([m["after"] @ w, m["before"] @ w]),
        lambda n: sets.ratio(n[0], n[1]),
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
        f"{sum(w.count(arms.SOFT) for w in worlds)} before, {after} after, {new} of them new; with "
        f"removed sequences that are completed all the same {everywhere}",
    )


def hard_inherits(results: Results) -> Finding:
    """Claim 4."""

    def count(m: sets.Members, w: np.ndarray) -> np.ndarray:
        return np.array([sets.inherited(m, student) @ w for student in (arms.HARD, arms.SOFT)])

    def more(n: np.ndarray) -> float:
        return sets.halved_ratio(n[0], n[1]) if n.sum() > 0 else float("nan")

    measured = resampled(results, "inherited", count, more)
    only = np.concatenate([sets.teacher_only(w.members) for w in results.worlds])
    p = resampling.mcnemar_p(*(pooled(results.worlds, m)[only] for m in (arms.HARD, arms.SOFT)))
    total = sum(count(w.members, np.ones(len(w.zlib))) for w in results.worlds)
    notes = [f"hard {int(total[0])}, soft {int(total[1])} of {int(only.sum())} teacher-only"]
    for name, worlds in results.others().items():
        n = sum(count(w.members, np.ones(len(w.zlib))) for w in worlds)
        notes.append(f"{name}: hard {int(n[0])}, soft {int(n[1])}")
    shown: Interval = decisive(results, measured)._replace(p=p)
    return judge(claims.BY_ID["4"], results.scale, shown, note="; ".join(notes))
