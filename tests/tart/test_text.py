"""Numbers of the published run that the notebook's text names are those of the record."""

import json
import re

import pytest

from companion import records
from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.papers import paper
from companion.project import Project
from companion.tart.lab.nulls import NULLS


@pytest.fixture(scope="module")
def record():
    return records.load("tart")


@pytest.fixture(scope="module")
def found(record):
    return {f["claim"]: f for f in record["findings"]}


@pytest.fixture(scope="module")
def text():
    cells = json.loads(paper("tart").notebook_path(Project()).read_text(encoding="utf-8"))
    return "\n".join("".join(c["source"]) for c in cells["cells"] if c["cell_type"] == "markdown")


def points(value):
    return f"{100 * value:.0f}"


def part(note, name):
    """(estimate, low, high) after `name` in a note."""
    number = r"(-?[\d.]+)"
    hit = re.search(rf"{re.escape(name)} {number} \[{number}, {number}\]", note)
    return tuple(float(value) for value in hit.groups())


def test_the_answer_at_the_top(found, text):
    gap = found["2"]
    estimate, low, high = (points(gap[k]) for k in ("estimate", "low", "high"))
    ahead = f"is {estimate} points ahead of prompting on average"
    assert f"The classifier {ahead} (95 % interval {low} to {high})" in text
    assert f"Yes: by {estimate} points on average" in text
    assert points(found["3"]["estimate"]) == points(gap["estimate"])  # "the module as far"
    assert gap["n"] == 2 * 8
    assert "with eight sets of examples" in text


def test_the_time(record, text):
    assert f"The published run took {record['provenance']['wall_s'] / 60:.0f} minutes" in text
    assert f"and {record['provenance']['peak_mb'] / 1000:.1f} GB" in text


def test_verdicts_that_the_text_tells(found, text):
    verdicts = {name: f["verdict"] for name, f in found.items()}
    assert verdicts.pop("2") == NOT_RESOLVED
    assert verdicts.pop("5") == DOES_NOT_HOLD
    assert set(verdicts.values()) == {HOLDS}
    for name in ("2", "3", "6"):  # "in this run it changes no verdict"
        strict = found[name]["note"].split("stricter reading")[1].split(";")[0]
        assert ": holds" in strict
        assert "not resolved" not in strict
    assert "its interval does not contain" not in found["1"]["note"] + found["8"]["note"]
    without = [p for p in found["5"]["note"].split("; ") if "LOO" in p or "pixels" in p]
    assert sum("not resolved" in p for p in without) == 1
    assert "without them it would be *not resolved*" in text


def test_gaps_and_thresholds(found, text):
    note = found["2"]["note"]
    sms, youtube = part(note, "SMS"), part(note, "YouTube")
    assert f"{points(sms[0])} on SMS and {points(youtube[0])} on YouTube" in text
    assert f"(interval {points(youtube[1])} to {points(youtube[2])})" in text
    for words, told in (
        ("the median threshold", "({} points, interval {} to {})"),
        ("calibrated prompting", "({} points, {} to {})"),
    ):
        assert told.format(*map(points, part(note, words))) in text
    total = part(note, "fine-tuning minus prompting")
    assert f"by {points(total[0])} points on average over six contexts" in text
    assert f"an interval from {points(total[1])} to {points(total[2])}" in text


def test_fine_tuning_and_swapped_words(record, text):
    tuned = {row["data"]: row["accuracy"] for row in record["series"]["tuned"]}
    assert f"gave {tuned['SMS']:.2f} on SMS and {tuned['YouTube']:.2f} on YouTube" in text
    probe = {
        row["data"]: row["accuracy"]
        for row in record["series"]["cells"]
        if (row["method"], row["vectors"], row["k"]) == ("logistic", "LOO", 32)
    }
    assert f"linear classifier's {probe['SMS']:.2f} and {probe['YouTube']:.2f}" in text
    change = {r["data"]: 100 * (r["swapped"] - r["usual"]) for r in record["series"]["swapped"]}
    assert {r["n"] for r in record["series"]["swapped"]} == {2}
    assert f"by {change['SMS']:.1f} points on SMS and {change['YouTube']:.1f} on YouTube" in text


def test_logistic_regression_and_the_one_liner(record, text):
    curve = record["series"]["curve"]["accuracy"]
    ahead = curve["logistic"][-1] - curve["mean difference"][-1]
    assert f"logistic regression is {points(ahead)} points above the one-liner" in text
    behind = []
    for rows in (record["series"]["digits"], record["series"]["stream"]):
        by = {(r["data"], r["k"], r["method"]): r["accuracy"] for r in rows}
        behind += [
            by[d, k, "mean difference"] - v for (d, k, m), v in by.items() if m == "logistic"
        ]
        # white coordinates: ridge regression is the mean difference
        for (d, k, m), v in by.items():
            assert m != "ridge" or v == by[d, k, "mean difference"]
    assert max(behind) < 0.0205
    assert min(behind) > -0.005
    assert f"by {points(max(behind))} points at most" in text


def test_where_the_shipped_module_lies(record, text):
    shipped = record["series"]["shipped"]
    assert shipped["k"][-1] == 128
    by = {arm: values[-1] for arm, values in shipped["accuracy"].items()}
    above, below = by["module"] - by["mean difference"], by["logistic"] - by["module"]
    assert f"{100 * above:.1f} points above the mean difference and {100 * below:.1f} below" in text


def test_what_claim_5_fails_on(record, found, text):
    rows = {
        r["method"]: r["accuracy"]
        for r in record["series"]["stream"]
        if (r["data"], r["k"]) == ("YouTube", 32)
    }
    assert "lowest: YouTube, MiniLM (30 contexts)" in found["5"]["note"]
    told = (rows[m] for m in ("module", "logistic", "mean difference"))
    assert (
        "{:.2f} with the sentence encoder, where logistic regression has {:.2f} and the mean "
        "difference {:.2f}"
    ).format(*told) in text
    assert max(rows[name] for name in NULLS) < 0.82
    assert found["5"]["estimate"] < 0.85  # "by means alone it fails as well"


def test_the_module_wins_nowhere(found, text):
    assert "above every null model on 0 of 4 data sets" in found["null"]["note"]
    assert "above all null models on none of the four data sets" in text
