"""Figures with sliders, live in Jupyter and without a kernel on the site; questions of a reader's.

:func:`explorer` takes a function that draws one figure and, per argument, the values it may take.
In a running notebook it shows ipywidgets and draws on demand.  When a notebook is run to be
published (``COMPANION_PUBLISH=1``), every frame is drawn once, and the saved output is plain HTML:
a picture, native range inputs and a few lines of script.  Keyboard and screen reader work, and
without JavaScript the first frame stays.

A :class:`Question` runs a chapter's own code on what a reader asks for, which takes a kernel; a
page shows the first answer.
"""

from __future__ import annotations

import base64
import html
import itertools
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from companion.pictures import is_publishing
from companion.plotting import to_webp, with_alt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_FRAMES = 60
"""Frames of one explorer; about 35 kB each, so a page stays near 2 MB."""

_NAME = re.compile(r"[a-z][a-z0-9-]*")

# Inlined, so that it also runs in a notebook opened without a kernel.  It finds the frame from the
# slider positions (last axis fastest), swaps picture and description, and announces the change.
_SCRIPT = """
(function () {
  var root = document.getElementById(%s);
  if (!root || root.dataset.ready) { return; }
  root.dataset.ready = "1";
  var data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  var img = root.querySelector("img"), live = root.querySelector(".rp-live");
  var inputs = Array.prototype.slice.call(root.querySelectorAll("input"));
  function update(event) {
    var index = 0;
    inputs.forEach(function (input, i) {
      var text = data.values[i][+input.value];
      index = index * data.values[i].length + +input.value;
      input.setAttribute("aria-valuetext", text);
      input.nextElementSibling.textContent = text;
    });
    img.src = data.frames[index].src;
    img.alt = data.frames[index].alt;
    if (event) { live.textContent = data.frames[index].alt; }
  }
  inputs.forEach(function (input) { input.addEventListener("input", update); });
  root.querySelector(".rp-controls").hidden = false;
  update();
})();
"""


def explorer(
    draw: Callable[..., Figure],
    *,
    name: str,
    alt: Callable[..., str],
    labels: Mapping[str, str] | None = None,
    start: Mapping[str, object] | None = None,
    show: Mapping[str, Callable[[object], str]] | None = None,
    **grids: Sequence[object],
) -> Explorer:
    """A figure with one slider per argument of `draw`.

    Parameters
    ----------
    draw : function of the grids' names that returns a matplotlib figure; all of one size
    name : unique on its page; lower-case letters, digits and hyphens
    alt : function of the same arguments that describes the frame in one or two sentences
    labels : what stands before a slider; the argument's name if missing
    start : first values shown; the middle of a grid if missing
    show : how a value is printed; ``str`` if missing
    grids : the values of each slider, two or more

    Raises
    ------
    ValueError
        A bad name, a grid with fewer than two values, more than :data:`MAX_FRAMES` combinations,
        or a start value that is not in its grid.
    """
    return Explorer(draw, name, alt, dict(grids), labels or {}, start or {}, show or {})


