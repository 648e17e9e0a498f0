r"""Variable projection: the law is linear in three of its five parameters.

For given exponents, eq. 1 is a linear regression on the columns :math:`1, N^{-\alpha}, D^{-\beta}`
with non-negative coefficients, and its minimum has a closed form.  Put back into the objective,
it leaves a function of (alpha, beta) alone, the projected objective, which a grid can search
globally:

.. math:: J(\alpha, \beta) = \min_{E, A, B \ge 0}
    \sum_i \big(E + A N_i^{-\alpha} + B D_i^{-\beta} - L_i\big)^2

No start values are needed, and N and D may be scaled at will (here: by their smallest values, so
that no power overflows).
Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973); the last step uses Kaufman's Jacobian (1975).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares, nnls

from companion.scaling_laws.method.law import (
    Fit,
    Points,
    ScalingLaw,
    check_identified,
    residual_sum,
)

LOW, HIGH = 0.02, 40.0
"""Search range of both exponents (ours); fits on the start of a run reach beta = 2.5 and more."""

_GRID = np.geomspace(LOW, HIGH, 33)
_EDGE = 1e-6  # relative distance to LOW or HIGH at which an exponent counts as stuck


class _Sums(NamedTuple):
    """What the projected objective needs of the points, in scaled units.

    x : (m,) log N of each size minus the smallest; size : (n,) index of each point into x
    y : (n,) log D minus the smallest; loss : (n,)
    count, total : (m,) points and summed loss of each size
    """

    x: np.ndarray
    size: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    count: np.ndarray
    total: np.ndarray


def _sums(data: Points) -> tuple[_Sums, float, float]:
    log_n, log_d = np.log(data.N), np.log(data.D)
    sizes, index = np.unique(log_n, return_inverse=True)
    count = np.bincount(index).astype(float)
    total = np.bincount(index, weights=data.loss)
    least_n, least_d = float(sizes[0]), float(log_d.min())
    sums = _Sums(sizes - least_n, index, log_d - least_d, data.loss, count, total)
    return sums, least_n, least_d


def _projected(sums: _Sums, alphas: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """J at every pair of exponents, shape (len(alphas), len(betas)).

    The minimum over E, A, B >= 0 is the least of the seven problems in which some of the three
    are zero and the others come out non-negative.
    """
    n = sums.loss.size
    u = np.expm1(-np.outer(sums.x, alphas))  # (m, a): N^-alpha - 1
    v = np.expm1(-np.outer(sums.y, betas))  # (n, b): D^-beta - 1
    u_mean, v_mean = sums.count @ u / n, v.mean(axis=0)
    u -= u_mean
    v -= v_mean
    loss_mean = sums.loss.mean()
    loss = sums.loss - loss_mean
    per_size = np.stack(
        [np.bincount(sums.size, weights=column, minlength=u.shape[0]) for column in v.T], axis=1
    )  # (m, b)
    uu = (sums.count @ u**2)[:, None]
    vv = np.einsum("nb,nb->b", v, v)[None, :]
    uv = u.T @ per_size
    ul = (u.T @ (sums.total - sums.count * loss_mean))[:, None]
    vl = (loss @ v)[None, :]
    ll = loss @ loss
    mean_u, mean_v = (u_mean + 1)[:, None], (v_mean + 1)[None, :]

    best = np.full(uv.shape, ll)  # E alone; feasible because losses are positive

    def offer(sse: np.ndarray, *coefficients: np.ndarray) -> None:
        feasible = np.isfinite(sse)
        for coefficient in coefficients:
            feasible = feasible & (coefficient >= 0)
        np.copyto(best, np.broadcast_to(sse, best.shape), where=feasible & (sse < best))

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        A, B = _solve2(uu, uv, vv, ul, vl)
        offer(ll - A * ul - B * vl, A, B, loss_mean - A * mean_u - B * mean_v)
        A, B = ul / uu, vl / vv
        offer(ll - A * ul, A, loss_mean - A * mean_u)
        offer(ll - B * vl, B, loss_mean - B * mean_v)
        # without E the sums are about zero, not about the mean
        uu, vv = uu + n * mean_u**2, vv + n * mean_v**2
        uv, ul = uv + n * mean_u * mean_v, ul + n * mean_u * loss_mean
        vl, ll = vl + n * mean_v * loss_mean, ll + n * loss_mean**2
        A, B = _solve2(uu, uv, vv, ul, vl)
        offer(ll - A * ul - B * vl, A, B)
        offer(ll - ul**2 / uu, ul)
        offer(ll - vl**2 / vv, vl)
    return best


def _solve2(uu, uv, vv, ul, vl) -> tuple[np.ndarray, np.ndarray]:
    """Solution of [[uu, uv], [uv, vv]] (A, B) = (ul, vl), elementwise."""
    determinant = uu * vv - uv**2
    return (vv * ul - uv * vl) / determinant, (uu * vl - uv * ul) / determinant


def projected_objective(data: Points, alphas: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """J(alpha, beta) on a grid, shape (len(alphas), len(betas)), loss unit squared."""
    return _projected(_sums(data)[0], np.asarray(alphas, float), np.asarray(betas, float))


def linear_part(
    x: np.ndarray, y: np.ndarray, loss: np.ndarray, alpha: float, beta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (E, A, B) >= 0 at fixed exponents, and the columns (n, 3) they multiply.

    x, y : log N and log D, shifted at will; A and B refer to the shifted variables
    """
    columns = np.stack([np.ones_like(x), np.exp(-alpha * x), np.exp(-beta * y)], axis=1)
    scale = np.linalg.norm(columns, axis=0)
    coefficients, _ = nnls(columns / scale, loss)
    return coefficients / scale, columns


