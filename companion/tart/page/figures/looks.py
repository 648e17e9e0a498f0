"""One look per method in the whole chapter."""

from __future__ import annotations

from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    Style,
)

LOOKS = {
    "module": Style(BLUE, "o", "-"),
    "logistic": Style(ORANGE, "^", "--"),
    "logistic, C = 1": Style(ORANGE, "v", ":"),
    "logistic, intercept": Style(PURPLE, "D", "--"),
    "mean difference": Style(GREEN, "s", "-."),
    "ridge": Style(SKY, "P", ":"),
    "5 neighbors": Style(YELLOW, "h", ":"),
    "knows w": Style(BLACK, "", "-"),
    "ICL": Style(VERMILION, "X", "-"),
    "ICL, contextual": Style(VERMILION, "<", "--"),
    "ICL, median": Style(VERMILION, ">", ":"),
    "fine-tuned": Style(GREY, "*", "-"),
}

WORDS = {
    "ICL": "prompting",
    "ICL, contextual": "prompting, contextually calibrated",
    "ICL, median": "prompting, median threshold",
    "logistic": "logistic regression",
    "fine-tuned": "language model, fine-tuned",
}
"""A method as the reader sees it, where its name is not that."""


def words(method: str) -> str:
    """The method's name in a figure."""
    return WORDS.get(method, method)


def line(method: str) -> dict[str, object]:
    """Keyword arguments of ``Axes.plot``, with the label."""
    return LOOKS[method]._asdict() | {"label": words(method)}
