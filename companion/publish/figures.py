"""From the SVG texts that a notebook left to the pictures of its page, in light and in dark.

``companion.pictures`` drew each figure twice, for a wide window and for a phone.  Here both are
made small, and both get a version for a dark page: white turns into the color of the page and
black into that of its text, and colors become as light as those of the live figures.  Marks on a
map keep their colors, because the map keeps its own.
"""

from __future__ import annotations

import base64
import colorsys
import html
import io
import re
from collections import Counter
from functools import lru_cache
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from companion import live, plotting
from companion.pictures import KEEP

PHONE = "(max-width: 600px)"
"""Windows that get the narrow picture."""

PER_POINT = 100 / 72
"""CSS pixels of a point: a figure of 7 inches is 700 pixels wide."""

INK = {"light": "#222222", "dark": "#d9dde3"}
"""What black becomes."""

_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_HREF = f"{{{_LINK}}}href"
_COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_URL = re.compile(r"url\(#([^)]+)\)")
_SHIFT = re.compile(r"translate\(([-\d.]+) ([-\d.]+)\)")
_GAP = re.compile(r"(?<=[A-Za-z]) | (?=[A-Za-z-])")
_AFTER = re.compile(r"(?<=[:;]) +")
_USED = re.compile(r"url\(#([^)]+)\)|\"#([^\"]+)\"")
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _LINK)


def to_html(pictures: dict[str, str], alt: str) -> str:
    """Two ``picture`` elements, of which the page shows the one of its color mode.

    pictures : ``wide`` and ``phone``, as :func:`companion.pictures.for_page` returns them
    alt : what they show
    """
    return "".join(_element(pictures, alt, mode) for mode in ("light", "dark"))


def _element(pictures: dict[str, str], alt: str, mode: str) -> str:
    (wide, size), (phone, small) = (_source(pictures[name], mode) for name in ("wide", "phone"))
    return (
        f'<picture class="rp-figure only-{mode}">'
        f'<source media="{PHONE}" srcset="{phone}" {small}>'
        f'<img src="{wide}" alt="{html.escape(alt)}" {size}></picture>'
    )


def _source(text: str, mode: str) -> tuple[str, str]:
    """Address of one picture, and its size as attributes."""
    tree = ElementTree.fromstring(text)
    sides = (float(tree.get(side).removesuffix("pt")) * PER_POINT for side in ("width", "height"))
    size = 'width="{:.0f}" height="{:.0f}"'.format(*sides)
    content = compact(tree, mode)
    return f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}", size


def compact(tree: ElementTree.Element, mode: str) -> bytes:
    """A small SVG of `tree`, which is changed, for a page that is ``light`` or ``dark``."""
    for parent in tree.iter():
        for child in list(parent):
            if child.tag in {f"{{{_SVG}}}metadata", f"{{{_SVG}}}title"}:
                parent.remove(child)
    _paint(tree, mode, is_kept=False)
    if mode == "dark":  # matplotlib leaves out black, with which an SVG fills by default
        tree.set("fill", INK["dark"])
    for side in ("width", "height"):
        tree.set(side, f"{float(tree.get(side).removesuffix('pt')) * PER_POINT:g}")
    _shorten(tree)
    for element in tree.iter():
        element.text, element.tail = _stripped(element.text), None
        for name, value in list(element.attrib.items()):
            if name in {"d", "points", "x", "y", "width", "height"}:
                element.set(name, _short(value))
            elif name == "style":
                element.set(name, _AFTER.sub("", value))
    _flatten(tree)
    _share_styles(tree)
    return ElementTree.tostring(tree, encoding="unicode").replace(" />", "/>").encode()


def _shorten(tree: ElementTree.Element) -> None:
    """Short names for what is used several times, and none for the rest; short shifts."""
    used = set()
    for element in tree.iter():
        for value in element.attrib.values():
            if value.startswith("#"):
                used.add(value[1:])
            elif "url(#" in value:
                used.update(_URL.findall(value))
        for text in (element.text, element.tail):
            used |= {a or b for a, b in _USED.findall(text)} if text and "#" in text else set()
    named = {name: f"{i:x}" for i, name in enumerate(sorted(used))}
    for element in tree.iter():
        if "id" in element.attrib:
            name = element.attrib.pop("id")
            if name in named:
                element.set("id", f"i{named[name]}")
        for name, value in element.attrib.items():  # clips, and fills that are hatched
            if "url(#" in value:
                element.set(name, _URL.sub(lambda use: f"url(#i{named[use[1]]})", value))
        if element.tag != f"{{{_SVG}}}use":
            continue
        element.set("href", f"#i{named[element.attrib.pop(_HREF)[1:]]}")
        if shift := _SHIFT.fullmatch(element.get("transform", "")):
            del element.attrib["transform"]
            for side, value in zip("xy", shift.groups(), strict=True):
                if float(value):
                    element.set(side, value)


