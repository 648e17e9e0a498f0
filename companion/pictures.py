"""A figure as the pictures of a page: one for a wide window, one for a phone, both as SVG.

Letters are outlines, so that a page needs no font for them and shows what matplotlib measured.
What has very many marks is a picture inside the SVG.  The colors of a dark page are put in later
(:mod:`companion.publish.figures`), from these two.

The narrow picture is no small copy: the same figure is laid out anew, panels that stood side by
side stand below each other where they would become narrower than they were, titles are broken
anew, and no letter is smaller than a reader can read.
"""

from __future__ import annotations

import io
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import Collection, PathCollection, QuadMesh
from matplotlib.gridspec import GridSpec
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NARROW = 4.6
"""Width in inches of the picture for a phone."""

COLUMN = 358
"""CSS pixels that a page has for a picture in a window of 390."""

LEAST = 9.0
"""CSS pixels of the smallest letters on a phone."""

KEEP = "keep"
"""Begins the id of what lies on colors that stay as they are on a dark page: marks on a map."""

MANY = 800
"""Marks from which an artist becomes a picture inside the SVG."""

LARGEST = 300_000
"""Characters from which on all marks of a figure become pixels."""

DPI = 180
"""Of pictures inside the SVG."""


FIGURE = "application/vnd.runnable-papers.figure+json"
"""What a notebook that is run to be published keeps of a figure: alternative text, two SVGs."""


def is_publishing() -> bool:
    """Whether this notebook is run to be published."""
    return os.environ.get("COMPANION_PUBLISH") == "1"


def least_points(width: float) -> float:
    """Size in points that is :data:`LEAST` pixels high on a phone, in a figure of this width.

    width : inches
    """
    return LEAST * width * 72 / COLUMN


class _Ruler(FigureCanvasAgg):
    """What texts are measured on, once each: the same for the layouts of both pictures.

    How large a text is depends on the resolution, and not on the size of the figure.
    """

    _resolution: float | None = None

    def get_renderer(self) -> RendererAgg:
        """The renderer that remembers what it measured."""
        if self._resolution != self.figure.dpi:
            self._resolution = self.figure.dpi
            self.renderer = RendererAgg(*self.get_width_height(physical=True), self._resolution)
        return self.renderer


def for_page(fig: Figure, settle: Callable[[Figure], None]) -> dict[str, str]:
    """The figure as two SVG texts, ``wide`` and ``phone``; it is afterwards what it was.

    settle : makes the layout and moves the title, called before each picture
    """
    engine, canvas = fig.get_layout_engine(), fig.canvas
    try:
        _Ruler(fig)
        with _marked(fig), ExitStack() as stack:
            settle(fig)
            wide = svg(fig)
            if len(wide) > LARGEST:
                stack.enter_context(_flat(fig))
                wide = svg(fig)
            with narrowed(fig, settle):
                return {"wide": wide, "phone": svg(fig)}
    finally:
        fig.set_canvas(canvas)
        fig.set_layout_engine(engine if engine is not None else "none")


def svg(fig: Figure) -> str:
    """The figure as SVG without background; equal figures give equal texts."""
    out = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    settings = {"svg.fonttype": "path", "svg.hashsalt": "figure"}
    with mpl.rc_context(settings), _laid_out(fig), _without_background(fig):
        canvas, dpi = fig.canvas, fig.dpi
        try:
            # savefig would draw twice, to have a layout first
            fig.dpi = DPI
            FigureCanvasSVG(fig).print_svg(out, metadata=nothing)
        finally:
            fig.dpi = dpi
            fig.set_canvas(canvas)
    return out.getvalue()


@contextmanager
def _laid_out(fig: Figure) -> Iterator[None]:
    """Make the layout once, so that drawing does not make it again."""
    engine = fig.get_layout_engine()
    if engine is None:
        yield
        return
    engine.execute(fig)
    fig.set_layout_engine("none")
    try:
        yield
    finally:
        fig.set_layout_engine(engine)


@contextmanager
def _without_background(fig: Figure) -> Iterator[None]:
    """A figure and panels that let the page show through."""
    patches = [fig.patch, *(ax.patch for ax in fig.axes)]
    before = [(patch.get_facecolor(), patch.get_edgecolor()) for patch in patches]
    for patch in patches:
        patch.set(facecolor="none", edgecolor="none")
    try:
        yield
    finally:
        for patch, (face, edge) in zip(patches, before, strict=True):
            patch.set(facecolor=face, edgecolor=edge)


@contextmanager
def _flat(fig: Figure) -> Iterator[None]:
    """All marks of all panels as pixels; letters and axes stay what they are."""
    marks = [a for ax in fig.axes for a in (*ax.lines, *ax.collections, *ax.patches)]
    marks = [artist for artist in marks if not artist.get_rasterized()]
    for artist in marks:
        artist.set_rasterized(True)
    try:
        yield
    finally:
        for artist in marks:
            artist.set_rasterized(False)


