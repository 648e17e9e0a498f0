"""Verdicts on results made by hand; a treatment that does nothing satisfies no claim."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    NOT_TESTED,
    ClaimFailed,
    check,
)
from companion.consistent_diffusion.verdict import parts, trained
from companion.consistent_diffusion.verdict.claims import BY_ID, CLAIMS
from companion.consistent_diffusion.verdict.findings import evaluate, rounded, series
from companion.stats import Interval
from tests.consistent_diffusion import made


def verdicts(scale, **changes):
    return {f.claim: f.verdict for f in evaluate(made.results(**changes), scale)}


@pytest.mark.parametrize("scale", ["toy", "book", "paper"])
def test_every_claim_has_one_finding_at_every_scale(scale):
    findings = evaluate(made.results(), scale)
    check(findings, CLAIMS)
    for finding in findings:
        assert finding.note


def test_good_results_hold():
    toy, book = verdicts("toy"), verdicts("book")
    assert {toy[f"C{i}"] for i in (2, 4, 5, 6, 7)} == {HOLDS}
    # five seeds of five cannot show "four of five", and a mean near its aim is no proof
    assert {toy[f"C{i}"] for i in (1, 3, 8)} == {NOT_RESOLVED}
    assert {book[f"C{i}"] for i in (1, 2, 3, 4, 5, 7, 8)} == {HOLDS}
    assert toy["C9"] == book["C9"] == book["C6"] == NOT_TESTED


def test_a_treatment_that_does_nothing_satisfies_no_claim():
    toy = verdicts("toy", line=made.no_treatment(), plane=made.plane_runs((0.3, 0.3)))
    book = verdicts("book", models=made.untreated_models(), plane=made.plane_runs((0.3, 0.3)))
    for claim in ("C2", "C5"):
        assert toy[claim] == book[claim] == DOES_NOT_HOLD
    for found in (toy, book):
        for claim in ("C3", "C4", "C7"):
            assert found[claim] != HOLDS
    with pytest.raises(ClaimFailed, match="C5"):
        check(evaluate(made.results(line=made.no_treatment()), "toy"))


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("C1", {"line": made.line_runs(plain=0.04)}),
        ("C2", {"line": made.line_runs(mended=0.1)}),
        ("C3", {"line": made.line_runs(mended_mass=0.9)}),
        ("C4", {"line": made.line_runs(dsm=0.38)}),
        ("C5", {"line": made.line_runs(fixed=20.0)}),
        ("C6", {"curve": made.curve(0.06)}),
        ("C7", {"plane": made.plane_runs((0.3, 0.29))}),
        ("C8", {"estimator": made.unbiased(4.0)}),
    ],
)
def test_a_toy_result_beyond_its_threshold_does_not_hold(claim, changes):
    assert verdicts("toy", **changes)[claim] == DOES_NOT_HOLD


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("C1", {"Diffusion": {"sim": 0.02}}),
        ("C1", {"Diffusion": {"sim": 0.025}}),
        ("C2", {"Both": {"grid": 0.06}}),
        ("C4", {"Both": {"grid": 0.12}}),
        ("C2", {"Fokker-Planck": {"grid": 0.09}}),
        ("C3", {"Both": {"sim": 0.03}}),
        ("C4", {"Both": {"iid": 0.03}}),
        ("C5", {"Both": {"fixed": 40.0}}),
    ],
)
def test_a_book_result_beyond_its_threshold_does_not_hold(claim, changes):
    assert verdicts("book", models=made.plane_models(**changes))[claim] == DOES_NOT_HOLD


@pytest.mark.parametrize(
    ("claim", "method", "what", "values"),
    [
        # the estimate passes 1.3, 2, 1.3 and 2, the interval reaches below
        ("C1", "Diffusion", "sim", (0.02, 0.03, 0.06)),
        ("C2", "Both", "grid", (0.02, 0.03, 0.06)),
        ("C2", "Fokker-Planck", "grid", (0.03, 0.05, 0.09)),
        ("C5", "Both", "fixed", (10.0, 20.0, 40.0)),
    ],
)
def test_a_book_interval_that_crosses_its_threshold_resolves_nothing(claim, method, what, values):
    models = made.plane_models()
    kept = {"Diffusion": {"grid": 0.1, "fixed": 60.0}, "Both": {"grid": 0.01}}.get(method, {})
    for i, (value, scale) in enumerate(zip(values, made.LUCK, strict=True)):
        models.scored[method][i] = made.scored(**kept | {what: value}, scale=scale)
    assert verdicts("book", models=models)[claim] == NOT_RESOLVED


def test_a_toy_interval_that_crosses_three_resolves_nothing():
    before = np.array([0.2, 0.3, 0.25, 0.2, 0.3])
    found = parts.judge_repair("toy", before, before / [2.0, 9.0, 4.0, 12.0, 3.0])
    assert 1 < found.low < 3 < found.estimate
    assert found.verdict == NOT_RESOLVED


def test_one_seed_that_is_consistent_leaves_the_share_open():
    line = made.line_runs()
    line.fits[0.0][2] = made.line_fit(0.01, 0.99, 0.3611)
    found = parts.inconsistent("toy", line)
    assert (found.estimate, found.verdict) == (0.8, NOT_RESOLVED)
    high = made.line_runs()
    high.fits[0.0][2] = made.line_fit(0.2, 0.99, 0.39)
    assert parts.inconsistent("toy", high).verdict == NOT_RESOLVED
    assert "not resolved" in parts.inconsistent("toy", high).note


def test_seeds_that_disagree_resolve_nothing():
    models = made.plane_models()
    for one, factor in zip(range(3), (0.2, 1.0, 5.0), strict=True):
        models.scored["Both"][one] = made.scored(grid=0.03 * factor, sim=0.02 * factor)
    found = verdicts("book", models=models)
    assert found["C2"] == found["C3"] == NOT_RESOLVED


def test_the_cost_of_a_step():
    assert verdicts("book", speeds=made.speeds(paper=2e-3))["C8"] == DOES_NOT_HOLD
    assert verdicts("book", speeds=made.speeds(paper=11e-3))["C8"] == DOES_NOT_HOLD
    assert verdicts("book", estimator=made.unbiased(4.0))["C8"] == DOES_NOT_HOLD
    wide = replace(made.speeds(), cost=Interval(4.0, 2.9, 5.0, None, 7))
    assert verdicts("book", speeds=wide)["C8"] == NOT_RESOLVED
    assert verdicts("toy", speeds=made.speeds(paper=2e-3))["C8"] == NOT_RESOLVED


def test_methods_that_were_not_trained_are_not_tested():
    two = made.plane_models(("Diffusion", "Both"))
    finding = trained.repaired("book", two)
    assert finding.verdict == NOT_TESTED
    assert "Fokker-Planck" in finding.note
    alone = made.plane_models(seeds=1)
    assert trained.inconsistent("book", alone).verdict == NOT_TESTED
    broken = made.plane_models()
    broken.scored["Both"][0] = made.scored(sim=float("nan"))
    assert "finite" in trained.consistent("book", broken).note


def test_stopped_chains_are_told():
    models = made.plane_models(Diffusion={"stopped": 3})
    assert "chains stopped: 9" in trained.inconsistent("book", models).note


def test_the_negative_controls():
    found = parts.control_verdicts(made.line_runs())
    assert found["penalty 0"].verdict == NOT_RESOLVED  # the same numbers twice, without spread
    assert found["wrong sign of the time derivative"].verdict == DOES_NOT_HOLD
    assert "one v for both factors" in found


def test_ratios_are_geometric_and_exact_for_constant_ones():
    found = parts.ratio(np.array([2.0, 4.0, 8.0]), np.array([1.0, 2.0, 4.0]))
    assert found.estimate == pytest.approx(2)
    wide, narrow = (parts.ratio(np.array([1.0, 2.0, 4.0]), np.ones(3), c) for c in (0.95, 0.90))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_series_keep_the_controls_and_the_losses():
    found = series(made.results())["line"]
    assert found["controls"]["wrong sign of the time derivative"]["js"] == [0.275, 0.25, 0.225]
    assert found["0.001"]["dsm"] == pytest.approx(0.363 + 0.001 * made.SPREAD[::-1], abs=1e-5)


def test_like_with_like_is_told_beside_the_floor_and_decides_nothing():
    models = made.plane_models(Both={"iid": 0.04}, Mixture={"iid": 0.02})
    told = trained.like_with_like(models)
    # the floor is 0.015: 0.04 over 0.02 is 2, and 0.025 over 0.005 is 5
    assert re.search(r"Both over Mixture 2\.0+ .*, above the floor 5\.\d+ \[4\.", told)
    assert re.search(r"Fokker-Planck over Diffusion 1\.00\d \[0\.9", told)
    below = made.plane_models(Both={"iid": 0.01})
    assert "not defined" in trained.like_with_like(below)
    finding = trained.iid_kept("book", models)
    assert told in finding.note
    assert finding.verdict == DOES_NOT_HOLD  # by Both over Diffusion


def test_the_series_fit_a_record():
    text = json.dumps(series(made.results()))
    assert len(text) < 60_000
    assert rounded(np.array([[1.234567]]), 3) == [[1.23]]


def test_criteria_of_the_claims():
    assert [claim.id for claim in CLAIMS] == [f"C{i}" for i in range(1, 10)]
    for claim in CLAIMS:
        assert {"book", "paper"} <= set(claim.criteria)
    assert "toy" not in BY_ID["C9"].criteria
