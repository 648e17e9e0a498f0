"""Verdicts on the two claims that the molecule decides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from statsmodels.stats.proportion import confint_proportions_2indep

from companion import claims
from companion.claims import Claim, Criterion, Finding, measured_text
from companion.consistent_diffusion.lab.molecule.chains import Simulated, label_of
from companion.consistent_diffusion.lab.molecule.scores import Reference, score, settled
from companion.stats import Interval, over_seeds

JUDGED_T = (0.01, 0.02)
"""Where Two For One must lose the bonds."""


def judge_two_for_one(
    claim: Claim,
    scale: str,
    simulated: Simulated,
    reference: Reference,
    *,
    structure: Criterion,
    modes: Criterion,
    more: Mapping[str, tuple[Interval, Criterion]] | None = None,
) -> Finding:
    """C6: simulating at t > 0 loses the C-N bonds, and keeps the modes better than t = 0 does.

    The estimate is the bond error at t = 0.01 over that of Both, a mean of log ratios over seeds;
    its p tests the criterion's own threshold.
    structure : for the same ratio at t = 0.02
    modes : for the divergence at t = 0.01 minus that of Diffusion
    more : further parts, measured elsewhere
    """
    near, far = (label_of("Diffusion", t) for t in JUDGED_T)
    if missing := {near, far, "Both", "Diffusion"} - set(simulated.labels):
        return claims.not_tested(claim, scale, f"{', '.join(sorted(missing))} was not simulated")
    scores = {
        label: [score(settled(run), reference) for run in simulated.of(label)]
        for label in (near, far, "Both", "Diffusion")
    }
    if not all(np.isfinite(s.bond) for found in scores.values() for s in found):
        return claims.not_tested(claim, scale, "no chain of one of the models was left to score")

    def ratio(label: str, criterion: Criterion) -> Interval:
        logs = [np.log(a.bond / b.bond) for a, b in zip(scores[label], scores["Both"], strict=True)]
        return over_seeds(logs, null=np.log(criterion.low)).map(np.exp)

    gaps = [
        a.divergence - b.divergence for a, b in zip(scores[near], scores["Diffusion"], strict=True)
    ]
    parts = {
        "at t = 0.02": (ratio(far, structure), structure),
        "divergence at t = 0.01 minus Diffusion's": (over_seeds(gaps), modes),
        **(more or {}),
    }
    found = ratio(near, structure)
    return claims.judge(claim, scale, found, parts=parts, note=_lost_note(simulated))


def judge_conservative(claim: Claim, scale: str, simulated: Simulated) -> Finding:
    """C9: without an energy, more chains leave or heat up than with one (Mixture, trained alike).

    The estimate is the mean over trainings of the difference of the two shares.  Chains of one
    network are no independent trainings; the interval over chains is told in the note.
    """
    if missing := {"No energy", "Mixture"} - set(simulated.labels):
        return claims.not_tested(claim, scale, f"{', '.join(sorted(missing))} was not simulated")
    shares = [_lost(simulated, label) for label in ("No energy", "Mixture")]
    gaps = [a.mean() - b.mean() for a, b in zip(*shares, strict=True)]
    one, other = (np.concatenate(lost) for lost in shares)
    pooled = share_difference(one.sum(), len(one), other.sum(), len(other))
    each = ", ".join(f"{a.sum()} and {b.sum()} of {len(a)}" for a, b in zip(*shares, strict=True))
    note = (
        f"{_lost_note(simulated)}; No energy and Mixture, per training: {each}; over all chains "
        f"{measured_text(pooled)}"
    )
    return claims.judge(claim, scale, over_seeds(gaps), note=note)


def share_difference(lost_a: int, n_a: int, lost_b: int, n_b: int) -> Interval:
    """Share a minus share b of independent chains, Newcombe's interval."""
    low, high = confint_proportions_2indep(
        lost_a, n_a, lost_b, n_b, method="newcomb", compare="diff"
    )
    return Interval(lost_a / n_a - lost_b / n_b, float(low), float(high), None, n_a + n_b)


def _lost(simulated: Simulated, label: str) -> list[np.ndarray]:
    """Whether each chain left or heated, one array a training."""
    return [run.lost for run in simulated.of(label)]


def _lost_note(simulated: Simulated) -> str:
    """Chains that left or heated, per simulation that has any."""
    chains = {label: np.concatenate(_lost(simulated, label)) for label in simulated.labels}
    found = [f"{label} {lost.sum()} of {len(lost)}" for label, lost in chains.items() if lost.any()]
    return "chains that left or heated up: " + (", ".join(found) if found else "none")
