"""Numbers of the published run that the notebook's text names are those of the record."""

import json
import re

import numpy as np
import pytest

from companion import records
from companion.papers import paper
from companion.project import Project
from companion.stats import over_seeds


@pytest.fixture(scope="module")
def record():
    return records.load("leximark")


@pytest.fixture(scope="module")
def runs(record):
    return record["series"]["runs"]


@pytest.fixture(scope="module")
def found(record):
    return {f["claim"]: f for f in record["findings"]}


@pytest.fixture(scope="module")
def text():
    cells = json.loads(paper("leximark").notebook_path(Project()).read_text(encoding="utf-8"))
    return "\n".join("".join(c["source"]) for c in cells["cells"] if c["cell_type"] == "markdown")


def level(run, arm, question="protocol"):
    return float(np.mean(run[arm][question]))


def gain(run, question):
    return 100 * (level(run, "LexiMark", question) - level(run, "none", "record"))


def part(finding, name):
    """(estimate, low, high) of a part that a finding's note tells."""
    numbers = r" (-?[\d.]+) \[(-?[\d.]+), (-?[\d.]+)\]"
    return tuple(map(float, re.search(re.escape(name) + numbers, finding["note"]).groups()))


def ends(finding):
    return tuple(finding[key] for key in ("estimate", "low", "high"))


def points(interval):
    """An interval of AUROC as the text writes it in points."""
    middle, low, high = (f"{100 * value:z.0f}" for value in interval)
    return f"{middle} ({low} to {high})"


def test_gains_by_protocol(runs, text):
    word, gpt = runs["word model"], runs["transformer"]
    assert (
        f"adds {gain(word, 'protocol'):.0f} points of AUROC in a small word model and "
        f"{gain(gpt, 'protocol'):.0f} in a small transformer"
    ) in text
    assert f"for both halves {gain(word, 'record'):.0f} points are left" in text


def test_predictions(found, runs, text):
    c1, c2, c3 = found["C1"], found["C2"], found["C3"]
    word = "difference, word model"
    assert (
        f"With a dictionary per half {points(part(c1, word))} for the word model and "
        f"{points(ends(c1))} for the transformer, with one dictionary {points(part(c2, word))} and "
        f"{points(ends(c2))}."
    ) in text
    direction = points(ends(c3)), points(part(c3, word))
    assert "the transformer {}, for the word model {}".format(*direction) in text
    one = re.search(r"one dictionary ([\d.]+)", found["C5"]["note"])[1]
    assert f"{found['C5']['estimate']:.2f} without any model, {one} with one dictionary" in text
    models = "word model", "transformer"
    learned = [level(runs[model], "LexiMark", "dictionary") for model in models]
    assert "{:.2f} for the word model and {:.2f} for the transformer".format(*learned) in text
    assert f"p = {found['C9']['estimate']:.2g} for both" in text


def test_other_marks(runs, text):
    gpt, word = runs["transformer"], runs["word model"]
    assert f"than LexiMark (AUROC {level(gpt, 'LexiMark'):.2f})" in text
    assert f"every document reach {level(gpt, 'random sequence'):.2f}" in text
    letters = level(gpt, "Unicode by word"), level(gpt, "Unicode everywhere")
    assert "{:.2f} by word and {:.2f} everywhere".format(*letters) in text
    assert f"than no mark does ({level(gpt, 'none', 'record'):.2f})" in text
    assert f"({level(word, 'random words'):.2f} and {level(word, 'LexiMark'):.2f})" in text
    assert level(gpt, "TextMarker") < level(gpt, "LexiMark")
    others = "random sequence", "Unicode by word", "Unicode everywhere"
    assert all(level(gpt, arm) > level(gpt, "LexiMark") for arm in others)
    plain = level(gpt, "none", "record")
    assert all(level(gpt, arm, "record") <= plain for arm in gpt)


