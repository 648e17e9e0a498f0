r"""Many fits in one loop: Adam on a leading axis, with early stopping per fit.

The objective is notebook eq. 2,

.. math:: L + \lambda_u \|u\| + \lambda_w \|w\| + \lambda_c \|C\|,

with plain norms as in every version of the authors' code; ``squared`` squares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from companion.gaussian_rbf.method.model import (
    ALIVE,
    FULL,
    ISOTROPIC,
    Fit,
    Parameters,
    Recipe,
    Task,
    evaluate,
    start,
)
from companion.sweep import sweep

PARTS = 4
"""A batch is cut into about as many parts, which threads share."""

LEAST = 10_000
"""A part of a batch is not cut below this."""

CHUNK = 400_000
"""Numbers in one (fits, N, M) array at a time; larger batches are cut."""


def fit_many(tasks: Sequence[Task], recipe: Recipe, *, chunk: int = CHUNK) -> list[Fit]:
    """Train all `tasks`, one loop per group of equal D, K and kind; results in the same order.

    Rows and centers are padded to the largest of a group.  A fit is what it would be alone, up to
    rounding: nothing is shared between fits.
    """
    groups: dict[tuple, list[int]] = {}
    for index, task in enumerate(tasks):
        key = (task.kind, task.X.shape[1], task.y.shape[1])
        groups.setdefault(key, []).append(index)
    parts = []
    for members in groups.values():
        group = [tasks[i] for i in members]
        # parts for threads; their number is fixed, so that rounding is the same on any machine
        share = sum(len(t.X) * len(t.centers) for t in group) // PARTS + 1
        parts += _chunks(group, members, min(chunk, max(share, LEAST)))
    fits: list[Fit | None] = [None] * len(tasks)
    for part, found in zip(parts, _in_threads(parts, tasks, recipe), strict=True):
        for index, fit in zip(part, found, strict=True):
            fits[index] = fit
    return fits


def _in_threads(
    parts: Sequence[Sequence[int]], tasks: Sequence[Task], recipe: Recipe
) -> list[list[Fit]]:
    """All parts, each on one thread: the operations of one step are too small to be shared."""
    return sweep(
        partial(_one_part, tasks=tasks, recipe=recipe),
        parts,
        n_jobs=torch.get_num_threads(),
        threads=True,
    )


def _one_part(part: Sequence[int], tasks: Sequence[Task], recipe: Recipe) -> list[Fit]:
    torch.set_flush_denormal(True)  # distant Gaussians are tiny, and tiny numbers slow
    try:
        with torch.device(recipe.device):
            return _fit_group([tasks[i] for i in part], recipe)
    finally:
        torch.set_flush_denormal(False)  # this thread may have other work, too


def _chunks(tasks: Sequence[Task], members: Sequence[int], chunk: int) -> Iterator[list[int]]:
    """Members in parts of similar size, so that padding is small."""
    sizes = [len(task.X) * len(task.centers) for task in tasks]
    part, largest = [], 0
    for place in np.argsort(sizes, kind="stable"):
        largest = max(largest, sizes[place])
        if part and (len(part) + 1) * largest > chunk:
            yield part
            part, largest = [], sizes[place]
        part.append(members[place])
    yield part


class _Batch:
    """Data and masks of the fits that still run."""

    FIELDS = ("X", "y", "row", "center", "mask", "tied", "lam", "squared")

    def __init__(self, tasks: Sequence[Task], dtype: torch.dtype) -> None:
        n, m = max(len(t.X) for t in tasks), max(len(t.centers) for t in tasks)
        d, k, fits = tasks[0].X.shape[1], tasks[0].y.shape[1], len(tasks)
        self.kind, self.shapes = tasks[0].kind, ((d, d), (m, k), (m, d))
        self.X, self.y = torch.zeros(fits, n, d, dtype=dtype), torch.zeros(fits, n, k, dtype=dtype)
        self.row = torch.zeros(fits, n, 1, dtype=dtype)
        self.center = torch.zeros(fits, m, 1, dtype=dtype)
        self.theta = torch.zeros(fits, d * d + m * k + m * d, dtype=dtype)
        self.mask = torch.ones_like(self.theta)
        U, W, C = self.split(self.theta)
        keep, _, move = self.split(self.mask)
        for i, task in enumerate(tasks):
            rows, centers = len(task.X), len(task.centers)
            self.X[i, :rows] = torch.as_tensor(task.X, dtype=dtype)
            self.y[i, :rows] = torch.as_tensor(task.y, dtype=dtype)
            self.row[i, :rows], self.center[i, :centers] = 1 / rows, 1
            start_U, start_W = start(task)
            U[i], W[i, :centers] = torch.as_tensor(start_U), torch.as_tensor(start_W)
            C[i, :centers] = torch.as_tensor(task.centers)
            keep[i] = 1 if task.structure == FULL else torch.eye(d)
            move[i] = float(task.train_centers)
        self.tied = torch.tensor([t.structure == ISOTROPIC for t in tasks])
        self.lam = torch.tensor([[t.lam_u, t.lam_w, t.lam_c] for t in tasks], dtype=dtype)
        self.lam[:, 2] *= torch.tensor([float(t.train_centers) for t in tasks], dtype=dtype)
        self.squared = torch.tensor([[t.squared] for t in tasks])
        self.flags()

    def flags(self) -> None:
        self.any_tied, self.any_squared = bool(self.tied.any()), bool(self.squared.any())

    def split(self, flat: Tensor) -> Parameters:
        """Views of a flat tensor of shape (fits, parameters)."""
        sizes = [a * b for a, b in self.shapes]
        parts = flat.split(sizes, dim=1)
        return Parameters(
            *(part.view(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True))
        )

    def keep(self, index: Tensor) -> None:
        """Drop the fits that are not in `index`."""
        for name in (*self.FIELDS, "theta"):
            setattr(self, name, getattr(self, name)[index])
        self.flags()

    def objective(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Objective, data term, flat gradient, largest Gaussian; shapes (fits, ...)."""
        parts = self.split(self.theta)
        loss, gradient, peak = evaluate(parts, self.X, self.y, self.row, self.center, self.kind)
        norms = torch.stack([part.flatten(1).norm(dim=1) for part in parts], dim=1)
        if self.any_tied:  # one number u on the diagonal: |u|, and the gradient of that number
            norms[:, 0] = torch.where(
                self.tied, norms[:, 0] / self.shapes[0][0] ** 0.5, norms[:, 0]
            )
            total = gradient.U.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
            gradient = gradient._replace(
                U=torch.where(self.tied[:, None, None], total.expand_as(gradient.U), gradient.U)
            )
        penalty, slope = self.lam * norms, self.lam / norms.clamp(min=1e-30)
        if self.any_squared:
            penalty = torch.where(self.squared, self.lam * norms**2, penalty)
            slope = torch.where(self.squared, 2 * self.lam, slope)
        flat = torch.cat([part.flatten(1) for part in gradient], dim=1)
        for i, (into, part) in enumerate(zip(self.split(flat), parts, strict=True)):
            into.addcmul_(slope[:, i, None, None], part)
        return loss + penalty.sum(1), loss, flat.mul_(self.mask), peak


