"""Border results of the chapter."""

from functools import cache
from types import SimpleNamespace

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.quartet.lab import reruns
from companion.quartet.lab.gradients import Depth
from companion.quartet.verdict import verdicts
from tests.borders import CORRECTED, CROSSES, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.quartet import made


@cache
def perfect():
    return made.results()


def of(**changed):
    results = SimpleNamespace(**vars(perfect()) | changed)
    return lambda scale="book": verdicts.evaluate(results, scale)


clean = of()


def products(arm, at, factor):
    """Averages in which one replicate of an arm is off at one number of draws."""
    found = made.products()
    errors = found.errors[arm].copy()
    errors[2, int(np.flatnonzero(found.counts == at)[0])] *= factor
    return found._replace(errors=found.errors | {arm: errors})


def depth(p_gain=None, batches=0.0, off=None):
    """Batches with a gain at every depth.

    p_gain : deviation of the gains; batches : deviation that both schemes share
    off : a depth at which there is no gain
    """
    found, n = made.depth(), 8
    shared = spread(0.0, batches, n)[:, None] if batches else 0.0
    rtn = found.cosine["RTN"] + shared
    gains = found.cosine["RTN"] - found.cosine["SR"]
    if p_gain:
        gains = np.stack([spread(0.01, p_gain, n, d) for d in range(7)], axis=1)
    if off:
        gains[:, off] = spread(0.0, 1e-3, n)
    cosine = found.cosine | {"RTN": rtn, "SR": rtn - gains}
    return Depth(cosine, found.misalignment)


def trained(seeds=0.05, **gaps):
    """Six seeds; `gaps` gives what a recipe loses against the baseline, by seed."""
    found = made.trained()
    base = spread(2.0, seeds, 6)
    start = found.final["none:none"]
    final = {name: base + (values - start) for name, values in found.final.items()}
    for name, values in gaps.items():
        final[name.replace("__", ":")] = base + values
    return found._replace(final=final)


SR_TABLE = made.table()
WIDE = SR_TABLE | {"SR": SR_TABLE["SR"]._replace(mse=2.775e-2 * spread(1.0, 0.03, 16))}

