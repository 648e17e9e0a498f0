"""Generated lists: what they say, what they link, and what they do when something is missing."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from companion import catalogue, scoreboard, sync
from companion.claims import VERDICTS
from companion.papers import paper, papers
from tests import copies

URL = "https://github.com/someone/some-book"


@pytest.fixture
def book(tmp_path):
    """The twelve papers, none with a notebook."""
    return copies.make(tmp_path)


@pytest.fixture
def started(book):
    """The same with a skeleton for tart."""
    copies.start(book, "tart")
    return book


def cells_of(markdown: str) -> list[list[str]]:
    """Rows of the tables in `markdown`, read by an independent parser; links stay as Markdown."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    rows: list[list[str]] = []
    for token, after in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"th_open", "td_open"}:
            rows[-1].append(after.content)
    return rows


ROWS = st.fixed_dictionaries(
    {"verdict": st.sampled_from(VERDICTS), "of": st.sampled_from(("paper", "ours"))}
)


@given(st.lists(ROWS, min_size=1, max_size=30))
def test_the_line_counts_every_verdict_once_and_ours_apart(rows):
    parts = catalogue.count_line(rows).replace("one claim", "1 claim").split("; ")
    kinds = [of for of in ("paper", "ours") if any(row["of"] == of for row in rows)]
    for part, of in zip(parts, kinds, strict=True):
        verdicts = [row["verdict"] for row in rows if row["of"] == of]
        held, total, *others = map(int, re.findall(r"\d+", part))
        assert total == len(verdicts) == held + sum(others)
        assert held == verdicts.count("holds")
        assert ("paper" in part) == (of == "paper")


def rows(of, *verdicts):
    return [{"of": of, "verdict": verdict} for verdict in verdicts]


def test_the_line_in_words():
    found = rows("paper", "holds", "does not hold", "does not hold", "not tested")
    line = "1 of the paper's 4 claims holds, 2 do not hold, 1 not tested"
    assert catalogue.count_line(found) == line
    found += rows("ours", "holds", "holds", "not resolved")
    assert catalogue.count_line(found) == (f"{line}; 2 of 3 checks of our own hold, 1 not resolved")
    assert catalogue.count_line(rows("paper", "does not hold")) == (
        "0 of the paper's one claim hold, 1 does not hold"
    )
    assert catalogue.count_line(rows("ours", "holds")) == "1 of 1 check of our own holds"


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match="maybe"):
        catalogue.count_line(rows("paper", "maybe"))


@given(st.text(min_size=1))
def test_any_text_fits_into_a_cell(text):
    plain = "".join(c for c in text if c.isprintable() and c not in "\\`<>[]*_&!")
    rows = cells_of(catalogue.table(("a", "b"), [(catalogue.cell(plain), "end")]))
    assert len(rows[1]) == 2
    assert rows[1][1] == "end"
    assert rows[1][0] == " ".join(plain.split())


def test_planned_papers_are_listed_and_never_linked(book):
    rows = cells_of(catalogue.readme_table(book))[1:]
    assert [row[0] for row in rows] == [str(n + 1) for n in range(len(papers()))]
    assert {row[3] for row in rows} == {"planned"}
    text = catalogue.readme_table(book) + catalogue.cards(book) + scoreboard.page(book)
    assert "notebooks/" not in text
    assert catalogue.contents(book) == []


def test_a_chapter_without_a_record_is_linked_and_says_so(started):
    row = cells_of(catalogue.readme_table(started))[2]
    assert "](notebooks/02-tart.ipynb)" in row[1]
    assert row[3] == catalogue.UNRECORDED
    assert ":link: ../notebooks/02-tart\n:link-type: doc" in catalogue.cards(started)
    assert catalogue.cards(started).count(":link:") == 1
    entry = paper("tart")
    chapter = {"file": "notebooks/02-tart", "title": f"2. {entry.short}"}
    assert catalogue.contents(started) == [{"caption": entry.part, "chapters": [chapter]}]


