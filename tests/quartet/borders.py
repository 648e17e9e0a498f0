"""Border results of the chapter."""

from functools import cache

import numpy as np

import companion.quartet as qt
from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.quartet.gradients import Depth
from tests.borders import CORRECTED, CROSSES, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.quartet import made


@cache
def perfect():
    return made.results()


def of(**changed):
    from dataclasses import replace

    return lambda: qt.evaluate(replace(perfect(), **changed), "book")


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
    Border("C1", CROSSES, "the ratio is right and its interval wider than 0.03",
           of(table=WIDE)),
    Border("C1", ONE_FAILS, "rounding to nearest shrinks by 1.05 %",
           of(table=made.table(misalignment=1.05e-2)), (DOES_NOT_HOLD,)),
    Border("C3", ONE_FAILS, "one replicate with the signs after averages a little",
           of(products=products("RTN, signs after", 64, 0.999)), (DOES_NOT_HOLD,)),
    Border("C3", CROSSES, "one replicate with the signs before is stuck",
           of(products=products("RTN, signs before", 64, 10.0))),
    Border("C7", ONE_FAILS, "at one depth of six nothing is gained", of(depth=depth(off=4))),
    Border("C7", CORRECTED, "at every depth p is 0.003, before the correction",
           of(depth=depth(p_gain=0.01 * np.sqrt(8) / 4.42))),
    Border("C7", PAIRED, "batches differ by a tenth in cosine, in both schemes",
           of(depth=depth(batches=0.1)), (HOLDS,)),
    Border("C9", CROSSES, "stochastic rounding loses more, and perhaps not",
           of(trained=trained(SR__none=0.04 + crossing(0.01, 0.0, 6))), (NOT_RESOLVED,)),
    Border("C9", CROSSES, "naive training loses more than Quartet, and perhaps not",
           of(trained=trained(naive=0.05 + crossing(0.05, 0.0, 6))), (NOT_RESOLVED,)),
    Border("C9", PAIRED, "seeds differ by a nat, and all recipes with them",
           of(trained=trained(seeds=1.0)), (HOLDS,)),
    Border("C10", CROSSES, "half of the forward gap is more, and perhaps not",
           of(trained=trained(none__RTN=0.02 - crossing(0.005, 0.0, 6))), (NOT_RESOLVED,)),
]  # fmt: skip
