"""What the notebook's text says of the published run is what its record says."""

import json
import re

import pytest

from companion import records, results
from companion.chapter import shipped_folder
from companion.papers import paper
from companion.project import Project
from companion.stats import over_seeds


@pytest.fixture(scope="module")
def found():
    return {f["claim"]: f for f in records.load("tart")["findings"]}


@pytest.fixture(scope="module")
def text():
    cells = json.loads(paper("tart").notebook_path(Project()).read_text(encoding="utf-8"))
    return "\n".join("".join(c["source"]) for c in cells["cells"] if c["cell_type"] == "markdown")


def test_the_predictions_are_answered_as_the_verdicts_do(found, text):
    told = re.search(r"\*\*The predictions, in the published run\.\*\* (.+)", text)[1]
    answers = dict(re.findall(r"(\d): (yes|no|open)", told))
    assert answers == {"1": "yes", "2": "yes", "3": "open", "4": "yes", "5": "yes"}
    for claim in ("C1", "C3", "O2", "O5"):
        assert found[claim]["verdict"] == "holds"
    assert found["O1"]["verdict"] == "not resolved"
    half = re.search(r"left, less half of the gap [^(]+\(below 0: ([a-z ]+)\)", found["O1"]["note"])
    assert half[1] == "not resolved"
    assert found["C1"]["low"] > 0  # "behind logistic regression"
    sms = re.search(r"SMS, LOO \S+ \[\S+, (\S+)\]", found["O2"]["note"])
    assert float(sms[1]) > 0.01  # "a point is not excluded"
    assert "above every simple rule: nowhere" in found["O5"]["note"]
    assert "SMS" in found["C3"]["replications"]
    assert "not resolved" not in found["C3"]["replications"]
    gained = re.search(r"gained by the threshold (\S+) \[(\S+),", found["O1"]["note"])
    assert float(gained[2]) > 0.05  # "gains a lot"


def test_what_stays_open_is_open(found, text):
    said = re.search(r"\*\*What stays open, and why\.\*\* (.+)", text)[1]
    open_ = {name for name, f in found.items() if f["verdict"] == "not resolved"}
    assert open_ == set(re.findall(r"\b[CO]\d\b", said))
    without, with_one = re.findall(r"(?:penalty|C = 1) (\S+) \[(\S+), (\S+)\]", found["C6"]["note"])
    assert float(without[2]) < 0  # "agrees less"
    assert float(with_one[1]) < 0 < float(with_one[2])  # "not told apart"
    line = found["C5"]["note"].partition("where it is another: ")[2]
    ends = re.findall(r"\[(\S+), \S+\]", line.partition(";")[0])
    assert ends
    assert all(float(end) > -0.03 for end in ends)  # "the one-line rule does"


def test_what_does_not_break_the_module_is_what_the_published_run_found(text):
    """Of changed coordinates and orders the text has no claim, so its step is asked."""
    said = re.search(r"neither breaks it: (.+):$", text, re.MULTILINE)
    assert said
    for words in ("costs 3 points", "changes it by less than one", "less than a tenth"):
        assert words in said[0]
    (path,) = shipped_folder("tart").glob("pixels-*.npz")
    pixels = results.load(path)
    module = pixels.variants[pixels.variants["method"] == "module"]
    wide = module.pivot_table(index=["data", "seed"], columns="variant", values="accuracy")
    assert len(wide.columns) == 5
    for name in wide.columns.drop("as trained"):
        change = over_seeds(wide[name] - wide["as trained"])
        assert change.low > -0.03
        if "orders" in name:
            assert -0.01 < change.low < change.high < 0.01
    turned = [over_seeds(part) for _, part in pixels.orders.groupby("data")["turned"]]
    assert len(turned) == 2
    assert all(one.high < 0.1 for one in turned)


def test_the_weights_of_the_two_models_are_those_of_the_run(found, text):
    told = re.search(r"(\d+) are of MiniLM, (\d+) of SmolLM2", text)
    settings = records.load("tart")["settings"]
    assert int(told[1]) == 2 * settings["stream_seeds"]
    assert int(told[2]) == 2 * settings["cells"]
    assert found["O2"]["n"] == found["O5"]["n"] == int(told[1]) + int(told[2])