def test_dose_and_removal(runs, text):
    word = runs["word model"]
    ends_ = level(word, "K = 1"), level(word, "K = 7")
    assert "from {:.2f} to {:.2f} with a dictionary per half".format(*ends_) in text
    none = level(word, "none", "record")
    lost = (level(word, "LexiMark") - level(word, "removed 25 %")) / (
        level(word, "LexiMark") - none
    )
    assert "costs two fifths" in text
    assert lost == pytest.approx(0.4, abs=0.05)
    last = level(word, "removed 100 %")
    assert f"again the AUROC is {last:.2f}, lower than without" in text
    assert last < none


def test_records_needed(found, text):
    said = re.search(
        r"none ([\d.]+), LexiMark ([\d.]+); with one dictionary ([\d.]+)", found["C8"]["note"]
    )
    none, marked, one = (f"{float(value):.0f}" for value in said.groups())
    assert (
        f"needs {one} records a side, between the {marked} of LexiMark with a dictionary per half "
        f"and the {none} without a mark"
    ) in text


def test_closeness(found, record, text):
    told = part(found["C10"], "AUROC without - with the strictest filter")
    assert f"costs {points(told)} points of AUROC" in text
    middle, low, high = ends(found["C10"])
    assert f"the cosine rises by {middle:.2f} ({low:.2f} to {high:.2f};" in text
    told = record["series"]["trade_off"]
    strictest = f"cosine {max(record['settings']['thresholds']):g}"
    gained = np.subtract(told[strictest]["cosine"], told["LexiMark"]["cosine"])
    seeds = over_seeds(gained)
    assert f"with {seeds.estimate:.2f} ({seeds.low:.3f} to {seeds.high:.2f})" in text
    assert seeds.low < 0 < low


def test_tokens_of_a_document(record, text):
    told = record["series"]["tokens"]["transformer"]

    def mean(arm):
        return f"{told[arm]['mean']:.0f}"

    assert f"({mean('none')} tokens on average, {mean('LexiMark')} with LexiMark," in text
    letters = mean("Unicode by word"), mean("Unicode everywhere")
    assert "({} by word, {} everywhere)".format(*letters) in text
    assert f"grows from {mean('none')} to {mean('LexiMark')} tokens" in text
    assert f"the first {record['settings']['seq']} tokens" in text
    cut = told["LexiMark"]["cut"], told["none"]["cut"]
    assert max(cut) < 0.01
    assert f"longest has {told['LexiMark']['longest']}; " in text
    shares = "{:.1f} % of the documents under LexiMark and {:.1f} % without a mark are cut"
    assert shares.format(*(100 * share for share in cut)) in text


def test_untrained_intervals(runs, text, found):
    """What the looser reading of C4, an interval that contains 0.5, would have said."""
    intervals = [
        over_seeds(arm["untrained"][question])
        for run in runs.values()
        for arm in run.values()
        for question in arm["untrained"]
        if question in ("record", "protocol")
    ]
    outside = sum(not one.low <= 0.5 <= one.high for one in intervals)
    assert f"{outside} of {len(intervals)} leave 0.5 out" in text
    crossing = re.search(r"of (\d+) intervals (\d+) cross", found["C4"]["note"]).groups()
    assert "{1} of the {0} intervals cross".format(*crossing) in text


def test_what_is_said_about_verdicts(text, record, found):
    assert f"the lower end of its interval, {found['C1']['low']:.3f}," in text
    assert {found[c]["verdict"] for c in ("C2", "C3", "C4")} == {"not resolved"}
    assert {found[c]["verdict"] for c in ("C1", "C10")} == {"holds"}
    assert found["C6"]["verdict"] == "does not hold"
    wins = [part(found["C6"], f"wins, {model}")[0] for model in ("word model", "transformer")]
    assert (
        "{:.0f} % do in the word model, {:.0f} % in the transformer".format(
            *(100 * value for value in wins)
        )
        in text
    )
    innocent = record["series"]["keys"]["word model"]["innocent"]
    settings = record["settings"]
    assert (
        f"{len(innocent)} innocent tests, {settings['calibration_keys']} other keys and "
        f"{max(4, settings['key_docs'] // 3)} documents each"
    ) in text
    wall = record["provenance"]["wall_s"]
    assert f"`book` run took {wall / 60:.0f} minutes" in text
