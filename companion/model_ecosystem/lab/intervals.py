"""How well a sample of families knows a rate: intervals that resample whole families."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import norm as normal
from scipy.stats import t as student

from companion.stats import Interval, t_interval

WIDEST = 3.0
"""Largest factor by which an interval is widened for unequal families (arbitrary)."""


class Rate(NamedTuple):
    """Mean change over edges, with two intervals.

    naive : as if edges were independent; clustered : families resampled; n_families : of the
    latter; effective : (Σd)² / Σd², the number of equal families that would know as much
    """

    naive: Interval
    clustered: Interval
    n_families: int
    effective: float


def rate(
    change: np.ndarray, family: np.ndarray, rng: np.random.Generator, n_resamples: int = 500
) -> Rate:
    """Mean of `change` (edges,), nan left out, with a naive and a family-bootstrap interval.

    family : (edges,) label of the family of each edge
    """
    known = np.isfinite(change)
    value, family = change[known], family[known]
    _, place = np.unique(family, return_inverse=True)
    total, d = np.bincount(place, weights=value), np.bincount(place)
    naive = t_interval(value)._replace(p=None)
    clustered = ratio_bootstrap(total, d, rng, n_resamples)
    return Rate(naive, clustered._replace(n=value.size), d.size, float(d.sum() ** 2 / (d**2).sum()))


def ratio_bootstrap(
    total: np.ndarray, weight: np.ndarray, rng: np.random.Generator, n_resamples: int = 500
) -> Interval:
    """Σ total / Σ weight with a percentile interval over resampled families, arrays (f,).

    Families are drawn with replacement, each with all its members.  Where a few families carry the
    weight, the percentiles are too close, so their distance to the estimate grows by the quantile
    of Student's t with (Σw)² / Σw² − 1 degrees of freedom over the normal one, at most WIDEST;
    the interval stays within the range of the families.
    """
    f = len(total)
    if f < 2:
        estimate = float(np.sum(total) / np.sum(weight)) if f else np.nan
        return Interval(estimate, np.nan, np.nan, None, f)
    draws = []
    for start in range(0, n_resamples, 64):  # a few rows at a time keep the memory flat
        size = min(64, n_resamples - start)
        counts = rng.multinomial(f, np.full(f, 1 / f), size=size)
        draws.append((counts @ total) / np.maximum(counts @ weight, 1e-300))
    estimate = float(np.sum(total) / np.sum(weight))
    ends = np.quantile(np.concatenate(draws), [0.025, 0.975])
    effective = max(np.sum(weight) ** 2 / np.sum(np.square(weight)), 2.0)
    wider = student.ppf(0.975, effective - 1) / normal.ppf(0.975)
    low, high = estimate + (ends - estimate) * min(wider, WIDEST)
    own = np.divide(total, weight, out=np.full(f, estimate), where=np.asarray(weight) > 0)
    return Interval(estimate, max(float(low), own.min()), min(float(high), own.max()), None, f)
