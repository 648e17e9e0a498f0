"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import numpy as np

from companion.exercises import Answer, respond
from companion.next_token_concepts.lab import sweeps
from companion.next_token_concepts.lab.measurements import cosines
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.world import World
from companion.scale import generator


def check_bound(answer: object, eta: float = 0.02) -> Answer:
    """Exercise 1: the largest logit difference that names with error 0.02 allow."""
    expected = math.log((1 - eta) / eta)

    def explain(value: float) -> str:
        if math.isclose(value, (1 - eta) / eta, rel_tol=0.01):
            return "These are the odds; take their logarithm."
        if math.isclose(value, 1 - 2 * eta, rel_tol=0.01):
            return "This is the slope at zero; the bound is where the concept is certain."
        return "Let λ go to infinity: the name is then right with probability 1 - η."

    return respond(answer, expected, tolerance=0.01, explain=explain)


def check_vague(answer: object, eta: float = 0.45, pi: float = 0.8) -> Answer:
    """Exercise 2: the logit difference at posterior 0.8 for names with error 0.45."""
    expected = float(theory.g_eta(eta, math.log(pi / (1 - pi))))

    def explain(value: float) -> str:
        if math.isclose(value, (1 - 2 * eta) * math.log(pi / (1 - pi)), rel_tol=0.02):
            return "This is linear in the log odds; vague names are linear in the posterior."
        return "Use 2 (1 - 2η)(2π - 1), or mix the two names' probabilities by hand."

    return respond(answer, expected, tolerance=0.02, explain=explain)


def example_pairs(seed: int = 0) -> list[dr.Pairs]:
    """Thirty pairs of pure noise in 128 dimensions, five concepts."""
    return dr.isotropic([30] * 5, 128, generator(seed, "ntc exercise"))


def check_noise(answer: object, seed: int = 0) -> Answer:
    """Exercise 3: mean held-out cosine of `example_pairs()` with C = 1."""
    pairs = example_pairs(seed)
    expected = float(np.diag(cosines(pairs, 1.0, held_out=True)).mean())
    same = float(np.diag(cosines(pairs, 1.0, held_out=False)).mean())

    def explain(value: float) -> str:
        if math.isclose(value, same, rel_tol=0.02):
            return "These are the same pairs for direction and probe."
        return "Mean of the diagonal of cosines(..., 1.0, held_out=True)."

    return respond(answer, expected, tolerance=0.02, explain=explain)


def exercise_world() -> World:
    """The world of exercises 4 and 5, whose names have error 0.01."""
    return sweeps.world_of(0, 0.01)


def check_rank(answer: object) -> Answer:
    """Exercise 4: rank of L when the sixteen names of World J are merged by eight."""

    def explain(value: float) -> str:
        if value == 2:
            return "Two names, but L holds differences to the first one."
        return "Merge with merged_names(joint_names(16, 0.002), 8) and look at evidence_matrix."

    return respond(answer, 1.0, tolerance=1e-6, explain=explain)


def check_identity(answer: object) -> Answer:
    """Exercise 5: slope of contrasts on L' log p(c|x) at 48 words, in the world of exercise 4."""
    world = exercise_world()
    words = world.sample(4096, 48, generator(0, "ntc exercise 5")).words
    expected = theory.slope(world, world.log_posterior(words))

    def explain(value: float) -> str:
        if value > 0.95:
            return "That would be the theorem's A; long contexts are beyond its first order."
        return "theory.slope(world, world.log_posterior(words)) with 48 words."

    return respond(answer, expected, tolerance=0.1, explain=explain)
