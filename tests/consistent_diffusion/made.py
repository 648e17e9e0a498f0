"""Results made by hand, for findings, tables, and figures."""

from dataclasses import replace
from itertools import permutations

import numpy as np

from companion.consistent_diffusion.lab.estimator import Speeds, Unbiased
from companion.consistent_diffusion.lab.plane import RESIDUAL_TIMES, T_EVAL, PlaneModels, Scored
from companion.consistent_diffusion.lab.random_features import (
    CONTROLS,
    PLANE_GRID,
    LineFit,
    LineRuns,
    PlaneRuns,
    RandomEnergy,
    draw_features,
)
from companion.consistent_diffusion.lab.systems import TIMES, Curve, fine_grid
from companion.consistent_diffusion.settings import METHODS
from companion.consistent_diffusion.verdict.findings import Results
from companion.data import Missing
from companion.scale import generator
from companion.stats import Interval

SPREAD = np.array([0.9, 1.0, 1.1, 0.95, 1.05])
LUCK = (0.99, 1.0, 1.01)


def line_fit(js, mass=0.8, dsm=0.36, raw=80.0, fixed=40.0, seed=0):
    features = draw_features(20, generator(seed))
    model = RandomEnergy(features, 0.1 * generator(seed, "theta").standard_normal(20))
    return LineFit(js, mass, dsm, raw, fixed, model)


def line_runs(plain=0.2, mended=0.02, mended_mass=0.79, dsm=0.363, fixed=4.0, wrong=0.25):
    """Five seeds around the given values."""
    return LineRuns(
        {
            0.0: [
                line_fit(plain * s, 0.99, 0.36 + 0.001 * s, fixed=40.0 * s, seed=i)
                for i, s in enumerate(SPREAD)
            ],
            1e-3: [
                line_fit(mended * s, mended_mass, dsm + 0.001 * s, 2 * fixed, fixed * s, seed=i)
                for i, s in enumerate(SPREAD[::-1])
            ],
        },
        {
            CONTROLS[0]: [line_fit(wrong * s) for s in SPREAD[2::-1]],
            CONTROLS[1]: [line_fit(0.03 * s) for s in SPREAD[:3]],
        },
    )


def no_treatment():
    """A penalty that does nothing: the same numbers in both arms, in another order of seeds."""
    runs = line_runs()
    return LineRuns({0.0: runs.fits[0.0], 1e-3: runs.fits[0.0][::-1]}, runs.controls)


def plane_runs(whole=(0.3, 0.35)):
    shape = PLANE_GRID.masses(np.zeros(PLANE_GRID.n**2))
    return PlaneRuns(
        {0.0: 0.2 * SPREAD, 5e-3: 0.02 * SPREAD},
        {0.0: whole[0] * np.ones(5) + 0.001 * SPREAD, 5e-2: whole[1] + 0.001 * SPREAD[::-1]},
        {0.0: shape, 5e-3: shape},
        PLANE_GRID,
        shape,
    )


def scored(grid=0.01, iid=0.02, sim=0.02, fixed=10.0, stopped=0, scale=1.0):
    _, exact = fine_grid()
    points = generator(0).normal(0, 0.4, (400, 2))
    return Scored(
        grid_js=grid * scale,
        iid_js=iid * scale,
        sim_js=sim * scale**1.02,
        iid_pmf=0.1,
        sim_pmf=0.1,
        t_eval_js=np.linspace(grid, 0.2, len(T_EVAL)) * scale,
        raw=3 * fixed * scale / (1 + RESIDUAL_TIMES),
        fixed=fixed * scale / (1 + RESIDUAL_TIMES),
        law=exact,
        iid=points,
        sim=points,
        n_lost=0,
        n_diverged=stopped,
    )


def plane_models(methods=METHODS, seeds=3, **changes):
    """Three seeds: the plain model bad at simulation, the penalized ones good."""
    arms = {
        "Diffusion": {"grid": 0.1, "sim": 0.08, "fixed": 60.0},
        "Mixture": {"grid": 0.05, "sim": 0.05, "fixed": 40.0},
        "Fokker-Planck": {"grid": 0.03, "fixed": 15.0},
        "Both": {"grid": 0.01},
    }
    found = {}
    for luck, method in zip(permutations(LUCK), methods, strict=False):  # no two alike
        values = arms[method] | changes.get(method, {})
        found[method] = [scored(**values, scale=s) for s in luck[:seeds]]
    return PlaneModels(found, (0.015, 0.1), 20_000, tuple(range(seeds)))


def untreated_models():
    """All four methods with the same numbers, in another order of seeds."""
    one = plane_models().scored["Diffusion"]
    turned = dict(zip(METHODS, map(list, permutations(one)), strict=False))
    return replace(plane_models(), scored=turned)


def unbiased(off=1.0):
    ones = np.ones(18)
    return Unbiased(
        ones, ones + 0.1 * off * np.linspace(-1, 1, 18), 0.1 * ones, 3 * ones, 0.1 * ones
    )


def speeds(paper=5e-3):
    return Speeds(
        plain=1e-3,
        penalized=3e-3,
        paper=paper,
        plain_x=1.2e-3,
        plain_xt=1.4e-3,
        score=8e-4,
        score_x=1e-3,
        score_xt=1.3e-3,
        reference=2.0,
        cost=Interval(paper / 1e-3, 0.97 * paper / 1e-3, 1.03 * paper / 1e-3, None, 7),
    )


def curve(deviation=0.004):
    return Curve(np.array(TIMES), 0.2 * np.array(TIMES), deviation)


def results(**changes):
    whole = {
        "line": line_runs(),
        "plane": plane_runs(),
        "estimator": unbiased(),
        "speeds": speeds(),
        "curve": curve(),
        "models": plane_models(),
        "molecule": Missing("no molecule in this test"),
    }
    return Results(**(whole | changes))
