"""The loop in which a model is trained on its own output, in worlds with a known truth.

Generation 0 is trained on N real samples.  Generation k is trained on round(s N) samples of
generation k - 1 and on N - round(s N) real ones, or on whatever else an arm keeps.

A world is relations between entities, asked by popularity and answered with noise.  A context is a
pair (relation a, entity x); the answer is an entity.  Everything about the truth is known, so every
metric is a number and not an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion.scale import generator
from companion.synthetic_data.lab.bilinear import PENALTIES, fit_chosen
from companion.synthetic_data.method.calibration import calibration, fit_temperature, sharpen

# ------------------------------------------------------------------------------------------- worlds
N_ENTITIES = 40
N_RELATIONS = 4
NOISE = 0.3
"""Share of the answers that are drawn from the noise; with it the best accuracy is about 0.71."""


@dataclass(frozen=True)
class World:
    """The true distribution.

    facts : int (4, 40), the right answer of each relation and entity; a permutation per relation
    truth : (160, 40), P(answer | context); context number is 40 a + x
    weight : (160,), how often a context is asked for; sums to one
    """

    facts: np.ndarray
    truth: np.ndarray
    weight: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """The right answer of each context, int (160,)."""
        return self.facts.ravel()

    @property
    def tail(self) -> np.ndarray:
        """Whether a context asks for one of the rarer half of the entities, bool (160,)."""
        return np.tile(np.arange(N_ENTITIES) >= N_ENTITIES // 2, N_RELATIONS)


def make_world(seed: int, noise: float = NOISE) -> World:
    """Random facts; entity x is asked for in proportion to 1 / (x + 1), relations alike.

    The noise of relation a follows Zipf's law over answers in an order of its own:
    P(y | a, x) = (1 - noise) [y = f_a(x)] + noise z_a(y).

    noise : in [0, 1)
    """
    if not 0 <= noise < 1:
        raise ValueError(f"noise must be in [0, 1), got {noise}")
    rng = generator(seed, "world")
    facts = np.stack([rng.permutation(N_ENTITIES) for _ in range(N_RELATIONS)])
    zipf = 1 / np.arange(1, N_ENTITIES + 1)
    zipf /= zipf.sum()
    truth = np.empty((N_RELATIONS, N_ENTITIES, N_ENTITIES))
    for a in range(N_RELATIONS):
        truth[a] = noise * zipf[rng.permutation(N_ENTITIES)]
        truth[a, np.arange(N_ENTITIES), facts[a]] += 1 - noise
    weight = np.tile(zipf, N_RELATIONS) / N_RELATIONS
    return World(facts, truth.reshape(-1, N_ENTITIES), weight)


def draw(law: np.ndarray, weight: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Counts (contexts, answers) of `n` samples: contexts from `weight`, answers from `law`."""
    asked = rng.multinomial(n, weight / weight.sum())
    law = np.asarray(law, float)
    return rng.multinomial(asked, law / law.sum(axis=1, keepdims=True)).astype(float)


