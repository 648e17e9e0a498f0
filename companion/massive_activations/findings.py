"""From results to findings: each claim's quantities held against its criterion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.claims import Finding, judge, not_tested
from companion.data import Missing
from companion.massive_activations import claims as c
from companion.massive_activations import evidence, mini_evidence
from companion.massive_activations.compare import FitQuality
from companion.massive_activations.identifiability import Boundedness, Refits
from companion.massive_activations.intervention import Intervention
from companion.massive_activations.measure import Measurement
from companion.massive_activations.mini_runs import MiniRun
from companion.massive_activations.paper_numbers import TABLE_3
from companion.massive_activations.pipeline import against_authors
from companion.massive_activations.predict import Leakage
from companion.scale import generator
from companion.stats import Interval

_CLAIMS = {claim.id: claim for claim in c.CLAIMS}
CONTROLS = ("relu", "sgd")
"""The arms that claim C8 is about."""


@dataclass(frozen=True)
class Results:
    """All that the notebook computed.

    excerpt : the authors' measurements, or why they are not here
    untrained : measurements of random initializations, one per seed
    base : base minis; failed : how many minis did not finish
    arms : arm name -> minis, ``"base"`` and ``"grid"`` among them; empty where none were run
    refits : ``"early peak"`` and ``"rising"``
    intervention : on the real model, or why it was not run
    """

    excerpt: pd.DataFrame | Missing
    untrained: Sequence[Measurement]
    base: Sequence[MiniRun]
    failed: int
    arms: Mapping[str, Sequence[MiniRun]]
    quality: FitQuality
    refits: Mapping[str, Refits]
    bounded: Boundedness
    leakage: Leakage
    intervention: Intervention | Missing


def evaluate(results: Results, scale: str, seed: int) -> list[Finding]:
    """One finding per claim, in the order of :data:`companion.massive_activations.CLAIMS`."""
    return [
        _pipeline(results, scale),
        _learned(results, scale, seed),
        _middle(results, scale),
        _shapes(results, scale),
        _curve(results, scale),
        _loose(results, scale, seed),
        _leak(results, scale, seed),
        _denominator(results, scale),
        _controls(results, scale),
        _bias(results, scale, seed),
    ]


def _pipeline(results: Results, scale: str) -> Finding:
    claim = _CLAIMS["C0"]
    if isinstance(results.excerpt, Missing):
        return not_tested(claim, scale, results.excerpt.reason)
    measured = against_authors(list(results.untrained), results.excerpt)
    return judge(
        claim,
        scale,
        measured["median"],
        parts={"ratio's deviation from the null": (measured["ratio"], c.NULL_RATIO)},
    )


def _learned(results: Results, scale: str, seed: int) -> Finding:
    claim, rng = _CLAIMS["C1"], generator(seed, "C1")
    if isinstance(results.excerpt, Missing):
        return not_tested(claim, scale, results.excerpt.reason)
    measured = evidence.absent_then_learned(results.excerpt)
    grown = mini_evidence.growth_interval(results.base, rng)
    share = {"share at the null up to step 64": (measured["share at the null"], c.AT_NULL)}
    final = measured["smallest final maximum"]
    if claim.criteria[scale] is c.MINI_GROWTH:
        parts = share | {"smallest final maximum in the excerpt": (final, c.LAST_RATIO)}
        note = f"minis: {len(results.base)} seeds, {results.failed} failed"
        return judge(claim, scale, grown, parts=parts, note=note)
    note = f"our minis grow {grown.estimate:.2g}-fold ({len(results.base)} seeds)"
    return judge(claim, scale, final, parts=share, note=note)


def _middle(results: Results, scale: str) -> Finding:
    claim = _CLAIMS["C2"]
    if isinstance(results.excerpt, Missing):
        return not_tested(claim, scale, results.excerpt.reason)
    small = evidence.middle_layers_largest(results.excerpt, "pythia-160m")["curvature"]
    large = evidence.middle_layers_largest(results.excerpt, "pythia-1b")["curvature"]
    note = ""
    if results.arms:
        ours = mini_evidence.depth_curvature(results.base)
        note = f"160M; our minis {ours.estimate:.2g} [{ours.low:.2g}, {ours.high:.2g}]"
    return judge(
        claim, scale, small, parts={"1B, upper end": (_upper_end(large), c.CURVATURE)}, note=note
    )


def _upper_end(interval: Interval) -> Interval:
    return Interval(interval.high)


def _shapes(results: Results, scale: str) -> Finding:
    claim = _CLAIMS["C3"]
    if isinstance(results.excerpt, Missing):
        return not_tested(claim, scale, results.excerpt.reason)
    measured = evidence.two_shapes(results.excerpt)
    names = (
        ("14M other layers, smallest factor", c.RISE),
        ("1B shallow layers, largest change", c.STILL),
        ("1B middle layers, smallest factor", c.GROWTH),
    )
    share = mini_evidence.turning_share(results.base)
    spread = {kind: measured[f"14M {kind} layers, over sequences"] for kind in ("deep", "other")}
    return judge(
        claim,
        scale,
        measured["14M deep layers, largest factor"],
        parts={name: (measured[name], criterion) for name, criterion in names},
        note=f"over three sequences: deep {_range(spread['deep'])}, others "
        f"{_range(spread['other'])}; {share:.0%} of the minis' curves turn inside training",
    )


def _range(interval: Interval) -> str:
    return f"{interval.estimate:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def _curve(results: Results, scale: str) -> Finding:
    claim, quality = _CLAIMS["C4"], results.quality
    note = (
        f"{quality.n_unconverged} of {quality.beats_steps.n} fits unconverged; lower AICc than "
        f"every fair competitor in {quality.beats_fair.estimate:.0%} of layers"
    )
    if claim.criteria[scale] is c.FIT_TOY:
        estimate = Interval(quality.median_r2.estimate, n=quality.beats_steps.n)
        return judge(claim, scale, estimate, note=note)
    parts = {"share of layers won against the step responses": (
        Interval(quality.beats_steps.estimate), c.BEATS_STEPS)}  # fmt: skip
    return judge(claim, scale, quality.mean_r2, parts=parts, note=note)


def _loose(results: Results, scale: str, seed: int) -> Finding:
    measured = evidence.loose_parameters(
        results.refits["early peak"],
        results.refits["rising"],
        results.bounded,
        rng=generator(seed, "C5"),
    )
    # The criterion is about the estimates: intervals of such heavy tails are shown, not judged.
    spread = measured["CV of A"]
    finite = measured["share of series that bound K"]
    return judge(
        _CLAIMS["C5"],
        scale,
        Interval(spread.estimate, n=len(results.refits["early peak"].r2)),
        parts={
            "median R²": (Interval(measured["median R2"].estimate), c.GOOD_FIT),
            "range of K over true K": (Interval(measured["range of K"].estimate), c.WIDE),
        },
        note=f"{finite.estimate:.0%} of rising series bound K at all",
    )


def _leak(results: Results, scale: str, seed: int) -> Finding:
    measured = evidence.leaking_split(
        results.leakage, rng=generator(seed, "C6"), paper_r2=float(TABLE_3.loc["K", "xgboost"])
    )
    note = ""
    if results.arms.get("grid"):
        ours = mini_evidence.grid_splits(results.arms["grid"], generator(seed, "C6 grid"))
        excess = ours.excess_error
        note = (
            f"our grid: R² {ours.random_r2:.2f} on random folds, {ours.grouped_r2:.2f} with a "
            f"model left out; excess error {excess.estimate:.2f} [{excess.low:.2f}, "
            f"{excess.high:.2f}]"
        )
    left_out = measured["median R2, model left out"]
    return judge(
        _CLAIMS["C6"],
        scale,
        measured["median R2, random split"],
        parts={"with a model left out": (left_out, c.NO_TRANSFER)},
        note=note,
    )


def _denominator(results: Results, scale: str) -> Finding:
    claim = _CLAIMS["C7"]
    if isinstance(results.excerpt, Missing):
        return not_tested(claim, scale, results.excerpt.reason)
    measured = evidence.shrinking_median(results.excerpt)
    ours = mini_evidence.median_share(results.base)
    return judge(
        claim,
        scale,
        measured["1B median share"],
        parts={
            "160M layers whose top-1 falls": (measured["160M layers whose top-1 falls"], c.ALL_FALL)
        },
        note=f"range over layers; in our minis the median's share is {ours:.2f}",
    )


def _controls(results: Results, scale: str) -> Finding:
    claim = _CLAIMS["C8"]
    if not set(CONTROLS) <= set(results.arms):
        return not_tested(claim, scale, f"the control arms are not run at {scale} scale")
    base = results.arms["base"]
    effects = {name: mini_evidence.arm_effect(base, results.arms[name]) for name in CONTROLS}
    first, second = CONTROLS
    others = {
        name: mini_evidence.arm_effect(base, runs).estimate
        for name, runs in results.arms.items()
        if name not in ("base", "grid", *CONTROLS)
    }
    note = "first the ReLU attention" + "".join(f", {k} {v:.2f}" for k, v in others.items())
    return judge(
        claim,
        scale,
        effects[first],
        parts={"SGD with momentum, upper end": (_upper_end(effects[second]), c.BELOW_BASE)},
        note=note,
    )


def _bias(results: Results, scale: str, seed: int) -> Finding:
    claim = _CLAIMS["C9"]
    if isinstance(results.intervention, Missing):
        return not_tested(claim, scale, results.intervention.reason)
    rng = generator(seed, "C9")
    effects = {
        name: results.intervention.interval(name, rng) for name in ("zero", "mean", "control")
    }
    where = results.intervention.location
    return judge(
        claim,
        scale,
        effects["zero"],
        parts={
            "mean, lower end": (Interval(effects["mean"].low), c.MEAN_KEEPS),
            "mean, upper end": (Interval(effects["mean"].high), c.MEAN_KEEPS),
        },
        note=f"dimensions {', '.join(map(str, where.dims))} of tokens "
        f"{', '.join(map(str, sorted(set(sum(where.tokens, ())))))}, after block {where.block}; "
        f"as many ordinary scalars to zero: × {effects['control'].estimate:.4f}",
    )


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
            name: [mini_evidence.final_maximum(run) for run in runs]
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
