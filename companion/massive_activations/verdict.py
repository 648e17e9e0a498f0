"""What the paper claims, and what a run says of it; six checks of our own.

C1 to C4, C10, C11, C12, and C13 are the paper's; C0, C5, C6, C7, C9, and C14 ours.

Every measurement takes results of the notebook by name: ``untrained`` models, ``rows`` (the
authors' measurements), ``fits`` of every curve to every layer, ``true_fits`` (where eq. 9 is the
truth), ``levels`` (predicted from architecture), ``refits`` of known curves, ``leakage`` and
``by_regressor`` (where architecture says nothing), ``real`` (a pretrained model).

The excerpt holds one to three of ten sequences, five to seven checkpoints, and one run of each
model.  Intervals over texts take the noise that the paper prints; counts of layers have intervals
as if layers were drawn; neither speaks about other seeds of the same model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.data import Missing
from companion.massive_activations.lab.predict import LEVEL, NEIGHBORS, PLATEAU, XGBOOST
from companion.massive_activations.lab.rivals import (
    AS_PRINTED,
    FAIR,
    LAST_VALUE,
    STEPS_WITH_OFFSET,
    Race,
)
from companion.massive_activations.lab.series import (
    MODEL as SMALLEST,
)
from companion.massive_activations.lab.series import (
    NEAR,
    furthest,
    late_changes,
    layer_profile,
    log_changes,
    over_texts,
    parabola,
    ratio_series,
    relative_noise,
    share_that_falls,
)
from companion.massive_activations.method.theory import hidden_state_ratio
from companion.massive_activations.sources import TABLE_3, architecture, models, steps
from companion.scale import generator
from companion.stats import Interval, bootstrap, exact, over_seeds, proportion
from companion.verdicts import FROM_BOOK, Measured, Untested, Verdicts, above, below, between

EARLY = 64
"""Steps up to which the learning rate has barely begun its warm-up of 1430 steps."""

NULL_BAND = (0.75, 1.1)
"""Ratios, relative to the Gaussian null, that count as "no massive activation"."""

GOOD_R2 = 0.93
"""The paper: no layer has a lower R²."""


CLOSE = (0.95, 1.05)
"""Factor of perplexity that counts as "nothing happened"."""

CLEAREST = 1024
"""Width of 410M, from which up the paper calls the pattern of outer layers clearest."""

LAST = 143_000
"""Steps of a whole training."""

MIDDLE = (0.2, 0.8)
"""Relative depths that count as the middle."""

HALF = 0.5
"""Share from which a curve wins more often than not."""

verdicts = Verdicts()


# --------------------------------------------------------------------------- the paper's claims
@verdicts.claim(
    "C1",
    "Massive activations are absent at initialization and learned.",
    of=PAPER,
    paper="Fig. 1b and 4; final ratio 83 (14M) to 3200 (12B)",
    unit="× noise",
    needs=("rows",),
    region=above(5),
    criterion="ratio of the largest layer at the last checkpoint over that of Gaussian noise {} in "
    "each model, with the paper's noise between texts; up to step 64 at least 0.9 of all layers "
    "lie within 0.75 to 1.1 of it",
    parts={"share at the null up to step 64": above(0.9, closed=True)},
)
def learned(rows):
    series = ratio_series(rows)
    early = series[series.step <= EARLY].relative
    last = {name: _last_maximum(rows, name) for name in models(rows)}
    least = min(last, key=lambda name: last[name].low)
    share = exact(early.between(*NULL_BAND).sum() / len(early), len(early))
    return Measured(
        last[least],
        {"share at the null up to step 64": share},
        f"shown: {least}; {_listed(last)}",
    )


@verdicts.claim(
    "C2",
    "In models from 160M up the middle layers carry the largest ratios.",
    of=PAPER,
    paper="Fig. 3 and 5, in words",
    needs=("rows",),
    region=below(0, must_hold=True),
    criterion="coefficient of squared relative depth in log ratio {}, and the top of the parabola "
    "between depths 0.2 and 0.8, in every model from 160M up; last checkpoint at hand; open where "
    "the largest ratio itself lies outside of these depths",
    parts={"highest vertex": between(*MIDDLE), "lowest vertex": between(*MIDDLE)},
)
def middle(rows):
    large = [name for name in models(rows) if architecture(name).width >= 768]
    profiles = {name: layer_profile(rows, name, steps(rows, name)[-1]) for name in large}
    found = {name: parabola(profile) for name, profile in profiles.items()}
    tops = {name: int(profile.ratio.idxmax()) for name, profile in profiles.items()}
    depths = {name: float(profiles[name].depth[top]) for name, top in tops.items()}
    outside = [name for name, depth in depths.items() if not MIDDLE[0] < depth < MIDDLE[1]]
    told = ", ".join(
        f"{name} layer {top} of {len(profiles[name])} (depth {depths[name]:.2f})"
        for name, top in tops.items()
    )
    widest = max(found, key=lambda name: found[name][0].high)
    vertices = [vertex for _, vertex in found.values()]
    return Measured(
        found[widest][0],
        {
            "highest vertex": max(vertices, key=lambda one: one.high),
            "lowest vertex": min(vertices, key=lambda one: one.low),
        },
        f"shown: {widest}; {_listed({name: curvature for name, (curvature, _) in found.items()})}; "
        f"the largest ratio itself: {told}",
        doubt=f"the largest ratio of {', '.join(outside)} is not in the middle" if outside else "",
    )


@verdicts.claim(
    "C3",
    "Shallow and deep layers peak early and decay.",
    of=PAPER,
    paper="Fig. 4 and 5b, in words: early and late layers peak within about 60,000 steps",
    unit="share of outer layers",
    needs=("rows",),
    region=above(0.5),
    criterion="of the first three and last two layers of every model, the share whose ratio falls "
    "from the checkpoint nearest to 24,000 to the last one at hand {} (Wilson intervals over "
    "layers: its low end is that of the layers that fall by more than the noise between texts, its "
    "high end that of those that do not rise by more than it); the share that rises by more than "
    "the noise below 0.25, the least that 15 layers can show; open where no series of a model from "
    "410M up reaches step 143,000",
    parts={"share that rises": below(0.25)},
)
def outer_layers(rows):
    changes = late_changes(rows)
    outer = changes[changes.part != "middle"]
    fall, rise = int((outer.high < 1).sum()), int((outer.low > 1).sum())
    ends = changes.groupby("model", sort=False).end.first()
    told = ", ".join(f"{model} {end:,}" for model, end in ends.items())
    clear = [model for model in ends.index if architecture(model).width >= CLEAREST]
    depths = outer.model.map(lambda model: architecture(model).layers)
    single = outer[(outer.layer == 1) | (outer.layer == depths)]
    return Measured(
        share_that_falls(outer.factor, fall, rise),
        {"share that rises": proportion(rise, len(outer))},
        f"{fall} of {len(outer)} fall, {rise} rise, the others stay within the noise; of the first "
        f"and the last layer alone, {int((single.high < 1).sum())} of {len(single)} fall and "
        f"{int((single.low > 1).sum())} rise; last checkpoints: {told} of {LAST:,}, and a peak "
        f"between two checkpoints would not show; {len(clear)} of {len(ends)} models in the range "
        "where the paper calls the pattern clearest (410M up)",
        doubt=""
        if any(ends[model] >= LAST for model in clear)
        else "no series from 410M up reaches the end of training",
    )


@verdicts.claim(
    "C10",
    "Middle layers rise from 24,000 steps to the last checkpoint at hand.",
    of=PAPER,
    paper="Fig. 4 and 5b, in words: highest at step 143,000",
    unit="share of middle layers",
    needs=("rows",),
    region=above(0.5),
    criterion="of the layers between the first three and the last two, the share whose ratio rises "
    "from the checkpoint nearest to 24,000 to the last one at hand, by more than the noise between "
    "texts, {} (Wilson interval over layers)",
)
def middle_layers(rows):
    changes = late_changes(rows)
    inner = changes[changes.part == "middle"]
    return Measured(proportion(int((inner.low > 1).sum()), len(inner)))


@verdicts.claim(
    "C11",
    "Massive activations are larger in larger models, from 14M to 1B.",
    of=PAPER,
    paper="Fig. 6, in words: a steep rise from 14M to 1B",
    unit="× the next smaller model",
    needs=("rows",),
    region=above(1),
    criterion="ratio over noise of the largest layer at the checkpoint nearest to 24,000, over "
    "that of the next smaller model up to 1B, smallest step {}, with the paper's noise between "
    "texts",
)
def by_size(rows):
    sizes = [name for name in models(rows) if architecture(name).width <= 2048]
    at = {
        name: _maximum(rows, name, min(steps(rows, name), key=lambda step: abs(step - NEAR)))
        for name in sizes
    }
    if len(sizes) < 2:
        raise Untested("one model has no next smaller one")
    found = {
        f"{large} over {small}": _over(at[large], at[small]) for small, large in pairwise(sizes)
    }
    least = min(found, key=lambda pair: found[pair].low)
    return Measured(found[least], note=f"shown: {least}; {_listed(found)}")


@verdicts.claim(
    "C4",
    "One five-parameter curve, the damped logarithm of eq. 9, describes every layer.",
    of=PAPER,
    paper="mean R² 0.984 over 188 layers (Table 1); no layer below 0.93",
    unit="share of layers",
    needs=("fits",),
    region=above(0.8),
    criterion="share of the layers with more checkpoints than parameters on which the best fit of "
    "eq. 9 reaches R² 0.93, {} (Wilson interval over layers); with eight checkpoints or more also: "
    "a lower AICc than every rival with an offset, and a smaller error in the last third of "
    "training than the last value seen, each in more than half of the layers; with fewer, an R² of "
    "five parameters resolves nothing",
    parts={
        "AICc below every fair rival": above(HALF),
        "closer than the last value": above(HALF),
    },
)
def every_layer(fits):
    race = Race(fits)
    enough = race.n > race.parameters
    if not enough.any():
        raise Untested("no layer has more checkpoints than eq. 9 has parameters")
    good = race.r2[enough] >= GOOD_R2
    best_rival = np.mean(race.best_r2(FAIR)[enough] >= GOOD_R2)
    return Measured(
        proportion(int(good.sum()), int(enough.sum())),
        {
            "AICc below every fair rival": race.too_few or race.lower_aicc(FAIR),
            "closer than the last value": race.too_few or race.closer(LAST_VALUE),
        },
        f"smallest R² {race.r2[enough].min():.3f} in {int(enough.sum())} layers with more "
        f"checkpoints than parameters; {int((~enough).sum())} have not; a rival with an offset "
        f"reaches {GOOD_R2} in {best_rival:.0%} of them",
        doubt=race.doubt,
    )


@verdicts.claim(
    "C12",
    "Eq. 9 describes the layers better than step responses of first and second order.",
    of=PAPER,
    paper="mean R² 0.983 against 0.564 and 0.952 over 188 layers (Table 5)",
    unit="share of layers",
    needs=("fits",),
    region=above(0.8),
    criterion="share of the layers with more checkpoints than parameters in which the best fit of "
    "eq. 9 has a higher R² than both step responses as printed, {} (Wilson interval over layers); "
    "with eight checkpoints or more also: a lower AICc than both with the offset that eq. 9 has, "
    "in more than half of the layers; with fewer, an R² of five parameters resolves nothing",
    parts={"AICc below both with an offset": above(HALF)},
)
def steps_lose(fits):
    race = Race(fits)
    enough = race.n > race.parameters
    if not enough.any():
        raise Untested("no layer has more checkpoints than eq. 9 has parameters")
    won = race.r2[enough] > race.best_r2(AS_PRINTED)[enough]
    hidden = race.closer(*(one.name for one in STEPS_WITH_OFFSET))
    return Measured(
        proportion(int(won.sum()), int(enough.sum())),
        {"AICc below both with an offset": race.too_few or race.lower_aicc(STEPS_WITH_OFFSET)},
        "in the last third of training, fitted before, closer than both with an offset: "
        f"{measured_text(hidden)} of the layers",
        doubt=race.doubt,
    )


@verdicts.claim(
    "C13",
    "The plateau of a layer can be predicted from the architecture alone.",
    of=PAPER,
    paper="test R² 0.847 for K on a random split (Table 3, XGBoost)",
    unit="R²",
    needs=("levels",),
    region=above(0.5),
    criterion="1 - squared error over variance of K, by XGBoost with the layer's model left out, "
    "mean over models {}; open unless it is so for the logarithm of the last ratio at hand too, "
    "which no fit has loosened",
)
def plateau_from_architecture(levels):
    if XGBOOST not in levels[PLATEAU]:
        raise Untested("XGBoost is not installed: pip install xgboost")
    plateau, level = (levels[target][XGBOOST] for target in (PLATEAU, LEVEL))
    all_left = {name: found.grouped for name, found in levels[PLATEAU].items()}
    told = ", ".join(f"{name} {r2:.2f}" for name, r2 in all_left.items())
    last = over_seeds(level.by_model)
    shown = bool(last.has_interval and last.low is not None and last.low > HALF)
    return Measured(
        over_seeds(plateau.by_model),
        {},
        f"single models, the mean of which is shown: {_values(plateau.by_model)}; an R² is at most "
        "1, whatever the t interval says; the last ratio of the same layers instead of K: "
        f"{last.estimate:.2f}, single models {_values(level.by_model)}; random splits of the same "
        f"layers: median {np.median(plateau.random):.2f} for K, "
        f"{np.median(level.random):.2f} for the last ratio; all layers together, a model left out: "
        f"{told}",
        doubt="" if shown else "the last ratio of the same layers is not predicted that well",
    )


# --------------------------------------------------------------------------- our own checks
@verdicts.claim(
    "C0",
    "Our pipeline measures what the authors measured, before any training.",
    of=OURS,
    paper="authors' step-0 rows, Pythia-14M",
    unit="largest relative deviation",
    needs=("untrained", "rows"),
    region={"toy": below(0.15, must_hold=True), **dict.fromkeys(FROM_BOOK, below(0.15))},
    criterion="ratios of random-init models of the 14M shape off the Gaussian null by {} in every "
    "layer, their medians off the authors' step-0 rows below 0.10 (t intervals over seeds)",
    parts={"median off the authors'": below(0.10)},
)
def pipeline(untrained, rows):
    theirs = layer_profile(rows, SMALLEST, 0)["median"].to_numpy()
    null = hidden_state_ratio(architecture(SMALLEST).width)
    medians = np.stack([one.median.mean(axis=0) for one in untrained])  # (n_seeds, n_layers)
    ratios = np.stack([one.mean_ratio for one in untrained])
    off = furthest(ratios / null - 1)
    reach = "" if off.high is None else f"in one layer the ratio may be off by {off.high:.2f}"
    return Measured(off, {"median off the authors'": furthest(medians / theirs - 1)}, reach)


@verdicts.claim(
    "C5",
    "The curve's parameters are loose even where the fit is excellent.",
    of=OURS,
    on=MODEL,
    paper="not examined; R² alone is reported",
    unit="half-width of A over its median",
    needs=("refits",),
    region=above(0.5),
    criterion="refits of a known early peak with 2 % noise: half of the 16 to 84 % range of A over "
    "its median {}; of a known rising curve: K bounded by a 95 % profile in less than half of the "
    "series (Wilson interval); median R² above 0.98 in both (bootstrap over draws)",
    parts={
        "share that bounds K": below(0.5),
        "median R²": above(0.98),
    },
)
def loose(refits):
    peak, rising = refits["early peak"], refits["rising"]
    rng = generator(0, "C5")
    least = min((peak, rising), key=lambda one: float(np.median(one.r2)))
    turning = np.quantile(peak.turning[np.isfinite(peak.turning)], [0.16, 0.84])
    return Measured(
        bootstrap(peak.values("A"), _half_width, rng=rng),
        {
            "share that bounds K": proportion(int(rising.bounded.sum()), len(rising.bounded)),
            "median R²": bootstrap(least.r2, np.median, rng=rng),
        },
        f"the turning point of the peak is found: 16 to 84 % at step {turning[0]:,.0f} to "
        f"{turning[1]:,.0f}",
    )


@verdicts.claim(
    "C6",
    "A random split scores high where architecture has no effect at all.",
    of=OURS,
    on=MODEL,
    paper="test R² 0.847 for K on a random split (Table 3)",
    unit="R²",
    needs=("leakage", "by_regressor"),
    region=above(0.6, must_hold=True),
    criterion="nearest neighbors on simulated targets without any architecture effect: median test "
    "R² on random splits {}, with whole models left out below 0.2; the same for XGBoost (bootstrap "
    "over draws)",
    parts={
        "a model left out": below(0.2),
        "XGBoost, random split": above(0.6),
        "XGBoost, a model left out": below(0.2),
    },
    by_estimate=("XGBoost, random split", "XGBoost, a model left out"),
)
def leak(leakage, by_regressor):
    rng = generator(0, "C6")

    def median(values):
        return bootstrap(values, np.median, rng=rng)

    boosted = by_regressor.get(XGBOOST)
    lacking = Missing("XGBoost is not installed: pip install xgboost")
    reached = float(np.mean(leakage.random >= TABLE_3.loc["K", "xgboost"]))
    return Measured(
        median(leakage.random),
        {
            "a model left out": median(leakage.grouped),
            "XGBoost, random split": lacking if boosted is None else median(boosted.random),
            "XGBoost, a model left out": lacking if boosted is None else median(boosted.grouped),
        },
        f"{NEIGHBORS}: {reached:.0%} of draws reach the paper's 0.847",
    )


@verdicts.claim(
    "C7",
    "Much of the growing ratio is a shrinking median, not a growing activation.",
    of=OURS,
    paper="not separated",
    unit="share of log growth",
    needs=("rows",),
    region=between(0.3, 0.8),
    criterion="1B, 24,000 to 100,000: mean over layers 4 to 15 of the falling median's share in "
    "the growth of the log ratio {} (t interval over layers); 160M, 40,000 to 80,000: the largest "
    "activation falls in more than half of layers 4 to 12 (Wilson interval)",
    parts={"160M layers whose largest falls": above(0.5)},
)
def shrinking_median(rows):
    if {"pythia-160m", "pythia-1b"} - set(models(rows)):
        raise Untested("160M or 1B is not among the models")
    large = log_changes(rows, "pythia-1b", 24_000, 100_000).groupby("layer").mean().loc[4:15]
    share = -large["median"] / large.ratio
    small = log_changes(rows, "pythia-160m", 40_000, 80_000).groupby("layer").mean()
    falls = int((small.loc[4:12].top1 < 0).sum())
    others = small.loc[1:3]
    return Measured(
        over_seeds(share),
        {"160M layers whose largest falls": proportion(falls, len(small.loc[4:12]))},
        f"by layer {share.min():.2f} to {share.max():.2f}; in 160M the largest falls in {falls} of "
        f"layers 4 to 12, and in {int((others.top1 < 0).sum())} of layers 1 to 3",
    )


@verdicts.claim(
    "C9",
    "The few massive scalars of a real model act as fixed biases it cannot do without.",
    of=OURS,
    paper="not in this paper; Sun et al. 2024",
    unit="× perplexity",
    needs=("real",),
    region=above(10, must_hold=True),
    criterion="SmolLM2-135M: setting the massive scalars to zero multiplies perplexity by {}; "
    "setting them to their mean over other texts keeps it between 0.95 and 1.05 times what it was, "
    "and so does setting as many ordinary scalars to zero (bootstrap over texts)",
    parts={
        "mean over other texts": between(*CLOSE),
        "as many ordinary scalars to zero": between(*CLOSE),
    },
    by_estimate=("mean over other texts", "as many ordinary scalars to zero"),
)
def fixed_bias(real):
    rng = generator(0, "C9")
    where = real.location
    tokens = sorted({token for places in where.tokens for token in places})
    plain = np.exp(real.base.mean())
    broken = np.exp(real.changed["zero"].mean())
    return Measured(
        real.interval("zero", rng),
        {
            "mean over other texts": real.interval("mean", rng),
            "as many ordinary scalars to zero": real.interval("control", rng),
        },
        f"dimensions {', '.join(map(str, where.dims))} of tokens {', '.join(map(str, tokens))}, "
        f"after block {where.block}; perplexity {plain:.3g} becomes {broken:.3g}",
    )


@verdicts.claim(
    "C14",
    "Fitted to two thirds of training, eq. 9 predicts the rest no better than the last value seen.",
    of=OURS,
    paper="not examined",
    unit="share of layers",
    needs=("fits", "true_fits"),
    region=below(0.5),
    criterion="share of layers whose last third of training eq. 9, fitted before, misses by less "
    "than the last value seen, {} (Wilson interval over layers); in series of 37 checkpoints that "
    "follow eq. 9 that share is above 0.5 (bootstrap over layers), and unless it is so with the "
    "checkpoints at hand as well, the race says nothing of the curve",
    parts={"where eq. 9 is true, 37 checkpoints": above(0.5)},
)
def hidden_third(fits, true_fits):
    race = Race(fits)
    rng = generator(0, "C14")
    dense, here = (
        bootstrap(true_fits[name].mean(axis=1), np.mean, rng=rng)
        for name in ("37 checkpoints", "at hand")
    )
    winnable = here.low > HALF
    return Measured(
        race.closer(LAST_VALUE),
        {"where eq. 9 is true, 37 checkpoints": dense},
        f"where eq. 9 is true, with the checkpoints at hand: {measured_text(here)}",
        doubt=""
        if winnable
        else "these checkpoints are too few to win the race with, even where eq. 9 is true",
    )


# --------------------------------------------------------------------------- what they share


def _maximum(rows: pd.DataFrame, model: str, step: int) -> Interval:
    """Largest layer's ratio over its null at one checkpoint, with the paper's noise."""
    profile = layer_profile(rows, model, step)
    top = profile.loc[profile.relative.idxmax()]
    return over_texts(top.relative, relative_noise(model), int(top.n))


def _last_maximum(rows: pd.DataFrame, model: str) -> Interval:
    return _maximum(rows, model, steps(rows, model)[-1])


def _over(a: Interval, b: Interval) -> Interval:
    """Ratio of two independent log-normal quantities."""
    margin = np.exp(np.hypot(np.log(a.high / a.estimate), np.log(b.high / b.estimate)))
    ratio = a.estimate / b.estimate
    return Interval(ratio, ratio / margin, ratio * margin)


def _half_width(values: np.ndarray, axis: int = -1) -> np.ndarray:
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84], axis=axis)
    return (high - low) / 2 / np.abs(middle)


def _values(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.2f}" for number in numbers)


def _listed(intervals: dict[str, Interval]) -> str:
    return ", ".join(f"{name} {measured_text(one)}" for name, one in intervals.items())


# --------------------------------------------------------------------------- the record
def series(results) -> dict[str, object]:
    """What the first figure and the first sentences need."""
    record: dict[str, object] = {}
    if not isinstance(results.real, Missing):
        real = results.real
        record["perplexity"] = {
            name: [float(f"{v:.6g}") for v in real.perplexity_ratio(name)] for name in real.changed
        }
        mean = real.base.mean()
        record["texts"] = {
            "change": ["none", *real.changed],
            "perplexity": [
                float(f"{np.exp(v):.6g}")
                for v in (mean, *(one.mean() for one in real.changed.values()))
            ],
        }
        record["blocks"] = {
            "top1": [float(f"{v:.5g}") for v in np.median(real.measured.top1, axis=0)],
            "median": [float(f"{v:.5g}") for v in np.median(real.measured.median, axis=0)],
        }
    if not isinstance(results.rows, Missing):
        changes = late_changes(results.rows)
        record["late"] = {
            "part": ["shallow", "middle", "deep"],
            **{
                name: [
                    int(test(changes[changes.part == part]).sum())
                    for part in ("shallow", "middle", "deep")
                ]
                for name, test in (
                    ("n", lambda rows: rows.factor > 0),
                    ("fall", lambda rows: rows.high < 1),
                    ("rise", lambda rows: rows.low > 1),
                )
            },
        }
    leak = results.leakage
    record["leakage"] = {
        name: [float(f"{v:.4g}") for v in getattr(leak, name)] for name in ("random", "grouped")
    }
    return record
