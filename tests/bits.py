"""``python -m tests.bits``: toy steps of some chapters, each as the hash of its result."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace

from companion import results

STEPS = (
    ("gaussian_rbf", "dead_starts"),
    ("model_ecosystem", "four_worlds"),
    ("quartet", "average_products"),
)
"""Chapter and step: cheap ones, with trained, simulated and fitted numbers among them."""

LESS: dict[tuple[str, str], dict[str, object]] = {
    ("gaussian_rbf", "dead_starts"): {"dead_steps": 30},
    ("quartet", "average_products"): {"product_counts": (1, 64), "product_replicates": 2},
}
"""Settings of a step that are smaller than at toy scale."""


def hashes(steps=STEPS, seed: int = 0) -> dict[str, str]:
    """Name of each step -> hash of everything that it returned, to the last bit."""
    found = {}
    for chapter, name in steps:
        settings = importlib.import_module(f"companion.{chapter}.settings").PRESETS["toy"]
        settings = replace(settings, **LESS.get((chapter, name), {}))
        step = getattr(importlib.import_module(f"companion.{chapter}.lab.run"), name)
        found[f"{chapter}.{name}"] = results.content(step(settings, seed))[0]
    return found


def said(steps=STEPS) -> dict[str, object]:
    """What this process finds, and what it may depend on."""
    import torch

    return {"torch threads": torch.get_num_threads(), "hash": hash("a"), **hashes(steps)}


if __name__ == "__main__":
    print(json.dumps(said([tuple(name.split(".")) for name in sys.argv[1:]] or STEPS)))
