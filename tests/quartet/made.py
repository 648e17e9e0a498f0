"""Results made by hand: what a perfect run would give, to be spoiled one at a time."""

from functools import cache
from types import SimpleNamespace

import numpy as np

from companion.data import Missing
from companion.quartet.lab import released, rounding
from companion.quartet.lab.rounding import ARMS, Averages, Depth, ModelAverages
from companion.quartet.lab.training import Ladder, Rates
from companion.quartet.method.law import PARAMETERS, Law, Quality, Speed
from companion.quartet.method.linear import BASELINE
from companion.quartet.method.quantizers import RULES
from companion.quartet.settings import PRESETS
from companion.quartet.sources import TABLE_6

PRINTED_LAW = Law(np.array([TABLE_6[name] for name in PARAMETERS]), 0.0)
"""The law of Table 6."""

SIZES = np.array([6736, 15096, 26784, 41800])
LENGTHS = np.array([400, 800, 1600, 2400]) * 256
SLOPE = 0.15
"""Nats that a run loses where its parameters, or its tokens, are divided by e."""

SHARES = {
    "SR:none": 0.42,
    "RTN:none": 0.59,
    "QuEST:none": 0.64,
    "none:SR": 0.88,
    "none:RTN": 0.98,
    "none:QuEST": 0.83,
}
GAPS = {
    BASELINE: 0.0,
    **{name: -SLOPE * float(np.log(share)) for name, share in SHARES.items()},
    "QuEST:RTN": 0.08,
    "no rotation": 0.1,
    "no mask": 0.09,
    "plain MXFP4": 0.15,
    "plain MXFP4, 3/4": 0.12,
}
"""What every recipe costs where the paper is right."""


def table(ratio=2.03, misalignment=9.4e-3, quest=2.24e-2, ceil=1.55e-2):
    jitter = 1 + 1e-3 * np.linspace(-1, 1, 16)
    made = {}
    for i, (name, mse, shift) in enumerate(
        (
            ("RTN", 1.367e-2, misalignment),
            ("SR", ratio * 1.367e-2, 0.0),
            ("QuEST", quest, 5e-2),
            ("QuEST nearest", 1.337e-2, 1.5e-2),
            ("QuEST ceil", ceil, 8.8e-3),
            ("QuEST fp32 scale", 1.238e-2, 1.16e-2),
        )
    ):
        own = np.roll(jitter, 3 * i)  # ratios of schemes differ between batches
        made[name] = rounding.Simulated(mse * own, shift * own + 1e-6 * (own - 1))
    return made


def products(works=True):
    k = np.array([1, 2, 4, 8, 16, 32, 64])
    rng = np.random.default_rng(0)
    noise = {arm: 1 + 0.01 * rng.standard_normal((6, k.size)) for arm in ARMS}
    stuck = np.full((6, k.size), 0.0267)
    errors = {
        "RTN, signs after": stuck,
        "RTN, signs before": (0.0267 / k + 3.5e-4) * noise["RTN, signs before"],
        "SR, signs before": 0.0555 / k * noise["SR, signs before"],
    }
    if not works:
        errors["RTN, signs before"] = stuck * noise["RTN, signs before"]
    identical = dict.fromkeys(ARMS, False) | {"RTN, signs after": True}
    return Averages(k, errors, identical, np.full(6, 3.5e-4))


def depth(n=8, effect=1.0):
    rng = np.random.default_rng(1)
    steps = np.arange(7)

    def around(curve):
        return curve + 1e-4 * rng.standard_normal((n, 7))

    cosine = {"RTN": 1 - 0.01 * steps, "SR": 1 - 0.01 * steps * (1 + effect)}
    shift = {"RTN": 0.01 * steps, "SR": 0 * steps, "QuEST": 0.05 * steps}
    return Depth(
        {arm: around(curve) for arm, curve in cosine.items()} | {"QuEST": around(1 - 0.03 * steps)},
        {arm: around(curve) for arm, curve in shift.items()},
    )


def averages():
    k = np.array([1, 2, 4, 8, 16, 32])
    rng = np.random.default_rng(2)
    noise = 1 + 0.01 * rng.standard_normal((3, k.size))
    return ModelAverages(
        k,
        {
            "RTN, signs after": np.full((3, k.size), 0.05),
            "RTN, signs before": (0.05 / k + 1e-3) * noise,
            "SR, signs before": 0.1 / k * noise,
        },
    )


