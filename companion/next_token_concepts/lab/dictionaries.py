"""Autoencoders against a supervised probe, on the f_x of a world of eight concepts (E10)."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from companion.data import Missing
from companion.next_token_concepts.lab import learning, measurements
from companion.next_token_concepts.lab.learning import fit
from companion.next_token_concepts.lab.measurements import sided
from companion.next_token_concepts.method import autoencoders as ae
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.autoencoders import (
    NUCLEAR,
    Annealing,
    Autoencoder,
    best_feature,
    norm_p,
    nuclear_norm,
    ranks,
)
from companion.next_token_concepts.settings import Settings
from companion.scale import derive_seed, generator, one_thread
from companion.sweep import sweep

# ------------------------------------------------------------------------------------- autoencoding
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


# ------------------------------------------------------------------------------------- dictionaries
ETA, LENGTH = 0.01, 16


class Cache(NamedTuple):
    """Activations of one trained network, standardized.

    x : (N, d) to train on; fresh : (M, d) to judge on; odds : (M, m) exact log odds of `fresh`
    probe : |corr| of the supervised probe's probability with the exact one, mean over concepts
    probe_odds, probe_spearman : of its logit with the log odds
    excess : KL / I of the network
    """

    x: np.ndarray
    fresh: np.ndarray
    odds: np.ndarray
    probe: float
    probe_odds: float
    probe_spearman: float
    excess: float


class Dictionaries(NamedTuple):
    """scores : one row per kind, level, seed (fields of ``Score``)

    probes : columns seed, exp_r, odds_r, spearman, excess
    """

    scores: pd.DataFrame
    probes: pd.DataFrame

    def at_equal_error(self, field: str = "exp_r") -> pd.DataFrame:
        """Columns seed, mse, one per kind: the score at one error for all kinds of a seed.

        The error is the smallest that every kind reaches: the largest of their best errors.
        """
        rows = []
        for seed, part in self.scores.groupby("seed"):
            mse = float(part.groupby("kind")["mse"].min().max())
            row = {"seed": seed, "mse": mse}
            for kind in ae.KINDS:
                mine = [Score(**r) for r in part[part.kind == kind].to_dict("records")]
                row[kind] = at_error(mine, mse, field)
            rows.append(row)
        return pd.DataFrame(rows)


@one_thread()
def cache(seed: int, n: int, d: int, steps: int, network: str) -> Cache:
    """Train one network on a world of eight concepts and keep its f_x."""
    plan = learning.Plan(ETA, seed, "exact", steps, d, network, m=8)
    world = learning.world_of(seed, ETA, 8)
    model, _, _ = learning.TRAINERS[network](world, plan)
    rng = generator(seed, "ntc activations")
    words = [world.sample(2048, LENGTH, rng).words for _ in range(-(-n // 2048))]
    x = np.concatenate([learning.representation(model, part) for part in words])[:n]
    fresh_words = world.sample(8192, LENGTH, rng).words
    log_p = world.log_posterior(fresh_words)
    odds = theory.log_odds(log_p, world.configs)
    fresh = learning.representation(model, fresh_words)
    logits = _logits(model, fresh)
    center, scale = x.mean(0), x.std()
    return Cache(
        (x - center) / scale,
        (fresh - center) / scale,
        odds,
        *_supervised(world, model, (center, scale), fresh, odds, rng),
        _excess(world, log_p, logits),
    )


def _logits(model: learning.Network, f: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.name_logits(torch.from_numpy(f).float()).double().numpy()


def _excess(world, log_p: np.ndarray, logits: np.ndarray) -> float:
    return measurements.excess(world, log_p, logits)


def _supervised(world, model, scaling, fresh, odds, rng) -> tuple[float, float, float]:
    """Scores of logistic regressions fitted on counterfactual twins, one a concept."""
    center, scale = scaling
    logits = np.empty_like(odds)
    for k in range(world.m):
        contexts = world.sample(1000, LENGTH, rng)
        pair = sided(world, contexts.words, contexts.labels, k)
        x = np.concatenate([learning.representation(model, words) for words in pair])
        fitted = LogisticRegression(C=1.0, max_iter=1000)
        fitted.fit((x - center) / scale, np.repeat([0, 1], 1000))
        logits[:, k] = fitted.decision_function((fresh - center) / scale)
    p, exact = (1 / (1 + np.exp(-np.clip(v, -500, 500))) for v in (logits, odds))
    diagonal = [
        np.abs(np.diag(ae.correlations(a[1::2], b[1::2]))).mean()
        for a, b in ((p, exact), (logits, odds), (ae.ranks(logits), ae.ranks(odds)))
    ]
    return tuple(float(v) for v in diagonal)


def run_dictionaries(
    settings: Settings, seed: int, *, progress: bool = True
) -> Dictionaries | Missing:
    """E10 over seeds; a Missing where the settings leave it out."""
    if not settings.sae_seeds:
        return Missing("The autoencoders are trained at book scale only: set SCALE to 'book'.")
    seeds = range(seed, seed + settings.sae_seeds)
    caches = sweep(
        partial(
            cache,
            n=settings.sae_contexts,
            d=settings.sae_d,
            steps=settings.sae_net_steps,
            network=settings.sae_network,
        ),
        seeds,
        n_jobs=settings.n_jobs,
        label="networks for E10" if progress else "",
    )
    work = [
        {
            "kind": kind,
            "level": level,
            "seed": s,
            "x": found.x,
            "fresh": found.fresh,
            "odds": found.odds,
        }
        for s, found in zip(seeds, caches, strict=True)
        for kind in ae.KINDS
        for level in ae.LEVELS[kind]
    ]
    scores = sweep(
        partial(score, n_features=settings.sae_features, steps=settings.sae_steps),
        work,
        n_jobs=settings.n_jobs,
        label="autoencoders" if progress else "",
        unpack=True,
    )
    probes = pd.DataFrame(
        {
            "seed": list(seeds),
            "exp_r": [c.probe for c in caches],
            "odds_r": [c.probe_odds for c in caches],
            "spearman": [c.probe_spearman for c in caches],
            "excess": [c.excess for c in caches],
        }
    )
    return Dictionaries(pd.DataFrame([s._asdict() for s in scores]), probes)
