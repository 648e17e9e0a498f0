"""Sets, intervals, trend, and predictor against brute force and other formulas."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from companion.distillation_memorization.lab.predictor import predict
from companion.distillation_memorization.method import memorization
from companion.distillation_memorization.method.objectives import BASELINE, HARD, SOFT, TEACHER
from companion.distillation_memorization.verdict import results
from companion.distillation_memorization.verdict.results import temperature_slope


def random_members(seed, n=60, rate=0.4):
    rng = np.random.default_rng(seed)
    names = (TEACHER, BASELINE, SOFT, HARD)
    return {name: rng.random(n) < rate for name in names}


@given(st.integers(0, 500))
@settings(deadline=None, max_examples=25)
def test_sets_are_those_of_set_algebra(seed):
    m = random_members(seed)
    t, b, s = (set(np.flatnonzero(m[k])) for k in (TEACHER, BASELINE, SOFT))
    assert set(np.flatnonzero(memorization.easy(m))) == t & b
    assert set(np.flatnonzero(memorization.inherited(m, SOFT))) == (t & s) - b
    assert set(np.flatnonzero(memorization.rejected(m, SOFT))) == (t & b) - s
    assert set(np.flatnonzero(memorization.teacher_only(m))) == t - b


def test_mcnemar_is_the_sign_test_of_the_pairs_that_differ():
    m = random_members(3)
    a, b = m[BASELINE], m[SOFT]
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    assert results.mcnemar_p(a, b) == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    assert results.mcnemar_p(a, a) == pytest.approx(1.0)


@given(st.integers(1, 500), st.integers(1, 500))
def test_the_halved_ratio_is_never_further_from_one(a, b):
    assert abs(math.log(memorization.halved_ratio(a, b))) <= abs(math.log(a / b)) + 1e-12


def test_the_bootstrap_has_the_spread_of_theory():
    n, a, b = 4000, 0.2, 0.1
    rng = np.random.default_rng(0)
    m = {"a": rng.random(n) < a, "b": rng.random(n) < b}
    found = results.two_level(
        [m],
        lambda x, w: np.array([x["a"] @ w, x["b"] @ w]),
        lambda c: memorization.ratio(c[0], c[1]),
        np.random.default_rng(1),
        800,
    )
    p, q, both = m["a"].mean(), m["b"].mean(), (m["a"] & m["b"]).mean()
    spread = math.sqrt((1 / p + 1 / q - 2 * both / (p * q)) / n)  # delta method, log ratio
    assert found.estimate == pytest.approx(p / q)
    width = math.log(found.high / found.low) / (2 * 1.96)
    assert width == pytest.approx(spread, rel=0.12)


def test_the_bootstrap_resamples_seeds_first():
    alike = [{"a": np.arange(100) < 10}] * 4
    apart = [{"a": np.arange(100) < k} for k in (1, 5, 15, 19)]
    widths = []
    for worlds in (alike, apart):
        found = results.two_level(
            worlds,
            lambda m, w: np.array([m["a"] @ w, w.sum()]),
            lambda c: c[0] / c[1],
            np.random.default_rng(0),
            400,
        )
        assert found.estimate == pytest.approx(0.1)
        widths.append(found.high - found.low)
    assert widths[1] > 1.5 * widths[0]


def test_an_empty_denominator_gives_nothing():
    nobody = {"a": np.ones(9, bool), "b": np.zeros(9, bool)}

    def count(m, w):
        return np.array([m["a"] @ w, m["b"] @ w])

    rng = np.random.default_rng(0)
    found = results.two_level([nobody], count, lambda c: memorization.ratio(c[0], c[1]), rng, 9)
    assert math.isnan(found.estimate)
    assert not found.has_interval


def test_resamples_that_are_all_alike_give_no_interval():
    same = {"a": np.ones(9, bool), "b": np.ones(9, bool)}
    rng = np.random.default_rng(0)
    found = results.two_level(
        [same, same],
        lambda m, w: np.array([m["a"] @ w, m["b"] @ w]),
        lambda c: memorization.ratio(c[0], c[1]),
        rng,
        9,
    )
    assert found.estimate == 1.0
    assert not found.has_interval


def test_ends_are_those_of_the_level():
    assert results.ends(np.arange(1001)) == pytest.approx((25.0, 975.0))
    assert not any(map(np.isfinite, results.ends([1.0, np.nan])))


def test_the_temperature_slope_is_found_and_is_flat_under_the_null():
    rng = np.random.default_rng(0)
    taus = (1.0, 2.0, 4.0, 8.0)

    def world(slope):
        ease = rng.random(4000)  # the same sequences are easy at every temperature
        rate = [1 / (1 + math.exp(2.5 - slope * math.log2(t))) for t in taus]
        return {t: ease < r for t, r in zip(taus, rate, strict=True)}

    falling = temperature_slope([world(-0.5), world(-0.5)])
    assert falling.low < -0.5 < falling.high
    assert falling.high < 0
    flat = temperature_slope([world(0.0)])
    assert flat.estimate == pytest.approx(0.0, abs=1e-6)
    two = temperature_slope([{1.0: np.arange(100) < 20, 2.0: np.arange(100) < 10}])
    odds = math.log((10 / 90) / (20 / 80))  # the closed form for two temperatures
    assert two.estimate == pytest.approx(odds, rel=1e-5)
    nothing = temperature_slope([{t: np.zeros(50, bool) for t in taus}])
    assert math.isnan(nothing.estimate)


def features_with(signal, n=600, k=40):
    rng = np.random.default_rng(0)
    memorized = rng.permutation(n) < k
    x = rng.standard_normal((n, 4))
    x[memorized, 3] -= signal
    return x, memorized


def test_the_predictor_finds_a_signal_of_known_size():
    x, memorized = features_with(2.0)
    found = predict(x, memorized, np.zeros(600, bool), 40, np.random.default_rng(1))
    theory = 0.5 * (1 + math.erf(2.0 / 2))  # AUC of two normals 2 deviations apart
    assert found.auc.mean() == pytest.approx(theory, abs=0.06)
    assert abs(found.permuted.mean() - 0.5) < 0.06
    assert found.coefficients[:, 3].mean() < -1
    assert np.abs(found.coefficients[:, :3].mean(0)).max() < 0.5
    assert found.probability[memorized].mean() > found.probability[~memorized].mean() + 0.2
    assert np.isnan(found.hard).all()


def test_the_predictor_finds_nothing_where_nothing_is():
    x, memorized = features_with(0.0)
    found = predict(x, memorized, np.zeros(600, bool), 40, np.random.default_rng(1))
    assert abs(found.auc.mean() - 0.5) < 0.1


def test_hard_negatives_are_harder():
    x, memorized = features_with(3.0)
    difficult = np.zeros(600, bool)
    difficult[np.flatnonzero(~memorized)[:30]] = True
    x[difficult, 3] -= 3.0  # they look like the memorized ones
    found = predict(x, memorized, difficult, 20, np.random.default_rng(1))
    assert np.nanmean(found.hard) < found.auc.mean() - 0.2


def test_few_memorized_sequences_are_not_predicted():
    x, _ = features_with(0.0)
    found = predict(x, np.arange(600) < 3, np.zeros(600, bool), 5, np.random.default_rng(0))
    assert not found.tested
    assert np.isnan(found.probability).all()
