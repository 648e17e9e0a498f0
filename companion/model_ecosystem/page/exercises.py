"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import numpy as np

from companion.exercises import Answer, respond
from companion.model_ecosystem.lab.simulate import Population, Trait, grow, populate
from companion.model_ecosystem.method.threshold import critical_mutation, most_siblings
from companion.scale import generator


def check_threshold(answer: object) -> Answer:
    """Exercise 1: the mutation above which siblings win when targets are 3/4, 1/4."""
    s = 0.75**2 + 0.25**2

    def explain(value: float) -> str:
        if math.isclose(value, 1 / 1.75, rel_tol=0.01):
            return "s is the sum of squares, not the largest share."
        return "Take s = Σq² into 1 / (1 + s)."

    return respond(answer, critical_mutation(s), tolerance=0.005, explain=explain)


def check_bookkeeping(answer: object) -> Answer:
    """Exercise 2: the share of bookkeeping that is enough whatever μ and s are."""

    def explain(value: float) -> str:
        if math.isclose(value, 0.25, rel_tol=0.01):
            return "This is the largest deficit g; the share is g / (1 + g)."
        return "The deficit is largest for s = 0: maximize μ (1 − μ), then take g / (1 + g)."

    return respond(answer, 0.2, tolerance=0.005, explain=explain)


def check_family(answer: object) -> Answer:
    """Exercise 3: largest sibling agreement of 5 children of whom 2 kept the parent's value."""

    def explain(value: float) -> str:
        if math.isclose(value, 0.52, rel_tol=0.01):
            return "This is m² + (1−m)², right for a large family; count the pairs of five."
        return "One pair of keepers and three pairs of changers, out of ten."

    return respond(answer, float(most_siblings(2, 5)), tolerance=0.005, explain=explain)


def hiding_population(hidden: float = 0.3, seed: int = 0) -> Population:
    """A population in which a changed license is declared with probability `hidden` only."""
    rng = generator(seed, "hiding")
    even = np.full(12, 1 / 12)
    trait = Trait("license", 0.4, even, even, declared=0.9, declared_if_changed=hidden)
    return populate(grow(20_000, rng, fame=2.0), (trait,), rng)


def check_hidden(answer: object, seed: int = 0) -> Answer:
    """Exercise 4: the rate that is seen in `hiding_population()`, where 0.4 is true."""
    from companion.model_ecosystem.method.rates import distance, values_of_codes

    people = hiding_population(seed=seed)
    tree = people.graph.tree()
    change = distance(values_of_codes(people.shown("license"), range(12)), tree)

    def explain(value: float) -> str:
        if math.isclose(value, 0.4, rel_tol=0.02):
            return "This is the true rate; count only edges where both ends declare."
        return "Mean of `distance` over the edges where it is not nan."

    return respond(answer, float(np.nanmean(change)), tolerance=0.005, explain=explain)
