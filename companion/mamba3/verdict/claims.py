"""The paper's claims, with the criteria that were fixed before any run, and their statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy import stats as _scipy

from companion.claims import MODEL, OURS, PAPER, Claim, Criterion
from companion.mamba3.lab.language import Read
from companion.mamba3.lab.tracking import Tracked
from companion.stats import LEVEL, Interval, holm, paired, t_interval

# ------------------------------------------------------------------------------------------- claims
SAME = Criterion(
    "largest difference of any form in float64 below 1e-10", high=1e-10, must_hold=True
)
SAME_AND_GRADIENT = Criterion(
    "largest difference of any form in float64 below 1e-10; gradient within 1e-6 of central "
    "differences",
    high=1e-10,
    must_hold=True,
)
GRADIENT = Criterion("below 1e-6", high=1e-6)

KERNEL = Criterion(
    "relative RMS error below 0.006 on both recorded outputs", high=0.006, must_hold=True
)

_ORDER = (
    "slope of log error on log Δ, 95 % interval: λ = 1/2 and constant A in [1.9, 2.1]; Euler in "
    "[0.9, 1.1]; λ = 1/2 and A(t) below 1.2"
)
SECOND_ORDER = Criterion(_ORDER, low=1.9, high=2.1, closed=True, must_hold=True)
SECOND_ORDER_RANDOM = Criterion(
    f"{_ORDER}; the same for random smooth equations, where an averaged A restores [1.9, 2.1]",
    low=1.9,
    high=2.1,
    closed=True,
    must_hold=True,
)
SECOND = Criterion("in [1.9, 2.1]", low=1.9, high=2.1, closed=True)
EULER = Criterion("in [0.9, 1.1]", low=0.9, high=1.1, closed=True)
FIRST_ORDER = Criterion("below 1.2", high=1.2)

PARITY_TOY = Criterion(
    "scaled accuracy at the training length, 95 % interval over seeds: Mamba-3 at least 0.9, "
    "Mamba-2 and no RoPE at most 0.3; the layer built by hand is right at every one of its last "
    "positions",
    low=0.9,
    closed=True,
    of="trained",
)
PARITY_BOOK = Criterion(
    "at twice the training length, against each of standard RoPE, no RoPE, and Mamba-2: 99 % Welch "
    "interval of the difference at least 0.5, every p < 0.01 (Holm)",
    low=0.0,
    of="difference",
)
PARITY_PAPER = Criterion(
    "at 1.6 times the training length, scaled accuracy at least 0.99 and baselines at most 0.1, "
    "95 % intervals over seeds",
    low=0.99,
    closed=True,
    of="far",
)
HALF = Criterion("at least 0.5", low=0.5, closed=True)
SMALL_P = Criterion("below 0.01", high=0.01)
BLIND = Criterion("at most 0.3", high=0.3, closed=True)
BLIND_FAR = Criterion("at most 0.1", high=0.1, closed=True)
PERFECT = Criterion("exactly 1", low=1.0, closed=True)

COUNTING_TOY = Criterion(
    "the rotor built by hand knows the position modulo 3 at every one of its last positions",
    low=1.0,
    closed=True,
    must_hold=True,
    of="hand",
)
COUNTING_BOOK = Criterion(
    "scaled accuracy at the training length, 95 % interval over seeds. Modulo 3: Mamba-3 at least "
    "0.9, real α of both signs and real positive α at most 0.5. Parity: Mamba-3 and real α of "
    "both signs at least 0.9",
    low=0.9,
    closed=True,
    of="trained",
)
SOLVED = Criterion("at least 0.9", low=0.9, closed=True)
UNSOLVED = Criterion("at most 0.5", high=0.5, closed=True)

ABLATION_TOY = Criterion(
    "loss with bias and trapezoid no larger than without both; one seed resolves nothing",
    high=0.0,
    closed=True,
    of="without both",
)
ABLATION_BOOK = Criterion(
    "paired over seeds: the loss with bias minus the loss without, 95 % interval below 0; what a "
    "convolution gains minus a quarter of what the bias gains, 95 % interval below 0",
    high=0.0,
    of="bias",
)
LESS = Criterion("below 0", high=0.0)

HALF_STATE = Criterion(
    "equivalent state factor F at most 0.5, 95 % bootstrap interval over seeds; F = 0.5 means that "
    "Mamba-3 needs half the state",
    high=0.5,
    closed=True,
)

COUNTED = Criterion(
    "counted operations equal 4NPR + NP - PR",
    low=0.0,
    high=0.0,
    closed=True,
    must_hold=True,
    of="count",
)
CHEAP_RANKS = Criterion(
    "a state of at least 64 MB: time of R = 4 over time of R = 1 below 2, 95 % interval; FLOP "
    "ratio 3.4",
    high=2.0,
    of="time",
)
FLOP_RATIO = Criterion("between 3.35 and 3.45", low=3.35, high=3.45)
NO_MISCOUNT = Criterion("0", low=0.0, high=0.0, closed=True)

SAME_STATE = Criterion(
    "bytes that are kept do not depend on the context",
    low=0.0,
    high=0.0,
    closed=True,
    must_hold=True,
    of="bytes",
)
FLAT = Criterion(
    "step time grows by less than 5 % for eight times the context, 95 % interval; the slope of "
    "attention is above 0 and above ten times that of Mamba-3",
    high=0.05,
    of="time",
)
RISING = Criterion("above 0", low=0.0)

RELEASED = Criterion(
    "FineWeb-Edu perplexity of MIMO below that of SISO, log ratio paired over documents, 95 % "
    "interval below 0; 90 % interval of LAMBADA within 2 points of 32.5 (SISO) and 34.0 (MIMO)",
    high=0.0,
)
NEAR_PAPER = Criterion("within 2 points", low=-2.0, high=2.0, closed=True)

CLAIMS = (
    Claim(
        "C1",
        "Recurrence, convolution, masked attention, chunks, complex state, and token steps are "
        "one function; MIMO is a sum of R² SISO systems.",
        "identities (sec. 3; Prop. 3 and 4)",
        {"toy": SAME, "book": SAME_AND_GRADIENT, "paper": SAME_AND_GRADIENT},
        of=OURS,
    ),
    Claim(
        "C2",
        "Our layer computes what the authors' kernels compute.",
        "released kernels, bfloat16",
        dict.fromkeys(("toy", "book", "paper"), KERNEL),
        of=OURS,
    ),
    Claim(
        "C3",
        "The trapezoid is of second order, Euler of first; with A frozen inside a step and "
        "changing between steps, both are of first order.",
        "local error O(Δ³) at λ = 1/2 + O(Δ) (Remark 3); A frozen costs O(Δ²) (Prop. 5)",
        {"toy": SECOND_ORDER, "book": SECOND_ORDER_RANDOM, "paper": SECOND_ORDER_RANDOM},
        of=OURS,
        on=MODEL,
    ),
    Claim(
        "C4",
        "A rotating state solves parity; without data-dependent rotation it cannot.",
        "scaled accuracy at 256, best of 16: 100.00; standard RoPE 1.56, no RoPE 2.27, Mamba-2 "
        "0.90 (Table 5b)",
        {"toy": PARITY_TOY, "book": PARITY_BOOK, "paper": PARITY_PAPER},
        of=PAPER,
    ),
    Claim(
        "C5",
        "Counting modulo 3 needs complex eigenvalues; for parity, negative real ones do.",
        "extension; Grazzi et al. 2025",
        {"toy": COUNTING_TOY, "book": COUNTING_BOOK, "paper": COUNTING_BOOK},
        of=OURS,
    ),
    Claim(
        "C6",
        "Biases on B and C with the trapezoid make the short convolution unnecessary.",
        "perplexity 15.72; without bias 16.49, without both 16.68, with convolution 15.85 "
        "(Table 5a)",
        {"toy": ABLATION_TOY, "book": ABLATION_BOOK, "paper": ABLATION_BOOK},
        unit="nats",
        of=PAPER,
    ),
    Claim(
        "C7",
        "Mamba-3 reaches the loss of Mamba-2 with half the state.",
        "F = 0.5 (Fig. 3)",
        {"book": HALF_STATE, "paper": HALF_STATE},
        of=PAPER,
    ),
    Claim(
        "C8",
        "MIMO does R times the arithmetic at about the same decode time.",
        "kernel at N = 128: 0.179 ms with R = 4, 0.156 ms SISO, ratio 1.15 (Table 6)",
        {"toy": COUNTED, "book": CHEAP_RANKS, "paper": CHEAP_RANKS},
        of=PAPER,
    ),
    Claim(
        "C9",
        "A decoded token costs the same whatever the context.",
        "per step 7.58 ms at 512 and 7.59 ms at 16384; attention 8.2 and 58.9 ms (Table 7)",
        {"toy": SAME_STATE, "book": FLAT, "paper": FLAT},
        of=PAPER,
    ),
    Claim(
        "C10",
        "The released weights give the paper's numbers in our code.",
        "LAMBADA 32.5 and 34.0; perplexity 16.59 and 16.46 (Table 3, 180M)",
        {"paper": RELEASED},
        of=OURS,
    ),
)


# ----------------------------------------------------------------------------------------- evidence
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
