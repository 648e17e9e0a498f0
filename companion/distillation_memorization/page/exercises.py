"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import torch

from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method.objectives import TEACHER, distillation_loss
from companion.distillation_memorization.sources import INHERITED_HARD, INHERITED_SOFT
from companion.exercises import Answer, respond

BY_HAND_TEACHER, BY_HAND_STUDENT = (math.log(3.0), 0.0), (0.0, 0.0)
"""Logits of a vocabulary of two: probabilities 3/4 and 1/4 against 1/2 and 1/2."""


def check_kl(answer: object) -> Answer:
    """Exercise 1: the distillation loss of two tokens at temperature 1, in nats."""
    expected = float(
        distillation_loss(torch.tensor([BY_HAND_STUDENT]), torch.tensor([BY_HAND_TEACHER]), 1.0)
    )
    backward = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)

    def explain(value: float) -> str:
        if math.isclose(value, backward, rel_tol=0.01):
            return "That is KL(student || teacher): the teacher's probabilities weight the sum."
        if math.isclose(value, expected / math.log(2), rel_tol=0.01):
            return "That is in bits; use the natural logarithm."
        return "Sum p_T log(p_T / p_S) over both tokens."

    return respond(answer, expected, tolerance=0.01, explain=explain)


def check_softening(answer: object) -> Answer:
    """Exercise 2: probability that a teacher at odds 81:1 gives its first token at tau = 2."""

    def explain(value: float) -> str:
        if math.isclose(value, 81 / 82, rel_tol=1e-3):
            return "That is tau = 1. Halve the logits: the odds become their square root."
        return "The difference of the logits is ln 81; divide it by 2."

    return respond(answer, 0.9, tolerance=0.005, explain=explain)


def check_share(answer: object) -> Answer:
    """Exercise 3: share of the 1955 teacher-only sequences that the hard student inherits (%)."""

    def explain(value: float) -> str:
        if math.isclose(value, 100 * INHERITED_SOFT / 1955, rel_tol=0.01):
            return "That is the soft student's."
        if math.isclose(value, INHERITED_HARD / 1955, rel_tol=0.01):
            return "Right as a share; the question asks for percent."
        return "Divide its inherited sequences by what only the teacher knew."

    return respond(answer, 100 * INHERITED_HARD / 1955, tolerance=0.01, explain=explain)


def check_counterfactual(answer: object, world: World) -> Answer:
    """Exercise 4: the teacher's training rate minus its held-out rate, in percent."""
    trained, unseen = 100 * world.rate(TEACHER), 100 * float(world.held[TEACHER].mean())

    def explain(value: float) -> str:
        if math.isclose(value, trained, rel_tol=1e-3):
            return "That is the training rate alone; what would it do without having seen the text?"
        return "Take means of world.members and world.held of the teacher, times 100."

    return respond(answer, trained - unseen, tolerance=1e-3, explain=explain)
