"""Checks of the chapter's exercises: the answer is computed, and a wrong one is explained."""

from __future__ import annotations

import numpy as np

from companion.exercises import Answer, respond
from companion.model_ecosystem.lab.simulate import Population, Trait, grow, populate
from companion.model_ecosystem.method.drift import distance, values_of_codes
from companion.model_ecosystem.method.theory import (
    critical_mutation,
    enough_bookkeeping,
    most_siblings,
)
from companion.scale import generator


def check_threshold(answer: object) -> Answer:
    """Exercise 1: the mutation above which siblings win when targets are 3/4, 1/4."""
    return respond(
        answer,
        critical_mutation(0.75**2 + 0.25**2),
        tolerance=0.005,
        name="me-threshold",
        hints=[(1 / 1.75, "s is the sum of squares, not the largest share.")],
        otherwise="Take s = Σq² into 1 / (1 + s).",
    )


BARELY_MU, BARELY_S = 0.35, 0.1
"""Mutation and concentration of exercise 2."""


def check_bookkeeping(answer: object) -> Answer:
    """Exercise 2: the share that hides everything when 35 % change, s = 0.1 (the live figure)."""
    deficit = BARELY_MU * (1 - BARELY_MU * (1 + BARELY_S))
    return respond(
        answer,
        enough_bookkeeping(BARELY_MU, BARELY_S),
        tolerance=0.01,
        name="me-bookkeeping",
        hints=[
            (
                deficit / (1 + deficit),
                "This is right for the share of equal positions; a cosine gains less.",
            )
        ],
        otherwise="Move the first slider until the points meet, or solve eq. 4 for b.",
    )


def check_family(answer: object) -> Answer:
    """Exercise 3: largest sibling agreement of 5 children of whom 2 kept the parent's value."""
    return respond(
        answer,
        float(most_siblings(2, 5)),
        tolerance=0.005,
        name="me-family",
        hints=[(0.52, "This is m² + (1−m)², right for a large family; count the pairs of five.")],
        otherwise="One pair of keepers and three pairs of changers, out of ten.",
    )


def hiding_population(hidden: float = 0.3, seed: int = 0) -> Population:
    """A population in which a changed license is declared with probability `hidden` only."""
    rng = generator(seed, "hiding")
    even = np.full(12, 1 / 12)
    trait = Trait("license", 0.4, even, even, declared=0.9, declared_if_changed=hidden)
    return populate(grow(20_000, rng, fame=2.0), (trait,), rng)


def seen_rate(people: Population) -> float:
    """Mutation rate of the license over the edges on which both ends declare one."""
    values = values_of_codes(people.shown("license"), range(12))
    return float(np.nanmean(distance(values, people.graph.tree())))


def check_hidden(answer: object, seed: int = 0) -> Answer:
    """Exercise 4: the rate that is seen in `hiding_population()`, where 0.4 is true."""
    return respond(
        answer,
        seen_rate(hiding_population(seed=seed)),
        tolerance=0.03,
        name="me-hidden",
        hints=[(0.4, "This is the true rate; count only edges where both ends declare.")],
        otherwise="Of changed children 3 in 10 declare it, of the others 9 in 10.",
    )
