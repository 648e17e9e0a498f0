"""The look of the book: one theme, one color per method, figures whose titles state findings."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

from companion import pictures

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike

WIDTH = 7.0
"""Width of a figure in inches; at 160 dots per inch it fills the text column of a page."""


class Style(NamedTuple):
    """How one method is drawn in every chapter: never by color alone."""

    color: str
    marker: str = "o"
    linestyle: str | tuple = "-"


# Okabe and Ito's palette, which stays distinct under the common color-vision deficiencies.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#222222"
GREY = "#767676"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK, YELLOW)
PALE = "#d9d9d9"
TINTS = (PALE, "#9ecae1", "#fdd49e", "#74c476")
"""Areas with text on top, or with nothing to say."""

ROLES = {
    "paper": Style(GREY, "s", "--"),  # the paper's own numbers are always grey
    "ours": Style(BLUE, "o", "-"),
    "null": Style(BLACK, "", ":"),  # what chance, or no effect, would give
    "control": Style(VERMILION, "X", "-."),  # the arm in which the effect must vanish
    "truth": Style(BLACK, "", "-"),
    "baseline": Style(ORANGE, "^", "--"),
}
"""Parts that every chapter has."""

METHODS = {
    **ROLES,
    # Next-token concepts: regressors, ways of pairing, autoencoders
    "LM": Style(BLUE, "o", "-"),
    "P": Style(ORANGE, "^", "--"),
    "bag": Style(GREEN, "s", "-."),
    "joint": Style(PURPLE, "v", ":"),
    "held_out": Style(SKY, "o", "-"),
    "same": Style(VERMILION, "X", "--"),
    "permuted": Style(GREY, "P", ":"),
    "top-k": Style(GREEN, "s", "-"),
    "batch top-k": Style(PURPLE, "v", "-"),
    "p-annealing": Style(ORANGE, "^", "-"),
    "structured": Style(BLUE, "o", "-"),
    # Distillation and memorization
    "teacher": Style(PURPLE, "s", "-"),
    "soft, tau 2": Style(BLUE, "o", "-"),
    "hard": Style(GREEN, "D", "-."),
    "hard, teacher without D": Style(VERMILION, "X", ":"),
    "mixture": Style(SKY, "v", "--"),
    "label smoothing": Style(YELLOW, "P", ":"),
    # LexiMark: what two sets of scores are asked
    "record": Style(BLUE, "o", "-"),
    "dictionary": Style(ORANGE, "^", "--"),
    "protocol": Style(PURPLE, "D", "-."),
    "counterfactual": Style(GREEN, "s", ":"),
    "no mark": Style(GREY, "s", "--"),
    # Two million models: pairs of models, and tables
    "random": Style(GREY, "s", ":"),
    "parent-child": Style(ORANGE, "^", "--"),
    "sibling": Style(BLUE, "o", "-"),
    "Hub sample": Style(BLUE, "o", "-"),
    "leaderboard": Style(GREEN, "s", "--"),
    "Epoch AI": Style(PURPLE, "D", "-."),
    "embedding models": Style(ORANGE, "^", ":"),
    # Gaussian RBF: shapes of the precision matrix
    "full": Style(BLUE, "o"),
    "diagonal": Style(ORANGE, "^"),
    "isotropic": Style(VERMILION, "X"),
    # Quartet: schemes, and ways to average
    "RTN": Style(BLUE, "o", "-"),
    "SR": Style(ORANGE, "^", "-"),
    "QuEST": Style(GREEN, "D", "-"),
    "QuEST nearest": Style(GREEN, "D", "--"),
    "none": Style(BLACK, "s", "-"),
    "plain MXFP4": Style(VERMILION, "X", "-."),
    "RTN, signs after": Style(VERMILION, "X", "-."),
    "RTN, signs before": Style(BLUE, "o", "-"),
    "SR, signs after": Style(SKY, "v", "--"),
    "SR, signs before": Style(ORANGE, "^", "-"),
    "SR, 3/4 of the input": Style(ORANGE, "^", "-"),
    "SR, OCP scale": Style(VERMILION, "X", "-."),
    # Mamba-3
    "Mamba-3": Style(BLUE, "o", "-"),
    "Mamba-3, heavy tail": Style(SKY, "D", "-"),
    "Mamba-3, standard RoPE": Style(GREEN, "v", ":"),
    "Mamba-3, no RoPE": Style(VERMILION, "X", "-."),
    "Mamba-2": Style(ORANGE, "^", "--"),
    "real, both signs": Style(PURPLE, "s", "--"),
    "MIMO": Style(GREEN, "P", "-"),
    "attention": Style(BLACK, "s", "--"),
    # Tart
    "module": Style(BLUE, "o", "-"),
    "logistic": Style(ORANGE, "^", "--"),
    "logistic, C = 1": Style(ORANGE, "v", ":"),
    "ideal": Style(PURPLE, "D", ":"),
    "mean difference": Style(GREEN, "s", "-."),
    "5 neighbors": Style(YELLOW, "h", ":"),
    "knows w": Style(BLACK, "", "-"),
    "ICL": Style(VERMILION, "X", "-"),
    "ICL, contextual": Style(VERMILION, "<", "--"),
    "ICL, own examples": Style(VERMILION, "P", "-."),
    "fine-tuned": Style(GREY, "*", "-"),
    # Consistent diffusion
    "Diffusion": Style(ORANGE, "^", "--"),
    "Two For One": Style(PURPLE, "v", ":"),
    "Mixture": Style(SKY, "D", "-."),
    "Fokker-Planck": Style(GREEN, "s", "--"),
    "Both": Style(BLUE, "o", "-"),
    "Fixed units": Style(GREEN, "s", "--"),
    # Synthetic data: ways to close the loop, at two temperatures, and controls
    "fixed": Style(BLUE, "o", "-"),
    "fresh": Style(SKY, "o", "--"),
    "fixed, T=1": Style(BLUE, "o", "-"),
    "fixed, T=0.7": Style(VERMILION, "s", "-"),
    "fresh, T=1": Style(SKY, "o", "--"),
    "accumulate": Style(GREEN, "D", "-."),
    "subsample": Style(ORANGE, "^", ":"),
    "real only": Style(PURPLE, "v", ":"),
    "written by the truth": Style(BLACK, "X", ""),
}
"""Color and mark of every method of the book; a chapter adds its methods here and has no table of
its own, so that two chapters never disagree."""

SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"


def style(method: str) -> dict[str, object]:
    """Keyword arguments for ``Axes.plot`` that draw `method` the same everywhere."""
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; known are {', '.join(METHODS)}")
    return METHODS[method]._asdict()


def methods(*names: str) -> dict[str, Style]:
    """The styles of some methods, in this order; ``ValueError`` for one that is not there."""
    return {name: Style(**style(name)) for name in names}


class BookFigure(Figure):
    """A figure that a notebook shows crisp and with its description.

    A class of its own, because matplotlib's inline backend replaces the formatter of ``Figure``
    when it wakes up.
    """

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, object]:
        """What a page is made from, in a notebook that is run to be published."""
        if not pictures.is_publishing():
            return {}
        drawn = pictures.for_page(self, _start_title_at_the_edge)
        return {pictures.FIGURE: {"alt": alt_text(self), **drawn}}


def with_alt(fig: BookFigure, words: str) -> dict[str, object]:
    """What a page is made from, with these words as its alternative text; {} elsewhere."""
    made = fig._repr_mimebundle_()
    return {kind: {**value, "alt": words} for kind, value in made.items()}


FONT = "Inter"
"""Family of the letters in figures, the one around the text of the pages; it ships with us."""


# where this says nothing, matplotlib's own settings stay
_THEME = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.labelcolor": "#333333",
    "axes.labelsize": 11,
    "axes.linewidth": 1.25,
    "axes.prop_cycle": plt.cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.figsize": (WIDTH, 3.7),
    "font.family": [FONT, "DejaVu Sans"],  # the second has every sign of mathematics
    "font.size": 10.5,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "legend.title_fontsize": 12,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "lines.solid_capstyle": "round",
    "mathtext.bf": f"{FONT}:bold",
    "mathtext.bfit": "STIXGeneral:italic:bold",
    "mathtext.cal": "STIXGeneral:italic",
    "mathtext.fallback": "stix",
    "mathtext.fontset": "custom",
    "mathtext.it": "STIXGeneral:italic",
    "mathtext.rm": FONT,
    "mathtext.sf": FONT,
    "mathtext.tt": "DejaVu Sans Mono",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "text.color": ".15",
    "xtick.color": "#555555",
    "xtick.labelsize": 10,
    "xtick.major.size": 6,
    "xtick.major.width": 1.25,
    "xtick.minor.size": 4,
    "xtick.minor.width": 1,
    "ytick.color": "#555555",
    "ytick.labelsize": 10,
    "ytick.major.size": 6,
    "ytick.major.width": 1.25,
    "ytick.minor.size": 4,
    "ytick.minor.width": 1,
}


@cache
def _add_fonts() -> None:
    """Tell matplotlib about the fonts beside this module, once."""
    for path in sorted((Path(__file__).parent / "fonts").glob("*.ttf")):
        fontManager.addfont(path)
    # the half-bold letters are our bold ones
    fontManager.ttflist = [
        replace(entry, weight=700) if (entry.name, entry.weight) == (FONT, 600) else entry
        for entry in fontManager.ttflist
    ]


def use_theme() -> None:
    """Set the book's theme for matplotlib; in a notebook also crisp (2x) figures."""
    _add_fonts()
    plt.rcParams.update(_THEME)
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        formatter = shell.display_formatter.formatters["image/png"]
        formatter.for_type(BookFigure, _png_with_alt)


