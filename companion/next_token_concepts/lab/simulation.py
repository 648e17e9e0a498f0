"""The paper's own simulation, with the ceiling that explains its curve.

x is a string of bits, each a random balanced Boolean function of the latents, some flipped; y names
the configuration.  The paper reports how well a linear classifier reads the latents off f_x.  The
best possible accuracy, that of Bayes, is computed beside it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from scipy.special import logsumexp
from scipy.stats import linregress
from sklearn.linear_model import LogisticRegression

from companion.next_token_concepts.lab.learning import BATCH, Perceptron, fit
from companion.next_token_concepts.method import world as wd
from companion.scale import derive_seed, generator, one_thread

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
