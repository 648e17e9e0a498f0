"""The page ``book/languages.md``: what the book asks and finds, in other languages.

The words stand in ``languages.toml``, the counts in the records.  It is one page and not a
translation: the chapters are in English.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from companion.catalogue import PLANNED, Standing, standings
from companion.claims import PAPER, VERDICTS
from companion.project import PACKAGE, Project
from companion.tables import MARKS

PAGE = "book/languages.md"
"""Place of the page in the staged tree."""

_HEAD = """\
# In other languages

What the book is, what each chapter asks, and how many claims of its paper have which verdict.
"""


@dataclass(frozen=True)
class Language:
    """The words of one language; ``code`` is its BCP 47 tag.

    heads : of the table, the question and then the verdicts in the order of ``VERDICTS``
    questions : by slug
    """

    code: str
    name: str
    about: str
    rest: str
    heads: tuple[str, ...]
    questions: Mapping[str, str]


def languages() -> tuple[Language, ...]:
    """All languages of ``languages.toml``, in its order."""
    found = tomllib.loads((PACKAGE / "languages.toml").read_text(encoding="utf-8"))
    return tuple(
        Language(code, **{**entry, "heads": tuple(entry["heads"])}) for code, entry in found.items()
    )


def files(project: Project | None = None) -> dict[str, bytes]:
    """The page, by its place in the staged tree."""
    return {PAGE: page(standings(project)).encode()}


def page(entries: Sequence[Standing]) -> str:
    """The page for the chapters in `entries`; a question without a translation stays English."""
    blocks = [_HEAD]
    for one in languages():
        blocks.append(f"## {one.name}\n")
        blocks.append(f"```{{raw}} html\n{_section(one, entries)}\n```\n")
    return "\n".join(blocks)


def _section(one: Language, entries: Sequence[Standing]) -> str:
    question, *verdicts = one.heads
    shown = [f"{MARKS[of]} {said}" for of, said in zip(VERDICTS, verdicts, strict=True)]
    heads = "".join(f'<th scope="col">{escape(said)}</th>' for said in (question, *shown))
    rows = "".join(_row(one, entry, shown) for entry in entries if entry.state != PLANNED)
    return (
        f'<div class="rp-board" lang="{one.code}"><p>{escape(one.about)}</p>'
        f'<table class="rp-counts"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f"<p>{escape(one.rest)}</p></div>"
    )


def _row(one: Language, entry: Standing, shown: Sequence[str]) -> str:
    paper = entry.paper
    told = one.questions.get(paper.slug)
    words = escape(told) if told else f'<span lang="en">{escape(paper.question)}</span>'
    findings = entry.record["findings"] if entry.record and not entry.stale else []
    given = [row["verdict"] for row in findings if row["of"] == PAPER]
    counts = "".join(
        f'<td data-head="{escape(said)}">{given.count(of) if given else "–"}</td>'
        for of, said in zip(VERDICTS, shown, strict=True)
    )
    link = f'<a href="../notebooks/{paper.notebook}.html">{words}</a>'
    return f'<tr><th scope="row">{paper.number}.&nbsp;{link}</th>{counts}</tr>'
