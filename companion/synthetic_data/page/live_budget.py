"""The live figure: what a mixture costs, by the closed form and in simulated runs.

Equations 4 to 8 of the notebook; the same numbers as ``live_budget.js``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from companion.live import Choice, Live, Scene, Slider, fixed, percent
from companion.scale import generator
from companion.synthetic_data.method.mixing import mixing_law, simulated

ROUNDS, RUNS = 10, 400
"""Generations that are drawn, and simulated runs."""

POINTS = 99
"""Shares at which a curve is drawn."""

CAP = 4.0
"""Largest error variance that is drawn."""

KEPT = (
    ("fixed", "a part of the same real data"),
    ("fresh", "new real data every time"),
    ("accumulate", "everything that was ever there"),
)


@cache
def draws() -> list[list[float]]:
    """Normal draws of the simulated runs, rounded as on the page: (2 + 2 rounds, runs)."""
    z = generator(0, "live budget").standard_normal((2 + 2 * ROUNDS, RUNS))
    return z.round(2).tolist()


def alone(s: float, kept: str) -> float:
    """Error variance of the real samples in the mixture, alone; nothing is lost if all are kept."""
    return 1.0 if kept == "accumulate" else float(mixing_law(s, 1, "real only"))


def _capped(values: list[float]) -> list[float | None]:
    return [value if value <= CAP else None for value in values]


def scene(values: Mapping, data: Mapping) -> Scene:
    """Error variance over the share and over the generations, and the real part alone."""
    s, k, kept = values["share"], int(values["rounds"]), values["kept"]
    mixed, real = float(mixing_law(s, k, kept)), alone(s, kept)
    errors = simulated(s, kept, np.array(data["z"]))
    found = (errors**2).mean(axis=1)
    shares = [(i + 1) / (POINTS + 1) for i in range(POINTS)]
    rounds = list(range(ROUNDS + 1))
    law = [float(mixing_law(s, i, kept)) for i in rounds]
    if abs(mixed - real) < 0.005:
        verdict = "the synthetic samples make no difference"
    elif mixed > real:
        verdict = "the synthetic samples hurt"
    else:
        verdict = "the synthetic samples help"
    if mixed > real:
        part = f"They cause {percent((mixed - real) / (mixed - 1), 0)} of what is added to 1."
    else:
        part = f"Without them the error would be {percent(real / mixed - 1, 0)} larger."
    x = {"label": "share of synthetic samples", "domain": [0, 1], "percent": True}
    y = {"label": "", "domain": [0.8, CAP]}
    return {
        "headline": f"{percent(s, 0)} synthetic, generation {k}: {fixed(mixed, 2)} times the error "
        f"variance, and {fixed(real, 2)} with the real part alone: {verdict}.",
        "detail": f"{part} In {RUNS} simulated runs: {fixed(found[k], 2)} times.",
        "panels": [
            {
                "title": f"Error variance, generation {k}",
                "x": x,
                "y": y,
                "marks": [
                    {"kind": "rule", "y": 1, "role": "null"},
                    {"kind": "rule", "x": s, "role": "muted", "width": 1},
                    {
                        "kind": "line",
                        "x": shares,
                        "y": _capped([alone(one, kept) for one in shares]),
                        "role": "real only",
                        "name": "real part alone",
                    },
                    {
                        "kind": "line",
                        "x": shares,
                        "y": _capped([float(mixing_law(one, k, kept)) for one in shares]),
                        "role": "ours",
                        "name": "mixture",
                    },
                    {
                        "kind": "points",
                        "x": [s],
                        "y": _capped([mixed]),
                        "role": "ours",
                        "size": 5,
                    },
                ],
            },
            {
                "title": f"{percent(s, 0)} synthetic, over generations",
                "x": {"label": "generation", "domain": [0, ROUNDS]},
                "y": y,
                "marks": [
                    {"kind": "rule", "x": k, "role": "muted", "width": 1},
                    {
                        "kind": "line",
                        "x": rounds[1:],
                        "y": _capped([real] * ROUNDS),
                        "role": "real only",
                        "name": "real part alone",
                    },
                    {
                        "kind": "line",
                        "x": rounds,
                        "y": _capped(law),
                        "role": "ours",
                        "name": "expected",
                    },
                    {
                        "kind": "points",
                        "x": rounds,
                        "y": _capped(found.tolist()),
                        "role": "control",
                        "size": 3,
                        "name": f"{RUNS} runs",
                    },
                ],
            },
        ],
    }


def figure() -> Live:
    """Share, generations, and what is kept; opens where a mixture is worse than its real part."""
    return Live(
        "sd-budget",
        scene,
        Path(str(files("companion.synthetic_data.page"))) / "live_budget.js",
        [
            Choice("kept", "beside own samples", KEPT),
            Slider("share", "synthetic share s", 0.01, 0.99, 0.5, 0.01, "%", times=100, show=1),
            Slider("rounds", "generations k", 1, ROUNDS, 3, 1),
        ],
        {"z": draws()},
    )
