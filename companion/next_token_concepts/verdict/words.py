"""Claims judged on directions, dictionaries and a real model: E9 to E11."""

from __future__ import annotations

from collections.abc import Sequence

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
from companion.next_token_concepts.lab import probing
from companion.next_token_concepts.lab.dictionaries import Dictionaries
from companion.next_token_concepts.lab.learning import GATE, Trained
from companion.next_token_concepts.lab.run import Noise
from companion.next_token_concepts.lab.words import Depth, RealWords
from companion.next_token_concepts.method import autoencoders as ae
from companion.next_token_concepts.verdict import claims
from companion.next_token_concepts.verdict.intervals import OPEN, gated, over
from companion.next_token_concepts.verdict.learned import at
from companion.stats import Interval, over_seeds, paired


def directions(scale: str, noise: Sequence[Noise], runs: Sequence[Trained]) -> Finding:
    """Claim E9."""
    at_paper = next(n for n in noise if n.c == probing.PAPER_C)
    runs = at(runs, 0.01)
    held = over_seeds([float(np.diag(r.twins.held_out).mean()) for r in runs])
    slope = over_seeds([r.twins.slope for r in runs])
    parts = {"noise, held out": (over(at_paper.held_out, scale), claims.NO_DIRECTION)}
    if scale != "toy":
        parts["concept world, held out"] = (held, claims.ABOVE_HALF)
        parts["scale-aware slope"] = (slope, claims.TWIN_SLOPE)
    note = (
        f"same-pair cosine on noise, lowest {at_paper.same.min():.4f}; with permuted labels "
        f"{at_paper.permuted.mean():+.2f}; "
        f"concept world held out {measured_text(held)}, slope {measured_text(slope)}"
    )
    finding = judge(claims.BY_ID["E9"], scale, over(at_paper.same, scale), parts=parts, note=note)
    return finding if scale == "toy" else gated(finding, runs)


def dictionaries(scale: str, found: Dictionaries) -> Finding:
    """Claim E10: the probe against the best autoencoder of each seed, whatever its kind."""
    best = found.scores.groupby("seed")["exp_r"].max()
    probe = found.probes.set_index("seed")["exp_r"]
    lead = over((probe - best.loc[probe.index]).to_numpy(), scale)
    best_odds = found.scores.groupby("seed")["odds_r"].max()
    odds = found.probes.set_index("seed")["odds_r"]
    lead_odds = over((odds - best_odds.loc[odds.index]).to_numpy(), scale)
    note = (
        f"probe {probe.mean():.3f}, best autoencoder {best.mean():.3f}; linear in the log odds: "
        f"lead {measured_text(lead_odds)}; {variants(found)}; KL / I of the networks up to "
        f"{found.probes['excess'].max():.3f}"
    )
    finding = judge(claims.BY_ID["E10"], scale, lead, note=note)
    if not found.probes["excess"].max() <= GATE:
        return as_verdict(finding, NOT_RESOLVED, "the networks have not converged")
    return finding


def variants(found: Dictionaries) -> str:
    """Structured against p-annealing at equal error: interval and verdict in words."""
    equal = found.at_equal_error()
    both = equal[["structured", "p-annealing"]].to_numpy()
    means = ", ".join(f"{kind} {equal[kind].mean():.2f}" for kind in ae.KINDS)
    if len(both) < 2 or not np.isfinite(both).all():
        return f"at equal error {means}; structured minus p-annealing not decided"
    difference = paired(both[:, 0], both[:, 1])
    verdict = (
        "replicates" if difference.low > 0 else "opposite" if difference.high < 0 else "not decided"
    )
    return (
        f"at equal error {means}; structured minus p-annealing {measured_text(difference)}: "
        f"{verdict}"
    )


def lead(depth: Depth, layer: int = -1) -> np.ndarray:
    """Held-out diagonal minus matched null, (K,)."""
    return depth.held_out[layer] - depth.null[layer]


def real(scale: str, found: RealWords) -> Finding:
    """Claim E11."""
    if set(found.depth) != {"trained", "random"}:
        return not_tested(claims.BY_ID["E11"], scale, "one of the two networks was not read")
    trained, random = (over_seeds(lead(found.depth[arm])) for arm in ("trained", "random"))
    gap = paired_or_open(lead(found.depth["trained"]), lead(found.depth["random"]))
    same = {arm: float(found.depth[arm].same[-1].mean()) for arm in found.depth}
    null = float(found.depth["trained"].null_same[-1].mean())
    whole = {arm: over_seeds(v[np.isfinite(v)]) for arm, v in found.whole.items()}
    note = (
        f"random weights {measured_text(random)}, trained minus random {measured_text(gap)}; same "
        f"pairs {same['trained']:.2f}, random {same['random']:.2f}, matched noise {null:.2f}; "
        f"one-token words only: trained {measured_text(whole['trained'])}, random "
        f"{measured_text(whole['random'])} ({whole['trained'].n or 0} concepts)"
    )
    return _random_scores_nothing(judge(claims.BY_ID["E11"], scale, trained, note=note), random)


def _random_scores_nothing(finding: Finding, random: Interval) -> Finding:
    """Gate of E11: random weights above their null fail it; not to be above establishes nothing."""
    if not random.has_interval:
        return as_verdict(finding, NOT_RESOLVED, "random weights have no interval")
    if random.low > 0:
        return as_verdict(finding, DOES_NOT_HOLD, "random weights are above their null as well")
    return finding


def paired_or_open(a: np.ndarray, b: np.ndarray) -> Interval:
    """Paired interval, or one that resolves nothing."""
    if len(a) < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return OPEN
    return paired(a, b)
