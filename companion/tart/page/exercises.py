"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import numpy as np

from companion.exercises import Answer, respond
from companion.tart.method.module import HeadConfig
from companion.tart.method.theory import mean_difference
from companion.tart.method.whitening import Whitening
from companion.tart.page import live_plane


def check_parameters(answer: object, n_embd: int = 64, n_layers: int = 3) -> Answer:
    """Exercise 1: parameters in the blocks of the shipped module."""
    return respond(
        answer,
        HeadConfig(16, 2, n_embd, n_layers).n_block_parameters,
        tolerance=1e-9,
        name="tart-parameters",
        hints=[
            (12 * n_embd**2 + 13 * n_embd, "This is one block; there are three."),
            (3 * 12 * n_embd**2, "These are the matrices; the vectors add 13 n a block."),
        ],
        otherwise="Per block 4 n² in the attention, 8 n² in the two-layer part, 13 n of vectors.",
    )


def check_rank(answer: object) -> Answer:
    """Exercise 2: the most axes that 18 context vectors have when 3 of them are one text."""
    return respond(
        answer,
        rank_with_duplicates(),
        tolerance=1e-9,
        name="tart-rank",
        hints=[
            (18, "The mean was subtracted: k vectors span k - 1 directions."),
            (17, "Three equal vectors count once: how many distinct ones are there?"),
            (16, "16 distinct vectors, and one direction is lost to the mean."),
        ],
        otherwise="Count distinct vectors, then take one off for the mean.",
    )


def rank_with_duplicates(k: int = 18, copies: int = 3, width: int = 64) -> int:
    """Rank of a random context of `k` vectors of which `copies` are equal."""
    e = np.random.default_rng(0).standard_normal((k, width))
    e[:copies] = e[0]
    return Whitening.fit(e, 16).rank


def example_context() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three points in the plane (3, 2), their labels (3,), and a query (2,)."""
    return (
        np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 3.0]]),
        np.array([1, 1, 0]),
        np.array([1.0, 1.0]),
    )


def check_one_line(answer: object) -> Answer:
    """Exercise 3: the score that eq. 4 gives to the query."""
    x, y, query = example_context()
    return respond(
        answer,
        float(mean_difference(x, y, query[None])[0]),
        tolerance=1e-9,
        name="tart-one-line",
        hints=[(5.0, "Label 0 counts as -1."), (3.0, "The third point counts, too: as -1.")],
        otherwise="Sum (2 y - 1) times the inner product of each point with the query.",
    )


def fall() -> float:
    """Points of accuracy that the one-line rule loses without white coordinates."""
    figure = live_plane.figure()
    right = []
    for mode in ("white", "raw"):
        panel = figure.scene(figure.start | {"coordinates": mode}, figure.data)["panels"][1]
        mark = next(m for m in panel["marks"] if m["kind"] == "points")
        right.append(mark["y"][0])
    return 100 * (right[0] - right[1])


def check_fall(answer: object) -> Answer:
    """Exercise 4: the same, read off the live figure as it opens."""
    return respond(
        answer,
        fall(),
        tolerance=0.08,
        name="tart-fall",
        unit="points",
        hints=[(0.0, "That is where both are white: change the coordinates.")],
        otherwise="Read one line's share in both coordinates, at the other sliders' start.",
    )
