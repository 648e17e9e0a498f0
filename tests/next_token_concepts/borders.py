"""Border results of the chapter; every claim has some."""

from functools import cache

import numpy as np
import pandas as pd

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.data import Missing
from companion.next_token_concepts.verdict import verdicts
from tests.borders import CROSSES, NONE, ONE_FAILS, PAIRED, Border, spread
from tests.next_token_concepts import made

N = made.N


@cache
def perfect():
    return made.results()


def clean(scale="book"):
    return verdicts.evaluate(perfect(), scale)


def of(**changes):
    return lambda scale="book": list(made.judged(scale, **changes).values())


def scores(values, part="logits", name="LM", field="plain", eta=0.01):
    """R2 of one regressor at one eta, by seed."""

    def changed(run):
        if run.plan.eta != eta:
            return run
        return run._replace(**{part: getattr(run, part) | {name: values[run.plan.seed]}})

    return {field: [changed(run) for run in getattr(perfect(), field)]}


def plain(**fields):
    """The networks of plain prediction with fields by seed."""
    return {
        "plain": [
            run._replace(**{name: values[run.plan.seed] for name, values in fields.items()})
            for run in perfect().plain
        ]
    }


def decoding(place, values):
    """What is decoded at one place, by seed."""
    new = [
        run._replace(dec=run.dec | {place: np.full(4, values[run.plan.seed])})
        for run in perfect().plain
    ]
    return {"plain": new}


def twins(**fields):
    new = [
        run._replace(twins=run.twins._replace(**{k: v[run.plan.seed] for k, v in fields.items()}))
        for run in perfect().plain
    ]
    return {"plain": new}


def ways(way, column, at, values):
    """The fit at one length of context or one error, by world."""
    table = perfect().ways.copy()
    table.loc[(table["way"] == way) & (table[column] == at), "no_fit"] = values
    return {"ways": table}


def stalled():
    """Names of error 0.01 beside the others, which fit less well than those of error 0.3."""
    table = perfect().ways
    more = table[table["eta"] == 0.3].assign(eta=0.01)
    more = more.assign(no_fit=more["no_fit"] - spread(0.05, 0.001, N))
    return pd.concat([table, more], ignore_index=True)


def probes(m, edges, seed, slope):
    """One system's probe gains this much a bit in one seed."""
    table = perfect().simulated.copy()
    rows = (table["edges"] == edges) & (table["seed"] == seed) & (table["m"] == m)
    for name in ("probe", "bayes"):
        table.loc[rows, name] = 0.6 + slope * np.arange(int(rows.sum()))
    return {"simulated": table}


def merged(size, values, column="exact"):
    table = perfect().broken.merged.copy()
    table.loc[table["size"] == size, column] = values
    return {"broken": perfect().broken._replace(merged=table)}


def real(layer, values, arm="trained", field="held_out"):
    """Cosines by concept in one layer of one arm."""
    old = perfect().real
    rows = getattr(old.depth[arm], field).copy()
    rows[layer] = values
    depth = dict(old.depth) | {arm: old.depth[arm]._replace(**{field: rows})}
    return {"real": old._replace(depth=depth)}


def coded(kind, values):
    """Scores of one kind by seed, at every level; or a column of the probes."""
    found = perfect().coded
    if kind in found.probes:
        return {"coded": found._replace(probes=found.probes.assign(**{kind: values}))}
    table = found.scores.copy()
    for seed, value in enumerate(values):
        table.loc[(table["kind"] == kind) & (table["seed"] == seed), "exp_r"] = value
    return {"coded": found._replace(scores=table)}


def same_seed_effect():
    """Probe and autoencoders move together from seed to seed, by far more than they differ."""
    shift = spread(0, 0.15, N, 3)
    found = made.dictionaries(structured=0.7)
    table = found.scores.copy()
    table["exp_r"] = 0.6 + table["seed"].map(dict(enumerate(shift))) + 0.002 * table["odds_r"]
    table["exp_r"] += table["seed"].map(dict(enumerate(spread(0, 0.002, N, 4))))
    probes = found.probes.assign(probe=0.65 + shift)
    return {"coded": found._replace(scores=table, probes=probes)}


BOTH = (DOES_NOT_HOLD, NOT_RESOLVED)

