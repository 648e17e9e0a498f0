r"""Models that we train or draw ourselves: worlds with a known truth, lawful families, tiny models.

**World.** The next token depends on a context k, drawn with probability
:math:`p_k \propto k^{-(1+g)}`, through its own distribution :math:`q_k` over V tokens.  Nobody can
predict better than the entropy

.. math:: E^\star = \sum_k p_k H(q_k)

**Learner.** A learner of size M keeps a table of counts for each of the M most frequent contexts
and one shared row for all others, so :math:`N = M(V-1)`.  With unlimited data it misses what the
shared row blurs, a share of :math:`\sum_{k>M} p_k \sim M^{-g}` of all tokens: the size term of
eq. 1 with alpha = g.  With D tokens it also misses what it has not counted yet.  Losses are exact
expectations under the true world, in nats; only the training tokens are random.

**Lawful family.** If eq. 1 is true from the first token on, the beginning of a run carries
information like the rest, and throwing it away cannot help: a negative control.

Worlds and training runs get separate seeds, because E* differs from world to world far more than
a law's error differs from run to run.

**Tiny models.** How far do seeds alone move a loss?  GPT-NeoX models (Pythia's architecture and
initialization) of 7 to 100 thousand parameters read the King James Bible at a constant learning
rate after warm-up.  A seed decides about the weights and the order of the text; the held-out books
are the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
import torch

from companion.corpora import byte_tokens, king_james, random_windows
from companion.models import neox, neox_config
from companion.scale import generator, one_thread, torch_generator
from companion.scaling_laws.method.law import ScalingLaw
from companion.scaling_laws.method.protocol import (
    Family,
    Run,
    are,
    bias,
    target_points,
    training_points,
)
from companion.scaling_laws.method.varpro import fit_varpro
from companion.sweep import sweep
from companion.training import TrainingDiverged, TrainingSettings, next_token_loss, train

# --------------------------------------------------------------------------- the world
A0 = 0.3
"""Pseudo-count with which a row leans on the overall token frequencies (arbitrary)."""


@dataclass(frozen=True)
class World:
    """p : (K,) context probabilities, falling; q : (K, V) token probabilities, rows sum to one."""

    p: np.ndarray
    q: np.ndarray

    @property
    def irreducible(self) -> float:
        """E* in nats per token."""
        return float(self.p @ _entropy(self.q))

    def merged(self, M: int) -> tuple[np.ndarray, np.ndarray]:
        """(p, q) of M kept rows and the shared one, shapes (M + 1,) and (M + 1, V)."""
        rest = self.p[M:].sum()
        shared = self.p[M:] @ self.q[M:] / rest
        return np.append(self.p[:M], rest), np.vstack([self.q[:M], shared])

    def unlimited_data_loss(self, M: int) -> float:
        """Loss of a learner of size M that has counted forever: E* plus its size term."""
        p, q = self.merged(M)
        return float(p @ _entropy(q))


def _entropy(q: np.ndarray) -> np.ndarray:
    return -np.sum(q * np.log(np.where(q > 0, q, 1.0)), axis=-1)


def make_world(
    rng: np.random.Generator,
    *,
    n_contexts: int = 50_000,
    n_tokens: int = 16,
    g: float = 0.4,
    concentration: float = 0.05,
) -> World:
    """A random world.

    g : Zipf exponent minus one; the true alpha
    concentration : of the Dirichlet that draws each q_k; small makes tokens predictable
    """
    if not (g > 0 and concentration > 0 and n_contexts > 1 and n_tokens > 1):
        raise ValueError(
            "a world needs g > 0, concentration > 0 and at least two contexts and tokens, got "
            f"g={g}, concentration={concentration}, {n_contexts} contexts, {n_tokens} tokens"
        )
    p = np.arange(1, n_contexts + 1, dtype=float) ** -(1 + g)
    q = rng.dirichlet(np.full(n_tokens, concentration), size=n_contexts)
    return World(p / p.sum(), q)


def train_learner(world: World, M: int, D: np.ndarray, rng: np.random.Generator) -> Run:
    """One learner of size M, its loss at every count of tokens in `D`.

    D : increasing integers of shape (n_checkpoints,). Drawing tokens one by one or adding
        multinomial counts between checkpoints is the same process; the second is fast.
    """
    if not 1 <= M < world.p.size:
        raise ValueError(f"size M must be from 1 to {world.p.size - 1}, got {M}")
    p, q = world.merged(M)
    counts = np.zeros(q.shape)
    losses = []
    for new in np.diff(D, prepend=0):
        counts += rng.multinomial(rng.multinomial(new, p), q)
        losses.append(_loss(p, q, counts))
    return Run(f"M={M}", float(M * (q.shape[1] - 1)), np.asarray(D, dtype=float), np.array(losses))


def _loss(p: np.ndarray, q: np.ndarray, counts: np.ndarray) -> float:
    """Exact expected cross-entropy of the learner with these counts, in nats."""
    overall = counts.sum(axis=0) + 1  # add-one keeps unseen tokens possible
    prior = A0 * overall / overall.sum()
    prediction = (counts + prior) / (counts.sum(axis=1, keepdims=True) + A0)
    return float(-np.einsum("r,rv,rv->", p, q, np.log(prediction)))


def train_family(
    world: World, rng: np.random.Generator, *, sizes: tuple[int, ...], D: np.ndarray
) -> Family:
    """Learners of several sizes in one world, each on its own draw of tokens; the last is the
    target."""
    runs = tuple(train_learner(world, M, D, rng) for M in sorted(sizes))
    return Family("Zipf-LM", runs, "nats/token")


# --------------------------------------------------------------------------- the laboratory
CUTS = (0.0, 0.01, 0.1)
"""Shares of the tokens thrown away at the start of each run."""

SIZES = (64, 128, 256, 512, 1024, 4096)
"""Contexts that the learners keep; the last is the target."""


def token_grid(n_tokens: int, n_checkpoints: int) -> np.ndarray:
    """Log-spaced token counts from 200 to `n_tokens`, integers without repeats."""
    return np.unique(np.geomspace(200, n_tokens, n_checkpoints).astype(int))


def lab_family(
    world: World, seed: int, *, n_tokens: int, n_checkpoints: int, sizes: Sequence[int] = SIZES
) -> Family:
    """One family of learners in `world`; `seed` draws their training tokens."""
    D = token_grid(n_tokens, n_checkpoints)
    return train_family(world, generator(seed, "truth", "training"), sizes=tuple(sizes), D=D)


def fit_lab(family: Family, world: World, cuts: Sequence[float] = CUTS) -> pd.DataFrame:
    """One law per cut, with its errors.

    Columns: cut (share), are and bias (percent, last 30 % of the target), e_error (relative error
    of E, percent, signed), E, alpha, beta, status.
    """
    end, target = family.target.D[-1], target_points(family.target)
    rows = []
    for cut in cuts:
        fit = fit_varpro(training_points(family.runs[:-1], cut=cut * end))
        rows.append(
            {
                "cut": cut,
                "are": are(fit.law, target),
                "bias": bias(fit.law, target),
                "e_error": 100 * (fit.law.E / world.irreducible - 1),
                "E": fit.law.E,
                "alpha": fit.law.alpha,
                "beta": fit.law.beta,
                "status": "at bound"
                if fit.at_bound
                else "ok"
                if fit.converged
                else "not converged",
            }
        )
    return pd.DataFrame(rows)


@one_thread()  # the entropy of a world is a long sum, whose order depends on the threads
def run_lab(
    worlds: Sequence[int],
    seeds: Sequence[int],
    *,
    n_tokens: int,
    n_checkpoints: int,
    g: float = 0.4,
) -> pd.DataFrame:
    """Every world seed with every training seed: rows of :func:`fit_lab` plus world and seed."""
    tables = []
    for index in worlds:
        world = make_world(generator(index, "truth", "world"), g=g)
        for seed in seeds:
            family = lab_family(world, seed, n_tokens=n_tokens, n_checkpoints=n_checkpoints)
            tables.append(
                fit_lab(family, world).assign(world=index, seed=seed, truth=world.irreducible)
            )
    return pd.concat(tables, ignore_index=True)


def by_world(table: pd.DataFrame) -> pd.DataFrame:
    """Means over training seeds: index world, columns (are | abs E error, cut)."""
    rows = table.assign(e_error=table["e_error"].abs())
    return rows.pivot_table(index="world", columns="cut", values=["are", "e_error"], aggfunc="mean")


# --------------------------------------------------------------------------- lawful families
TRUTH = ScalingLaw.of(E=1.8, A=480, B=2100, alpha=0.35, beta=0.37)
"""Close to the law of Hoffmann et al.'s points."""

