"""Verdicts on the two claims that the molecule decides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from statsmodels.stats.proportion import confint_proportions_2indep

from companion import claims
from companion.claims import Claim, Criterion, Finding
from companion.consistent_diffusion.molecule_langevin import label_of
from companion.consistent_diffusion.molecule_run import Simulated
from companion.consistent_diffusion.molecule_scores import Reference, score, settled
from companion.stats import Interval, exact, t_interval

JUDGED_T = (0.01, 0.02)
"""Where Two For One must lose the bonds."""


def judge_two_for_one(
    claim: Claim, scale: str, simulated: Simulated, reference: Reference, *,
    structure: Criterion, modes: Criterion,
    more: Mapping[str, tuple[Interval, Criterion]] | None = None,
) -> Finding:  # fmt: skip
    """C6: simulating at t > 0 loses the C-N bonds, and keeps the modes better than t = 0 does.

    The estimate is the bond error at t = 0.01 over that of Both, a mean of log ratios over seeds.
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

    def ratio(label: str) -> Interval:
        logs = [np.log(a.bond / b.bond) for a, b in zip(scores[label], scores["Both"], strict=True)]
        return over_seeds(logs).map(np.exp)

    gaps = [a.divergence - b.divergence
            for a, b in zip(scores[near], scores["Diffusion"], strict=True)]  # fmt: skip
    parts = {
        "at t = 0.02": (ratio(far), structure),
        "divergence at t = 0.01 minus Diffusion's": (over_seeds(gaps), modes),
        **(more or {}),
    }
    return claims.judge(claim, scale, ratio(near), parts=parts, note=_lost_note(simulated))


def judge_conservative(claim: Claim, scale: str, simulated: Simulated) -> Finding:
    """C9: without an energy, more chains leave or heat up than with one (Mixture, trained alike).

    The estimate is the difference of the two shares with Newcombe's interval over chains, those
    of all seeds together.
    """
    if missing := {"No energy", "Mixture"} - set(simulated.labels):
        return claims.not_tested(claim, scale, f"{', '.join(sorted(missing))} was not simulated")
    return claims.judge(
        claim,
        scale,
        share_difference(*_lost(simulated, "No energy"), *_lost(simulated, "Mixture")),
        note=_lost_note(simulated),
    )


def share_difference(lost_a: int, n_a: int, lost_b: int, n_b: int) -> Interval:
    """Share a minus share b of independent chains, Newcombe's interval."""
    low, high = confint_proportions_2indep(
        lost_a, n_a, lost_b, n_b, method="newcomb", compare="diff"
    )
    return Interval(lost_a / n_a - lost_b / n_b, float(low), float(high), None, n_a + n_b)


def over_seeds(values: list[float]) -> Interval:
    """t interval over seeds; one seed has none, and then nothing is resolved."""
    if len(values) == 1:
        return Interval(float(values[0]), -np.inf, np.inf, None, 1)
    if np.ptp(values) == 0:
        return exact(values[0], len(values))
    return t_interval(values)


def _lost(simulated: Simulated, label: str) -> tuple[int, int]:
    runs = simulated.of(label)
    return int(sum(run.lost.sum() for run in runs)), sum(run.n_chains for run in runs)


def _lost_note(simulated: Simulated) -> str:
    """Chains that left or heated, per simulation that has any."""
    counts = {label: _lost(simulated, label) for label in simulated.labels}
    found = [f"{label} {lost} of {n}" for label, (lost, n) in counts.items() if lost]
    return "chains that left or heated up: " + (", ".join(found) if found else "none")