def _share_styles(tree: ElementTree.Element) -> None:
    """A class for a style that many parts have."""
    styles = Counter(element.get("style") for element in tree.iter() if element.get("style"))
    names = {style: f"s{i:x}" for i, (style, n) in enumerate(styles.most_common()) if n > 1}
    for element in tree.iter():
        if element.get("style") in names:
            element.set("class", names[element.attrib.pop("style")])
    for sheet in list(tree.iter(f"{{{_SVG}}}style"))[:1]:
        sheet.text = (sheet.text or "") + "".join(f".{n}{{{s}}}" for s, n in names.items())


def _stripped(text: str | None) -> str | None:
    return text.strip() if text else None


@lru_cache(maxsize=2**14)  # a figure has the same numbers in both colors
def _short(numbers: str) -> str:
    return _GAP.sub("", " ".join(_NUMBER.sub(_rounded, numbers).split()))


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def _flatten(element: ElementTree.Element) -> None:
    """Take away groups that say nothing."""
    children = []
    for child in element:
        _flatten(child)
        is_bare = child.tag == f"{{{_SVG}}}g" and not child.attrib
        children += list(child) if is_bare else [child]
    for child in list(element):
        element.remove(child)
    element.extend(children)


def _paint(element: ElementTree.Element, mode: str, *, is_kept: bool) -> None:
    """Colors of `element` and what is in it, for a page of this mode."""
    is_kept = is_kept or (element.get("id") or "").startswith(KEEP)
    if element.tag == f"{{{_SVG}}}image" and element.get(_HREF, "").startswith("data:"):
        element.set("href", _raster(element.attrib.pop(_HREF), mode))
    if mode == "dark" and (element.get("id") or "").startswith(KEEP):
        element.set("fill", "#000000")
    if mode == "dark" and not is_kept:
        if element.tag == f"{{{_SVG}}}style":
            element.text = _COLOR.sub(lambda m: on_dark(m[0]), element.text or "")
        for name in ("style", "fill", "stroke", "stop-color"):
            if value := element.get(name):
                element.set(name, _COLOR.sub(lambda m: on_dark(m[0]), value))
    for child in element:
        _paint(child, mode, is_kept=is_kept)


@lru_cache(maxsize=4096)
def on_dark(color: str) -> str:
    """The color that takes the place of `color` on a dark page; ``#rrggbb`` both."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, lightness, _ = colorsys.rgb_to_hls(red, green, blue)
    if max(red, green, blue) - min(red, green, blue) < 0.06:
        # grey: from the page, where it was white, to the letters, where it was black
        share = min(1.0, (1 - lightness) / 0.87)
        ends = (live.GROUNDS["dark"][0], INK["dark"])
        mixed = (
            round(int(a, 16) + share * (int(b, 16) - int(a, 16)))
            for a, b in ((ends[0][i : i + 2], ends[1][i : i + 2]) for i in (1, 3, 5))
        )
        return "#" + "".join(f"{part:02x}" for part in mixed)
    if lightness > 0.85:  # a tint of the background
        parts = colorsys.hls_to_rgb(hue, 1.1 - lightness, 0.35)
        return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
    return live.readable(color.lower(), "dark")


def _raster(address: str, mode: str) -> str:
    """A picture inside an SVG as WebP; its dark greys become light on a dark page."""
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    pixels = np.asarray(picture.convert("RGBA"))
    if mode == "dark":
        pixels = _lit(pixels)
    made = _smallest(pixels.tobytes(), pixels.shape)
    return f"data:image/webp;base64,{base64.b64encode(made).decode()}"


@lru_cache(maxsize=64)  # without a color of the book, pixels are the same on a dark page
def _smallest(pixels: bytes, shape: tuple[int, ...]) -> bytes:
    """Pixels as WebP, in the smaller of two ways; shape (rows, columns, 4)."""
    picture = Image.fromarray(np.frombuffer(pixels, dtype=np.uint8).reshape(shape))
    made = []
    for options in ({"lossless": True}, {"quality": 90, "method": 4}):
        out = io.BytesIO()
        picture.save(out, "WEBP", **options)
        made.append(out.getvalue())
    return min(made, key=len)


def _lit(pixels: np.ndarray) -> np.ndarray:
    """Pixels, shape (rows, columns, 4), with the colors of the book as they are on a dark page."""
    result = pixels.copy()
    red, green, blue = (pixels[..., i].astype(np.int16) for i in range(3))
    colors = {color for color in vars(plotting).values() if isinstance(color, str)}
    for color in sorted(c for c in colors if _COLOR.fullmatch(c)):
        there = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        near = np.abs(red - there[0]) <= 3
        if near.any():  # few pixels have any of the book's colors
            near &= (np.abs(green - there[1]) <= 3) & (np.abs(blue - there[2]) <= 3)
            result[near, :3] = [int(on_dark(color)[i : i + 2], 16) for i in (1, 3, 5)]
    return result
