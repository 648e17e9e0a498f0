"""Autoencoders trained and scored: the same recipe for every kind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from companion.next_token_concepts.lab.learning import fit
from companion.next_token_concepts.method.autoencoders import (
    NUCLEAR,
    Annealing,
    Autoencoder,
    best_feature,
    norm_p,
    nuclear_norm,
    ranks,
)
from companion.scale import derive_seed, generator, one_thread

BATCH = 256


class Score(NamedTuple):
    """One autoencoder, judged on contexts that neither trained nor chose a feature.

    mse : squared error over the variance of f; active : mean number of nonzero sparse features
    exp_r : mean over concepts of |corr(exp(z), p)|, the paper's score
    odds_r, spearman : of z with the log odds, linear and by rank
    """

    kind: str
    level: float
    seed: int
    mse: float
    active: float
    exp_r: float
    odds_r: float
    spearman: float


def train(
    kind: str, level: float, x: Tensor, n_features: int, steps: int, seed: int
) -> Autoencoder:
    """One autoencoder on activations (N, d)."""
    torch.manual_seed(derive_seed(seed, "ntc autoencoder", kind, level))
    model = Autoencoder(kind, level, x.shape[1], n_features)
    rng = generator(seed, "ntc autoencoder batches")
    d, warm = x.shape[1], max(1, steps // 10)
    annealing = Annealing(level, steps)

    def loss_at(step: int) -> Tensor:
        batch = x[rng.integers(0, len(x), BATCH)]
        s = model.sparse(batch)
        r = model.dense(batch) if model.dense is not None else None
        loss = (model.decoder(s if r is None else s + r) - batch).square().sum(1).mean()
        if kind in ("p-annealing", "structured"):
            # a feature could shrink and its decoder grow: the penalty counts their product
            sizes = s * model.decoder.weight.norm(dim=0)
            p = annealing.at(step, sizes)
            loss = loss + annealing.weight * min(1.0, step / warm) * norm_p(sizes, p)
        if r is not None:
            loss = loss + NUCLEAR * nuclear_norm(_thin(batch, model.dense)) / np.sqrt(len(batch))
        return loss / d

    fit(model, loss_at, steps, seed)
    return model


@one_thread()
def score(
    kind: str,
    level: float,
    seed: int,
    x: np.ndarray,
    fresh: np.ndarray,
    odds: np.ndarray,
    n_features: int,
    steps: int,
) -> Score:
    """Train on x (N, d), judge on fresh (M, d) whose log odds are (M, m)."""
    model = train(kind, level, torch.from_numpy(x).float(), n_features, steps, seed)
    with torch.no_grad():
        batch = torch.from_numpy(fresh).float()
        z, rebuilt = model(batch)
        active = float((model.sparse(batch) > 0).float().sum(1).mean())
        mse = float((rebuilt - batch).square().mean() / batch.var(0, unbiased=False).mean())
    code = z.double().numpy()
    probability = 1 / (1 + np.exp(-odds))
    return Score(
        kind=kind,
        level=level,
        seed=seed,
        mse=mse,
        active=active,
        exp_r=float(best_feature(np.exp(np.clip(code, -30, 30)), probability).mean()),
        odds_r=float(best_feature(code, odds).mean()),
        spearman=float(best_feature(ranks(code), ranks(odds)).mean()),
    )


def at_error(scores: list[Score], mse: float, field: str = "exp_r") -> float:
    """The score at an equal error, interpolated between the levels of one kind and seed.

    nan where no level comes within 20 % of `mse` and none lies on either side.
    """
    points = sorted((s.mse, getattr(s, field)) for s in scores)
    errors, values = np.array(points).T
    if mse < errors[0] * 0.8 or mse > errors[-1] * 1.2:
        return float("nan")
    return float(np.interp(np.log(mse), np.log(errors), values))


def _thin(batch: Tensor, dense: nn.Linear) -> Tensor:
    """A matrix of d + 1 rows with the singular values of the batch's R = [x, 1] [W, a]'."""
    wide = torch.cat([batch, torch.ones_like(batch[:, :1])], dim=1)
    _, triangle = torch.linalg.qr(wide)
    return triangle @ torch.cat([dense.weight, dense.bias[:, None]], dim=1).T
