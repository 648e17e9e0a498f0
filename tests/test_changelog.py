"""The changelog of verdicts says what the records say."""

import re

import pytest

from companion import records
from companion.papers import chapters
from companion.project import Project
from companion.tables import MARKS
from tests.test_catalogue import cells_of

TEXT = (Project().book / "changelog.md").read_text(encoding="utf-8")
NEW, WITHDRAWN = "new", "withdrawn"
"""In the place of a verdict where the edition has no claim of that statement."""

WAITING = TEXT.partition("### Not yet recorded again\n")[2]
SECTIONS = {
    match[1]: match[2]
    for match in re.finditer(r"^### (.+)\n([^#]+)", TEXT, re.MULTILINE)
    if match[1] != "Not yet recorded again"
}


FIRST = 12
"""Chapters of the first edition; a newer one has nothing that could have changed."""


def test_every_chapter_of_the_first_edition_stands_there_once():
    waiting = re.findall(r"^- (.+)$", WAITING, re.MULTILINE)
    named = [*SECTIONS, *waiting]
    assert len(set(named)) == len(named)
    assert set(named) <= {entry.short for entry in chapters()}
    assert {entry.short for entry in chapters() if entry.number <= FIRST} <= set(named)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_last_column_is_the_published_record(name):
    (slug,) = (entry.slug for entry in chapters() if entry.short == name)
    findings = {row["claim"]: row for row in records.load(slug)["findings"]}
    heads, *rows = cells_of(SECTIONS[name])
    assert heads == ["claim", "whose", "first edition", "second edition"]
    for claim, whose, before, now in rows:
        if now == WITHDRAWN:
            assert before in MARKS
            continue
        assert whose == findings[claim]["of"]
        assert now == findings[claim]["verdict"]
        assert before in {*MARKS, NEW}
        assert before != now
    changed = [row for row in rows if row[2] != NEW and row[3] != WITHDRAWN]
    said = re.match(r"\s*(\d+) verdicts, (\d+) of them changed", SECTIONS[name])
    assert [int(said[1]), int(said[2])] == [len(findings), len(changed)]
