"""The last touch to the built pages: what a link to them shows, and pictures that wait.

A page tells search engines and messengers its title, one sentence, and its first figure
(``description`` and OpenGraph).  For a chapter the sentence is the answer on its first screen, or
its question; for other pages their first paragraph.  Addresses are absolute where the book has a
public address, else relative: nothing here asks another host for anything.

Pictures below the first one are loaded when a reader comes near them.  They get their size, so
that the text does not move when they arrive.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from posixpath import dirname, normpath
from posixpath import join as join_path

import nbformat
from PIL import Image

from companion import catalogue, opening, repository
from companion.papers import chapters
from companion.project import Project
from companion.publish.files import write_if_changed

LENGTH = 300
"""Characters of a description at most."""

_ARTICLE = re.compile(r"<article\b.*?</article>", re.DOTALL)
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_PARAGRAPH = re.compile(r"</h1>.*?<p>(.*?)</p>", re.DOTALL)
_IMG = re.compile(r"<img\b[^>]*>")
_SRC = re.compile(r'\bsrc="([^"]*)"')
_TAG = re.compile(r"<[^>]+>")


def finish(site: Path, project: Project) -> None:
    """Complete all pages in the folder `site`."""
    told = sentences(project)
    address = repository.pages(project)
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        text = path.read_text(encoding="utf-8")
        if name.startswith("_static/") or not _ARTICLE.search(text):
            continue
        text = with_lazy_pictures(text, path.parent)
        write_if_changed(path, with_description(text, name, told.get(name, ""), address))


def sentences(project: Project) -> dict[str, str]:
    """Page of each chapter -> its answer in one sentence, or its question."""
    found = {}
    for entry in chapters(project):
        card = nbformat.read(entry.notebook_path(project), as_version=4).cells[0]
        lines = opening.read(card)
        record = catalogue.standing(entry, project, check_stale=False).record
        says = lines.answer.text(record) if lines and record else entry.question
        found[f"notebooks/{entry.notebook}.html"] = says
    return found


def with_description(text: str, name: str, sentence: str, address: str | None) -> str:
    """A page with its description and what a link to it shows.

    name : the page's path in the site, which the picture's address counts from
    sentence : the description; the first paragraph if empty
    address : of the site, with a slash at its end, or None
    """
    article = _ARTICLE.search(text)[0]
    title = html.unescape(_TITLE.search(text)[1]).split(" — ")[0].strip()
    facts = {"og:type": "article", "og:title": title}
    if said := short(sentence or _first_paragraph(article)):
        facts |= {"description": said, "og:description": said}
    if address:
        facts["og:url"] = f"{address}{name}"
    if (picture := _IMG.search(article)) and (source := _SRC.search(picture[0])):
        inside = normpath(join_path(dirname(name), source[1]))
        facts["og:image"] = f"{address}{inside}" if address else source[1]
    lines = "".join(
        f'<meta {"property" if key.startswith("og:") else "name"}="{key}" '
        f'content="{html.escape(value)}" />\n'
        for key, value in facts.items()
    )
    return text.replace("</head>", f"{lines}</head>", 1)


def _first_paragraph(article: str) -> str:
    found = _PARAGRAPH.search(article)
    return html.unescape(_TAG.sub("", found[1])) if found else ""


def short(text: str) -> str:
    """`text` in one line of at most :data:`LENGTH` characters, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= LENGTH else line[: LENGTH - 1].rsplit(" ", 1)[0] + "…"


def with_lazy_pictures(text: str, folder: Path) -> str:
    """A page whose pictures below the first one wait until they are near; all have a size.

    folder : of the page, which the pictures' addresses count from
    """
    count = 0

    def one(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        tag, more = match[0], []
        if count > 1 and "loading=" not in tag:
            more.append('loading="lazy"')
        if " width=" not in tag and (size := _size(tag, folder)):
            more.append(f'width="{size[0]}" height="{size[1]}"')
        return " ".join(["<img", *more, tag.removeprefix("<img").lstrip()])

    return _ARTICLE.sub(lambda article: _IMG.sub(one, article[0]), text, count=1)


def _size(tag: str, folder: Path) -> tuple[int, int] | None:
    """Pixels of a picture of the site; None if it is none that has any."""
    source = _SRC.search(tag)
    path = folder / source[1] if source else folder
    if path.suffix not in {".png", ".webp", ".jpeg", ".jpg"} or not path.is_file():
        return None
    with Image.open(path) as picture:
        return picture.size
