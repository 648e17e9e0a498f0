"""``python -m tests.bits``: toy steps of some chapters, each as the hash of its result."""

from __future__ import annotations

import importlib
import json
import sys

from companion import results

STEPS = (
    ("gaussian_rbf", "dead_starts"),
    ("model_ecosystem", "four_worlds"),
    ("quartet", "average_products"),
)
"""Chapter and step: cheap ones, with trained, simulated and fitted numbers among them."""


def hashes(steps=STEPS, seed: int = 0) -> dict[str, str]:
    """Name of each step -> hash of everything that it returned, to the last bit."""
    found = {}
    for chapter, name in steps:
        settings = importlib.import_module(f"companion.{chapter}.settings").PRESETS["toy"]
        step = getattr(importlib.import_module(f"companion.{chapter}.lab.run"), name)
        found[f"{chapter}.{name}"] = results.content(step(settings, seed))[0]
    return found


if __name__ == "__main__":
    import torch

    chosen = [tuple(name.split(".")) for name in sys.argv[1:]] or STEPS
    said = {"torch threads": torch.get_num_threads(), "hash": hash("a"), **hashes(chosen)}
    print(json.dumps(said))
