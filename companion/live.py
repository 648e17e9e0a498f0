"""Live figures: computed in the page while the reader moves a slider, without a kernel.

A live figure has two functions ``scene(values, data)``, one in JavaScript and one in Python (its
twin, on the chapter's own method), that return the same plain data::

    {"headline": str, "detail": str,
     "panels": [{"title": str, "x": axis, "y": axis, "marks": [mark, ...]}, ...]}

``live.js`` draws any scene as SVG; :func:`still` draws the same one with matplotlib, for readers
without JavaScript.  Headline and detail are the visible sentence, the picture's label, what a
screen reader announces after a move, and the alternative text of the still.  A test compares the
two functions number by number and word by word, so that the alternative text is tested too.

An axis is ``{"label", "domain": [low, high]}`` with ``"scale": "log"``, ``"percent": True`` (a
share, written in percent) or ``"ticks": [[value, text], ...]`` if needed; the label of a y axis
stands behind the panel's title.  A mark has a ``kind``:

====== ======================== ===========================================================
kind   data                     and
====== ======================== ===========================================================
line   x, y                     width, dash
band   x, low, high
points x, y                     marker (o s ^ X), open, size
rule   x or y (one number)      width, dash
note   x, y (numbers), text     dx, dy (pixels), anchor (start, middle, end)
====== ======================== ===========================================================

each with a ``role`` (a method of ``plotting.METHODS``, or ``muted``; "ours" if missing), an
``opacity``, and a ``name`` if it belongs into the key.  A value that is null is a gap.
"""

from __future__ import annotations

import base64
import colorsys
import html
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache, cached_property
from pathlib import Path

from PIL import Image

from companion import plotting

Scene = dict[str, object]

MAX_CONTROLS, MAX_PANELS = 4, 2
"""What a reader can take in, and what fits one screen of a phone together with its sliders."""

MUTED = {"light": "#8e939b", "dark": "#646b75"}
ROLES = {**plotting.METHODS, "muted": plotting.Style(MUTED["light"])}
"""Role of a mark to style: the methods of the book, and what stays in the background."""

GROUNDS = {"light": ("#fdfdfb", 3.0), "dark": ("#15171a", 6.0)}
"""Color of the page, and the contrast that a line needs against it (WCAG 1.4.11 asks for 3; thin
bright lines on black want more)."""

DARK = (
    ':is(html[data-theme="dark"], body[data-jp-theme-light="false"], html[theme="dark"], '
    'body[data-vscode-theme-kind*="dark"])'
)
"""What says that a page is dark: the site, JupyterLab, Colab, VS Code."""

_DASHES = {"-": "", "": "", "--": "6 3", ":": "2 4", "-.": "8 3 2 3"}
_COLORS = {
    name.lower(): color
    for name, color in vars(plotting).items()
    if name.isupper() and isinstance(color, str) and color.startswith("#")
}
"""The book's colors by name, e.g. ``blue``: the names of the page's variables."""

_MARKS = {
    "line": {"x", "y", "width", "dash"},
    "band": {"x", "low", "high"},
    "points": {"x", "y", "marker", "open", "size"},
    "rule": {"x", "y", "width", "dash"},
    "note": {"x", "y", "text", "dx", "dy", "anchor"},
}
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_HERE = Path(__file__).parent


def fixed(value: float, digits: int) -> str:
    """`value` with a fixed number of decimals, as ``fixed`` of live.js writes it.

    Exact ties are rounded away from zero, zero has no sign, and minus is a minus sign.
    """
    exact = Decimal(value).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return f"{exact.copy_abs() if exact == 0 else exact:f}".replace("-", "−")


def percent(share: float, digits: int) -> str:
    """`share` times 100 with a percent sign that stays on its line, as ``percent`` of live.js."""
    return f"{fixed(100 * share, digits)}\u00a0%"


