"""The chapter's explorers: a text, the scores behind an AUROC, records, and keys."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from html import escape
from types import SimpleNamespace
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from companion.data import Missing
from companion.encoder import Encoder
from companion.explore import Explorer, explorer, is_publishing
from companion.leximark.lab.arms import MARK, NONE
from companion.leximark.lab.detection import auroc, effect_size, predicted_power
from companion.leximark.lab.probe import Probe
from companion.leximark.lab.run import DECOMPOSITION, Run
from companion.leximark.method.candidates import SimilarityFilter
from companion.leximark.method.scores import MIN_K_PLUS
from companion.leximark.method.watermark import COMMON, Marked, Recipe, Watermarker
from companion.leximark.page import figures
from companion.leximark.page.figures.auroc import WORDS
from companion.leximark.page.tables import highlighted
from companion.plotting import to_webp
from companion.tables import Html

TEXTS = {
    "letter": (
        "The old lighthouse keeper walked down to the harbor every morning, carrying a basket of "
        "fresh bread. He spoke little, but the fishermen trusted his advice about the weather. In "
        'Bergen, on 12 May 1931, he said: "Stay ashore today."'
    ),
    "report": (
        "The committee examined the proposal and rejected the budget. Several members complained "
        "about the delay, and the chairman promised a quick answer. A new draft with `n_pages = 7` "
        "follows in October."
    ),
}
"""Texts of the first explorer; each has something that must stay as it is."""


@cache
def _marked(text: str, k: int, key: str) -> Marked:
    return Watermarker(key, Recipe(k=k)).mark(TEXTS[text])


def text_explorer() -> Explorer:
    """Text, K, and key: 12 frames."""

    def alt(text: str, k: int, key: str) -> str:
        shown = _marked(text, k, key)
        swaps = ", ".join(f"{c.old} became {c.new}" for c in shown.changes[:6]) or "nothing changed"
        return f"The {text}, K = {k}, key {key}: {swaps}."

    return explorer(
        lambda **at: figures.bars(_marked(**at)),
        name="leximark-text",
        alt=alt,
        labels={"text": "text", "k": "K", "key": "key"},
        start={"text": "letter", "k": 5, "key": "alpha"},
        text=list(TEXTS),
        k=[1, 3, 5],
        key=["alpha", "beta"],
    )


def try_text(
    text: str,
    k: int = 5,
    key: str = "alpha",
    target: str = "rarer",
    similarity: SimilarityFilter | None = None,
) -> Html:
    """Your own text, marked: replaced words highlighted, and the surprisal of all looked at."""
    if not text.strip():
        return Html("<p><em>an empty text stays empty</em></p>")
    recipe = Recipe(k=k) if target == "rarer" else replace(COMMON, k=k)
    shown = Watermarker(key, recipe, similarity=similarity).mark(text)
    n = len(shown.changes)
    fig = figures.bars(shown)
    picture = b64encode(to_webp(fig, dpi=110)).decode()
    plt.close(fig)
    swaps = ", ".join(f"{c.old} became {c.new}" for c in shown.changes) or "nothing changed"
    return Html(
        f"<p>{highlighted(text, shown)}</p><p>{n} of {shown.n_words} words replaced.</p>"
        f'<img src="data:image/webp;base64,{picture}" style="max-width:100%;height:auto" '
        f'alt="{escape(f"Surprisal in bits before and after: {swaps}.")}">'
    )


def text_box(encoder: Encoder | Missing | None = None) -> object:
    """A box to type into where a kernel runs; on a page its first content.

    encoder : of the similarity filter, whose threshold is a control where the encoder is there
    """
    first = TEXTS["report"]
    if is_publishing():
        return try_text(first)
    import ipywidgets as widgets

    box = widgets.Textarea(value=first, layout={"width": "95%", "height": "110px"})
    k = widgets.IntSlider(value=5, min=0, max=9, description="K")
    key = widgets.Text(value="alpha", description="key")
    target = widgets.Dropdown(options=["rarer", "commoner"], description="synonyms")
    least = widgets.FloatSlider(value=-1, min=-1, max=1, step=0.05, description="cosine")
    controls = [box, k, key, target]
    if not isinstance(encoder, Missing | None):
        controls.append(least)
    shown = widgets.HTML(value=str(try_text(first)))

    def update(_change: object) -> None:
        close = SimilarityFilter(encoder, least.value) if least.value > -1 else None
        shown.value = str(try_text(box.value, k.value, key.value, target.value, close))

    for widget in controls:
        widget.observe(update, names="value")
    return widgets.VBox([*controls, shown])


class StoredScores(NamedTuple):
    """Document scores that a record keeps, as :func:`score_explorer` asks for them."""

    results: tuple[dict[str, SimpleNamespace], ...]

    def has(self, arm: str, question: str) -> bool:
        """Whether the arm has both sets of the question."""
        return set(DECOMPOSITION[question]) <= set(self.results[0][arm].trained)


def stored_scores(record: Mapping[str, object] | None) -> StoredScores | None:
    """The published scores for each K; None where the record has none."""
    told = (record or {}).get("series", {}).get("documents")
    if not told:
        return None
    arms = {}
    for arm, models in told.items():
        sets = {
            model: {name: {MIN_K_PLUS: np.array(values)} for name, values in scores.items()}
            for model, scores in models.items()
        }
        arms[arm] = SimpleNamespace(**sets)
    return StoredScores((arms,))


def score_explorer(run: Run | StoredScores) -> Explorer:
    """Which sets are compared, how many words are replaced, trained or not, on the first seed."""
    with_key = [arm for arm in run.results[0] if run.has(arm, "counterfactual")]
    doses = [arm for arm in with_key if arm.startswith("K = ")]
    chosen = sorted([*doses, MARK], key=lambda arm: 5 if arm == MARK else int(arm[4:]))
    models = ["trained", "base"]

    def pair(question: str, arm: str, model: str):
        sets = getattr(run.results[0][arm], model)
        first, second = DECOMPOSITION[question]
        return sets[first][MIN_K_PLUS], sets[second][MIN_K_PLUS]

    grids = {"question": list(DECOMPOSITION), "model": models}
    if len(chosen) > 1:
        grids["arm"] = chosen
    every = [pair(q, a, m) for q in DECOMPOSITION for a in chosen for m in models]
    limits = tuple(np.quantile(np.concatenate([np.concatenate(p) for p in every]), [0, 1]))

    def draw(question: str, model: str, arm: str = MARK):
        names = tuple(f"half {name[0]}, dictionary {name[2]}" for name in DECOMPOSITION[question])
        return figures.score_frame(*pair(question, arm, model), names, limits)

    def alt(question: str, model: str, arm: str = MARK) -> str:
        word = "trained" if model == "trained" else "untrained"
        value = auroc(*pair(question, arm, model))
        return f"{word} model, {arm}, question {WORDS[question]!r}: AUROC {value:.3f}."

    return explorer(
        draw,
        name="leximark-scores",
        alt=alt,
        labels={k: {"question": "question", "model": "model", "arm": "K"}[k] for k in grids},
        show={
            "question": lambda q: WORDS[q],
            "model": lambda m: "trained" if m == "trained" else "untrained",
        }
        | ({"arm": lambda a: "5" if a == MARK else a[4:]} if "arm" in grids else {}),
        start={"question": "protocol", "model": "trained"},
        **grids,
    )


def effects(run: Run) -> dict[str, float]:
    """Cohen's d, mean over seeds: without a mark, with one dictionary, with one per half."""
    asked = {
        "no mark": (NONE, "record"),
        "one dictionary": (MARK, "record"),
        "one per half": (MARK, "protocol"),
    }
    return {
        name: float(np.mean([effect_size(*pair) for pair in run.pairs(*what)]))
        for name, what in asked.items()
    }


