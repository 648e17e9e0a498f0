"""Claims about tests and texts: C8 (records), C9 (keys), C10 (quality)."""

from __future__ import annotations

import numpy as np

from companion.claims import (
    DOES_NOT_HOLD,
    NOT_RESOLVED,
    Finding,
    as_verdict,
    judge,
    measured_text,
    not_tested,
)
from companion.data import Missing
from companion.leximark.lab import power
from companion.leximark.lab.arms import MARK, NONE, threshold
from companion.leximark.lab.detection import bootstrap_auroc, bootstrap_mean
from companion.leximark.lab.keyed import uniformity
from companion.leximark.lab.probe import Probe
from companion.leximark.lab.quality import Quality, TradeOff
from companion.leximark.lab.run import Run
from companion.leximark.verdict import claims
from companion.leximark.verdict.auroc import Parts, unknown
from companion.stats import Interval, over_seeds, p_value


def needed(run: Run, arm: str, question: str) -> tuple[np.ndarray, np.ndarray]:
    """(predicted, simulated) records a side, per seed; infinite where no number suffices."""
    predicted, simulated = [], []
    for seed, (members, others) in zip(run.seeds, run.pairs(arm, question), strict=True):
        predicted.append(power.records_needed(power.effect_size(members, others)))
        simulated.append(power.simulated_records(members, others, seed))
    return np.array(predicted), np.array(simulated)


def records(scale: str, run: Run) -> Finding:
    """Claim C8, on the word model."""
    if scale not in claims.BY_ID["C8"].criteria:
        return not_tested(claims.BY_ID["C8"], scale, "tested at book scale")
    if not run.has(NONE) or not run.has(MARK, "protocol"):
        return not_tested(claims.BY_ID["C8"], scale, "the arms were not run")
    plain, plain_simulated = needed(run, NONE, "record")
    marked, marked_simulated = needed(run, MARK, "protocol")
    one = needed(run, MARK, "record")[0]
    gap = over_seeds(plain - marked)
    apart = [  # per seed
        max(pair)
        for pair in zip(
            np.abs(marked - marked_simulated), np.abs(plain - plain_simulated), strict=True
        )
    ]
    note = (
        f"records a side at 80 % power: none {np.mean(plain):.1f}, LexiMark {np.mean(marked):.1f}; "
        f"with one dictionary {np.mean(one):.1f}; prediction and simulation at most "
        f"{np.max(apart):.0f} apart"
    )
    finding = judge(claims.BY_ID["C8"], scale, gap, note=note)
    off = [not gap <= claims.MOST_APART for gap in apart]  # nan is not within
    if not any(off):
        return finding
    verdict = DOES_NOT_HOLD if all(np.isfinite(apart)) and all(off) else NOT_RESOLVED
    if finding.verdict == DOES_NOT_HOLD:
        verdict = DOES_NOT_HOLD
    return as_verdict(
        finding, verdict, f"more than {claims.MOST_APART} in {sum(off)} of {len(off)} seeds"
    )


def key(scale: str, probes: dict[str, Probe], n_keys: int, seed: int) -> Finding:
    """Claim C9.  probes : model -> probe; the last one carries the claim."""
    *others, last = probes
    parts: Parts = {}
    for name in others:
        parts[f"p, {name}"] = (p_value(probes[name].trained.p), claims.SMALLEST)
    told = [
        f"{name}: trained {p.trained.true:.3f} against {p.trained.others.mean():.3f} of "
        f"{len(p.trained.others)} other keys ({p.trained.z:.1f} sd), untrained p = "
        f"{p.untrained.p:.2f}"
        for name, p in probes.items()
    ]
    measured = p_value(probes[last].trained.p, len(probes[last].trained.others))
    finding = judge(claims.BY_ID["C9"], scale, measured, parts=parts, note="; ".join(told))
    if scale == "toy":
        return finding
    innocent = np.concatenate([probe.innocent for probe in probes.values()])
    if not len(innocent):
        return as_verdict(finding, NOT_RESOLVED, "no innocent test was run")
    uniform = uniformity(innocent, n_keys, seed)
    note = f"uniformity of {len(innocent)} innocent tests, p {uniform:.3f}"
    verdict = DOES_NOT_HOLD if uniform < claims.REJECTED else finding.verdict
    return as_verdict(finding, verdict, note)


def stealth(scale: str, quality: Quality, found: TradeOff | Missing, seed: int) -> Finding:
    """Claim C10."""
    told = quality_note(quality, seed)
    if isinstance(found, Missing):
        return not_tested(claims.BY_ID["C10"], scale, f"{told}; {found.reason}")
    strictest = threshold(max(found.thresholds))
    if len(found.run.seeds) < 2:
        return not_tested(claims.BY_ID["C10"], scale, f"{told}; one seed gives no interval")
    gained = found.cosine[strictest] - found.cosine[MARK]  # (n_seeds, n_documents)
    try:
        closer = bootstrap_mean(gained, seed=found.run.seeds[0])
        weaker = _protocol_difference(found.run, MARK, strictest)
    except ValueError:
        closer = weaker = unknown()
    parts: Parts = {"AUROC without - with the strictest filter": (weaker, claims.ABOVE_ZERO)}
    return judge(claims.BY_ID["C10"], scale, closer, parts=parts, note=told)


def _protocol_difference(run: Run, first: str, second: str) -> Interval:
    pairs, minus = run.pairs(first, "protocol"), run.pairs(second, "protocol")
    return bootstrap_auroc(pairs, minus, seed=run.seeds[0])


def quality_note(quality: Quality, seed: int) -> str:
    """Share of words, perplexity, and closeness, with intervals over documents."""
    said = [
        f"words replaced {measured_text(quality.interval('shares', seed))}",
        f"perplexity times {measured_text(quality.interval('ratio', seed))}",
    ]
    if quality.cosines is not None:
        said.append(
            f"cosine of sentence vectors {measured_text(quality.interval('cosines', seed))}"
        )
    return ", ".join(said)