def fit_varpro(
    data: Points, *, need_identified: bool = True, n_starts: int = 3, n_zooms: int = 4
) -> Fit:
    """The least-squares law by global search over the exponents; the book's default.

    Parameters
    ----------
    data : points of one family
    need_identified : distinct N below which a ValueError is raised (see ``check_identified``)
    n_starts : how many local minima of the coarse grid are followed
    n_zooms : refinements of the grid around each, by a factor of 4, before the polish
    """
    if need_identified:
        check_identified(data)
    sums, least_n, least_d = _sums(data)
    surface = _projected(sums, _GRID, _GRID)
    best = None
    for i, j in _local_minima(surface)[:n_starts]:
        start = _zoom(sums, _GRID[i], _GRID[j], n_zooms)
        found = _polish(sums, start)
        if best is None or found.cost < best.cost:
            best = found
    alpha, beta = best.x
    (E, A, B), _ = linear_part(sums.x[sums.size], sums.y, sums.loss, alpha, beta)
    with np.errstate(divide="ignore"):
        log_A, log_B = np.log([A, B]) + np.array([alpha * least_n, beta * least_d])
    law = ScalingLaw(float(E), float(log_A), float(log_B), float(alpha), float(beta))
    stuck = [(A, alpha), (B, beta)]
    return Fit(
        law=law,
        sse=residual_sum(law, data),
        n_points=data.N.size,
        n_sizes=sums.x.size,
        converged=bool(best.status > 0),
        at_bound=any(c > 0 and not LOW * (1 + _EDGE) < e < HIGH * (1 - _EDGE) for c, e in stuck),
    )


def _local_minima(surface: np.ndarray) -> list[tuple[int, int]]:
    """Cells no higher than their eight neighbours, lowest first."""
    padded = np.pad(surface, 1, constant_values=np.inf)
    rows, columns = surface.shape
    around = np.min(
        [
            padded[1 + i : 1 + i + rows, 1 + j : 1 + j + columns]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if (i, j) != (0, 0)
        ],
        axis=0,
    )
    cells = np.argwhere(surface <= around)
    return [tuple(cell) for cell in cells[np.argsort(surface[tuple(cells.T)])]]


def _zoom(sums: _Sums, alpha: float, beta: float, n_zooms: int) -> tuple[float, float]:
    """The best cell of ever finer grids of 9 x 9 around (alpha, beta)."""
    step = np.log(_GRID[1] / _GRID[0])
    offsets = np.linspace(-1, 1, 9)
    for _ in range(n_zooms):
        alphas = np.clip(alpha * np.exp(step * offsets), LOW, HIGH)
        betas = np.clip(beta * np.exp(step * offsets), LOW, HIGH)
        surface = _projected(sums, alphas, betas)
        i, j = np.unravel_index(np.argmin(surface), surface.shape)
        alpha, beta, step = alphas[i], betas[j], step / 4
    return float(alpha), float(beta)


def _polish(sums: _Sums, start: tuple[float, float]):
    """Trust-region least squares on the projected residual, in two dimensions."""
    x, y, loss = sums.x[sums.size], sums.y, sums.loss

    def residual(exponents: np.ndarray) -> np.ndarray:
        coefficients, columns = linear_part(x, y, loss, *exponents)
        return columns @ coefficients - loss

    def jacobian(exponents: np.ndarray) -> np.ndarray:
        coefficients, columns = linear_part(x, y, loss, *exponents)
        slopes = np.stack(
            [-x * columns[:, 1] * coefficients[1], -y * columns[:, 2] * coefficients[2]], axis=1
        )
        basis, _ = np.linalg.qr(columns[:, coefficients > 0])
        return slopes - basis @ (basis.T @ slopes)

    return least_squares(
        residual,
        np.clip(start, LOW, HIGH),
        jacobian,
        bounds=(LOW, HIGH),
        xtol=1e-10,
        ftol=1e-12,
        gtol=1e-12,
        max_nfev=60,
        x_scale=(0.1, 0.1),
    )