class Explorer:
    """What :func:`explorer` returns; a notebook displays it as the last value of a cell."""

    def __init__(self, draw, name, alt, grids, labels, start, show) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"explorer name {name!r}: use lower-case letters, digits and hyphens")
        if not grids:
            raise ValueError("an explorer needs at least one grid of values")
        for axis, values in grids.items():
            if len(values) < 2:
                raise ValueError(f"grid {axis!r} needs at least two values, got {list(values)}")
        for mapping, what in ((labels, "labels"), (start, "start"), (show, "show")):
            if unknown := set(mapping) - set(grids):
                raise ValueError(f"{what} names {sorted(unknown)}; the grids are {list(grids)}")
        if (n := math.prod(map(len, grids.values()))) > MAX_FRAMES:
            raise ValueError(f"{n} frames are too many for a page; at most {MAX_FRAMES}")
        self.name, self._draw, self._alt = name, draw, alt
        self.grids = {axis: list(values) for axis, values in grids.items()}
        self._labels = {axis: labels.get(axis, axis) for axis in grids}
        self._texts = {
            axis: [show.get(axis, str)(value) for value in values]
            for axis, values in self.grids.items()
        }
        self.first = {}
        for axis, values in self.grids.items():
            if axis in start and start[axis] not in values:
                raise ValueError(f"start {axis}={start[axis]!r} is not in its grid {values}")
            self.first[axis] = values.index(start[axis]) if axis in start else len(values) // 2

    def frame(self, **values: object) -> tuple[str, str]:
        """One frame as (data URI of a WebP picture, description)."""
        return _source(self._draw(**values)), self._alt(**values)

    def _values(self, indices: Sequence[int]) -> dict[str, object]:
        return {axis: self.grids[axis][i] for axis, i in zip(self.grids, indices, strict=True)}

    def to_html(self) -> str:
        """All frames, sliders and script: works without kernel and without network."""
        sizes = [range(len(values)) for values in self.grids.values()]
        frames = [self.frame(**self._values(indices)) for indices in itertools.product(*sizes)]
        first = 0
        for axis, values in self.grids.items():
            first = first * len(values) + self.first[axis]
        root = f"rp-{self.name}"
        controls = "".join(self._control(root, axis) for axis in self.grids)
        data = {
            "values": list(self._texts.values()),
            "frames": [{"src": src, "alt": alt} for src, alt in frames],
        }
        # "</" would end the script element, and "<!--" with "<script" hide its end
        payload = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
        return (
            f'<div class="rp-explorer" id="{root}">'
            f"{_image(*frames[first])}"
            f'<div class="rp-controls" hidden>{controls}</div>'
            '<p class="rp-live" aria-live="polite" '
            'style="position:absolute;width:1px;height:1px;overflow:hidden;'
            'clip-path:inset(50%);margin:0"></p>'
            f'<script type="application/json">{payload}</script>'
            f"<script>{_SCRIPT % json.dumps(root)}</script></div>"
        )

    def _control(self, root: str, axis: str) -> str:
        """Label, slider and value, siblings in this order (the script relies on it)."""
        key = f"{root}-{axis.replace('_', '-')}"
        i, texts = self.first[axis], self._texts[axis]
        return (
            f'<div class="rp-control"><label for="{key}">{html.escape(self._labels[axis])}</label>'
            f'<input type="range" id="{key}" min="0" max="{len(texts) - 1}" step="1" value="{i}" '
            f'aria-valuetext="{html.escape(texts[i])}">'
            f'<output for="{key}">{html.escape(texts[i])}</output></div>'
        )

    def widget(self) -> object:
        """Live sliders and picture; one frame is drawn per change."""
        import ipywidgets as widgets

        sliders = {
            axis: widgets.SelectionSlider(
                options=list(zip(self._texts[axis], range(len(values)), strict=True)),
                value=self.first[axis],
                description=self._labels[axis],
                continuous_update=False,
                style={"description_width": "initial"},
                layout={"width": "90%"},
            )
            for axis, values in self.grids.items()
        }
        picture = widgets.HTML()

        def update(_change: object = None) -> None:
            values = self._values([slider.value for slider in sliders.values()])
            picture.value = _image(*self.frame(**values))

        for slider in sliders.values():
            slider.observe(update, names="value")
        update()
        return widgets.VBox([picture, *sliders.values()])

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, object]:
        plain = f"Explorer {self.name}: " + ", ".join(self._labels.values())
        if is_publishing():
            return {"text/plain": plain, "text/html": self.to_html()}
        still = self.frame(**self._values(list(self.first.values())))
        return {"text/plain": plain, "text/html": _image(*still)} | _view(self.widget())


class Question:
    """Controls that run the chapter's own code, above the first answer; a chapter makes its own.

    title : what a reader does here, in one line; without it, the answer in words
    """

    title = ""

    def answer(self) -> tuple[Figure, str] | None:
        """Figure and sentence of the first choice; None where words are enough."""
        return None

    def still(self) -> str:
        """The first answer as HTML, or in words."""
        return pictured(*self.answer())

    def widget(self) -> object | None:
        """Controls and answer; None where nothing can be asked."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.title or self.still()

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, object]:
        made, first = {"text/plain": repr(self)}, self.answer()
        if is_publishing():  # the page's own pictures, in light and dark
            return made | (with_alt(*first) if first else {})
        if first:
            made["text/html"] = self.still()
        widget = self.widget()
        return made if widget is None else made | _view(widget)


def pictured(figure: Figure, words: str) -> str:
    """A picture, and below it what it says."""
    return f"{_image(_source(figure), words)}<p>{html.escape(words)}</p>"


def _source(figure: Figure) -> str:
    return f"data:image/webp;base64,{base64.b64encode(to_webp(figure)).decode()}"


def _view(widget: object) -> dict[str, object]:
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": view}


def _image(src: str, alt: str) -> str:
    return f'<img src="{src}" alt="{html.escape(alt)}" style="max-width:100%;height:auto">'