BORDERS = [
    Border(
        "C1", CROSSES, "97 %, and perhaps 94", of(**scores(spread(0.97, 0.03, N))), (NOT_RESOLVED,)
    ),
    Border(
        "C1",
        ONE_FAILS,
        "the posterior explains as much",
        of(**scores(spread(0.985, 0.001, N), name="P")),
        BOTH,
    ),
    Border(
        "C1",
        ONE_FAILS,
        "an untrained network is as good",
        of(**scores(spread(0.985, 0.001, N), part="untrained")),
        BOTH,
    ),
    Border(
        "C1",
        ONE_FAILS,
        "one network has not converged",
        of(**plain(excess=[0.01] * (N - 1) + [0.031])),
        (NOT_RESOLVED,),
    ),
    Border(
        "C2",
        CROSSES,
        "the vector by 97 %, and perhaps 94",
        of(**scores(spread(0.97, 0.03, N), part="vector")),
        (NOT_RESOLVED,),
    ),
    Border(
        "C2",
        ONE_FAILS,
        "the logits by 99 %, the vector by 87",
        of(**scores(spread(0.87, 0.01, N), part="vector")),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C3",
        CROSSES,
        "97 %, and perhaps 94",
        of(**scores(spread(0.97, 0.03, N), part="vector", field="by_eta")),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "the posterior explains as much",
        of(**scores(spread(0.985, 0.001, N), part="vector", name="P", field="by_eta")),
        BOTH,
    ),
    Border(
        "C4",
        CROSSES,
        "92 %, and perhaps 88",
        of(**decoding("f", spread(0.92, 0.03, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C4",
        ONE_FAILS,
        "counts decode as well",
        of(**decoding("counts", spread(0.8, 0.01, N))),
        BOTH,
    ),
    Border(
        "C5",
        CROSSES,
        "slope 1.05, and perhaps 1.2",
        of(**twins(slope=spread(1.05, 0.1, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C5",
        ONE_FAILS,
        "the slope is right, directions and probes differ",
        of(**twins(held_out=np.array([spread(0.2, 0.01, 4, s) for s in range(N)]))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C6",
        CROSSES,
        "sharpest names: 0.995, and perhaps not",
        of(**ways("sharper names", "eta", 1e-4, spread(0.995, 0.01, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "exact with vague names, too",
        of(**ways("sharper names", "eta", 0.3, spread(0.999, 0.0001, N))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C5",
        ONE_FAILS,
        "the slope is right, around a line that explains half",
        of(**twins(r2=spread(0.5, 0.01, N))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "a sharper name is no better",
        of(ways=stalled()),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C7", CROSSES, "one system: one seed of three does not gain", of(**probes(7, 2, 1, -0.05))
    ),
    Border(
        "C7",
        ONE_FAILS,
        "one system's networks stay below the ceiling",
        of(
            simulated=made.simulated().assign(
                bayes=lambda t: t["bayes"] + 0.05 * ((t["m"] == 4) & (t["edges"] == 3))
            )
        ),
        (NOT_RESOLVED,),
    ),
    Border(
        "C8",
        CROSSES,
        "0.1 above noise, and perhaps not",
        of(**real(-1, spread(0.1, 0.3, 5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C8",
        ONE_FAILS,
        "on disjoint words as on noise, though the same pairs agree",
        of(**real(-1, spread(-0.05, 0.01, 5))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C8",
        ONE_FAILS,
        "other concepts' probes agree as well",
        of(**real(-1, 1.0, field="other")),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C9",
        CROSSES,
        "ahead on average, not in every seed",
        of(**coded("probe", spread(0.75, 0.1, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C9",
        ONE_FAILS,
        "one autoencoder above 0.8",
        of(**coded("top-k", spread(0.9, 0.01, N))),
        BOTH,
    ),
    Border("C9", PAIRED, "all move together by seed", of(**same_seed_effect()), (HOLDS,)),
    Border(
        "C10",
        CROSSES,
        "ahead on average, not in every seed",
        of(**coded("structured", spread(0.55, 0.1, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C10",
        ONE_FAILS,
        "the sparse half is empty",
        of(coded=made.dictionaries(active=0.5)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C10",
        ONE_FAILS,
        "one of three others is better",
        of(**coded("batch top-k", spread(0.8, 0.01, N, 9))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C11",
        ONE_FAILS,
        "at 0.45 the log posterior still wins",
        of(**scores(spread(0.90, 0.001, N), name="P", field="by_eta", eta=0.45)),
        BOTH,
    ),
    Border(
        "C11",
        CROSSES,
        "ahead by 0.01 on average",
        of(**scores(spread(0.98, 0.02, N), name="P", field="by_eta")),
        (NOT_RESOLVED,),
    ),
    Border(
        "C12",
        CROSSES,
        "96 words: below 0.4, and perhaps not",
        of(**ways("longer contexts", "length", 96, spread(0.3, 0.2, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C12",
        ONE_FAILS,
        "from 4 to 24 words the fit does not fall",
        of(**ways("longer contexts", "length", 24, spread(0.93, 0.001, N, 7))),
        BOTH,
    ),
    Border(
        "C13",
        CROSSES,
        "four names: below 0.8, and perhaps not",
        of(**merged(4, spread(0.75, 0.1, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C13",
        ONE_FAILS,
        "the first merge costs nothing",
        of(**merged(2, spread(0.998, 0.001, N, 5))),
        BOTH,
    ),
    Border(
        "C13",
        ONE_FAILS,
        "trained networks are far from exact ones",
        of(broken=made.broken(far=0.08)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C13",
        ONE_FAILS,
        "one network has not converged",
        of(broken=made.broken(excess=0.04)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C14",
        CROSSES,
        "0.96, and perhaps 0.94",
        of(noise=[n._replace(same=spread(0.96, 0.03, 4)) for n in made.noise()]),
        (NOT_RESOLVED,),
    ),
    Border(
        "C14",
        ONE_FAILS,
        "disjoint halves agree on noise, too",
        of(noise=[n._replace(held_out=n.same) for n in made.noise()]),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C15",
        ONE_FAILS,
        "random weights do as well",
        of(real=made.words(0.5, 0.6, 0.6)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C15",
        CROSSES,
        "the embedding is 0.03 behind, and perhaps 0.1",
        of(**real(0, spread(0.47, 0.1, 5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C16",
        CROSSES,
        "ahead on average, not in every seed",
        of(**coded("random", spread(0.55, 0.1, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C16",
        ONE_FAILS,
        "one of three kinds is better",
        of(**coded("p-annealing", spread(0.8, 0.01, N))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C16",
        NONE,
        "a kind does not reach the error in one seed",
        of(
            coded=made.dictionaries()._replace(
                scores=made.dictionaries().scores.query("not (seed == 0 and kind == 'top-k')")
            )
        ),
        (NOT_RESOLVED,),
    ),
]

GONE = Missing("nothing is here")
VARIANTS = {"nothing is here": of(**dict.fromkeys(vars(perfect()), GONE))}
