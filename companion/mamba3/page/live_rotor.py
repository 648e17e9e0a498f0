r"""The live figure: a state that turns by almost half a turn for each one, and what it still knows.

The law behind it is eq. 6 of the notebook, with random bits and with decay: after n ones among t
tokens the reading is :math:`(-1)^n e^{-at}\cos(\epsilon n)`, and n is binomial.
``live_rotor.js`` computes the same in the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
from scipy.special import expit, gammaln

from companion.live import Live, Scene, Slider, fixed, percent
from companion.mamba3.lab.tracking import horizon

GAIN = 20
"""Slope of the readout: an answer is right with probability ``expit(GAIN * contrast)``."""


def contrast(error: float, ones: float, decay: float, tokens: np.ndarray) -> dict[str, np.ndarray]:
    """What is left of the difference between odd and even counts, over strings of random bits.

    error : ε in radians; ones : share of ones, in (0, 1]; decay : per token
    tokens : (s,), numbers of tokens read

    Returns
    -------
    ``mean``, ``low`` and ``high`` (10 % and 90 % quantile over strings) and ``right`` (share of
    right answers), each (s,)
    """
    turned = np.cos(error * np.arange(tokens.max() + 1))
    rows = []
    for t in tokens:
        n = np.arange(t + 1) if ones < 1 else np.array([t])
        log_p = gammaln(t + 1) - gammaln(n + 1) - gammaln(t - n + 1) + n * math.log(ones)
        chance = np.exp(log_p + ((t - n) * math.log1p(-ones) if ones < 1 else 0))
        fade = math.exp(-decay * t)
        order = np.argsort(turned[n], kind="stable")
        below = np.cumsum(chance[order])
        low, high = (turned[n][order[np.argmax(below >= share)]] for share in (0.1, 0.9))
        right = chance @ expit(GAIN * fade * turned[n])
        rows.append((fade * (chance @ turned[n]), fade * low, fade * high, right))
    return dict(zip(("mean", "low", "high", "right"), np.array(rows).T, strict=True))


def scene(values: Mapping, _data: Mapping) -> Scene:
    """Contrast and right answers along a string."""
    error, ones, decay = values["error"], values["ones"], values["decay"]
    length = int(values["length"])
    steps = min(length, 200)
    tokens = np.floor(np.arange(steps + 1) * length / steps + 0.5).astype(int)
    found = contrast(error, ones, decay, tokens)
    end, quarter = float(found["right"][-1]), horizon(error) / ones
    read = tokens.tolist()
    x = {"label": "tokens read", "domain": [0, length]}
    off = (
        [{"kind": "rule", "x": quarter, "role": "truth", "width": 1, "name": "a quarter turn off"}]
        if quarter < length
        else []
    )
    return {
        "headline": f"After {length} tokens {percent(end, 0)} of the answers are right: "
        f"{_verdict(end, quarter < length)}.",
        "detail": f"{_why(error, quarter, length)} Decay has left "
        f"{percent(math.exp(-decay * length), 0)} of its contrast.",
        "panels": [
            {
                "title": "Contrast of odd and even",
                "x": x,
                "y": {"label": "", "domain": [-1, 1]},
                "marks": [
                    {"kind": "rule", "y": 0, "role": "null", "name": "none left"},
                    *off,
                    {
                        "kind": "band",
                        "x": read,
                        "low": found["low"].tolist(),
                        "high": found["high"].tolist(),
                        "role": "ours",
                        "name": "10 to 90 % of strings",
                    },
                    {
                        "kind": "line",
                        "x": read,
                        "y": found["mean"].tolist(),
                        "role": "ours",
                        "name": "mean",
                    },
                ],
            },
            {
                "title": "Right answers",
                "x": x,
                "y": {"label": "", "domain": [0, 1], "percent": True},
                "marks": [
                    {"kind": "rule", "y": 0.5, "role": "null", "name": "a coin"},
                    *off,
                    {
                        "kind": "line",
                        "x": read,
                        "y": found["right"].tolist(),
                        "role": "ours",
                        "name": "this state",
                        "width": 2.4,
                    },
                    {"kind": "points", "x": [length], "y": [end], "role": "ours", "size": 4},
                ],
            },
        ],
    }


def _verdict(end: float, is_past: bool) -> str:
    if end < 0.45:
        return "worse than a coin"
    if end <= 0.55:
        return "no better than a coin"
    if is_past:
        return "better than a coin again, since the state has turned on"
    return "better than a coin" if end < 0.95 else "reliable"


def _why(error: float, quarter: float, length: int) -> str:
    if error == 0:
        return "The half turn is exact, so that only decay can blur the count."
    turn = f"Turning by π\u00a0−\u00a0{fixed(error, 3)} for each one"
    if quarter < length:
        return f"{turn}, the state is a quarter turn off after about {fixed(quarter, 0)} tokens."
    return f"{turn}, the state is not yet a quarter turn off."


def figure() -> Live:
    """Angle error, share of ones, decay and length; opens where the answers are all wrong."""
    return Live(
        "mamba3-rotor",
        scene,
        Path(str(files("companion.mamba3.page"))) / "live_rotor.js",
        [
            Slider("error", "error of the half turn, ε", 0, 0.1, 0.01, 0.001, "rad"),
            Slider("ones", "share of ones", 0.05, 1, 0.5, 0.01, "%", times=100, show=1),
            Slider("decay", "decay a token", 1e-5, 0.1, 0.001, scale="log", show=1e-5),
            Slider("length", "length of the string", 32, 2048, 512, 16, "tokens"),
        ],
        {"gain": GAIN},
    )