def _fit_group(tasks: Sequence[Task], recipe: Recipe) -> list[Fit]:
    dtype = torch.float64 if recipe.double else torch.float32
    batch = _Batch(tasks, dtype)
    fits = len(batch.theta)
    place = torch.arange(fits)  # which task each running fit is
    first, second = torch.zeros_like(batch.theta), torch.zeros_like(batch.theta)
    best, best_theta = torch.full((fits,), torch.inf, dtype=dtype), batch.theta.clone()
    best_data, waited = torch.full_like(best, torch.nan), torch.zeros(fits)
    reference = best.clone()  # the objective at the last gain of more than tol
    awake = torch.zeros(fits, dtype=torch.bool)
    running = torch.ones(fits, dtype=torch.bool)
    last = torch.full((fits,), recipe.steps)
    logs = torch.full((2, recipe.steps // recipe.log_every + 1, fits), torch.nan, dtype=dtype)
    kept_best, kept_theta = torch.empty_like(best), torch.empty_like(best_theta)
    kept_data, kept_awake = torch.empty_like(best), torch.empty_like(awake)

    def put_away(which: Tensor) -> None:
        at = place[which]
        kept_best[at], kept_theta[at] = best[which], best_theta[which]
        kept_data[at], kept_awake[at] = best_data[which], awake[which]

    with torch.no_grad():
        for step in range(recipe.steps + 1):
            objective, data, gradient, peak = batch.objective()
            if step % recipe.log_every == 0:
                logs[0, step // recipe.log_every, place] = data
                logs[1, step // recipe.log_every, place] = objective
            better = objective < best
            gained = objective < reference - recipe.tol
            reference = torch.where(gained, objective, reference)
            best = torch.where(better, objective, best)
            best_data = torch.where(better, data, best_data)
            best_theta = torch.where(better[:, None], batch.theta, best_theta)
            awake |= peak > ALIVE
            waited = torch.where(gained | ~awake, 0, waited + 1)
            if step == recipe.steps:
                break
            done = ~torch.isfinite(objective)
            if recipe.patience:
                done |= waited >= recipe.patience
            done &= running
            if done.any():
                last[place[done]] = step
                put_away(done)
                running &= ~done
                if not running.any():
                    break
                if (~running).sum() * 5 >= len(place):  # dropping copies the batch: not each time
                    index = running.nonzero()[:, 0]
                    batch.keep(index)
                    first, second, gradient = first[index], second[index], gradient[index]
                    place, best, best_theta = place[index], best[index], best_theta[index]
                    best_data, waited, awake = best_data[index], waited[index], awake[index]
                    running, reference = running[index], reference[index]
            first.lerp_(gradient, 0.1)
            second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            width = (1 - 0.999 ** (step + 1)) ** 0.5
            denominator = (second.sqrt() / width).add_(1e-8)
            batch.theta.addcdiv_(first, denominator, value=-recipe.lr / (1 - 0.9 ** (step + 1)))
        put_away(running)
    return _unpack(tasks, batch, kept_theta, kept_best, kept_data, last, kept_awake, logs, recipe)


def _unpack(tasks, batch, theta, best, data, last, awake, logs, recipe) -> list[Fit]:
    U, W, C = (part.cpu().numpy().astype(float) for part in batch.split(theta))
    logs, last, best, data, awake = (v.cpu().numpy() for v in (logs, last, best, data, awake))
    fits = []
    for i, task in enumerate(tasks):
        m = len(task.centers)
        steps, value = int(last[i]), float(best[i])
        upto = steps // recipe.log_every + 1
        diverged = not np.isfinite(logs[1, :upto, i]).all() or not np.isfinite(value)
        fit = Fit(
            U=np.triu(U[i]),
            W=W[i, :m],
            C=C[i, :m],
            kind=task.kind,
            loss=value,
            data_loss=float(data[i]),
            steps=steps,
            stopped=steps < recipe.steps and not diverged,
            awake=bool(awake[i]),
            diverged=diverged,
            history=logs[0, :upto, i],
            objective=logs[1, :upto, i],
        )
        fits.append(fit)
    return fits
