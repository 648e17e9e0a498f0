"""The live figure: eq. 9 over a layer's points, and what the best fit says when the end is hidden.

The reader sets decay and time scale; the offset t0 is the best of a short list, amplitude and
plateau follow by least squares, so all of it is a closed form.  The best fits, for every number of
points, are made by the chapter's own fitter and go into the page as data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from companion.data import fetch
from companion.live import Choice, Live, Scene, Slider, fixed, percent, short
from companion.massive_activations.lab.rivals import CHECKPOINTS, REGIMES, draw_series
from companion.massive_activations.lab.series import ratio_series
from companion.massive_activations.method.curve import DAMPED_LOG, fit
from companion.massive_activations.sources import load_excerpt
from companion.scale import generator

OPTIONS = {
    "rising": "drawn: still rising",
    "early peak": "drawn: early peak",
    "pythia-160m 6": "Pythia-160M, layer 6",
    "pythia-14m 5": "Pythia-14M, layer 5",
}
"""Series to what the reader chooses: two with a known truth, two of the authors' layers."""

OFFSETS = [float(f"{v:.3g}") for v in np.geomspace(0.02, 5, 13)]
"""Values of t0 among which the best is taken."""

SHARES = [round(0.01 * i, 2) for i in range(51)]
"""Shares of training that can be hidden at the end."""

LEAST = 5
"""Points of a best fit: as many as parameters."""

SPREAD = 1e-4
"""Standard deviation of the curve's shape over its size under which it is a constant."""


def seen_points(series: Mapping, hidden: float) -> int:
    """Checkpoints up to the last share of training that is hidden."""
    end = (1 - hidden) * series["t"][-1] * (1 + 1e-9)
    return sum(t <= end for t in series["t"])


def _series(t: np.ndarray, y: np.ndarray) -> dict[str, object]:
    """Points as they go into the page, with the best fit to the first n for every n."""
    t, y = [float(v) for v in t], [float(f"{v:.4g}") for v in y]
    counts = {seen_points({"t": t}, share) for share in SHARES}
    best = {}
    for n in sorted(counts):
        found = fit(DAMPED_LOG, t[:n], y[:n])
        beta, tau = np.exp(found.shape)
        A1, A2, K = found.coefficients
        A2 -= A1 * math.log(found.span)
        numbers = (A1, A2, beta / found.span, tau * found.span, K)
        best[str(n)] = [float(f"{v:.12g}") for v in numbers]
    return {"t": t, "y": y, "best": best}


@cache
def page_data() -> dict[str, object]:
    """The series, and the values of t0."""
    rows = ratio_series(load_excerpt(fetch("massive-activations/pythia_stats_excerpt.csv")))
    series = {}
    for name in OPTIONS:
        if name in REGIMES:
            t = CHECKPOINTS
            y = draw_series(REGIMES[name], 1, generator(0, "live curve", name))[0]
        else:
            model, layer = name.split()
            part = rows[(rows.model == model) & (rows.layer == int(layer))].sort_values("step")
            t, y = part.step.to_numpy(float), part.ratio.to_numpy()
        series[name] = _series(t, y)
    return {"series": series, "offsets": OFFSETS, "shares": SHARES}


def best_curve(numbers: list[float], t: np.ndarray) -> np.ndarray:
    """Paper eq. 13 at steps t: `numbers` are A1, A2, beta, tau0, K."""
    A1, A2, beta, tau, K = numbers
    return np.exp(-beta * t) * (A1 * np.log(t + tau) + A2) + K


def yours(t: np.ndarray, y: np.ndarray, lam: float, gamma: float, offsets: list[float]) -> tuple:
    """(A, t0, K, residual sum of squares) of the best curve with this decay and time scale."""
    best = None
    for t0 in offsets:
        x = gamma * t + t0
        g = np.exp(-lam * x) * np.log(x)
        middle = float(g.sum() / len(g))
        c, mean = g - middle, float(y.sum() / len(y))
        size = float((c * c).sum())
        is_flat = math.sqrt(size / len(g)) < SPREAD * max(abs(middle), 1e-3)
        A = 0.0 if is_flat else float((c * (y - mean)).sum()) / size
        K = mean - A * middle
        r = y - A * g - K
        rss = float((r * r).sum())
        if best is None or rss < best[3] * (1 - 1e-9):
            best = (A, t0, K, rss)
    return best


def turning(lam: float, gamma: float, t0: float) -> float:
    """Step at which eq. 9 turns: Newton's iteration for x log x = 1 / lam, from above."""
    x = 1 / lam + 1
    for _ in range(80):
        x -= (x * math.log(x) - 1 / lam) / (math.log(x) + 1)
    return (x - t0) / gamma