def test_every_card_has_its_question_and_verdict(started):
    text = catalogue.cards(started)
    for entry in papers():
        assert f"grid-item-card}} {entry.number}. {entry.short}\n" in text
        assert entry.question in text
    assert text.count("Planned.") == len(papers()) - 1
    assert text.count("::::{grid}") == len({entry.part for entry in papers()})


def test_a_record_gives_the_verdict_everywhere(started):
    copies.publish(started, "tart", [{}, {"claim": "C2", "verdict": "not resolved"}])
    line = "1 of the paper's 2 claims holds, 1 not resolved"
    assert cells_of(catalogue.readme_table(started))[2][3] == line
    assert f"{line}." in catalogue.cards(started)
    assert ["Our verdict", f"{line}, at book scale"] in cells_of(
        catalogue.card(paper("tart"), started)
    )


def test_a_card_has_the_first_clause_of_the_answer_while_the_record_is_fresh(started):
    copies.publish(started, "tart", [{}])
    told = {"tart": "a tie, by 0.14 [0.09, 0.19] points; the rest is open. So it is."}
    assert "\n\nA tie, by 0.14 [0.09, 0.19] points.\n+++" in catalogue.cards(started, told)
    assert "So it is" not in catalogue.cards(started, told)
    more = catalogue.cards(started, {"tart": "Yes; it depends. By 1.4 times; or 3. So it is."})
    assert "\n\nYes; it depends. By 1.4 times.\n+++" in more
    assert "\n\nYes.\n+++" in catalogue.cards(started, {"tart": "Yes; so it is."})
    code = started.package / "tart" / "method" / "spread.py"
    code.write_text(code.read_text().replace("0.25, 0.75", "0.2, 0.8"))
    assert "A tie" not in catalogue.cards(started, told)


def test_code_that_changed_makes_the_record_stale_everywhere(started):
    copies.publish(started, "tart", [{}])
    assert "stale" not in catalogue.readme_table(started)
    code = started.package / "tart" / "method" / "spread.py"
    code.write_text(code.read_text().replace("0.25, 0.75", "0.2, 0.8"))
    card = catalogue.card(paper("tart"), started)
    for text in (catalogue.readme_table(started), catalogue.cards(started)):
        assert catalogue.STALE in text
    assert catalogue.AGAIN in card
    assert "of the paper" not in card
    page = scoreboard.page(started)
    assert "✓ holds</span> <small>stale</small>" in page
    assert ":::{warning}" in page


def test_lists_that_are_written_together_look_once(started):
    copies.publish(started, "tart", [{}])
    code = started.package / "tart" / "method" / "spread.py"
    with catalogue.once():
        before = catalogue.standings(started)
        code.write_text(code.read_text().replace("0.25, 0.75", "0.2, 0.8"))
        with catalogue.once():
            assert all(a is b for a, b in zip(catalogue.standings(started), before, strict=True))
        assert not catalogue.standing(paper("tart"), started).stale
    assert catalogue.standing(paper("tart"), started).stale


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"findings": [{}]}'])
def test_a_broken_record_is_named_and_stops_nothing(started, content):
    (started.records / "tart.json").write_text(content)
    assert catalogue.UNREADABLE in catalogue.readme_table(started)
    assert "cannot be read" in scoreboard.page(started)
    quick = catalogue.standing(paper("tart"), started, check_stale=False)
    assert quick.state == catalogue.UNREADABLE


def test_a_record_of_another_schema_is_not_believed(started):
    path = copies.publish(started, "tart", [{}])
    record = json.loads(path.read_text())
    record["findings"][0]["estimate"] = "1.5"
    path.write_text(json.dumps(record))
    assert catalogue.standing(paper("tart"), started).state == catalogue.UNREADABLE


def test_the_card_tells_the_facts(started):
    entry = paper("massive-activations")
    rows = dict(cells_of(catalogue.card(entry, started)))
    assert rows["Paper"] == f"[{entry.title}](https://arxiv.org/abs/2508.03616)"
    assert all(name in rows["Authors"] for name in entry.authors)
    assert rows["Published"].startswith("2025, ")
    assert f"]({entry.code})" in rows["Code"]
    assert rows["Licenses"].startswith("paper: not found; code: MIT")
    assert dict(cells_of(catalogue.card(paper("tart"), started)))["Published"].startswith(
        "NeurIPS 2023, ["
    )