@contextmanager
def _marked(fig: Figure) -> Iterator[None]:
    """Say what has too many marks, and what lies on colors that stay the same."""
    changed = []
    for number, ax in enumerate(fig.axes):
        for i, artist in enumerate(_on_map(ax)):
            if artist.get_gid() is None:
                artist.set_gid(f"{KEEP}-{number}-{i}")
                changed.append((artist.set_gid, None))
        for artist in ax.get_children():
            if _marks(artist) > MANY and not artist.get_rasterized():
                artist.set_rasterized(True)
                changed.append((artist.set_rasterized, False))
    try:
        yield
    finally:
        for restore, value in changed:
            restore(value)


def _on_map(ax: Axes) -> list[Artist]:
    """What a panel that shows a map, or its color bar, draws on it."""
    if not any(map(_is_map, ax.get_children())):
        return []
    marks = [a for a in ax.get_children() if isinstance(a, Line2D | Collection)]
    arrows = [text.arrow_patch for text in ax.texts if getattr(text, "arrow_patch", None)]
    ends = [a for a in ax.patches if a.get_fill()] if ax.get_label() == "<colorbar>" else []
    return [*marks, *ax.texts, *arrows, *ends]


def _is_map(artist: object) -> bool:
    """Whether an artist fills its panel with colors that stand for numbers."""
    is_filled = (
        isinstance(artist, AxesImage | QuadMesh) or type(artist).__name__ == "QuadContourSet"
    )
    return is_filled and artist.get_array() is not None


def _marks(artist: object) -> int:
    """How many marks an artist writes into an SVG."""
    if isinstance(artist, QuadMesh):
        return np.size(artist.get_array())
    if isinstance(artist, PathCollection):
        return len(artist.get_offsets())
    if isinstance(artist, Line2D):
        n = len(artist.get_xdata(orig=False))
        return n if artist.get_marker() not in (None, "", " ", "None") else n // 10
    return 0


@contextmanager
def narrowed(fig: Figure, settle: Callable[[Figure], None]) -> Iterator[None]:
    """The figure laid out for a phone, inside the ``with``; a narrow one stays as it is."""
    width, height = fig.get_size_inches()
    engine, undo = fig.get_layout_engine(), []

    def put(setter: Callable, new: object, old: object) -> None:
        undo.append((setter, old))
        setter(new)

    to = min(NARROW, width)
    try:
        fig.set_layout_engine("constrained")
        grown = _stack(fig, width, to, put)
        fig.set_size_inches(to, height * grown)
        for text in fig.findobj(Text):
            if 0 < text.get_fontsize() < least_points(to):
                put(text.set_fontsize, least_points(to), text.get_fontsize())
        _break_titles(fig, width, to, put)
        _fold_legends(fig, put)
        if _break_labels(fig, put):
            fig.set_layout_engine("none")  # made a moment ago: the layout stands
        settle(fig)
        yield
    finally:
        for setter, old in reversed(undo):
            setter(old)
        fig.set_size_inches(width, height)
        fig.set_layout_engine(engine if engine is not None else "none")


