"""From results to one finding a claim, and to the series that the published figures need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    Claim,
    Finding,
    as_verdict,
    judge,
    measured_text,
    not_tested,
)
from companion.data import Missing
from companion.mamba3.hub import LAMBADA
from companion.mamba3.lab.checks import Order
from companion.mamba3.lab.language import Evaluated, Read
from companion.mamba3.lab.timing import ContextTimes, DecodeTimes
from companion.mamba3.lab.tracking import Tracked
from companion.mamba3.method.roofline import flops
from companion.mamba3.verdict import claims
from companion.scale import generator
from companion.stats import EQUIVALENCE, Interval, exact, over_seeds, p_value


@dataclass(frozen=True)
class Results:
    """All that a run of the chapter measured.

    disagreements : form to its largest difference; gradient : relative gap, None if not checked
    kernels : kernel to relative RMS error
    orders, random_orders : of the discretization; None if no random equations were drawn
    rotor : ``"parity"`` and ``"Z3"`` to the accuracy of the layer built by hand
    tracked : (task, variant) to result; reads : arm to result
    counts : (counted, formula) of small decode steps
    decode, contexts : run times
    released : of the released weights; Missing with the reason, or None if not asked for
    """

    disagreements: Mapping[str, float]
    gradient: float | None
    kernels: Mapping[str, float] | Missing
    orders: Mapping[str, Order]
    random_orders: Mapping[str, Interval] | None
    rotor: Mapping[str, float]
    tracked: Mapping[tuple[str, str], Tracked]
    reads: Mapping[str, Read]
    counts: tuple[tuple[int, int], ...]
    decode: DecodeTimes
    contexts: ContextTimes
    released: Evaluated | Missing | None = None


def _same(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    worst = max(results.disagreements, key=lambda name: results.disagreements[name])
    parts = {}
    if claim.criteria[scale] is claims.SAME_AND_GRADIENT:
        if results.gradient is None:
            return not_tested(claim, scale, "the gradient was not checked")
        parts["gradient"] = (exact(results.gradient), claims.GRADIENT)
    note = f"largest in: {worst}"
    return judge(claim, scale, exact(results.disagreements[worst]), parts=parts, note=note)


def _kernel(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    if isinstance(results.kernels, Missing):
        return not_tested(claim, scale, results.kernels.reason)
    note = ", ".join(f"{kind} {error:.4f}" for kind, error in results.kernels.items())
    return judge(
        claim, scale, exact(max(results.kernels.values()), len(results.kernels)), note=note
    )


def _order(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    slopes = {name: order.slope for name, order in results.orders.items()}
    parts = {
        "Euler": (slopes["Euler, constant A"], claims.EULER),
        "λ = 1/2, A(t)": (slopes["λ = 1/2, A(t)"], claims.FIRST_ORDER),
    }
    if claim.criteria[scale] is claims.SECOND_ORDER_RANDOM:
        if results.random_orders is None:
            return not_tested(claim, scale, "no random equations were drawn")
        frozen, mean = (results.random_orders[k] for k in ("exponential-trapezoidal", "mean A"))
        parts |= {
            "random, A frozen": (frozen, claims.FIRST_ORDER),
            "random, A averaged": (mean, claims.SECOND),
        }
    note = f"A(t) averaged over both ends: {measured_text(slopes['λ = 1/2, A(t) averaged'])}"
    return judge(claim, scale, slopes["λ = 1/2, constant A"], parts=parts, note=note)


def _lacking(results: Results, task: str, variants: tuple[str, ...], least: int) -> str:
    """Why variants cannot be compared; empty if they can."""
    for variant in variants:
        run = results.tracked.get((task, variant))
        if run is None:
            return f"{variant} was not trained on {task}"
        if run.alive.sum() < least:
            return f"{variant} on {task}: fewer than {least} seeds did not diverge"
    return ""


def _successes(results: Results) -> str:
    """Seeds that solved their task at the training length, every run."""
    return "seeds that solve the training length: " + "; ".join(
        f"{task}, {variant} {claims.success(run)}"
        for (task, variant), run in results.tracked.items()
    )


def _unless_lost(finding: Finding, n_lost: int) -> Finding:
    """`not resolved` where runs diverged: the seeds that are left chose themselves."""
    if n_lost and finding.verdict in (HOLDS, DOES_NOT_HOLD):
        return as_verdict(finding, NOT_RESOLVED, f"{n_lost} of its runs diverged")
    return finding


def _parity(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    of = claim.criteria[scale].of
    baselines = ("Mamba-3, no RoPE", "Mamba-2") if of == "trained" else claims.BASELINES
    if why := _lacking(results, "parity", ("Mamba-3", *baselines), 1 if of == "trained" else 2):
        return not_tested(claim, scale, why)
    runs = {name: results.tracked["parity", name] for name in ("Mamba-3", *baselines)}
    trained = runs["Mamba-3"].train_length
    wanted = {"trained": trained, "difference": 2 * trained, "far": int(1.6 * trained)}[of]
    if wanted not in runs["Mamba-3"].lengths:
        return not_tested(claim, scale, f"the models were not read at {wanted} moves")
    values = {name: claims.alive(run, wanted) for name, run in runs.items()}
    n_lost = sum(int((~run.alive).sum()) for run in runs.values())
    note = f"trained at {trained} moves, read at {wanted}; {_successes(results)}"
    by_hand = {"layer built by hand": (exact(results.rotor["parity"]), claims.PERFECT)}
    if of == "difference":
        found = claims.closest_baseline(
            values["Mamba-3"], {name: values[name] for name in baselines}
        )
        size = {
            f"against {name}": (difference, claims.HALF)
            for name, difference in found.differences.items()
        }
        size["largest p after Holm"] = (p_value(found.difference.p), claims.SMALL_P)
        here = over_seeds(claims.alive(runs["Mamba-3"], trained))
        note += f"; Mamba-3 at the training length {measured_text(here)}"
        finding = judge(claim, scale, found.difference, parts=size | by_hand, note=note)
        return _unless_lost(finding, n_lost)
    limit = claims.BLIND if of == "trained" else claims.BLIND_FAR
    parts = {name: (over_seeds(values[name]), limit) for name in baselines}
    finding = judge(claim, scale, over_seeds(values["Mamba-3"]), parts=parts | by_hand, note=note)
    return _unless_lost(finding, n_lost)


def _counting(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    if claim.criteria[scale].of == "hand":
        return judge(claim, scale, exact(results.rotor["Z3"]))
    both, positive = "real, both signs", "Mamba-3, no RoPE"
    needed = {"Z3": ("Mamba-3", both, positive), "parity": ("Mamba-3", both)}
    for task, variants in needed.items():
        if why := _lacking(results, task, variants, 2):
            return not_tested(claim, scale, why)
    measured = {
        (task, v): over_seeds(claims.alive(run, run.train_length))
        for task, variants in needed.items()
        for v in variants
        for run in [results.tracked[task, v]]
    }
    n_lost = sum(int((~results.tracked[key].alive).sum()) for key in measured)
    parts = {
        "modulo 3, real of both signs": (measured["Z3", both], claims.UNSOLVED),
        "modulo 3, real positive": (measured["Z3", positive], claims.UNSOLVED),
        "parity, Mamba-3": (measured["parity", "Mamba-3"], claims.SOLVED),
        "parity, real of both signs": (measured["parity", both], claims.SOLVED),
    }
    note = _successes(results)
    if run := results.tracked.get(("S3", "Mamba-3")):
        note += (
            f"; one layer on S3, which does not commute: {np.nanmean(run.at(run.train_length)):.2f}"
        )
    finding = judge(claim, scale, measured["Z3", "Mamba-3"], parts=parts, note=note)
    return _unless_lost(finding, n_lost)


def _ablation(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    reads, one_seed = results.reads, claim.criteria[scale].of == "without both"
    other = "no bias, no trapezoid" if one_seed else "no bias"
    needed = ("full", other) if one_seed else ("full", other, "with convolution")
    if absent := [name for name in needed if name not in reads]:
        return not_tested(claim, scale, f"not trained: {', '.join(absent)}")
    lost = {name: int((~read.alive).sum()) for name, read in reads.items()}
    note = "; ".join(f"{name}: {n} seeds diverged" for name, n in lost.items() if n)
    if one_seed:
        if not (reads["full"].alive[0] and reads[other].alive[0]):
            return not_tested(claim, scale, note)
        losses = [reads[name].loss(claims.train_length(reads[name]))[0] for name in needed]
        return judge(claim, scale, Interval(losses[0] - losses[1], n=1), note=note)
    try:
        bias = claims.paired_loss(reads, "full", other)
        beyond = claims.convolution_beyond_bias(reads)
        effects = {name: claims.paired_loss(reads, name, "full") for name in reads if name in _TOLD}
    except ValueError as error:
        return not_tested(claim, scale, f"{error}; {note}")
    told = ", ".join(f"{name} {measured_text(effect)}" for name, effect in effects.items())
    note = "; ".join(filter(None, (note, f"loss above the full layer's: {told}")))
    parts = {"gain of the convolution minus a quarter of the bias's": (beyond, claims.LESS)}
    finding = judge(claim, scale, bias, parts=parts, note=note)
    return _unless_lost(finding, sum(lost[name] for name in needed))


_TOLD = (
    "no bias",
    "no bias, no trapezoid",
    "with convolution",
    "bias from 0",
    "bias from U(-1, 1)",
    "Mamba-2",
)


def _half_state(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    if scale not in claim.criteria:
        return not_tested(claim, scale, f"state sizes are not compared at {scale} scale")
    try:
        found = claims.state_factor(results.reads, generator(seed, "C7"))
    except ValueError as error:
        return not_tested(claim, scale, str(error))
    note = (
        f"nats for twice the state {measured_text(found.per_doubling)}; Mamba-3 at equal state "
        f"{measured_text(found.of_mamba3)}; {found.n_lost} runs diverged"
    )
    finding = judge(claim, scale, found.factor, note=note)
    if not found.per_doubling.high < 0:
        return as_verdict(finding, NOT_RESOLVED, "the loss does not fall with the state here")
    return _unless_lost(finding, found.n_lost)


def _ranks(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    missed = exact(max(abs(a - b) for a, b in results.counts), len(results.counts))
    rng = generator(seed, "C8")
    large, small = (results.decode.ratio(name, 4, rng) for name in ("large", "small"))
    if claim.criteria[scale].of == "count":
        note = f"time of R = 4 over R = 1 on this machine {measured_text(large)}"
        return judge(claim, scale, missed, note=note)
    if (size := results.decode.n_bytes["large"]) < 64 * 2**20:
        return not_tested(claim, scale, f"the large state has {size / 2**20:.0f} MB, not 64")
    parts = {
        "FLOP ratio": (exact(flops(128, 64, 4) / flops(128, 64, 1)), claims.FLOP_RATIO),
        "operations miscounted": (missed, claims.NO_MISCOUNT),
    }
    note = f"state {size / 2**20:.0f} MB; in a state that fits the cache {measured_text(small)}"
    return judge(claim, scale, large, parts=parts, note=note)


def _context(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    times, rng = results.contexts, generator(seed, "C9")
    growth = {name: times.growth(name, rng) for name in times.times}
    note = ", ".join(f"{name} {measured_text(g)}" for name, g in growth.items())
    note = f"growth for eight times the context: {note}"
    kept = times.n_bytes["Mamba-3"]
    if claim.criteria[scale].of == "bytes":
        return judge(claim, scale, exact(float(np.ptp(kept)), len(kept)), note=note)
    attention, ours = (times.slope(name, rng) for name in ("attention", "Mamba-3"))
    beyond = Interval(
        attention.estimate - 10 * ours.estimate,
        attention.low - 10 * ours.high,
        attention.high - 10 * ours.low,
    )
    parts = {
        "slope of attention, ns a token": (attention, claims.RISING),
        "minus ten times Mamba-3's": (beyond, claims.RISING),
        "bytes kept": (exact(float(np.ptp(kept))), claims.NO_MISCOUNT),
    }
    return judge(claim, scale, growth["Mamba-3"], parts=parts, note=note)


def _released(results: Results, claim: Claim, scale: str, seed: int) -> Finding:
    if scale not in claim.criteria:
        reason = f"the released weights are read at paper scale; at {scale} scale the same code "
        return not_tested(claim, scale, f"{reason}reads a tiny checkpoint in their layout")
    if results.released is None:
        return not_tested(claim, scale, "the released weights were not asked for")
    if isinstance(results.released, Missing):
        return not_tested(claim, scale, results.released.reason)
    accuracy = {kind: results.released.accuracy(kind) for kind in LAMBADA}
    near = {kind: results.released.accuracy(kind, EQUIVALENCE) for kind in LAMBADA}
    parts = {
        f"LAMBADA {kind}, difference": (_minus(near[kind], theirs), claims.NEAR_PAPER)
        for kind, theirs in LAMBADA.items()
    }
    note = ", ".join(f"{kind} {measured_text(a)} %" for kind, a in accuracy.items())
    ratio = results.released.mimo_over_siso(generator(seed, "C10"))
    return judge(claim, scale, ratio, parts=parts, note=f"LAMBADA {note}")


def _minus(accuracy: Interval, printed: float) -> Interval:
    return accuracy.map(lambda percent: percent - printed)


_EVALUATIONS = {
    "C1": _same,
    "C2": _kernel,
    "C3": _order,
    "C4": _parity,
    "C5": _counting,
    "C6": _ablation,
    "C7": _half_state,
    "C8": _ranks,
    "C9": _context,
    "C10": _released,
}


def evaluate(results: Results, scale: str, seed: int) -> list[Finding]:
    """One finding per claim, in the order of :data:`companion.mamba3.verdict.claims.CLAIMS`."""
    return [_EVALUATIONS[claim.id](results, claim, scale, seed) for claim in claims.CLAIMS]


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for the record."""
    return {
        "tracking": {
            f"{task}: {variant}": {
                "lengths": run.lengths,
                "accuracy": np.nan_to_num(run.accuracy, nan=-9.0).round(4),
                "train_length": run.train_length,
            }
            for (task, variant), run in results.tracked.items()
        },
        "losses": {
            name: read.loss(claims.train_length(read)).round(5)
            for name, read in results.reads.items()
            if read.alive.all()
        },
        "decode_ms": {
            name: {str(rank): float(np.median(t) * 1e3) for rank, t in times.items()}
            for name, times in results.decode.times.items()
        },
        "context_us": {
            "contexts": results.contexts.contexts,
            **{name: np.median(t, axis=1) * 1e6 for name, t in results.contexts.times.items()},
        },
    }
