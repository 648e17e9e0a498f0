"""One look per arm and per question in all figures of the chapter."""

from __future__ import annotations

from companion.plotting import BLUE, METHODS, ORANGE, VERMILION, methods

QUESTIONS = methods("record", "dictionary", "protocol", "counterfactual") | {
    "none": METHODS["no mark"]
}


WORDS = {
    "none": "no mark",
    "record": "this record?",
    "dictionary": "this dictionary?",
    "protocol": "both at once",
    "counterfactual": "which version?",
}
"""Question -> a few words for an axis."""

MEMBER, OTHER, CONTROL = BLUE, ORANGE, VERMILION
