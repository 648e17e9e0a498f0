"""Autoencoders against a supervised probe and random directions, on the f_x of eight concepts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from companion.next_token_concepts.lab import learning, measurements
from companion.next_token_concepts.method import autoencoders as ae
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.directions import unit
from companion.next_token_concepts.method.world import World
from companion.scale import derive_seed, generator, one_thread

BATCH = 256
ETA, LENGTH, M, WIDTH = 0.01, 16, 8, 32
"""Error of the names, words of a context, concepts, and width of f_x."""

LEVELS: dict[str, tuple] = {
    "top-k": (2, 6, 16),
    "batch top-k": (2, 6, 16),
    "p-annealing": (1.0, 0.3, 0.1),
    "structured": ((1.0, 3.0), (0.3, 1.0), (0.1, 0.3)),
}
"""Levels of each kind: k; the first weight of the penalty; of the structured one that weight and
the weight of the nuclear norm.  Chosen on another seed, so that the errors of all kinds overlap and
the sparse half of the structured code is not empty; no score of theirs was looked at."""

ALIVE = 1.0
"""Active sparse features a context under which the sparse half of a code counts as empty."""


class Cache(NamedTuple):
    """Activations of one trained network, centered and divided by one number, the spread of all.

    x : (N, d) to train on; fresh : (M, d) to judge on; odds : (M, m) exact log odds of `fresh`
    probe : |corr| of the supervised probe's probability with the exact one, mean over concepts
    excess : KL / I of the network
    """

    seed: int
    x: np.ndarray
    fresh: np.ndarray
    odds: np.ndarray
    probe: float
    excess: float


class Dictionaries(NamedTuple):
    """What was scored on contexts that neither trained nor chose a feature.

    scores : one row per kind, level, seed: mse (squared error over the variance of f_x), active
        (mean number of sparse features above zero), exp_r (the paper's score: mean over concepts
        of |corr(exp(z), p)|), odds_r (of z with the log odds)
    probes : columns seed, probe (its exp_r), random (exp_r of random directions), excess
    """

    scores: pd.DataFrame
    probes: pd.DataFrame

    def at_equal_error(self) -> pd.DataFrame:
        """Columns seed, mse, one per kind: exp_r at one error for all kinds of a seed.

        The error is the smallest that every kind reaches: the largest of their best errors.
        """
        rows = []
        for seed, part in self.scores.groupby("seed"):
            mse = float(part.groupby("kind")["mse"].min().max())
            at = {kind: at_error(part[part["kind"] == kind], mse) for kind in ae.KINDS}
            rows.append({"seed": seed, "mse": mse, **at})
        return pd.DataFrame(rows)


def at_error(rows: pd.DataFrame, mse: float) -> float:
    """The score at an error, interpolated in its logarithm between the levels of one kind.

    nan where the error lies outside of theirs: nothing is extrapolated
    """
    if rows.empty:
        return float("nan")
    rows = rows.sort_values("mse")
    errors = rows["mse"].to_numpy()
    if not errors[0] <= mse <= errors[-1]:
        return float("nan")
    return float(np.interp(np.log(mse), np.log(errors), rows["exp_r"]))


# ---------------------------------------------------------------------------------------- training
def train(
    kind: str, level: float, nuclear: float, x: Tensor, n_features: int, steps: int, seed: int
) -> ae.Autoencoder:
    """One autoencoder on activations (N, d); nuclear : weight of the nuclear norm, per context."""
    torch.manual_seed(derive_seed(seed, "ntc autoencoder", kind, level, nuclear))
    model = ae.Autoencoder(kind, level, x.shape[1], n_features)
    rng = generator(seed, "ntc autoencoder batches")
    d, warm = x.shape[1], max(1, steps // 10)
    annealing = ae.Annealing(level, steps)

    def loss_at(step: int) -> Tensor:
        batch = x[rng.integers(0, len(x), BATCH)]
        s = model.sparse(batch)
        r = model.dense(batch) if model.dense is not None else None
        loss = (model.decoder(s if r is None else s + r) - batch).square().sum(1).mean()
        if kind in ("p-annealing", "structured"):
            # a feature could shrink and its decoder grow: the penalty counts their product
            sizes = s * model.decoder.weight.norm(dim=0)
            p = annealing.at(step, sizes)
            loss = loss + annealing.weight * min(1.0, step / warm) * ae.norm_p(sizes, p)
        if r is not None:
            thin = _thin(batch, model.dense, model.decoder.weight.norm(dim=0))
            loss = loss + nuclear * ae.nuclear_norm(thin) / np.sqrt(len(batch))
        return loss / d

    learning.fit(model, loss_at, steps, seed)
    return model


def _thin(batch: Tensor, dense: nn.Linear, sizes: Tensor) -> Tensor:
    """A matrix of d + 1 rows with the singular values of the batch's R = [x, 1] [W, a]'.

    Features count times the length of their decoder, as in the sparse half.
    """
    wide = torch.cat([batch, torch.ones_like(batch[:, :1])], dim=1)
    _, triangle = torch.linalg.qr(wide)
    return triangle @ torch.cat([dense.weight, dense.bias[:, None]], dim=1).T * sizes


@one_thread()
def score(kind: str, level: object, found: Cache, n_features: int, steps: int) -> dict:
    """Train one autoencoder on a cache: a row of ``Dictionaries.scores``."""
    first, nuclear = level if isinstance(level, tuple) else (level, 0.0)
    x = torch.from_numpy(found.x).float()
    model = train(kind, first, nuclear, x, n_features, steps, found.seed)
    with torch.no_grad():
        batch = torch.from_numpy(found.fresh).float()
        z, rebuilt = model(batch)
        active = float((model.sparse(batch) > 0).float().sum(1).mean())
        mse = float((rebuilt - batch).square().mean() / batch.var(0, unbiased=False).mean())
    code = z.double().numpy()
    return {
        "kind": kind,
        "level": f"{level}",
        "seed": found.seed,
        "mse": mse,
        "active": active,
        "exp_r": paper_score(code, found.odds),
        "odds_r": float(ae.best_feature(code, found.odds).mean()),
    }


def sigmoid(odds: np.ndarray) -> np.ndarray:
    """Probability of log odds."""
    return 1 / (1 + np.exp(-np.clip(odds, -500, 500)))


def paper_score(code: np.ndarray, odds: np.ndarray) -> float:
    """Mean over concepts of |corr(exp(z), p)| of the best feature; code : (N, F), odds : (N, m)."""
    return float(ae.best_feature(np.exp(np.clip(code, -30, 30)), sigmoid(odds)).mean())


def random_code(f: np.ndarray, n_features: int, rng: np.random.Generator) -> np.ndarray:
    """(N, n_features): rectified projections of f (N, d) on random directions of length one."""
    directions = np.stack([unit(row) for row in rng.standard_normal((n_features, f.shape[1]))])
    return np.maximum(f @ directions.T, 0.0)


# ----------------------------------------------------------------------------------------- caching
@one_thread()
def cache(seed: int, n: int, steps: int) -> Cache:
    """Train one network on a world of eight concepts and keep its f_x."""
    plan = learning.Plan(ETA, seed, steps, WIDTH, "perceptron", M)
    world = learning.world_of(seed, ETA, M)
    model, loss_at = learning.KINDS[plan.network](world, plan)
    learning.fit(model, loss_at, steps, seed)
    rng = generator(seed, "ntc activations")
    x = learning.representation(model, world.sample(n, LENGTH, rng).words)
    words = world.sample(8192, LENGTH, rng).words
    log_p, fresh = world.log_posterior(words), learning.representation(model, words)
    center, scale = x.mean(0), x.std()
    odds = theory.log_odds(log_p, world.configs)
    fresh_scaled = (fresh - center) / scale
    return Cache(
        seed,
        (x - center) / scale,
        fresh_scaled,
        odds,
        supervised(world, model, (center, scale), fresh_scaled, odds, rng),
        measurements.excess(world, log_p, learning.logits_of(model, fresh)),
    )


def supervised(
    world: World,
    model: learning.Network,
    scaling: tuple,
    fresh: np.ndarray,
    odds: np.ndarray,
    rng: np.random.Generator,
) -> float:
    """Mean |corr| with p(c_k|x) of logistic regressions fitted on twins, one a concept."""
    center, scale = scaling
    found = []
    for k in range(world.m):
        contexts = world.sample(1000, LENGTH, rng)
        pair = measurements.sided(world, contexts.words, contexts.labels, k)
        x = np.concatenate([learning.representation(model, words) for words in pair])
        fitted = LogisticRegression(C=1.0, max_iter=1000)
        fitted.fit((x - center) / scale, np.repeat([0, 1], 1000))
        said = sigmoid(fitted.decision_function(fresh[1::2]))
        found.append(abs(np.corrcoef(said, sigmoid(odds[1::2, k]))[0, 1]))
    return float(np.mean(found))


def probe_row(found: Cache, n_features: int) -> dict[str, float]:
    """A row of ``Dictionaries.probes``."""
    rng = generator(found.seed, "ntc random directions")
    code = random_code(found.fresh, n_features, rng)
    return {
        "seed": found.seed,
        "probe": found.probe,
        "random": paper_score(code, found.odds),
        "excess": found.excess,
    }