_PNGS = itertools.count()


def _png_with_alt(fig: Figure) -> tuple[bytes, dict[str, object]] | None:
    """A crisp (2x) picture for a notebook, and its description as metadata of the output.

    The figure keeps its size: a tight bounding box would crop each one differently.
    A page shows an SVG, and only its first figure is also needed as pixels, where a link to the
    page is shown; there is no picture for the others.
    """
    if pictures.is_publishing() and next(_PNGS):
        return None
    raw = io.BytesIO()
    _start_title_at_the_edge(fig)
    fig.savefig(raw, format="png", dpi=2 * fig.dpi, facecolor="white", bbox_inches=None)
    width, height = (round(side * fig.dpi) for side in fig.get_size_inches())
    return raw.getvalue(), {"width": width, "height": height, "alt": alt_text(fig)}


def _start_title_at_the_edge(fig: Figure) -> None:
    """Let the title of a lone panel begin at the left edge of the figure.

    Where it would begin by default depends on how wide the tick labels are, and behind wide ones
    a long title runs out of the picture.
    """
    panels = [ax for ax in fig.axes if ax.axison and ax.get_title(loc="left")]
    if len(panels) != 1 or len([ax for ax in fig.axes if ax.get_label() != "<colorbar>"]) != 1:
        return
    if engine := fig.get_layout_engine():
        engine.execute(fig)  # as drawing would, without the drawing
        panels[0].apply_aspect()
    fig.set_layout_engine("none")  # the layout is made, and must not make room for the move
    place = panels[0].get_position()
    panels[0]._left_title.set_x((0.01 - place.x0) / place.width)


