"""The law of mixing: what the paper's protocol does to a parameter, in closed form.

A mean is estimated from N samples, sN of which come from the estimate before.  V_k is the variance
of generation k's error in units of sigma^2 / N.  No formula here has a threshold.

With infinite data and a flexible student, what remains of the loop is arithmetic, too:
M_k(. | x) = (1 - s) p + s tau_T(M_{k-1}), M_0 = p, with tau_T the decoding temperature (eq. 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion import contracts
from companion.synthetic_data.method.calibration import sharpen

if TYPE_CHECKING:
    from jaxtyping import Float, Num

PROTOCOLS = ("fixed", "fresh", "accumulate", "subsample", "real only")
"""What a generation is trained on beside new samples: a subset of the first real data, new real
data, everything that was ever there, N of that; or the real part alone."""


def mixing_law(
    s: Float[np.ndarray, "*shape"] | float, k: int, protocol: str = "fixed"
) -> Float[np.ndarray, "*shape"] | float:
    """V_k at mixing ratio s.

    ``"fresh"`` real data: 1 + s^2 + ... + s^2k (eq. 4); ``"fixed"``, a subset of generation 0's:
    a recursion (eq. 5); ``"real only"``, the (1 - s) N real samples alone: 1 / (1 - s) (eq. 6);
    ``"accumulate"``, all real samples and everything that was written: eq. 7; ``"subsample"``, N
    samples of that at random, to first order in 1 / N.

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
    if protocol == "accumulate":
        return 1 + sum(s / (1 + i * s) ** 2 for i in range(1, k + 1))
    if protocol == "subsample":
        pool, lost = np.ones_like(s), np.zeros_like(s)  # variance of the pool's mean; of the choice
        for i in range(1, k + 1):
            pool = pool + s * (1 + s * lost) / (1 + i * s) ** 2
            lost = i * s / (1 + i * s)
        return pool + lost
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


def synthetic_share(s: float, k: int) -> float:
    """Share of the added error variance that the synthetic samples cause, fixed real data.  Eq. 8.

    The mixture less its real part alone, over the mixture less all real data.  Negative where the
    mixture is better than its real part.
    """
    mixed, alone = mixing_law(s, k, "fixed"), mixing_law(s, k, "real only")
    return float((mixed - alone) / (mixed - 1))


def simulated(s: float, protocol: str, z: np.ndarray) -> np.ndarray:
    """Errors of simulated means in units of sigma / sqrt(N), (generations + 1, runs).

    z : standard normal draws, (2 + 2 generations, runs): noise of the kept and of the dropped real
        samples, then for each generation of the samples that are written and of new real ones
    protocol : ``"fixed"``, ``"fresh"``, ``"accumulate"`` or ``"real only"``
    """
    real, synthetic = np.sqrt(1 - s), np.sqrt(s)
    error = first = real * z[0] + synthetic * z[1]
    errors, written = [first], np.zeros_like(first)
    for i in range((len(z) - 2) // 2):
        mine, new = z[2 + 2 * i], z[3 + 2 * i]
        if protocol == "real only":
            error = z[0] / real
        elif protocol == "accumulate":
            written = written + s * error + synthetic * mine
            error = (first + written) / (1 + (i + 1) * s)
        else:
            kept = z[0] if protocol == "fixed" else new
            error = real * kept + s * error + synthetic * mine
        errors.append(error)
    return np.array(errors)


def largest_share(tolerance: float, k: int, protocol: str = "fresh") -> float:
    """Largest s with V_k <= 1 + tolerance: a budget, though the law has no threshold."""
    s = np.linspace(0, 1, 100_001)[:-1]
    within = mixing_law(s, k, protocol) <= 1 + tolerance
    return 1.0 if within.all() else float(s[np.argmin(within) - 1])


# ------------------------------------------------------------------------------------ infinite data
def student(
    truth: Float[np.ndarray, "contexts answers"], s: float, temperature: float, k: int
) -> Float[np.ndarray, "contexts answers"]:
    """The student of generation k, (contexts, answers).  Eq. 2.

    truth : (contexts, answers), rows sum to one; s : share of synthetic data
    """
    if not 0 <= s <= 1:
        raise ValueError(f"s must lie in [0, 1], got {s}")
    law = truth
    for _ in range(k):
        law = (1 - s) * truth + s * sharpen(law, temperature)
    return law


def predicted_over_confidence(
    truth: Float[np.ndarray, "contexts answers"], weight: Num[np.ndarray, " contexts"], s: float
) -> float:
    """Greedy decoding (T = 0): over-confidence is s (1 - E max p), at every k.  Eq. 3."""
    return float(s * (1 - (weight / weight.sum()) @ truth.max(-1)))


contracts.guard_public(
    __name__,
    {
        "mixing_law": {"s": contracts.NUMBERS, "k": contracts.NUMBERS},
        "synthetic_share": {"s": contracts.NUMBERS, "k": contracts.NUMBERS},
        "largest_share": {"tolerance": contracts.NOT_NEGATIVE},
        "student": {"s": contracts.SHARE, "temperature": contracts.FINITE},
        "predicted_over_confidence": {
            "truth": contracts.SHARE,
            "weight": contracts.NOT_NEGATIVE,
            "s": contracts.SHARE,
        },
        "simulated": {
            "s": contracts.SHARE,
            "protocol": contracts.one_of(("fixed", "fresh", "accumulate", "real only")),
        },
    },
)
