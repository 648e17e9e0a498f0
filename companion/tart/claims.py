"""The claims, and what would count as holding: fixed before the run."""

from __future__ import annotations

from companion.claims import Claim, Criterion

_FALLS = Criterion("slope between -0.55 and -0.45", low=-0.55, high=-0.45, must_hold=True)
_STAYS = Criterion("slope between -0.1 and 0.1", low=-0.1, high=0.1, must_hold=True)

CLAIMS = (
    Claim(
        id="S1",
        statement="The spread of a mean falls as one over the square root of n.",
        paper="slope -1/2 (skeleton)",
        criteria=dict.fromkeys(("toy", "book", "paper"), _FALLS),
    ),
    Claim(
        id="S2",
        statement="Negative control: averaging Cauchy draws does not help.",
        paper="slope 0 (skeleton)",
        criteria=dict.fromkeys(("toy", "book", "paper"), _STAYS),
    ),
)
