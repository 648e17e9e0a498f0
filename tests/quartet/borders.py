"""Border results of the chapter."""

from functools import cache
from types import SimpleNamespace

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.quartet.lab import released
from companion.quartet.lab.rounding import Depth
from companion.quartet.verdict import verdicts
from tests.borders import CORRECTED, CROSSES, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.quartet import made


@cache
def perfect():
    return made.results()


def of(more=dict, **changed):
    """What makes the findings of perfect results with changes.

    more : gives the changes that take time, when it is asked, so that listing them takes none
    """

    @cache
    def results():
        return SimpleNamespace(**vars(perfect()) | changed | more())

    return lambda scale="book": verdicts.evaluate(results(), scale)


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


def ladder(seeds=0.05, **gaps):
    """Eight seeds; `gaps` gives what a recipe loses against the baseline, by seed."""
    found = made.ladder(seeds=seeds)
    base = found.final["none:none"]
    final = dict(found.final)
    for name, values in gaps.items():
        final[name.replace("__", ":").replace("_", " ")] = base + values
    return found._replace(final=final)


def lost(share, width=0.0):
    """Nats that leave `share`, by seed; `width` : how far the seeds reach."""
    return -made.SLOPE * np.log(share) + (crossing(width, 0.0, 8) if width else np.zeros(8))


def one_below():
    """Table 3 with one recipe of four better than Quartet."""
    found = perfect().earlier
    return found._replace(
        above=found.above | {"HALO-FP4": found.above["LUQ-INT4"].map(lambda v: -v)}
    )


def reruns(**changed):
    return {"reruns": released.regress(made.rerun_frame(**changed))}


