"""E10: the autoencoders against a supervised probe, on the f_x of a world of eight concepts."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression

from companion.data import Missing
from companion.next_token_concepts.lab import autoencoding, learning, measurements, twins
from companion.next_token_concepts.method import autoencoders as ae
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.settings import Settings
from companion.scale import generator, one_thread
from companion.sweep import sweep

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
                mine = [autoencoding.Score(**r) for r in part[part.kind == kind].to_dict("records")]
                row[kind] = autoencoding.at_error(mine, mse, field)
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
        pair = twins.sided(world, contexts.words, contexts.labels, k)
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
        partial(autoencoding.score, n_features=settings.sae_features, steps=settings.sae_steps),
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
