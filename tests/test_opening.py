"""The first screen of a chapter: numbers of the record, sentences that keep to its verdicts."""

from __future__ import annotations

import json
import re

import nbformat
import pytest

from companion import catalogue, opening, records, sync
from companion.claims import interval_text
from companion.papers import chapters, paper
from companion.publish import clean
from tests import copies

RECORD = {
    "slug": "tart",
    "scale": "book",
    "findings": [
        {
            "claim": "C1",
            "of": "paper",
            "verdict": "holds",
            "statement": "It grows.",
            "estimate": 1.5,
            "low": 1.25,
            "high": 1.75,
            "n": 1234,
            "unit": "ratio",
        },
        {
            "claim": "2'",
            "of": "ours",
            "verdict": "not resolved",
            "statement": "It is exact.",
            "estimate": 0.25,
            "low": 0.25,
            "high": 0.25,
            "n": None,
            "unit": "",
        },
    ],
    "series": {
        "table": {
            "k": [3, 5],
            "pool": ["all", "all"],
            "way": ["plain, short", "plain"],
            "gap": [0.14061, -0.0024],
            "gap_low": [0.0894, -0.0512],
            "gap_high": [0.1918, 0.0464],
            "mean": [10.314, 3.3034],
        }
    },
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{C1}", "1.50 [1.25, 1.75]"),
        ("{C1.low} to {C1.high}", "1.25 to 1.75"),
        ("{C1.estimate} of {C1.n}", "1.50 of 1,234"),
        ("{2'.estimate} and {2'}", "0.25 and 0.25"),
        ("{C1:table[k=5, pool=all].mean} %", "3.3 %"),
        ("{C1:table[way=plain, short].mean} %", "10.3 %"),
        ("{C1:table[way=plain, short, pool=all].mean} %", "10.3 %"),
        ("{2':table[k=3].gap}", "0.14 [0.089, 0.19]"),
        ("no number", "no number"),
    ],
)
def test_numbers_are_those_of_the_record(text, wanted):
    assert opening.fill(text, RECORD) == wanted


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("C9", "no claim 'C9'"),
        ("C1.p", "no number"),
        ("2'.low", "no number"),  # an exact number has no interval
        ("2'.n", "no number"),
        ("table[pool=all].mean", "2 rows"),
        ("table[k=4].mean", "0 rows"),
        ("table[k=3].other", "no column"),
        ("other[k=3].mean", "no column"),
    ],
)
def test_a_number_that_is_not_there_is_refused(name, message):
    with pytest.raises(opening.OpeningInvalid, match=re.escape(message)):
        opening.fill(f"{{{name}}}", RECORD)


def test_a_sentence_gives_way_when_the_record_has_another_verdict():
    line = opening.Line("It grows by {C1.estimate}.", {"C1": "holds"})
    assert line.text(RECORD) == "It grows by 1.50."
    changed = json.loads(json.dumps(RECORD))
    changed["findings"][0]["verdict"] = "not resolved"
    assert line.text(changed) == "It grows: not resolved (1.50 [1.25, 1.75] ratio)."
    assert not line.holds(changed)


def given(paper=(), ours=()):
    rows = [{"of": "paper", "verdict": one} for one in paper]
    rows += [{"of": "ours", "verdict": one} for one in ours]
    return catalogue.Standing(None, {"findings": rows}, "recorded")


def test_verdicts_in_words():
    many = ["holds"] * 3 + ["does not hold", "not resolved"]
    assert opening.verdicts(given(many, ["holds"] * 5 + ["not tested"])) == (
        "Of the paper's 5 claims 3 hold, 1 does not, 1 is open; "
        "of 6 checks of our own 5 hold, 1 was not tested."
    )
    assert opening.verdicts(given(["does not hold"] * 2, ["holds"])) == (
        "Of the paper's 2 claims none holds, 2 do not; of 1 check of our own 1 holds."
    )
    with pytest.raises(ValueError, match="maybe"):
        opening.verdicts(given(["maybe"]))


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (["model"] * 3, "3 hold (all in simulations), 3 are open"),
        (["model", "model", "real"], "3 hold, 3 are open"),
        (["paper"] * 3, "3 hold, 3 are open"),
    ],
)
def test_checks_that_hold_in_simulations_alone_are_told(on, said):
    rows = [{"of": "ours", "verdict": "holds", "on": one} for one in on]
    rows += [{"of": "ours", "verdict": "not resolved", "on": "real"}] * 3
    entry = catalogue.Standing(None, {"findings": rows}, "recorded")
    assert opening.verdicts(entry) == f"Of 6 checks of our own {said}."
    short = said.partition(" (")[2].partition(")")[0]
    assert (f"hold ({short})" in catalogue.count_line(rows)) == bool(short)
    of_paper = [{**row, "of": "paper"} for row in rows]
    assert "simulation" not in catalogue.count_line(of_paper)