def scene(values: Mapping, data: Mapping) -> Scene:
    """Points, the reader's curve and the best fit; the best fit's plateau by what is hidden."""
    series, hidden = data["series"][values["series"]], values["hidden"]
    t, y = np.array(series["t"]), np.array(series["y"])
    lam, gamma = values["lam"], values["gamma"]
    n, every = seen_points(series, hidden), len(t)
    A, t0, K, rss = yours(t[:n], y[:n], lam, gamma, data["offsets"])
    mean = float(y[:n].sum() / n)
    total = float(((y[:n] - mean) ** 2).sum())
    r2 = 1 - rss / total
    peak = turning(lam, gamma, t0)
    grid = t[-1] * np.arange(121) / 120
    best = series["best"][str(n)]
    fitted_r2 = 1 - float(((best_curve(best, t[:n]) - y[:n]) ** 2).sum()) / total
    top = float(y.max())
    low, high = -3 * top, 2 * top

    def clip(value: float) -> float:
        return min(high, max(low, value))

    by_share = [series["best"][str(seen_points(series, share))][4] for share in data["shares"]]
    x = gamma * grid + t0
    mine = A * np.exp(-lam * x) * np.log(x) + K
    theirs = best_curve(best, grid)
    y_low, y_high = -0.1 * top, 1.25 * top
    return {
        "headline": (
            f"The best fit to {n} of {every} points has its plateau at K = {_number(best[4])}, "
            f"your curve at {_number(K)}: R² {fixed(fitted_r2, 3)} and {fixed(r2, 3)}."
        ),
        "detail": f"{_missed(t[n:], y, n, best, (A, lam, gamma, t0, K))} "
        f"Yours: A {_number(A)}, t0 {_number(t0)}; {_turn(peak, float(t[-1]))}.",
        "panels": [
            {
                "title": "Ratio while training",
                "x": {"label": "training step", "domain": [0, float(t[-1])]},
                "y": {"label": "", "domain": [y_low, y_high]},
                "marks": [
                    *_points(t[n:], y[n:], "hidden", is_open=True),
                    *_points(t[:n], y[:n], "seen", is_open=False),
                    _line(grid, np.clip(theirs, y_low, y_high), "baseline", "best fit"),
                    _line(grid, np.clip(mine, y_low, y_high), "ours", "yours"),
                ],
            },
            {
                "title": "Plateau K",
                "x": {
                    "label": "share of training hidden",
                    "domain": [0, data["shares"][-1]],
                    "percent": True,
                },
                "y": {"label": "", "domain": [low, high]},
                "marks": [
                    {"kind": "rule", "y": top, "role": "muted", "name": "largest ratio"},
                    {
                        "kind": "line",
                        "x": list(data["shares"]),
                        "y": [clip(v) for v in by_share],
                        "role": "baseline",
                        "name": "best fit",
                    },
                    {
                        "kind": "points",
                        "x": [hidden],
                        "y": [clip(best[4])],
                        "role": "baseline",
                        "size": 5,
                    },
                    {
                        "kind": "points",
                        "x": [hidden],
                        "y": [clip(K)],
                        "role": "ours",
                        "size": 5,
                        "name": "yours",
                    },
                ],
            },
        ],
    }


def _points(t: np.ndarray, y: np.ndarray, name: str, *, is_open: bool) -> list[dict]:
    mark = {"kind": "points", "x": t.tolist(), "y": y.tolist(), "role": "paper", "marker": "o"}
    return [mark | {"open": is_open, "size": 2.6, "name": name}] if len(t) else []


def _line(x: np.ndarray, y: np.ndarray, role: str, name: str) -> dict:
    return {"kind": "line", "x": x.tolist(), "y": y.tolist(), "role": role, "name": name}


def _number(value: float) -> str:
    """Three digits; what is smaller than a millionth counts as 0."""
    return short(value) if abs(value) >= 1e-6 else "0"


def _missed(late, y, n, best, mine) -> str:
    if not len(late):
        return "Nothing is hidden."
    A, lam, gamma, t0, K = mine
    x = gamma * late + t0
    guesses = (best_curve(best, late), A * np.exp(-lam * x) * np.log(x) + K, y[n - 1])
    size = float(y.max() - y.min())
    errors = [math.sqrt(float(((g - y[n:]) ** 2).sum()) / len(late)) / size for g in guesses]
    told = [percent(error, 0) for error in errors]
    return f"Hidden points missed by {told[0]} and {told[1]} of the range; last value: {told[2]}."


def _turn(peak: float, end: float) -> str:
    if peak <= 0:
        return "it never turns"
    return f"it turns at step {_number(peak)}" if peak < end else "it turns after the end"


def figure() -> Live:
    """Series, share hidden, decay and time scale; opens with a third hidden of a rising layer."""
    return Live(
        "ma-curve",
        scene,
        Path(str(files("companion.massive_activations.page"))) / "live_curve.js",
        [
            Choice("series", "series", list(OPTIONS.items())),
            Slider(
                "hidden", "hidden at the end", 0, SHARES[-1], 0.33, 0.01, "%", times=100, show=1
            ),
            Slider("lam", "decay λ", 1e-4, 10, 1e-3, scale="log"),
            Slider("gamma", "time scale γ, 1/step", 1e-6, 1e-2, 2e-3, scale="log"),
        ],
        page_data(),
    )
