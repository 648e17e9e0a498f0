"""What Quartet claims, and what a run says of it: C1 to C10, and the series of the record.

Every measurement takes results of the notebook by name: ``table`` (scheme -> simulation),
``optimum``, ``means`` and ``scans`` of the scale rules, ``products``, ``reruns`` (regression of the
authors' re-runs), ``refit``, ``bops`` and ``measured`` (maps with doubled speed and with the
authors' timings), ``depth`` and ``averages`` of gradients, ``trained``.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr
from statsmodels.stats.weightstats import ttost_paired

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.data import Missing
from companion.quartet.lab.gradients import log_slope
from companion.quartet.lab.products import fit_decay
from companion.quartet.lab.refit import nested_test, quality_of
from companion.quartet.method.law import PARAMETERS, Law
from companion.quartet.method.optimal import SIZE_LIMITS, Quality, Speed, crossover
from companion.quartet.sources import TABLE_6
from companion.stats import LEVEL, Interval, exact, holm, p_value, paired, t_interval
from companion.verdicts import (
    FROM_BOOK,
    YES,
    Measured,
    Open,
    Untested,
    Verdicts,
    above,
    below,
    between,
    equal_to,
    size_below,
    within,
)

RATIO_WIDTH = 0.03
"""How narrow the interval of the ratio in C1 must be."""

MONOTONE = 0.9
"""Spearman correlation of depth and RTN's mean misalignment from which it grows with depth."""

MARGIN = 0.01
"""Nats within which two backward schemes would count as equivalent."""

SHOWN = "shown at toy scale, tested at book scale"

verdicts = Verdicts()


@verdicts.claim(
    "C1",
    "On Gaussian data stochastic rounding has twice the error of rounding to nearest, and no "
    "shrinkage.",
    of=PAPER,
    on=MODEL,
    paper="MSE 2.77e-2 (SR), 1.37e-2 (RTN); misalignment 0, 9.3e-3 (Table 2)",
    unit="ratio",
    needs=("table",),
    region=between(1.98, 2.08, must_hold=True),
    criterion=f"MSE of SR over MSE of RTN {{}}, 95 % interval narrower than {RATIO_WIDTH}; each "
    "MSE within 1 % of 2.775e-2 and 1.368e-2; misalignment of SR below 5e-4 in size, of RTN "
    "between 8.9e-3 and 10.0e-3",
    parts={
        f"narrower than {RATIO_WIDTH}": YES,
        "MSE of SR": within(2.775e-2, percent=1, text="within 1 % of 2.775e-2"),
        "MSE of RTN": within(1.368e-2, percent=1, text="within 1 % of 1.368e-2"),
        "misalignment of SR": size_below(5e-4),
        "misalignment of RTN": between(8.9e-3, 10.0e-3, "between 8.9e-3 and 10.0e-3"),
    },
    by_estimate=("misalignment of SR",),
)
def gaussian_table(table):
    rtn, sr = table["RTN"], table["SR"]
    ratio = t_interval(sr.mse / rtn.mse)
    return Measured(
        ratio,
        {
            f"narrower than {RATIO_WIDTH}": ratio.high - ratio.low < RATIO_WIDTH,
            "MSE of SR": sr.interval("mse"),
            "MSE of RTN": rtn.interval("mse"),
            "misalignment of SR": sr.interval("misalignment"),
            "misalignment of RTN": rtn.interval("misalignment"),
        },
    )


@verdicts.claim(
    "C2",
    "Rounding the power-of-two scale down instead of to nearest raises QuEST's error by more than "
    "half.",
    of=OURS,
    paper="QuEST: MSE 1.32e-2, misalignment 1.3e-2, rule not stated (Table 2)",
    unit="ratio",
    needs=("optimum", "means", "scans", "table"),
    region=between(1.6, 1.75, must_hold=True),
    criterion="MSE with the scale rounded down over MSE with it rounded to nearest {}; "
    "misalignment more than 3 times as large; optimal scale 0.48708 within 1e-4 and its MSE "
    "0.012685 within 1e-6; there misalignment = MSE within 1e-6; the quantizer on random numbers "
    "gives the first ratio too",
    parts={
        "misalignment, floor over nearest": above(3),
        "optimal scale": within(0.48708, 1e-4),
        "its MSE": within(0.012685, 1e-6),
        "misalignment minus MSE there": size_below(1e-6),
        "ratio of the quantizers": between(1.6, 1.75),
    },
)
def scale_rule(optimum, means, scans, table):
    """Means and scans are integrals; the table is what the quantizers do to random numbers."""
    (floor_mse, floor_shift), (near_mse, near_shift) = means["floor"], means["nearest"]
    mse = scans["floor"].mse
    return Measured(
        exact(floor_mse / near_mse),
        {
            "misalignment, floor over nearest": exact(floor_shift / near_shift),
            "optimal scale": exact(optimum.scale),
            "its MSE": exact(optimum.mse),
            "misalignment minus MSE there": exact(optimum.misalignment - optimum.mse),
            "ratio of the quantizers": t_interval(table["QuEST"].mse / table["QuEST nearest"].mse),
        },
        f"rounded down, the MSE swings by a factor of {mse.max() / mse.min():.1f} within an octave",
    )


