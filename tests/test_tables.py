import pandas as pd
from bs4 import BeautifulSoup

from companion.claims import Claim, Criterion, judge, not_tested
from companion.exercises import respond
from companion.listing import listing
from companion.stats import Interval
from companion.tables import claims_table, styled

ABOVE = {"toy": Criterion("above 1", low=1.0)}
CLAIM = Claim("C1", "x < y & z", "Table 1: 2.0", ABOVE, of="paper")
OWN = Claim("A0", "an identity", "", ABOVE, of="ours")


def cells(table, row=1):
    soup = BeautifulSoup(table._repr_html_(), "html.parser")
    return [tag.get_text(" ") for tag in soup.find_all("tr")[row].find_all(["th", "td"])]


def test_run_and_record_stand_side_by_side():
    finding = judge(CLAIM, "toy", Interval(2.0, 1.5, 2.5, 0.0001, 4))
    past = judge(CLAIM, "toy", Interval(0.5, 0.2, 0.9)).as_dict()
    row = cells(
        claims_table([finding], scale="toy", published={"scale": "book", "findings": [past]})
    )
    assert row[0] == "C1"
    assert row[1] == "x < y & z"
    assert "✓ holds" in row[3]
    assert "2.0 [1.5, 2.5], n = 4, p < 0.001" in row[3]
    assert "✗ does not hold" in row[4]


def test_missing_and_stale_records_are_said():
    finding = not_tested(CLAIM, "toy", "no data here")
    row = cells(claims_table([finding], scale="toy"))
    assert row[4] == "none yet"
    (details,) = cells(claims_table([finding], scale="toy"), row=2)
    assert "Criterion: above 1" in " ".join(details.split())
    assert "no data here" in details
    table = claims_table(
        [finding], scale="toy", published={"scale": "book", "findings": []}, stale=True
    )
    assert "stale" in cells(table, row=0)[4]


def test_checks_of_our_own_follow_the_claims_of_the_paper():
    findings = [not_tested(claim, "toy", "") for claim in (OWN, CLAIM)]
    table = claims_table(findings, scale="toy")
    firsts = [cells(table, row)[0] for row in range(1, 6)]
    assert [text for text in firsts if "Criterion" not in text] == [
        "C1",
        "Checks of our own",
        "A0",
    ]
    assert "Checks" not in claims_table([not_tested(CLAIM, "toy", "")], scale="toy")


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
