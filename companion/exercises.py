"""Exercises that answer back."""

from __future__ import annotations

import math
from collections.abc import Callable


class Answer(str):
    """What the reader sees after an attempt."""

    def __repr__(self) -> str:
        return str(self)


def respond(
    answer: object,
    expected: float,
    *,
    tolerance: float,
    explain: Callable[[float], str] | None = None,
) -> Answer:
    """Say whether a numeric answer is right and, if not, what it suggests.

    answer : the reader's number, or ``...`` while the blank is not filled in
    expected : the right number; tolerance : largest relative error accepted
    explain : turns a wrong number into a hint about the likely mistake
    """
    if answer is ...:
        return Answer("Not answered yet: replace the three dots.")
    value = float(answer)
    if math.isclose(value, expected, rel_tol=tolerance, abs_tol=tolerance * 1e-9):
        return Answer(f"Right: {value:.6g}.")
    hint = f" {explain(value)}" if explain else ""
    return Answer(f"Not yet: {value:.6g} is off by {value - expected:+.3g}.{hint}")
