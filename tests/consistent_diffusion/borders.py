"""Border results of the claims on the plane."""

import numpy as np

from companion.claims import HOLDS, NOT_RESOLVED
from companion.consistent_diffusion.verdict.findings import evaluate
from tests.borders import CROSSES, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.consistent_diffusion import made

N = 5


def logs(mean, deviation, seed=0):
    """Factors whose logarithm has this mean and deviation."""
    return np.exp(spread(np.log(mean), deviation, N, seed))


def models(shared=None, **ratios):
    """Five seeds of all methods; `ratios` gives divergences by seed as method__field.

    shared : a factor of all divergences of a seed
    """
    luck = np.ones(N) if shared is None else shared
    level = {
        "Diffusion": (0.1, 0.02, 0.08, 60.0),
        "Mixture": (0.05, 0.02, 0.05, 40.0),
        "Fokker-Planck": (0.03, 0.02, 0.02, 15.0),
        "Both": (0.01, 0.02, 0.02, 10.0),
    }
    found = {}
    for k, (method, values) in enumerate(level.items()):
        fields = dict(zip(("grid", "iid", "sim", "fixed"), values, strict=True))
        by_seed = {}
        for j, (name, value) in enumerate(fields.items()):
            key = f"{method.replace('-', '_')}__{name}"
            by_seed[name] = ratios.get(key, value * logs(1.0, 0.02, 10 * k + j)) * luck
        found[method] = [
            made.scored(**{name: float(v[i]) for name, v in by_seed.items()}) for i in range(N)
        ]
        for i, one in enumerate(found[method]):  # the maker moves this one a little
            found[method][i] = changed(one, sim_js=float(by_seed["sim"][i]))
    plane = made.plane_models()
    return changed(plane, scored=found, seeds=tuple(range(N)))


def changed(what, **fields):
    from dataclasses import replace

    return what._replace(**fields) if hasattr(what, "_replace") else replace(what, **fields)


def of(**changes):
    made_models = changes.pop("models", None)
    results = {"models": models() if made_models is None else made_models} | changes
    return lambda: evaluate(made.results(**results), "book")


clean = of()


def whole(difference):
    """Divergence at the largest penalty minus that at none, by seed."""
    plane = made.plane_runs()
    before = spread(0.3, 0.02, N)
    return changed(plane, whole={0.0: before, 5e-2: before + difference})


BORDERS = [
    Border(
        "C1",
        CROSSES,
        "1.5 times worse, and perhaps 1.2",
        of(models=models(Diffusion__sim=0.02 * logs(1.5, 0.2))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C2",
        CROSSES,
        "2.5 times better, and perhaps 1.8",
        of(models=models(Both__grid=0.1 / logs(2.5, 0.3))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C2",
        ONE_FAILS,
        "no better than the penalty alone allows",
        of(models=models(Fokker_Planck__grid=0.1 / logs(1.2, 0.02))),
    ),
    Border(
        "C2",
        PAIRED,
        "seeds differ tenfold, and all methods with them",
        of(models=models(shared=logs(1.0, 2.3))),
        (HOLDS,),
    ),
    Border(
        "C3",
        CROSSES,
        "as good, and perhaps a third worse",
        of(models=models(Both__sim=0.02 * logs(1.1, 0.25))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C4",
        CROSSES,
        "denoised samples as good, and perhaps half worse",
        of(models=models(Both__iid=0.02 * logs(1.15, 0.3))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C5",
        CROSSES,
        "the residual falls 3 times, and perhaps 1.8",
        of(models=models(Both__fixed=60.0 / logs(3.0, 0.5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C7",
        CROSSES,
        "the largest penalty does harm, and perhaps not",
        of(plane=whole(crossing(0.03, 0.0, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C7",
        PAIRED,
        "seeds differ by 2 points, and harm is half a point in each",
        of(plane=whole(spread(0.005, 0.001, N))),
        (HOLDS,),
    ),
]
