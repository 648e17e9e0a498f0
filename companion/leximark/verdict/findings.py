"""What a run found: all results together, the verdict of every claim, the series of the record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from companion.claims import Finding
from companion.data import Missing
from companion.leximark.lab.arms import MARK, NONE, threshold
from companion.leximark.lab.probe import Probe
from companion.leximark.lab.quality import Quality, TradeOff
from companion.leximark.lab.run import DECOMPOSITION, Run
from companion.leximark.method.scores import MIN_K_PLUS
from companion.leximark.settings import Settings
from companion.leximark.verdict import auroc, ownership


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
        ownership.records(scale, r.words),
        ownership.key(scale, r.probes, s.calibration_keys, r.seed),
        ownership.stealth(scale, r.quality, r.trade_off, r.seed),
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