def ladder(gaps=GAPS, n_seeds=8, noise=1e-3, seeds=0.05):
    """Runs whose losses fall by SLOPE for a factor of e in parameters and in tokens.

    gaps : recipe -> nats above the unquantized run; noise : of a run; seeds : that all share
    """
    rng = np.random.default_rng(3)
    base = 2 + seeds * rng.standard_normal(n_seeds)

    def runs(above):
        return base + above + noise * rng.standard_normal(n_seeds)

    final = {name: base if name == BASELINE else runs(gap) for name, gap in gaps.items()}
    here = np.array([-SLOPE * np.log(n / SIZES[2]) for n in SIZES])
    long = np.array([-SLOPE * np.log(n / LENGTHS[2]) for n in LENGTHS])
    by_size = np.stack([base if i == 2 else runs(above) for i, above in enumerate(here)])
    by_length = np.stack([base if i == 2 else runs(above) for i, above in enumerate(long)])
    return Ladder(
        np.arange(n_seeds),
        int(SIZES[2]),
        int(LENGTHS[2]),
        SIZES,
        by_size,
        LENGTHS,
        by_length,
        final,
    )


def rates(gain=0.0, n_seeds=8):
    """Three rates at which every recipe gains what the unquantized run gains, and `gain` more."""
    rng = np.random.default_rng(5)
    base = np.array([0.03, 0.0, -0.02])[:, None] + 2 + 2e-3 * rng.standard_normal((3, n_seeds))
    final = {BASELINE: base}
    for name in ("SR:none", "QuEST:RTN"):
        more = np.array([gain, 0.0, 0.0])[:, None]
        final[name] = base + 0.1 - more + 2e-3 * rng.standard_normal((3, n_seeds))
    return Rates(np.array([5e-4, 1e-3, 2e-3]), final)


def fitted(noise=1e-4, held_out=PRINTED_LAW):
    names = released.EFFICIENCIES
    values = dict(zip(names, (0.438, 0.608, 0.648, 0.892, 0.927, 0.31), strict=True))
    rng = np.random.default_rng(4)
    centers = {**dict(zip(PARAMETERS, PRINTED_LAW.theta, strict=True)), **values}
    boot = {name: v * (1 + noise * rng.standard_normal(20)) for name, v in centers.items()}
    residual = 1e-3 * rng.standard_normal(23)
    large = np.array([4.43e8, 8.22e8])
    losses = held_out.loss(large, 97 * large)
    return released.Refit(
        PRINTED_LAW,
        {"full": 1.0, "gamma = 1": 3.0, "beta = 1": 3.0},
        23,
        values,
        boot,
        (0.65, 0.9),
        {"full": residual, "gamma = 1": 5 * residual, "beta = 1": 5 * residual},
        0,
        released.HeldOut(held_out, PRINTED_LAW, large, losses, losses + 0.02, losses - 0.01),
    )


@cache
def parts():
    """What a perfect run would give, made once: nothing can be written into its arrays."""
    law = fitted()
    quality = Quality(0.648, 0.892)
    made = dict(
        table=table(),
        optimum=rounding.optimal_scale(),
        means={rule: rounding.octave_means(rule, 400) for rule in RULES},
        scans={rule: rounding.scan(rule, 60) for rule in RULES},
        products=products(),
        reruns=released.regress(rerun_frame()),
        refit=law,
        leads=released.marked_models(law),
        measured=released.optimality_map(law.law, Speed(1.5, 0.8), quality, 20),
        earlier=released.earlier_recipes(),
        depth=depth(),
        averages=averages(),
        ladder=ladder(),
        rates=rates(),
    )
    return read_only(made)


def read_only(value):
    """The same value, whose arrays refuse to be written into: tests share it."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    for inside in value.values() if isinstance(value, dict) else ():
        read_only(inside)
    for inside in value if isinstance(value, tuple) else ():
        read_only(inside)
    return value


def results(**changes):
    return SimpleNamespace(**parts() | changes)


def rerun_frame(placebo=0.0, before=0.0):
    """Re-runs in which the signs spoil RTN alone.

    placebo : share of RTN's change of slope that SR shows, too; before : RTN's slope without bug
    """
    frame = released.rerun_table()
    rng = np.random.default_rng(6)
    slopes = {"RTN, signs after": 1.5e-3, "SR, signs after": 1.5e-3 * placebo}
    slopes["RTN, signs before"] = before
    levels = {"RTN, signs after": 0.01, "RTN, signs before": 0.006}
    noise = 1e-4 * rng.standard_normal(len(frame))
    gap = frame["arm"].map(levels).fillna(0.013) + noise
    return frame.assign(gap=gap + frame["arm"].map(slopes).fillna(0.0) * frame["doublings"])


MISSING = Missing("set COMPANION_DATA")
TOY = PRESETS["toy"]