def _stack(fig: Figure, width: float, to: float, put: Callable) -> float:
    """Move panels below each other; how many times as high the figure becomes.

    Only in a plain grid of panels, one each; a row holds as many as keep their width.
    """
    panels = [ax for ax in fig.axes if ax.get_subplotspec() is not None]
    grids = {ax.get_subplotspec().get_topmost_subplotspec().get_gridspec() for ax in panels}
    if len(grids) != 1 or to >= width:
        return 1.0
    (grid,) = grids
    rows, columns = grid.get_geometry()
    specs = [ax.get_subplotspec() for ax in panels]
    is_plain = all(spec.num1 == spec.num2 and spec.get_gridspec() is grid for spec in specs)
    places = {spec.num1 for spec in specs}
    if columns == 1 or not is_plain or not len(places) == len(panels) == rows * columns:
        return 1.0
    beside = max(1, min(columns, int(to * columns / width + 0.35)))
    below = -(-len(panels) // beside)
    if beside == columns:
        return 1.0
    new = GridSpec(below, beside, figure=fig)
    for i, ax in enumerate(sorted(panels, key=lambda ax: ax.get_subplotspec().num1)):
        put(ax.set_subplotspec, new[i], ax.get_subplotspec())
        _show_labels(ax, put, is_left=i % beside == 0, is_bottom=i + beside >= len(panels))
    return below / rows


def _show_labels(ax: Axes, put: Callable, *, is_left: bool, is_bottom: bool) -> None:
    """Numbers that a panel shared with its neighbor, where the neighbor has gone."""
    for which, there, label in (("y", is_left, "labelleft"), ("x", is_bottom, "labelbottom")):
        axis = getattr(ax, f"{which}axis")
        old = axis.get_tick_params().get(label, True)
        siblings = getattr(ax, f"get_shared_{which}_axes")().get_siblings(ax)
        if there and not old and len(siblings) > 1:
            put(
                lambda seen, which=which, label=label: ax.tick_params(axis=which, **{label: seen}),
                True,
                False,
            )
            named = [one for one in siblings if getattr(one, f"get_{which}label")()]
            if named and not getattr(ax, f"get_{which}label")():
                text = getattr(named[0], f"get_{which}label")()
                put(getattr(ax, f"set_{which}label"), text, "")


def _break_titles(fig: Figure, width: float, to: float, put: Callable) -> None:
    """Break titles of the whole figure, or of a panel as wide as it, into lines anew."""
    above = [fig._suptitle] if fig.get_suptitle() else []
    for ax in fig.axes:
        spec = ax.get_subplotspec()
        alone = spec is not None and spec.get_gridspec().ncols == 1
        above += [ax._left_title, ax.title] if alone else []
    for title in above:
        if text := title.get_text():
            size = 9.2 if title is fig._suptitle else 8.4  # letters an inch, as finding_title
            fits = int(size * to * 12 / title.get_fontsize())
            put(title.set_text, balanced(text, fits), text)


def _fold_legends(fig: Figure, put: Callable) -> None:
    """Fewer columns for a legend that is wider than the figure."""
    for legend in (legend for legend in fig.findobj(Legend) if legend._ncols > 1):
        columns = legend._ncols
        while legend._ncols > 1 and legend.get_window_extent().width > 0.98 * fig.bbox.width:
            _set_columns(legend, legend._ncols - 1)
        if legend._ncols < columns:
            put(partial(_set_columns, legend), legend._ncols, columns)


def _set_columns(legend: Legend, columns: int) -> None:
    """Arrange the entries of a legend anew, which matplotlib's own ``set_ncols`` does not."""
    texts = legend.get_texts()
    title, size = legend.get_title().get_text(), texts[0].get_fontsize()
    legend.set_ncols(columns)
    legend._init_legend_box(legend.legend_handles, [text.get_text() for text in texts])
    legend._set_loc(legend._loc_real)
    legend.set_title(title or None)
    for text in legend.get_texts():
        text.set_fontsize(size)


def _break_labels(fig: Figure, put: Callable) -> bool:
    """Break labels of axes that run out of the figure, in ever shorter lines until they fit.

    Whether they do; the layout is that of the last round then.
    """
    longest: dict[Text, int] = {}
    for _ in range(4):
        _place_labels(fig)
        outside = [one for ax in fig.axes if ax.axison for one in _outside(fig, ax)]
        for label, room in outside:
            text = label.get_text()
            letters = longest.get(label, max(map(len, text.split("\n"))))
            longest[label] = min(letters - 1, int(letters * room))
            put(label.set_text, balanced(text, longest[label]), text)
        if not outside:
            return True
    return False


def _place_labels(fig: Figure) -> None:
    """Make the layout, and put the labels of axes where drawing would, without the drawing."""
    renderer = fig._get_renderer()
    if engine := fig.get_layout_engine():
        engine.execute(fig)
    for ax in fig.axes:
        locator = ax.get_axes_locator()
        ax.apply_aspect(locator(ax, renderer) if locator else None)
    for ax in fig.axes:
        if ax.axison:
            ax.xaxis.get_tightbbox(renderer)
            ax.yaxis.get_tightbbox(renderer)


def _outside(fig: Figure, ax: Axes) -> Iterator[tuple[Text, float]]:
    """Labels of axes that run out of the figure, and the share of each that has room."""
    edge = 0.01 * fig.bbox.width  # letters are a little wider in an SVG than they are measured
    for label, low, high, of in (
        (ax.xaxis.label, "x0", "x1", fig.bbox.width),
        (ax.yaxis.label, "y0", "y1", fig.bbox.height),
    ):
        box = label.get_window_extent()
        start, end = getattr(box, low), getattr(box, high)
        if label.get_text() and (start < edge or end > of - edge):
            yield (
                label,
                (2 * min((start + end) / 2, of - (start + end) / 2) - 2 * edge) / (end - start),
            )


def balanced(text: str, fits: int) -> str:
    """As few lines of at most so many letters as there can be, about equally long.

    A formula is not broken, and neither is a word.
    """
    line = re.sub(r"\$[^$]*\$", lambda tex: tex[0].replace(" ", "\0"), " ".join(text.split()))
    wrap = partial(textwrap.wrap, line, break_long_words=False)
    fits = max(12, fits)
    lines = len(wrap(fits))
    width = next(n for n in range(12, fits + 1) if len(wrap(n)) <= lines)
    return "\n".join(wrap(width)).replace("\0", " ")