def keep(counts: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Counts of a random subset of `n` of the samples in `counts`."""
    whole = counts.astype(np.int64)
    chosen = rng.multivariate_hypergeometric(whole.ravel(), n, method="marginals")
    return chosen.reshape(counts.shape).astype(float)


# ------------------------------------------------------------------------------------------ metrics
HOPS = (1, 2, 3, 4)

METRICS = (
    "kl",
    "tail_kl",
    "accuracy",
    "regret",
    "em",
    "facts",
    "ece",
    "over",
    *(f"hops_{m}" for m in HOPS),
)
"""Names of what :func:`measure` returns."""


def measure(world: World, law: np.ndarray) -> dict[str, float]:
    """Everything about one model.

    law : (160, 40), P(answer | context), positive
    Returns, by name:

    ``kl`` : divergence from the truth by popularity, nats; ``tail_kl`` : the same on the rarer half
        of the contexts, unweighted
    ``accuracy`` : probability that the greedy answer is right, noise included
    ``regret`` : what the accuracy lacks to that of the truth, so that worlds can be compared
    ``em`` : share of questions, by popularity, whose greedy answer is the fact
    ``facts`` : the same over all contexts alike
    ``ece``, ``over`` : calibration error and signed over-confidence
    ``hops_m`` : share of starts for which a greedy chain of m relations is right at each hop
    """
    greedy = law.argmax(-1)
    right = greedy == world.right
    true = np.take_along_axis(world.truth, greedy[:, None], 1)[:, 0]
    log = np.log(np.maximum(law, 1e-300))
    safe = np.where(world.truth > 0, world.truth, 1)
    divergence = (world.truth * (np.log(safe) - log)).sum(-1)
    said = calibration(law.max(-1), true, world.weight)
    found = {
        "kl": world.weight @ divergence,
        "tail_kl": divergence[world.tail].mean(),
        "accuracy": world.weight @ true,
        "regret": world.weight @ (world.truth.max(-1) - true),
        "em": world.weight @ right,
        "facts": right.mean(),
        "ece": said.error,
        "over": said.over_confidence,
    }
    found |= {f"hops_{m}": chain(world, greedy, m) for m in HOPS}
    return {name: float(value) for name, value in found.items()}


def chain(world: World, greedy: np.ndarray, n_hops: int) -> float:
    """Share of start entities from which `n_hops` greedy answers in a row are all right.

    Hop i asks relation i about the answer of hop i - 1.
    """
    answer = greedy.reshape(N_RELATIONS, N_ENTITIES)
    here = np.arange(N_ENTITIES)
    good = np.ones(N_ENTITIES, dtype=bool)
    for relation in range(n_hops):
        good &= answer[relation, here] == world.facts[relation, here]
        here = answer[relation, here]
    return float(good.mean())


# ----------------------------------------------------------------------------------------- the loop
KEPT = ("fixed", "fresh", "accumulate", "subsample", "real only")
"""Protocols of :func:`companion.synthetic_data.method.mixing.mixing_law`."""


@dataclass(frozen=True)
class Arm:
    """One way to close the loop.

    kept : ``"fixed"`` keeps a random subset of generation 0's samples, ``"fresh"`` draws new ones;
        ``"accumulate"`` trains on all real samples and on everything that was ever written,
        ``"subsample"`` on N of those; ``"real only"`` is the fixed subset and nothing else
    temperature : of decoding
    by_truth : whether the truth itself writes the synthetic part: the negative control
    """

    kept: str = "fixed"
    temperature: float = 1.0
    by_truth: bool = False

    def __post_init__(self) -> None:
        if self.kept not in KEPT:
            raise ValueError(f"kept is one of {', '.join(KEPT)}, got {self.kept!r}")
        if self.temperature < 0:
            raise ValueError(f"temperature must not be negative, got {self.temperature}")


@dataclass(frozen=True)
class Runs:
    """What one arm did.

    rank : size of the models; shares : (n_s,), the mixing ratios s; seeds : (n_seeds,)
    metrics : name -> (K + 1, n_s, n_seeds); generation 0 is the same for all s
    penalty : (K + 1, n_s, n_seeds), what held-out samples chose
    scaled : the last generation after temperature scaling, name -> (n_s, n_seeds)
    """

    arm: Arm
    rank: int
    shares: np.ndarray
    seeds: np.ndarray
    metrics: dict[str, np.ndarray]
    penalty: np.ndarray
    scaled: dict[str, np.ndarray]

    def at(self, name: str, share: float, generation: int = -1) -> np.ndarray:
        """One metric at one mixing ratio over seeds: (n_seeds,)."""
        return self.metrics[name][generation, self.place(share)]

    def rise(self, name: str, share: float, generation: int = -1) -> np.ndarray:
        """Change of a metric against generation 0, which has all real data: (n_seeds,)."""
        return self.at(name, share, generation) - self.metrics[name][0, 0]

    def relative_loss(self, name: str, share: float, generation: int = -1) -> np.ndarray:
        """Share of generation 0's score that is lost: (n_seeds,)."""
        return -self.rise(name, share, generation) / self.metrics[name][0, 0]

    def place(self, share: float) -> int:
        """Index of a mixing ratio.

        Raises
        ------
        ValueError : it was not run
        """
        near = np.flatnonzero(np.isclose(self.shares, share))
        if not len(near):
            raise ValueError(f"s = {share} was not run; there are {self.shares.tolist()}")
        return int(near[0])

    def on_grid(self, share: float) -> tuple[int, int]:
        """(trainings of a mixing ratio and of generation 0, those with a penalty inside the grid).

        A penalty at an end of the grid says that the best one may lie beyond it.
        """
        last = 2 if self.arm.kept == "real only" else None  # it is trained once
        later = self.penalty[1:last, self.place(share)]
        found = np.concatenate([later.ravel(), self.penalty[0, 0]])
        inside = (found > PENALTIES[0]) & (found < PENALTIES[-1])
        return inside.size, int(inside.sum())


def run_arm(
    arm: Arm,
    *,
    rank: int,
    shares: Sequence[float],
    seeds: Sequence[int],
    n_samples: int = 4000,
    generations: int = 3,
    penalties: Sequence[float] = PENALTIES,
) -> Runs:
    """All mixing ratios and seeds of one arm; each generation is one batched fit.

    A seed has a world of its own.  Every draw has a generator named by seed, generation and mixing
    ratio, so an arm does not depend on which others run beside it; the starting point of a
    training depends on the seed alone.

    penalties : of which held-out real samples choose one for every model; a single one is no choice

    Raises
    ------
    ValueError : a mixing ratio outside [0, 1], or one that leaves no data
    """
    shares = np.asarray(shares, float)
    if shares.size == 0 or (shares < 0).any() or (shares > 1).any():
        raise ValueError(f"mixing ratios must lie in [0, 1], got {shares.tolist()}")
    if arm.kept == "real only" and (shares >= 1).any():
        raise ValueError("without real data there is nothing to train on: leave out s = 1")
    seeds = list(seeds)
    worlds = [make_world(seed) for seed in seeds]
    first = _real(worlds, seeds, n_samples, "real")
    held_out = _real(worlds, seeds, n_samples // 4, "penalty")
    base, penalty = fit_chosen(first, rank, seeds, held_out, penalties)
    shape = (len(shares), *base.shape)
    laws = np.broadcast_to(base, shape).copy()  # (n_s, n_seeds, contexts, answers)
    pools = np.broadcast_to(first, shape).copy()
    kept = np.broadcast_to(penalty, (generations + 1, len(shares), len(seeds))).copy()
    history = [_measured(worlds, laws)]
    # without synthetic data the fixed protocols would train the same model once more
    todo = np.arange(len(shares)) if arm.kept == "fresh" else np.flatnonzero(shares > 0)
    for k in range(1, generations + 1):
        # the real part alone does not change from one k to the next
        if todo.size and (k == 1 or arm.kept != "real only"):
            tables = np.stack(
                [
                    _tables(arm, worlds, first, pools[i], laws[i], float(shares[i]), seeds, k)
                    for i in todo
                ]
            )
            found, chosen = fit_chosen(
                tables.reshape(-1, *first.shape[1:]),
                rank,
                seeds * len(todo),
                np.concatenate([held_out] * len(todo)),
                penalties,
            )
            laws[todo] = found.reshape(tables.shape)
            kept[k:, todo] = chosen.reshape(len(todo), len(seeds))
        history.append(_measured(worlds, laws))
    metrics = {name: np.stack([one[name] for one in history]) for name in METRICS}
    scaled = _rescaled(worlds, laws, _real(worlds, seeds, n_samples // 4, "held out"))
    return Runs(arm, rank, shares, np.asarray(seeds), metrics, kept, scaled)


def _real(worlds: Sequence[World], seeds: Sequence[int], n: int, stream: str) -> np.ndarray:
    """Real samples of every seed, counts (seeds, contexts, answers)."""
    return np.stack(
        [
            draw(world.truth, world.weight, n, generator(seed, stream))
            for world, seed in zip(worlds, seeds, strict=True)
        ]
    )


def _tables(
    arm: Arm,
    worlds: Sequence[World],
    first: np.ndarray,
    pools: np.ndarray,
    laws: np.ndarray,
    s: float,
    seeds: Sequence[int],
    k: int,
) -> np.ndarray:
    """Training counts of one mixing ratio, (seeds, contexts, answers).

    pools : everything that was ever there, the same shape; what is written now is added in place
    """
    made = np.empty(first.shape)
    for j, (world, seed) in enumerate(zip(worlds, seeds, strict=True)):
        n = int(first[j].sum())
        n_synthetic = round(s * n)
        if arm.kept == "fresh":
            rng = generator(seed, "fresh", k, f"{s:.4f}")
            real = draw(world.truth, world.weight, n - n_synthetic, rng)
        elif arm.kept in ("fixed", "real only"):
            # one stream for the kept part, so that arms with the same s share it
            real = keep(first[j], n - n_synthetic, generator(seed, "kept", f"{s:.4f}"))
        if arm.kept == "real only":
            made[j] = real
            continue
        law = world.truth if arm.by_truth else sharpen(laws[j], arm.temperature)
        rng = generator(seed, "synthetic", k, f"{s:.4f}")
        written = draw(law, world.weight, n_synthetic, rng)
        pools[j] += written
        if arm.kept == "accumulate":
            made[j] = pools[j]
        elif arm.kept == "subsample":
            made[j] = keep(pools[j], n, generator(seed, "subset", k, f"{s:.4f}"))
        else:
            made[j] = real + written
    return made


def _measured(worlds: Sequence[World], laws: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of every mixing ratio and seed: name -> (n_s, n_seeds)."""
    rows = [
        [measure(world, law) for world, law in zip(worlds, models, strict=True)] for models in laws
    ]
    return {name: np.array([[one[name] for one in row] for row in rows]) for name in METRICS}


def _rescaled(
    worlds: Sequence[World], laws: np.ndarray, held_out: np.ndarray
) -> dict[str, np.ndarray]:
    """The same after one temperature a model, fitted on real samples that nobody trained on."""
    scaled = [
        [sharpen(q, t) for q, t in zip(models, fit_temperature(models, held_out), strict=True)]
        for models in laws
    ]
    return _measured(worlds, np.array(scaled))