def alt_text(fig: Figure) -> str:
    """What a figure says, in words that come from what was drawn.

    Titles (which state the finding), then per panel the quantity on each axis with its range.
    The page puts it behind the author's words on the kind of chart, so that no alternative text
    can contradict its picture.
    """
    said = [_plain(fig.get_suptitle())]
    for ax in fig.axes:
        if not ax.axison:
            said += [_plain(text.get_text()) for text in ax.texts]
            continue
        said.append(_plain(ax.get_title(loc="left") or ax.get_title()))
        axes = [
            ("horizontal", ax.get_xlabel(), ax.get_xlim(), ax.get_xscale()),
            ("vertical", ax.get_ylabel(), ax.get_ylim(), ax.get_yscale()),
        ]
        named = [
            f"{name}: {_plain(label)}, {min(limits):.3g} to {max(limits):.3g}"
            + ("" if scale == "linear" else f", {scale} axis")
            for name, label, limits, scale in axes
            if label
        ]
        said.append("; ".join(named))
    return " ".join(f"{part.rstrip('.')}." for part in said if part)


def _plain(text: str) -> str:
    """One line without TeX's dollar signs."""
    return " ".join(text.replace("$", "").split())


def figure(
    nrows: int = 1, ncols: int = 1, *, height: float = 3.7, width: float = WIDTH, **kwargs: object
) -> tuple[Figure, Axes]:
    """A figure of the book's width and its axes, as ``plt.subplots`` returns them.

    The figure is a plain value: pyplot forgets it, so a cell shows it once, as its last
    expression, and nothing has to be closed.

    height, width : inches
    """
    fig, axes = plt.subplots(
        nrows,
        ncols,
        figsize=(width, height),
        layout="constrained",
        FigureClass=BookFigure,
        **kwargs,
    )
    plt.close(fig)
    return fig, axes


def no_record(draws: str = "this figure") -> Figure:
    """What stands in the place of a published figure while a chapter has no record.

    draws : what the experiment of the chapter draws
    """
    fig, ax = figure(height=2.4)
    ax.axis("off")
    told = f"No published record yet.\nThe experiment below draws {draws} live."
    ax.text(0.5, 0.5, told, ha="center", va="center", color="#555555")
    return fig


def headline(fig: Figure, text: str, *, size: float = 12) -> None:
    """Title over all panels that names what is shown and states no finding: of a frame, say.

    size : in points
    """
    fig.suptitle(text, x=0.01, ha="left", fontsize=size, fontweight="bold")


def shows(interval: object, *, above: float | None = None, below: float | None = None) -> bool:
    """Whether an interval excludes the contrary of a finding: the ``holds`` of its title.

    interval : has ``low`` and ``high``, as the estimates of :mod:`companion.stats` do; without
        both ends, finite, it shows nothing
    above, below : one of them, the border on whose far side all of the interval has to lie
    """
    if (above is None) == (below is None):
        raise ValueError(f"one border, above or below, is needed; got {above} and {below}")
    ends = [getattr(interval, end, None) for end in ("low", "high")]
    if any(end is None or not np.isfinite(end) for end in ends):
        return False
    return bool(ends[0] > above if below is None else ends[1] < below)


