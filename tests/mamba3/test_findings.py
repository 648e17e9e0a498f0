"""Findings follow results: a result that breaks a claim must change its verdict."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from companion import claims
from companion.data import Missing
from companion.mamba3.verdict import claims as chapter
from companion.mamba3.verdict import findings
from companion.records._store import plain
from companion.scale import SCALES, generator

from . import made


def verdicts(result, scale):
    return {f.claim: f.verdict for f in findings.evaluate(result, scale, 0)}


def one(result, claim, scale="book"):
    """The finding of one claim alone: C7's bootstrap takes longer than all others together."""
    (asked,) = (known for known in chapter.CLAIMS if known.id == claim)
    return findings._EVALUATIONS[claim](result, asked, scale, 0)


@pytest.fixture(scope="module")
def results():
    return made.results()


@pytest.mark.parametrize("scale", SCALES)
def test_every_claim_has_one_finding_and_all_hold(results, scale):
    found = findings.evaluate(results, scale, 0)
    claims.check(found, chapter.CLAIMS)
    expected = {claim.id: "holds" for claim in chapter.CLAIMS}
    if scale == "toy":
        expected |= {"C6": "not resolved", "C7": "not tested"}
    if scale != "paper":
        expected |= {"C10": "not tested"}
    assert {f.claim: f.verdict for f in found} == expected


def test_a_treatment_that_does_nothing_satisfies_nothing(results):
    same = {key: made.tracked(*key, 0.05) for key in results.tracked}
    flat = made.all_reads(dict.fromkeys(made.PARTS, 1.0), per_doubling=0.0, of_mamba3=0.0)
    idle = made.results(
        tracked=same, reads=flat, decode=made.decode(3.4), released=made.released(ratio=0.0)
    )
    found = verdicts(idle, "book")
    for claim in ("C4", "C5", "C6", "C7", "C8"):
        assert found[claim] != "holds", claim
    assert one(idle, "C4", "toy").verdict == "does not hold"
    assert one(idle, "C6", "toy").verdict == "not resolved"
    assert one(idle, "C10", "paper").verdict != "holds"


@pytest.mark.parametrize("scale", ["toy", "book"])
def test_a_form_that_differs_fails_the_notebook(scale):
    broken = made.results(disagreements={"chunks": 1e-14, "complex state": 1e-3})
    found = findings.evaluate(broken, scale, 0)
    assert one(broken, "C1", scale).verdict == "does not hold"
    with pytest.raises(claims.ClaimFailed, match="C1"):
        claims.check(found, chapter.CLAIMS)


def test_gradient_and_kernels(results):
    assert one(made.results(gradient=1e-3), "C1").verdict == "does not hold"
    assert one(made.results(gradient=None), "C1").verdict == "not tested"
    assert (
        one(made.results(kernels={"SISO": 0.022, "MIMO": 0.003}), "C2").verdict == "does not hold"
    )
    absent = one(made.results(kernels=Missing("no file")), "C2")
    assert (absent.verdict, absent.note) == ("not tested", "no file")


def test_orders(results):
    orders = dict(results.orders)
    name = "λ = 1/2, A(t)"
    orders[name] = made.order_with_slope(orders[name], 1.9, 2.0)
    assert one(made.results(orders=orders), "C3").verdict == "does not hold"
    assert one(made.results(random_orders=None), "C3").verdict == "not tested"


def test_c4_at_book_needs_size_and_significance(results):
    def with_own(values):
        run = results.tracked["parity", "Mamba-3"]
        accuracy = run.accuracy.copy()
        accuracy[run.lengths == 64] = values
        return made.results(
            tracked={**results.tracked, ("parity", "Mamba-3"): replace(run, accuracy=accuracy)}
        )

    assert one(with_own([0.99, 0.98, 1.0, 0.97, 0.9]), "C4").verdict == "holds"
    assert one(with_own([0.4, 0.41, 0.42, 0.4, 0.4]), "C4").verdict == "does not hold"
    noisy = one(with_own([1.0, 1.0, 1.0, 0.9, -1.0]), "C4")
    assert noisy.verdict == "not resolved"
    assert noisy.p > 0.01
    crosses = one(with_own([0.9, 0.6, 0.8, 0.5, 0.4]), "C4")
    assert 0 < crosses.low < 0.5 < crosses.estimate
    assert crosses.verdict == "not resolved"


