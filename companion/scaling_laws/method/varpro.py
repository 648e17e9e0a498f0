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

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import nnls

from companion import contracts
from companion.scaling_laws.method.law import (
    Fit,
    Points,
    ScalingLaw,
    check_identified,
    residual_sum,
)

if TYPE_CHECKING:
    from jaxtyping import Float

LOW, HIGH = 0.02, 40.0
"""Search range of both exponents (ours); fits on the start of a run reach beta = 2.5 and more."""

_GRID = np.geomspace(LOW, HIGH, 33)
NEAR = (2.0, 1.1)
"""Minima whose J exceeds the least one by more than this factor are given up: after the first
zoom, where the grid is still coarse, and after each further one."""

_RATIO = np.log(_GRID[1] / _GRID[0])
_STEP, _GAIN = 1e-8, 1e-12  # relative change of exponents and of J at which the polish ends
_EDGE = 1e-6  # relative distance to LOW or HIGH at which an exponent counts as stuck


class _Sums(NamedTuple):
    """What the projected objective needs of the points, in scaled units.

    Points stand in order of size.

    x : (m,) log N of each size minus the smallest; size : (n,) index of each point into x
    first : (m,) the first point of each size
    y : (n,) log D minus the smallest; loss : (n,)
    count, total : (m,) points and summed loss of each size
    """

    x: np.ndarray
    size: np.ndarray
    first: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    count: np.ndarray
    total: np.ndarray


def _sums(data: Points) -> tuple[_Sums, float, float]:
    order = np.argsort(data.N, kind="stable")
    log_n, log_d, loss = np.log(data.N[order]), np.log(data.D[order]), data.loss[order]
    sizes, first, index, count = np.unique(
        log_n, return_index=True, return_inverse=True, return_counts=True
    )
    total = np.add.reduceat(loss, first)
    least_n, least_d = float(sizes[0]), float(log_d.min())
    x, y = sizes - least_n, log_d - least_d
    return _Sums(x, index, first, y, loss, count.astype(float), total), least_n, least_d


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
    per_size = np.add.reduceat(v, sums.first, axis=0)  # (m, b)
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


def projected_objective(
    data: Points, alphas: Float[np.ndarray, " a"], betas: Float[np.ndarray, " b"]
) -> Float[np.ndarray, "a b"]:
    """J(alpha, beta) on a grid, (len(alphas), len(betas)), loss unit squared.  Notebook eq. 3."""
    return _projected(_sums(data)[0], np.asarray(alphas, float), np.asarray(betas, float))


