"""What the notebook's text says of the published run is what its record says."""

import json
import re

import pytest

from companion import records
from companion.papers import paper
from companion.project import Project


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
    assert found["O1"]["verdict"] == found["C8"]["verdict"] == "not resolved"
    assert "above every simple rule: nowhere" in found["O5"]["note"]
    assert "SMS" in found["C3"]["replications"]
    assert "not resolved" not in found["C3"]["replications"]
    gained = re.search(r"gained by the threshold (\S+) \[(\S+),", found["O1"]["note"])
    assert float(gained[2]) > 0.05  # "gains a lot"


def test_what_stays_open_is_open(found, text):
    said = re.search(r"\*\*What stays open, and why\.\*\* (.+)", text)[1]
    open_ = {name for name, f in found.items() if f["verdict"] == "not resolved"}
    assert open_ == set(re.findall(r"\b[CO]\d\b", said))
    assert found["C2"]["low"] > 0  # "ahead on average"
    assert "SMS" in found["C2"]["replications"]
    behind = re.search(r"minus the probe (\S+) \[(\S+), (\S+)\]", found["C2"]["note"])
    assert float(behind[3].rstrip("]")) < 0
    # twice as many contexts of the same spread would put C8's interval below 0, but not O1's below
    for claim, edge, settles in (("C8", 0.0, True), ("O1", 0.05, False)):
        f = found[claim]
        reach = (f["high"] - f["estimate"]) / 2**0.5
        assert (f["estimate"] + reach < edge) == settles
