"""Results made by hand: what a perfect run would give, and ways to spoil it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from companion.consistent_diffusion.lab.estimator import Unbiased
from companion.consistent_diffusion.lab.line import (
    CONTROLS,
    Features,
    LineFit,
    LineRuns,
    RandomEnergy,
)
from companion.consistent_diffusion.lab.molecule.scores import (
    BOND_EDGES,
    MAP,
    PROFILE,
    Floor,
    MoleculeResult,
    Yardstick,
)
from companion.consistent_diffusion.lab.plane import (
    MAP as PLANE_MAP,
)
from companion.consistent_diffusion.lab.plane import (
    METHODS,
    RESIDUAL_TIMES,
    STRONG,
    T_EVAL,
    PlaneModels,
)
from tests.borders import spread

N, M = 5, 4
"""Trainings on the plane, and on the molecule."""
FLOOR = 0.03
LABELS = (
    "Diffusion",
    "Mixture",
    "Both",
    "No energy",
    *(f"Two For One, t = {t:g}" for t in (0.003, 0.01, 0.02)),
)


def logs(mean, deviation=0.05, n=N, seed=0):
    """Factors whose logarithm has this mean and deviation."""
    return np.exp(spread(np.log(mean), deviation, n, seed))


def line_fit(js, dsm):
    features = Features(np.ones((2, 1)), np.ones((2, 4)), np.ones(2))
    return LineFit(js, 0.8, dsm, 80.0, 40.0, RandomEnergy(features, np.array([1.0, -1.0])))


def line(plain=0.2, mended=0.02, wrong=0.2, same=0.03, loss=1.01):
    """Five draws without and with the penalty, and with broken ones."""
    rows = {0.0: plain, 1e-3: mended}
    fits = {
        alpha: [
            line_fit(float(js), 0.36 * (loss if alpha else 1) * float(f))
            for js, f in zip(level * logs(1, 0.1, 5, k), logs(1, 0.001, 5, k + 9), strict=True)
        ]
        for k, (alpha, level) in enumerate(rows.items())
    }
    broken = {
        name: [line_fit(float(js), 0.36) for js in level * logs(1, 0.1, 5, 7 + k)]
        for k, (name, level) in enumerate(zip(CONTROLS, (wrong, same), strict=True))
    }
    return LineRuns(fits, broken)


def estimator(off=1.0, off_same=40.0):
    """18 points, `off` standard errors away, and `off_same` with one displacement."""
    one = np.ones(18)
    return Unbiased(one, one + 0.1 * off, 0.1 * one, one + 0.1 * off_same, 0.1 * one)


LEVELS = {
    # law, denoised and simulated above the floor, residual at small and middle times, range of ln Z
    "Diffusion": (0.1, 0.005, 0.05, 60.0, 6.0, 8.0),
    "Fokker-Planck": (0.03, 0.005, 0.02, 15.0, 6.0, 0.3),
    "Mixture": (0.05, 0.005, 0.03, 40.0, 6.0, 5.0),
    "Both": (0.01, 0.005, 0.005, 10.0, 6.0, 0.1),
    "Fokker-Planck, strong": (0.09, 0.005, 0.05, 5.0, 6.0, 0.1),
    "Both, strong": (0.02, 0.005, 0.01, 5.0, 6.0, 0.1),
}
FIELDS = ("law", "iid", "sim", "small", "middle", "z")


def plane(shared=None, n=N, **changed):
    """All methods; `changed` gives values by seed as method__field.

    shared : a factor of all divergences above the floor, of a seed
    """
    luck = np.ones(n) if shared is None else shared
    found = {}
    for k, (method, levels) in enumerate(LEVELS.items()):
        for j, (field, level) in enumerate(zip(FIELDS, levels, strict=True)):
            key = f"{method.replace('-', '_').replace(', ', '_')}__{field}"
            made = level * logs(1, 0.03, n, 10 * k + j)
            value = np.asarray(changed.get(key, made))
            found[method, field] = value * (luck if field in ("law", "iid", "sim") else 1)
    names = (*METHODS, *STRONG)

    def of(field, add=0.0):
        return {name: found[name, field] + add for name in names}

    small = RESIDUAL_TIMES < 0.05
    fixed = {
        name: np.where(small, found[name, "small"][:, None], found[name, "middle"][:, None])
        for name in names
    }
    rise = np.linspace(0, 1, len(T_EVAL))
    flat = {name: np.full((PLANE_MAP, PLANE_MAP), PLANE_MAP**-2.0) for name in names}
    return PlaneModels(
        grid_js=of("law"),
        iid_js=of("iid", FLOOR),
        sim_js=of("sim", FLOOR),
        iid_pmf=of("iid"),
        sim_pmf=of("sim"),
        t_eval_js={name: found[name, "law"][:, None] * (1 + rise) for name in names},
        log_z={name: found[name, "z"][:, None] * rise for name in names},
        raw=fixed,
        fixed=fixed,
        law=flat,
        denoised=flat,
        lost=dict.fromkeys(names, np.zeros(n, int)),
        left=dict.fromkeys(names, np.zeros(n, int)),
        floor=(FLOOR, 1.0),
        n=1000,
        seeds=n,
    )


def molecule(n=M, **changed):
    """All simulations; `changed` gives values by seed as label__field."""
    levels = {
        # divergence, share over the data's, bond error in nm, temperature, relaxation time
        "Diffusion": (0.05, 0.2, 2e-4, 1.01, 20.0),
        "Mixture": (0.04, 0.6, 1.5e-4, 1.01, 20.0),
        "Both": (0.02, 1.0, 1e-4, 1.0, 20.0),
        "No energy": (0.06, 0.1, 2e-4, 1.2, 20.0),
        "Two For One, t = 0.003": (0.03, 0.5, 2e-4, 1.0, 20.0),
        "Two For One, t = 0.01": (0.02, 0.6, 6e-4, 1.0, 20.0),
        "Two For One, t = 0.02": (0.03, 0.7, 1.2e-3, 1.0, 20.0),
    }
    share, frames = 0.05, 10
    fields = ("js", "share", "bond", "heat", "time")
    found = {}
    for k, (label, values) in enumerate(levels.items()):
        for j, (field, level) in enumerate(zip(fields, values, strict=True)):
            key = f"{label.replace(' ', '_')}__{field}"
            made = level * logs(1, 0.02, n, 10 * k + j)
            found[label, field] = np.asarray(changed.get(key, made))

    def of(field, factor=1.0):
        return {label: factor * found[label, field] for label in levels}

    drawn = ("Diffusion", "Mixture", "Both")
    iid = {
        name: np.asarray(changed.get(f"{name}__iid", 0.025 * logs(1, 0.01, n, k)))
        for k, name in enumerate(drawn)
    }
    pictures = (*levels, "data")
    return MoleculeResult(
        times_ps=np.arange(5.0),
        frame_ps=2.0,
        chains=64,
        curves={label: np.repeat(found[label, "js"][:, None], 5, 1) for label in levels},
        js=of("js"),
        wide=of("js"),
        pmf=of("js"),
        bond=of("bond"),
        enter=dict.fromkeys(levels, np.full((n, frames), 0.001)),
        stay=dict.fromkeys(levels, np.full((n, frames), 0.9)),
        population=of("share", share),
        heat=of("heat"),
        left=dict.fromkeys(levels, np.zeros(n, int)),
        timescale=of("time"),
        back={
            name: np.asarray(changed.get(f"{name}__back", spread(0.99, 0.002, n)))[:, None]
            * np.ones(frames)
            for name in drawn
        },
        back_rare=dict.fromkeys(drawn, np.full(n, 0.3)),
        back_ps=5.0,
        home=0.3,
        iid_js=iid,
        iid_wide=iid,
        iid_pmf=iid,
        iid_bond=iid,
        iid_population=iid,
        iid_lost=dict.fromkeys(drawn, np.zeros(n, int)),
        iid_floor=(0.02, 0.03),
        skew={
            "Mixture": changed.get("Mixture__skew", 1e-7 * logs(1, 0.1, n)),
            "No energy": changed.get("No_energy__skew", 0.03 * logs(1, 0.1, n)),
        },
        share=share,
        true_timescale=np.array([19.0, 21.0]),
        true=Yardstick(
            *[Floor(0.01, 0.008, 0.012)] * 4, enter=np.full(frames, 0.001), stay=np.ones(frames)
        ),
        maps=dict.fromkeys(pictures, np.full((MAP, MAP), MAP**-2.0)),
        profiles=dict.fromkeys(pictures, np.full((2, PROFILE), 1 / PROFILE)),
        bonds=dict.fromkeys(pictures, np.full(len(BOND_EDGES) - 1, 1 / 60)),
        losses={
            name: np.linspace(1, 0.5, 10)[:, None] * np.ones(n)
            for name in ("single", "small", "small, penalty", "small, no energy", "large 0")
        },
    )


def results(**changed):
    """All that the notebook hands to the verdicts, perfect where nothing else is given."""
    perfect = {"line": line, "plane": plane, "estimator": estimator, "molecule": molecule}
    return SimpleNamespace(**{name: changed.get(name) or make() for name, make in perfect.items()})


def with_fields(what, **fields):
    """The same with other fields."""
    return what._replace(**fields) if hasattr(what, "_replace") else replace(what, **fields)
