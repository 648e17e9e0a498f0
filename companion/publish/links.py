"""Links inside the book: to the glossary, to the references, to chapters that share an idea."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from companion.papers import Paper

ORDINARY = {"claim", "criterion", "finding", "record", "scale", "seed"}
"""Terms of the glossary that are ordinary words too, and are not linked."""

_TERM = re.compile(r'<dt id="(term-[^"]+)">(.*?)<', re.DOTALL)
_TOKEN = re.compile(
    r"<(?:!--.*?--|(?P<raw>script|style)\b.*?</(?P=raw))>|"
    r"<(?P<closes>/?)(?P<tag>\w[\w-]*)(?P<more>[^>]*)>|[^<]+|<",
    re.DOTALL,
)
_NO_TEXT = {
    *("a", "button", "code", "figure", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("mjx-container", "pre", "summary", "svg", "table"),
}
_BOX = re.compile(r'class="[^"]*\b(?:cell|rp-run|rp-opening|toctree-wrapper)\b')
_ENTRY = re.compile(
    r'<div class="citation" id="([^"]+)"(.*?)(?=<div class="citation"|</section>)', re.DOTALL
)
_PAPER = re.compile(r'<a\b[^>]*\bhref="(https://arxiv\.org/abs/[\d.]+)"[^>]*>.*?</a>', re.DOTALL)
_READING = re.compile(r'(<section[^>]*id="further-reading">.*?)(</section>)', re.DOTALL)


def terms(glossary: str) -> dict[str, str]:
    """Term in small letters -> its anchor, from the glossary's page."""
    found = {
        html.unescape(name).strip().lower(): anchor for anchor, name in _TERM.findall(glossary)
    }
    return {name: anchor for name, anchor in found.items() if name not in ORDINARY}


def with_terms(article: str, known: Mapping[str, str], page: str) -> str:
    """The text of a chapter in which the first use of each term leads to the glossary.

    Headings, code, tables, captions, and what a cell showed are left alone.

    known : term -> anchor; page : the glossary's address
    """
    left, done, inside, prose = dict(known), [], [], 0
    for token in _TOKEN.finditer(article):
        closes, tag, attributes = token.group("closes", "tag", "more")
        if tag is None:
            text, is_text = token[0], token[0][0] != "<"
            done.append(_linked(text, left, page) if is_text and prose and not inside else text)
            continue
        done.append(token[0])
        if inside:
            if tag == inside[-1] and not attributes.endswith("/"):
                inside.pop() if closes else inside.append(tag)
        elif tag in {"p", "li"}:
            prose += -1 if closes else 1
        elif not closes and (tag in _NO_TEXT or (tag == "div" and _BOX.search(attributes))):
            inside.append(tag)
    return "".join(done)


def _linked(text: str, left: dict[str, str], page: str) -> str:
    """`text` with a link at each term of `left` that it has, which are taken out there."""
    if not left:
        return text
    names = "|".join(re.escape(name) for name in sorted(left, key=len, reverse=True))

    def link(match: re.Match[str]) -> str:
        anchor = left.pop(match[1].lower(), None)
        return f'<a class="rp-term" href="{page}#{anchor}">{match[0]}</a>' if anchor else match[0]

    return re.sub(rf"(?<![\w-])({names})(?:s|es)?(?![\w-])", link, text, flags=re.IGNORECASE)


def with_related(text: str, chapter: Paper, others: tuple[Paper, ...]) -> str:
    """A chapter's page whose further reading ends with the chapters that share an idea with it."""
    lines = []
    for idea in chapter.ideas:
        links = [
            f'<a href="{one.notebook.rpartition("/")[2]}.html">{html.escape(one.short)}</a>'
            for one in others
            if idea in one.ideas and one.slug != chapter.slug
        ]
        if links:
            lines.append(f"<li>{html.escape(idea)}: {', '.join(links)}</li>")
    if not lines:
        return text
    more = f'<p>In this book, on</p><ul class="rp-related">{"".join(lines)}</ul>'
    return _READING.sub(lambda found: f"{found[1]}{more}\n{found[2]}", text, count=1)


def entries(references: str) -> dict[str, str]:
    """Address of a paper on arXiv -> the anchor of its entry, from the page of references."""
    return {
        match[1]: anchor
        for anchor, text in _ENTRY.findall(references)
        if (match := _PAPER.search(text))
    }


def with_references(text: str, known: Mapping[str, str], page: str) -> str:
    """A chapter's page whose further reading leads to the references of the book, too.

    known : address on arXiv -> anchor; page : address of the references
    """

    def link(match: re.Match[str]) -> str:
        anchor = known.get(match[1])
        return f'{match[0]} (<a href="{page}#{anchor}">reference</a>)' if anchor else match[0]

    def section(match: re.Match[str]) -> str:
        return _PAPER.sub(link, match[1]) + match[2]

    return _READING.sub(section, text, count=1)
