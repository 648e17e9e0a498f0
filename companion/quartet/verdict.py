"""What Quartet claims, and what a run says of it, and the series of the record.

C1, C4 to C7, C9, and C11 to C14 are the paper's; C2, C3, C8, C10, C15, and C16 ours.

Every measurement takes results of the notebook by name: ``table`` (scheme -> simulation),
``optimum``, ``means`` and ``scans`` of the scale rules, ``products``, ``reruns`` (regression of
the authors' re-runs), ``refit``, ``leads`` (the models that the paper marks), ``measured`` (the
map with the authors' timings), ``earlier`` recipes, ``depth`` and ``averages`` of gradients,
``ladder`` and ``rates`` of our own training.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr
from statsmodels.stats.weightstats import ttost_paired

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.data import Missing
from companion.quartet.lab.released import nested_test, resampled_crossover
from companion.quartet.lab.rounding import fit_decay, log_slope
from companion.quartet.lab.training import (
    efficiency,
    log_shares,
    monotone_efficiency,
    ratio_of_logs,
)
from companion.quartet.method.law import PARAMETERS, SIZE_LIMITS
from companion.quartet.method.linear import BASELINE, QUARTET
from companion.quartet.sources import TABLE_2, TABLE_6
from companion.stats import Interval, exact, holm, over_seeds, p_value, paired, t_interval
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

CLOSE = (0.8, 1.25)
"""Ratio to a printed efficiency within which ours agrees with it."""

POWERS_OF_TWO = {"down": "QuEST", "to nearest": "QuEST nearest", "up": "QuEST ceil"}
"""Ways to round the scale that the format can hold, and what the quantizer is then called."""

SHOWN = "shown at toy scale, tested at book scale"

EFF_N = dict(zip(TABLE_2["scheme"], TABLE_2["eff_n"], strict=True))
EFF_D = dict(zip(TABLE_2["scheme"], TABLE_2["eff_d"], strict=True))

verdicts = Verdicts()


@verdicts.claim(
    "C1",
    "On Gaussian data stochastic rounding has twice the error of rounding to nearest, and no "
    "shrinkage.",
    of=PAPER,
    on=PAPER,
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
    on=MODEL,
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
    "RTN, signs before: error at K = 64 over error at K = 1 {}; signs after: two draws equal in "
    "every element and ratio 1; SR: ratio between 0.8/64 and 1.25/64"
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
    "RTN's gap grew with the number of tokens because of misplaced signs; with the signs right its "
    "slope is small, and the gap is below SR's.",
    of=PAPER,
    paper="version 4 withdraws the advantage of SR on long runs (footnote 2)",
    unit="nats per doubling",
    needs=("reruns",),
    region=above(0),
    criterion="slope of RTN's gap per doubling, signs after minus signs before, minus the same of "
    "SR, which has no part in the bug: {}; slope of RTN with signs after above 0; small: half of "
    "RTN's slope with signs after minus its slope with signs before above 0, and above 0 minus the "
    "same of SR; RTN's gap falls more than SR's, above 0; SR - RTN, signs before, above 0",
    parts={
        "RTN's slope, signs after": above(0),
        "half of it minus RTN's slope, signs before": above(0),
        "that beyond SR's": above(0),
        "fall of RTN's gap beyond SR's": above(0),
        "SR - RTN, signs before": above(0),
    },
)
def reruns(found):
    return Measured(
        found.beyond_placebo,
        {
            "RTN's slope, signs after": found.slopes["RTN, signs after"],
            "half of it minus RTN's slope, signs before": found.small,
            "that beyond SR's": found.small_beyond_placebo,
            "fall of RTN's gap beyond SR's": found.level,
            "SR - RTN, signs before": found.sr_minus_rtn,
        },
        f"p = {found.beyond_placebo.p:.2f}; change of slope {measured_text(found.rtn)} (RTN), "
        f"{measured_text(found.sr)} (SR, the placebo); slope of RTN with signs before "
        f"{measured_text(found.slopes['RTN, signs before'])}, of SR "
        f"{measured_text(found.slopes['SR, signs before'])}; SR - RTN changes by "
        f"{measured_text(found.its_slope)} per doubling, p = {found.its_slope.p:.2f}; one training "
        "seed per run",
    )


@verdicts.claim(
    "C5",
    "The authors' losses give back the law of Table 6, and eff_N of QuEST and eff_D of SR as their "
    "notebook has them.",
    of=PAPER,
    paper="six constants (Table 6); notebook: eff_N 0.648, eff_D 0.892",
    unit="% off, worst parameter",
    needs=("refit",),
    region=below(1, must_hold=True),
    criterion="the six parameters within 1 % of Table 6 (constants as logarithms); eff_N of QuEST "
    "0.648 +- 0.003, eff_D of SR 0.892 +- 0.003; Huber cost of the full law below 0.4 of that "
    "with gamma = 1; the efficiencies that Table 2 prints are listed and not judged",
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
    unjudged = (
        *((f"eff_N {name}", EFF_N[name]) for name in ("SR", "RTN")),
        ("eff_D QuEST, broken signs", EFF_D["QuEST"]),
    )
    note += "; not judged: " + ", ".join(
        f"{name} {measured_text(refit.interval(name))} against {printed} in Table 2"
        for name, printed in unjudged
    )
    note += "; QuEST with SR fitted jointly on all its runs: ({:.3f}, {:.3f})".format(*refit.joint)
    held = refit.held_out
    note += "; the law without 430M and 800M has E = {:.3f} and predicts {}".format(
        np.exp(held.law.theta[4]),
        " and ".join(
            f"{p:.4f} (measured {loss:.4f})"
            for p, loss in zip(held.predicted, held.loss, strict=True)
        ),
    )
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
    "If four bits double the speed, they are optimal for both passes at the budgets of today's "
    "models.",
    of=PAPER,
    paper="Figure 1b, with six marked models of 1 to 72 billion parameters",
    unit="times",
    needs=("refit", "leads", "measured"),
    region=above(1),
    criterion="BOPS speeds, version 4's QuEST forward and RTN backward: tokens per parameter of "
    "a marked model over those from which FP4:FP4 is best at its size, least of six: 95 % interval "
    "over resampled runs {}; so with eff_N and eff_D as Table 3 prints them; not resolved if the "
    "law fitted without the runs of 430M and 800M gives another answer",
    parts={"with Table 3's efficiencies": above(1)},
)
def optimal(refit, leads, measured):
    held = refit.held_out
    missed = ", ".join(
        f"{(p - loss):+.3f} at {n / 1e6:.0f}M"
        for n, loss, p in zip(held.n, held.loss, held.predicted, strict=True)
    )
    where = ", ".join(
        f"{measured_text(resampled_crossover(refit, n))} at {n:.0e}"
        for n in (SIZE_LIMITS[0], 1e9, SIZE_LIMITS[1])
    )
    agrees = (leads.held_out > 1) == (leads.all_runs.estimate > 1)
    return Measured(
        leads.all_runs,
        {"with Table 3's efficiencies": leads.printed},
        f"FP4:FP4 wins from {where} parameters, in tokens per parameter; without the runs of "
        f"430M and 800M the law misses them by {missed} nats, and the least lead is "
        f"{leads.held_out:.2f} (gamma = 1: {leads.gamma_1:.0f}); with the authors' RTX 5090 block "
        f"timings FP8:FP8 is best on {100 * measured.share('FP8:FP8'):.0f} % of the map",
        doubt="" if agrees else "the law without the two largest runs says the opposite",
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
    "Forward, stochastic rounding costs more than rounding to nearest and than QuEST.",
    of=PAPER,
    paper="gaps .124-.211 (SR), .064-.126 (RTN), .066-.102 (QuEST) (released runs, 30M)",
    unit="nats",
    needs=("ladder",),
    scales=FROM_BOOK,
    elsewhere=SHOWN,
    region=above(0),
    criterion="gap of SR minus gap of RTN, paired over seeds: 95 % interval {}; gap of SR minus "
    "gap of QuEST: 95 % interval above 0",
    parts={"SR - QuEST": above(0)},
)
def forward(ladder):
    gap = _gaps(ladder, "SR:none", "RTN:none", "QuEST:none")
    return Measured(
        paired(gap["SR:none"], gap["RTN:none"]),
        {"SR - QuEST": paired(gap["SR:none"], gap["QuEST:none"])},
        f"gaps: {_told(gap)}",
    )


@verdicts.claim(
    "C10",
    "Rounding to nearest in the backward pass costs less than half of QuEST in the forward pass.",
    of=OURS,
    paper="gaps .005-.012 (RTN backward), .066-.102 (QuEST forward) (released runs, 30M)",
    unit="nats",
    needs=("ladder",),
    scales=FROM_BOOK,
    elsewhere=SHOWN,
    region=above(0),
    criterion="half the gap of QuEST forward minus the gap of RTN backward, paired over seeds: 95 "
    "% interval {}",
)
def backward(ladder):
    gap = _gaps(ladder, "QuEST:none", "none:RTN", "none:SR", "none:QuEST")
    difference = paired(gap["none:SR"], gap["none:RTN"])
    p = ttost_paired(gap["none:SR"], gap["none:RTN"], -MARGIN, MARGIN)[0]
    return Measured(
        over_seeds(0.5 * gap["QuEST:none"] - gap["none:RTN"]),
        note=f"gaps: {_told(gap)}; SR - RTN backward {measured_text(difference)}, reported and not "
        f"claimed (equivalent within {MARGIN} nats: p = {p:.2f})",
    )


@verdicts.claim(
    "C11",
    "On Gaussian data QuEST has the least error of the three quantizers.",
    of=PAPER,
    on=PAPER,
    paper="MSE 1.32e-2 (QuEST), 1.37e-2 (RTN), 2.77e-2 (SR) (Table 2); how the scale is rounded is "
    "not stated",
    unit="ratio",
    needs=("table",),
    region=below(1),
    criterion="MSE of QuEST over MSE of RTN {}, by every rule that gives a power of two (down, as "
    "the released code, nearest, up): the estimate is the released code's, the interval goes from "
    "the least end of the three 95 % intervals to the largest",
)
def quest_error(table):
    by_rule = {rule: _over(table, name) for rule, name in POWERS_OF_TWO.items()}
    low, high = (pick(end) for pick, end in zip((min, max), _ends(by_rule.values()), strict=True))
    return Measured(
        by_rule["down"]._replace(low=low, high=high, p=None),
        note=f"scale rounded {_listed(by_rule)}; not rounded, which the format cannot hold, "
        f"{measured_text(_over(table, 'QuEST fp32 scale'))}",
    )


def _ends(intervals) -> tuple[list[float], list[float]]:
    """All lower ends, all upper ends."""
    pairs = [(one.low, one.high) for one in intervals]
    return [low for low, _ in pairs], [high for _, high in pairs]


def _over(table, name: str) -> Interval:
    return t_interval(table[name].mse / table["RTN"].mse)


@verdicts.claim(
    "C12",
    "Quantizing the forward pass acts like keeping 0.42 (SR), 0.59 (RTN) or 0.64 (QuEST) of the "
    "parameters, in our small models, too.",
    of=PAPER,
    paper="eff_N 0.42, 0.59, 0.64 (Table 2), fitted at 30M to 200M and printed without intervals; "
    "those of their released losses, resampled, are taken",
    unit="of the paper's",
    needs=("ladder", "refit"),
    scales=FROM_BOOK,
    elsewhere=SHOWN,
    region=between(*CLOSE),
    criterion="eff_N of RTN over the paper's {}; so SR's and QuEST's; eff_N of QuEST over that of "
    "RTN above 1; 95 % intervals over our seeds and, in the ratios to the paper's, over resampled "
    "runs of the authors, too; not resolved if shares read from a monotone curve through every "
    "rung of the ladder, instead of a parabola, lie elsewhere",
    parts={
        "SR over the paper's": between(*CLOSE),
        "QuEST over the paper's": between(*CLOSE),
        "QuEST over RTN": above(1),
    },
)
def parameters_kept(ladder, refit):
    _check(ladder, "SR:none", "RTN:none", "QuEST:none")
    logs = {name: log_shares(ladder, f"{name}:none", "N") for name in EFF_N}
    ours = {name: over_seeds(values) for name, values in logs.items()}
    theirs = {
        name: _printed(value, refit.interval(f"eff_N {name}")) for name, value in EFF_N.items()
    }
    beside = {name: _difference(ours[name], theirs[name]).map(np.exp) for name in EFF_N}
    by_curve = {name: monotone_efficiency(ladder, f"{name}:none", "N") for name in EFF_N}
    low, high = CLOSE
    agrees = all(low <= one.estimate / EFF_N[name] <= high for name, one in by_curve.items()) and (
        by_curve["QuEST"].estimate > by_curve["RTN"].estimate
    )
    return Measured(
        beside["RTN"],
        {
            "SR over the paper's": beside["SR"],
            "QuEST over the paper's": beside["QuEST"],
            "QuEST over RTN": ratio_of_logs(logs["QuEST"] - logs["RTN"]),
        },
        f"eff_N: ours {_listed({name: one.map(np.exp) for name, one in ours.items()})}; "
        f"the paper's {_listed({name: one.map(np.exp) for name, one in theirs.items()})}; "
        f"ours by a monotone curve through every rung {_listed(by_curve)}",
        doubt="" if agrees else "a monotone curve through every rung says otherwise",
    )


def _printed(value: float, refitted: Interval) -> Interval:
    """log of a printed efficiency, with the interval of its refit moved there."""
    if not refitted.has_interval:
        return Interval(float(np.log(value)))
    return refitted.map(lambda v: np.log(v * value / refitted.estimate))


def _difference(a: Interval, b: Interval) -> Interval:
    """a - b of independent estimates, by recovering their variances from both ends of both.

    Zou and Donner, Statistics in Medicine 27, 1693 (2008).
    """
    value = a.estimate - b.estimate
    if not (a.has_interval and b.has_interval):
        return Interval(value, n=a.n)
    low = value - np.hypot(a.estimate - a.low, b.high - b.estimate)
    high = value + np.hypot(a.high - a.estimate, b.estimate - b.low)
    return Interval(value, float(low), float(high), None, a.n)


@verdicts.claim(
    "C13",
    "Backward, rounding to nearest keeps more of the data than stochastic rounding and than QuEST.",
    of=PAPER,
    paper="eff_D 0.93 (RTN), 0.88 (SR), 0.83 (QuEST) (Table 2)",
    unit="ratio",
    needs=("ladder",),
    scales=FROM_BOOK,
    elsewhere=SHOWN,
    region=above(1),
    criterion="eff_D of RTN over that of SR: 95 % interval over seeds {}; so that of RTN over that "
    "of QuEST, above 1; not resolved if shares read from a monotone curve through every rung have "
    "another order",
    parts={"RTN over QuEST": above(1)},
)
def data_kept(ladder):
    _check(ladder, "none:SR", "none:RTN", "none:QuEST")
    logs = {name: log_shares(ladder, f"none:{name}", "D") for name in EFF_D}
    by_curve = {name: monotone_efficiency(ladder, f"none:{name}", "D") for name in EFF_D}
    most = by_curve["RTN"].estimate
    agrees = most > by_curve["SR"].estimate and most > by_curve["QuEST"].estimate
    return Measured(
        ratio_of_logs(logs["RTN"] - logs["SR"]),
        {"RTN over QuEST": ratio_of_logs(logs["RTN"] - logs["QuEST"])},
        f"eff_D: {_listed({name: ratio_of_logs(values) for name, values in logs.items()})}; "
        f"by a monotone curve through every rung {_listed(by_curve)}",
        doubt="" if agrees else "a monotone curve through every rung says otherwise",
    )


@verdicts.claim(
    "C14",
    "At 30M Quartet ends below earlier four-bit recipes, of which one has no loss at most lengths.",
    of=PAPER,
    on=PAPER,
    paper="Table 3, 30M, 25 to 400 tokens per parameter, one seed each",
    unit="nats",
    needs=("earlier",),
    region=above(0),
    criterion="printed losses minus Quartet's, over the five lengths: LUQ-INT4, the best of those "
    "that always end, 95 % interval {}; so LUQ-FP4, Jetfire and HALO; LSS-INT4 gives no number for "
    "more than 2 of 5 lengths",
    parts={
        "LUQ-FP4 - Quartet": above(0),
        "Jetfire-FP4 - Quartet": above(0),
        "HALO-FP4 - Quartet": above(0),
        "lengths without a number for LSS-INT4": above(2),
    },
)
def earlier_recipes(earlier):
    names = ("LUQ-FP4", "Jetfire-FP4", "HALO-FP4")
    return Measured(
        earlier.above["LUQ-INT4"],
        {
            **{f"{name} - Quartet": earlier.above[name] for name in names},
            "lengths without a number for LSS-INT4": exact(earlier.diverged["LSS-INT4"]),
        },
        "printed numbers, one seed per run, compared and not run again; the recipes are ports by "
        f"the authors; LSS-INT4 is {earlier.above['LSS-INT4'].estimate:.2f} above where it has a "
        "number",
    )


@verdicts.claim(
    "C15",
    "Quartet ends below plain MXFP4, which has neither rotation nor the factor 3/4.",
    of=OURS,
    paper="not in the paper, whose baselines are other recipes",
    unit="nats",
    needs=("ladder",),
    scales=FROM_BOOK,
    elsewhere=SHOWN,
    region=above(0),
    criterion="gap of plain MXFP4 minus gap of Quartet, paired over seeds: 95 % interval {}",
)
def plain(ladder):
    names = (QUARTET, "plain MXFP4", "plain MXFP4, 3/4", "no rotation", "no mask")
    gap = _gaps(ladder, *names)
    apart = {name: paired(gap[name], gap[QUARTET]) for name in names[1:]}
    adjusted = dict(zip(apart, holm([one.p for one in apart.values()]), strict=True))
    told = ", ".join(
        f"{name} {measured_text(apart[name])} (p after Holm {adjusted[name]:.2g})"
        for name in names[2:]
    )
    return Measured(apart["plain MXFP4"], note=f"gaps: {_told(gap)}; above Quartet: {told}")


@verdicts.claim(
    "C16",
    "Half or twice the learning rate would change no gap by 0.03 nats.",
    of=OURS,
    paper="one learning rate per size for all recipes (Table 4)",
    unit="nats",
    needs=("rates",),
    scales=FROM_BOOK,
    elsewhere=SHOWN,
    region=size_below(0.03),
    criterion="what a recipe gains from another rate, beyond what the unquantized run gains, "
    "paired over seeds, the widest of all: 95 % interval {}",
)
def learning_rates(rates):
    names = [name for name in rates.final if name != BASELINE]
    if not names or len(rates.rates) < 2:
        raise Untested("one learning rate, or no recipe: nothing to compare")
    here = len(rates.rates) // 2
    found = {
        f"{name} at {lr:g}": over_seeds(rates.gained(name)[i])
        for name in names
        for i, lr in enumerate(rates.rates)
        if i != here
    }
    ends = {key: max(abs(one.low), abs(one.high)) for key, one in found.items()}
    widest = max(found, key=ends.get)
    base = rates.final[BASELINE].mean(1)
    losses = ", ".join(f"{loss:.3f} at {lr:g}" for lr, loss in zip(rates.rates, base, strict=True))
    return Measured(found[widest], note=f"shown: {widest}; {_listed(found)}; unquantized: {losses}")


# --------------------------------------------------------------------------- what they share
def deviations(refit) -> np.ndarray:
    """Percent that each parameter differs from Table 6, constants as logarithms: (6,)."""
    printed = np.array([TABLE_6[name] for name in PARAMETERS])
    return 100 * np.abs(refit.law.theta / printed - 1)


def _identity(ratios: np.ndarray) -> Interval:
    """The ratio farthest from 1 where every draw is the same draw: rounding, and no sampling."""
    return exact(ratios[np.abs(ratios - 1).argmax()], ratios.size)


def _check(ladder, *names: str) -> None:
    """Raise where recipes cannot be compared over seeds."""
    every = (BASELINE, *names)
    if lacking := [name for name in every if name not in ladder.final]:
        raise Untested(f"not trained in this run: {', '.join(lacking)}")
    if len(ladder.seeds) < 3:
        raise Untested(f"{len(ladder.seeds)} seeds give no interval: shown, not tested")
    if lost := int(sum((~np.isfinite(ladder.final[name])).sum() for name in every)):
        raise Open(f"{lost} of the runs diverged, so no paired interval")


def _gaps(ladder, *names: str) -> dict[str, np.ndarray]:
    """Loss gaps against the unquantized runs, by recipe."""
    _check(ladder, *names)
    return {name: ladder.gap(name) for name in names}


def _told(gaps: dict[str, np.ndarray]) -> str:
    return _listed({name: over_seeds(gap) for name, gap in gaps.items()})


def _listed(intervals: dict[str, Interval]) -> str:
    return ", ".join(f"{name} {measured_text(one)}" for name, one in intervals.items())


# --------------------------------------------------------------------------- the record
def series(results) -> dict[str, object]:
    """What the first figure and the first sentences need."""
    ladder = results.ladder
    found: dict[str, object] = {
        "sizes": {
            "n": ladder.sizes.tolist(),
            "loss": rounded(ladder.by_size.mean(1)),
        },
        "recipes": columns(
            (name, float(losses.mean()), over_seeds(ladder.gap(name)))
            for name, losses in ladder.final.items()
            if name != BASELINE
        ),
        "shares": shares(ladder),
        "n": ladder.n,
    }
    if not isinstance(results.refit, Missing):
        names = (*PARAMETERS, *results.refit.efficiency)
        found["refit"] = {name: list(results.refit.interval(name)[:3]) for name in names}
    return found


def columns(rows) -> dict[str, list]:
    """(recipe, loss, gap) as a table of the record."""
    table = {name: [] for name in ("recipe", "loss", "gap", "gap_low", "gap_high")}
    for name, loss, gap in rows:
        for column, value in zip(table, (name, loss, *gap[:3]), strict=True):
            table[column].append(value if isinstance(value, str) else rounded([value])[0])
    return table


def shares(ladder) -> dict[str, list]:
    """eff_N of the forward schemes and eff_D of the backward ones, beside Table 2."""
    table = {name: [] for name in ("scheme", "of", "ours", "ours_low", "ours_high", "paper")}
    for of, recipe, printed in (("N", "{}:none", EFF_N), ("D", "none:{}", EFF_D)):
        for scheme, value in printed.items():
            if recipe.format(scheme) not in ladder.final:
                continue
            found = efficiency(ladder, recipe.format(scheme), of)
            row = (scheme, of, *rounded(found[:3]), value)
            for column, entry in zip(table, row, strict=True):
                table[column].append(entry)
    return table


def rounded(values, digits: int = 6) -> list:
    """Nested lists of `digits` significant digits; what is not finite stays so."""
    return [
        rounded(row, digits) if np.ndim(row) else float(f"{float(row):.{digits}g}")
        for row in values
    ]
