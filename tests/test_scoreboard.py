"""The scoreboard: what its page and its downloads say of the records, and its script."""

from __future__ import annotations

import csv
import io
import json
import re

import jsonschema
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from companion import catalogue, records, scoreboard
from companion.claims import OF, ON, OURS, PAPER, VERDICTS
from companion.papers import chapters, paper
from companion.tables import MARKS, anchor
from tests import copies
from tests.live import context

SCRIPT = copies.REAL.package / "scoreboard.js"
FINDINGS = [
    {"claim": "C1", "statement": "a | b <i>", "note": "n | m"},
    {"claim": "tau'", "verdict": "does not hold", "p": 0.0001, "n": None},
    {"claim": "E9", "verdict": "not tested", "estimate": None, "low": None, "high": None},
    {"claim": "A0", "statement": "an identity", "of": "ours", "on": "model"},
]


@pytest.fixture
def book(tmp_path):
    """A book whose only chapter, tart, has a record."""
    project = copies.make(tmp_path)
    copies.start(project, "tart")
    copies.publish(project, "tart", FINDINGS)
    return project


@pytest.fixture(scope="module")
def entries():
    """The chapters of this book; whether their code has changed is another test's matter."""
    return catalogue.standings(check_stale=False)


def text(tag):
    return " ".join(tag.get_text(" ").split())


def lines(page: str, table: str) -> list[list[str]]:
    """Cells of the rows of one table of the page."""
    rows = BeautifulSoup(page, "html.parser").select(f"table.{table} tr")
    return [[text(cell) for cell in row.find_all(["th", "td"])] for row in rows]


def test_the_page_has_every_finding(book):
    page = scoreboard.page(book)
    heads, *rows = lines(page, "rp-rows")
    name = f"2. {paper('tart').short}"
    assert heads == ["Chapter", "Claim", "Paper", "Measured"]
    place = f"in {paper('tart').short}"
    assert rows == [
        [
            name,
            f"C1 {place} a | b <i> real data",
            "2.0 (Table 1)",
            "✓ holds 1.50 [1.25, 1.75] ratio, n = 8, p = 0.250",
        ],
        [
            name,
            f"tau' {place} It grows. real data",
            "2.0 (Table 1)",
            "✗ does not hold 1.50 [1.25, 1.75] ratio, p < 0.001",
        ],
        [name, f"E9 {place} It grows. real data", "2.0 (Table 1)", "– not tested"],
        [
            name,
            f"A0 {place} an identity simulator; a check of our own",
            "2.0 (Table 1)",
            "✓ holds 1.50 [1.25, 1.75] ratio, n = 8, p = 0.250",
        ],
    ]
    assert "912 MB" in page
    assert "13 min" in page


def test_a_gpu_is_named_beside_the_processor(book):
    path = book.records / "tart.json"
    assert r"(A \| B)" + "\n" in scoreboard.page(book)
    record = json.loads(path.read_text(encoding="utf-8"))
    for device, said in (("cpu", ""), ("NVIDIA X", " and NVIDIA X")):
        record["provenance"]["device"] = device
        path.write_text(json.dumps(record), encoding="utf-8")
        assert rf"(A \| B){said}" + "\n" in scoreboard.page(book)


def test_the_summary_counts_the_papers_claims_and_ours_apart(book):
    rows = {row[0]: row[1:] for row in lines(scoreboard.page(book), "rp-counts")}
    assert rows[f"2. {paper('tart').short}"] == ["1", "1", "0", "1", "1 of 1"]
    assert rows["All"] == ["1", "1", "0", "1", ""]
    assert rows[f"9. {paper('mamba3').short}"] == ["planned"]


def test_the_summary_of_the_book_adds_up(entries):
    _, *rows, foot = lines(scoreboard._page(entries), "rp-counts")
    for row, entry in zip(rows, entries, strict=True):
        of_paper = [f["verdict"] for f in entry.record["findings"] if f["of"] == PAPER]
        assert [int(n) for n in row[1:5]] == [of_paper.count(verdict) for verdict in VERDICTS]
    assert foot[1:5] == [str(sum(int(row[i]) for row in rows)) for i in range(1, 5)]


def test_a_verdict_is_a_sign_and_a_word(entries):
    soup = BeautifulSoup(scoreboard._page(entries), "html.parser")
    shown = {text(tag) for tag in soup.select(".rp-verdict")}
    assert shown == {f"{MARKS[verdict]} {verdict}" for verdict in VERDICTS}


def test_every_row_links_to_its_claim(entries):
    soup = BeautifulSoup(scoreboard._page(entries), "html.parser")
    links = [tag["href"] for tag in soup.select(".rp-rows tbody th a")]
    assert links == [
        f"../notebooks/{entry.paper.notebook}.html#{anchor(finding['claim'])}"
        for entry in entries
        for finding in entry.record["findings"]
    ]
    assert len(set(links)) == len(links)


