"""One look per scheme in all figures of the chapter."""

from __future__ import annotations

from companion.plotting import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Style

SCHEMES = {
    "RTN": Style(BLUE, "o", "-"),
    "SR": Style(ORANGE, "^", "-"),
    "QuEST": Style(GREEN, "D", "-"),
    "QuEST nearest": Style(GREEN, "D", "--"),
    "RTN PMA": Style(SKY, "v", "--"),
    "RTN EDEN": Style(PURPLE, "P", "-."),
    "none": Style(BLACK, "s", "-"),
    "naive": Style(VERMILION, "X", "-."),
}

ARMS = {
    "RTN, signs after": Style(VERMILION, "X", "-."),
    "RTN, signs before": Style(BLUE, "o", "-"),
    "SR, signs after": Style(SKY, "v", "--"),
    "SR, signs before": Style(ORANGE, "^", "-"),
    "SR, 3/4 of the input": Style(ORANGE, "^", "-"),
    "SR, OCP scale": Style(VERMILION, "X", "-."),
}

PAPER = Style(GREY, "s", "--")