def short(value: float) -> str:
    """`value` with three significant digits and k, M, B or T, as ``short`` of live.js writes it.

    value : 0, or of magnitude 1e-6 and more
    """
    sizes = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
    size, suffix = next((s for s in sizes if abs(value) >= 0.9995 * s[0]), (1.0, ""))
    exact = Context(prec=3, rounding=ROUND_HALF_UP).create_decimal(value / size)
    text = f"{exact:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return ("0" if exact == 0 else text).replace("-", "−") + suffix


@dataclass(frozen=True)
class Slider:
    """A native range input.

    name : key of its value in ``values``; label : what stands before it
    low, high, start : least, largest and first value, in the unit of the scene
    step : for a linear slider; a log slider has 100 steps and needs high >= 10 low
    scale : "linear" or "log"
    unit : stands behind the value, which is shown `times` as large, to a multiple of `show`
        (``times * step`` if missing)
    texts : what is shown for a whole number instead of it, by the number as a string
    limits : {"by": name of a choice, "high": its values to the largest value of this slider}
    """

    name: str
    label: str
    low: float
    high: float
    start: float
    step: float = 1.0
    unit: str = ""
    scale: str = "linear"
    times: float = 1.0
    show: float | None = None
    texts: Mapping[str, str] | None = None
    limits: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.start <= self.high:
            raise ValueError(
                f"slider {self.name!r}: start {self.start} is not in [{self.low}, {self.high}]"
            )
        if self.scale not in ("linear", "log"):
            raise ValueError(f"slider {self.name!r}: scale {self.scale!r} is not linear or log")
        if self.scale == "log" and not 0 < 10 * self.low <= self.high:
            raise ValueError(
                f"slider {self.name!r}: a log scale needs low > 0 and high >= 10 low, got "
                f"[{self.low}, {self.high}]"
            )

    def values(self, n: int) -> list[float]:
        """About `n` values that the reader can choose, both ends included."""
        if self.scale == "log":
            steps = sorted({round(100 * i / (n - 1)) for i in range(n)})
            return [float(f"{self.low * (self.high / self.low) ** (i / 100):.3g}") for i in steps]
        last = math.floor((self.high - self.low) / self.step + 1e-9)
        steps = sorted({round(last * i / (n - 1)) for i in range(n)})
        return [float(f"{self.low + i * self.step:.12g}") for i in steps]


@dataclass(frozen=True)
class Choice:
    """A native select.

    options : (value, what the reader sees), two or more; start : first value, or the first option
    """

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    start: str = ""

    def __post_init__(self) -> None:
        if len(self.options) < 2:
            raise ValueError(f"choice {self.name!r} needs two options, got {list(self.options)}")
        known = [value for value, _ in self.options]
        object.__setattr__(self, "start", self.start or known[0])
        if self.start not in known:
            raise ValueError(f"choice {self.name!r}: start {self.start!r} is not one of {known}")

    def values(self, _n: int) -> list[str]:
        """All of them."""
        return [value for value, _ in self.options]


@dataclass(frozen=True)
class Text:
    """A native text input; what is typed stays in the page, and is drawn as text alone.

    examples : texts that the input offers, the first of which it opens with; one or more
    most : characters that it takes
    """

    name: str
    label: str
    examples: Sequence[str]
    most: int = 200

    def __post_init__(self) -> None:
        if not self.examples:
            raise ValueError(f"text {self.name!r} needs an example to open with")
        if long := [text for text in self.examples if len(text) > self.most]:
            raise ValueError(f"text {self.name!r}: longer than {self.most} characters: {long}")

    @property
    def start(self) -> str:
        """The first example."""
        return self.examples[0]

    def values(self, _n: int) -> list[str]:
        """The examples, nothing, and what no table knows."""
        return [*self.examples, "", "<b>Zyxw</b> &amp; 12"[: self.most]]


