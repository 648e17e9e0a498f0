r"""How many of the five parameters are free, and why three components explain almost everything.

A law must pass through its data.  If the size term is t at the data's mean size, then
:math:`a - \alpha \overline{\ln N} = \ln t`, and as alpha varies between families, a follows along
a line of slope :math:`1 / \overline{\ln N}`.  The same holds for b and beta.  Two of the five
directions are therefore spent by arithmetic, whatever language models do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.scaling_laws.method.curvefit import fit_curve_fit
from companion.scaling_laws.method.protocol import CUT, Family, training_points

NAMES = ("a", "b", "e", "alpha", "beta")


class Freedom(NamedTuple):
    """Laws of many families and the spread of their parameters.

    families : names; theta : (families, 5), columns as in NAMES
    raw, standardized : (5,) cumulative share of variance of the principal components
    alpha_slope, beta_slope : of alpha on a and of beta on b (least squares)
    alpha_arithmetic, beta_arithmetic : 1 / mean log N and 1 / mean log D of all points
    """

    families: tuple[str, ...]
    theta: np.ndarray
    raw: np.ndarray
    standardized: np.ndarray
    alpha_slope: float
    beta_slope: float
    alpha_arithmetic: float
    beta_arithmetic: float


def cumulative_variance(theta: np.ndarray) -> np.ndarray:
    """Cumulative share of variance of the principal components of rows, shape (columns,)."""
    values = np.linalg.svd(theta - theta.mean(axis=0), compute_uv=False) ** 2
    return np.cumsum(values) / values.sum()


def freedom(families: list[Family], *, cut: float = CUT) -> Freedom:
    """Fit every family's training models with the paper's recipe and look at the parameters.

    Paper sec. 9 and Fig. 3. The recipe and not variable projection, because most families have
    two training sizes only: their a, e and alpha are not determined by data, and it is the
    recipe's start value that the paper's figure shows.

    Raises
    ------
    ValueError : fewer than three families could be fitted
    """
    names, theta, log_n, log_d = [], [], [], []
    for family in families:
        data = training_points(family.runs[:-1], cut=cut)
        fit = fit_curve_fit(data, need_identified=False)
        if fit is not None:
            names.append(family.name)
            theta.append(fit.law.log_parameters)
            log_n.append(np.log(data.N).mean())
            log_d.append(np.log(data.D).mean())
    if len(theta) < 3:
        raise ValueError(f"need the laws of at least 3 families, got {len(theta)}")
    theta = np.array(theta)
    return Freedom(
        families=tuple(names),
        theta=theta,
        raw=cumulative_variance(theta),
        standardized=cumulative_variance(theta / theta.std(axis=0)),
        alpha_slope=float(np.polyfit(theta[:, 0], theta[:, 3], 1)[0]),
        beta_slope=float(np.polyfit(theta[:, 1], theta[:, 4], 1)[0]),
        alpha_arithmetic=1 / float(np.mean(log_n)),
        beta_arithmetic=1 / float(np.mean(log_d)),
    )
