"""Verdicts from real tables, tiny transformers and a real language model."""

from __future__ import annotations

import numpy as np

from companion.claims import Finding, judge, measured_text, not_tested
from companion.data import Missing
from companion.stats import Interval, over_seeds, paired
from companion.synthetic_data.lab.language import Student, Variety
from companion.synthetic_data.lab.lives import Lives
from companion.synthetic_data.lab.tabular import Regenerated
from companion.synthetic_data.lab.tasks import FAMILY, TASKS
from companion.synthetic_data.lab.threshold import equivalent
from companion.synthetic_data.verdict import claims
from companion.synthetic_data.verdict.evidence import UNKNOWN, known
from companion.synthetic_data.verdict.results import Results


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
