"""The live figure: two clouds in the plane, read by one line, logistic regression, and the module.

Equations 4 and 5 of the notebook on points that the reader moves; the module's decisions are a
table.  The same numbers as ``live_plane.js``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from companion.live import Choice, Live, Scene, Slider, percent
from companion.scale import generator
from companion.tart.lab.shipped import shipped_head
from companion.tart.method.theory import mean_difference
from companion.tart.method.whitening import Whitening, fill

SIZES = (4, 8, 16, 32, 64)
"""Labeled points that can be shown."""

GAPS = tuple(0.5 + 0.25 * i for i in range(11))
"""Distances of the two centers."""

N_QUERY = 200
STRETCH, ACROSS = (0.9, 0.45), (0.45, 0.9)
"""Rows of the matrix that makes round noise oblong: the clouds lean, the centers do not."""

MODES = {"white": "whiten", "raw": "none"}
NEWTON = 30
"""Steps of Newton's method for logistic regression; ten are enough."""

LENGTH = 3.6
"""Of a boundary, to each side."""

REACH = (5.0, 4.2)
"""Half the width and the height of the plane that is drawn."""


def points(noise: list, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) of two leaning clouds, and labels (n,) 0, 1, 0, 1, ..."""
    labels = np.arange(len(noise)) % 2
    x = np.asarray(noise) @ np.array([STRETCH, ACROSS]).T
    x[:, 0] += (labels - 0.5) * gap
    return x, labels


def logistic(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights (2,) of logistic regression with C = 1 and no intercept, by Newton's method."""
    w = np.zeros(2)
    for _ in range(NEWTON):
        p = 1 / (1 + np.exp(-z @ w))
        gradient = z.T @ (p - y) + w
        w = w - np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z + np.eye(2), gradient)
    return w


