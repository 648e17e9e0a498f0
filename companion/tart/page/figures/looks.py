"""One look per method in the whole chapter."""

from __future__ import annotations

from companion.plotting import methods

LOOKS = methods(
    "module",
    "logistic",
    "logistic, C = 1",
    "logistic, intercept",
    "mean difference",
    "ridge",
    "5 neighbors",
    "knows w",
    "ICL",
    "ICL, contextual",
    "ICL, median",
    "fine-tuned",
)


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