_SIGNS = (
    "RTN, signs before: error at K = 64 over error at K = 1 {}; signs after: two draws equal bit "
    "for bit and ratio 1; SR: ratio between 0.8/64 and 1.25/64"
)
_BIAS = (
    "; the 99 % interval of b^2 contains (1 - (1 - m)^2)^2 for RTN and 0 for SR, and both are "
    "narrower than that number"
)
_AT_BOOK = dict.fromkeys(FROM_BOOK, YES)


@verdicts.claim(
    "C3",
    "Random signs behind the Hadamard matrix do nothing to RTN; in front of it they turn its bias "
    "into shrinkage.",
    of=OURS,
    on=MODEL,
    paper="footnote 2 names a bug, not which; ours from the code",
    unit="ratio",
    needs=("products",),
    region={
        "toy": below(0.06, _SIGNS, must_hold=True),
        **dict.fromkeys(FROM_BOOK, below(0.06, _SIGNS + _BIAS)),
    },
    parts={
        "signs after, two draws identical": YES,
        "signs before, draws differ": YES,
        "signs after, ratio": equal_to(1),
        "SR, 64 times the ratio": between(0.8, 1.25, "times 64 {}"),
        # not at toy scale: a right program misses a 99 % interval at one seed in a hundred
        "b^2 of RTN contains the prediction": _AT_BOOK,
        "it is narrower than the prediction": _AT_BOOK,
        "b^2 of SR contains 0": _AT_BOOK,
        "it is narrower than the prediction of RTN": _AT_BOOK,
    },
)
def sign_bug(averages):
    if len(averages.bias) < 2:
        raise Untested("fewer than two replicates give no interval")
    at_64 = int(np.flatnonzero(averages.counts == 64)[0])
    ratios = {arm: e[:, at_64] / e[:, 0] for arm, e in averages.errors.items()}
    right, stochastic, wrong = "RTN, signs before", "SR, signs before", "RTN, signs after"
    found, none = (fit_decay(averages.counts, averages.errors[a]).bias for a in (right, stochastic))
    predicted = float(averages.bias.mean())
    return Measured(
        t_interval(ratios[right]),
        {
            "signs after, two draws identical": averages.identical[wrong],
            "signs before, draws differ": not averages.identical[right],
            "signs after, ratio": _identity(ratios[wrong]),
            "SR, 64 times the ratio": t_interval(64 * ratios[stochastic]),
            "b^2 of RTN contains the prediction": found.low <= predicted <= found.high,
            "it is narrower than the prediction": found.high - found.low < predicted,
            "b^2 of SR contains 0": none.low <= 0 <= none.high,
            "it is narrower than the prediction of RTN": none.high - none.low < predicted,
        },
        f"b^2 predicted {predicted:.2e}, fitted [{found.low:.2e}, {found.high:.2e}]; "
        f"of SR [{none.low:.1e}, {none.high:.1e}]",
    )


@verdicts.claim(
    "C4",
    "With the signs on the right side, RTN's gap stops growing with the number of tokens.",
    of=PAPER,
    paper="version 4 withdraws the advantage of SR on long runs (footnote 2)",
    unit="nats per doubling",
    needs=("reruns",),
    region=above(0, must_hold=True),
    criterion="slope of RTN's gap per doubling, signs after minus signs before: {} with p < 0.01; "
    "slope after above 0 with p < 0.01; SR - RTN, signs before, above 0 with p < 0.01; it does "
    "not hold if the interval of the slope before excludes 0",
    parts={
        "p of the difference": below(0.01),
        "slope, signs after": above(0),
        "its p": below(0.01),
        "SR - RTN, signs before": above(0),
        "p of SR - RTN": below(0.01),
    },
)
def reruns(found):
    before = found.before
    refuted = not before.low <= 0 <= before.high
    return Measured(
        found.difference,
        {
            "p of the difference": p_value(found.difference.p),
            "slope, signs after": found.after,
            "its p": p_value(found.after.p),
            "SR - RTN, signs before": found.sr_minus_rtn,
            "p of SR - RTN": p_value(found.sr_minus_rtn.p),
        },
        f"slope before {measured_text(before)}; one training seed per run",
        refuted="the interval of the slope before excludes 0" if refuted else "",
    )


