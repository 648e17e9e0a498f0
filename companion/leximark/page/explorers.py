"""The chapter's explorer: a text of the reader's own under the watermark."""

from __future__ import annotations

import html

from matplotlib.figure import Figure

from companion.data import Missing
from companion.encoder import Encoder
from companion.explore import Question
from companion.leximark.method.candidates import SimilarityFilter
from companion.leximark.method.watermark import KEYED, LEXIMARK, Marked, Recipe, Watermarker
from companion.leximark.page.figures import bars
from companion.leximark.page.tables import highlighted

FIRST = (
    "The old lighthouse keeper walked down to the harbor every morning, carrying a basket of "
    "fresh bread. He spoke little, but the fishermen trusted his advice about the weather."
)
"""The text that the box opens with."""

RULES = {"the authors' rule": LEXIMARK, "a secret key": KEYED}


class TextExplorer(Question):
    """A box for a text, the rule, K, the key, and the threshold of the sentence encoder.

    encoder : for the threshold; a ``Missing`` leaves that control out
    """

    title = "Mark your own text"

    def __init__(self, encoder: Encoder | Missing) -> None:
        self.encoder = encoder

    def first(self) -> Marked:
        """The first text under the first key."""
        return Watermarker(KEYED, "alpha").mark(FIRST)

    def answer(self) -> tuple[Figure, str]:
        """Figure and sentence of the first text."""
        return bars(self.first()), said(self.first())

    def still(self) -> str:
        """The first text with what was replaced."""
        return shown(FIRST, self.first())

    def widget(self) -> object:
        """Box and controls; every change marks the text anew."""
        import ipywidgets as widgets

        box = widgets.Textarea(value=FIRST, layout={"width": "95%", "height": "110px"})
        rule = widgets.Dropdown(options=list(RULES), value="a secret key", description="rule")
        k = widgets.IntSlider(value=5, min=0, max=9, description="K")
        key = widgets.Text(value="alpha", description="key")
        least = widgets.FloatSlider(value=-1, min=-1, max=1, step=0.05, description="cosine")
        controls = [box, rule, k, key]
        if not isinstance(self.encoder, Missing):
            controls.append(least)
        told = widgets.HTML(value=self.still())

        def update(_change: object) -> None:
            recipe = RULES[rule.value]
            chosen = Recipe(k=k.value, n=recipe.n, least=recipe.least, limit=recipe.limit)
            close = SimilarityFilter(self.encoder, least.value) if least.value > -1 else None
            maker = Watermarker(chosen, key.value, similarity=close)
            told.value = shown(box.value, maker.mark(box.value))

        for widget in controls:
            widget.observe(update, names="value")
        return widgets.VBox([*controls, told])


def said(marked: Marked) -> str:
    """What was replaced, as a sentence."""
    swaps = ", ".join(f"{c.old} became {c.new}" for c in marked.changes) or "nothing changed"
    return f"{len(marked.changes)} of {marked.n_words} words replaced: {swaps}."


def shown(text: str, marked: Marked) -> str:
    """The marked text, and the sentence about it."""
    return f"<p>{highlighted(text, marked)}</p><p>{html.escape(said(marked))}</p>"
