"""Claims about tests and texts: C8 (records), C9 (keys), C10 (quality); then all verdicts."""

from __future__ import annotations

from dataclasses import dataclass

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
from companion.leximark.lab.arms import MARK, NONE, threshold
from companion.leximark.lab.detection import (
    bootstrap_auroc,
    bootstrap_mean,
    effect_size,
    records_needed,
    simulated_records,
    uniformity,
)
from companion.leximark.lab.probe import Probe
from companion.leximark.lab.quality import Quality, TradeOff
from companion.leximark.lab.run import DECOMPOSITION, Run
from companion.leximark.method.scores import MIN_K_PLUS
from companion.leximark.settings import Settings
from companion.leximark.verdict import auroc, claims
from companion.leximark.verdict.auroc import Parts, unknown
from companion.stats import Interval, over_seeds, p_value


# ---------------------------------------------------------------------------------------- ownership
def needed(run: Run, arm: str, question: str) -> tuple[np.ndarray, np.ndarray]:
    """(predicted, simulated) records a side, per seed; infinite where no number suffices."""
    predicted, simulated = [], []
    for seed, (members, others) in zip(run.seeds, run.pairs(arm, question), strict=True):
        predicted.append(records_needed(effect_size(members, others)))
        simulated.append(simulated_records(members, others, seed))
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


# ----------------------------------------------------------------------------------------- findings
@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed.

    words, transformer : the runs of the two models; no transformer at toy scale
    probes : model -> keyed test and z
    quality, trade_off : C10; without filters a ``Missing`` that says why
    seed, settings : of the run
    large : runs of larger models (paper scale); their keyed tests are in `probes`
    """

    words: Run
    transformer: Run | None
    probes: dict[str, Probe]
    quality: Quality
    trade_off: TradeOff | Missing
    seed: int
    settings: Settings
    large: tuple[Run, ...] = ()

    @property
    def runs(self) -> list[Run]:
        """The word model, the transformer, and larger ones; the last of them carries C1 to C6."""
        return [self.words, *([self.transformer] if self.transformer else []), *self.large]


def evaluate(results: Results, scale: str) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    r, s = results, results.settings
    return [
        auroc.gain(scale, r.runs),
        auroc.shared(scale, r.runs),
        auroc.direction(scale, r.runs),
        auroc.leak(scale, r.runs),
        auroc.blind(scale, r.runs),
        auroc.dictionary(scale, r.runs),
        auroc.doses(scale, r.words, s.doses),
        records(scale, r.words),
        key(scale, r.probes, s.calibration_keys, r.seed),
        stealth(scale, r.quality, r.trade_off, r.seed),
        auroc.removed(scale, r.words, s.removals),
        auroc.metric(scale, r.runs),
    ]


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    found: dict[str, object] = {"runs": {run.model: run_series(run) for run in results.runs}}
    found["keys"] = {
        name: {
            "true": rounded(p.trained.true),
            "others": rounded(p.trained.others),
            "untrained": rounded(p.untrained.true),
            "untrained others": rounded(p.untrained.others),
            "innocent": rounded(p.innocent),
        }
        for name, p in results.probes.items()
    }
    found["tokens"] = {run.model: token_series(run, results.settings.seq) for run in results.runs}
    if results.settings.doses:
        found["documents"] = document_series(results.words)
    if not isinstance(results.trade_off, Missing):
        t = results.trade_off
        names = [MARK, *map(threshold, t.thresholds)]
        found["trade_off"] = {
            name: {
                "cosine": rounded(t.cosine[name].mean(1)),
                "share": rounded(t.share[name]),
                "auroc": rounded(t.run.aurocs(name, "protocol")),
                "untrained": rounded(t.run.aurocs(name, "protocol", model="base")),
                "blind": rounded([result[name].blind["protocol"] for result in t.run.results]),
            }
            for name in names
        }
    return found


def run_series(run: Run) -> dict[str, object]:
    """AUROC per seed of every arm and question, by the trained, the untrained, and no model."""
    told: dict[str, object] = {}
    for arm, first in run.results[0].items():
        told[arm] = {
            question: rounded(run.aurocs(arm, question))
            for question in DECOMPOSITION
            if run.has(arm, question)
        }
        if first.base:
            told[arm]["untrained"] = {
                q: rounded(run.aurocs(arm, q, model="base"))
                for q in DECOMPOSITION
                if run.has(arm, q)
            }
        if first.blind:
            told[arm]["blind"] = {
                q: rounded([result[arm].blind[q] for result in run.results]) for q in first.blind
            }
    for arm, question in ((NONE, "record"), (MARK, "record"), (MARK, "protocol")):
        members, others = run.pairs(arm, question, MIN_K_PLUS)[0]
        told[arm][f"scores, {question}"] = [rounded(members), rounded(others)]
    return told


def token_series(run: Run, seq: int) -> dict[str, object]:
    """Per arm the tokens of the trained documents, all seeds: mean, longest, share beyond `seq`."""
    told = {}
    for arm in run.results[0]:
        tokens = np.concatenate([result[arm].tokens for result in run.results])
        told[arm] = {
            "mean": rounded(tokens.mean()),
            "longest": int(tokens.max()),
            "cut": rounded((tokens > seq).mean()),
        }
    return told


def document_series(run: Run) -> dict[str, object]:
    """Scores of the first seed's documents for each K: arm -> model -> set -> scores."""
    return {
        arm: {
            model: {
                name: rounded(scores[MIN_K_PLUS], 3)
                for name, scores in getattr(result, model).items()
            }
            for model in ("trained", "base")
        }
        for arm, result in run.results[0].items()
        if arm == MARK or arm.startswith("K = ")
    }


def rounded(values: object, digits: int = 5) -> object:
    """Numbers with `digits` significant digits, nested as they came."""
    if np.ndim(values):
        return [rounded(value, digits) for value in values]
    return float(f"{float(values):.{digits}g}")
