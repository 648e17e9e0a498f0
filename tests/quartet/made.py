"""Results made by hand: what a perfect run would give, to be spoiled one at a time."""

from types import SimpleNamespace

import numpy as np

from companion.data import Missing
from companion.quartet.lab import budgets, gaussian, refit, reruns
from companion.quartet.lab.gradients import Depth, ModelAverages
from companion.quartet.lab.products import ARMS, Averages
from companion.quartet.lab.training import BASELINE, RECIPES, Plan, Trained, shape_for_text
from companion.quartet.method import optimal
from companion.quartet.method.law import PARAMETERS
from companion.quartet.method.scales import RULES
from companion.quartet.page.explorers import PRINTED_LAW
from companion.quartet.settings import PRESETS

GAPS = {
    "none:none": 0.0,
    "SR:none": 0.08,
    "RTN:none": 0.04,
    "QuEST:none": 0.04,
    "QuEST nearest:none": 0.04,
    "none:SR": 0.006,
    "none:RTN": 0.006,
    "QuEST:RTN": 0.05,
    "QuEST:SR": 0.05,
    "naive": 0.3,
}


def table(ratio=2.03, misalignment=9.4e-3):
    jitter = 1 + 1e-3 * np.linspace(-1, 1, 16)
    made = {}
    for i, (name, mse, shift) in enumerate(
        (
            ("RTN", 1.367e-2, misalignment),
            ("SR", ratio * 1.367e-2, 0.0),
            ("QuEST", 2.24e-2, 5e-2),
            ("QuEST nearest", 1.337e-2, 1.5e-2),
        )
    ):
        own = jitter if i % 2 else jitter[::-1]  # ratios of schemes differ between batches
        made[name] = gaussian.Simulated(mse * own, shift * own + 1e-6 * (own - 1))
    return made


def products(works=True):
    k = np.array([1, 2, 4, 8, 16, 32, 64])
    rng = np.random.default_rng(0)
    noise = {arm: 1 + 0.01 * rng.standard_normal((6, k.size)) for arm in ARMS}
    stuck = np.full((6, k.size), 0.0267)
    errors = {
        "RTN, signs after": stuck,
        "RTN, signs before": (0.0267 / k + 3.5e-4) * noise["RTN, signs before"],
        "SR, signs after": 0.0555 / k * noise["SR, signs after"],
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
            "SR, signs after": 0.1 / k * noise,
            "SR, signs before": 0.1 / k * noise,
        },
    )


def trained(gaps=GAPS, n_seeds=6):
    plan = Plan(steps=100, seeds=tuple(range(n_seeds)), shape=shape_for_text())
    rng = np.random.default_rng(3)
    base = 2 + 0.05 * rng.standard_normal(n_seeds)
    final = {
        name: base + gap + (0 if name == BASELINE else 2e-3) * rng.standard_normal(n_seeds)
        for name, gap in gaps.items()
    }
    return Trained(plan, final, {name: np.ones((5, n_seeds)) for name in RECIPES if name in gaps})


def fitted(noise=1e-4):
    names = refit.EFFICIENCIES
    values = dict(zip(names, (0.438, 0.608, 0.648, 0.892, 0.927, 0.31), strict=True))
    rng = np.random.default_rng(4)
    centers = {**dict(zip(PARAMETERS, PRINTED_LAW.theta, strict=True)), **values}
    boot = {name: v * (1 + noise * rng.standard_normal(20)) for name, v in centers.items()}
    residual = 1e-3 * rng.standard_normal(23)
    return refit.Refit(
        PRINTED_LAW,
        {"full": 1.0, "gamma = 1": 3.0, "beta = 1": 3.0},
        23,
        values,
        boot,
        (0.65, 0.9),
        {"full": residual, "gamma = 1": 5 * residual, "beta = 1": 5 * residual},
        0,
    )


def results(**changes):
    law = fitted()
    quality = optimal.Quality(0.648, 0.892)
    made = dict(
        table=table(),
        optimum=gaussian.optimal_scale(),
        means={rule: gaussian.octave_means(rule, 400) for rule in RULES},
        scans={rule: gaussian.scan(rule, 60) for rule in RULES},
        products=products(),
        reruns=reruns.regress(reruns.table()),
        refit=law,
        bops=budgets.optimality_map(law.law, optimal.Speed(), quality, 20),
        measured=budgets.optimality_map(law.law, optimal.Speed(1.5, 0.8), quality, 20),
        depth=depth(),
        averages=averages(),
        trained=trained(),
    )
    return SimpleNamespace(**made | changes)


MISSING = Missing("set COMPANION_DATA")
TOY = PRESETS["toy"]
