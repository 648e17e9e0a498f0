"""The live figure: how much of a description may say "I am a child" before siblings win.

Equations 1 to 3 of the notebook with the share of the string that only children carry; the same
numbers as ``live_field.js``, which computes them in the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np

from companion.live import Live, Scene, Slider, fixed, percent
from companion.model_ecosystem.method.theory import (
    ALWAYS_ENOUGH,
    critical_mutation,
    parent_child,
    sibling,
)

STEPS = 50
MOST = 0.4
"""Points of a curve, and the largest share of the field that is drawn."""

HEIGHT = 0.3
"""Differences that are drawn: parent and child are never closer by more than a quarter."""


def scene(values: Mapping, _data: Mapping) -> Scene:
    """Both similarities over the share of the field, and the gap over the mutation probability."""
    mu, s, tagged = values["mu"], values["s"], values["tagged"]
    shares, chances = np.arange(STEPS + 1) / STEPS * MOST, np.arange(STEPS + 1) / STEPS
    pc, sib = parent_child(mu, tagged), sibling(mu, s, tagged)
    critical, bare = critical_mutation(s), sibling(mu, s) - parent_child(mu)
    without = sibling(chances, s) - parent_child(chances)
    gap = sibling(chances, s, tagged) - parent_child(chances, tagged)
    closer = "Siblings are closer" if sib > pc else "Parent and child are closer"
    cause = (
        f"The {percent(mu, 0)} that change are enough: more than {percent(critical, 0)}, eq. 3."
        if bare > 0
        else f"Without that field parent and child are closer by {fixed(-bare, 3)}; "
        f"more than {percent(ALWAYS_ENOUGH, 1)} of the string is always enough to hide it."
    )
    return {
        "headline": f"{closer}, by {fixed(abs(sib - pc), 3)}, where {percent(tagged, 0)} of the "
        f"string says 'I am a child' and {percent(mu, 0)} of the traits change.",
        "detail": cause,
        "panels": [
            {
                "title": "Similarity",
                "x": {"label": "share of the field", "domain": [0, MOST], "percent": True},
                "y": {"label": "", "domain": [0, 1]},
                "marks": [
                    {"kind": "rule", "x": tagged, "role": "muted", "width": 1},
                    {
                        "kind": "line",
                        "x": shares.tolist(),
                        "y": parent_child(mu, shares).tolist(),
                        "role": "parent-child",
                        "name": "parent and child",
                    },
                    {
                        "kind": "line",
                        "x": shares.tolist(),
                        "y": sibling(mu, s, shares).tolist(),
                        "role": "sibling",
                        "name": "siblings",
                    },
                    {"kind": "points", "x": [tagged], "y": [pc], "role": "parent-child", "size": 5},
                    {"kind": "points", "x": [tagged], "y": [sib], "role": "sibling", "size": 5},
                ],
            },
            {
                "title": "Siblings minus parent and child",
                "x": {"label": "traits that change, μ", "domain": [0, 1], "percent": True},
                "y": {"label": "", "domain": [-HEIGHT, HEIGHT]},
                "marks": [
                    {"kind": "rule", "y": 0, "role": "null"},
                    {
                        "kind": "line",
                        "x": chances.tolist(),
                        "y": without.tolist(),
                        "role": "muted",
                        "name": "without the field",
                    },
                    {
                        "kind": "line",
                        "x": chances.tolist(),
                        "y": gap.tolist(),
                        "role": "ours",
                        "name": "with the field",
                        "width": 2.4,
                    },
                    {"kind": "points", "x": [mu], "y": [bare], "role": "muted", "size": 4},
                    {"kind": "points", "x": [mu], "y": [sib - pc], "role": "ours", "size": 5},
                ],
            },
        ],
    }


def figure() -> Live:
    """Mutation, direction, and the field's share; opens where the field alone lets siblings win."""
    return Live(
        "me-field",
        scene,
        Path(str(files("companion.model_ecosystem.page"))) / "live_field.js",
        [
            Slider("tagged", "share of the field", 0, MOST, 0.22, 0.01, "%", times=100, show=1),
            Slider("mu", "traits that change, μ", 0.02, 0.98, 0.2, 0.01, "%", times=100, show=1),
            Slider("s", "of those, how much in one direction, s", 0.05, 1, 0.3, 0.05),
        ],
    )
