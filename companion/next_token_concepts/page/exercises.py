"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import numpy as np

from companion.exercises import Answer, respond
from companion.next_token_concepts.lab import learning
from companion.next_token_concepts.lab.measurements import alternate, cosines
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.world import World
from companion.scale import generator


def check_bound(answer: object, eta: float = 0.02) -> Answer:
    """Exercise 1: the largest logit difference that names with error 0.02 allow."""
    hints = [
        ((1 - eta) / eta, "These are the odds; take their logarithm."),
        (1 - 2 * eta, "This is the slope at zero; the bound is where the concept is certain."),
    ]
    return respond(
        answer,
        math.log((1 - eta) / eta),
        tolerance=0.01,
        hints=hints,
        otherwise="Let λ go to infinity: the name is then right with probability 1 - η.",
    )


def check_vague(answer: object, eta: float = 0.45, pi: float = 0.8) -> Answer:
    """Exercise 2: the logit difference at posterior 0.8 for names with error 0.45."""
    odds = math.log(pi / (1 - pi))
    wrong = (1 - 2 * eta) * odds
    return respond(
        answer,
        float(theory.g_eta(eta, odds)),
        tolerance=0.02,
        hints=[(wrong, "This is linear in the log odds; vague names are linear in the posterior.")],
        otherwise="Use 2 (1 - 2η)(2π - 1), or mix the two names' probabilities by hand.",
    )


def example_pairs(seed: int = 0) -> list[dr.Pairs]:
    """Thirty pairs of pure noise in 128 dimensions, five concepts."""
    return dr.isotropic([30] * 5, 128, generator(seed, "ntc exercise"))


def check_noise(answer: object, seed: int = 0) -> Answer:
    """Exercise 3: mean cosine of `example_pairs()` with C = 1, the same pairs for both."""
    pairs = example_pairs(seed)
    apart = float(np.diag(cosines(*alternate(pairs), 1.0)).mean())
    return respond(
        answer,
        float(np.diag(cosines(pairs, pairs, 1.0)).mean()),
        tolerance=0.02,
        hints=[(apart, "These are disjoint halves.")],
        otherwise="Mean of the diagonal of cosines(pairs, pairs, 1.0).",
    )


def exercise_world() -> World:
    """The world of exercises 4 and 5, whose names have error 0.01."""
    return learning.world_of(0, 0.01)


def check_rank(answer: object) -> Answer:
    """Exercise 4: rank of L when the sixteen names of single configurations are merged by eight."""
    return respond(
        answer,
        1.0,
        tolerance=1e-6,
        hints=[(2, "Two names, but L holds differences to the first one.")],
        otherwise="Merge with merged_names(joint_names(16, 0.002), 8), look at evidence_matrix.",
    )


def check_slope(answer: object) -> Answer:
    """Exercise 5: slope of contrasts on L' log p(c|x) at 48 words, in the world of exercise 4."""
    world = exercise_world()
    words = world.sample(4096, 48, generator(0, "ntc exercise 5")).words
    return respond(
        answer,
        theory.slope(world, world.log_posterior(words)),
        tolerance=0.1,
        hints=[(1.0, "That would be the theorem's A; long contexts are beyond its first order.")],
        otherwise="theory.slope(world, world.log_posterior(words)) with 48 words.",
    )
