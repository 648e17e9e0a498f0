"""The loop in which a model is trained on its own output, for laboratory B.

Generation 0 is trained on N real samples.  Generation k is trained on round(s N) samples of
generation k - 1 and on N - round(s N) real ones; N never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion.scale import generator
from companion.synthetic_data.lab.bilinear import METRICS, STEPS, World, draw, fit, keep, measure
from companion.synthetic_data.method.calibration import RULES, calibration, fit_temperature, sharpen

REAL = ("fixed", "fresh")
SOURCES = ("model", "truth", "none", "none, fewer steps")


@dataclass(frozen=True)
class Arm:
    """One way to close the loop.

    real : ``"fixed"`` keeps a random subset of generation 0's samples, ``"fresh"`` draws new ones
    temperature : of decoding
    source : who writes the synthetic part: the previous ``"model"``; the ``"truth"`` (the negative
        control); ``"none"``, the real part alone with as many updates (compute matched);
        ``"none, fewer steps"``, the real part alone with (1 - s) times the updates (real only)
    verifier : None, or the share of wrong answers that a filter lets through (0 is perfect)
    """

    real: str = "fixed"
    temperature: float = 1.0
    source: str = "model"
    verifier: float | None = None

    def __post_init__(self) -> None:
        if self.real not in REAL or self.source not in SOURCES:
            raise ValueError(
                f"real is one of {REAL} and source one of {SOURCES}, got "
                f"{self.real!r} and {self.source!r}"
            )
        if self.temperature < 0:
            raise ValueError(f"temperature must not be negative, got {self.temperature}")
        if self.verifier is not None and not 0 <= self.verifier <= 1:
            raise ValueError(f"verifier lets through a share in [0, 1], got {self.verifier}")

    @property
    def name(self) -> str:
        """How figures and tables call it."""
        if self.source == "model":
            words = f"{self.real} real data, T = {self.temperature:g}"
            return words if self.verifier is None else f"{words}, verifier {self.verifier:g}"
        return {
            "truth": f"{self.real} real data, written by the truth",
            "none": "compute matched, real part alone",
            "none, fewer steps": "real part alone",
        }[self.source]


@dataclass(frozen=True)
class Runs:
    """What one arm did.

    rank : size of the models; shares : (n_s,), the mixing ratios s; seeds : (n_seeds,)
    metrics : name -> (K + 1, n_s, n_seeds); generation 0 is the same for all s
    scaled : the last generation after temperature scaling, by the rule that chose the scalar:
        rule -> name -> (n_s, n_seeds)
    temperature : rule -> (n_s, n_seeds), the fitted scalars
    reliability : (n_s, 3, bins), the last generation's reliability diagram, mean over seeds
    """

    arm: Arm
    rank: int
    shares: np.ndarray
    seeds: np.ndarray
    metrics: dict[str, np.ndarray]
    scaled: dict[str, dict[str, np.ndarray]]
    temperature: dict[str, np.ndarray]
    reliability: np.ndarray

    def at(self, name: str, share: float, generation: int = -1) -> np.ndarray:
        """One metric at one mixing ratio over seeds: (n_seeds,)."""
        return self.metrics[name][generation, self.place(share)]

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


def run_arm(
    world: World,
    arm: Arm,
    *,
    rank: int,
    shares: Sequence[float],
    seeds: Sequence[int],
    n_samples: int = 4000,
    generations: int = 3,
) -> Runs:
    """All mixing ratios and seeds of one arm; each generation is one batched fit.

    Every draw has a generator of its own, named by seed, generation and mixing ratio, so an arm
    does not depend on which others run beside it.  The starting point of a training depends on
    the seed alone.

    Raises
    ------
    ValueError : a mixing ratio outside [0, 1], or one that leaves no data
    """
    shares = np.asarray(shares, float)
    if shares.size == 0 or (shares < 0).any() or (shares > 1).any():
        raise ValueError(f"mixing ratios must lie in [0, 1], got {shares.tolist()}")
    if arm.source.startswith("none") and (shares >= 1).any():
        raise ValueError("without real data there is nothing to train on: leave out s = 1")
    first = np.stack(
        [draw(world.truth, world.weight, n_samples, generator(seed, "real")) for seed in seeds]
    )
    base = fit(first, rank, seeds)
    laws = np.broadcast_to(base, (len(shares), *base.shape))  # (n_s, n_seeds, contexts, answers)
    history = [[_measured(world, base)] * len(shares)]
    for k in range(1, generations + 1):
        counts = np.stack(
            [
                [
                    _data(world, arm, first[j], laws[i, j], s, seed, k)
                    for j, seed in enumerate(seeds)
                ]
                for i, s in enumerate(shares)
            ]
        )
        # the controls of real data alone, on fixed data, do not change from one k to the next
        n = len(shares) * len(seeds)
        laws = fit(
            counts.reshape(n, *first.shape[1:]),
            rank,
            list(seeds) * len(shares),
            steps=_steps(arm, shares, len(seeds)),
        ).reshape(len(shares), len(seeds), *first.shape[1:])
        history.append([_measured(world, laws[i]) for i in range(len(shares))])
        if arm.source.startswith("none") and arm.real == "fixed":
            history += [history[-1]] * (generations - k)
            break
    metrics = {
        name: np.array([[row[name] for row in rows] for rows in history]) for name in METRICS
    }
    scaled, temperature = _rescale(world, laws, seeds, n_samples // 4)
    return Runs(
        arm,
        rank,
        shares,
        np.asarray(seeds),
        metrics,
        scaled,
        temperature,
        _reliability(world, laws),
    )


def _data(world, arm, first, law, s, seed, k) -> np.ndarray:
    """The training table of one model: counts (contexts, answers)."""
    total = int(first.sum())
    n_synthetic = round(s * total)
    n_real = total - n_synthetic
    # one stream for the kept real part, so that arms with the same s share it
    chosen = generator(seed, "kept", f"{s:.4f}") if arm.real == "fixed" else None
    if arm.real == "fixed":
        real = keep(first, n_real, chosen)
    else:
        real = draw(world.truth, world.weight, n_real, generator(seed, "fresh", k, f"{s:.4f}"))
    if arm.source.startswith("none"):
        return real
    written = world.truth if arm.source == "truth" else sharpen(law, arm.temperature)
    if arm.verifier is not None:
        written = verified(world, written, arm.verifier)
    rng = generator(seed, "synthetic", k, f"{s:.4f}")
    return real + draw(written, world.weight, n_synthetic, rng)


def verified(world: World, law: np.ndarray, lets_through: float) -> np.ndarray:
    """Answers after a filter that keeps every right one and a share of the wrong ones.

    This is STaR's filter with a verifier of false-accept rate `lets_through`.  A context without a
    right answer keeps its own (the filter asks again until something passes).
    """
    kept = law * lets_through
    rows = np.arange(len(law))
    kept[rows, world.right] = law[rows, world.right]
    total = kept.sum(-1, keepdims=True)
    return np.where(total > 0, kept / np.where(total > 0, total, 1), law)


def _steps(arm: Arm, shares: np.ndarray, n_seeds: int) -> np.ndarray:
    if arm.source != "none, fewer steps":
        return np.full(len(shares) * n_seeds, STEPS)
    return np.repeat(np.maximum(1, np.round((1 - shares) * STEPS)).astype(int), n_seeds)


def _measured(world: World, laws: np.ndarray) -> dict[str, np.ndarray]:
    rows = [measure(world, law) for law in laws]
    return {name: np.array([row[name] for row in rows]) for name in METRICS}


def _rescale(world, laws, seeds, n_held_out):
    """Temperature scaling of the last generation on real held-out samples of each seed."""
    held_out = np.stack(
        [draw(world.truth, world.weight, n_held_out, generator(seed, "held out")) for seed in seeds]
    )
    scaled, temperature = {}, {}
    for rule in RULES:
        temperature[rule] = np.stack([fit_temperature(models, held_out, rule) for models in laws])
        rows = [
            _measured(world, [sharpen(q, t) for q, t in zip(models, line, strict=True)])
            for models, line in zip(laws, temperature[rule], strict=True)
        ]
        scaled[rule] = {name: np.array([row[name] for row in rows]) for name in METRICS}
    return scaled, temperature


def _reliability(world: World, laws: np.ndarray) -> np.ndarray:
    """Reliability of all seeds together, per mixing ratio: (n_s, 3, bins)."""
    found = []
    for models in laws:
        greedy = models.argmax(-1)
        true = np.take_along_axis(world.truth[None], greedy[..., None], -1)[..., 0]
        weight = np.broadcast_to(world.weight, true.shape)
        found.append(calibration(models.max(-1).ravel(), true.ravel(), weight.ravel()).bins)
    return np.array(found)
