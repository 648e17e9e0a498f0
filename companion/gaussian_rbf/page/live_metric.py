"""The live figure: one metric for three Gaussians, what it says, and what the gradients say.

Equations 4 to 6 of the notebook in two features; the same numbers as ``live_metric.js``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np

from companion.gaussian_rbf.method.precision import diagonal_importance, importance
from companion.gaussian_rbf.method.theory import normal_agop
from companion.live import Live, Scene, Slider, fixed, percent

CENTERS = np.array([[0.6, 2.8], [-0.4, -2.8], [2.2, -0.6]])
WEIGHTS = np.array([1.0, -1.0, 0.4])
ANGLES, AROUND = 60, 48
"""Points of the curves over the angle, and of an ellipse."""

REACH = (6.0, 5.0)
"""Half the width and the height of the plane that is drawn."""


def metric(stretch: float, degrees: float) -> np.ndarray:
    """P with eigenvalues 1 and 1/stretch, the first along `degrees`, shape (2, 2)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    V = np.array([[c, -s], [s, c]])
    return V @ np.diag([1, 1 / stretch]) @ V.T


def of_feature_1(P: np.ndarray) -> tuple[float, float, float]:
    """Share of the first feature by eq. 5, by the diagonal of P, and by the gradients."""
    H = normal_agop(P, CENTERS, WEIGHTS)
    return importance(P)[0], diagonal_importance(P)[0], diagonal_importance(H)[0]


def direction(H: np.ndarray) -> float:
    """Degrees of the first eigenvector of a symmetric matrix (2, 2), from 0 to 180."""
    return math.degrees(0.5 * math.atan2(2 * H[0, 1], H[0, 0] - H[1, 1])) % 180


def _first(share: float) -> str:
    if abs(share - 0.5) < 1e-9:
        return "neither feature"
    return "feature 1" if share > 0.5 else "feature 2"


def _ray(degrees: float, length: float) -> dict[str, list[float]]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return {"x": [-length * c, length * c], "y": [-length * s, length * s]}


def _ellipse(center: np.ndarray, stretch: float, degrees: float) -> dict[str, list[float]]:
    """Points at distance one from a center in the metric."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = 2 * np.pi * np.arange(AROUND + 1) / AROUND
    u, v = np.cos(turn), math.sqrt(stretch) * np.sin(turn)
    return {
        "x": (center[0] + c * u - s * v).tolist(),
        "y": (center[1] + s * u + c * v).tolist(),
    }


def scene(values: Mapping, _data: Mapping) -> Scene:
    """The plane with both directions, and the share of feature 1 over the angle."""
    stretch, degrees = values["stretch"], values["angle"]
    P = metric(stretch, degrees)
    most = direction(normal_agop(P, CENTERS, WEIGHTS))
    apart = abs(most - degrees)
    apart = min(apart, 180 - apart)
    now = of_feature_1(P)
    turned = [180 * i / ANGLES for i in range(ANGLES + 1)]
    curves = np.array([of_feature_1(metric(stretch, one)) for one in turned]).T
    agree = "too" if _first(now[0]) == _first(now[2]) else "first"
    joined = "and" if agree == "too" else "but"
    ellipses = [
        {"kind": "line", **_ellipse(one, stretch, degrees), "role": "muted", "width": 1.4}
        for one in CENTERS
    ]
    ellipses[0]["name"] = "distance 1 from a center"
    looks = (("eq. 5", "ours"), ("diagonal of P", "baseline"), ("gradients", "control"))
    return {
        "headline": f"The output changes most along a direction {fixed(apart, 0)}° off the first "
        f"eigenvector of P, which puts {_first(now[0])} first, {joined} the gradients put "
        f"{_first(now[2])} {agree}.",
        "detail": f"Share of feature 1: {percent(now[0], 0)} by eq. 5, {percent(now[1], 0)} by "
        f"the diagonal of P, {percent(now[2], 0)} by the gradients.",
        "panels": [
            {
                "title": "Three centers in the plane",
                "x": {"label": "feature 1", "domain": [-REACH[0], REACH[0]]},
                "y": {"label": "", "domain": [-REACH[1], REACH[1]]},
                "marks": [
                    *ellipses,
                    {
                        "kind": "points",
                        "x": CENTERS[WEIGHTS > 0, 0].tolist(),
                        "y": CENTERS[WEIGHTS > 0, 1].tolist(),
                        "role": "truth",
                        "marker": "o",
                        "size": 4,
                        "name": "weight above 0",
                    },
                    {
                        "kind": "points",
                        "x": CENTERS[WEIGHTS < 0, 0].tolist(),
                        "y": CENTERS[WEIGHTS < 0, 1].tolist(),
                        "role": "truth",
                        "marker": "o",
                        "open": True,
                        "size": 4,
                        "name": "below 0",
                    },
                    {
                        "kind": "line",
                        **_ray(degrees, 2.2),
                        "role": "ours",
                        "width": 3,
                        "name": "first of P",
                    },
                    {
                        "kind": "line",
                        **_ray(most, 2.2),
                        "role": "control",
                        "width": 3,
                        "name": "first of the gradients",
                    },
                ],
            },
            {
                "title": "Share of feature 1",
                "x": {"label": "angle of P (degrees)", "domain": [0, 180]},
                "y": {"label": "", "domain": [0, 1], "percent": True},
                "marks": [
                    {"kind": "rule", "y": 0.5, "role": "null"},
                    {"kind": "rule", "x": degrees, "role": "muted", "width": 1},
                    *(
                        {
                            "kind": "line",
                            "x": turned,
                            "y": curve.tolist(),
                            "role": role,
                            "name": name,
                        }
                        for (name, role), curve in zip(looks, curves, strict=True)
                    ),
                    *(
                        {"kind": "points", "x": [degrees], "y": [float(share)], "role": role}
                        for (_, role), share in zip(looks, now, strict=True)
                    ),
                ],
            },
        ],
    }


def figure() -> Live:
    """Stretch and angle of P; opens where P and the gradients name different features."""
    return Live(
        "grbf-metric",
        scene,
        Path(str(files("companion.gaussian_rbf.page"))) / "live_metric.js",
        [
            Slider("stretch", "stretch, γ₁ / γ₂", 1.25, 20, 2, scale="log", unit="times"),
            Slider("angle", "angle of the first eigenvector", 0, 180, 5, 1, "°"),
        ],
    )
