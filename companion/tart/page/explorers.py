"""The chapter's explorers: a task in the plane, the vectors of the protocols, typed sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from companion.encoder import Encoder
from companion.explore import Explorer, explorer, is_publishing
from companion.tart.lab.cells import Cell
from companion.tart.lab.classifier import TartClassifier
from companion.tart.lab.nulls import accuracy, null_scores
from companion.tart.lab.real import vectors_of
from companion.tart.method.training import LogisticTaskSampler
from companion.tart.method.whitening import Whitening
from companion.tart.page.figures.real import cloud_frame, plane_frame, sentence_frame, surface

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

QUERIES = (
    "Claim your free prize, text WIN now",
    "See you at the station at nine",
    "Can you call me when you are free?",
    "Your loan is approved, reply today",
)
"""Sentences to ask for; the third is meant to be hard."""


def plane_task(k: int, alpha: float, flips: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (k, 2) and labels (k,) of one task in the plane; longer tasks go on from shorter."""
    x, y, _ = LogisticTaskSampler(2, alpha, flip=flips).tasks(1, 64, seed, "plane")
    return x[0, :k].double().numpy(), y[0, :k].numpy().astype(int)


def plane_explorer(head: nn.Module, seed: int = 0) -> Explorer:
    """Examples, noise and flipped labels in the plane: 24 frames, drawn by the live module."""
    most = head.max_context

    def frame(k: int, alpha: float, flips: float):
        return plane_frame(head, *plane_task(k, alpha, flips, seed))

    def alt(k: int, alpha: float, flips: float) -> str:
        x, y = plane_task(k, alpha, flips, seed)
        p = surface(head, x, y, x)
        q = null_scores("logistic, C = 1", x, y, x)
        return (
            f"{k} examples, alpha {alpha:g}, {100 * flips:g} percent of the labels turned: the "
            f"module fits {100 * accuracy(p - 0.5, y):.0f} percent of the examples, logistic "
            f"regression {100 * accuracy(q, y):.0f}."
        )

    return explorer(
        frame,
        name="tart-plane",
        alt=alt,
        labels={"k": "examples k", "alpha": "steepness α", "flips": "labels turned"},
        show={"flips": lambda share: f"{100 * share:g} %"},
        start={"k": sorted({4, 8, 12, most})[2], "alpha": 10.0, "flips": 0.0},
        k=sorted({4, 8, 12, most}),
        alpha=[1.0, 3.0, 10.0],
        flips=[0.0, 0.25],
    )


def cloud_explorer(cells: Sequence[Cell]) -> Explorer:
    """The first two coordinates of a context by protocol, whitened or not."""
    by_task = {cell.task: cell for cell in reversed(cells)}
    frames = {(task, v.name): v for task, cell in by_task.items() for v in vectors_of(cell)}

    def frame(task: str, protocol: str, mode: str):
        return cloud_frame(frames[task, protocol], mode)

    def alt(task: str, protocol: str, mode: str) -> str:
        v = frames[task, protocol]
        fitted = Whitening.fit(v.context, v.p, mode)
        scores = null_scores(
            "mean difference", fitted.transform(v.context), v.labels, fitted.transform(v.query)
        )
        right = accuracy(scores, v.query_labels)
        return (
            f"{task}, {protocol}, {'whitened' if mode == 'whiten' else 'not whitened'}: the mean "
            f"difference is right in {100 * right:.0f} percent of the queries."
        )

    return explorer(
        frame,
        name="tart-clouds",
        alt=alt,
        labels={"task": "task", "protocol": "protocol", "mode": "whitening"},
        show={"mode": {"whiten": "on", "scores": "off"}.__getitem__},
        start={"task": next(iter(by_task)), "protocol": "LOO", "mode": "whiten"},
        task=list(by_task),
        protocol=["stream", "vanilla", "LOO"],
        mode=["whiten", "scores"],
    )


def sentence_scores(
    head: nn.Module, encoder: Encoder, examples: Sequence[tuple[str, int]], query: str
) -> tuple[float, float]:
    """Probability of label 1 for a sentence: (module, logistic regression with C = 1).

    Raises
    ------
    ValueError : fewer than two distinct sentences, or one label only
    """
    vectors = encoder.encode([text for text, _ in examples])
    asked = encoder.encode([query])
    labels = np.array([label for _, label in examples])
    model = TartClassifier(head, n_components=min(head.d or 16, 16)).fit(vectors, labels)
    fitted = model.whitening_
    score = null_scores(
        "logistic, C = 1", fitted.transform(vectors), labels, fitted.transform(asked)
    )[0]
    return float(model.predict_proba(asked)[0, 1]), float(1 / (1 + np.exp(-score)))


def sentence_explorer(head: nn.Module, encoder: Encoder) -> Explorer:
    """Sentences with labels, and one to ask for: slide through both."""
    found = {
        (n, query): sentence_scores(head, encoder, EXAMPLES[:n], query)
        for n in (2, 4, 8)
        for query in QUERIES
    }
    return explorer(
        lambda n, query: sentence_frame(EXAMPLES[:n], query, *found[n, query]),
        name="tart-sentences",
        alt=lambda n, query: (
            f"{n} labelled sentences, asked for: {query} Spam with probability "
            f"{found[n, query][0]:.2f} (module), {found[n, query][1]:.2f} (logistic regression)."
        ),
        labels={"n": "labelled sentences", "query": "asked for"},
        start={"n": 8, "query": QUERIES[0]},
        n=[2, 4, 8],
        query=list(QUERIES),
    )


@dataclass(frozen=True)
class Said:
    """What the boxes hold at first, for a page without a kernel."""

    examples: Sequence[tuple[str, int]]
    query: str
    module: float
    logistic: float

    def __repr__(self) -> str:
        lines = [f"{label} {text}" for text, label in self.examples]
        asked = f"? {self.query}"
        said = f"label 1: module {self.module:.2f}, logistic regression {self.logistic:.2f}"
        return "\n".join([*lines, asked, said])


def sentence_box(head: nn.Module, encoder: Encoder) -> object:
    """Boxes to type labelled sentences and a query into; on a page its first content.

    One sentence a line, a label 0 or 1 in front.
    """
    if is_publishing():
        return Said(EXAMPLES, QUERIES[0], *sentence_scores(head, encoder, EXAMPLES, QUERIES[0]))
    import ipywidgets as widgets

    shown = widgets.Textarea(
        "\n".join(f"{label} {text}" for text, label in EXAMPLES), rows=9, layout={"width": "95%"}
    )
    query = widgets.Text(QUERIES[0], layout={"width": "95%"})
    said = widgets.HTML()

    def update(_change: object = None) -> None:
        try:
            p, q = sentence_scores(head, encoder, read_lines(shown.value), query.value)
            said.value = f"<p>label 1: module {p:.2f}, logistic regression {q:.2f}</p>"
        except ValueError as error:
            said.value = f"<p>{error}</p>"

    for box in (shown, query):
        box.observe(update, names="value")
    update()
    return widgets.VBox([shown, query, said])


def read_lines(text: str) -> list[tuple[str, int]]:
    """Lines ``0 sentence`` or ``1 sentence`` as (sentence, label); empty lines are left out.

    Raises
    ------
    ValueError : a line without a label in front
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        label, _, sentence = line.strip().partition(" ")
        if not line.strip():
            continue
        if label not in ("0", "1") or not sentence.strip():
            raise ValueError(f"line {number}: write 0 or 1, a space, and a sentence")
        found.append((sentence.strip(), int(label)))
    return found
