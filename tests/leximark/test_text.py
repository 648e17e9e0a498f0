"""Numbers of the published run that the notebook's text names are those of the record."""

import json

import numpy as np
import pytest

from companion import records
from companion.papers import paper
from companion.project import Project


@pytest.fixture(scope="module")
def runs():
    return records.load("leximark")["series"]["runs"]


@pytest.fixture(scope="module")
def text():
    cells = json.loads(paper("leximark").notebook_path(Project()).read_text(encoding="utf-8"))
    return "\n".join("".join(c["source"]) for c in cells["cells"] if c["cell_type"] == "markdown")


def gain(run, question):
    return 100 * (np.mean(run["LexiMark"][question]) - np.mean(run["none"]["record"]))


def test_gains_by_protocol(runs, text):
    word, gpt = runs["word model"], runs["transformer"]
    assert (
        f"adds {gain(word, 'protocol'):.0f} points of AUROC in a small word model and "
        f"{gain(gpt, 'protocol'):.0f} in a small transformer"
    ) in text
    assert f"for both halves {gain(word, 'record'):.0f} points are left" in text
    assert gain(gpt, "record") < 0


def test_other_marks(runs, text):
    gpt, word = runs["transformer"], runs["word model"]

    def level(run, arm, question="protocol"):
        return f"{np.mean(run[arm][question]):.2f}"

    assert f"than LexiMark (AUROC {level(gpt, 'LexiMark')})" in text
    assert f"every document reach {level(gpt, 'random sequence')}" in text
    letters = level(gpt, "Unicode by word"), level(gpt, "Unicode everywhere")
    assert "{} by word and {} everywhere".format(*letters) in text
    assert f"than no mark does ({level(gpt, 'none', 'record')})" in text
    assert f"({level(word, 'random words')} and {level(word, 'LexiMark')})" in text
    plain = np.mean(gpt["none"]["record"])
    assert all(np.mean(arm["record"]) <= plain for name, arm in gpt.items() if name != "none")


def test_dose_and_removal(runs, text):
    word = {name: np.mean(arm.get("protocol", np.nan)) for name, arm in runs["word model"].items()}
    assert f"from {word['K = 1']:.2f} to {word['K = 7']:.2f} with a dictionary per half" in text
    none = np.mean(runs["word model"]["none"]["record"])
    lost = (word["LexiMark"] - word["removed 25 %"]) / (word["LexiMark"] - none)
    assert "costs two fifths" in text
    assert lost == pytest.approx(0.4, abs=0.05)
    assert f"again the AUROC is {word['removed 100 %']:.2f}, lower than without" in text
    assert word["removed 100 %"] < none


def test_what_is_said_about_verdicts(text):
    found = {f["claim"]: f for f in records.load("leximark")["findings"]}
    assert f"the lower end of its interval, {found['C1']['low']:.3f}," in text
    assert {found[c]["verdict"] for c in ("C2", "C3", "C10")} == {"not resolved"}
    assert found["C1"]["verdict"] == "holds"
    assert found["C6"]["verdict"] == "does not hold"
    assert "wins, word model 0.98" in found["C6"]["note"]
    assert "wins, transformer 0.86" in found["C6"]["note"]
    assert "98 % do in the word model, 86 % in the transformer" in text
    wall = records.load("leximark")["provenance"]["wall_s"]
    assert f"`book` run took {wall / 60:.0f} minutes" in text
