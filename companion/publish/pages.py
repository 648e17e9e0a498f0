"""The last touch to the built pages.

Formulas are typeset (:mod:`companion.publish.formulas`), icons are cut down
(:mod:`companion.publish.icons`), a solution becomes one fold, and figures are numbered within
their chapter.  Equations lead to the code, and back (:mod:`companion.publish.api`).  A page runs
its own scripts only (:mod:`companion.publish.policy`).

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

from PIL import Image

from companion import catalogue, opening, repository
from companion.papers import chapters
from companion.project import Project
from companion.publish import api, icons, links, share
from companion.publish.errors import PublishError
from companion.publish.files import write_if_changed
from companion.publish.formulas import STYLE, Formulas
from companion.publish.policy import with_policy
from companion.records._provenance import commit

SEARCH = "search.html"
"""The page that searches."""

REFERENCES = "book/references.html"
GLOSSARY = "book/notation.html"
"""The page that explains terms."""

LENGTH = 300
"""Characters of a description at most."""

_ARTICLE = re.compile(r"<article\b.*?</article>", re.DOTALL)
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_PARAGRAPH = re.compile(r"</h1>.*?<p>(.*?)</p>", re.DOTALL)
_IMG = re.compile(r"<img\b[^>]*>")
_SECOND_FOLD = re.compile(
    r'</details>\s*<div class="cell tag_hide-cell[^"]*">\s*'
    r'<details class="[^"]*\bhide\b[^"]*">\s*<summary.*?</summary>',
    re.DOTALL,
)
_FOLD = re.compile(r"<(/?)details\b[^>]*>")
_FIGURE = re.compile(r'<figure\b[^>]*\bid="([^"]+)".*?</figure>', re.DOTALL)
_NUMBER = re.compile(r'(<span class="caption-number">)[^<]*(</span>)')
_TO_FIGURE = re.compile(r'(<a\b[^>]*\bhref="#(fig-[^"]+)"[^>]*>(?:<span[^>]*>)?)Figure(?=<)')
_HERO = re.compile(r'<div class="[^"]*\btag_hero\b.*?(<picture\b.*?</picture>)+', re.DOTALL)
_PICTURE = re.compile(r"<picture\b.*?</picture>", re.DOTALL)
_PLACE = re.compile(r'(<div class="rp-hero" data-page="([^"]+)">).*?(</div>)', re.DOTALL)
_PHONE = re.compile(r'<source media="[^"]*" (srcset="[^"]*" width="\d+" height="\d+")>')
_ALT = re.compile(r'\balt="[^"]*"')
_SRC = re.compile(r'\bsrc="([^"]*)"')
_TAG = re.compile(r"<[^>]+>")
_SEARCHING = re.compile(
    r'[^\S\n]*<script src="[^"]*(?:_static/searchtools|_static/language_data|searchindex)\.js'
    r'[^"]*"></script>\n?'
)


def finish(site: Path, project: Project) -> None:
    """Complete all pages in the folder `site`."""
    told = opening.answers(project)
    state = commit(project)
    if state and not re.fullmatch("[0-9a-f]{40}", state):  # of files that are in no commit
        state = None
    address, home = repository.pages(project), repository.url(project)
    of = {f"notebooks/{one.notebook}.html": one for one in chapters(project)}
    code = {f"{api.page(one)}.html": one for one in api.documented(project)}
    entries = {one.slug: catalogue.standing(one, project) for one in of.values()}
    for entry in entries.values():
        for name, content in share.files(entry, address).items():
            write_if_changed(site / name, content)
    glossary = site / GLOSSARY
    known = links.terms(glossary.read_text(encoding="utf-8")) if glossary.is_file() else {}
    references = site / REFERENCES
    cited = links.entries(references.read_text(encoding="utf-8")) if references.is_file() else {}
    math, done = Formulas(), []
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if name.startswith("_static/"):
            continue
        text = icons.without_script(path.read_text(encoding="utf-8"))
        if name != SEARCH:
            text = without_index(text)
        if _ARTICLE.search(text):
            text = with_one_fold(with_formulas(text, name, math))
            if name in of:
                text = with_numbers(text, of[name].number)
                text = links.with_references(text, cited, f"../{REFERENCES}")
                text = links.with_related(text, of[name], tuple(of.values()))
                entry = entries[of[name].slug]
                text = share.with_citation(text, entry, address)
                text = share.with_reports(
                    text, of[name], entry.record, home, project.version, state
                )
                text = _ARTICLE.sub(
                    lambda article: links.with_terms(article[0], known, f"../{GLOSSARY}"), text
                )
                if of[name] in code.values():
                    text = api.with_functions(text, of[name], project)
            elif name in code:
                text = api.with_equations(text, code[name], project)
            if name.startswith(f"{api.FOLDER}/"):
                text = api.with_source_button(api.with_lines(text), name, project)
            says = told.get(of[name].slug, of[name].question) if name in of else ""
            text = with_description(text, name, says, address, heroes(text, site))
            text = with_lazy_pictures(with_heroes(text, site), path.parent)
        # the last: a script that is changed after this does not run
        write_if_changed(path, with_policy(text, name))
        done.append(text)
    write_if_changed(site / "_static" / "mathjax" / STYLE, math.style())
    icons.keep_used(site, done)


def without_index(text: str) -> str:
    """A page without the words of all pages, which the theme loads for a search while one types.

    Here a search leads to a page of its own, and that one alone needs them.
    """
    return _SEARCHING.sub("", text)


def with_formulas(text: str, name: str, math: Formulas) -> str:
    """A page with its formulas typeset, and their style sheet if it has any.

    name : the page's path in the site
    """
    text = math.page(text)
    if "<mjx-container" not in text:
        return text
    sheet = f"{'../' * name.count('/')}_static/mathjax/{STYLE}"
    return text.replace("</head>", f'<link rel="stylesheet" href="{sheet}" />\n</head>', 1)


def with_one_fold(text: str) -> str:
    """A page on which a solution is one fold: its words, and then the code that computes it.

    In a notebook they are two cells, a Markdown cell that ends with a fold and a code cell that is
    hidden.
    """
    start = 0
    while second := _SECOND_FOLD.search(text, start):
        end = _closing(text, second.end())
        inside = text[second.end() : end]
        rest = re.sub(r"^</details>\s*</div>", "", text[end:])
        text = (
            f'{text[: second.start()]}<div class="cell docutils container">{inside}</div></details>'
        )
        start, text = len(text), text + rest
    return text


def _closing(text: str, start: int) -> int:
    """Where the fold ends that was opened before `start`."""
    depth = 1
    for tag in _FOLD.finditer(text, start):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return tag.start()
    raise PublishError("a fold of a page has no end")


def with_numbers(text: str, chapter: int) -> str:
    """A chapter's page whose figures are numbered within it, and named so by what refers to them.

    A notebook refers to a figure by ``[Figure](#fig-name)``.
    """
    numbers: dict[str, str] = {}

    def caption(match: re.Match[str]) -> str:
        if not _NUMBER.search(match[0]):
            return match[0]
        numbers[match[1]] = f"{chapter}.{len(numbers) + 1}"
        return _NUMBER.sub(rf"\1Figure {numbers[match[1]]} \2", match[0], count=1)

    text = _FIGURE.sub(caption, text)
    return _TO_FIGURE.sub(
        lambda link: f"{link[1]}Figure {numbers[link[2]]}" if link[2] in numbers else link[0], text
    )


def with_description(
    text: str, name: str, sentence: str, address: str | None, others: str = ""
) -> str:
    """A page with its description and what a link to it shows.

    name : the page's path in the site, which the picture's address counts from
    sentence : the description; the first paragraph if empty
    address : of the site, with a slash at its end, or None
    others : pictures of which the first one is shown where the page has none of its own
    """
    article = _ARTICLE.search(text)[0]
    title = html.unescape(_TITLE.search(text)[1]).split(" — ")[0].strip()
    facts = {"og:type": "article", "og:title": title}
    if said := short(sentence or _first_paragraph(article)):
        facts |= {"description": said, "og:description": said}
    if address:
        facts["og:url"] = f"{address}{name}"
    if (picture := _IMG.search(article) or _IMG.search(others)) and (
        source := _SRC.search(picture[0])
    ):
        # what shows a link draws no SVG: the same picture as pixels lies beside it
        pixels = re.sub(r"\.svg$", ".png", source[1])
        inside = normpath(join_path(dirname(name), pixels))
        facts["og:image"] = f"{address}{inside}" if address else pixels
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


def with_heroes(text: str, site: Path) -> str:
    """A page whose cards show the first figures of the chapters that they lead to.

    A card is narrow and shows the phone's picture.
    """

    def fill(place: re.Match[str]) -> str:
        shown = "".join(_small(one) for one in _PICTURE.findall(_hero(site / place[2])))
        return f"{place[1]}{shown}{place[3]}"

    return _PLACE.sub(fill, text)


def heroes(text: str, site: Path) -> str:
    """The first figures of the chapters that the cards of a page lead to; empty without cards."""
    return "".join(_hero(site / page) for _, page, _ in _PLACE.findall(text))


def _hero(page: Path) -> str:
    """The first figure of a chapter; empty if it has none."""
    found = _HERO.search(page.read_text(encoding="utf-8")) if page.is_file() else None
    return found[0] if found else ""


def _small(picture: str) -> str:
    phone = re.sub(r"^srcset", "src", _PHONE.search(picture)[1])
    start, alt = picture[: picture.index(">") + 1], _ALT.search(picture)[0]
    return f'{start}<img loading="lazy" {phone} {alt}></picture>'


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