@verdicts.claim(
    "C5",
    "The authors' losses give back the law of Table 6 and its efficiencies.",
    of=PAPER,
    paper="six constants (Table 6); notebook: eff_N 0.648, eff_D 0.892",
    unit="% off, worst parameter",
    needs=("refit",),
    region=below(1, must_hold=True),
    criterion="the six parameters within 1 % of Table 6 (constants as logarithms); eff_N of QuEST "
    "0.648 +- 0.003, eff_D of SR 0.892 +- 0.003; Huber cost of the full law below 0.4 of that "
    "with gamma = 1",
    parts={
        "eff_N of QuEST": within(0.648, 0.003, "0.648 +- 0.003"),
        "eff_D of SR": within(0.892, 0.003, "0.892 +- 0.003"),
        "cost, full over gamma = 1": below(0.4),
    },
)
def law(refit):
    off = deviations(refit)
    nested = nested_test(refit)
    shown = ("eff_N QuEST", "eff_D SR", "eff_D RTN, broken signs", "alpha", "gamma")
    note = "over resampled runs: "
    note += ", ".join(f"{name} {measured_text(refit.interval(name))}" for name in shown)
    note += f"; gamma = 1 rejected with F = {nested.estimate:.0f}, p = {nested.p:.0e}"
    note += "; QuEST with SR fitted jointly on all its runs: ({:.3f}, {:.3f})".format(*refit.joint)
    if refit.n_lost:
        note += f"; {refit.n_lost} resamples had too few distinct runs"
    return Measured(
        exact(off.max(), refit.n_base),
        {
            "eff_N of QuEST": exact(refit.efficiency["eff_N QuEST"]),
            "eff_D of SR": exact(refit.efficiency["eff_D SR"]),
            "cost, full over gamma = 1": exact(refit.costs["full"] / refit.costs["gamma = 1"]),
        },
        note,
    )


@verdicts.claim(
    "C6",
    "If four bits double the speed, they are optimal for both passes once there are enough tokens "
    "per parameter.",
    of=PAPER,
    paper="Figure 1b",
    unit="tokens per parameter",
    needs=("refit", "bops", "measured"),
    region=between(80, 175),
    criterion="BOPS speeds: FP8:FP4 gives way to FP4:FP4 {} tokens per parameter at 1e8, 1e9, and "
    "1e11 parameters, 95 % intervals over resampled runs, at a ratio that grows with the size; "
    "FP8:FP8 is best nowhere",
    parts={
        "at 1e8 parameters": between(80, 175),
        "at 1e11": between(80, 175),
        "grows with the size": YES,
        "share of the map where FP8:FP8 is best": below(0, "0", closed=True),
    },
)
def optimal(refit, bops, measured, n=25):
    sizes = np.geomspace(*SIZE_LIMITS, n)
    where = np.array([crossover(refit.law, N, Speed(), quality_of(refit)) for N in sizes])
    if not np.isfinite(where).all():
        raise Open("no crossover found")
    small, middle, large = (
        _resampled_crossover(refit, N) for N in (SIZE_LIMITS[0], 1e9, SIZE_LIMITS[1])
    )
    return Measured(
        middle,
        {
            "at 1e8 parameters": small,
            "at 1e11": large,
            "grows with the size": (np.diff(where) > 0).all(),
            "share of the map where FP8:FP8 is best": exact(bops.share("FP8:FP8")),
        },
        "shown at 1e9 parameters, over resampled runs; with the authors' RTX 5090 block "
        f"timings FP8:FP8 is best on {100 * measured.share('FP8:FP8'):.0f} % of the map",
    )


_DEPTH = (
    "cosine of RTN minus cosine of SR, least over depths of one block or more: 95 % interval {{}}, "
    "p < 0.01 after Holm at every depth; misalignment of SR below 0.02 in size everywhere; that "
    "of RTN grows with depth (slope above 0, 95 % interval; Spearman of its means above 0.9) and "
    "exceeds {}; QuEST's more than twice RTN's"
)


