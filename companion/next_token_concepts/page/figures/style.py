"""One look per regressor and per way of pairing in all figures of the chapter."""

from __future__ import annotations

from companion.plotting import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Style

REGRESSORS = {
    "LM": Style(BLUE, "o", "-"),
    "P": Style(ORANGE, "^", "--"),
    "bag": Style(GREEN, "s", "-."),
    "label": Style(PURPLE, "v", ":"),
    "oracle": Style(BLACK, "D", "-"),
}

WORDS = {
    "LM": "log marginals",
    "P": "posterior",
    "bag": "word counts",
    "label": "true concepts",
    "oracle": "exact logits",
}

PAIRING = {
    "held_out": Style(SKY, "o", "-"),
    "same": Style(VERMILION, "X", "--"),
    "permuted": Style(GREY, "P", ":"),
}

KINDS = {
    "top-k": Style(GREEN, "s", "-"),
    "batch top-k": Style(PURPLE, "v", "-"),
    "p-annealing": Style(ORANGE, "^", "-"),
    "structured": Style(BLUE, "o", "-"),
}
