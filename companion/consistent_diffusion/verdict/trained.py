"""Claims judged on trained networks: C1 to C5, C8 at book scale, and the molecule's C6 and C9."""

from __future__ import annotations

import numpy as np

from companion.claims import (
    DOES_NOT_HOLD,
    Finding,
    as_verdict,
    judge,
    measured_text,
    not_tested,
)
from companion.consistent_diffusion.lab.estimator import Speeds, Unbiased
from companion.consistent_diffusion.lab.plane import RESIDUAL_TIMES, PlaneModels
from companion.consistent_diffusion.verdict import claims
from companion.consistent_diffusion.verdict.parts import ratio
from companion.data import Missing
from companion.stats import EQUIVALENCE, Interval, exact, over_seeds

FIXED_BELOW = 0.05
"""Times of the residual claim."""


def _lacking(models: PlaneModels, *methods: str) -> str:
    """Why these runs cannot test a claim; empty if they can."""
    if missing := [name for name in methods if name not in models.scored]:
        return f"not trained in this run: {', '.join(missing)}"
    if len(models.seeds) < 2:
        return "one seed gives no interval"
    for name in methods:
        for what in ("grid_js", "iid_js", "sim_js"):
            if not np.isfinite(models.of(name, what)).all():
                return f"{name} has no finite {what} for some seed"
    return ""


def inconsistent(scale: str, models: PlaneModels) -> Finding:
    """C1: simulated against denoised samples of the plain model."""
    if reason := _lacking(models, "Diffusion"):
        return not_tested(claims.BY_ID["C1"], scale, reason)
    found = ratio(models.of("Diffusion", "sim_js"), models.of("Diffusion", "iid_js"))
    grid = models.of("Diffusion", "grid_js")
    return judge(
        claims.BY_ID["C1"],
        scale,
        found,
        parts={
            "ratio": (found, claims.ABOVE_1_3),
            "grid divergence": (over_seeds(grid), claims.POSITIVE),
        },
        note=_samples(models, "Diffusion"),
    )


def repaired(scale: str, models: PlaneModels) -> Finding:
    """C2: stationary law on the grid, Diffusion over Both and over Fokker-Planck."""
    if reason := _lacking(models, "Diffusion", "Both", "Fokker-Planck"):
        return not_tested(claims.BY_ID["C2"], scale, reason)
    return judge_repair(scale, {name: models.of(name, "grid_js") for name in models.scored})


def judge_repair(scale: str, js: dict[str, np.ndarray]) -> Finding:
    """C2 from grid divergences by method."""
    both = ratio(js["Diffusion"], js["Both"])
    single = ratio(js["Diffusion"], js["Fokker-Planck"])
    listed = "; ".join(
        f"{name} {', '.join(f'{value:.4f}' for value in values)}" for name, values in js.items()
    )
    return judge(
        claims.BY_ID["C2"],
        scale,
        both,
        parts={
            "ratio": (both, claims.ABOVE_2),
            "over Fokker-Planck": (single, claims.ABOVE_1_3),
        },
        note=f"grid divergences: {listed}",
    )


def consistent(scale: str, models: PlaneModels) -> Finding:
    """C3: simulated and denoised samples of Both are equally good."""
    if reason := _lacking(models, "Both"):
        return not_tested(claims.BY_ID["C3"], scale, reason)
    found = ratio(models.of("Both", "sim_js"), models.of("Both", "iid_js"), EQUIVALENCE)
    sim, iid = models.of("Both", "sim_js"), models.of("Both", "iid_js")
    note = f"{_samples(models, 'Both')}; ratio {_both_ratios(sim, iid, models.floor[0])}"
    return judge(claims.BY_ID["C3"], scale, found._replace(p=None), note=note)


def iid_kept(scale: str, models: PlaneModels, molecule: object = None) -> Finding:
    """C4: denoised samples of Both and of Diffusion are equally good.

    The note also compares like with like: with the penalty over without, in one network and in
    experts, and on the molecule.  These decide nothing.
    """
    if reason := _lacking(models, "Both", "Diffusion"):
        return not_tested(claims.BY_ID["C4"], scale, reason)
    found = ratio(models.of("Both", "iid_js"), models.of("Diffusion", "iid_js"), EQUIVALENCE)
    effect = ratio(models.of("Diffusion", "grid_js"), models.of("Both", "grid_js"))
    return judge(
        claims.BY_ID["C4"],
        scale,
        found._replace(p=None),
        parts={"grid divergence falls, times": (effect, claims.ABOVE_1)},
        note=f"{_samples(models, 'Both')}; {like_with_like(models, molecule)}",
    )