def test_a_p_value_in_a_sentence():
    tested = {"claim": "P", "estimate": 0.0499, "low": 0.0, "high": 0.0499, "p": 0.0499, "n": 30}
    record = {"slug": "x", "findings": [{**tested, "unit": "pairs"}]}
    assert opening.fill("{P}, {P.estimate}, {P.n}", record) == "p = 0.050, 0.050, 30"
    with pytest.raises(opening.OpeningInvalid, match="no number"):
        opening.fill("{P.low}", record)


LINES = {
    "answer": {"says": "So it grows by {C1.low} to {C1.high}.", "given": {"C1": "holds"}},
    "takeaways": [
        {"says": f"Point {n} is as follows: {{C1}}.", "given": {"C1": "holds"}} for n in range(3)
    ],
    "needs": "addition",
}


@pytest.fixture
def book(tmp_path):
    """A copy of the sources with one chapter that has a first screen."""
    project = copies.make(tmp_path)
    copies.start(project, "tart")
    path = project.notebooks / "02-tart.ipynb"
    document = nbformat.read(path, as_version=4)
    document.cells[0].metadata["opening"] = LINES
    cell = nbformat.v4.new_markdown_cell("", id="first-screen", metadata={"tags": ["opening"]})
    document.cells.insert(3, cell)
    nbformat.write(document, path)
    return project


def screen(project):
    sync.sync(project)
    document = nbformat.read(project.notebooks / "02-tart.ipynb", as_version=4)
    cells = {tag: cell for cell in document.cells for tag in cell.metadata.get("tags", ())}
    return cells["card"].source, cells["opening"].source


def test_the_parts_stand_in_their_order(book):
    copies.publish(book, "tart", [{}, {"claim": "C2", "verdict": "not resolved"}])
    card, below = screen(book)
    entry = paper("tart")
    assert card == (
        f"# {entry.short}\n\n*{entry.question}*\n\n**So it grows by 1.25 to 1.75.**\n\n"
        "Of the paper's 2 claims 1 holds, 1 is open."
    )
    parts = [
        *(f"{n + 1}. Point {n} is as follows: 1.50 [1.25, 1.75]." for n in range(3)),
        *("Reading: ", "computing it all: 13 min on 2 cores (`book`)", "needs: addition"),
        *("ranges: 95 % intervals", "<details>", f"| Paper | [{entry.title}]", "| Run it |"),
    ]
    places = [below.index(part) for part in parts]
    assert places == sorted(places)
    assert "Our verdict" not in below


def test_before_anything_is_published_no_number_is_promised(book):
    card, below = screen(book)
    assert "grows" not in card + below
    assert catalogue.sentence(catalogue.UNRECORDED) in card
    assert "needs: addition" in below


def test_old_code_makes_the_first_screen_say_so(book):
    copies.publish(book, "tart", [{}])
    code = book.package / "tart" / "method" / "spread.py"
    code.write_text(code.read_text().replace("0.25, 0.75", "0.2, 0.8"))
    card, below = screen(book)
    assert f"The verdicts are {catalogue.AGAIN}." in card
    assert "claim" not in card + below.partition("<details>")[0]


