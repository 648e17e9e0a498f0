"""From results to findings: each claim's quantities held against its criterion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.claims import (
    DOES_NOT_HOLD,
    Claim,
    Finding,
    as_verdict,
    judge,
    measured_text,
    not_tested,
)
from companion.data import Missing
from companion.massive_activations.lab.competitors import FitQuality
from companion.massive_activations.lab.identifiability import Boundedness, Refits
from companion.massive_activations.lab.mini_runs import MiniRun
from companion.massive_activations.lab.predict import Leakage
from companion.massive_activations.lab.ratios import against_authors
from companion.massive_activations.lab.real_model import Intervention
from companion.massive_activations.method.measure import Measurement
from companion.massive_activations.sources import TABLE_3
from companion.massive_activations.verdict import claims, evidence
from companion.massive_activations.verdict.evidence import (
    arm_effect,
    depth_curvature,
    final_maximum,
    grid_splits,
    growth,
    growth_interval,
    median_share,
)
from companion.scale import generator

CONTROLS = ("relu", "sgd")
"""The arms that claim C8 is about."""


@dataclass(frozen=True)
class Results:
    """All that the notebook computed.

    excerpt : the authors' measurements, or why they are not here
    untrained : measurements of random initializations, one per seed
    base : base minis; failed : how many minis did not finish
    control : minis at a tenth of the learning rate, which must not grow
    arms : arm name -> minis, ``"base"`` and ``"grid"`` among them; empty where none were run
    refits : ``"early peak"`` and ``"rising"``
    intervention : on the real model, or why it was not run
    """

    excerpt: pd.DataFrame | Missing
    untrained: Sequence[Measurement]
    base: Sequence[MiniRun]
    failed: int
    control: Sequence[MiniRun]
    arms: Mapping[str, Sequence[MiniRun]]
    quality: FitQuality
    refits: Mapping[str, Refits]
    bounded: Boundedness
    leakage: Leakage
    intervention: Intervention | Missing


def _of_excerpt(
    evaluate_claim: Callable[[Results, Claim, str, int], Finding],
) -> Callable[[Results, Claim, str, int], Finding]:
    """A claim about the authors' measurements: not tested where they are not here."""

    def evaluated(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
        if isinstance(results.excerpt, Missing):
            return not_tested(claim, scale, results.excerpt.reason)
        return evaluate_claim(results, claim, scale, seed)

    return evaluated


@_of_excerpt
def _pipeline(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    measured = against_authors(list(results.untrained), results.excerpt)
    parts = {"ratio's deviation from the null": (measured["ratio"], claims.NULL_RATIO)}
    return judge(claim, scale, measured["median"], parts=parts)


@_of_excerpt
def _learned(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    measured = evidence.absent_then_learned(results.excerpt)
    final = measured["smallest final maximum"]
    parts = {"share at the null up to step 64": (measured["share at the null"], claims.AT_NULL)}
    if len(results.base) < 2:
        return not_tested(claim, scale, f"{results.failed} minis diverged, fewer than 2 are left")
    grown = growth_interval(results.base, generator(seed, "C1"))
    if claim.criteria[scale].of == "excerpt":
        note = f"our minis grow {measured_text(grown)}-fold over {len(results.base)} seeds"
        return _still(results, judge(claim, scale, final, parts=parts, note=note))
    parts["smallest final maximum in the excerpt"] = (final, claims.LAST_RATIO)
    note = f"{results.failed} minis failed"
    return _still(results, judge(claim, scale, grown, parts=parts, note=note))


def _still(results: Results, finding: Finding) -> Finding:
    """Gate of C1: a control that grows fails the claim; one that does not establishes nothing."""
    if not results.control:
        return finding
    grown = growth(results.control).max()
    within = grown < claims.CONTROL_GROWTH
    note = f"at a tenth of the learning rate the ratio grows {grown:.3g}-fold"
    return as_verdict(finding, finding.verdict if within else DOES_NOT_HOLD, note)


@_of_excerpt
def _middle(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    small = evidence.middle_layers_largest(results.excerpt, "pythia-160m")
    large = evidence.middle_layers_largest(results.excerpt, "pythia-1b")
    note = f"160M; with HAC errors {measured_text(small['curvature, HAC'])}"
    if results.arms:
        ours = depth_curvature(results.base)
        note += f"; our minis, mixed model: {measured_text(ours)}"
    parts = {
        "160M vertex": (small["vertex"], claims.MIDDLE),
        "1B": (large["curvature"], claims.NEGATIVE),
        "1B vertex": (large["vertex"], claims.MIDDLE),
    }
    return judge(claim, scale, small["curvature"], parts=parts, note=note)


@_of_excerpt
def _shapes(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    measured = evidence.two_shapes(results.excerpt)
    names = (
        ("14M other layers, smallest factor", claims.RISE),
        ("1B shallow layers, largest change", claims.STILL),
        ("1B middle layers, smallest factor", claims.GROWTH),
    )
    return judge(
        claim,
        scale,
        measured["14M deep layers, largest factor"],
        parts={name: (measured[name], criterion) for name, criterion in names},
        note="14M over its sequences, 1B from one",
    )


def _curve(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    quality = results.quality
    measured = {"median": quality.median_r2, "mean": quality.mean_r2}[claim.criteria[scale].of]
    n_fits = quality.beats_steps.n
    note = (
        f"{n_fits} layers of {len(results.base)} runs, {quality.n_unconverged} fits unconverged; "
        f"AICc below that of every fair competitor in {quality.beats_fair.estimate:.0%} of layers"
    )
    parts = {}
    if claim.criteria[scale].of == "mean":
        parts["share of layers won against the step responses"] = (
            quality.beats_steps,
            claims.BEATS_STEPS,
        )
    return judge(claim, scale, measured, parts=parts, note=note)


def _loose(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    peak, rising = results.refits["early peak"], results.refits["rising"]
    measured = evidence.loose_parameters(peak, rising, results.bounded, rng=generator(seed, "C5"))
    bounded = measured["share of series that bound K"]
    return judge(
        claim,
        scale,
        measured["CV of A"],
        parts={
            "median R²": (measured["median R2"], claims.GOOD_FIT),
            "range of K over true K": (measured["range of K, converged fits"], claims.WIDE),
        },
        note=f"half-width of A over its median {measured_text(measured['half-width of A'])}; "
        f"{measured['share unconverged'].estimate:.0%} of rising fits unconverged, with them the "
        f"range of K is {measured['range of K'].estimate:,.0f}; a 95 % profile bounds K in "
        f"{bounded.estimate:.0%} of rising series",
    )


def _leak(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    measured = evidence.leaking_split(
        results.leakage, rng=generator(seed, "C6"), paper_r2=float(TABLE_3.loc["K", "xgboost"])
    )
    reached = measured["share of draws at least as good as the paper"].estimate
    note = f"{reached:.0%} of draws reach the paper's 0.847"
    if grid := results.arms.get("grid"):
        ours = grid_splits(grid, generator(seed, "C6 grid"))
        note += (
            f"; our {len(grid)} shapes: R² {ours.random_r2:.2f} on random folds, "
            f"{ours.grouped_r2:.2f} with a model left out, excess error "
            f"{measured_text(ours.excess_error)}"
        )
    left_out = measured["median R2, model left out"]
    parts = {"with a model left out": (left_out, claims.NO_TRANSFER)}
    return judge(claim, scale, measured["median R2, random split"], parts=parts, note=note)


@_of_excerpt
def _denominator(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    measured = evidence.shrinking_median(results.excerpt)
    ours = median_share(results.base)
    return judge(
        claim,
        scale,
        measured["1B median share"],
        parts={
            "smallest layer": (measured["1B smallest share"], claims.IN_BAND),
            "largest layer": (measured["1B largest share"], claims.IN_BAND),
            "160M layers whose top-1 falls": (
                measured["160M layers whose top-1 falls"],
                claims.ALL_FALL,
            ),
        },
        note=f"mean over layers 4 to 15; in our minis the median's share is {ours:.2f}",
    )


def _controls(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    if not set(CONTROLS) <= set(results.arms):
        return not_tested(claim, scale, f"the control arms are not run at {scale} scale")
    effects, lost = {}, []
    for name, runs in results.arms.items():
        if name not in ("base", "grid"):
            try:
                effects[name] = arm_effect(results.arms["base"], runs)
            except ValueError:
                lost.append(name)
    if set(CONTROLS) & set(lost):
        return not_tested(claim, scale, f"fewer than two pairs of seeds left in {', '.join(lost)}")
    relu, sgd = (effects[name] for name in CONTROLS)
    others = [f"{name} {measured_text(effects[name])}" for name in effects if name not in CONTROLS]
    note = "; ".join(["ReLU attention", *others, *(f"{name} diverged" for name in lost)])
    return judge(
        claim, scale, relu, parts={"SGD with momentum": (sgd, claims.BELOW_BASE)}, note=note
    )


def _bias(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    if isinstance(results.intervention, Missing):
        return not_tested(claim, scale, results.intervention.reason)
    rng = generator(seed, "C9")
    zero, mean, control = (
        results.intervention.interval(name, rng) for name in ("zero", "mean", "control")
    )
    where = results.intervention.location
    tokens = sorted({token for places in where.tokens for token in places})
    return judge(
        claim,
        scale,
        zero,
        parts={
            "mean over other texts": (mean, claims.MEAN_KEEPS),
            "as many ordinary scalars to zero": (control, claims.MEAN_KEEPS),
        },
        note=f"dimensions {', '.join(map(str, where.dims))} of tokens "
        f"{', '.join(map(str, tokens))}, after block {where.block}",
    )


_EVALUATIONS = {
    "C0": _pipeline,
    "C1": _learned,
    "C2": _middle,
    "C3": _shapes,
    "C4": _curve,
    "C5": _loose,
    "C6": _leak,
    "C7": _denominator,
    "C8": _controls,
    "C9": _bias,
}


def evaluate(results: Results, scale: str, seed: int) -> list[Finding]:
    """One finding per claim, in the order of :data:`CLAIMS`."""
    return [_EVALUATIONS[claim.id](results, claim, scale, seed) for claim in claims.CLAIMS]


def series(results: Results) -> dict[str, object]:
    """What the published figure needs, small enough for the record."""
    peak = results.base[0]
    layer = int(peak.layer_series()[-1].argmax())
    record: dict[str, object] = {
        "mini": {
            "steps": peak.steps,
            "layer": layer + 1,
            "ratio": [run.layer_series()[:, layer] for run in results.base],
        },
        "rising": {
            "t": results.refits["rising"].t,
            "fitted": results.refits["rising"].fitted[:40],
            "K": results.refits["rising"].values("K"),
            "r2": results.refits["rising"].r2,
            "true_K": results.refits["rising"].truth.K,
        },
        "leakage": {"random": results.leakage.random, "grouped": results.leakage.grouped},
        "arms": {
            name: [final_maximum(run) for run in runs]
            for name, runs in results.arms.items()
            if name != "grid"
        },
    }
    if not isinstance(results.intervention, Missing):
        record["intervention"] = {
            name: np.asarray(results.intervention.perplexity_ratio(name))
            for name in results.intervention.changed
        }
    return record
