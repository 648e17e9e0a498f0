"""Ratios of run times: kept with the machine, shown beside their targets."""

from __future__ import annotations

import pytest

from companion import benches, sync
from companion.project import Project

RATIOS = [
    benches.Ratio("quartet", "published / ours", 4.56789, least=4),
    benches.Ratio("", "a | b", 1.2, most=1),
    benches.Ratio("tart", "with / without", 0.5, most=1),
    benches.Ratio("quartet", "published / ours", 5.0, least=4),  # a rerun: the last one counts
]


@pytest.mark.parametrize(
    ("value", "region", "met"),
    [
        (4.0, {"least": 4}, True),
        (3.99, {"least": 4}, False),
        (1.0, {"most": 1}, True),
        (1.01, {"most": 1}, False),
        (float("nan"), {"least": 4}, False),
        (float("nan"), {"most": 4}, False),
    ],
)
def test_a_ratio_is_held_against_its_target(value, region, met):
    assert benches.Ratio("tart", "a", value, **region).is_met is met


def test_a_ratio_has_one_target():
    for region in ({}, {"least": 1, "most": 2}):
        with pytest.raises(ValueError, match="least or most"):
            benches.Ratio("tart", "a", 1.0, **region)


def test_what_was_measured_is_shown_with_machine_and_versions(tmp_path):
    project = Project(tmp_path)
    project.book.mkdir()
    assert benches.page(project) == benches.NOT_MEASURED
    benches.write(project.book / benches.FILE, RATIOS)
    machine, read = benches.read(project)
    assert read == [RATIOS[1], RATIOS[2], RATIOS[3]]  # the book's order, all chapters first
    assert machine["processor"]
    assert machine["versions"]["torch"]


def test_the_page_of_the_book_shows_every_ratio(project):
    text = (project.book / "speed.md").read_text(encoding="utf-8")
    assert sync.speed(text, project) == text
    assert benches.page(project) in text
    assert "book/speed" in (project.book / "_toc.yml").read_text(encoding="utf-8")


def test_the_table_escapes_and_rounds(tmp_path):
    project = Project(tmp_path)
    project.book.mkdir()
    (tmp_path / "companion").mkdir()
    real = Project()
    (tmp_path / "companion" / "papers.toml").write_bytes(
        (real.package / "papers.toml").read_bytes()
    )
    benches.write(project.book / benches.FILE, RATIOS[:2])
    text = benches.page(project)
    assert "| published / ours | 4.57 | at least 4 |" in text
    assert "| All chapters | a \\| b | 1.2 | at most 1 |" in text
    assert "Python" in text
