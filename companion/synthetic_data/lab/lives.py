"""Laboratory D's loop: five tasks, real prompts, answers written by the model before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from companion.scale import generator, one_thread, torch_generator
from companion.sweep import sweep
from companion.synthetic_data.lab import tasks
from companion.synthetic_data.lab.tasks import (
    TASKS,
    Batch,
    Rules,
    Transformer,
    next_law,
    rewrite,
    train,
)
from companion.synthetic_data.method.calibration import calibration

SCORES = ("accuracy", "exact", "kl", "ece", "over")
"""Greedy accuracy of an answer token, of the whole answer, divergence (nats), calibration."""

N_TEST = 2_000


@dataclass(frozen=True)
class Plan:
    """sizes : (d, n_layers) each; n_each : training sequences per task; steps : updates.

    shares, generations, temperatures : of the loop; seeds : of data and weights
    """

    sizes: tuple[tuple[int, int], ...]
    n_each: int
    steps: int
    shares: tuple[float, ...]
    temperatures: tuple[float, ...]
    seeds: tuple[int, ...]
    generations: int = 3


@dataclass(frozen=True)
class Lives:
    """scores : (size, temperature, share, generation, seed, task, score), as ``SCORES``.

    controls : (size, control, share, seed, task, score), real data alone: ``"real only"`` with
        (1 - s) times the updates, ``"compute matched"`` with all of them
    bayes : (task,), the accuracy of one who knows the law
    """

    plan: Plan
    scores: np.ndarray
    controls: np.ndarray
    bayes: np.ndarray

    def of(self, score: str, task: str, size: int = -1, temperature: int = 0) -> np.ndarray:
        """(share, generation, seed) of one score."""
        return self.scores[size, temperature, :, :, :, TASKS.index(task), SCORES.index(score)]

    def usable(self, size: int = -1) -> dict[str, bool]:
        """The rule for going on: generation 0 between 60 and 97 % of the best accuracy."""
        first = self.scores[size, 0, 0, 0, :, :, SCORES.index("accuracy")].mean(axis=0)
        return {
            task: bool(0.6 <= a / b <= 0.97)
            for task, a, b in zip(TASKS, first, self.bayes, strict=True)
        }


def score(model: Transformer, rules: Rules, test: Sequence[Batch]) -> np.ndarray:
    """All scores of one model: (task, score), exact in the answers' noise."""
    rows = []
    for batch in test:
        laws = next_law(model, batch.tokens[:, : batch.end])
        confidence, true, divergence = [], [], []
        for at in range(batch.start, batch.end):
            law, truth = laws[:, at - 1], tasks.law(rules, batch, at)
            greedy = law.argmax(-1)
            confidence.append(law.max(-1))
            true.append(truth[np.arange(len(truth)), greedy])
            log = np.log(np.maximum(law, 1e-300))
            safe = np.where(truth > 0, truth, 1)
            divergence.append((truth * (np.log(safe) - log)).sum(-1).mean())
        said = calibration(
            np.concatenate(confidence), np.concatenate(true), np.ones(sum(map(len, true)))
        )
        rows.append(
            [
                np.mean(true),
                _whole(model, rules, batch),
                np.mean(divergence),
                said.error,
                said.over_confidence,
            ]
        )
    return np.array(rows)


def _whole(model: Transformer, rules: Rules, batch: Batch) -> float:
    """Share of prompts whose greedy answer is right at every step (free text: likeliest token)."""
    written = rewrite(model, batch, 0, None)
    good = np.ones(len(written.tokens), dtype=bool)
    for at in range(batch.start, batch.end):
        legal = written.tokens
        if batch.task == "free":
            inside = legal[:, at - 1] >= tasks.SYMBOL
            before = np.where(inside, legal[:, at - 1] - tasks.SYMBOL, 0)
            good &= inside & (rules.chain[before].argmax(-1) + tasks.SYMBOL == legal[:, at])
        else:
            good &= tasks.answer(rules, batch.task, legal, at) + tasks.VALUE == legal[:, at]
    return float(good.mean())


def bayes(rules: Rules, test: Sequence[Batch]) -> np.ndarray:
    """The best possible accuracy of an answer token per task, (task,)."""
    return np.array(
        [
            np.mean([tasks.law(rules, b, at).max(-1).mean() for at in range(b.start, b.end)])
            for b in test
        ]
    )


@one_thread()
def live(plan: Plan, size: tuple[int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Everything of one size and seed: scores and controls without their size and seed axes."""
    rules, real, test = world(plan, seed)
    first = train(size, real, plan.steps, seed)
    at_start = score(first, rules, test)
    shape = (len(plan.temperatures), len(plan.shares), plan.generations + 1, *at_start.shape)
    scores = np.broadcast_to(at_start, shape).copy()
    controls = np.broadcast_to(at_start, (2, len(plan.shares), *at_start.shape)).copy()
    for j, s in enumerate(plan.shares):
        if s == 0:
            continue
        # one choice of the rewritten part per ratio, as in the fixed protocol of laboratory B
        split = [generator(seed, "kept", f"{s:g}", b.task).permutation(len(b.tokens)) for b in real]
        cut = round(s * plan.n_each)
        kept = [
            b._replace(tokens=b.tokens[order[cut:]]) for b, order in zip(real, split, strict=True)
        ]
        lost = [
            b._replace(tokens=b.tokens[order[:cut]]) for b, order in zip(real, split, strict=True)
        ]
        if s < 1:
            for i, steps in enumerate((max(1, round((1 - s) * plan.steps)), plan.steps)):
                controls[i, j] = score(train(size, kept, steps, seed), rules, test)
        else:
            controls[:, j] = np.nan
        for i, temperature in enumerate(plan.temperatures):
            model = first
            for k in range(1, plan.generations + 1):
                rng = torch_generator(seed, "written", f"{temperature:g}", f"{s:g}", k)
                written = [rewrite(model, b, temperature, rng) for b in lost]
                model = train(size, [*kept, *written], plan.steps, seed)
                scores[i, j, k] = score(model, rules, test)
    return scores, controls


def world(plan: Plan, seed: int) -> tuple[Rules, list[Batch], list[Batch]]:
    """Rules, training and test sequences of a seed."""
    rules = tasks.make_rules(generator(seed, "rules"))
    rng = generator(seed, "sequences")
    real = [tasks.write(rules, task, plan.n_each, rng) for task in TASKS]
    return rules, real, [tasks.write(rules, task, N_TEST, rng) for task in TASKS]


def run_lives(plan: Plan, *, n_jobs: int = 1, progress: bool = True) -> Lives:
    """All sizes and seeds, side by side in `n_jobs` processes of one thread each."""
    jobs = [(size, seed) for size in plan.sizes[::-1] for seed in plan.seeds]
    done = sweep(
        partial(live, plan),
        jobs,
        n_jobs=n_jobs,
        label="tiny transformers" if progress else "",
        unpack=True,
    )
    found = dict(zip(jobs, done, strict=True))
    scores = np.stack(
        [np.stack([found[size, seed][0] for seed in plan.seeds], axis=3) for size in plan.sizes]
    )
    controls = np.stack(
        [np.stack([found[size, seed][1] for seed in plan.seeds], axis=2) for size in plan.sizes]
    )
    best = np.mean([bayes(*world(plan, seed)[::2]) for seed in plan.seeds], axis=0)
    return Lives(plan, scores, controls, best)
