"""The law of mixing: what the paper's protocol does to a parameter, in closed form.

A mean is estimated from N samples, round(s N) of which come from the estimate before.  V_k is the
variance of generation k's error in units of sigma^2 / N.  No formula here has a threshold.
"""

from __future__ import annotations

import numpy as np

PROTOCOLS = ("fresh", "fixed", "real only")


def mixing_law(s: np.ndarray, k: int, protocol: str = "fresh") -> np.ndarray:
    """V_k at mixing ratio s.

    ``"fresh"`` real data: 1 + s^2 + ... + s^2k (eq. 4); ``"fixed"``, a subset of generation 0's:
    a recursion (eq. 5); ``"real only"``, the (1 - s) N real samples alone: 1 / (1 - s) (eq. 6).

    s : in [0, 1]; k : generations, at least 0

    Raises
    ------
    ValueError : unknown protocol, s outside [0, 1], k negative
    """
    s = np.asarray(s, float)
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}")
    if (s < 0).any() or (s > 1).any() or k < 0:
        raise ValueError(f"need s in [0, 1] and k >= 0, got s={s} and k={k}")
    if k == 0:
        return np.ones_like(s)
    if protocol == "real only":
        with np.errstate(divide="ignore"):
            return 1 / (1 - s)
    if protocol == "fresh":
        return sum(s ** (2 * i) for i in range(k + 1))
    # e_k = (1-s) r + s (e_{k-1} + eta), e_0 = (1-s) r + s d, in units of sigma^2/N:
    # Var r = 1/(1-s), Var d = Var eta = 1/s.  Coefficients of r, d; all eta are independent.
    r, d, noise = 1 - s, s, np.zeros_like(s)
    for _ in range(k):
        r = (1 - s) + s * r
        d = s * d
        noise = s**2 * noise + s  # s^2 Var eta = s
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = np.where(s < 1, r**2 / (1 - s), 0)
        dropped = np.where(s > 0, d**2 / s, 0)
    return kept + dropped + noise


def simulate_mixing(
    s: float,
    protocol: str,
    replicates: int,
    rng: np.random.Generator,
    *,
    n: int = 100,
    generations: int = 3,
) -> np.ndarray:
    """Errors of simulated means in units of sigma / sqrt(N): (generations + 1, replicates).

    Every part of the data enters as its mean, a normal with variance 1 / size.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}")
    n_synthetic = round(s * n)
    n_real = n - n_synthetic

    def mean(size: int) -> np.ndarray:
        return rng.standard_normal(replicates) / np.sqrt(size) if size else np.zeros(replicates)

    kept, dropped = mean(n_real), mean(n_synthetic)
    error = (n_real * kept + n_synthetic * dropped) / n
    errors = [error]
    for _ in range(generations):
        if protocol == "real only":
            error = kept if n_real else np.full(replicates, np.nan)
        else:
            real = kept if protocol == "fixed" else mean(n_real)
            error = (n_real * real + n_synthetic * (error + mean(n_synthetic))) / n
        errors.append(error)
    return np.sqrt(n) * np.array(errors)


def largest_share(tolerance: float, k: int, protocol: str = "fresh") -> float:
    """Largest s with V_k <= 1 + tolerance: a budget, though the law has no threshold."""
    s = np.linspace(0, 1, 100_001)[:-1]
    within = mixing_law(s, k, protocol) <= 1 + tolerance
    return 1.0 if within.all() else float(s[np.argmin(within) - 1])