def like_with_like(models: PlaneModels, molecule: object = None) -> str:
    """Denoised divergence with the penalty over that without, all else equal."""
    found = []
    for a, b in (("Both", "Mixture"), ("Fokker-Planck", "Diffusion")):
        if {a, b} <= set(models.scored):
            js = (models.of(name, "iid_js") for name in (a, b))
            found.append(f"{a} over {b} {_both_ratios(*js, models.floor[0])}")
    if hasattr(molecule, "summary"):
        iid, floor = molecule.summary.iid, molecule.summary.iid_floor.mean
        both, mixture = (
            np.array([s.divergence for s in iid[name]]) for name in ("Both", "Mixture")
        )
        if len(both) > 1:
            found.append(f"molecule, Both over Mixture {_both_ratios(both, mixture, floor)}")
    return "denoised, with the penalty over without, 90 %: " + "; ".join(found)


def _both_ratios(above: np.ndarray, below: np.ndarray, floor: float) -> str:
    """Ratio of divergences with its 90 % interval, as they are and with the floor taken off."""
    text = measured_text(ratio(above, below, EQUIVALENCE))
    if min(above.min(), below.min()) <= floor:
        return f"{text}, above the floor not defined"
    return (
        f"{text}, above the floor {measured_text(ratio(above - floor, below - floor, EQUIVALENCE))}"
    )


def residual_falls(scale: str, models: PlaneModels) -> Finding:
    """C5: gauge-fixed residual at small t, Diffusion over Both."""
    if reason := _lacking(models, "Both", "Diffusion"):
        return not_tested(claims.BY_ID["C5"], scale, reason)
    small = RESIDUAL_TIMES < FIXED_BELOW
    sizes = {
        (name, what): models.of(name, what)[:, small].mean(1)
        for name in ("Diffusion", "Both")
        for what in ("raw", "fixed")
    }
    found = ratio(sizes["Diffusion", "fixed"], sizes["Both", "fixed"])
    raw = ratio(sizes["Diffusion", "raw"], sizes["Both", "raw"])
    return judge(
        claims.BY_ID["C5"],
        scale,
        found,
        parts={"ratio": (found, claims.ABOVE_2)},
        note=f"not gauge-fixed: {measured_text(raw)} times",
    )


def estimator(scale: str, checked: Unbiased, speeds: Speeds) -> Finding:
    """C8: the product is unbiased; at book scale also what a step costs."""
    note = (
        f"with one v for both factors the mean is {checked.worst_same:.0f} standard errors off; "
        f"a step with the paper's penalty costs {speeds.cost_ratio:.2f} plain steps, the one that "
        f"we train with {speeds.our_cost_ratio:.2f}; by hand over double differentiation, times as "
        f"fast: {', '.join(f'{name} {ratio:.2f}' for name, ratio in speeds.hand_ratios.items())}"
    )
    if scale == "toy":
        worst = Interval(checked.worst, n=len(checked.exact))
        found = judge(claims.BY_ID["C8"], scale, worst, note=f"standard errors at worst; {note}")
    else:
        note = f"standard errors at worst {checked.worst:.2f}; {note}"
        found = judge(claims.BY_ID["C8"], scale, speeds.cost, note=note)
    if checked.worst > claims.UNBIASED.high:  # a gate: what is not beyond it establishes nothing
        return as_verdict(found, DOES_NOT_HOLD, "the product misses the exact square")
    return found


def structure(scale: str, molecule: object, deviation: float) -> Finding:
    """C6 at book scale: what Two For One does to the molecule."""
    from companion.consistent_diffusion.verdict.parts import judge_two_for_one

    if isinstance(molecule, Missing):
        return not_tested(claims.BY_ID["C6"], scale, molecule.reason)
    curve = {"exact curve, relative difference": (exact(deviation), claims.CURVE)}
    return judge_two_for_one(
        claims.BY_ID["C6"],
        scale,
        molecule.simulated,
        molecule.reference,
        structure=claims.ABOVE_5,
        modes=claims.MODES_KEPT,
        more=curve,
    )


def conservative(scale: str, molecule: object) -> Finding:
    """C9: chains driven by a network without an energy."""
    from companion.consistent_diffusion.verdict.parts import judge_conservative

    if scale not in claims.BY_ID["C9"].criteria:
        return not_tested(
            claims.BY_ID["C9"], scale, "needs a trained molecule: tested at book scale"
        )
    if isinstance(molecule, Missing):
        return not_tested(claims.BY_ID["C9"], scale, molecule.reason)
    return judge_conservative(claims.BY_ID["C9"], scale, molecule.simulated)


def _samples(models: PlaneModels, method: str) -> str:
    """Divergences of a method with the floor and with what diverged."""
    parts = [
        f"{what} {', '.join(f'{value:.4f}' for value in models.of(method, key))}"
        for what, key in (("denoised", "iid_js"), ("simulated", "sim_js"))
    ]
    lost = int(models.of(method, "n_diverged").sum())
    return (
        f"{method}, {models.n:,} samples: {'; '.join(parts)}; floor {models.floor[0]:.4f}; "
        f"chains stopped: {lost}"
    )