def linear_part(
    x: np.ndarray, y: np.ndarray, loss: np.ndarray, alpha: float, beta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (E, A, B) >= 0 at fixed exponents, and the columns (n, 3) they multiply.

    x, y : log N and log D, shifted at will; A and B refer to the shifted variables
    """
    columns = np.stack([np.ones_like(x), np.exp(-alpha * x), np.exp(-beta * y)], axis=1)
    scale = np.linalg.norm(columns, axis=0)
    # the triangular factor holds the whole problem in four rows
    small = np.linalg.qr(np.column_stack([columns / scale, loss]), mode="r")
    coefficients, _ = nnls(small[:, :3], small[:, 3])
    return coefficients / scale, columns


def fit_varpro(
    data: Points, *, need_identified: bool = True, n_starts: int = 3, n_zooms: int = 2
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
    minima = [(_GRID[i], _GRID[j]) for i, j in _local_minima(surface)[:n_starts]]
    for level in range(n_zooms):
        zoomed = [_zoom(sums, *place, _RATIO / 4**level) for place in minima]
        limit = NEAR[level > 0] * min(J for J, _, _ in zoomed)
        minima = [place for J, *place in zoomed if limit >= J]
    best = min((_polish(sums, *place) for place in minima), key=lambda one: one.J)
    alpha, beta = best.alpha, best.beta
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
        converged=best.converged,
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


def _zoom(sums: _Sums, alpha: float, beta: float, step: float) -> tuple[float, float, float]:
    """(J, alpha, beta) of the best cell of a grid of 9 x 9 around (alpha, beta).

    step : natural logarithm of the ratio of the grid's ends to its center
    """
    factors = np.exp(np.linspace(-step, step, 9))
    alphas, betas = np.clip(alpha * factors, LOW, HIGH), np.clip(beta * factors, LOW, HIGH)
    surface = _projected(sums, alphas, betas)
    i, j = np.unravel_index(np.argmin(surface), surface.shape)
    return float(surface[i, j]), float(alphas[i]), float(betas[j])


class _At(NamedTuple):
    """The best law at two exponents, and where J falls from there.

    J : sum of squares; fall : (2,) minus half its gradient; bend : (2, 2) half its curvature by
    Kaufman's Jacobian; length : (2,) the diagonal of `bend` before the coefficients follow
    """

    alpha: float
    beta: float
    J: float
    fall: np.ndarray
    bend: np.ndarray
    length: np.ndarray
    converged: bool = False


def _at(sums: _Sums, alpha: float, beta: float) -> _At:
    """J and its slopes from sums over points; those of the size term are sums over sizes."""
    n, m, index = sums.loss.size, sums.x.size, sums.size
    u, v = np.expm1(-alpha * sums.x), np.expm1(-beta * sums.y)
    (E, A, B), centered = _coefficients(sums, u, v)
    ex, ey = u + 1, v + 1
    residual = (E + A * ex)[index] + B * ey - sums.loss
    shift = np.array([sums.count @ ex / n, ey.mean()]) if centered else np.zeros(2)
    a, b, slope_a, slope_b = ex - shift[0], ey - shift[1], A * sums.x * ex, B * sums.y * ey
    if centered:
        slope_a, slope_b = slope_a - sums.count @ slope_a / n, slope_b - slope_b.mean()
    per_b, per_slope = (np.bincount(index, one, m) for one in (b, slope_b))
    weighted, slopes = sums.count * a, sums.count * slope_a
    fall = np.array([slope_a @ np.bincount(index, residual, m), slope_b @ residual])
    cross = slope_a @ per_slope
    length = np.array([slope_a @ slopes, slope_b @ slope_b])
    bend = np.array([[length[0], cross], [cross, length[1]]])
    active = [i for i, coefficient in enumerate((A, B)) if coefficient > 0]
    if active:  # the coefficients follow the exponents and take most of the slope away
        gram = np.array([[a @ weighted, a @ per_b], [a @ per_b, b @ b]])
        shared = np.array([[slope_a @ weighted, slope_a @ per_b], [a @ per_slope, slope_b @ b]])
        part = shared[:, active]
        bend -= part @ np.linalg.solve(gram[np.ix_(active, active)], part.T)
    return _At(alpha, beta, float(residual @ residual), fall, bend, length)


def _coefficients(
    sums: _Sums, u: np.ndarray, v: np.ndarray
) -> tuple[tuple[float, float, float], bool]:
    """((E, A, B), whether E > 0) of the least sum of squares with none negative.

    u, v : N^-alpha - 1 of each size and D^-beta - 1 of each point
    """
    n = sums.loss.size
    mean_u, mean_v, mean = sums.count @ u / n, v.mean(), sums.loss.mean()
    u, v, loss = u - mean_u, v - mean_v, sums.loss - mean
    uu, vv = float(sums.count @ u**2), float(v @ v)
    uv = float(u @ np.bincount(sums.size, v, sums.x.size))
    ul, vl = float(u @ (sums.total - sums.count * mean)), float(v @ loss)
    mean_u, mean_v = mean_u + 1, mean_v + 1
    found = []
    for A, B in _solutions(uu, uv, vv, ul, vl):
        E = mean - A * mean_u - B * mean_v
        found.append((-(A * ul + B * vl), E, A, B))
    uu, vv, uv = uu + n * mean_u**2, vv + n * mean_v**2, uv + n * mean_u * mean_v
    ul, vl = ul + n * mean_u * mean, vl + n * mean_v * mean
    for A, B in _solutions(uu, uv, vv, ul, vl):
        found.append((n * mean**2 - (A * ul + B * vl), 0.0, A, B))
    _, E, A, B = min(one for one in found if min(one[1:]) >= 0)
    return (E, A, B), E > 0


def _solutions(
    uu: float, uv: float, vv: float, ul: float, vl: float
) -> Iterator[tuple[float, float]]:
    """(A, B) with both terms, with one of them, and with none."""
    determinant = uu * vv - uv**2
    if determinant > 0:
        yield (vv * ul - uv * vl) / determinant, (uu * vl - uv * ul) / determinant
    if uu > 0:
        yield ul / uu, 0.0
    if vv > 0:
        yield 0.0, vl / vv
    yield 0.0, 0.0


def _polish(sums: _Sums, alpha: float, beta: float, n_steps: int = 60) -> _At:
    """Levenberg-Marquardt on the projected objective, in two dimensions, exponents in bounds."""
    now, damping = _at(sums, alpha, beta), 1e-3
    for _ in range(n_steps):
        exponents, strength = np.array([now.alpha, now.beta]), np.diag(now.bend)
        # an exponent that presses against its bound is held there
        low, high = (exponents <= LOW) & (now.fall < 0), (exponents >= HIGH) & (now.fall > 0)
        # and one that the coefficients can make up for (two sizes) moves nothing but rounding
        free = ~low & ~high & (strength > 1e-10 * now.length)
        if not free.any():
            return now._replace(converged=True)
        square, fall = now.bend[np.ix_(free, free)], now.fall[free]
        while damping < 1e9:
            step = np.zeros(2)
            step[free] = np.linalg.solve(square + damping * np.diag(np.diag(square)), fall)
            tried = _at(sums, *np.clip(exponents + step, LOW, HIGH).tolist())
            if tried.J <= now.J:
                break
            damping *= 8
        else:  # no step improves at the precision of floats
            return now._replace(converged=True)
        moved = np.abs(step / exponents).max()
        gained, now, damping = now.J - tried.J, tried, damping / 8
        if moved < _STEP or gained <= _GAIN * now.J:
            return now._replace(converged=True)
    return now


contracts.guard_public(
    __name__,
    {name: {"data": contracts.FINITE.of_parts()} for name in ("projected_objective", "fit_varpro")},
)