def test_c4_at_book_looks_at_every_baseline(results):
    """The baseline with the smallest difference is not the one with the widest interval."""
    key = ("parity", "Mamba-2")
    run = results.tracked[key]
    accuracy = run.accuracy.copy()
    accuracy[run.lengths == 64] = [-0.9, 0.6, 0.5, -0.9, -0.9]
    wide = {**results.tracked, key: replace(run, accuracy=accuracy)}
    found = one(made.results(tracked=wide), "C4")
    assert found.low > 0.5
    assert "against Mamba-2" in found.note
    assert found.verdict == "not resolved"


def test_one_seed_that_does_not_learn_leaves_c4_and_c5_open(results):
    def with_seeds(key, values):
        run = results.tracked[key]
        accuracy = run.accuracy.copy()
        accuracy[run.lengths == run.train_length] = values
        return made.results(tracked={**results.tracked, key: replace(run, accuracy=accuracy)})

    one_lost = with_seeds(("parity", "Mamba-3"), [1.0, 0.99, 1.0, 0.1, 0.98])
    assert one(one_lost, "C4", "toy").verdict == "not resolved"
    claims.check(findings.evaluate(one_lost, "toy", 0), chapter.CLAIMS)
    alike = with_seeds(("Z3", "Mamba-3"), np.ones(5))
    assert one(alike, "C5").verdict == "not resolved"
    one_lost = with_seeds(("Z3", "Mamba-3"), [1.0, 0.99, 1.0, 0.1, 0.98])
    assert one(one_lost, "C5").verdict == "not resolved"


def test_baselines_that_solve_parity_break_c4(results):
    solved = {**results.tracked, ("parity", "Mamba-2"): made.tracked("parity", "Mamba-2", 1.0)}
    for scale in SCALES:
        assert one(made.results(tracked=solved), "C4", scale).verdict == "does not hold"


def test_real_eigenvalues_that_count_modulo_three_break_c5(results):
    key = ("Z3", "real, both signs")
    solved = {**results.tracked, key: made.tracked(*key, 1.0)}
    assert one(made.results(tracked=solved), "C5").verdict == "does not hold"
    assert (
        one(made.results(rotor={"parity": 1.0, "Z3": 0.9}), "C5", "toy").verdict == "does not hold"
    )


def test_diverged_seeds_are_counted_and_few_are_not_tested(results):
    run = results.tracked["parity", "Mamba-3"]
    losses = run.losses.copy()
    losses[-1, 0] = np.nan
    hurt = {**results.tracked, ("parity", "Mamba-3"): replace(run, losses=losses)}
    found = one(made.results(tracked=hurt), "C4")
    assert "Mamba-3 4 of 5 (1 diverged)" in found.note
    assert found.verdict == "not resolved"
    losses[-1, :4] = np.inf
    assert one(made.results(tracked=hurt), "C4").verdict == "not tested"
    assert one(made.results(tracked={}), "C5").verdict == "not tested"


def test_c6_follows_bias_and_convolution(results):
    useless = made.results(reads=made.all_reads({"no bias": 1.0}))
    assert one(useless, "C6").verdict != "holds"
    conv = made.results(reads=made.all_reads({"with convolution": 0.5}))
    assert one(conv, "C6").verdict == "does not hold"
    worse = made.results(reads=made.all_reads({"no bias, no trapezoid": 0.9}))
    assert one(worse, "C6", "toy").verdict == "not resolved"
    between = made.results(reads=made.all_reads({"with convolution": 0.9495}))
    assert one(between, "C6").verdict == "not resolved"
    lost = made.all_reads()
    lost["full"].losses[-1, 0] = np.nan
    assert one(made.results(reads=lost), "C6").verdict == "not resolved"
    assert one(made.results(reads=lost), "C7").verdict == "holds"
    lost["Mamba-2, N = 4"].losses[-1, 0] = np.nan
    assert one(made.results(reads=lost), "C7").verdict == "not resolved"
    lost["full"].losses[-1, :4] = np.nan
    assert one(made.results(reads=lost), "C6").verdict == "not tested"
    assert one(made.results(reads={}), "C6").verdict == "not tested"


