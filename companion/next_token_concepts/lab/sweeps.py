"""Exact sweeps, the paper's own simulation, and its assumptions broken one by one (E5 to E8).

The paper's own simulation (E6), with the ceiling that explains its curve.

x is a string of bits, each a random balanced Boolean function of the latents, some flipped; y names
the configuration.  The paper reports how well a linear classifier reads the latents off f_x.  The
best possible accuracy, that of Bayes, is computed beside it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from companion.next_token_concepts.lab import measurements as ms
from companion.next_token_concepts.lab.learning import (
    BATCH,
    Perceptron,
    fit,
    soft_cross_entropy,
    world_of,
)
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method import world as wd
from companion.scale import derive_seed, generator, one_thread

# --------------------------------------------------------------------------------------- simulation
FLIP = 0.02
"""Error of a bit of x, and of the name."""


def bit_table(m: int, n_bits: int, rng: np.random.Generator) -> np.ndarray:
    """(2^m, n_bits): bits of random permutations of the configurations' numbers."""
    columns = []
    while len(columns) < n_bits:
        code = rng.permutation(2**m)
        columns += [(code >> b) & 1 for b in range(m)]
    return np.stack(columns[:n_bits], axis=1)


def log_posterior(bits: np.ndarray, table: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """log p(c|x), (N, K), for noisy bits (N, n_bits)."""
    wrong = bits @ (1 - table).T + (1 - bits) @ table.T
    joint = np.log(prior) + wrong * np.log(FLIP) + (bits.shape[1] - wrong) * np.log(1 - FLIP)
    return joint - logsumexp(joint, axis=1, keepdims=True)


def accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """Mean held-out accuracy over latents of logistic regressions; labels : (N, m)."""
    scale = features.std() or 1.0
    hits = []
    for column in labels.T:
        fitted = LogisticRegression(C=10.0, max_iter=300).fit(features[::2] / scale, column[::2])
        hits.append(fitted.score(features[1::2] / scale, column[1::2]))
    return float(np.mean(hits))


@one_thread()
def run_one(m: int, edges: float, n_bits: int, seed: int, steps: int, n: int) -> dict:
    """One system: accuracies of Bayes, of a line on the raw bits, and of a line on trained f_x.

    steps = 0 leaves the network out; "probe" is then nan.
    """
    rng = generator(seed, "ntc simulation", m, edges)  # the same latents for every n_bits
    configs, prior = wd.all_configs(m), wd.random_prior(m, edges, rng)
    table = bit_table(m, n_bits, rng)
    naming = rng.permutation(2**m)

    def draw(size: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.choice(len(prior), size=size, p=prior)
        return labels, table[labels] ^ (rng.random((size, n_bits)) < FLIP)

    labels, bits = draw(n)
    log_p = log_posterior(bits, table, prior)
    marginal = np.exp(log_p) @ configs
    row = {
        "m": m,
        "edges": edges,
        "bits": n_bits,
        "seed": seed,
        "probe": np.nan,
        "bayes": float(((marginal[1::2] > 0.5) == configs[labels[1::2]]).mean()),
        "raw": accuracy(bits.astype(float), configs[labels]),
    }
    if not steps:
        return row
    torch.manual_seed(derive_seed(seed, "ntc simulation weights", m, edges, n_bits))
    model = Perceptron(n_bits, 2**m, widths=(128, 128), d=32)

    def loss_at(step: int) -> torch.Tensor:
        c, x = draw(BATCH)
        y = np.where(rng.random(BATCH) < FLIP, rng.integers(0, 2**m, BATCH), naming[c])
        logits = model(torch.from_numpy(x).float())
        return torch.nn.functional.cross_entropy(logits, torch.from_numpy(y))

    fit(model, loss_at, steps, seed)
    with torch.no_grad():
        f = model.encoder(torch.from_numpy(bits).float()).double().numpy()
    return row | {"probe": accuracy(f, configs[labels])}


# ------------------------------------------------------------------------------------------- sweeps
ETAS = (0.002, 0.01, 0.05, 0.15, 0.3, 0.45)
LENGTHS = (4, 8, 12, 24, 48, 96)
SHARPNESS = (0.3, 0.1, 0.03, 0.01, 0.002, 1e-4)
KAPPAS = (0.0, 0.1, 0.4)
MERGED = (1, 2, 4)
TRAINED_LENGTHS = (4, 12, 24)
UNNAMED = 0
"""The concept that is never named in E7 (b); it has no hint of its own either."""


def eta_sweep(seeds: range, length: int, n: int) -> pd.DataFrame:
    """What a perfect predictor gives for every eta: one row a seed and eta."""
    rows = []
    for seed in seeds:
        for eta in ETAS:
            scores = ms.exact_scores(
                world_of(seed, eta), length, n, generator(seed, "ntc exact", length)
            )
            rows.append({"seed": seed, "eta": eta, **scores})
    return pd.DataFrame(rows)


def two_ways(seeds: range, n: int) -> pd.DataFrame:
    """E5: eps goes to zero by longer contexts, or by sharper names.

    Columns: way ("longer contexts" or "sharper names"), seed, length, eta, eps, no_fit, slope,
    ratio, identity (largest error of the identity over contexts and names).
    """
    rows = []
    for seed in seeds:
        world = world_of(seed, 0.01)
        for length in LENGTHS:
            rows.append(_way("longer contexts", world, seed, length, 0.01, n))
        for eta in SHARPNESS:
            named = world.with_names(wd.joint_names(len(world.prior), eta))
            rows.append(_way("sharper names", named, seed, 4, eta, n))
    return pd.DataFrame(rows)


def _way(way: str, world: wd.World, seed: int, length: int, eta: float, n: int) -> dict:
    contexts = world.sample(n, length, generator(seed, "ntc two ways", length))
    log_p = world.log_posterior(contexts.words)
    terms = theory.identity(log_p, world.names, world.prior)
    left = theory.log_predict(log_p, world.names)
    error = np.abs(left - (terms.linear + terms.beta - terms.residual)).max()
    return {
        "way": way,
        "seed": seed,
        "length": length,
        "eta": eta,
        "identity": float(error),
        "eps": theory.uncertainty(log_p, world.names),
        "no_fit": theory.no_fit_r2(world, log_p),
        "slope": theory.slope(world, log_p),
        "ratio": theory.residual_ratio(world, log_p),
    }


@one_thread()
def trained_lengths(seed: int, n: int, steps: int) -> pd.DataFrame:
    """One perceptron trained on contexts of 4, 12 and 24 words: columns seed, length, eps, no_fit.

    Its contrasts take the place of the perfect predictor's in the no-fit R^2.
    """
    world = world_of(seed, 0.01)
    rng = generator(seed, "ntc lengths")
    parts = [world.sample(8_000, length, rng) for length in TRAINED_LENGTHS]
    log_p = [world.log_posterior(part.words) for part in parts]
    targets = np.exp(np.concatenate([theory.log_predict(p, world.names) for p in log_p]))
    counts = np.concatenate([world.counts(part.words) / 4 for part in parts])
    fresh = [world.sample(n, length, rng) for length in TRAINED_LENGTHS]
    new = np.concatenate([world.counts(part.words) / 4 for part in fresh])
    logits = trained_logits(counts, targets, new, steps=steps, seed=seed)
    rows = []
    for i, (length, part) in enumerate(zip(TRAINED_LENGTHS, fresh, strict=True)):
        own = world.log_posterior(part.words)
        score = theory.no_fit_r2(world, own, logits[i * n : (i + 1) * n])
        rows.append(
            {
                "seed": seed,
                "length": length,
                "no_fit": score,
                "eps": theory.uncertainty(own, world.names),
            }
        )
    return pd.DataFrame(rows)


class Broken(NamedTuple):
    """E7 and E8, exact and, where trained, beside it; a value that was not trained is nan.

    merged : columns seed, size, rank, exact, trained (R2 of log p(c|x) from logits)
    unnamed : columns seed, named (bool), exact, trained (R2_dec of concept UNNAMED from logits)
    order : columns seed, kappa, lm, with_word, trained_lm, trained_with_word (R2_enc)
    """

    merged: pd.DataFrame
    unnamed: pd.DataFrame
    order: pd.DataFrame


def trained_logits(
    features: np.ndarray, targets: np.ndarray, new: np.ndarray, *, steps: int, seed: int
) -> np.ndarray:
    """Logits on `new` of a perceptron trained to give `targets` from `features`; f_x of width 32.

    features : (N, p); targets : (N, Y) distributions; new : (M, p)
    """
    torch.manual_seed(derive_seed(seed, "ntc broken"))
    model = Perceptron(features.shape[1], targets.shape[1], widths=(96, 96), d=32)
    rng = generator(seed, "ntc broken batches")
    x, y = torch.from_numpy(features).float(), torch.from_numpy(targets).float()

    def loss_at(step: int) -> torch.Tensor:
        rows = rng.integers(0, len(x), BATCH)
        return soft_cross_entropy(model(x[rows]), y[rows])

    fit(model, loss_at, steps, seed)
    with torch.no_grad():
        return model(torch.from_numpy(new).float()).double().numpy()


@one_thread()
def broken_of(seed: int, n: int, steps: int, length: int = 12) -> Broken:
    """E7 and E8 for one world; steps = 0 leaves the training out."""
    world = world_of(seed, 0.01)
    rng = generator(seed, "ntc broken contexts")
    contexts = world.sample(n, length, rng)
    pool = world.sample(20_000 if steps else 10, length, rng)
    log_p, log_pool = world.log_posterior(contexts.words), world.log_posterior(pool.words)
    bags = world.counts(contexts.words) / 4, world.counts(pool.words) / 4

    def logits(names: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        exact = theory.centred(theory.log_predict(log_p, names))
        if not steps:
            return exact, None
        target = np.exp(theory.log_predict(log_pool, names))
        return exact, trained_logits(bags[1], target, bags[0], steps=steps, seed=seed)

    merged = []
    table = theory.centred(log_p)
    for size in MERGED:
        names = wd.merged_names(wd.joint_names(len(world.prior), 0.002), size)
        rank = np.linalg.matrix_rank(theory.evidence_matrix(names, world.prior), tol=1e-9)
        exact, own = logits(names)
        merged.append(
            {
                "seed": seed,
                "size": size,
                "rank": int(rank),
                "exact": ms.r2(exact, table),
                "trained": np.nan if own is None else ms.r2(own, table),
            }
        )
    unnamed = []
    odds = theory.log_odds(log_p, world.configs)[:, UNNAMED]
    for named in (True, False):
        names = world.names if named else wd.without_name(world.names, UNNAMED)
        exact, own = logits(names)
        unnamed.append(
            {
                "seed": seed,
                "named": named,
                "exact": ms.r2(exact, odds),
                "trained": np.nan if own is None else ms.r2(own, odds),
            }
        )
    order = [_order(world, contexts, pool, kappa, seed, steps) for kappa in KAPPAS]
    return Broken(pd.DataFrame(merged), pd.DataFrame(unnamed), pd.DataFrame(order))


def depends_on_word(
    world: wd.World, contexts: wd.Contexts, kappa: float, answers: np.ndarray
) -> np.ndarray:
    """p(y|x), (N, Y), where the name is `answers` of the last word with probability kappa."""
    p = np.exp(theory.log_predict(world.log_posterior(contexts.words), world.names))
    return (1 - kappa) * p + kappa * np.eye(world.n_names)[answers[contexts.words[:, -1]]]


def _order(world, contexts, pool, kappa: float, seed: int, steps: int) -> dict:
    """E8: the name depends on the context beyond the concepts."""
    answers = generator(seed, "ntc answers").integers(0, world.n_names, world.n_words)
    lm = theory.log_marginals(world.log_posterior(contexts.words), world.configs)
    last = np.eye(world.n_words)
    wide = np.column_stack([lm, last[contexts.words[:, -1]][:, 1:]])
    exact = theory.centred(np.log(depends_on_word(world, contexts, kappa, answers)))
    row = {
        "seed": seed,
        "kappa": kappa,
        "lm": ms.r2(lm, exact),
        "with_word": ms.r2(wide, exact),
        "trained_lm": np.nan,
        "trained_with_word": np.nan,
    }
    if steps:
        target = depends_on_word(world, pool, kappa, answers)
        inputs = [
            np.column_stack([world.counts(c.words) / 4, last[c.words[:, -1]]])
            for c in (pool, contexts)
        ]
        own = theory.centred(trained_logits(inputs[0], target, inputs[1], steps=steps, seed=seed))
        row |= {"trained_lm": ms.r2(lm, own), "trained_with_word": ms.r2(wide, own)}
    return row


def join(parts: list[Broken]) -> Broken:
    """The tables of several worlds below each other."""
    return Broken(*(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True)))
