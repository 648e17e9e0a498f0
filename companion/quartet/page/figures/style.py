"""One look per scheme in all figures of the chapter."""

from __future__ import annotations

from companion.plotting import methods

SCHEMES = methods("RTN", "SR", "QuEST", "QuEST nearest", "RTN PMA", "RTN EDEN", "none", "naive")
ARMS = methods(
    "RTN, signs after",
    "RTN, signs before",
    "SR, signs after",
    "SR, signs before",
    "SR, 3/4 of the input",
    "SR, OCP scale",
)
