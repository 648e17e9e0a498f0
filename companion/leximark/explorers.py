"""The chapter's explorers: a text, the scores behind an AUROC, records, and keys."""

from __future__ import annotations

from functools import cache

import numpy as np

from companion.explore import Explorer, explorer, is_publishing
from companion.leximark import figures
from companion.leximark.arms import MARK, NONE
from companion.leximark.detection import auroc
from companion.leximark.experiment import DECOMPOSITION, Run
from companion.leximark.figures.style import WORDS
from companion.leximark.power import effect_size, predicted_power
from companion.leximark.probe import Probe
from companion.leximark.scores import MIN_K_PLUS
from companion.leximark.tables import highlighted
from companion.leximark.watermark import Marked, Recipe, Watermarker
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


def try_text(text: str, k: int = 5, key: str = "alpha") -> Html:
    """Your own text, marked: replaced words highlighted, with what they were."""
    shown = Watermarker(key, Recipe(k=k)).mark(text)
    n = len(shown.changes)
    body = highlighted(text, shown) if text.strip() else "<em>an empty text stays empty</em>"
    return Html(f"<p>{body}</p><p>{n} of {shown.n_words} words replaced.</p>")


def text_box() -> object:
    """A box to type into where a kernel runs; on a page its first content."""
    first = TEXTS["report"]
    if is_publishing():
        return try_text(first)
    import ipywidgets as widgets

    box = widgets.Textarea(value=first, layout={"width": "95%", "height": "110px"})
    k = widgets.IntSlider(value=5, min=0, max=9, description="K")
    key = widgets.Text(value="alpha", description="key")
    shown = widgets.HTML(value=str(try_text(first)))

    def update(_change: object) -> None:
        shown.value = str(try_text(box.value, k.value, key.value))

    for widget in (box, k, key):
        widget.observe(update, names="value")
    return widgets.VBox([box, k, key, shown])


def score_explorer(run: Run) -> Explorer:
    """Which sets are compared, how many words are replaced, trained or not, on the first seed."""
    with_key = [arm for arm in run.results[0] if run.has(arm, "counterfactual")]
    doses = [arm for arm in with_key if arm.startswith("K = ")]
    chosen = sorted([*doses, MARK], key=lambda arm: 5 if arm == MARK else int(arm[4:]))
    models = ["trained", "base"]

    def pair(question: str, arm: str, model: str):
        sets = getattr(run.results[0][arm], model)
        first, second = DECOMPOSITION[question]
        if not sets:  # the untrained model looked at the main arms only
            sets = run.results[0][MARK].base
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
        show={"question": lambda q: WORDS[q],
              "model": lambda m: "trained" if m == "trained" else "untrained"}
        | ({"arm": lambda a: "5" if a == MARK else a[4:]} if "arm" in grids else {}),
        start={"question": "protocol", "model": "trained"},
        **grids,
    )  # fmt: skip


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