LAWFUL_SIZES = (7e7, 1.6e8, 4.1e8, 1e9, 2.8e9, 1.2e10)
"""Pythia's, roughly; the last is the target."""


def lawful_family(
    law: ScalingLaw,
    rng: np.random.Generator,
    *,
    sizes: Sequence[float] = LAWFUL_SIZES,
    n_checkpoints: int = 60,
    n_tokens: float = 3e11,
    noise: float = 0.01,
) -> Family:
    """Runs whose losses are the law's times exp(noise * standard normal).

    n_checkpoints : log-spaced from n_tokens / 1000 to n_tokens
    """
    D = np.geomspace(n_tokens / 1000, n_tokens, n_checkpoints)
    runs = []
    for N in sorted(sizes):
        loss = law.predict(N, D) * np.exp(noise * rng.standard_normal(D.size))
        runs.append(Run(f"{N:.2g}", float(N), D, loss))
    return Family("lawful", tuple(runs), "nats")


def lawful_ratios(n_families: int, seed: int, *, cut: float = 0.1) -> pd.DataFrame:
    """ARE with and without the first `cut` of every run, per family: columns no_cut, cut, ratio."""
    rows = []
    for i in range(n_families):
        family = lawful_family(TRUTH, generator(seed, "lawful family", i))
        target, end = target_points(family.target), family.target.D[-1]
        errors = [
            are(fit_varpro(training_points(family.runs[:-1], cut=share * end)).law, target)
            for share in (0.0, cut)
        ]
        rows.append({"no_cut": errors[0], "cut": errors[1], "ratio": errors[0] / errors[1]})
    return pd.DataFrame(rows)


