"""The page in other languages: complete, counted from the records, and marked as what it is."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup

from companion import catalogue, languages
from companion.claims import VERDICTS
from companion.papers import papers
from companion.project import Project


def sections(entries):
    """Language -> its part of the page."""
    soup = BeautifulSoup(languages.page(entries), "html.parser")
    return {tag["lang"]: tag for tag in soup.select(".rp-board[lang]")}


def test_every_language_has_all_questions_and_verdicts():
    found = languages.languages()
    assert len(found) >= 4
    slugs = {entry.slug for entry in papers()}
    for one in found:
        assert set(one.questions) == slugs, one.code
        assert len(one.heads) == len(set(one.heads)) == 1 + len(VERDICTS), one.code
        said = [one.name, one.about, one.rest, *one.questions.values()]
        assert len(set(said)) == len(said)
        assert all(text.strip() == text and text for text in said)


def test_the_counts_are_those_of_the_records():
    entries = catalogue.standings(check_stale=False)
    for tag in sections(entries).values():
        rows = tag.select("tbody tr")
        assert len(rows) == len(entries)
        for row, entry in zip(rows, entries, strict=True):
            given = [f["verdict"] for f in entry.record["findings"] if f["of"] == "paper"]
            told = [int(cell.get_text()) for cell in row.select("td")]
            assert told == [given.count(verdict) for verdict in VERDICTS]
            assert row.a["href"] == f"../notebooks/{entry.paper.notebook}.html"


def test_a_stale_record_is_not_counted_and_an_unknown_question_is_english(monkeypatch):
    (first, *_) = catalogue.standings(check_stale=False)
    one = languages.languages()[0]
    bare = languages.Language(one.code, one.name, one.about, one.rest, one.heads, {})
    monkeypatch.setattr(languages, "languages", lambda: (bare,))
    stale = catalogue.Standing(first.paper, first.record, first.state, True)
    (tag,) = sections([stale]).values()
    assert [cell.get_text() for cell in tag.select("tbody td")] == ["–"] * len(VERDICTS)
    assert tag.select_one('[lang="en"]').get_text() == first.paper.question


def test_the_page_is_in_the_contents_and_names_each_language_in_itself():
    assert "- file: book/languages\n" in (Project().book / "_toc.yml").read_text(encoding="utf-8")
    heads = re.findall(r"^## (.+)$", languages.page([]), re.MULTILINE)
    assert heads == [one.name for one in languages.languages()]