def directions(
    context: np.ndarray, labels: np.ndarray, mode: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Mean of the context, and by rule the direction in the plane that its score grows in."""
    fitted = Whitening.fit(context, 2, MODES[mode])
    z = fitted.transform(context)
    back = fitted.axes.T / fitted.scales  # scores are linear: a direction in z is one in the plane
    found = {
        "mean difference": back @ mean_difference(z, labels, np.eye(2)),
        "logistic, C = 1": back @ logistic(z, labels),
    }
    return fitted.mean, found


@cache
def table() -> dict[str, object]:
    """Round noise, and what the module says to every query: mode -> size -> gap -> 0s and 1s."""
    rng = generator(0, "tart live")
    shown = rng.standard_normal((max(SIZES), 2)).round(3).tolist()
    asked = rng.standard_normal((N_QUERY, 2)).round(3).tolist()
    head = shipped_head().module
    says: dict[str, list] = {mode: [] for mode in MODES}
    for mode, how in MODES.items():
        for k in SIZES:
            row = []
            for gap in GAPS:
                context, labels = points(shown[:k], gap)
                queries, _ = points(asked, gap)
                fitted = Whitening.fit(context, 2, how)
                z, q = (
                    torch.as_tensor(fill(fitted.transform(x), head.d)).float()
                    for x in (context, queries)
                )
                scores = head.scores(z, torch.as_tensor(labels).float(), q)
                row.append("".join("1" if s > 0 else "0" for s in scores.tolist()))
            says[mode].append(row)
    return {"shown": shown, "asked": asked, "says": says}


def _decided(values: Mapping, data: Mapping, size: int) -> tuple:
    """What all three say with `size` examples."""
    context, labels = points(data["shown"][:size], values["gap"])
    queries, truth = points(data["asked"], values["gap"])
    mean, lines = directions(context, labels, values["coordinates"])
    said = {name: (queries - mean) @ w > 0 for name, w in lines.items()}
    at = round((values["gap"] - GAPS[0]) / 0.25)
    bits = data["says"][values["coordinates"]][SIZES.index(size)][at]
    said["module"] = np.array([bit == "1" for bit in bits])
    right = {name: float((one == (truth == 1)).mean()) for name, one in said.items()}
    return context, labels, queries, mean, lines, said, right


def _line(mean: np.ndarray, w: np.ndarray) -> dict[str, list[float]]:
    """The points at which a score is 0, on both sides of the mean."""
    u = np.array([-w[1], w[0]]) / np.hypot(*w)
    ends = [mean - LENGTH * u, mean + LENGTH * u]
    return {"x": [float(end[0]) for end in ends], "y": [float(end[1]) for end in ends]}


def _dots(x: np.ndarray, **look: object) -> dict[str, object]:
    return {"kind": "points", "x": x[:, 0].tolist(), "y": x[:, 1].tolist(), **look}


NAMES = {
    "mean difference": "one line",
    "logistic, C = 1": "logistic, C = 1",
    "module": "module",
}


def scene(values: Mapping, data: Mapping) -> Scene:
    """The plane with both boundaries and the module's decisions, and accuracy by examples."""
    size = SIZES[int(values["size"])]
    context, labels, queries, mean, lines, said, right = _decided(values, data, size)
    alike = float((said["module"] == said["mean difference"]).mean())
    curves = [_decided(values, data, k)[-1] for k in SIZES]
    white = values["coordinates"] == "white"
    share = {name: percent(value, 0) for name, value in right.items()}
    return {
        "headline": f"Of {N_QUERY} new points one line gets {share['mean difference']} right, "
        f"logistic, C = 1 {share['logistic, C = 1']}, the module {share['module']}.",
        "detail": f"Module and one line decide alike on {percent(alike, 0)}, from {size} examples "
        f"{'in white coordinates (eq. 5)' if white else 'with their mean subtracted alone'}.",
        "panels": [
            {
                "title": "Examples, and what the module says",
                "x": {"label": "", "domain": [-REACH[0], REACH[0]]},
                "y": {"label": "", "domain": [-REACH[1], REACH[1]]},
                "marks": [
                    _dots(
                        queries[said["module"]],
                        role="module",
                        marker="^",
                        size=2,
                        opacity=0.45,
                        name="module says 1",
                    ),
                    _dots(
                        queries[~said["module"]],
                        role="muted",
                        marker="o",
                        size=2,
                        opacity=0.6,
                        name="module says 0",
                    ),
                    _dots(context[labels == 1], role="truth", marker="^", size=4, name="label 1"),
                    _dots(
                        context[labels == 0],
                        role="truth",
                        marker="o",
                        open=True,
                        size=4,
                        name="label 0",
                    ),
                    *(
                        {"kind": "line", **_line(mean, w), "role": name, "width": 2.4}
                        for name, w in lines.items()
                    ),
                ],
            },
            {
                "title": "Accuracy on new points",
                "x": {
                    "label": "labeled examples",
                    "domain": [3.5, 74],
                    "scale": "log",
                    "ticks": [[k, str(k)] for k in SIZES],
                },
                "y": {"label": "", "domain": [0.4, 1], "percent": True},
                "marks": [
                    {"kind": "rule", "x": size, "role": "muted", "width": 1},
                    *(
                        {
                            "kind": "line",
                            "x": list(SIZES),
                            "y": [one[name] for one in curves],
                            "role": name,
                            "name": words,
                        }
                        for name, words in NAMES.items()
                    ),
                    *(
                        {"kind": "points", "x": [size], "y": [right[name]], "role": name}
                        for name in NAMES
                    ),
                ],
            },
        ],
    }


def figure() -> Live:
    """Examples, distance and coordinates; opens where all three agree."""
    return Live(
        "tart-plane",
        scene,
        Path(str(files("companion.tart.page"))) / "live_plane.js",
        [
            Choice(
                "coordinates",
                "coordinates",
                [("white", "white, eq. 5"), ("raw", "mean subtracted alone")],
            ),
            Slider(
                "size",
                "labeled examples",
                0,
                len(SIZES) - 1,
                3,
                texts={str(i): str(k) for i, k in enumerate(SIZES)},
            ),
            Slider("gap", "distance of the centers", GAPS[0], GAPS[-1], 1.25, 0.25),
        ],
        table(),
    )
