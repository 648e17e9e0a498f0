"""Findings follow results: a result that breaks a claim must change its verdict."""

from dataclasses import replace

import numpy as np
import pytest

from companion import claims, records
from companion.data import Missing
from companion.massive_activations.lab.identifiability import REGIMES, plateau_bounded, refit
from companion.massive_activations.lab.predict import Leakage
from companion.massive_activations.lab.ratios import MODEL, against_authors, untrained
from companion.massive_activations.verdict import claims as chapter
from companion.massive_activations.verdict import findings as module
from companion.massive_activations.verdict.evidence import curve_quality
from companion.scale import SCALES, generator

from .made import intervention, mini_run, rising

N_TEXTS = 8


@pytest.fixture(scope="module")
def results(excerpt):
    base = [mini_run(rising(20.0 + seed), seed=seed) for seed in range(3)]
    quality, _ = curve_quality(base, generator(0, "quality"))
    rng = np.random.default_rng(0)
    return module.Results(
        excerpt=excerpt,
        untrained=[untrained(0)],
        base=base,
        failed=0,
        control=[mini_run(rising(5.5), arm="control")],
        arms={},
        quality=quality,
        refits={name: refit(truth, 60, rng=generator(0, name)) for name, truth in REGIMES.items()},
        bounded=plateau_bounded(REGIMES["rising"], 10, rng=generator(0, "bounded")),
        leakage=Leakage("made", rng.normal(0.85, 0.02, 40), rng.normal(-0.5, 0.1, 40)),
        intervention=intervention(
            rng.normal(11, 1, N_TEXTS), rng.normal(0, 1e-3, N_TEXTS), np.zeros(N_TEXTS)
        ),
    )


def verdicts(results, scale="toy"):
    return {f.claim: f.verdict for f in module.evaluate(results, scale, 0)}


def test_every_claim_has_one_finding_and_all_hold(results):
    found = module.evaluate(results, "toy", 0)
    claims.check(found, chapter.CLAIMS)
    expected = dict.fromkeys([claim.id for claim in chapter.CLAIMS], "holds")
    open_ = {"C3": "not resolved", "C8": "not tested"}
    assert {f.claim: f.verdict for f in found} == expected | open_


def test_what_one_sequence_says_is_not_resolved_outside_toy_scale(results):
    found = {f.claim: f for f in module.evaluate(results, "book", 0)}
    for claim in ("C3", "C7"):
        assert found[claim].verdict == "not resolved"
        assert not found[claim].must_hold


def test_missing_data_and_model_are_not_tested(results):
    nothing = replace(results, excerpt=Missing("no file"), intervention=Missing("no model"))
    found = {f.claim: f for f in module.evaluate(nothing, "toy", 0)}
    for claim in ("C0", "C1", "C2", "C3", "C7"):
        assert (found[claim].verdict, found[claim].note) == ("not tested", "no file")
    assert found["C9"].note == "no model"
    assert found["C4"].verdict == "holds"


@pytest.mark.parametrize(
    ("zero", "mean", "verdict"),
    [
        (11.0, 0.0, "holds"),
        (0.5, 0.0, "does not hold"),
        (11.0, 0.3, "does not hold"),
        (11.0, np.log(1.05), "not resolved"),
    ],
)
def test_c9_needs_both_sides(results, zero, mean, verdict):
    noise = np.random.default_rng(1).normal(0, 1e-3, N_TEXTS)
    broken = replace(
        results, intervention=intervention(zero + noise, mean + noise, np.zeros(N_TEXTS))
    )
    assert verdicts(broken)["C9"] == verdict


def test_c6_fails_when_models_left_out_can_be_predicted(results):
    transfers = replace(results, leakage=results.leakage._replace(grouped=results.leakage.random))
    assert verdicts(transfers)["C6"] == "does not hold"


def test_c0_fails_for_another_initialization(results, excerpt):
    (measurement,) = results.untrained
    shrunk = replace(measurement, median=measurement.median * 0.8, top1=measurement.top1 * 0.8)
    assert verdicts(replace(results, untrained=[shrunk]))["C0"] == "does not hold"
    assert against_authors([measurement], excerpt)["median"].estimate < 0.1
    assert MODEL == "pythia-14m"


