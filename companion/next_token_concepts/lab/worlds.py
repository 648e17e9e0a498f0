"""What a perfect predictor represents, and what the theorem's assumptions are needed for.

Everything exact is a table over configurations; only the perceptrons of :func:`broken_of` learn,
and those of the paper's own simulation.  There x is a string of bits, each a random balanced
Boolean function of the latents, some flipped; y names the configuration.  The paper reports how
well a linear classifier reads the latents off f_x.  The best possible accuracy, that of Bayes, is
computed beside it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.special import logsumexp
from scipy.stats import linregress
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
from companion.stats import Interval, over_seeds

# --------------------------------------------------------------------------- the paper's simulation
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

    def draw(size: int, stream: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        labels = stream.choice(len(prior), size=size, p=prior)
        return labels, table[labels] ^ (stream.random((size, n_bits)) < FLIP)

    labels, bits = draw(n, generator(seed, "ntc simulation test", m, edges, n_bits))
    marginal = np.exp(log_posterior(bits, table, prior)) @ configs
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
    batches = generator(seed, "ntc simulation batches", m, edges, n_bits)

    def loss_at(_step: int) -> torch.Tensor:
        c, x = draw(BATCH, batches)
        wrong = batches.random(BATCH) < FLIP
        y = np.where(wrong, batches.integers(0, 2**m, BATCH), naming[c])
        logits = model(torch.from_numpy(x).float())
        return torch.nn.functional.cross_entropy(logits, torch.from_numpy(y))

    fit(model, loss_at, steps, seed)
    with torch.no_grad():
        f = model.encoder(torch.from_numpy(bits).float()).double().numpy()
    return row | {"probe": accuracy(f, configs[labels])}


def slopes(rows: pd.DataFrame) -> list[float]:
    """Slope of the probe's accuracy on the number of bits, per seed."""
    return [float(linregress(g["bits"], g["probe"]).slope) for _, g in rows.groupby("seed")]


# ------------------------------------------------------------------------------ a perfect predictor
LENGTHS = (4, 8, 12, 24, 48, 96)
SHARPNESS = (0.3, 0.1, 0.03, 0.01, 0.002, 1e-4)
SHARP = 0.01
"""Error of the names wherever nothing else is said."""

FITTED, VAGUE = 6, 0.3
"""Words of the contexts on which a map is fitted that longer ones are read with; its names."""

KAPPAS = (0.0, 0.1, 0.4)
MERGED = (1, 2, 4)
RANKS = {1: 15, 2: 7, 4: 3}
"""Rank of L when neighboring names are merged: as many names less one."""

UNNAMED = 0
"""The concept that is never named; it has no hint of its own either."""

NOISE = 0.05
"""Noise on logits that are read, in their standard deviations: so that least squares cannot read
what is a thousandth of them."""


# -------------------------------------------------------------------------------------------- exact
def exact_scores(seed: int, eta: float, length: int, n: int) -> dict[str, float]:
    """What a perfect predictor gives on `n` contexts of `length` words, in the world of a seed.

    Keys: the regressors without "oracle", and no_fit, ratio, eps, information.
    """
    world = world_of(seed, eta)
    contexts = world.sample(n, length, generator(seed, "ntc exact", length))
    log_p = world.log_posterior(contexts.words)
    features = ms.regressors(world, contexts, log_p)
    oracle = features.pop("oracle")
    return ms.encoding(features, oracle) | {
        "no_fit": theory.no_fit_r2(world, log_p),
        "ratio": theory.residual_ratio(world, log_p),
        "eps": theory.uncertainty(log_p, world.names),
        "information": theory.information(log_p, world.names),
    }


def eta_sweep(seeds: range, etas: tuple[float, ...], length: int, n: int) -> pd.DataFrame:
    """:func:`exact_scores` for every eta: one row a seed and eta."""
    return pd.DataFrame(
        [
            {"seed": seed, "eta": eta, **exact_scores(seed, eta, length, n)}
            for seed in seeds
            for eta in etas
        ]
    )


def two_ways(seeds: range, n: int) -> pd.DataFrame:
    """The uncertainty eps goes to zero by longer contexts, or by sharper names.

    Columns: way ("longer contexts" or "sharper names"), seed, length, eta, eps, no_fit, slope,
    identity (largest error of the identity over contexts and names).
    """
    rows = []
    for seed in seeds:
        world = world_of(seed, SHARP)
        for length in LENGTHS:
            rows.append(_way("longer contexts", world, seed, length, SHARP, n))
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
    }


def transfer(seeds: range, n: int) -> pd.DataFrame:
    """Vague names: a map to the exact logits is fitted on short contexts and used on longer ones.

    Columns: seed, length, LM, P (R2 of the map from log marginals, and from the posterior).
    """
    rows = []
    for seed in seeds:
        world, lines = world_of(seed, VAGUE), {}
        for length in (FITTED, *LENGTHS[1:]):
            contexts = world.sample(n, length, generator(seed, "ntc transfer", length))
            log_p = world.log_posterior(contexts.words)
            features = ms.regressors(world, contexts, log_p)
            target = features["oracle"]
            if length == FITTED:
                lines = {name: ms.line(features[name][::2], target[::2]) for name in ("LM", "P")}
            mean = target.mean(0)
            scores = {
                name: one.score(features[name][1::2], target[1::2], mean)
                for name, one in lines.items()
            }
            rows.append({"seed": seed, "length": length, **scores})
    return pd.DataFrame(rows)