class Live:
    """A live figure; a notebook displays it as the last value of a cell.

    name : unique on its page; lower-case letters, digits and hyphens
    scene : the Python twin; pure, as ``function scene(values, data)`` in the file `script` is
    controls : sliders, choices, and texts, one to :data:`MAX_CONTROLS`
    data : what both functions are given beside the values; numbers as they go into the page,
        rounded, with any random draws fixed

    Raises
    ------
    ValueError
        A bad name, too many controls or two of one name, a limit that names no choice, or a first
        scene that :func:`check` refuses.
    """

    def __init__(
        self,
        name: str,
        scene: Callable[[Mapping, Mapping], Scene],
        script: Path,
        controls: Sequence[Slider | Choice | Text],
        data: Mapping | None = None,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"live figure {name!r}: use lower-case letters, digits and hyphens")
        names = [control.name for control in controls]
        if not 1 <= len(names) <= MAX_CONTROLS or len(set(names)) < len(names):
            raise ValueError(
                f"live figure {name!r} needs 1 to {MAX_CONTROLS} controls of different names, "
                f"got {names}"
            )
        for control in controls:
            _check_limits(control, controls)
        self.name, self.scene, self.script = name, scene, Path(script)
        self.controls, self.data = tuple(controls), dict(data or {})
        check(self.first)

    @property
    def start(self) -> dict[str, float | str]:
        """The values at which the page opens."""
        return {control.name: control.start for control in self.controls}

    @cached_property
    def first(self) -> Scene:
        """The scene at which the page opens."""
        return self.scene(self.start, self.data)

    def within(self, values: Mapping) -> dict[str, float | str]:
        """`values` with each slider inside the limits that the choices set, as in the page."""
        result = dict(values)
        for control in self.controls:
            limits = getattr(control, "limits", None)
            if limits:
                most = limits["high"][values[limits["by"]]]
                result[control.name] = min(values[control.name], most)
        return result

    def spec(self) -> dict[str, object]:
        """What the page is given: controls, data, and how roles are drawn."""
        return {
            "controls": [
                {
                    key: value
                    for key, value in (asdict(control) | {"start": control.start}).items()
                    if value is not None
                }
                for control in self.controls
            ],
            "data": self.data,
            "roles": {
                role: {
                    "color": _variable(role),
                    "dash": _dash(style.linestyle),
                    "marker": style.marker,
                }
                for role, style in ROLES.items()
            },
        }

    def to_html(self) -> str:
        """Still picture, style, scripts: one string without any address in it.

        The same with and without a kernel; where scripts are removed, the still picture stays.
        """
        scene = self.first
        picture = still(scene)
        width, height = Image.open(io.BytesIO(picture)).size
        said = html.escape(says(scene))
        root = f"rp-live-{self.name}"
        code = _read("live.js") + self.script.read_text(encoding="utf-8")
        # "</" would end the script element, and "<!--" with "<script" hide its end
        spec = json.dumps(self.spec(), ensure_ascii=False, separators=(",", ":"))
        spec = spec.replace("<", "\\u003c")
        return (
            # JupyterLab takes keys for its own commands unless an element says not to
            f'<div class="rpl-live" id="{root}" data-lm-suppress-shortcuts="true">'
            f"<style>{palette()}{_read('live.css')}</style>"
            f'<p class="rpl-still"><img loading="lazy" width="{width // 2}" '
            f'height="{height // 2}" src="data:image/webp;base64,'
            f'{base64.b64encode(picture).decode()}" alt="{said}"><br>{said}</p>'
            f"<script>(function () {{\n{code}\n"
            # closest: a figure may be shown twice; the id: where the script is put in by a script
            "const me = document.currentScript;\n"
            f'live((me && me.closest(".rpl-live")) || document.getElementById("{root}"), '
            f"scene, {spec});\n}})();</script></div>"
        )

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, str]:
        return {"text/plain": says(self.first), "text/html": self.to_html()}


def _check_limits(
    control: Slider | Choice | Text, controls: Sequence[Slider | Choice | Text]
) -> None:
    limits = getattr(control, "limits", None)
    if not limits:
        return
    choices = {other.name: other.values(0) for other in controls if isinstance(other, Choice)}
    if set(limits.get("high", ())) != set(choices.get(limits.get("by"), ())):
        raise ValueError(
            f"slider {control.name!r}: limits {limits} do not give each value of one of the "
            f"choices {choices}"
        )


