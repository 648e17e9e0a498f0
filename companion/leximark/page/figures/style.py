"""One look per arm and per question in all figures of the chapter."""

from __future__ import annotations

from companion.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Style

QUESTIONS = {
    "record": Style(BLUE, "o", "-"),
    "dictionary": Style(ORANGE, "^", "--"),
    "protocol": Style(PURPLE, "D", "-."),
    "counterfactual": Style(GREEN, "s", ":"),
    "none": Style(GREY, "s", "--"),
}

WORDS = {
    "none": "no mark",
    "record": "this record?",
    "dictionary": "this dictionary?",
    "protocol": "both at once",
    "counterfactual": "which version?",
}
"""Question -> a few words for an axis."""

MEMBER, OTHER, CONTROL, MARKED = BLUE, ORANGE, VERMILION, SKY