def test_the_downloads_hold_what_the_records_hold(entries):
    found = [row for entry in entries for row in scoreboard.rows(entry)]
    stored = [
        (entry.slug, finding)
        for entry in chapters()
        for finding in records.load(entry.slug)["findings"]
    ]
    as_json = json.loads(scoreboard.as_json(found))
    jsonschema.validate(as_json, json.loads(scoreboard.SCHEMA.read_text(encoding="utf-8")))
    as_csv = list(csv.DictReader(io.StringIO(scoreboard.as_csv(found))))
    assert len(as_json) == len(as_csv) == len(stored) > 100
    for mine, flat, (slug, finding) in zip(as_json, as_csv, stored, strict=True):
        assert tuple(mine) == tuple(flat) == scoreboard.KEYS
        assert mine["slug"] == flat["slug"] == slug
        for key, value in finding.items():
            assert mine[key] == value
            assert flat[key] == ("" if value is None else str(value))


def test_the_tree_of_the_site_gets_the_page_and_the_downloads(book):
    files = scoreboard.files(book)
    assert files["book/scoreboard.md"].decode() == scoreboard.page(book)
    links = re.findall(r'href="\.\./(_static/[^"]+)" download', scoreboard.page(book))
    assert {f"book/{link}" for link in links} == set(files) - {"book/scoreboard.md"}
    found = json.loads(files["book/_static/scoreboard.json"])
    schema = json.loads(files["book/_static/scoreboard.schema.json"])
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(found, schema)
    row = found[0]
    assert row["version"] == book.version
    for broken in ({"verdict": "holds well"}, {"n": -1}, {"page": "elsewhere"}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate([row | broken], schema)
    assert (row["claim"], row["statement"], row["scale"]) == ("C1", "a | b <i>", "book")
    assert files["book/_static/scoreboard.csv"].decode().startswith("number,slug,chapter,claim,of,")


def test_without_a_record_there_is_nothing_to_filter(tmp_path):
    page = scoreboard.page(copies.make(tmp_path))
    assert "rp-filter" not in page
    assert "notebooks/" not in page
    assert len(lines(page, "rp-counts")) == 14


# The script, in an engine without a browser

LINE = st.fixed_dictionaries(
    {
        "paper": st.sampled_from([str(n) for n in range(1, 13)]),
        "verdict": st.sampled_from(VERDICTS),
        "of": st.sampled_from(OF),
        "on": st.sampled_from(ON),
    }
)
WANTED = st.fixed_dictionaries(
    {
        "paper": st.sampled_from(["", "1", "6"]),
        "verdict": st.sampled_from(["", *VERDICTS]),
        "of": st.sampled_from(["", *OF]),
        "on": st.sampled_from(["", *ON]),
    }
)


@pytest.fixture(scope="module")
def script():
    engine = context(SCRIPT)

    def call(name, *given):
        said = ", ".join(json.dumps(value) for value in given)
        return json.loads(engine.eval(f"JSON.stringify({name}({said}))"))

    return call


@given(found=st.lists(LINE, max_size=20), wanted=WANTED)
def test_the_filter_takes_what_agrees_with_every_choice(script, found, wanted):
    assert script("chosen", found, wanted) == [
        all(not value or row[key] == value for key, value in wanted.items()) for row in found
    ]


@given(found=st.lists(LINE, max_size=20))
def test_the_order_is_that_of_the_choices_and_else_of_the_book(script, found):
    for key, values in {"verdict": VERDICTS, "of": OF, "on": ON}.items():
        expected = sorted(range(len(found)), key=lambda i: values.index(found[i][key]))
        assert script("ordered", found, key, ["", *values]) == expected


def test_the_controls_offer_every_value_that_a_row_has(entries):
    soup = BeautifulSoup(scoreboard._page(entries), "html.parser")
    form = soup.select_one("form.rp-filter")
    assert form.has_attr("hidden")  # until the script runs
    offered = {
        select["name"]: [option["value"] for option in select.find_all("option")]
        for select in form.find_all("select")
    }
    assert set(offered.pop("order")) == set(offered)
    rows = soup.select(".rp-rows tbody tr")
    for key, values in offered.items():
        assert {row[f"data-{key}"] for row in rows} == set(values) - {""}
    (chosen,) = form.find_all("option", selected=True)
    assert (chosen.parent["name"], chosen["value"]) == ("of", PAPER)
    assert all(label.get_text(strip=True) for label in form.find_all("label"))
    assert any(row["data-of"] == OURS for row in rows)
