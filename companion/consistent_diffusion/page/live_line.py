"""The live figure: two modes on a line, the law and the score at t = 1e-5, and Langevin dots.

Random-feature energies without and with the penalty are tables that come with the page; the dots
move in the page.  The same numbers as ``live_line.js``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from companion.consistent_diffusion.lab.line import Noised, Problem, draw_features
from companion.consistent_diffusion.lab.systems import TWO_MODES
from companion.consistent_diffusion.method.diffusion import T_MIN
from companion.live import Choice, Live, Scene, Slider, fixed, percent
from companion.scale import generator

LOW, STEP, CELLS = -11.0, 0.1, 221
"""The grid of the tables."""
PENALTIES = {"none": 0.0, "penalty": 1e-3}
DRAWS = 3
DOTS, TICKS, DT = 40, 100, 0.05
"""Dots, the most steps that each can take, and the length of one in units of relaxation."""
POINTS, FEATURES = 3000, 200
TOP = 0.6
"""Densities are drawn up to here."""


@cache
def table() -> dict[str, object]:
    """log q and score of every model on the grid, the truth's, first places and kicks of dots."""
    x = LOW + STEP * np.arange(CELLS)
    points = torch.tensor(x)[:, None]
    t = torch.full((CELLS,), T_MIN, dtype=points.dtype)
    models: dict[str, list] = {name: [] for name in PENALTIES}
    for draw in range(DRAWS):
        rng = generator(draw, "line live")
        features = draw_features(FEATURES, rng)
        problem = Problem(features, Noised(TWO_MODES.draw(POINTS, rng), rng))
        for name, alpha in PENALTIES.items():
            model = problem.solve(alpha).model
            log_q = model.log_q(x[:, None], T_MIN)
            log_q -= log_q.max()
            slope = np.gradient(log_q, STEP)
            models[name].append({"log": log_q.round(3).tolist(), "score": slope.round(3).tolist()})
    rng = generator(0, "line dots")
    exact = TWO_MODES.log_q(points, t).numpy()
    score = TWO_MODES.score(points, t).numpy()[:, 0]
    return {
        "models": models,
        "truth": {"log": exact.round(3).tolist(), "score": score.round(3).tolist()},
        "start": TWO_MODES.draw(DOTS, rng)[:, 0].round(2).tolist(),
        "kicks": rng.standard_normal((TICKS, DOTS)).round(2).tolist(),
    }


def density(log: list[float]) -> list[float]:
    """Masses per unit of x from an unnormalized log density on the grid."""
    top = max(log)
    masses = [math.exp(value - top) for value in log]
    total = sum(masses) * STEP
    return [mass / total for mass in masses]


def right_share(log: list[float]) -> float:
    """Mass of a density on the grid right of 0."""
    law = density(log)
    return sum(m for i, m in enumerate(law) if LOW + STEP * i > 0) * STEP


def at(score: list[float], x: float) -> float:
    """The score between the points of the grid, and as at its ends beyond them."""
    place = min(max((x - LOW) / STEP, 0.0), CELLS - 1.000001)
    cell = math.floor(place)
    part = place - cell
    return score[cell] * (1 - part) + score[cell + 1] * part


def moved(score: list[float], data: Mapping, ticks: int) -> list[float]:
    """Places of all dots after so many steps of overdamped Langevin dynamics."""
    x, kick = list(data["start"]), math.sqrt(2 * DT)
    for tick in range(ticks):
        row = data["kicks"][tick]
        x = [
            min(max(one + DT * at(score, one) + kick * row[i], LOW), -LOW)
            for i, one in enumerate(x)
        ]
    return x


def divergence(p: list[float], q: list[float]) -> float:
    """Jensen-Shannon divergence of two densities on the grid, in nats."""
    found = 0.0
    for a, b in zip(p, q, strict=True):
        if a > 1e-300:
            found += 0.5 * a * math.log(2 * a / (a + b))
        if b > 1e-300:
            found += 0.5 * b * math.log(2 * b / (a + b))
    return found * STEP


def scene(values: Mapping, data: Mapping) -> Scene:
    """Densities with the dots below them, and scores."""
    name, draw = values["penalty"], round(values["draw"]) - 1
    model, ticks = data["models"][name][draw], round(values["time"] / DT)
    law, truth = density(model["log"]), density(data["truth"]["log"])
    x = [LOW + STEP * i for i in range(CELLS)]
    right = percent(right_share(model["log"]), 0)
    dots = moved(model["score"], data, ticks)
    role = "Diffusion" if name == "none" else "Fokker-Planck"
    words = "Without the penalty" if name == "none" else "With the penalty"
    near = sum(1 for one in dots if min(abs(one - 5), abs(one + 5)) < 3)
    return {
        "headline": f"{words} the law of simulation has {right} of its mass right of 0, the data "
        "have 80\u00a0%.",
        "detail": f"It is {fixed(divergence(law, truth), 3)} nats from the truth; after a time of "
        f"{fixed(values['time'], 1)}, {near} of {DOTS} dots are within 3 of a mode.",
        "panels": [
            {
                "title": "Density at t = 0.00001",
                "x": {"label": "x", "domain": [-10, 10]},
                "y": {"label": "", "domain": [-0.08, TOP]},
                "marks": [
                    {
                        "kind": "line",
                        "x": x,
                        "y": [min(v, TOP) for v in truth],
                        "role": "truth",
                        "dash": "2 3",
                        "name": "truth",
                    },
                    {
                        "kind": "line",
                        "x": x,
                        "y": [min(v, TOP) for v in law],
                        "role": role,
                        "width": 2.2,
                        "name": "law of simulation",
                    },
                    {
                        "kind": "points",
                        "x": dots,
                        "y": [-0.02 - 0.012 * (i % 5) for i in range(DOTS)],
                        "role": role,
                        "marker": "o",
                        "size": 2.5,
                        "name": "simulated",
                    },
                ],
            },
            {
                "title": "Score at t = 0.00001",
                "x": {"label": "x", "domain": [-10, 10]},
                "y": {"label": "", "domain": [-8, 8]},
                "marks": [
                    {
                        "kind": "line",
                        "x": x,
                        "y": [min(max(v, -8.0), 8.0) for v in data["truth"]["score"]],
                        "role": "truth",
                        "dash": "2 3",
                        "name": "exact",
                    },
                    {
                        "kind": "line",
                        "x": x,
                        "y": [min(max(v, -8.0), 8.0) for v in model["score"]],
                        "role": role,
                        "width": 2.2,
                        "name": "learned",
                    },
                ],
            },
        ],
    }


def figure() -> Live:
    """Penalty, draw of the features, and simulated time; opens without the penalty."""
    return Live(
        "cd-line",
        scene,
        Path(str(files("companion.consistent_diffusion.page"))) / "live_line.js",
        [
            Choice("penalty", "penalty", [("none", "none"), ("penalty", "0.001")]),
            Slider("draw", "draw of data and features", 1, DRAWS, 1),
            Slider("time", "simulated time", 0, TICKS * DT, 0, DT),
        ],
        table(),
    )
