r"""The live figure: one group of 32 numbers in four bits, by three quantizers, draw after draw.

Plain arithmetic in float64, as ``live_rounding.js`` does it in the page; the chapter's quantizers
work on the bits of float32 and give the same numbers (a test compares them).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from companion.live import Choice, Live, Scene, Slider, fixed, percent
from companion.quartet.method.linear import rotate
from companion.quartet.method.mxfp4 import GROUP, MAGNITUDES, MAX
from companion.quartet.method.quantizers import QUEST_SCALE
from companion.scale import generator, torch_generator

DRAWS, OUTLIER = 64, 8.0
ROWS = {
    "plain": "32 Gaussian numbers",
    "outlier": "the same, one of them 8",
    "rotated": "with the 8, rotated",
}
"""Rows of numbers to what the reader chooses."""

ERRORS = (0.0001, 1.0)
TICKS = [[1e-4, "0.01 %"], [1e-3, "0.1 %"], [1e-2, "1 %"], [0.1, "10 %"]]
"""Domain and ticks of the error."""


@cache
def page_data() -> dict[str, object]:
    """The rows, sorted and rounded, and one fixed draw for each number and each rounding."""
    x = torch.randn(GROUP, generator=torch_generator(0, "live row"))
    spiked = x.clone()
    spiked[0] = OUTLIER
    rows = {"plain": x, "outlier": spiked, "rotated": rotate(spiked, None, "none")}
    draws = generator(0, "live draws").random((DRAWS, GROUP))
    return {
        "rows": {name: sorted(round(v, 5) for v in row.tolist()) for name, row in rows.items()},
        "draws": [[round(0.001 + 0.998 * float(u), 3) for u in row] for row in draws],
        "magnitudes": list(MAGNITUDES),
        "c": QUEST_SCALE,
        "ticks": TICKS,
        "domain": list(ERRORS),
    }


def scales(x: np.ndarray, shift: float) -> tuple[float, float]:
    """(AbsMax, QuEST) by equations 2 and 3, both times 2^shift."""
    absmax = 4 / 3 * 2.0 ** (np.floor(np.log2(np.abs(x).max())) - 2 + shift)
    quest = 2.0 ** (np.floor(np.log2(QUEST_SCALE * x.std() + 1e-8)) + shift)
    return float(absmax), float(quest)


def on_grid(x: np.ndarray, scale: float, uniform: np.ndarray | float = 0.5) -> np.ndarray:
    """Equation 1: numbers divided by `scale`, clipped and rounded, times `scale`.

    uniform : 1/2 rounds to nearest, draws from [0, 1) round stochastically; broadcast against x
    """
    z = np.clip(x / scale, -MAX, MAX)
    step = np.maximum(2.0 ** np.floor(np.log2(np.maximum(np.abs(z), 0.25))), 1.0) / 2
    return step * np.floor(z / step + uniform) * scale


def scene(values: Mapping, data: Mapping) -> Scene:
    """The row with what three quantizers make of it, and their errors by draws averaged."""
    n = int(values["draws"])
    x = np.array(data["rows"][values["row"]]) * 2.0 ** values["size"]
    absmax, quest = scales(x, values["shift"])
    uniform = np.array(data["draws"])
    counts = np.arange(1, len(uniform) + 1)
    mean = np.cumsum(on_grid(x, absmax, uniform), 0) / counts[:, None]
    shown = {"RTN": on_grid(x, absmax), "SR": mean[n - 1], "QuEST": on_grid(x, quest)}
    power = float((x * x).sum())
    error = {name: float(((q - x) ** 2).sum()) / power for name, q in shown.items()}
    kept = {name: float((q * x).sum()) / power for name, q in shown.items()}
    curve = (((mean - x) ** 2).sum(1) / power).tolist()
    lost = {
        "AbsMax": int((np.abs(x) > MAX * absmax).sum()),
        "QuEST": int((np.abs(x) > MAX * quest).sum()),
    }
    rank = list(range(1, len(x) + 1))
    edge = 1.08 * max(MAX * absmax, float(np.abs(x).max()))
    grid = sorted({sign * m * absmax for m in data["magnitudes"] for sign in (-1, 1)})
    least = min(error, key=error.get)
    floor, top = data["domain"]
    return {
        "headline": f"{'One draw' if n == 1 else f'The mean of {n} draws'}: "
        f"{least} is closest. Squared error {_listed(error)}.",
        "detail": f"Length along the row: {_listed(kept)}. Clipped: {lost['AbsMax']} by the "
        f"scale {fixed(absmax, 2)} of RTN and SR, {lost['QuEST']} by QuEST's {fixed(quest, 2)}.",
        "panels": [
            {
                "title": "The row and its grid",
                "x": {"label": "the 32 numbers, sorted", "domain": [0, len(x) + 1]},
                "y": {"label": "", "domain": [-edge, edge]},
                "marks": [
                    *(
                        {"kind": "rule", "y": y, "role": "muted", "width": 0.6, "opacity": 0.6}
                        for y in grid
                    ),
                    {"kind": "line", "x": rank, "y": x.tolist(), "role": "truth", "name": "row"},
                    *(
                        {
                            "kind": "points",
                            "x": rank,
                            "y": q.tolist(),
                            "role": name,
                            "size": 3.5,
                            "open": name == "QuEST",
                            "name": name if name != "SR" or n == 1 else f"SR, mean of {n}",
                        }
                        for name, q in shown.items()
                    ),
                ],
            },
            {
                "title": "Squared error",
                "x": {"label": "draws averaged", "domain": [1, len(uniform)], "scale": "log"},
                "y": {"label": "", "domain": [floor, top], "scale": "log", "ticks": data["ticks"]},
                "marks": [
                    *(
                        {"kind": "rule", "y": max(floor, error[name]), "role": name, "name": name}
                        for name in ("RTN", "QuEST")
                    ),
                    {
                        "kind": "line",
                        "x": counts.tolist(),
                        "y": [max(floor, e) for e in curve],
                        "role": "SR",
                        "name": "SR",
                    },
                    {
                        "kind": "points",
                        "x": [n],
                        "y": [max(floor, error["SR"])],
                        "role": "SR",
                        "size": 5,
                    },
                ],
            },
        ],
    }


def _listed(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {percent(value, 1)}" for name, value in shares.items())


def figure() -> Live:
    """Row, size of its numbers, shared scale, draws; opens with one draw, where SR is worst."""
    return Live(
        "quartet-rounding",
        scene,
        Path(str(files("companion.quartet.page"))) / "live_rounding.js",
        [
            Choice("row", "row", list(ROWS.items())),
            Slider("draws", "draws averaged, K", 1, DRAWS, 1, 1),
            Slider("size", "size of the numbers, log2", 0, 2, 0.3, 0.05),
            Slider("shift", "shared scale times 2 to the", -2, 2, 0, 1),
        ],
        page_data(),
    )