def power_explorer(run: Run) -> Explorer:
    """Number of records, and whether one more sentence of evidence would help: 8 frames."""
    d = effects(run)

    def alt(n: int) -> str:
        said = ", ".join(f"{name} {100 * predicted_power(v, n):.0f} %" for name, v in d.items())
        return f"Power with {n} records on each side: {said}."

    return explorer(
        lambda n: figures.power_frame(d, n),
        name="leximark-power",
        alt=alt,
        labels={"n": "records"},
        start={"n": 6},
        n=[2, 4, 6, 8, 12, 16, 24, 32],
    )


def key_explorer(probe: Probe) -> Explorer:
    """Claim one of five keys to be the secret one, before and after training: 10 frames."""
    tests = {"untrained": probe.untrained, "trained": probe.trained}
    scores = {name: np.r_[test.true, test.others] for name, test in tests.items()}

    def frame(model: str, key: int):
        values = scores[model]
        pad = 0.1 * np.ptp(values) + 1e-6
        limits = (values.min() - pad, values.max() + pad)
        name = "The owner's key" if key == 0 else f"Key number {key}"
        return figures.key_frame(values, key, limits, f"{name}, {model} model")

    def alt(model: str, key: int) -> str:
        values = scores[model]
        higher = int((np.delete(values, key) >= values[key]).sum())
        return (
            f"{model} model, key {key} of {len(values)}: {higher} of the others score as high or "
            f"higher, p = {(1 + higher) / len(values):.3g}."
        )

    return explorer(
        frame,
        name="leximark-keys",
        alt=alt,
        labels={"model": "model", "key": "claimed key"},
        show={"key": lambda k: "the owner's" if k == 0 else f"number {k}"},
        start={"model": "trained", "key": 0},
        model=["untrained", "trained"],
        key=list(range(5)),
    )
