"""Results made by hand: what a perfect run would give, to be spoiled one at a time."""

import numpy as np
import pandas as pd

from companion.data import Missing
from companion.stats import Interval
from companion.tart.lab.nulls import NULLS
from companion.tart.lab.real import COLUMNS
from companion.tart.lab.synthetic import Controls, Curve, Noise
from companion.tart.verdict.findings import Results

MISSING = Missing("set COMPANION_DATA")

ICL = {"ICL": 0.6, "ICL, contextual": 0.65, "ICL, median": 0.75}


def noisy(values, n, spread, seed):
    """Mean `values`, jitter of known size: (n, len(values))."""
    rng = np.random.default_rng(seed)
    return np.asarray(values) + spread * rng.standard_normal((n, len(values)))


def curve(module=0.90, logistic=0.915, mean=0.85, n=60, first=0.5):
    arms = {
        "module": module,
        "logistic": logistic,
        "mean difference": mean,
        "ridge": 0.9,
        "logistic, C = 1": 0.91,
        "knows w": 0.97,
    }
    k = np.array([1, 8, 17])
    rows = {}
    for i, (arm, last) in enumerate(arms.items()):
        rows[arm] = noisy(last - np.array([0.3, 0.1, 0.0]), n, 0.005, i)
    return Curve(k, rows, Interval(first, first - 0.02, first + 0.02, None, 1000))


def noise():
    alphas = np.array([0.5, 10.0])
    arms = ("module", "logistic", "mean difference", "knows w")
    return Noise(alphas, {arm: noisy([0.3, 0.1], 20, 0.01, i) for i, arm in enumerate(arms)})


def controls(shuffled=0.5, untrained=0.5, first=0.5, own=0.0, other=1.0):
    return Controls(
        noisy([shuffled], 100, 0.02, 0)[:, 0],
        noisy([untrained], 100, 0.02, 1)[:, 0],
        Interval(first, first - 0.02, first + 0.02, None, 1000),
        own,
        other,
    )


def table(base, sizes, seeds, vectors, module=0.0, spread=0.01, gain=0.0, noise=5):
    """Accuracies around base[data]; every null model is equal, the module differs by `module`.

    gain : what every doubling of the examples adds; noise : seed of the jitter
    """
    rng = np.random.default_rng(noise)
    rows = []
    for data, level in base.items():
        for k in sizes:
            for seed in range(seeds):
                here = level + gain * np.log2(k / sizes[0]) + spread * rng.standard_normal()
                for method in NULLS:
                    jitter = 0.002 * rng.standard_normal()
                    rows.append((data, k, seed, vectors, method, here + jitter))
                if module is not None:
                    rows.append(
                        (
                            data,
                            k,
                            seed,
                            vectors,
                            "module",
                            here + module + 0.002 * rng.standard_normal(),
                        )
                    )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def cells(sizes=(18, 32), seeds=4, probe=0.88, vanilla=-0.005, icl=ICL, module=0.0, tasks=None):
    """The language model's table: LOO at `probe`, vanilla relative to it."""
    base = dict.fromkeys(tasks or ("SMS", "YouTube"), probe)
    parts = [
        table(base, sizes, seeds, "LOO", module),
        table({t: v + vanilla for t, v in base.items()}, sizes, seeds, "vanilla", module, noise=8),
        table({t: v - 0.02 for t, v in base.items()}, sizes, seeds, "stream", module),
    ]
    rng = np.random.default_rng(6)
    rows = [
        (task, k, seed, "prompt", name, level + 0.01 * rng.standard_normal())
        for task in base
        for k in sizes
        for seed in range(seeds)
        for name, level in icl.items()
    ]
    return pd.concat([*parts, pd.DataFrame(rows, columns=list(COLUMNS))], ignore_index=True)


def tuned(level=0.90, k=32, seeds=3):
    rng = np.random.default_rng(7)
    rows = [
        (task, k, seed, level + 0.005 * rng.standard_normal())
        for task in ("SMS", "YouTube")
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["data", "k", "seed", "accuracy"])


def hub(module=0.0, icl=ICL, n_tasks=14, loo=0.02):
    tasks = [f"task {i}" for i in range(n_tasks)]
    return pd.concat(
        [
            cells((18, 32, 64), 3, 0.92, -loo, icl, module, tasks).assign(model=name)
            for name in ("one", "two")
        ],
        ignore_index=True,
    )


def media(module=0.0):
    return pd.concat(
        [
            table({"2v4, image model": 0.95}, (18, 32), 5, "image model", module),
            table({"0v1, sound model": 0.93}, (18, 32), 5, "sound model", module),
        ],
        ignore_index=True,
    )


def results(**changed):
    perfect = {
        "curve": curve(),
        "noise": noise(),
        "controls": controls(),
        "cells": cells(),
        "tuned": tuned(),
        "stream": table({"SMS": 0.9, "YouTube": 0.88}, (18, 32, 64, 128), 8, "MiniLM", gain=0.02),
        "digits": table({"3v8": 0.95, "4v9": 0.97}, (18, 32, 64, 128), 8, "pixels"),
        "shipped": curve(),
        "long": curve(),
        "hub": hub(),
        "media": media(),
    }
    return Results(**(perfect | changed))


def toy_results(**changed):
    """As at toy scale: four cells with 18 examples, one text set, nothing of the Hub."""
    toy = {
        "cells": cells((18,), 2),
        "tuned": Missing("book scale only"),
        "stream": table({"SMS": 0.84}, (18, 32), 3, "MiniLM"),
        "digits": table({"3v8": 0.95, "4v9": 0.97}, (18, 32), 5, "pixels"),
        "long": Missing("paper scale only"),
        "hub": Missing("paper scale only"),
        "media": Missing("paper scale only"),
    }
    return results(**(toy | changed))