# -------------------------------------------------------------------------------------- assumptions
class Broken(NamedTuple):
    """Assumptions broken, exact and, where trained, beside it; what was not trained is nan.

    merged : columns seed, size, rank, exact, trained (R2 of log p(c|x) from noisy logits), excess
    unnamed : columns seed, named (bool), exact, trained (R2_dec of concept UNNAMED from logits)
    order : columns seed, kappa, lm, with_word (R2_enc of exact logits)
    """

    merged: pd.DataFrame
    unnamed: pd.DataFrame
    order: pd.DataFrame


def trained_logits(
    features: np.ndarray, targets: np.ndarray, new: np.ndarray, *, steps: int, seed: int
) -> np.ndarray:
    """Centered logits on `new` of a perceptron that learned `targets` from `features`.

    features : (N, p); targets : (N, Y) distributions; new : (M, p)
    """
    torch.manual_seed(derive_seed(seed, "ntc broken"))
    model = Perceptron(features.shape[1], targets.shape[1], widths=(96, 96), d=32)
    rng = generator(seed, "ntc broken batches")
    x, y = torch.from_numpy(features).float(), torch.from_numpy(targets).float()

    def loss_at(_step: int) -> torch.Tensor:
        rows = rng.integers(0, len(x), BATCH)
        return soft_cross_entropy(model(x[rows]), y[rows])

    fit(model, loss_at, steps, seed)
    with torch.no_grad():
        return theory.centred(model(torch.from_numpy(new).float()).double().numpy())


def noisy(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Logits with noise of NOISE standard deviations."""
    return logits + NOISE * logits.std() * rng.standard_normal(logits.shape)


@one_thread()
def broken_of(seed: int, n: int, steps: int, length: int = 12) -> Broken:
    """All of :class:`Broken` for one world; steps = 0 leaves the training out."""
    world = world_of(seed, SHARP)
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

    def read(one: np.ndarray | None, target: np.ndarray) -> float:
        stream = generator(seed, "ntc noise on logits")
        return np.nan if one is None else ms.r2(noisy(one, stream), target)

    merged = []
    table = theory.centred(log_p)
    for size in MERGED:
        names = wd.merged_names(wd.joint_names(len(world.prior), 0.002), size)
        rank = np.linalg.matrix_rank(theory.evidence_matrix(names, world.prior), tol=1e-9)
        exact, own = logits(names)
        missed = np.nan if own is None else ms.excess(world.with_names(names), log_p, own)
        row = {"seed": seed, "size": size, "rank": int(rank), "excess": missed}
        merged.append(row | {"exact": read(exact, table), "trained": read(own, table)})
    unnamed = []
    odds = theory.log_odds(log_p, world.configs)[:, UNNAMED]
    for named in (True, False):
        names = world.names if named else wd.without_name(world.names, UNNAMED)
        exact, own = logits(names)
        row = {"seed": seed, "named": named}
        unnamed.append(row | {"exact": read(exact, odds), "trained": read(own, odds)})
    order = [_order(world, contexts, kappa, seed) for kappa in KAPPAS]
    return Broken(pd.DataFrame(merged), pd.DataFrame(unnamed), pd.DataFrame(order))


def depends_on_word(
    world: wd.World, contexts: wd.Contexts, kappa: float, answers: np.ndarray
) -> np.ndarray:
    """p(y|x), (N, Y), where the name is `answers` of the last word with probability kappa."""
    p = np.exp(theory.log_predict(world.log_posterior(contexts.words), world.names))
    return (1 - kappa) * p + kappa * np.eye(world.n_names)[answers[contexts.words[:, -1]]]


def _order(world: wd.World, contexts: wd.Contexts, kappa: float, seed: int) -> dict:
    """The name depends on the context beyond the concepts; exact."""
    answers = generator(seed, "ntc answers").integers(0, world.n_names, world.n_words)
    lm = theory.log_marginals(world.log_posterior(contexts.words), world.configs)
    last = np.eye(world.n_words)[contexts.words[:, -1]]
    exact = theory.centred(np.log(depends_on_word(world, contexts, kappa, answers)))
    wide = np.column_stack([lm, last[:, 1:]])
    scores = {"lm": ms.r2(lm, exact), "with_word": ms.r2(wide, exact)}
    return {"seed": seed, "kappa": kappa, **scores}


def join(parts: list[Broken]) -> Broken:
    """The tables of several worlds below each other."""
    return Broken(*(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True)))


# ---------------------------------------------------------------------------------------- reading
def by_seed(ways: pd.DataFrame, way: str, along: str) -> pd.DataFrame:
    """No-fit R2, one row a world, one column a length or eta."""
    return ways[ways["way"] == way].pivot(index="seed", columns=along, values="no_fit")


def farthest(merged: pd.DataFrame) -> Interval:
    """Trained less exact, of the number of names at which the interval reaches farthest from 0."""
    off = (merged["trained"] - merged["exact"]).groupby(merged["size"])
    found = [over_seeds(values.dropna().to_numpy()) for _, values in off]
    return max(found, key=lambda one: max(abs(one.low), abs(one.high)))