def leads(**changed):
    return perfect().leads._replace(**changed)


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
        "stochastic rounding loses more than rounding to nearest, and perhaps not",
        of(ladder=ladder(SR__none=made.GAPS["RTN:none"] + crossing(0.01, 0.0, 8))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C9",
        ONE_FAILS,
        "stochastic rounding loses more than rounding to nearest, and less than QuEST",
        of(ladder=ladder(QuEST__none=made.GAPS["SR:none"] + spread(0.02, 2e-3, 8))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C9",
        PAIRED,
        "seeds differ by a nat, and all recipes with them",
        of(ladder=ladder(seeds=1.0)),
        (HOLDS,),
    ),
    Border(
        "C10",
        CROSSES,
        "half of the forward gap is more, and perhaps not",
        of(ladder=ladder(none__RTN=made.GAPS["QuEST:none"] / 2 - crossing(0.005, 0.0, 8))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C12",
        ONE_FAILS,
        "two of three schemes keep the paper's share, the third a half more",
        of(ladder=ladder(SR__none=lost(0.63) + spread(0.0, 1e-3, 8))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C12",
        CROSSES,
        "rounding to nearest keeps the paper's share within 25 %, and perhaps not",
        of(ladder=ladder(RTN__none=lost(0.59 * 1.2, 0.05))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C13",
        CROSSES,
        "stochastic rounding keeps less of the tokens, and perhaps not",
        of(ladder=ladder(none__SR=made.GAPS["none:RTN"] + crossing(0.01, 0.0, 8))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C14",
        ONE_FAILS,
        "one recipe of four ends below Quartet",
        of(lambda: {"earlier": one_below()}),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C4",
        ONE_FAILS,
        "with the signs right the slope is two thirds of what it was",
        of(lambda: reruns(before=1e-3)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "with the efficiencies that Table 3 prints the lead may be none",
        of(lambda: {"leads": leads(printed=perfect().leads.printed._replace(low=0.9))}),
        (NOT_RESOLVED,),
    ),
    Border(
        "C15",
        CROSSES,
        "plain MXFP4 loses more than Quartet, and perhaps not",
        of(ladder=ladder(plain_MXFP4=made.GAPS["QuEST:RTN"] + crossing(0.02, 0.0, 8))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C16",
        ONE_FAILS,
        "one of two recipes would gain 0.05 nats at half the rate",
        of(rates=made.rates(gain=0.05)),
        (DOES_NOT_HOLD,),
    ),
]


def law(eff_n=0.648, **changed):
    """The refit with another eff_N of QuEST, and what follows from it."""
    found = perfect().refit
    found = found._replace(
        efficiency=found.efficiency | {"eff_N QuEST": eff_n},
        boot=found.boot | {"eff_N QuEST": found.boot["eff_N QuEST"] * eff_n / 0.648},
    )
    found = found._replace(**changed)
    return {"refit": found, "leads": released.marked_models(found)}


def same_gaps():
    frame = released.rerun_table().assign(gap=0.01)
    frame["gap"] += 1e-4 * np.random.default_rng(0).standard_normal(len(frame))
    return released.regress(frame)


def shifted(arm, change):
    """Depth with another misalignment of one scheme; `change` is by depth."""
    found = made.depth()
    values = found.misalignment[arm] + change
    return found._replace(misalignment=found.misalignment | {arm: values})


def diverged(**seeds):
    found = made.ladder()
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
FEW = {name: made.GAPS[name] for name in ("none:none", "plain MXFP4", "QuEST:RTN")}
STUCK = made.averages().errors | {
    "SR, signs before": 0.1 / made.averages().counts + np.array([[0.019], [0.02], [0.021]])
}

VARIANTS = {
    "nothing works": of(
        lambda: {"reruns": same_gaps()},
        table=made.table(ratio=1.0, misalignment=0.0),
        means=dict.fromkeys(("floor", "nearest"), (0.0134, 0.0147)),
        products=made.products(works=False),
        depth=made.depth(effect=0.0),
        averages=made.averages()._replace(errors=STUCK),
        ladder=made.ladder(FLAT),
    ),
    "no data": of(
        refit=made.MISSING, leads=made.MISSING, measured=made.MISSING, earlier=made.MISSING
    ),
    "no map": of(measured=made.MISSING),
    "diverged forward": of(ladder=diverged(SR__none=2)),
    "diverged backward": of(ladder=diverged(none__SR=1, none__QuEST=3)),
    "two seeds": of(ladder=made.ladder(n_seeds=2)),
    "one seed": of(ladder=made.ladder(n_seeds=1), rates=made.rates(n_seeds=1)),
    "three recipes": of(ladder=made.ladder(FEW)),
    "one rate": of(
        rates=made.Rates(np.array([1e-3]), {"none:none": np.full((1, 1), 2.0)}),
    ),
    "worse than RTN": of(ladder=made.ladder(made.GAPS | {"SR:none": 0.03})),
    "plain is better": of(ladder=made.ladder(made.GAPS | {"plain MXFP4": 0.02})),
    "dear backward": of(ladder=made.ladder(made.GAPS | {"none:RTN": 0.05})),
    "beyond the ladder": of(ladder=made.ladder(made.GAPS | {"SR:none": 2.0})),
    "QuEST as printed": of(table=made.table(quest=1.32e-2)),
    "wrong efficiency": of(lambda: law(0.7)),
    "poor efficiency": of(lambda: law(0.45)),
    "no crossover": of(lambda: law(0.3)),
    "gamma of 1": of(lambda: law(costs={"full": 1.0, "gamma = 1": 1.0, "beta = 1": 1.0})),
    "wide resamples": of(lambda: law(boot=made.fitted(0.02).boot)),
    "few resamples": of(
        lambda: law(
            boot={name: values[:5] for name, values in made.fitted().boot.items()},
            n_lost=3,
        )
    ),
    "the held-out law disagrees": of(lambda: {"leads": leads(held_out=0.8)}),
    "the placebo moves as much": of(lambda: reruns(placebo=1.0)),
    "the placebo moves a little": of(lambda: reruns(placebo=0.97)),
    "slope before": of(lambda: reruns(before=1e-3)),
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