BROKEN = (
    lambda lines: lines.pop("needs"),
    lambda lines: lines["takeaways"].pop(),
    lambda lines: lines["answer"].pop("given"),
    lambda lines: lines["answer"].update(given={}),
    lambda lines: lines["answer"].update(says="It grows by some {C7} a year."),
    lambda lines: lines["answer"].update(says="It grows by {table[k=3].gap} a year."),
    lambda lines: lines["answer"].update(says="It grows by a lot every year."),
    lambda lines: lines["answer"].update(says="It grows by {C1}."),
    lambda lines: lines["answer"].update(given={"C2": "holds"}),
)


SAYS = "So it does grow, by {} each."


@pytest.mark.parametrize(
    ("says", "given", "message"),
    [
        (SAYS.format("{table[k=3].gap}"), {"C1": "holds"}, "write {CLAIM:table[k=3].gap}"),
        (SAYS.format("{C1:table[k=3].gap}"), {"2'": "holds"}, "quotes C1"),
        (SAYS.format("{C1} and {2'.estimate}"), {"C1": "holds"}, "quotes 2'"),
        (SAYS.format("{C9:table[k=3].gap}"), {"C9": "holds"}, "no claim 'C9'"),
        (SAYS.format("a lot"), {"C1": "holds"}, "without a number"),
        (SAYS.format("{time}"), {"C1": "holds"}, "without a number"),
        ("It grows by {C1}.", {"C1": "holds"}, "fewer than 5 words"),
        ("It did grow by {C1}.", {"C1": "holds"}, ""),
        (SAYS.format("{C1:table[k=3].gap}"), {"C1": "does not hold"}, ""),
    ],
)
def test_a_sentence_names_the_claims_that_it_rests_on(says, given, message):
    line = opening.Line(says, given)
    lines = opening.Opening(line, (line,) * opening.TAKEAWAYS, "addition")
    if not message:
        lines.check(RECORD)
    else:
        with pytest.raises(opening.OpeningInvalid, match=re.escape(message)):
            lines.check(RECORD)


def test_run_times_in_prose_are_those_of_the_card():
    record = {"provenance": {"wall_s": 750}}
    once = opening.run_times("It took {time}, all of it.", record)
    assert re.sub("<!--.*?-->", "", once) == "It took 12 min, all of it."
    later = opening.run_times(once, {"provenance": {"wall_s": 45}})
    assert re.sub("<!--.*?-->", "", later) == "It took 45 s, all of it."
    assert "not measured" in opening.run_times(later, None)
    assert opening.run_times("No time at all.", record) == "No time at all."


def test_lines_that_cannot_be_shown_are_named(book):
    path = book.notebooks / "02-tart.ipynb"
    copies.publish(book, "tart", [{}])
    text = path.read_text(encoding="utf-8")
    for change in BROKEN:
        document = nbformat.reads(text, as_version=4)
        change(document.cells[0].metadata["opening"])
        with pytest.raises(sync.CannotSync, match=r"02-tart\.ipynb: "):
            sync.notebook(nbformat.writes(document), paper("tart"), book)


def test_the_page_shows_the_setup_below_and_frames_the_text(book):
    path = book.notebooks / "02-tart.ipynb"
    document = nbformat.read(path, as_version=4)
    clean.arrange(document)
    clean.insert_below_card(document, "It is so.")
    tags = [tuple(cell.metadata.get("tags", ())) for cell in document.cells]
    names = [one[0] if one else document.cells[i].id for i, one in enumerate(tags)]
    assert names.index("card") == 0
    assert names.index("opening") < names.index("which-run") < names.index("setup")
    below = document.cells[names.index("opening")].source
    assert below.startswith(f"::::{{div}} {clean.OPENING_CLASS}\n")
    plain = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A")])
    clean.arrange(plain)
    assert [cell.source for cell in plain.cells] == ["# A"]


def test_reading_time_counts_prose_and_captions_only():
    words = " ".join(["word"] * (3 * opening.WORDS_A_MINUTE - 2))
    noise = "\n\n$x + y$ $$a\nb$$ ```python\nfor a in b: pass\n```\n<b></b>"
    cells = [
        nbformat.v4.new_markdown_cell(words, metadata={"tags": ["card"]}),
        nbformat.v4.new_markdown_cell(words + noise),
        nbformat.v4.new_code_cell(words, metadata={"mystnb": {"figure": {"caption": "Two words"}}}),
    ]
    assert opening.reading_minutes(nbformat.v4.new_notebook(cells=cells)) == 3
    assert opening.reading_minutes(nbformat.v4.new_notebook()) == 1