def finding_title(target: Axes | Figure, text: str, *, holds: bool, otherwise: str) -> None:
    """Title that states the finding only if the run shows it.

    text : what the figure shows, as a sentence
    holds : whether this run supports the sentence, computed from the plotted data
    otherwise : the sentence for a run that does not
    """
    if not otherwise.strip():
        raise ValueError(f"title {text!r} needs the sentence for a run that does not show it")
    # a title may be longer than its figure is wide; 7 inches hold about 64 characters
    is_figure = hasattr(target, "suptitle")
    width = (target if is_figure else target.figure).get_figwidth()
    fits = int(width * (9.2 if is_figure else 8.4))
    title = pictures.balanced(text if holds else otherwise, fits)
    if is_figure:
        headline(target, title)
    else:
        target.set_title(title)


def as_published(fig: Figure) -> Figure:
    """The figure, with a title that says that it shows the published run and not this one."""
    where = plt.rcParams["axes.titlelocation"]
    target = fig if fig.get_suptitle() else fig.axes[0]
    old = fig.get_suptitle() or target.get_title(where)
    text = f"Published run: {' '.join(old.split())}"  # one line again, to be broken anew
    finding_title(target, text, holds=True, otherwise=old or text)
    return fig


def label_line(line: Line2D, text: str | None = None, *, dx: float = 4, dy: float = 0) -> None:
    """Write a line's name at its right end, in its color, instead of a legend entry.

    dx, dy : offset in points
    """
    x, y = line.get_xdata()[-1], line.get_ydata()[-1]
    line.axes.annotate(
        text or line.get_label(),
        (x, y),
        xytext=(dx, dy),
        textcoords="offset points",
        color=line.get_color(),
        va="center",
        fontsize=9.5,
        annotation_clip=False,
    )


def thin_and_mean(
    ax: Axes,
    x: ArrayLike,
    rows: ArrayLike,
    look: Mapping[str, object],
    *,
    width: float = 0.6,
    alpha: float = 0.4,
) -> Line2D:
    """A thin line for every seed, and their mean on top; returns the line of the mean.

    x : (n,); rows : (seeds, n)
    look : keyword arguments of ``Axes.plot`` for the mean; the thin lines have its color
    width, alpha : of the thin lines, width in points
    """
    rows = np.asarray(rows)
    ax.plot(x, rows.T, color=look["color"], linewidth=width, alpha=alpha)
    return ax.plot(x, rows.mean(axis=0), **look)[0]


def plain_ticks(
    axis: Axis,
    at: Iterable[float],
    text: str = "{:g}",
    *,
    small: bool = False,
    widen: bool = False,
) -> None:
    """Plain numbers on a log axis instead of powers of ten.

    at : where
    text : format of a number
    small : whether the small ticks between them stay, without numbers
    widen : whether the view grows to hold them all; otherwise those outside are not seen
    """
    at = list(at)
    if widen:
        axis.set_view_interval(min(at), max(at))
    axis.set_major_locator(FixedLocator(at))
    axis.set_major_formatter(FixedFormatter([text.format(value) for value in at]))
    if small:
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_minor_locator(NullLocator())


def reference_line(ax: Axes, value: float, text: str, *, axis: str = "y") -> None:
    """A labeled line at a value that means something: chance, the paper's number, a null."""
    color, _, dash = METHODS["null"]
    if axis == "y":
        ax.axhline(value, color=color, linestyle=dash, linewidth=1.2, zorder=1)
        place, transform = (0.995, value), ax.get_yaxis_transform()
        told = ax.text(*place, text, transform=transform, ha="right", va="bottom")
    else:
        ax.axvline(value, color=color, linestyle=dash, linewidth=1.2, zorder=1)
        place, transform = (value, 0.98), ax.get_xaxis_transform()
        told = ax.text(*place, f" {text}", transform=transform, va="top")
    told.set(fontsize=9, color=color, path_effects=[withStroke(linewidth=3, foreground="white")])


def to_webp(fig: Figure, *, dpi: int = 160, quality: int = 80) -> bytes:
    """The figure as a WebP picture on white; every frame of one size has the same pixels size."""
    from PIL import Image

    _start_title_at_the_edge(fig)
    before, facecolor, size = fig.canvas, fig.get_facecolor(), fig.dpi
    canvas = FigureCanvasAgg(fig)
    try:
        # savefig would draw twice, to have a layout first, and pack a PNG to be unpacked here
        fig.dpi = dpi
        fig.set_facecolor("white")
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    finally:
        fig.dpi = size
        fig.set_facecolor(facecolor)
        fig.set_canvas(before)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=quality, method=2)  # 4: twice the time for 4 %
    return out.getvalue()