@verdicts.claim(
    "C7",
    "Deep in a network SR keeps the length of gradients, RTN their direction; QuEST shrinks them.",
    of=PAPER,
    paper="Figure 2a and 2b",
    unit="cosine",
    needs=("depth",),
    region={
        "toy": above(0, _DEPTH.format("0.02 four blocks down")),
        **dict.fromkeys(FROM_BOOK, above(0, _DEPTH.format("0.03 six blocks down"))),
    },
    parts={
        "p after Holm, worst depth": below(0.01),
        "largest misalignment of SR": below(0.02),
        "RTN's, slope per block": above(0),
        "RTN's, deepest": {"toy": above(0.02), **dict.fromkeys(FROM_BOOK, above(0.03))},
        "QuEST's over RTN's, deepest": above(2),
    },
)
def depth(measured):
    cosine, shift = measured.cosine, measured.misalignment
    if len(cosine["RTN"]) < 2:
        raise Untested("fewer than two batches give no interval")
    depths = range(1, cosine["RTN"].shape[1])
    gains = [paired(cosine["RTN"][:, d], cosine["SR"][:, d]) for d in depths]
    means = {arm: values.mean(0) for arm, values in shift.items()}
    rank = spearmanr(range(len(means["RTN"])), means["RTN"]).statistic
    sizes = [t_interval(np.sign(means["SR"][d]) * shift["SR"][:, d]) for d in depths]
    steps = np.arange(shift["RTN"].shape[1]) - (shift["RTN"].shape[1] - 1) / 2
    slopes = shift["RTN"] @ steps / (steps @ steps)
    grows = rank > MONOTONE
    return Measured(
        min(gains, key=lambda gain: gain.low),
        {
            "p after Holm, worst depth": p_value(holm([gain.p for gain in gains]).max()),
            "largest misalignment of SR": max(sizes, key=lambda size: size.high),
            "RTN's, slope per block": t_interval(slopes),
            "RTN's, deepest": t_interval(shift["RTN"][:, -1]),
            "QuEST's over RTN's, deepest": t_interval(shift["QuEST"][:, -1] / shift["RTN"][:, -1]),
        },
        f"Spearman of RTN's misalignment and depth {rank:.2f}",
        doubt="" if grows else "RTN's misalignment does not grow at every block",
    )


@verdicts.claim(
    "C8",
    "In a whole network, too, averaging helps SR like 1/K and RTN with misplaced signs not at all.",
    of=OURS,
    paper="not in the paper; style of Quartet II's figure",
    unit="slope",
    needs=("averages",),
    region=between(-1.1, -0.9),
    criterion="slope of SR's log error on log K {}; RTN with signs after: error at the largest K "
    "over error at K = 1 above 0.95",
    parts={"RTN with signs after, K = {} over K = 1": above(0.95)},
)
def model_averages(averages):
    slopes = log_slope(averages.counts, averages.errors["SR, signs before"])
    if slopes.size < 2:
        raise Untested("fewer than two batches give no interval")
    ends = {arm: e[:, -1] / e[:, 0] for arm, e in averages.errors.items()}
    stuck = f"RTN with signs after, K = {averages.counts[-1]} over K = 1"
    return Measured(
        t_interval(slopes),
        {stuck: _identity(ends["RTN, signs after"])},
        f"with signs before {measured_text(t_interval(ends['RTN, signs before']))}",
    )


@verdicts.claim(
    "C9",
    "Forward, SR costs more than RTN; Quartet ends below naive four-bit training.",
    of=PAPER,
    paper="gaps .124-.211 (SR), .064-.126 (RTN) (released runs, 30M); Table 3",
    unit="nats",
    needs=("trained",),
    scales=FROM_BOOK,
    elsewhere=SHOWN,
    region=above(0),
    criterion="gap of SR minus gap of RTN, paired over seeds: 95 % interval {}; naive four-bit "
    "training minus Quartet: 95 % interval above 0",
    parts={"naive - Quartet": above(0)},
)
def forward(trained):
    gap = _gaps(trained, "SR:none", "RTN:none", "QuEST:none", "QuEST:RTN", "naive")
    difference = paired(gap["SR:none"], gap["RTN:none"])
    naive = paired(gap["naive"], gap["QuEST:RTN"])
    quest = paired(gap["SR:none"], gap["QuEST:none"])
    adjusted = holm([difference.p, quest.p, naive.p])
    return Measured(
        difference,
        {"naive - Quartet": naive},
        f"gaps: {_told(gap)}; p after Holm: SR - RTN {adjusted[0]:.3f}, SR - QuEST "
        f"{adjusted[1]:.3f}, naive - Quartet {adjusted[2]:.1e}",
    )