def says(scene: Scene) -> str:
    """Headline and detail: everything that is said about the scene."""
    return f"{scene['headline']} {scene['detail']}"


def check(scene: Scene) -> Scene:
    """The scene, if it is one.

    Raises
    ------
    ValueError
        Says what is wrong: sentences, number of panels, an axis, a mark's kind, keys, role or
        lengths.
    """
    for part in ("headline", "detail"):
        if not str(scene[part]).strip().endswith((".", "!", "?")):
            raise ValueError(f"the {part} is no sentence: {scene[part]!r}")
    if not 1 <= len(scene["panels"]) <= MAX_PANELS:
        raise ValueError(f"a scene has 1 to {MAX_PANELS} panels, got {len(scene['panels'])}")
    for panel in scene["panels"]:
        for which in ("x", "y"):
            low, high = panel[which]["domain"]
            if not low < high or (panel[which].get("scale") == "log" and low <= 0):
                raise ValueError(f"panel {panel['title']!r}: bad {which} domain [{low}, {high}]")
        for mark in panel["marks"]:
            if problem := _mark_problem(mark):
                raise ValueError(f"panel {panel['title']!r}: {problem}")
    return scene


def _mark_problem(mark: Mapping) -> str:
    kind = mark.get("kind")
    if kind not in _MARKS:
        return f"unknown kind of mark {kind!r}; known are {', '.join(_MARKS)}"
    if unknown := set(mark) - _MARKS[kind] - {"kind", "role", "name", "opacity"}:
        return f"a mark of kind {kind!r} has no {sorted(unknown)}"
    if mark.get("role", "ours") not in ROLES:
        return f"unknown role {mark['role']!r}; known are {', '.join(ROLES)}"
    if kind == "rule":
        return "" if ("x" in mark) != ("y" in mark) else "a rule has either x or y"
    lengths = {len(mark[k]) for k in ("x", "y", "low", "high") if k in mark and kind != "note"}
    return f"a mark of kind {kind!r} has lists of lengths {lengths}" if len(lengths) > 1 else ""


def still(scene: Scene, *, width: float = 4.8) -> bytes:
    """The scene as a WebP picture on white, its panels stacked: legible on a phone.

    width : inches, at 160 dots each
    """
    panels = check(scene)["panels"]
    fig, axes = plotting.figure(
        len(panels), 1, height=2.7 * len(panels), width=width, squeeze=False
    )
    for ax, panel in zip(axes[:, 0], panels, strict=True):
        for mark in panel["marks"]:
            _draw(ax, mark)
        for which in ("x", "y"):
            _set_axis(ax, which, panel[which])
        unit = panel["y"]["label"] and f", {panel['y']['label']}"
        names = [mark["name"] for mark in panel["marks"] if mark.get("name")]
        columns = 3 if sum(map(len, names)) <= 15 * len(names) else 2
        rows = math.ceil(len(names) / columns)
        ax.set_title(panel["title"] + unit, fontsize=10, pad=6 + 12 * rows)
        if names:  # above the panel, as in the page
            ax.legend(
                loc="lower left",
                bbox_to_anchor=(0, 1),
                ncols=columns,
                fontsize=7.5,
                borderpad=0,
                borderaxespad=0.3,
                columnspacing=1.2,
                labelspacing=0.3,
            )
    return plotting.to_webp(fig)


