"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import torch

from companion.distillation_memorization.method.objectives import distillation_loss
from companion.distillation_memorization.page import live_token
from companion.distillation_memorization.sources import (
    INHERITED_HARD,
    INHERITED_SOFT,
    TEACHER_ONLY,
)
from companion.exercises import Answer, respond

BY_HAND_TEACHER, BY_HAND_STUDENT = (math.log(3.0), 0.0), (0.0, 0.0)
"""Logits of a vocabulary of two: probabilities 3/4 and 1/4 against 1/2 and 1/2."""


def check_kl(answer: object) -> Answer:
    """Exercise 1: the distillation loss of two tokens at temperature 1, in nats."""
    pair = torch.tensor([BY_HAND_STUDENT]), torch.tensor([BY_HAND_TEACHER])
    expected = float(distillation_loss(*pair, 1.0))
    return respond(
        answer,
        expected,
        tolerance=0.01,
        name="distill-kl",
        unit="nats",
        hints=[
            (
                float(distillation_loss(*pair[::-1], 1.0)),
                "That is KL(student || teacher): the teacher's probabilities weight the sum.",
            ),
            (expected / math.log(2), "That is in bits; use the natural logarithm."),
        ],
        otherwise="Sum p_T log(p_T / p_S) over both tokens.",
    )


def check_softening(answer: object) -> Answer:
    """Exercise 2: probability that a teacher at odds 81:1 gives its first token at tau = 2."""
    logits = torch.tensor([math.log(81.0), 0.0])
    return respond(
        answer,
        float((logits / 2).softmax(0)[0]),
        tolerance=0.005,
        name="distill-softening",
        hints=[(81 / 82, "That is tau = 1. Halve the logits: the odds become their square root.")],
        otherwise="The difference of the logits is ln 81; divide it by 2.",
    )


def first_steps(sure: float) -> list[int | None]:
    """Steps at which baseline and student of the live figure first write the token.

    sure : what the teacher gives the token; all else as the figure opens
    """
    shown = live_token.figure()
    marks = shown.scene(shown.start | {"sure": sure}, shown.data)["detail"]
    said = marks.rpartition("after: ")[2].rstrip(".").split(", ")
    return [int(one.split()[1]) if one.split()[1].isdigit() else None for one in said]


def check_first_step(answer: object) -> Answer:
    """Exercise 3: read off the live figure, with a teacher that gives the true token 40 %."""
    baseline, student = first_steps(0.4)
    return respond(
        answer,
        student,
        tolerance=1e-6,
        name="distill-first-step",
        hints=[(baseline, "That is the baseline, which no teacher delays.")],
        otherwise="Leave all but the third slider at the start, and read the sentence below.",
    )


def check_share(answer: object) -> Answer:
    """Exercise 4: share of the 1955 teacher-only sequences that the hard student inherits (%)."""
    return respond(
        answer,
        100 * INHERITED_HARD / TEACHER_ONLY,
        tolerance=0.01,
        name="distill-share",
        unit="%",
        hints=[
            (100 * INHERITED_SOFT / TEACHER_ONLY, "That is the soft student's."),
            (INHERITED_HARD / TEACHER_ONLY, "Right as a share; the question asks for percent."),
        ],
        otherwise="Divide its inherited sequences by what only the teacher knew.",
    )