@verdicts.claim(
    "C10",
    "Quantizing the backward pass costs less than half of quantizing the forward pass.",
    of=OURS,
    paper="gaps .005-.012 (RTN backward), .066-.102 (QuEST forward) (released runs, 30M)",
    unit="nats",
    needs=("trained",),
    scales=FROM_BOOK,
    elsewhere=SHOWN,
    region=above(0),
    criterion="half the gap of QuEST forward minus the gap of RTN backward, paired over seeds: 95 "
    "% interval {}",
)
def backward(trained):
    gap = _gaps(trained, "QuEST:none", "none:RTN", "none:SR", "QuEST:RTN", "QuEST:SR")
    difference = paired(gap["none:SR"], gap["none:RTN"])
    p = ttost_paired(gap["none:SR"], gap["none:RTN"], -MARGIN, MARGIN)[0]
    return Measured(
        t_interval(0.5 * gap["QuEST:none"] - gap["none:RTN"]),
        note=f"gaps: {_told(gap)}; SR - RTN backward {measured_text(difference)}, reported and not "
        f"claimed (equivalent within {MARGIN} nats: p = {p:.2f})",
    )


# --------------------------------------------------------------------------- what they share
def deviations(refit) -> np.ndarray:
    """Percent that each parameter differs from Table 6, constants as logarithms: (6,)."""
    printed = np.array([TABLE_6[name] for name in PARAMETERS])
    return 100 * np.abs(refit.law.theta / printed - 1)


def _identity(ratios: np.ndarray) -> Interval:
    """The ratio farthest from 1 where every draw is the same draw: rounding, and no sampling."""
    return exact(ratios[np.abs(ratios - 1).argmax()], ratios.size)


def _resampled_crossover(refit, N: float) -> Interval:
    """Crossover at N with law and efficiencies of every bootstrap refit."""
    thetas = np.stack([refit.boot[name] for name in PARAMETERS], axis=1)
    draws = [
        crossover(Law(theta, 0.0), N, Speed(), Quality(eff_n, eff_d))
        for theta, eff_n, eff_d in zip(
            thetas, refit.boot["eff_N QuEST"], refit.boot["eff_D SR"], strict=True
        )
        if np.isfinite(theta).all()
    ]
    here = crossover(refit.law, N, Speed(), quality_of(refit))
    # a refit without a crossover leaves the interval open on both sides of it: count it as far away
    far = np.where(np.isfinite(draws), draws, np.inf)
    if far.size < 10:
        return Interval(here)
    low, high = np.quantile(far, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(here, float(low), float(high), None, far.size)


def _gaps(trained, *names: str) -> dict[str, np.ndarray]:
    """Loss gaps against the unquantized runs, by recipe; raises where they cannot be compared."""
    every = ("none:none", *names)
    if lacking := [name for name in every if name not in trained.final]:
        raise Untested(f"not trained in this run: {', '.join(lacking)}")
    if len(trained.plan.seeds) < 3:
        raise Untested(f"{len(trained.plan.seeds)} seed gives no interval: shown, not tested")
    if lost := int(sum((~np.isfinite(trained.final[name])).sum() for name in every)):
        raise Open(f"{lost} of the runs diverged, so no paired interval")
    return {name: trained.gap(name) for name in names}


def _told(gaps: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {measured_text(t_interval(gap))}" for name, gap in gaps.items())


# --------------------------------------------------------------------------- the record
def series(results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    found: dict[str, object] = {
        "table": {
            name: [float(simulated.mse.mean()), float(simulated.misalignment.mean())]
            for name, simulated in results.table.items()
        },
        "products": {
            "counts": results.products.counts,
            "errors": {arm: rounded(e) for arm, e in results.products.errors.items()},
        },
        "averages": {
            "counts": results.averages.counts,
            "errors": {arm: rounded(e) for arm, e in results.averages.errors.items()},
        },
        "depth": {
            arm: {
                "cosine": rounded(results.depth.cosine[arm].mean(0)),
                "misalignment": rounded(results.depth.misalignment[arm].mean(0)),
            }
            for arm in results.depth.cosine
        },
        "final": {name: rounded(values) for name, values in results.trained.final.items()},
    }
    if not isinstance(results.refit, Missing):
        names = (*PARAMETERS, *results.refit.efficiency)
        found["refit"] = {name: list(results.refit.interval(name)[:3]) for name in names}
    return found


def rounded(values: np.ndarray, digits: int = 6) -> list:
    """Nested lists of `digits` significant digits; what is not finite stays so."""
    return [
        rounded(row, digits) if np.ndim(row) else float(f"{float(row):.{digits}g}")
        for row in values
    ]