def test_without_an_address_the_card_says_so_and_links_nothing(started):
    row = dict(cells_of(catalogue.card(paper("tart"), started)))["Run it"]
    assert "is not set" in row
    assert "](" not in row


def test_with_an_address_the_card_links_colab_binder_and_download(started):
    sync.set_address(URL, started)
    row = dict(cells_of(catalogue.card(paper("tart"), started)))["Run it"]
    assert dict(re.findall(r"\[(.*?)\]\((.*?)\)", row)) == {
        "Open in Colab": "https://colab.research.google.com/github/someone/some-book"
        "/blob/main/notebooks/02-tart.ipynb",
        "Open in Binder": "https://mybinder.org/v2/gh/someone/some-book/main"
        "?urlpath=lab/tree/notebooks/02-tart.ipynb",
        "Download the notebook": f"{URL}/raw/main/notebooks/02-tart.ipynb",
    }


def test_another_host_gets_no_colab_link():
    links = catalogue.launch_links(paper("tart"), "https://codeberg.org/a/b")
    assert list(links.values()) == ["https://codeberg.org/a/b/blob/main/notebooks/02-tart.ipynb"]


def test_the_terminal_shows_what_the_page_shows(started):
    copies.publish(started, "tart", [{"note": "a note"}, {"claim": "C2", "verdict": "not tested"}])
    entry = catalogue.standing(paper("tart"), started)
    text = scoreboard.text(entry)
    assert "nobody looked" in scoreboard.findings_text(
        {
            "findings": [
                entry.record["findings"][0] | {"verdict": "not tested", "note": "nobody looked"}
            ]
        }
    )
    assert "C1  ✓ holds       ours 1.50 [1.25, 1.75] ratio; paper 2.0 (Table 1)" in text
    assert "a note" not in text
    assert "a note" in scoreboard.text(entry, notes=True)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (45, "45 s"), (99, "99 s"), (754, "13 min"), (5400, "1.5 h")],
)
def test_durations_are_said_as_readers_say_them(seconds, text):
    assert scoreboard.duration(seconds) == text


def test_contents_are_yaml_that_the_site_reads(started):
    text = sync.toc((started.book / "_toc.yml").read_text(), started)
    files = [c["file"] for part in yaml.safe_load(text)["parts"] for c in part["chapters"]]
    assert "notebooks/02-tart" in files
    assert "book/scoreboard" in files


def _timed(book, slug, seconds, scale="book"):
    path = copies.publish(book, slug, [{}], scale=scale)
    record = json.loads(path.read_text())
    record["provenance"]["wall_s"] = seconds
    path.write_text(json.dumps(record))


def test_times_are_those_of_the_records(started):
    assert catalogue.book_times(started) == "not measured yet"
    _timed(started, "tart", 290.0)
    assert catalogue.book_times(started) == "about 5 min a chapter, in the published runs"
    copies.start(started, "quartet")
    _timed(started, "quartet", 2490.0)
    copies.start(started, "mamba3")
    _timed(started, "mamba3", 9.0, scale="toy")
    assert catalogue.book_times(started) == "5 to 42 minutes a chapter, in the published runs"
    sync.sync(started)
    rows = cells_of((started.root / "README.md").read_text())
    assert ["`book`", "a laptop, no network", catalogue.book_times(started)] in [
        row[:3] for row in rows
    ]


def test_the_book_promises_the_times_of_its_records(project):
    seconds = [
        json.loads(path.read_text())["provenance"]["wall_s"]
        for path in project.records.glob("*.json")
        if path.name != "schema.json"
    ]
    promised = f"{max(1, min(seconds) / 60):.0f} to {max(seconds) / 60:.0f} minutes"
    for page in ("README.md", "book/how-to-read.md"):
        assert promised in (project.root / page).read_text(encoding="utf-8")