BORDERS = [
    Border("C1", CROSSES, "the ratio is right and its interval wider than 0.03", of(table=WIDE)),
    Border(
        "C1",
        ONE_FAILS,
        "rounding to nearest shrinks by 1.05 %",
        of(table=made.table(misalignment=1.05e-2)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "one replicate with the signs after averages a little",
        of(products=products("RTN, signs after", 64, 0.999)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C3",
        CROSSES,
        "one replicate with the signs before is stuck",
        of(products=products("RTN, signs before", 64, 10.0)),
    ),
    Border("C7", ONE_FAILS, "at one depth of six nothing is gained", of(depth=depth(off=4))),
    Border(
        "C7",
        CORRECTED,
        "at every depth p is 0.003, before the correction",
        of(depth=depth(p_gain=0.01 * np.sqrt(8) / 4.42)),
    ),
    Border(
        "C7",
        PAIRED,
        "batches differ by a tenth in cosine, in both schemes",
        of(depth=depth(batches=0.1)),
        (HOLDS,),
    ),
    Border(
        "C9",
        CROSSES,
        "stochastic rounding loses more, and perhaps not",
        of(trained=trained(SR__none=0.04 + crossing(0.01, 0.0, 6))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C9",
        CROSSES,
        "naive training loses more than Quartet, and perhaps not",
        of(trained=trained(naive=0.05 + crossing(0.05, 0.0, 6))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C9",
        PAIRED,
        "seeds differ by a nat, and all recipes with them",
        of(trained=trained(seeds=1.0)),
        (HOLDS,),
    ),
    Border(
        "C10",
        CROSSES,
        "half of the forward gap is more, and perhaps not",
        of(trained=trained(none__RTN=0.02 - crossing(0.005, 0.0, 6))),
        (NOT_RESOLVED,),
    ),
]


def law(eff_n=0.648):
    found = perfect().refit
    return found._replace(efficiency=found.efficiency | {"eff_N QuEST": eff_n})


def rerun(**changed):
    """The regression with another p of the difference, or another slope before."""
    found = perfect().reruns
    if "p" in changed:
        return found._replace(difference=found.difference._replace(p=changed["p"]))
    return found._replace(before=found.before._replace(**changed))


def same_gaps():
    frame = reruns.table().assign(gap=0.01)
    frame["gap"] += 1e-4 * np.random.default_rng(0).standard_normal(len(frame))
    return reruns.regress(frame)


def shifted(arm, change):
    """Depth with another misalignment of one scheme; `change` is by depth."""
    found = made.depth()
    values = found.misalignment[arm] + change
    return found._replace(misalignment=found.misalignment | {arm: values})


def diverged(**seeds):
    found = made.trained()
    final = {name: values.copy() for name, values in found.final.items()}
    for name, seed in seeds.items():
        final[name.replace("__", ":")][seed] = np.nan
    return found._replace(final=final)


def first(found, n, *fields):
    """Only the first n replicates of what the fields hold, by name."""
    return found._replace(
        **{
            field: {arm: values[:n] for arm, values in getattr(found, field).items()}
            for field in fields
        }
    )


def broken(**misalignment):
    """Schemes whose misalignment is off by so much."""
    changed = {
        name: SR_TABLE[name]._replace(misalignment=SR_TABLE[name].misalignment + off)
        for name, off in misalignment.items()
    }
    return SR_TABLE | changed


FLAT = dict.fromkeys(made.GAPS, 0.0)
FEW = {name: made.GAPS[name] for name in ("none:none", "naive", "QuEST:RTN")}
STUCK = made.averages().errors | {
    "SR, signs before": 0.1 / made.averages().counts + np.array([[0.019], [0.02], [0.021]])
}

VARIANTS = {
    "nothing works": of(
        table=made.table(ratio=1.0, misalignment=0.0),
        means=dict.fromkeys(("floor", "nearest"), (0.0134, 0.0147)),
        products=made.products(works=False),
        reruns=same_gaps(),
        depth=made.depth(effect=0.0),
        averages=made.averages()._replace(errors=STUCK),
        trained=made.trained(FLAT),
    ),
    "no data": of(refit=made.MISSING, bops=made.MISSING, measured=made.MISSING),
    "no map": of(bops=made.MISSING),
    "diverged forward": of(trained=diverged(SR__none=2)),
    "diverged backward": of(trained=diverged(none__SR=1, QuEST__SR=3)),
    "two seeds": of(trained=made.trained(n_seeds=2)),
    "one seed": of(trained=made.trained(n_seeds=1)),
    "three recipes": of(trained=made.trained(FEW)),
    "worse than RTN": of(trained=made.trained(made.GAPS | {"SR:none": 0.03})),
    "naive is better": of(trained=made.trained(made.GAPS | {"naive": 0.02})),
    "dear backward": of(trained=made.trained(made.GAPS | {"none:RTN": 0.028})),
    "wrong efficiency": of(refit=law(0.7)),
    "poor efficiency": of(refit=law(0.45)),
    "no crossover": of(refit=law(0.3)),
    "gamma of 1": of(refit=law()._replace(costs={"full": 1.0, "gamma = 1": 1.0, "beta = 1": 1.0})),
    "wide resamples": of(refit=law()._replace(boot=made.fitted(0.02).boot)),
    "few resamples": of(
        refit=law()._replace(
            boot={name: values[:5] for name, values in law().boot.items()}, n_lost=3
        )
    ),
    "other map": of(bops=perfect().measured),
    "p between": of(reruns=rerun(p=0.03)),
    "slope before": of(reruns=rerun(low=1e-5, estimate=1e-4, high=2e-4)),
    "one depth of SR": of(depth=shifted("SR", 0.03 * np.eye(7)[3])),
    "a dip of RTN": of(depth=shifted("RTN", -np.array([0, 0, 0.02, 0.04, 0, 0, 0]))),
    "QuEST like RTN": of(depth=shifted("QuEST", -0.04 * np.arange(7))),
    "one batch": of(depth=first(made.depth(), 1, "cosine", "misalignment")),
    "two batches": of(depth=first(made.depth(), 2, "cosine", "misalignment")),
    "another bias": of(products=made.products()._replace(bias=np.full(6, 4.2e-4))),
    "one replicate": of(products=made.products()._replace(bias=np.full(1, 3.5e-4))),
    "draws differ": of(
        products=made.products()._replace(identical=dict.fromkeys(made.products().identical, False))
    ),
    "SR shrinks": of(table=broken(SR=1.3e-2)),
    "SR shrinks a little": of(table=broken(SR=4e-4 * spread(1.0, 1.0, 16))),
    "QuEST ignores its rule": of(
        table=SR_TABLE
        | {"QuEST": SR_TABLE["QuEST nearest"]._replace(mse=SR_TABLE["QuEST nearest"].mse[::-1])}
    ),
    "averages of one batch": of(averages=first(made.averages(), 1, "errors")),
}
