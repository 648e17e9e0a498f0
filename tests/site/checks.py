"""What a page of the site must be, read from its HTML: each function returns the problems."""

from __future__ import annotations

import gc
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

from companion.pictures import COLUMN
from companion.publish.weights import Weight, weigh

LOADED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "video": ("src", "poster"),
}
"""Attributes that make a browser ask for a file."""

LEFTOVERS = (
    "widget-view+json",
    "vnd.runnable-papers",
    "thebe",
    "injected-parameters",
    "<!-- cards -->",
)
"""Traces of what must not reach a page."""

_FILE_NAME = re.compile(r"^\S*\.(png|jpe?g|svg|webp|gif)$|^_?images?\b|^$", re.IGNORECASE)
_RAW = re.compile(r"\{(?:cite|eq|numref|ref|doc|math)[:a-z]*\}`[^`]*`|:::\{?\w*|\(eq-\w+\)")
_REMOTE = re.compile(r"^(https?:)?//", re.IGNORECASE)
_CSS_REMOTE = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)


def parse(html: str) -> BeautifulSoup:
    """The page as a tree."""
    return BeautifulSoup(html, "html.parser")


_TREES: dict[Path, tuple[int, BeautifulSoup]] = {}


def tree(page: Path) -> BeautifulSoup:
    """The page of a built site as a tree, to be read and not to be changed.

    Each page is parsed once for all tests of a process: there are some forty pages and as many
    looks at each.  The collector is spared the trees, which have millions of objects.
    """
    written = page.stat().st_mtime_ns
    if _TREES.get(page, (0,))[0] != written:
        _TREES[page] = (written, parse(page.read_text(encoding="utf-8")))
        gc.freeze()
    return _TREES[page][1]


def pages(site: Path) -> list[Path]:
    """The pages of a site, without the redirect at its root."""
    found = [p for p in sorted(site.rglob("*.html")) if p != site / "index.html"]
    return [p for p in found if "_static" not in p.relative_to(site).parts]


def remote_assets(soup: BeautifulSoup) -> list[str]:
    """Files that the page would load from another host."""
    problems = []
    for tag in soup.find_all(list(LOADED)):
        if tag.name == "link" and "canonical" in (tag.get("rel") or []):
            continue
        for attribute in LOADED[tag.name]:
            for part in (tag.get(attribute) or "").split(","):
                if _REMOTE.match(part.strip()):
                    problems.append(f"<{tag.name}> loads {part.strip()}")
    styles = [tag.get_text() for tag in soup.find_all("style")]
    styles += [tag["style"] for tag in soup.find_all(style=True)]
    return problems + [f"a style loads {url}" for css in styles for url in remote_in_css(css)]


def remote_in_css(css: str) -> list[str]:
    """Addresses of other hosts that a style sheet loads."""
    return _CSS_REMOTE.findall(css)


def missing_alts(soup: BeautifulSoup) -> list[str]:
    """Images of the article without a description; a file name describes nothing."""
    images = soup.select("article img, .bd-article img")
    unique = {id(image): image for image in images}.values()
    return [
        f"{image.get('src', '')[:60]}: alt is {image.get('alt')!r}"
        for image in unique
        if _FILE_NAME.match((image.get("alt") or "").strip()) and image.get("role") != "none"
    ]


def smallest_letters(svg: str) -> float:
    """CSS pixels of the smallest letters of a picture in a window of 390 px.

    Letters are outlines of 100 units, in groups that say how large a unit is; the picture is as
    wide as the column there is for it.  Raised and lowered letters of formulas, which are a part
    of such a group, do not count, and neither do those of a formula's own sizes.
    """
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
    scales = re.findall(r"<g\b[^>]*\bscale\(([\d.]+) -\1\)", svg)
    return 100 * min(map(float, scales), default=1.0) * COLUMN / width


def unpaired(soup: BeautifulSoup) -> list[str]:
    """Figures of an article that are not two drawings, first for light and then for dark pages.

    Live figures follow the page by themselves, and the frames of explorers are pixels.
    """
    problems = []
    for figure in soup.select("article figure"):
        if figure.select_one(".rp-explorer, .rpl-live, .rp-missing") or not figure.select("img"):
            continue
        modes = [tag["class"][-1] for tag in figure.select("picture.rp-figure")]
        if modes != ["only-light", "only-dark"]:
            problems.append(f"{figure.get('id')}: {modes}")
    return problems


def weight(page: Path, site: Path) -> Weight:
    """What a browser loads for a page (:func:`companion.publish.weights.weigh`)."""
    return weigh(page, site, tree(page))


def searching(soup: BeautifulSoup) -> list[str]:
    """Scripts with the words of all pages, which only the page that searches needs."""
    sources = [tag["src"] for tag in soup.select("script[src]")]
    return [url for url in sources if re.search(r"search(?:tools|index)|language_data", url)]


def double_ids(soup: BeautifulSoup) -> list[str]:
    """Ids that occur more than once."""
    counts = Counter(tag["id"] for tag in soup.find_all(id=True))
    return [f"id {name!r} occurs {n} times" for name, n in counts.items() if n > 1]


def headings(soup: BeautifulSoup) -> list[str]:
    """One h1, and no level left out."""
    levels = [int(tag.name[1]) for tag in soup.select("article :is(h1, h2, h3, h4, h5, h6)")]
    problems = [] if levels.count(1) == 1 else [f"{levels.count(1)} headings of level 1"]
    jumps = [f"h{a} is followed by h{b}" for a, b in pairwise(levels) if b > a + 1]
    return problems + jumps


def raw_text(soup: BeautifulSoup) -> list[str]:
    """Markup of MyST that was not understood; math is judged in the browser."""
    left_out = {
        id(string)
        for tag in soup.select("pre, code, script, style, .math")
        for string in tag.strings
    }
    text = " ".join(string for string in soup.strings if id(string) not in left_out)
    return [f"raw markup {match!r}" for match in _RAW.findall(text)]


def leftovers(html: str, machine: tuple[str, ...] = ()) -> list[str]:
    """Traces of the tools, and paths of the machine that built the page."""
    return [f"the page holds {text!r}" for text in (*LEFTOVERS, *machine) if text in html]


def broken_links(site: Path) -> list[str]:
    """Links and sources inside the site whose file or anchor does not exist."""
    trees = {page: tree(page) for page in pages(site)}
    anchors = {
        page: {tag["id"] for tag in soup.find_all(id=True)}
        | {tag["name"] for tag in soup.find_all("a", attrs={"name": True})}
        for page, soup in trees.items()
    }
    problems = []
    for page, soup in trees.items():
        for tag in soup.find_all(["a", "img", "link", "script", "source"]):
            for attribute in ("href", "src"):
                url = tag.get(attribute)
                if url and (problem := _broken(url, page, site, anchors)):
                    problems.append(f"{page.relative_to(site)}: {problem}")
    return problems


def _broken(url: str, page: Path, site: Path, anchors: dict[Path, set[str]]) -> str | None:
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return None
    target = page
    if parts.path:
        target = (page.parent / unquote(parts.path)).resolve()
        if not target.is_relative_to(site.resolve()):
            return f"{url} leaves the site"
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            return f"{url} does not exist"
    fragment = unquote(parts.fragment)
    if fragment and target in anchors and fragment not in anchors[target]:
        return f"{url} has no anchor #{fragment}"
    return None
