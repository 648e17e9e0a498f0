"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import numpy as np

from companion.exercises import Answer, respond
from companion.scale import generator
from companion.scaling_laws.lab.solvers import fit_huber_log
from companion.scaling_laws.lab.trained import TRUTH, lawful_family
from companion.scaling_laws.method.law import Points, ScalingLaw
from companion.scaling_laws.method.protocol import training_points
from companion.scaling_laws.method.varpro import fit_varpro

REFIT = ScalingLaw.of(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
"""The Chinchilla points as Besiroglu et al. 2024 fit them."""


def check_data_share(answer: object) -> Answer:
    """Exercise 1: share of the reducible loss that is the data term, N = 1e9 and D = 1e11."""
    size, data = float(REFIT.size_term(1e9)), float(REFIT.data_term(1e11))
    return respond(
        answer,
        data / (size + data),
        tolerance=0.01,
        name="sl-data-share",
        hints=[
            (size / (size + data), "This is the share of the size term."),
            (data / (REFIT.E + size + data), "This is the share of the whole loss; leave E out."),
        ],
        otherwise="Put N and D into the two terms of eq. 1 and divide.",
    )


def check_perplexity_error(answer: object) -> Answer:
    """Exercise 2: a law is 0.1 nats too high at 2.3 nats; its relative error in perplexity, %."""
    return respond(
        answer,
        100 * math.expm1(0.1),
        tolerance=0.01,
        unit="%",
        name="sl-perplexity",
        hints=[(100 * 0.1 / 2.3, "This is the error in nats.")],
        otherwise="Perplexity is exp(loss): compare exp(2.4) with exp(2.3).",
    )


def spoiled_points(seed: int = 0) -> Points:
    """Training points of a lawful family in which one checkpoint in twenty is 30 % too high."""
    data = training_points(lawful_family(TRUTH, generator(seed, "exercise")).runs[:-1])
    rng = generator(seed, "outliers")
    high = rng.random(data.N.size) < 0.05
    return data._replace(loss=np.where(high, 1.3 * data.loss, data.loss))


def check_outliers(answer: object, seed: int = 0) -> Answer:
    """Exercise 3: error of E by least squares over that of the Huber fit, on spoiled points."""
    data = spoiled_points(seed)
    squares = abs(fit_varpro(data).law.E / TRUTH.E - 1)
    robust = abs(fit_huber_log(data).law.E / TRUTH.E - 1)

    return respond(
        answer,
        squares / robust,
        tolerance=0.02,
        name="sl-outliers",
        hints=[(robust / squares, "The other way round: least squares over Huber.")],
        otherwise="Fit both, take |E / 1.8 - 1| of each, and divide.",
    )
