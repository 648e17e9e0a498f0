"""The chapter's two explorers: a released family under the protocol, and the laboratory."""

from __future__ import annotations

from functools import cache

import numpy as np

from companion.explore import Explorer, explorer
from companion.scale import generator
from companion.scaling_laws.lab.worlds import SIZES, lab_family
from companion.scaling_laws.lab.zipf import World, make_world
from companion.scaling_laws.method.law import is_identified
from companion.scaling_laws.method.protocol import (
    CUT,
    Family,
    Run,
    are,
    bias,
    target_points,
    training_points,
)
from companion.scaling_laws.method.varpro import fit_varpro
from companion.scaling_laws.page.figures import family_frame, lab_frame
from companion.scaling_laws.page.figures.law import Prediction
from companion.scaling_laws.sources import released_family

CURVES = {
    "OPT, perplexity (as fitted)": ("OPT", "paper", "validation perplexity"),
    "OPT, nats": ("OPT", "nats", "validation loss (nats per token)"),
    "GPT-3, nats": ("gpt3", "paper", "validation loss (nats per token)"),
    "Pythia, log2 of a perplexity (as fitted)": ("pythia", "paper", "log2 LAMBADA perplexity"),
}
"""Slider value -> family, unit, what the axis shows."""


@cache
def _family(curve: str) -> Family:
    name, unit, _ = CURVES[curve]
    return released_family(name, unit)


@cache
def predict(curve: str, n: int, q: float, cut: float) -> Prediction:
    """One fit of the n smallest models of a family, as the protocol takes them.

    curve : key of CURVES; n, q, cut : see ``protocol``
    """
    family = _family(curve)
    runs, target = family.runs[:n], target_points(family.target)
    law = fit_varpro(training_points(runs, q=q, cut=cut)).law
    end = q * max(run.D[-1] for run in runs)
    used = []
    for run in runs:
        tokens = run.D
        used.append(run.select((tokens > cut) & (tokens < end)))
    grid = np.geomspace(5e9, family.target.D[-1], 120)
    late = np.concatenate([run.loss[grid[0] <= run.D] for run in family.runs])
    margin = 0.08 * np.ptp(late)
    return Prediction(
        training=tuple(used),
        target=family.target,
        law=law,
        grid=grid,
        band=_band(runs, family.target.N, grid, q, cut),
        are=are(law, target),
        bias=bias(law, target),
        ylabel=CURVES[curve][2],
        ylim=(float(late.min() - margin), float(late.max() + margin)),
    )


def _band(
    runs: tuple[Run, ...], N: float, grid: np.ndarray, q: float, cut: float
) -> tuple[np.ndarray, np.ndarray] | None:
    curves = []
    for left_out in runs:
        data = training_points([run for run in runs if run is not left_out], q=q, cut=cut)
        if not is_identified(data):
            return None
        curves.append(fit_varpro(data).law.predict(N, grid))
    return np.min(curves, axis=0), np.max(curves, axis=0)


def family_explorer() -> Explorer:
    """Family and unit, number of models, share of training, cut: 32 frames.

    Raises
    ------
    DataUnavailable : the released families are not on this machine
    """
    for curve in CURVES:
        _family(curve)  # now, and not when the first frame is drawn

    def alt(**at: object) -> str:
        shown = predict(**at)
        return (
            f"{at['curve']}: {at['n']} models, first {100 * at['q']:.0f} % of training, "
            f"{'first 10B tokens cut' if at['cut'] else 'no cut'}: error {shown.are:.1f} percent, "
            f"bias {shown.bias:+.1f} percent."
        )

    return explorer(
        lambda **at: family_frame(predict(**at)),
        name="sl-family",
        alt=alt,
        labels={"curve": "family", "n": "models", "q": "share of training", "cut": "cut"},
        show={"q": lambda q: f"{100 * q:.0f} %", "cut": lambda cut: "10B" if cut else "none"},
        start={"curve": "OPT, perplexity (as fitted)", "n": 5, "q": 1.0, "cut": CUT},
        curve=list(CURVES),
        n=[3, 5],
        q=[0.3, 1.0],
        cut=[0.0, CUT],
    )


@cache
def _world(g: float, concentration: float) -> World:
    rng = generator(0, "zipf explorer", g, concentration)
    return make_world(rng, g=g, concentration=concentration)


@cache
def _lab(g: float, concentration: float, largest: int) -> Family:
    sizes = tuple(M for M in SIZES[:-1] if largest >= M) + SIZES[-1:]
    world = _world(g, concentration)
    return lab_family(world, 0, n_tokens=1_000_000, n_checkpoints=40, sizes=sizes)


def lab_explorer() -> Explorer:
    """Zipf exponent, predictability of tokens, largest training size, cut: 24 frames."""

    def pieces(g: float, concentration: float, largest: int, cut: float):
        family, world = _lab(g, concentration, largest), _world(g, concentration)
        law = fit_varpro(training_points(family.runs[:-1], cut=cut * family.target.D[-1])).law
        return family, world, law, cut

    def alt(**at: float) -> str:
        family, world, law, _ = pieces(**at)
        error = are(law, target_points(family.target))
        return (
            f"Exponent {1 + at['g']:.1f}, cut {100 * at['cut']:.0f} percent: error {error:.2f} "
            f"percent, E {law.E:.2f} where {world.irreducible:.2f} is true."
        )

    return explorer(
        lambda **at: lab_frame(*pieces(**at)),
        name="sl-lab",
        alt=alt,
        labels={
            "g": "Zipf exponent",
            "concentration": "entropy of tokens",
            "largest": "largest training size",
            "cut": "cut",
        },
        show={
            "g": lambda g: f"{1 + g:.1f}",
            "concentration": lambda c: {0.05: "low", 0.2: "high"}[c],
            "largest": lambda M: f"{M} contexts",
            "cut": lambda cut: f"{100 * cut:g} %",
        },
        start={"g": 0.4, "cut": 0.0},
        g=[0.2, 0.4, 0.8],
        concentration=[0.05, 0.2],
        largest=[256, 1024],
        cut=[0.0, 0.1],
    )