def _draw(ax, mark: Mapping) -> None:
    role = mark.get("role", "ours")
    style = ROLES[role]
    paint = {
        "color": readable(style.color, "light"),
        "alpha": mark.get("opacity"),
        "label": mark.get("name"),
    }
    line = {"linestyle": "-" if mark.get("dash") == "" else style.linestyle}
    if mark["kind"] == "line":
        y = [math.nan if value is None else value for value in mark["y"]]
        ax.plot(mark["x"], y, linewidth=0.8 * mark.get("width", 2), **line, **paint)
    elif mark["kind"] == "band":
        paint["alpha"] = mark.get("opacity", 0.18)
        ax.fill_between(mark["x"], mark["low"], mark["high"], linewidth=0, **paint)
    elif mark["kind"] == "points":
        face = {"markerfacecolor": "none"} if mark.get("open") else {}
        marker = mark.get("marker") or style.marker or "o"
        ax.plot(
            mark["x"],
            mark["y"],
            marker,
            linestyle="",
            markersize=mark.get("size", 3),
            clip_on=False,
            **face,
            **paint,
        )
    elif mark["kind"] == "rule":
        draw = ax.axvline if "x" in mark else ax.axhline
        draw(mark["x"] if "x" in mark else mark["y"], linewidth=1.1, **line, **paint)
    else:
        ax.annotate(
            mark["text"],
            (mark["x"], mark["y"]),
            fontsize=8,
            textcoords="offset points",
            xytext=(0.75 * mark.get("dx", 0), -0.75 * mark.get("dy", 0)),
            ha={"end": "right", "middle": "center"}.get(mark.get("anchor"), "left"),
        )


def _set_axis(ax, which: str, spec: Mapping) -> None:
    getattr(ax, f"set_{which}scale")(spec.get("scale", "linear"))
    getattr(ax, f"set_{which}lim")(*spec["domain"])
    if which == "x":
        ax.set_xlabel(spec["label"], fontsize=9)
    axis = getattr(ax, f"{which}axis")
    axis.set_tick_params(labelsize=8.5)
    if spec.get("ticks"):
        axis.set_ticks([value for value, _ in spec["ticks"]], [text for _, text in spec["ticks"]])
    elif spec.get("percent"):
        axis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
    elif spec.get("scale") == "log":
        axis.set_major_formatter(lambda value, _: short(value))


# Colors


@cache
def palette() -> str:
    """CSS variables with the book's colors, on a light and on a dark page."""
    light, dark = (
        "".join(f"--rpl-{name}:{_in_css(name, ground)};" for name in [*_COLORS, "muted"])
        for ground in GROUNDS
    )
    return f".rpl-live{{{light}}}@media not print{{{DARK} .rpl-live{{{dark}}}}}"


def _in_css(name: str, ground: str) -> str:
    """Black is the color of the text, which the page knows."""
    if name == "black":
        return "var(--rpl-ink)"
    return MUTED[ground] if name == "muted" else readable(_COLORS[name], ground)


def _variable(role: str) -> str:
    """Name of the color of a role."""
    known = {color: name for name, color in _COLORS.items()}
    return "muted" if role == "muted" else known[ROLES[role].color]


def _dash(linestyle: str | tuple) -> str:
    """Dashes of a style in pixels; a style without a line, for markers only, has none."""
    if isinstance(linestyle, str):
        return _DASHES[linestyle]
    return " ".join(f"{2 * part:g}" for part in linestyle[1])


def readable(color: str, ground: str) -> str:
    """`color`, made darker or lighter until it can be seen on a page: ``light`` or ``dark``.

    color : ``#rrggbb``; it comes back unchanged if its contrast suffices
    """
    page, least = GROUNDS[ground]
    hue, lightness, saturation = colorsys.rgb_to_hls(*_rgb(color))
    step = 0.01 if contrast(page, "#000000") < contrast(page, "#ffffff") else -0.01
    while contrast(color, page) < least and 0 < lightness + step < 1:
        lightness += step
        parts = colorsys.hls_to_rgb(hue, lightness, saturation)
        color = "#" + "".join(f"{round(255 * part):02x}" for part in parts)
    return color


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colors ``#rrggbb`` by WCAG 2, from 1 to 21."""
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(color))
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _rgb(color: str) -> Iterator[float]:
    return (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))


@cache
def _read(name: str) -> str:
    """A file that lies beside this one."""
    return (_HERE / name).read_text(encoding="utf-8")
