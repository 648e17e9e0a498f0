"""The chapter's explorer: the reader's own sentences, through a frozen encoder and the module.

It runs the method, which a page cannot; there its first content stands.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from companion.encoder import Encoder
from companion.explore import Question
from companion.tart.lab.nulls import MEAN, null_scores
from companion.tart.lab.real import Vectors, classifier
from companion.tart.lab.shipped import shipped_head

EXAMPLES = (
    ("Win a free phone now, text CLAIM to 80800", 1),
    ("Are you home for dinner tonight?", 0),
    ("URGENT! Your account won a 1000 prize, call now", 1),
    ("I left the keys on the kitchen table", 0),
    ("Cheap loans approved today, reply YES", 1),
    ("Sorry I missed your call, I was in a meeting", 0),
    ("Free ringtones this week only, text TONE", 1),
    ("Shall we take the early train on Sunday?", 0),
)
"""Sentences with labels (1 = spam), written for this book."""

QUERY = "Can you call me when you are free?"
"""A sentence to ask for, meant to be hard."""


def sentence_scores(
    encoder: Encoder, examples: Sequence[tuple[str, int]], query: str
) -> tuple[float, bool]:
    """Probability of label 1 by the module, and whether the one-line rule says 1, too.

    Raises
    ------
    ValueError : fewer than two different sentences, or one label only
    """
    labels = np.array([label for _, label in examples])
    vectors = encoder.encode([text for text, _ in examples])
    v = Vectors("typed", 0, "MiniLM", vectors, labels, encoder.encode([query]), labels[:1])
    p = classifier(shipped_head().module, v).predict_proba(v.query)[0, 1]
    z, asked = v.white()
    return float(p), bool(null_scores(MEAN, z, labels, asked)[0] > 0)


def read_lines(text: str) -> list[tuple[str, int]]:
    """Lines ``0 sentence`` or ``1 sentence`` as (sentence, label); empty lines are left out.

    Raises
    ------
    ValueError : a line without a label in front
    """
    found = []
    for number, row in enumerate(text.splitlines(), start=1):
        label, _, sentence = row.strip().partition(" ")
        if not row.strip():
            continue
        if label not in ("0", "1") or not sentence.strip():
            raise ValueError(f"line {number}: write 0 or 1, a space, and a sentence")
        found.append((sentence.strip(), int(label)))
    return found


def said(p: float, one: bool) -> str:
    """What module and one-line rule say, in a sentence."""
    return f"label 1: {p:.2f} by the module; one line says {int(one)}"


class SentenceBox(Question):
    """Boxes for labeled sentences and for one to ask for."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def still(self) -> str:
        """The first content, with its answer."""
        rows = [f"{label} {text}" for text, label in EXAMPLES]
        told = said(*sentence_scores(self.encoder, EXAMPLES, QUERY))
        return "\n".join([*rows, f"? {QUERY}", told])

    def widget(self) -> object:
        """Boxes, a button, and progress while the encoder and the module work."""
        import ipywidgets as widgets

        shown = widgets.Textarea(
            "\n".join(f"{label} {text}" for text, label in EXAMPLES),
            rows=9,
            layout={"width": "95%"},
        )
        query = widgets.Text(QUERY, layout={"width": "95%"})
        button = widgets.Button(description="Ask")
        progress = widgets.IntProgress(value=0, max=2)
        told = widgets.HTML()

        def run(_event: object = None) -> None:
            progress.value, told.value = 0, ""
            try:
                examples = read_lines(shown.value)
                progress.value = 1
                words = said(*sentence_scores(self.encoder, examples, query.value))
            except ValueError as error:
                words = str(error)
            progress.value = 2
            told.value = f"<p>{html.escape(words)}</p>"

        button.on_click(run)
        run()
        return widgets.VBox([shown, query, widgets.HBox([button, progress]), told])
