"""The loop in which a model is trained on its own output, in worlds with a known truth.

Generation 0 is trained on N real samples.  Generation k is trained on round(s N) samples of
generation k - 1 and on N - round(s N) real ones, or on whatever else an arm keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion.scale import generator
from companion.synthetic_data.lab.bilinear import PENALTIES, fit_chosen
from companion.synthetic_data.lab.world import METRICS, World, draw, keep, make_world, measure
from companion.synthetic_data.method.calibration import fit_temperature, sharpen

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
