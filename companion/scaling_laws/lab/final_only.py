r"""What final losses alone say about more tokens: nothing.

If all training runs end at the same D, the data term is the same number c for each of them, and
only :math:`E' = E + c` can be seen.  Any split :math:`c = s E'` and any beta fit exactly as well,
and they predict

.. math:: \hat L(N, D') = (1 - s) E' + s E' (D'/D)^{-\beta} + A N^{-\alpha}

which at D' > D is anything.  What a solver returns is its start value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.scaling_laws.method.law import Points, ScalingLaw
from companion.scaling_laws.method.protocol import are
from companion.scaling_laws.method.reduced import fit_size_only


class EquallyGood(NamedTuple):
    """shares : (s,) of E' given to the data term; betas : (b,)

    are : (s, b) error on the target in percent; spread_sse : relative range of the training
    error over all of them, zero up to rounding
    """

    shares: np.ndarray
    betas: np.ndarray
    are: np.ndarray
    spread_sse: float


def equally_good_laws(
    final: Points,
    target: Points,
    *,
    shares: np.ndarray | None = None,
    betas: np.ndarray | None = None,
) -> EquallyGood:
    """Five-parameter laws that fit final losses at one D equally well, and their errors.

    Raises
    ------
    ValueError : the final checkpoints are not all at one D, or fewer than three sizes
    """
    if np.unique(final.D).size != 1:
        raise ValueError(
            f"final losses at {np.unique(final.D).size} token counts do say something about D; "
            "this is for runs that all end at the same count"
        )
    shares = np.linspace(0, 0.5, 26) if shares is None else np.asarray(shares, dtype=float)
    betas = np.geomspace(0.05, 2, 40) if betas is None else np.asarray(betas, dtype=float)
    size = fit_size_only(final).law
    D = float(final.D[0])
    errors, sse = np.empty((shares.size, betas.size)), []
    for i, s in enumerate(shares):
        for j, beta in enumerate(betas):
            with np.errstate(divide="ignore"):
                log_B = float(np.log(s * size.E) + beta * np.log(D))
            law = ScalingLaw((1 - s) * size.E, size.log_A, log_B, size.alpha, float(beta))
            errors[i, j] = are(law, target)
            residual = law.predict(final.N, final.D) - final.loss
            sse.append(residual @ residual)
    return EquallyGood(shares, betas, errors, float(np.ptp(sse) / np.min(sse)))
