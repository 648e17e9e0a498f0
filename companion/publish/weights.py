"""How many bytes a page of the built site takes, counted on its files."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bs4 import BeautifulSoup


class Weight(NamedTuple):
    """Bytes of a page: what its first picture waits for, everything, and everything as sent."""

    first: int
    all: int
    sent: int


_SIGNS = {
    "I": "Math-Italic",
    "B": "Main-Bold",
    "BI": "Math-BoldItalic",
    "A": "AMS-Regular",
    "C": "Calligraphic-Regular",
    "T": "Typewriter-Regular",
    **{f"S{n}": f"Size{n}-Regular" for n in (1, 2, 3, 4)},
}
"""MathJax's classes of signs, and the fonts that these come from."""


def weigh(page: Path, site: Path, soup: BeautifulSoup | None = None) -> Weight:
    """What a browser loads for a page in light colors, wide, when it is read to its end.

    first : the page up to and with its first picture, style sheets, scripts that are not deferred,
        all text fonts; texts as a host sends them (gzip)
    all : everything, with the fonts of its formulas and every picture, and nothing compressed
    sent : the same with texts compressed, as a host sends them
    soup : the page as a tree, if it is known
    """
    html = page.read_text(encoding="utf-8")
    soup = soup or BeautifulSoup(html, "html.parser")
    sheets = [tag["href"] for tag in soup.select("link[rel=stylesheet]")]
    scripts = [tag["src"] for tag in soup.select("script[src]")]
    blocking = [tag["src"] for tag in soup.select("script[src]:not([defer])")]
    pictures = [
        tag["src"]
        for tag in soup.select("article img, .logo__image.only-light")
        if not tag.find_parent(class_="only-dark") and not tag.find_parent(class_="rpl-still")
    ]
    files = {url: page.parent / urlsplit(url).path for url in (*sheets, *scripts, *pictures)}
    size = {url: path.stat().st_size for url, path in files.items()}
    sent = {
        url: len(gzip.compress(path.read_bytes()))
        if path.suffix in {".css", ".js", ".svg"}
        else size[url]
        for url, path in files.items()
    }
    fonts = sum(path.stat().st_size for path in (site / "_static/fonts").glob("*.woff2"))
    icons = sum(path.stat().st_size for path in site.rglob("webfonts/*.woff"))
    signs = {"Zero", "Main-Regular"} if "<mjx-container" in html else set()
    signs |= {_SIGNS[name] for name in re.findall(r"\bTEX-([A-Z0-9]+)\b", html) if name in _SIGNS}
    math = sum((site / f"_static/mathjax/MathJax_{name}.woff").stat().st_size for name in signs)
    start = html.split(pictures[0])[0] if pictures else html
    first = len(gzip.compress(start.encode())) + sum(map(sent.get, {*sheets, *blocking}))
    first += sum(map(sent.get, pictures[:1]))
    whole = len(html.encode()) + sum(size.values()) + math
    travels = len(gzip.compress(html.encode())) + sum(sent.values()) + math
    return Weight(*(part + fonts + icons for part in (first, whole, travels)))
