"""What a run found: the verdict of every claim, and the series of the record."""

from __future__ import annotations

from companion.claims import Finding
from companion.data import Missing
from companion.synthetic_data.verdict import others, paper
from companion.synthetic_data.verdict import theory as own
from companion.synthetic_data.verdict.claims import CLAIMS
from companion.synthetic_data.verdict.results import Results


def evaluate(results: Results, scale: str) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    r = results
    found = [
        paper.stable(r, scale),
        paper.robust(r, scale),
        paper.early(r, scale),
        paper.faster(r, scale),
        paper.external(scale),
        own.theorems(r, scale),
        own.greedy(r, scale),
        own.sharper(r, scale),
        own.collapse(r, scale),
        own.hops(r, scale),
        own.moves(r, scale),
        own.nothing(r, scale),
        own.fooled(r, scale),
        own.to_blame(r, scale),
        own.mended(r, scale),
        own.lost(r, scale),
        own.lost_divergence(r, scale),
        others.tables(r, scale),
        *others.transformers(r, scale),
        others.real_model(r, scale),
        others.narrower(r, scale),
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
