"""Laboratory A: what the literature on model collapse proves, simulated beside its formula.

Every ``simulate_*`` function returns :class:`Check` rows: a simulated mean, its Monte-Carlo
standard error, and the prediction.  Simulations use sufficient statistics (the mean and variance
of n normal draws are a normal and a chi-square), so tens of thousands of replicates are cheap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from companion.synthetic_data.method.mixing import PROTOCOLS, mixing_law, simulate_mixing


class Check(NamedTuple):
    """One simulated number and what the theorem says.

    law : which result; at : where; simulated, error : mean and its standard error
    predicted : exact, or an approximation where `law` says so
    """

    law: str
    at: str
    simulated: float
    error: float
    predicted: float

    @property
    def z(self) -> float:
        """Distance in Monte-Carlo standard errors."""
        return (self.simulated - self.predicted) / self.error


def _check(law: str, at: str, values: np.ndarray, predicted: float) -> Check:
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return Check(law, at, float(values.mean()), error, float(predicted))


def refit_normal(
    n: int, generations: int, replicates: int, rng: np.random.Generator, *, mle: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances of normals that are fitted to their own samples: two (k, replicates).

    Generation 1 is fitted to n draws of N(0, 1).  mle : divide by n, else by n - 1
    """
    if n < 2:
        raise ValueError(f"n must be at least 2 to fit a variance, got {n}")
    mean, variance = np.zeros(replicates), np.ones(replicates)
    means, variances = [], []
    for _ in range(generations):
        mean = mean + np.sqrt(variance / n) * rng.standard_normal(replicates)
        variance = variance * rng.chisquare(n - 1, replicates) / (n if mle else n - 1)
        means.append(mean)
        variances.append(variance)
    return np.array(means), np.array(variances)


def simulate_replacement(replicates: int, rng: np.random.Generator, n: int = 20) -> list[Check]:
    """Full replacement of a normal's data (Shumailov et al. 2024; Alemohammad et al. 2023)."""
    rows = []
    mean, variance = refit_normal(n, 20, replicates, rng, mle=True)
    for k in (1, 5, 20):
        shrink = (1 - 1 / n) ** k
        rows.append(_check("variance, 1/n", f"k={k}", variance[k - 1], shrink))
        rows.append(_check("squared mean, 1/n", f"k={k}", mean[k - 1] ** 2, 1 - shrink))
    mean, variance = refit_normal(n, 20, replicates, rng, mle=False)
    drift = digamma((n - 1) / 2) - np.log((n - 1) / 2)
    for k in (1, 5, 20):
        rows.append(_check("log variance, 1/(n-1)", f"k={k}", np.log(variance[k - 1]), k * drift))
        rows.append(_check("squared mean, 1/(n-1)", f"k={k}", mean[k - 1] ** 2, k / n))
    return rows


def simulate_accumulation(
    replicates: int, rng: np.random.Generator, n: int = 20, generations: int = 50
) -> list[Check]:
    """A normal fitted to everything that was ever written (Kazdan et al. 2024).

    Fit k uses n k samples, n of each of the fits before it (the first n of N(0, 1)).
    """
    total, squares = np.zeros(replicates), np.zeros(replicates)
    mean, variance = np.zeros(replicates), np.ones(replicates)
    rows, shrink, spread = [], 1.0, 0.0
    for k in range(1, generations + 1):
        new = mean + np.sqrt(variance / n) * rng.standard_normal(replicates)
        total = total + n * new
        squares = squares + variance * rng.chisquare(n - 1, replicates) + n * new**2
        mean = total / (n * k)
        variance = squares / (n * k) - mean**2
        spread += shrink / (n * k**2)
        shrink *= 1 - 1 / (n * k**2)
        if k in (2, 10, generations):
            rows.append(_check("variance, accumulated", f"k={k}", variance, shrink))
            rows.append(_check("squared mean, accumulated", f"k={k}", mean**2, spread))
    return rows


def simulate_regression(replicates: int, rng: np.random.Generator, d: int = 10) -> list[Check]:
    """Least squares on its own labels, one design for all generations (Gerstgrasser 2024).

    In units of the error of the first fit: k when data are replaced, the sum of 1/i^2 when they
    accumulate.  Per design the excess is the squared norm of the summed noise, projected.
    """
    noise = rng.standard_normal((replicates, 6, d))  # projections of each generation's noise
    replaced = np.cumsum(noise, axis=1)
    found = []
    basis = noise[:, 0]  # accumulate: w_k is the mean of w_0 + e_1 .. w_{k-1} + e_k
    total = basis.copy()
    fits = [basis]
    for k in range(2, 7):
        total = total + fits[-1] + noise[:, k - 1]
        fits.append(total / k)
    for k in (1, 2, 3, 5):
        error = (replaced[:, k - 1] ** 2).mean(axis=1)
        found.append(_check("regression, replaced", f"k={k}", error, k))
        error = (fits[k - 1] ** 2).mean(axis=1)
        sums = sum(1 / i**2 for i in range(1, k + 1))
        found.append(_check("regression, accumulated", f"k={k}", error, sums))
    return found


