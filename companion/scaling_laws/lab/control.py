"""A negative control: families in which eq. 1 is true from the first token on.

If the law describes the whole run, its beginning carries information like the rest, and throwing
it away cannot help.  The advice to drop the start must lose its effect here; if it did not, the
effect would come from the fit and not from the curves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.scale import generator
from companion.scaling_laws.method.law import ScalingLaw
from companion.scaling_laws.method.protocol import Family, Run, are, target_points, training_points
from companion.scaling_laws.method.varpro import fit_varpro

TRUTH = ScalingLaw.of(E=1.8, A=480, B=2100, alpha=0.35, beta=0.37)
"""Close to the law of Hoffmann et al.'s points."""

SIZES = (7e7, 1.6e8, 4.1e8, 1e9, 2.8e9, 1.2e10)
"""Pythia's, roughly; the last is the target."""


def lawful_family(
    law: ScalingLaw,
    rng: np.random.Generator,
    *,
    sizes: Sequence[float] = SIZES,
    n_checkpoints: int = 60,
    n_tokens: float = 3e11,
    noise: float = 0.01,
) -> Family:
    """Runs whose losses are the law's times exp(noise * standard normal).

    n_checkpoints : log-spaced from n_tokens / 1000 to n_tokens
    """
    D = np.geomspace(n_tokens / 1000, n_tokens, n_checkpoints)
    runs = []
    for N in sorted(sizes):
        loss = law.predict(N, D) * np.exp(noise * rng.standard_normal(D.size))
        runs.append(Run(f"{N:.2g}", float(N), D, loss))
    return Family("lawful", tuple(runs), "nats")


def lawful_ratios(n_families: int, seed: int, *, cut: float = 0.1) -> pd.DataFrame:
    """ARE with and without the first `cut` of every run, per family: columns no_cut, cut, ratio."""
    rows = []
    for i in range(n_families):
        family = lawful_family(TRUTH, generator(seed, "lawful", i))
        target, end = target_points(family.target), family.target.D[-1]
        errors = [
            are(fit_varpro(training_points(family.runs[:-1], cut=share * end)).law, target)
            for share in (0.0, cut)
        ]
        rows.append({"no_cut": errors[0], "cut": errors[1], "ratio": errors[0] / errors[1]})
    return pd.DataFrame(rows)