def test_c7_and_c3_follow_the_excerpt(results, excerpt):
    late = (excerpt.model == "pythia-1b") & (excerpt.step == 100_000)
    flat = excerpt.copy()
    before = excerpt[(excerpt.model == "pythia-1b") & (excerpt.step == 24_000)]
    flat.loc[late, "median"] = before["median"].to_numpy()  # all growth is in the numerator
    flat["ratio"] = flat.top1 / flat["median"]
    assert verdicts(replace(results, excerpt=flat))["C7"] == "does not hold"
    swapped = excerpt.copy()
    rows = swapped.model == "pythia-14m"
    swapped.loc[rows, "step"] = swapped.loc[rows, "step"].replace({22_000: 66_000, 66_000: 22_000})
    assert verdicts(replace(results, excerpt=swapped))["C3"] == "does not hold"


def test_c8_compares_arms_with_the_base(results):
    def arm(name, factor):
        spread = {"base": 0.0, "relu": 0.01, "sgd": 0.02}[name]  # effects differ over seeds
        return [
            mini_run(rising(20 * factor * (1 + spread * s)), seed=s, arm=name) for s in range(4)
        ]

    arms = {"base": arm("base", 1.0), "relu": arm("relu", 0.5), "sgd": arm("sgd", 0.6)}
    assert verdicts(replace(results, arms=arms), "book")["C8"] == "holds"
    arms["sgd"] = arm("sgd", 1.5)
    assert verdicts(replace(results, arms=arms), "book")["C8"] == "does not hold"


def test_arms_that_change_nothing_satisfy_nothing(results):
    same = {
        name: [mini_run(rising(20.0 + s), seed=s, arm=name) for s in range(4)]
        for name in ("base", "relu", "sgd")
    }
    assert verdicts(replace(results, arms=same), "book")["C8"] == "not resolved"
    same["sgd"] = [mini_run(rising(20.0 + s + (-0.1) ** s), seed=s, arm="sgd") for s in range(4)]
    assert verdicts(replace(results, arms=same), "book")["C8"] == "not resolved"


def test_a_growing_control_breaks_c1(results):
    control = [mini_run(rising(20.0), arm="control")]
    assert verdicts(replace(results, control=control))["C1"] == "does not hold"


def test_a_control_that_stays_establishes_nothing(results):
    """One run is a gate and no evidence: with it or without it the verdict is the same."""
    without = replace(results, control=[])
    for scale in ("toy", "book"):
        assert verdicts(without, scale)["C1"] == verdicts(results, scale)["C1"]
    flat = [mini_run(rising(5.5 + 0.01 * seed), seed=seed) for seed in range(3)]
    assert verdicts(replace(results, base=flat), "book")["C1"] == "does not hold"


def test_c0_is_judged_over_seeds(results):
    """Deviations of the medians around 9 %: alike they pass, with a wide spread they do not."""
    (measurement,) = results.untrained

    def scaled(*factors):
        return [
            replace(measurement, median=measurement.median * f, top1=measurement.top1 * f**2)
            for f in factors
        ]

    assert verdicts(replace(results, untrained=scaled(1.0, 1.001, 0.999)), "book")["C0"] == "holds"
    wide = replace(results, untrained=scaled(0.9, 1.0, 1.1))
    assert verdicts(wide, "book")["C0"] == "not resolved"
    assert verdicts(results, "book")["C0"] == "not resolved"  # one seed


def test_diverged_runs_are_told_and_do_not_stop_the_chapter(results):
    few = replace(results, base=results.base[:1], failed=2)
    found = {f.claim: f for f in module.evaluate(few, "toy", 0)}
    assert found["C1"].verdict == "not tested"
    assert "2 minis diverged" in found["C1"].note
    arms = {"base": results.base, "relu": [], "sgd": results.base}
    assert verdicts(replace(results, arms=arms), "book")["C8"] == "not tested"


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_can_be_evaluated(results, scale):
    claims.check(
        [replace(f, must_hold=False) for f in module.evaluate(results, scale, 0)], chapter.CLAIMS
    )


def test_c1_at_book_scale_is_about_the_minis(results):
    assert verdicts(results, "book")["C1"] == "holds"
    flat = [mini_run(rising(5.5 + 0.01 * seed), seed=seed) for seed in range(3)]
    assert verdicts(replace(results, base=flat), "book")["C1"] == "does not hold"


def test_series_fit_into_a_record(results):
    from companion.records._store import plain

    series = plain(module.series(results))
    assert len(series["mini"]["ratio"]) == len(results.base)
    assert len(series["leakage"]["random"]) == 40
    assert records.MIME.endswith("+json")
