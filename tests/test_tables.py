import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from companion import records
from companion.claims import PAPER, Claim, Criterion, Finding, judge, not_tested
from companion.exercises import respond
from companion.listing import listing
from companion.papers import chapters
from companion.stats import Interval, p_value
from companion.tables import anchor, claims_table, styled

ABOVE = {"toy": Criterion("above 1", low=1.0)}
CLAIM = Claim("C1", "x < y & z", "Table 1: 2.0", ABOVE, of="paper")
OWN = Claim("A0", "an identity", "", ABOVE, of="ours")


def rows(table, kind="paper"):
    """Texts of the cells of the claims of one kind, heads first; folds are a row of one cell."""
    soup = BeautifulSoup(table._repr_html_(), "html.parser")
    fold = soup.select_one(".rp-own")
    if kind == "ours":
        soup = fold
    elif fold:
        fold.decompose()
    return [
        [" ".join(tag.get_text(" ").split()) for tag in row.find_all(["th", "td"])]
        for row in soup.find_all("tr")
    ]


def record(*findings, scale="book"):
    return {"scale": scale, "findings": [finding.as_dict() for finding in findings]}


def test_run_and_record_stand_side_by_side():
    finding = judge(CLAIM, "toy", Interval(2.0, 1.5, 2.5, 0.0001, 4))
    past = record(judge(CLAIM, "toy", Interval(0.5, 0.2, 0.9)))
    heads, row, _ = rows(claims_table([finding], scale="toy", published=past))
    assert heads[2:] == ["Paper", "This run, toy scale", "Published, book scale"]
    assert row == [
        *("C1", "x < y & z real data", "Table 1: 2.0", "✓ holds 2.0 [1.5, 2.5], n = 4, p < 0.001"),
        "✗ does not hold 0.50 [0.20, 0.90]",
    ]


def test_the_published_run_has_one_column():
    finding = judge(CLAIM, "toy", Interval(2.0, 1.5, 2.5))
    past = record(finding, scale="toy")
    same = claims_table([finding], scale="toy", published=past)
    assert rows(same)[0][3:] == ["The published run, toy scale"]
    assert len(rows(same)[1]) == 4
    other = judge(CLAIM, "toy", Interval(2.1, 1.5, 2.5))
    for table in (
        claims_table([other], scale="toy", published=past),
        claims_table([finding], scale="toy", published=past, stale=True),
        claims_table([finding], scale="toy", published=record(finding)),
        claims_table([finding, not_tested(OWN, "toy", "")], scale="toy", published=past),
    ):
        assert len(rows(table)[0]) == 5


def test_a_p_value_and_other_data_in_a_row():
    claim = Claim(
        "C1", "x", "", {"book": Criterion("below 1", high=1)}, "pairs", of="paper", on=PAPER
    )
    parts = {"other data": (Interval(2.0, 1.5, 2.5), Criterion("below 1", high=1))}
    found = judge(claim, "book", p_value(0.04987, 30), parts=parts, replications=parts)
    for table in (
        claims_table([found], scale="book"),
        claims_table([found], scale="book", published=record(found)),
    ):
        assert rows(table)[1][1] == "x the paper's own evidence"
        assert rows(table)[1][3] == (
            "? not resolved p = 0.050, n = 30 pairs "
            "On other data: other data 2.0 [1.5, 2.5] (below 1: does not hold)"
        )


def test_missing_and_stale_records_are_said():
    finding = not_tested(CLAIM, "toy", "no data here")
    _, row, (details,) = rows(claims_table([finding], scale="toy"))
    assert row[4] == "none yet"
    assert details == "Criterion and notes of C1 Criterion: above 1 This run: no data here"
    empty = {"scale": "book", "findings": []}
    assert "stale" in rows(claims_table([finding], scale="toy", published=empty, stale=True))[0][4]


def test_checks_of_our_own_are_folded_below_the_claims_of_the_paper():
    findings = [not_tested(claim, "toy", "") for claim in (OWN, CLAIM)]
    table = claims_table(findings, scale="toy")
    assert [row[0] for row in rows(table)[1::2]] == ["C1"]
    assert [row[0] for row in rows(table, "ours")[1::2]] == ["A0"]
    fold = BeautifulSoup(table, "html.parser").select_one("details.rp-own")
    assert fold.summary.get_text() == "0 of 1 check of our own hold, 1 not tested"
    assert not fold.has_attr("open")
    assert "our own" not in claims_table([not_tested(CLAIM, "toy", "")], scale="toy")
    alone = claims_table([not_tested(OWN, "toy", "")], scale="toy")
    assert BeautifulSoup(alone, "html.parser").select_one("details.rp-own").has_attr("open")


def test_fine_print_is_folded_and_nothing_else_of_the_papers_claims():
    soup = BeautifulSoup(
        claims_table([not_tested(CLAIM, "toy", "why")], scale="toy"), "html.parser"
    )
    (fold,) = soup.find_all("details")
    assert "why" in fold.get_text()
    assert "x < y & z" not in fold.get_text()
    assert not fold.has_attr("open")


@pytest.mark.parametrize(
    ("claim", "name"),
    [("C1", "claim-c1"), ("3", "claim-3"), ("3''", "claim-3-prime-prime"), ("a b", "claim-a-b")],
)
def test_an_anchor_is_made_of_the_claims_name(claim, name):
    assert anchor(claim) == name


def test_every_claim_of_a_record_has_an_anchor_of_its_own(project):
    for entry in chapters(project):
        published = records.load(entry.slug, project)
        findings = [Finding(**row) for row in published["findings"]]
        soup = BeautifulSoup(
            claims_table(findings, scale=published["scale"], published=published), "html.parser"
        )
        ids = [tag["id"] for tag in soup.find_all(id=True)]
        assert len(ids) == len(set(ids))
        assert set(ids) == {anchor(row["claim"]) for row in published["findings"]}
        assert all(re.fullmatch(r"claim-[a-z0-9-]+", name) for name in ids)
        assert {tag["href"] for tag in soup.find_all("a")} == {f"#{name}" for name in ids}


def double(x: int) -> int:
    """Twice x."""
    return 2 * x  # why not


def test_listing_is_the_source_without_docstring():
    assert listing(double).text == "def double(x: int) -> int:\n    return 2 * x  # why not"
    assert '"""Twice x."""' in listing(double, docstrings=True).text
    assert listing(double)._repr_markdown_().startswith("```python\n")


def test_an_exercise_answers_back():
    assert "Not answered" in respond(..., 2.0, tolerance=0.01)
    assert respond(2.01, 2.0, tolerance=0.01).startswith("Right")
    wrong = respond(4.0, 2.0, tolerance=0.01, explain=lambda x: f"{x:g} is twice as much.")
    assert "Not yet" in wrong
    assert "4 is twice as much." in wrong


def test_text_from_data_is_shown_and_not_obeyed():
    frame = pd.DataFrame({"<b>model</b>": ["<script>x</script>", "a & b"], "t < 1": [0.5, None]})
    html = styled(frame, "hostile", {"t < 1": "{:.2f}"}).to_html()
    soup = BeautifulSoup(html, "html.parser")
    assert soup.find("script") is None
    assert soup.find("b") is None
    texts = [tag.get_text() for tag in soup.find_all(["th", "td"])]
    assert texts == ["<b>model</b>", "t < 1", "<script>x</script>", "0.50", "a & b", "–"]
