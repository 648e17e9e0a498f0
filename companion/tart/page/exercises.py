"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import numpy as np

from companion.exercises import Answer, respond
from companion.tart.lab.nulls import MeanDifferenceHead, mean_difference
from companion.tart.method.whitening import Whitening


def check_parameters(answer: object, n_embd: int = 64, n_layers: int = 3) -> Answer:
    """Exercise 1: parameters in the blocks of the tiny module."""
    expected = n_layers * (12 * n_embd**2 + 13 * n_embd)

    def explain(value: float) -> str:
        if math.isclose(value, expected / n_layers):
            return "This is one block; there are three."
        if math.isclose(value, n_layers * 12 * n_embd**2):
            return "These are the matrices; biases and normalizations add 13 n a block."
        return "Per block 4 n² in the attention, 8 n² in the two-layer part, 13 n of vectors."

    return respond(answer, expected, tolerance=1e-9, explain=explain)


def check_rank(answer: object) -> Answer:
    """Exercise 2: the most axes that 18 context vectors have when 3 of them are one text."""

    def explain(value: float) -> str:
        if value == 18:
            return "The mean was subtracted: k vectors span k - 1 directions."
        if value == 17:
            return "Three equal vectors count once: how many distinct ones are there?"
        if value == 16:
            return "16 distinct vectors, and one direction is lost to the mean."
        return "Count distinct vectors, then take one off for the mean."

    return respond(answer, rank_with_duplicates(), tolerance=1e-9, explain=explain)


def rank_with_duplicates(k: int = 18, copies: int = 3, width: int = 64) -> int:
    """Rank of a random context of `k` vectors of which `copies` are equal."""
    e = np.random.default_rng(0).standard_normal((k, width))
    e[:copies] = e[0]
    return Whitening.fit(e, 16).rank


def example_context() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three points in the plane (3, 2), their labels (3,), and a query (2,)."""
    return (
        np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]]),
        np.array([1, 1, 0]),
        np.array([1.0, 1.0]),
    )


def check_attention(answer: object) -> Answer:
    """Exercise 3: the score that one head of linear attention gives to the query."""
    x, y, query = example_context()
    expected = float(mean_difference(x, y, query[None])[0])

    def explain(value: float) -> str:
        if math.isclose(value, 3.0):
            return "Label 0 counts as -1 (here its product with the query is 0: check the others)."
        return "Sum (2 y - 1) times the inner product of each point with the query."

    return respond(answer, expected, tolerance=1e-9, explain=explain)


def check_leak(answer: object) -> Answer:
    """Exercise 4: accuracy of a module whose mask lets a point see its own label."""

    def explain(value: float) -> str:
        if math.isclose(value, 0.5, abs_tol=0.1):
            return "That is without a leak and without examples; here the answer is in the input."
        return "What could a module that reads the label from its input get wrong?"

    return respond(answer, leaking_accuracy(), tolerance=0.005, explain=explain)


def leaking_accuracy(n_tasks: int = 64, seed: int = 0) -> float:
    """Accuracy at the first position when the mask is wrong by one: the query sees itself."""
    from companion.tart.method.training import LogisticTaskSampler

    x, y, _ = LogisticTaskSampler(4).tasks(n_tasks, 1, seed, "leak")
    itself = MeanDifferenceHead()
    scores = [float(itself.scores(x[t], y[t], x[t])[0]) for t in range(n_tasks)]
    return float(((np.array(scores) > 0) == (y[:, 0].numpy() == 1)).mean())