def opened():
    found = []
    for entry in chapters():
        document = nbformat.read(entry.notebook_path(), as_version=4)
        if lines := opening.read(document.cells[0]):
            found.append(pytest.param(entry, document, lines, id=entry.slug))
    return found


@pytest.mark.parametrize(("entry", "document", "lines"), opened())
def test_every_sentence_was_written_for_the_verdicts_of_the_record(entry, document, lines):
    record = records.load(entry.slug)
    late = [line.says for line in lines.lines if not line.holds(record)]
    assert late == [], "the published verdicts changed: write these sentences anew"


@pytest.mark.parametrize(("entry", "document", "lines"), opened())
def test_no_number_that_was_measured_is_typed(entry, document, lines):
    """A sentence types sizes and limits; whatever else has decimals comes from the record."""
    record = records.load(entry.slug)
    shown = {number for row in record["findings"] for number in _numbers(interval_text(row))}
    for line in lines.lines:
        typed = _numbers(re.sub(r"\{[^{}]+\}|\d[\d.]*[BM]\b", " ", line.says))
        assert {one for one in typed if "." in one} & shown == set(), line.says


def _numbers(text):
    return set(re.findall(r"\d[\d.,]*\d|\d", text))


@pytest.mark.parametrize(("entry", "document", "lines"), opened())
def test_the_question_is_printed_once(entry, document, lines):
    text = "\n".join(cell.source for cell in document.cells if cell.cell_type == "markdown")
    assert " ".join(text.split()).count(entry.question) == 1


def test_two_chapters_at_least_have_a_first_screen():
    assert {"model-ecosystem", "scaling-laws"} <= {one.id for one in opened()}


def code_cell(source, *tags, printed=""):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
    data = {"text/plain": printed}
    if printed:
        cell.outputs = [nbformat.v4.new_output("execute_result", data=data)]
    return cell


@pytest.mark.parametrize(("printed", "kept"), [("Settings(n=3)", 0), ("3 files", 1), ("", 0)])
def test_parameters_and_imports_are_one_fold_on_the_page(printed, kept):
    text = nbformat.v4.new_markdown_cell("The package, and the sizes of this run:")
    cells = [
        code_cell("SCALE = 1", "parameters"),
        text,
        code_cell("import b", printed=printed),
        nbformat.v4.new_markdown_cell("## The idea"),
        code_cell("c"),
    ]
    document = nbformat.v4.new_notebook(cells=cells)
    clean.arrange(document)
    assert [cell.source for cell in document.cells] == [
        *(text.source, "SCALE = 1\n\nimport b", "## The idea", "c")
    ]
    fold = document.cells[1]
    assert fold.metadata.tags == ["parameters", "hide-input"]
    assert fold.metadata.mystnb["code_prompt_show"] == clean.RUN_YOURSELF
    assert len(fold.outputs) == kept


def test_parameters_alone_before_the_next_section_are_a_fold():
    cells = [code_cell("SCALE = 1", "parameters"), nbformat.v4.new_markdown_cell("## The idea")]
    document = nbformat.v4.new_notebook(cells=[*cells, code_cell("c")])
    clean.arrange(document)
    assert [cell.source for cell in document.cells] == ["SCALE = 1", "## The idea", "c"]
    assert "hide-input" in document.cells[0].metadata.tags


def test_the_first_figure_has_one_sentence_below_it():
    hero = code_cell("figure()", "hero")
    hero.metadata.mystnb = {"figure": {"caption": "It grows by 0.5 a year. A line is one. So."}}
    below = nbformat.v4.new_markdown_cell("1. Point.", metadata={"tags": ["opening"]})
    document = nbformat.v4.new_notebook(cells=[code_cell("a", "setup"), hero, below])
    clean.arrange(document)
    assert hero.metadata.mystnb.figure.caption == "It grows by 0.5 a year."
    shown = document.cells[1].source
    assert shown.index("1. Point.") < shown.index("<details>") < shown.index("A line is one. So.")
