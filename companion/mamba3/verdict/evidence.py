"""From runs to intervals: the statistics behind the findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy import stats as _scipy

from companion.mamba3.lab.text import Read
from companion.mamba3.lab.tracking import Tracked
from companion.stats import LEVEL, Interval, holm, paired, t_interval

BASELINES = ("Mamba-3, standard RoPE", "Mamba-3, no RoPE", "Mamba-2")
"""What the rotation is compared with on parity (C4)."""


def alive(run: Tracked, length: int) -> np.ndarray:
    """Scaled accuracy at `length` of the seeds that did not diverge."""
    return run.at(length)[run.alive]


def success(run: Tracked) -> str:
    """How many seeds solved the task at the training length, e.g. ``4 of 5 (1 diverged)``."""
    n_lost = int((~run.alive).sum())
    lost = f" ({n_lost} diverged)" if n_lost else ""
    return f"{int(run.solved.sum())} of {run.losses.shape[1]}{lost}"


class Comparison(NamedTuple):
    """One model against several: every difference, the smallest, and the largest of Holm's p.

    difference : mean difference with its 99 % Welch interval; ``p`` is the largest adjusted p
    baseline : name of the model that comes closest
    differences : the same of every baseline, each with its own p, not adjusted
    """

    difference: Interval
    baseline: str
    differences: Mapping[str, Interval]


def closest_baseline(values: np.ndarray, baselines: Mapping[str, np.ndarray]) -> Comparison:
    """Welch's test of `values` against each baseline, Holm-adjusted; the closest is returned.

    values : one number a seed; baselines : name to the same. Needs two seeds each.
    """
    if min(len(values), *(len(b) for b in baselines.values())) < 2:
        raise ValueError("Welch's test needs two seeds on each side")
    tests = {name: _welch(values, b) for name, b in baselines.items()}
    adjusted = holm([test.p for test in tests.values()])
    name = min(tests, key=lambda n: tests[n].estimate)
    return Comparison(tests[name]._replace(p=float(max(adjusted))), name, tests)


def _welch(a: np.ndarray, b: np.ndarray) -> Interval:
    gap, n = float(a.mean() - b.mean()), len(a) + len(b)
    if np.ptp(a) == 0 and np.ptp(b) == 0:  # nothing is known about further seeds
        return Interval(gap, -np.inf, np.inf, 1.0, n)
    test = _scipy.ttest_ind(a, b, equal_var=False)
    low, high = test.confidence_interval(0.99)
    return Interval(gap, float(low), float(high), float(test.pvalue), n)


def paired_loss(reads: Mapping[str, Read], first: str, second: str) -> Interval:
    """Held-out loss of `first` minus that of `second` at the training length, paired by seed.

    Raises ``ValueError`` with fewer than two seeds of which both finished.
    """
    a, b = reads[first], reads[second]
    both = a.alive & b.alive
    length = train_length(a)
    return paired(a.loss(length)[both], b.loss(length)[both])


def convolution_beyond_bias(reads: Mapping[str, Read]) -> Interval:
    """What a convolution gains minus a quarter of what the bias gains, nats, paired by seed.

    Below 0, the convolution gains less than a quarter of what the bias does.  Raises as
    :func:`paired_loss` does.
    """
    arms = [reads[name] for name in ("full", "with convolution", "no bias")]
    finished = np.logical_and.reduce([arm.alive for arm in arms])
    full, conv, without = (arm.loss(train_length(arms[0]))[finished] for arm in arms)
    return t_interval((full - conv) - (without - full) / 4)


def train_length(read: Read) -> int:
    """The length at which losses are compared: that of the training, 128 where it was read."""
    return 128 if 128 in read.lengths else read.lengths[0]


class StateFactor(NamedTuple):
    """How much state Mamba-3 needs for the loss of Mamba-2.

    factor : F with its bootstrap interval over seeds
    per_doubling : nats for twice the state, cluster-robust
    of_mamba3 : nats for Mamba-3 at equal state, cluster-robust
    n_lost : runs of seeds that diverged and are not in
    """

    factor: Interval
    per_doubling: Interval
    of_mamba3: Interval
    n_lost: int


def state_table(reads: Mapping[str, Read], families: Sequence[str] | None = None) -> pd.DataFrame:
    """One row a run of the state-size comparison: family, N, seed, loss; all that did not diverge.

    families : ``"Mamba-2"``, ``"Mamba-3"``, ``"MIMO"``; default the first two
    """
    rows = [
        (read.arm.family, read.arm.d_state, seed, loss)
        for name, read in reads.items()
        if ", N = " in name and read.arm.family in (families or ("Mamba-2", "Mamba-3"))
        for seed, (loss, ok) in enumerate(
            zip(read.loss(train_length(read)), read.alive, strict=True)
        )
        if ok
    ]
    return pd.DataFrame(rows, columns=["family", "N", "seed", "loss"])


def state_factor(reads: Mapping[str, Read], rng: np.random.Generator, n: int = 1000) -> StateFactor:
    r"""loss ~ log₂N + [Mamba-3] + seed, and :math:`F=2^{-c_{M3}/c_{\log_2N}}`.

    Both coefficients negative: F < 1, Mamba-3 needs F times the state.  Seeds are resampled.
    """
    table = state_table(reads)
    seeds = table.seed.unique()
    if len(seeds) < 2 or table.N.nunique() < 2 or table.family.nunique() < 2:
        raise ValueError(
            "the regression needs two seeds, two state sizes, and both families, got "
            f"{len(seeds)}, {table.N.nunique()}, {table.family.nunique()}"
        )
    table = table.assign(size=np.log2(table.N), m3=(table.family == "Mamba-3").astype(float))
    fit = smf.ols("loss ~ size + m3 + C(seed)", table).fit(
        cov_type="cluster", cov_kwds={"groups": table.seed}
    )
    ends = fit.conf_int()
    size, m3 = (
        Interval(float(fit.params[k]), *map(float, ends.loc[k]), float(fit.pvalues[k]), len(seeds))
        for k in ("size", "m3")
    )
    draws = []
    groups = {seed: part for seed, part in table.groupby("seed")}
    for _ in range(n):
        picked = [groups[s].assign(seed=i) for i, s in enumerate(rng.choice(seeds, len(seeds)))]
        draws.append(_factor(pd.concat(picked)))
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    factor = Interval(_factor(table), float(low), float(high), None, len(seeds))
    n_lost = sum(int((~r.alive).sum()) for name, r in reads.items() if ", N = " in name)
    return StateFactor(factor, size, m3, n_lost)


def _factor(table: pd.DataFrame) -> float:
    """F by least squares within seeds."""
    within = table[["loss", "size", "m3"]] - table.groupby("seed")[
        ["loss", "size", "m3"]
    ].transform("mean")
    size, m3 = np.linalg.lstsq(
        within[["size", "m3"]].to_numpy(), within.loss.to_numpy(), rcond=None
    )[0]
    return float(2.0 ** np.clip(-m3 / size, -60, 60)) if size else np.nan
