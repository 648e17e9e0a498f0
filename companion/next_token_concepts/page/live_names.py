"""The live figure: words arrive one by one, and names of a chosen sharpness are read linearly.

Exact log odds of a concept and the logit difference of its names (eq. 6 of the notebook), and what
the theorem's line, of slope 1 - 2 eta, reads off that difference.  ``live_names.js`` computes the
same in the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from companion.live import Choice, Live, Scene, Slider, fixed, percent, short
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.world import World, all_configs, make_world
from companion.scale import generator

LONGEST = 96
RANGE = 13
"""Log odds that are drawn."""

CONCEPTS = {"sentiment": 0, "sarcasm": 1}
SENTENCES = {"praise": (1, 0, 0, 1), "irony": (0, 1, 1, 0)}
"""Configurations that the two sentences are sampled from; in both, praise is heard."""


@cache
def page_data() -> dict[str, object]:
    """One world in six decimals, and two sentences sampled from it."""
    rng = generator(3, "ntc live")
    world = make_world(rng, 0.01)
    labels = [int((world.configs == values).all(1).argmax()) for values in SENTENCES.values()]
    words = world.sample_words(np.array(labels), LONGEST, rng)
    return {
        "prior": world.prior.round(6).tolist(),
        "words": world.words.round(6).tolist(),
        "sentences": dict(zip(SENTENCES, words.tolist(), strict=True)),
    }


def odds_along(data: Mapping, sentence: str, concept: int) -> np.ndarray:
    """(LONGEST + 1,): exact log odds of a concept after 0, 1, ... words."""
    configs = all_configs(4)
    prior, words = np.array(data["prior"]), np.array(data["words"])
    names = np.full((len(configs), 1), 1.0)
    world = World(configs, prior, words, names, ())
    tokens = np.array(data["sentences"][sentence])
    found = [world.log_posterior(tokens[None, :t]) for t in range(len(tokens) + 1)]
    return theory.log_odds(np.concatenate(found), configs)[:, concept]


def scene(values: Mapping, data: Mapping) -> Scene:
    """Log odds along the sentence, and the names' logit difference over the log odds."""
    eta, n = values["eta"], int(values["words"])
    odds = odds_along(data, values["sentence"], CONCEPTS[values["concept"]])[: n + 1]
    said, slope = theory.g_eta(eta, odds), 1 - 2 * eta
    read, bound = said / slope, math.log((1 - eta) / eta)
    grid = np.linspace(-RANGE, RANGE, 121)
    ends = np.array([-1.0, 1.0]) * min(RANGE, 7 / slope)
    towards = "for" if odds[-1] > 0 else "against"
    ratio = f"{short(math.exp(abs(odds[-1])))} to 1"
    seen = f"{short(math.exp(abs(read[-1])))} to 1"
    return {
        "headline": f"After {n} words the odds {towards} {_WORDS[values['concept']]} are {ratio}; "
        f"the theorem's line reads {seen} off the logits.",
        "detail": f"Names that err in {percent(eta, 1)} of the cases differ by "
        f"{fixed(abs(said[-1]), 2)} logits here, and by no more than {fixed(bound, 2)} after any "
        "sentence.",
        "panels": [
            {
                "title": "Log odds of the concept",
                "x": {"label": "words read", "domain": [0, LONGEST]},
                "y": {"label": "", "domain": [-RANGE, RANGE]},
                "marks": [
                    {"kind": "rule", "y": 0, "role": "null"},
                    _line(range(n + 1), odds, "truth", "exact"),
                    _line(range(n + 1), read, "LM", "read by the line"),
                    {"kind": "points", "x": [n], "y": [float(odds[-1])], "role": "truth"},
                    {"kind": "points", "x": [n], "y": [float(read[-1])], "role": "LM", "size": 5},
                ],
            },
            {
                "title": "Logit difference of its names",
                "x": {"label": "log odds of the concept", "domain": [-RANGE, RANGE]},
                "y": {"label": "", "domain": [-7, 7]},
                "marks": [
                    _line(ends, slope * ends, "P", "the theorem's line"),
                    _line(grid, theory.g_eta(eta, grid), "ours", "what a perfect model says"),
                    {
                        "kind": "points",
                        "x": [float(odds[-1])],
                        "y": [float(said[-1])],
                        "role": "truth",
                        "size": 5,
                        "name": "this sentence",
                    },
                ],
            },
        ],
    }


_WORDS = {"sentiment": "praise being meant", "sarcasm": "sarcasm"}


def _line(x, y: np.ndarray, role: str, name: str) -> dict[str, object]:
    points = {"x": [float(v) for v in x], "y": [float(v) for v in y]}
    return {"kind": "line", **points, "role": role, "name": name}


def figure() -> Live:
    """Sharpness of the names, words read, concept and sentence; opens on vague names."""
    return Live(
        "ntc-names",
        scene,
        Path(str(files("companion.next_token_concepts.page"))) / "live_names.js",
        [
            Slider("eta", "error of the names, η", 0.002, 0.45, 0.3, scale="log", show=0.001),
            Slider("words", "words read", 0, LONGEST, 80, 1, "words"),
            Choice(
                "concept",
                "concept",
                [("sentiment", "sentiment: no word of its own"), ("sarcasm", "sarcasm")],
            ),
            Choice("sentence", "sentence", [("praise", "praise"), ("irony", "irony")]),
        ],
        page_data(),
    )
