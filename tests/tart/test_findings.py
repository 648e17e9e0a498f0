"""Verdicts on results made by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, NOT_TESTED, ClaimFailed, check
from companion.stats import Interval
from companion.tart.lab.nulls import NULLS
from companion.tart.verdict import claims, findings
from companion.tart.verdict.claims import BY_ID
from companion.tart.verdict.evidence import tasks_above, wins

from . import made

IDS = [claim.id for claim in claims.CLAIMS]


def verdicts(results, scale="book"):
    return {f.claim: f.verdict for f in findings.evaluate(results, scale)}


def test_the_claims_are_those_of_the_chapter():
    assert IDS == ["1", "2", "3", "4", "5", "6", "7", "8", "null"]


def test_a_perfect_run_satisfies_every_claim_at_book_and_paper_scale():
    for scale in ("book", "paper"):
        found = findings.evaluate(made.results(), scale)
        assert {f.claim: f.verdict for f in found} == dict.fromkeys(IDS, HOLDS), scale
        check(found, claims.CLAIMS)


def test_a_perfect_toy_run():
    found = verdicts(made.toy_results(), "toy")
    open_ = {"6", "7", "null"}
    assert found == {name: NOT_TESTED if name in open_ else HOLDS for name in IDS}


def test_what_does_nothing_satisfies_nothing():
    same = dict.fromkeys(made.ICL, 0.5)
    nothing = made.results(
        curve=made.curve(module=0.5, logistic=0.9, mean=0.85),
        cells=made.cells(probe=0.5, icl=same, vanilla=0.1),
        tuned=made.tuned(0.5),
        stream=made.table({"SMS": 0.5, "YouTube": 0.5}, (18, 128), 8, "MiniLM", module=-0.2),
        digits=made.table({"3v8": 0.5}, (18, 32), 8, "pixels", module=-0.2),
        controls=made.controls(own=0.3),
    )
    found = verdicts(nothing)
    assert all(v in (DOES_NOT_HOLD, NOT_RESOLVED) for v in found.values()), found
    with pytest.raises(ClaimFailed, match="8"):
        check(findings.evaluate(nothing, "book"))


def test_a_module_that_learned_nothing_fails_the_notebook():
    bad = made.toy_results(curve=made.curve(module=0.5))
    with pytest.raises(ClaimFailed, match=r"module 0\.5"):
        check(findings.evaluate(bad, "toy"))


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("1", {"curve": made.curve(module=0.86, logistic=0.95)}),  # too far behind
        ("1", {"curve": made.curve(module=0.80)}),  # below the one-liner
        ("1", {"controls": made.controls(first=0.9)}),  # labels leak
        ("2", {"cells": made.cells(probe=0.61)}),
        ("2", {"cells": made.cells(probe=0.70), "tuned": made.tuned(0.95)}),  # share below half
        ("3", {"cells": made.cells(module=-0.27)}),
        ("4", {"digits": made.table({"3v8": 0.95}, (18, 32), 8, "pixels", module=-0.3)}),
        ("5", {"digits": made.table({"3v8": 0.95, "4v9": 0.8}, (18, 32), 8, "pixels")}),
        ("5", {"stream": made.table({"SMS": 0.95, "YouTube": 0.8}, (32, 128), 8, "MiniLM")}),
        ("6", {"stream": made.table({"SMS": 0.94, "YouTube": 0.9}, (18, 128), 8, "MiniLM")}),
        ("7", {"cells": made.cells(vanilla=0.06)}),
        ("8", {"controls": made.controls(own=1e-9)}),
        ("8", {"controls": made.controls(shuffled=0.6)}),
        ("8", {"controls": made.controls(untrained=0.4)}),
        ("8", {"controls": made.controls(other=0.0)}),  # blind to all labels
        (
            "null",
            {
                "digits": made.table({"3v8": 0.8}, (18, 32), 8, "pixels", module=0.1),
                "stream": made.MISSING,
                "cells": made.MISSING,
            },
        ),
    ],
)
def test_one_thing_that_is_wrong_is_enough(claim, changed):
    found = verdicts(made.results(**changed))
    assert found[claim] == DOES_NOT_HOLD


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("1", {"long": made.curve(module=0.80)}),
        ("3", {"hub": made.hub(module=-0.4)}),
        ("1", {"long": made.curve(first=0.9)}),  # the paper's module, not the live one
        ("5", {"media": made.media(module=-0.3)}),
        ("5", {"hub": made.hub(module=-0.3)}),
        ("7", {"hub": made.hub(loo=-0.02)}),
    ],
)
def test_the_paper_scale_is_judged_on_its_own_results(claim, changed):
    assert verdicts(made.results(**changed), "paper")[claim] == DOES_NOT_HOLD


@pytest.mark.parametrize(
    ("lead", "verdict"), [(0.13, HOLDS), (0.08, NOT_RESOLVED), (-0.08, DOES_NOT_HOLD)]
)
def test_above_a_threshold_is_asked_of_the_whole_interval(lead, verdict):
    """0.13 [0.09, 0.17] is above 0.05 for sure; 0.08 [0.04, 0.12] by its estimate alone."""
    rng = np.random.default_rng(0)
    wide = made.cells(icl=made.ICL | {"ICL": 0.88 - lead})
    asked = wide["method"] == "ICL"
    noise = rng.standard_normal(asked.sum())
    noise = 0.08 * (noise - noise.mean()) / noise.std()
    wide.loc[asked, "accuracy"] += noise
    found = {f.claim: f for f in findings.evaluate(made.results(cells=wide), "book")}["3"]
    assert found.verdict == verdict
    if verdict == NOT_RESOLVED:
        assert 0 < found.low < 0.05 < found.estimate
        assert "above 0.05: not resolved" in found.note


def test_more_examples_help_by_the_whole_interval():
    """On both tasks the mean gain is above 0.03, on neither its interval is."""
    slow = made.table({"SMS": 0.9, "YouTube": 0.88}, (18, 128), 8, "MiniLM", gain=0.012)
    found = {f.claim: f for f in findings.evaluate(made.results(stream=slow), "book")}["6"]
    assert 0 < found.low < 0.03 < found.estimate
    assert found.verdict == NOT_RESOLVED


def test_a_task_that_is_not_resolved_may_count_or_not():
    sure, open_, lost = Interval(0.1, 0.05, 0.15), Interval(0.1, -0.1, 0.3), Interval(-1, -2, -0.5)
    each = {f"task {i}": sure for i in range(11)} | {"b": open_, "c": open_, "d": lost}
    found = tasks_above(each)
    assert found[:3] == (13, 11, 13)
    assert BY_ID["3"].criteria["paper"].verdict(found) == NOT_RESOLVED
    assert BY_ID["3"].criteria["paper"].verdict(tasks_above(each | {"b": sure})) == HOLDS
    lost_twice = tasks_above(each | {"b": lost, "c": lost})
    assert BY_ID["3"].criteria["paper"].verdict(lost_twice) == DOES_NOT_HOLD


def test_accuracies_without_spread_resolve_nothing():
    flat = made.table({"3v8": 0.95, "4v9": 0.97}, (18, 32), 8, "pixels")
    flat["accuracy"] = 0.95
    found = verdicts(made.results(digits=flat, stream=made.MISSING, cells=made.MISSING))
    assert found["4"] == found["null"] == NOT_RESOLVED


def test_fine_tuning_below_prompting_leaves_no_total_to_share():
    """The difference of the gaps would rise when fine-tuning falls; it must not help the claim."""
    for level in (0.5, 0.2):
        found = findings.evaluate(made.results(tuned=made.tuned(level)), "book")[1]
        assert found.verdict == NOT_RESOLVED
        assert "no total to share" in found.note
    good = findings.evaluate(made.results(tuned=made.tuned(0.95)), "book")[1]
    assert good.verdict == HOLDS
    assert "reasoning gap is 8" in good.note  # (0.88 - 0.6) / (0.95 - 0.6) = 80 %


def test_claim_4_says_every_data_set_and_where_the_module_lies_between():
    found = {f.claim: f for f in findings.evaluate(made.results(), "book")}["4"]
    for name in ("3v8", "4v9", "SMS", "YouTube"):
        assert name in found.note
    assert "17 examples: module minus mean difference 0.05" in found.note
    assert "minus logistic regression -0.01" in found.note


def test_the_other_reading_of_chance_is_told():
    off = made.results(controls=made.controls(shuffled=0.52))
    note = {f.claim: f for f in findings.evaluate(off, "book")}["8"].note
    assert "shuffled labels: its interval does not contain one half" in note
    assert "untrained module: its interval contains one half" in note


def test_swapped_words_are_compared_on_the_same_contexts():
    table = made.cells()
    rows = table[(table["method"] == "ICL") & (table["seed"] < 2) & (table["k"] == 18)]
    swapped = rows.assign(method="ICL, words swapped", accuracy=rows["accuracy"] + 0.1)
    both = findings.series(made.results(cells=pd.concat([table, swapped])))["swapped"]
    assert [(row["data"], row["k"], row["n"]) for row in both] == [
        ("SMS", 18, 2),
        ("YouTube", 18, 2),
    ]
    for row in both:
        assert row["swapped"] - row["usual"] == pytest.approx(0.1, abs=1e-3)


def test_sentiment_is_not_asked_for_high_accuracy():
    low = made.cells((32,), 3, probe=0.6, tasks=("SST-2",)).assign(model="one")
    hub = pd.concat([made.hub(), low])
    assert verdicts(made.results(hub=hub), "paper")["5"] == HOLDS
    poor = made.cells((32,), 3, probe=0.6, tasks=("AG News 0",)).assign(model="one")
    hub = pd.concat([made.hub(), poor])
    assert verdicts(made.results(hub=hub), "paper")["5"] == DOES_NOT_HOLD


def test_without_the_shipped_module_its_claims_are_not_tested():
    bare = made.results(
        cells=made.cells(module=None),
        stream=made.table({"SMS": 0.84, "YouTube": 0.8}, (18, 128), 8, "MiniLM", module=None),
        digits=made.table({"3v8": 0.95}, (18, 32), 8, "pixels", module=None),
    )
    found = {f.claim: f for f in findings.evaluate(bare, "book")}
    for name in ("3", "4", "5", "6", "null"):
        assert found[name].verdict == NOT_TESTED
        assert "module" in found[name].note
    assert {found[name].verdict for name in ("1", "2", "7", "8")} == {HOLDS}


def test_missing_data_is_said():
    gone = made.results(cells=made.MISSING, stream=made.MISSING, tuned=made.MISSING)
    found = {f.claim: f for f in findings.evaluate(gone, "book")}
    for name in ("2", "3", "5", "6", "7"):
        assert found[name].verdict == NOT_TESTED
        assert found[name].note == "set COMPANION_DATA"
    assert found["4"].verdict == HOLDS  # the digits are there
    assert "cells" not in findings.series(gone)
    toy = {f.claim: f for f in findings.evaluate(made.toy_results(cells=made.MISSING), "toy")}
    assert toy["2"].note == "set COMPANION_DATA"


def test_what_is_not_finite_is_not_resolved():
    broken = made.cells()
    broken.loc[(broken["vectors"] == "LOO") & (broken["seed"] == 0), "accuracy"] = np.nan
    found = verdicts(made.results(cells=broken))
    assert found["2"] == found["3"] == found["7"] == NOT_RESOLVED
    nan = made.controls()._replace(first=Interval(float("nan")))
    assert verdicts(made.results(controls=nan))["1"] == NOT_RESOLVED


def test_one_seed_resolves_nothing():
    found = verdicts(made.results(cells=made.cells((18,), 1), tuned=made.tuned(k=18, seeds=1)))
    assert found["2"] in (NOT_RESOLVED, NOT_TESTED)


def test_the_module_wins_where_it_is_above_every_null_model():
    above = made.table({"a": 0.8, "b": 0.8}, (18,), 10, "pixels", module=0.05)
    even = made.table({"c": 0.8}, (18,), 10, "pixels", module=0.0)
    assert wins([above, even]) == (2, 3)
    above.loc[above["method"] == next(iter(NULLS)), "accuracy"] += 0.1
    assert wins([above, even])[0] == 0


def test_series_are_small_and_plain():
    found = findings.series(made.results())
    text = json.dumps(found)
    assert len(text) < 200_000
    assert {"curve", "noise", "cells", "stream", "digits", "tuned", "shipped"} <= set(found)
