"""Ratios and growth of run times: kept with the machine, shown beside targets and theory."""

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
    machine, read, curves = benches.read(project)
    assert read == [RATIOS[1], RATIOS[2], RATIOS[3]]  # the book's order, all chapters first
    assert curves == []
    assert machine["processor"]
    assert machine["versions"]["torch"]


def test_the_page_of_the_book_shows_every_ratio(project):
    text = (project.book / "speed.md").read_text(encoding="utf-8")
    assert sync.speed(text, project) == text
    assert benches.page(project) in text
    assert benches.growth(project) in text
    assert "book/speed" in (project.book / "_toc.yml").read_text(encoding="utf-8")


@pytest.fixture
def project_alone(tmp_path):
    """A folder with the register of papers and a place for the book's prose."""
    project = Project(tmp_path)
    project.book.mkdir()
    (tmp_path / "companion").mkdir()
    register = (Project().package / "papers.toml").read_bytes()
    (tmp_path / "companion" / "papers.toml").write_bytes(register)
    return project


def test_the_table_escapes_and_rounds(project_alone):
    project = project_alone
    benches.write(project.book / benches.FILE, RATIOS[:2])
    text = benches.page(project)
    assert "| published / ours | 4.57 | at least 4 |" in text
    assert "| All chapters | a \\| b | 1.2 | at most 1 |" in text
    assert "Python" in text
    assert benches.growth(project) == benches.NOT_MEASURED


CURVES = [
    benches.Curve("quartet", "rounding", "numbers", (1024, 2048, 4096), (1e-3, 2e-3, 4e-3), "1"),
    benches.Curve("tart", "a | b", "rows", (1, 2, 4), (0.01, 0.04, 0.16), "2"),
    benches.Curve("tart", "a | b", "columns", (1, 2, 4), (0.01, 0.011, 0.01), "0"),
]


def test_growth_is_kept_and_shown_beside_theory(project_alone):
    benches.write(project_alone.book / benches.FILE, RATIOS, CURVES)
    found = benches.read(project_alone)
    assert found.curves == [CURVES[2], CURVES[1], CURVES[0]]
    text = benches.growth(project_alone)
    assert "| a \\| b | 1 to 4 rows | 10 to 160 ms | 2.00 [2.00, 2.00] | 2 |" in text
    assert "| rounding | 1,024 to 4,096 numbers | 1 to 4 ms | 1.00 [1.00, 1.00] | 1 |" in text
    assert found.machine["processor"] in text