def test_c7_recovers_the_factor_that_was_put_in(results):
    found = chapter.state_factor(results.reads, generator(0, "test"), 200)
    assert found.factor.estimate == pytest.approx(2 ** (-0.08 / 0.05), rel=0.05)
    assert found.per_doubling.estimate == pytest.approx(-0.05, abs=0.005)
    equal = made.results(reads=made.all_reads(of_mamba3=0.0))
    assert one(equal, "C7").verdict == "does not hold"
    flat = made.results(reads=made.all_reads(per_doubling=0.0))
    assert one(flat, "C7").verdict == "not resolved"
    assert one(made.results(reads={}), "C7").verdict == "not tested"


def test_the_state_regression_is_that_of_the_within_estimator(results):
    table = chapter.state_table(results.reads)
    noisy = chapter.state_factor(results.reads, generator(1, "test"), 50)
    ratio = noisy.of_mamba3.estimate / noisy.per_doubling.estimate
    assert chapter._factor(
        table.assign(size=np.log2(table.N), m3=(table.family == "Mamba-3").astype(float))
    ) == pytest.approx(2.0**-ratio)


def test_c8_and_c9_follow_the_clock():
    assert one(made.results(decode=made.decode(2.4)), "C8").verdict == "does not hold"
    assert one(made.results(counts=((5, 6),)), "C8", "toy").verdict == "does not hold"
    assert one(made.results(decode=made.decode(1.4, heads=16)), "C8").verdict == "not tested"
    assert one(made.results(contexts=made.contexts(growth=0.5)), "C9").verdict == "does not hold"
    assert one(made.results(contexts=made.contexts(attention=0.0)), "C9").verdict != "holds"
    grows = made.contexts()
    grows.n_bytes["Mamba-3"][2] += 1
    assert one(made.results(contexts=grows), "C9", "toy").verdict == "does not hold"


def test_c10_needs_both_models_near_the_paper():
    off = made.results(released=made.released(lambada=(28.0, 34.0)))
    assert one(off, "C10", "paper").verdict == "does not hold"
    assert one(made.results(released=None), "C10", "paper").verdict == "not tested"
    gone = one(made.results(released=Missing("no network")), "C10", "paper")
    assert (gone.verdict, gone.note) == ("not tested", "no network")
    assert "tiny checkpoint" in one(made.results(), "C10", "book").note


def test_series_fit_into_a_record(results):
    kept = plain(findings.series(results))
    assert set(kept["tracking"]) == {f"{t}: {v}" for t, v in results.tracked}
    assert len(kept["losses"]["full"]) == 5


def test_welch_without_spread_knows_nothing():
    ones, zeros = np.ones(3), np.zeros(3)
    found = chapter.closest_baseline(ones, {"a": zeros, "b": zeros + 0.5})
    assert found.baseline == "b"
    assert (found.difference.estimate, found.difference.low) == (0.5, -np.inf)
    assert found.difference.p == 1
    with pytest.raises(ValueError, match="two seeds"):
        chapter.closest_baseline(ones[:1], {"a": zeros})


def test_welch_is_that_of_scipy():
    rng = np.random.default_rng(3)
    a, b = rng.normal(1, 0.3, 5), rng.normal(0, 0.1, 5)
    found = chapter.closest_baseline(a, {"b": b}).difference
    test = stats.ttest_ind(a, b, equal_var=False)
    low, high = test.confidence_interval(0.99)
    assert (found.low, found.high, found.p) == pytest.approx((low, high, test.pvalue))


def test_the_convolution_is_held_against_a_quarter_of_the_bias(results):
    full, conv, without = (
        results.reads[name].loss(128) for name in ("full", "with convolution", "no bias")
    )
    found = chapter.convolution_beyond_bias(results.reads)
    assert found.estimate == pytest.approx(np.mean(full - conv) - np.mean(without - full) / 4)
    assert found.high < 0


def test_lambada_must_be_near_with_its_interval():
    near = made.results(released=made.released(lambada=(33.2, 34.0)))
    assert one(near, "C10", "paper").verdict == "holds"
    crosses = made.results(released=made.released(lambada=(34.0, 34.0)))
    assert one(crosses, "C10", "paper").verdict == "not resolved"
