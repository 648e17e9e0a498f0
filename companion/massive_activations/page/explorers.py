"""Explorers that need more than a line or two."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.explore import Explorer, explorer
from companion.massive_activations.lab.ratios import layer_profile
from companion.massive_activations.page.figures import excerpt_view
from companion.massive_activations.sources import models, steps

_PLACES = ("first", "middle", "last")
_QUANTITIES = {"ratio": "ratio", "top1": "largest"}


def excerpt_explorer(excerpt: pd.DataFrame) -> Explorer:
    """Model, checkpoint and quantity of the authors' measurements.

    The models have different checkpoints at hand, so the slider picks three places in each list.
    """

    def step_at(model: str, place: str) -> int:
        known = steps(excerpt, model)
        positions = np.linspace(0, len(known) - 1, len(_PLACES)).round().astype(int)
        return known[positions[_PLACES.index(place)]]

    def draw(model: str, checkpoint: str, quantity: str) -> object:
        return excerpt_view(excerpt, model, step_at(model, checkpoint), quantity)

    def describe(model: str, checkpoint: str, quantity: str) -> str:
        step = step_at(model, checkpoint)
        values = layer_profile(excerpt, model, step)[quantity]
        return (
            f"{_QUANTITIES[quantity]} by layer of {model} at step {step:,}: from "
            f"{values.min():.3g} to {values.max():.3g}, highest in layer {values.idxmax()}."
        )

    return explorer(
        draw,
        name="ma-excerpt",
        alt=describe,
        start={"model": models(excerpt)[-1], "checkpoint": "last", "quantity": "ratio"},
        show={"quantity": _QUANTITIES.get},
        model=models(excerpt),
        checkpoint=list(_PLACES),
        quantity=list(_QUANTITIES),
    )