VOCAB = 256

HELD_OUT_EVERY = 20
"""Every twentieth book is kept for evaluation."""


@dataclass(frozen=True)
class Recipe:
    """How every model is trained.

    batch * seq bytes per step; the final loss is the mean over `n_eval` windows of `seq` bytes
    """

    steps: int
    batch: int
    seq: int = 64
    lr: float = 3e-3
    n_eval: int = 256


@cache
def token_streams() -> tuple[torch.Tensor, torch.Tensor]:
    """(training, held out) bytes of the corpus, int64; split by book."""
    texts = list(king_james().documents.values())
    held_out = texts[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    training = [text for i, text in enumerate(texts) if i % HELD_OUT_EVERY != HELD_OUT_EVERY - 1]
    return byte_tokens("\n".join(training)), byte_tokens("\n".join(held_out))


def spread_windows(tokens: torch.Tensor, n: int, seq: int) -> torch.Tensor:
    """`n` windows of `seq` tokens at even distances, so that no one book decides: (n, seq)."""
    if n * seq > len(tokens):
        raise ValueError(f"{n} windows of {seq} tokens do not fit into {len(tokens)} tokens")
    starts = torch.arange(n) * (len(tokens) // n)
    return tokens[starts[:, None] + torch.arange(seq)]


def final_loss(shape: tuple[int, int], seed: int, recipe: Recipe) -> float:
    """Held-out loss at the end of one run, nats per byte; nan if it diverged.

    shape : layers and width; heads are 16 wide
    """
    training, held_out = token_streams()
    windows = spread_windows(held_out, recipe.n_eval, recipe.seq + 1)
    layers, width = shape
    config = neox_config(
        n_layers=layers,
        d_model=width,
        n_heads=width // 16,
        vocab_size=VOCAB,
        seq=recipe.seq + 1,
    )
    model = neox(config, torch_generator(seed, "tiny models", "weights", shape))

    def batch_at(step: int) -> torch.Tensor:
        rng = generator(seed, "tiny models", "batch", step)
        return random_windows(training, recipe.batch, recipe.seq + 1, rng)

    try:
        history = train(
            model,
            batch_at,
            TrainingSettings(steps=recipe.steps, lr=recipe.lr, warmup=0.1, floor=1.0),
            seed=seed,
            measure=lambda model, _: {"loss": next_token_loss(model, windows).item()},
            measure_at=[recipe.steps],
            progress=False,
        )
    except TrainingDiverged:
        return float("nan")
    return float(history.series["loss"][-1])


def train_seeds(
    shapes: Sequence[tuple[int, int]],
    seeds: Sequence[int],
    recipe: Recipe,
    *,
    n_jobs: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    """Every shape with every seed: columns shape, seed, loss (nats per byte; nan: diverged)."""
    jobs = [{"shape": tuple(shape), "seed": seed} for shape in shapes for seed in seeds]
    # the largest first, so that no long run is left to the end
    jobs.sort(key=lambda job: -job["shape"][0] * job["shape"][1] ** 2)
    label = "tiny models" if progress else ""
    job = partial(final_loss, recipe=recipe)
    losses = sweep(job, jobs, n_jobs=n_jobs, label=label, unpack=True)
    names = [f"{layers}x{width}" for layers, width in (job["shape"] for job in jobs)]
    return pd.DataFrame(
        {"shape": names, "seed": [job["seed"] for job in jobs], "loss": np.array(losses)}
    )