def simulate_designs(
    replicates: int, rng: np.random.Generator, d: int = 10, rows: int = 50
) -> list[Check]:
    """The first fit's test error with a Gaussian design: d / (T - d - 1) for T rows."""
    designs = rng.standard_normal((replicates, rows, d))
    noise = rng.standard_normal((replicates, rows, 1))
    weights = np.linalg.solve(designs.mT @ designs, designs.mT @ noise)
    error = (weights[..., 0] ** 2).sum(axis=1)
    return [_check("regression, test error", f"d={d}, T={rows}", error, d / (rows - d - 1))]


def next_error(before: float, s: float, n: int, purity: float) -> float:
    """Expected squared error of counted frequencies, from one generation to the next.

    D_k = (1 - 1/n) s^2 D_{k-1} + (1 - purity) / n, with fresh real data.
    purity : sum of the squared true probabilities
    """
    return (1 - 1 / n) * s**2 * before + (1 - purity) / n


def simulate_counts(
    replicates: int, rng: np.random.Generator, n: int = 100, k: int = 3
) -> list[Check]:
    """Relative frequencies of 30 Zipf tokens, share s copied from the last estimate."""
    p = 1 / np.arange(1, 31)
    p /= p.sum()
    rows = []
    for s in (0.2, 0.5, 1.0):
        expected = (1 - (p**2).sum()) / n
        guess = rng.multinomial(n, p, replicates) / n
        for generation in range(1, k + 1):
            # every sample is synthetic with probability s: one multinomial of the mixture
            mix = s * guess + (1 - s) * p
            guess = rng.multinomial(n, mix / mix.sum(axis=1, keepdims=True)) / n
            expected = next_error(expected, s, n, (p**2).sum())
            error = ((guess - p) ** 2).sum(axis=1)
            rows.append(_check("counts", f"s={s:g}, k={generation}", error, expected))
    return rows


def survival_bound(p: np.ndarray, n: int, k: int) -> np.ndarray:
    """Lower bound of the chance that a token of probability p is alive after k replacements.

    1 - exp(-n p g_k) with g_1 = 1, g_{k+1} = 1 - exp(-g_k)  (Suresh et al. 2024)
    """
    g = 1.0
    for _ in range(k - 1):
        g = 1 - np.exp(-g)
    return 1 - np.exp(-n * np.asarray(p) * g)


def survival(
    p: np.ndarray, n: int, k: int, s: float, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Simulated share of runs in which a token is still written, (tokens,).

    Each generation counts n samples, a share s from the estimate before and the rest from p.
    """
    n_synthetic = round(s * n)
    guess = rng.multinomial(n, p, replicates) / n
    for _ in range(k - 1):
        counts = rng.multinomial(n_synthetic, guess) + rng.multinomial(
            n - n_synthetic, p, replicates
        )
        guess = counts / n
    return (guess > 0).mean(axis=0)


def all_checks(replicates: int, rng: np.random.Generator) -> list[Check]:
    """Every theorem of laboratory A but the law of mixing, which has a module of its own."""
    return [
        *simulate_replacement(replicates, rng),
        *simulate_accumulation(replicates, rng),
        *simulate_regression(replicates, rng),
        *simulate_designs(min(replicates, 4000), rng),
        *simulate_counts(min(replicates, 20_000), rng),
    ]


def check_mixing(replicates: int, rng: np.random.Generator) -> list[Check]:
    """V_k for all protocols, s = 0.2, 0.5 (and 1 where there is no real part), k up to 3."""
    rows = []
    for protocol in PROTOCOLS:
        for s in (0.2, 0.5, 1.0):
            if s == 1 and protocol == "real only":
                continue
            errors = simulate_mixing(s, protocol, replicates, rng)
            for k in (1, 2, 3):
                values = errors[k] ** 2
                error = float(values.std(ddof=1) / np.sqrt(replicates))
                law = float(mixing_law(s, k, protocol))
                name = f"mixing, {protocol}"
                rows.append(Check(name, f"s={s:g}, k={k}", float(values.mean()), error, law))
    return rows
