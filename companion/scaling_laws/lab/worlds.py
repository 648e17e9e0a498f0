"""The laboratory: does dropping the start find the truth when the truth is known?

Worlds and training runs get separate seeds, because E* differs from world to world far more than
a law's error differs from run to run.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.scale import generator
from companion.scaling_laws.lab.zipf import World, make_world, train_family
from companion.scaling_laws.method.protocol import Family, are, bias, target_points, training_points
from companion.scaling_laws.method.varpro import fit_varpro

CUTS = (0.0, 0.01, 0.1)
"""Shares of the tokens thrown away at the start of each run."""

SIZES = (64, 128, 256, 512, 1024, 4096)
"""Contexts that the learners keep; the last is the target."""


def token_grid(n_tokens: int, n_checkpoints: int) -> np.ndarray:
    """Log-spaced token counts from 200 to `n_tokens`, integers without repeats."""
    return np.unique(np.geomspace(200, n_tokens, n_checkpoints).astype(int))


def lab_family(
    world: World, seed: int, *, n_tokens: int, n_checkpoints: int, sizes: Sequence[int] = SIZES
) -> Family:
    """One family of learners in `world`; `seed` draws their training tokens."""
    D = token_grid(n_tokens, n_checkpoints)
    return train_family(world, generator(seed, "zipf", "training"), sizes=tuple(sizes), D=D)


def fit_lab(family: Family, world: World, cuts: Sequence[float] = CUTS) -> pd.DataFrame:
    """One law per cut, with its errors.

    Columns: cut (share), are and bias (percent, last 30 % of the target), e_error (relative error
    of E, percent, signed), E, alpha, beta, status.
    """
    end, target = family.target.D[-1], target_points(family.target)
    rows = []
    for cut in cuts:
        fit = fit_varpro(training_points(family.runs[:-1], cut=cut * end))
        rows.append(
            {
                "cut": cut,
                "are": are(fit.law, target),
                "bias": bias(fit.law, target),
                "e_error": 100 * (fit.law.E / world.irreducible - 1),
                "E": fit.law.E,
                "alpha": fit.law.alpha,
                "beta": fit.law.beta,
                "status": "at bound"
                if fit.at_bound
                else "ok"
                if fit.converged
                else "not converged",
            }
        )
    return pd.DataFrame(rows)


def run_lab(
    worlds: Sequence[int],
    seeds: Sequence[int],
    *,
    n_tokens: int,
    n_checkpoints: int,
    g: float = 0.4,
) -> pd.DataFrame:
    """Every world seed with every training seed: rows of :func:`fit_lab` plus world and seed."""
    tables = []
    for index in worlds:
        world = make_world(generator(index, "zipf", "world"), g=g)
        for seed in seeds:
            family = lab_family(world, seed, n_tokens=n_tokens, n_checkpoints=n_checkpoints)
            tables.append(
                fit_lab(family, world).assign(world=index, seed=seed, truth=world.irreducible)
            )
    return pd.concat(tables, ignore_index=True)


def by_world(table: pd.DataFrame) -> pd.DataFrame:
    """Means over training seeds: index world, columns (are | abs E error, cut)."""
    rows = table.assign(e_error=table["e_error"].abs())
    return rows.pivot_table(index="world", columns="cut", values=["are", "e_error"], aggfunc="mean")
