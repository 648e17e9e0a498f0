"""Scores, AUROC, power, and the rank test against references that are not ours."""

import math
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve
from statsmodels.stats.weightstats import ttest_ind

from companion.leximark.lab import detection
from companion.leximark.lab.detection import rank_p, uniformity
from companion.leximark.method.scores import (
    MIN_K_PLUS,
    SCORES,
    TokenStats,
    from_flat,
    highest_mean,
    lowest_mean,
    score,
    token_moments,
)
from companion.scale import generator


def reference(logits, target):
    """l, mu, sigma of one token with Python's own floats."""
    top = max(logits)
    total = math.fsum(math.exp(x - top) for x in logits)
    logs = [x - top - math.log(total) for x in logits]
    mu = math.fsum(math.exp(x) * x for x in logs)
    variance = math.fsum(math.exp(x) * (x - mu) ** 2 for x in logs)
    return logs[target], mu, math.sqrt(variance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_one_pass_is_the_per_token_reference(dtype):
    noise = torch.Generator().manual_seed(0)
    logits = (3 * torch.randn(40, 300, generator=noise)).to(dtype)
    targets = torch.randint(0, 300, (40,), generator=noise)
    found = torch.stack(token_moments(logits, targets), 1).double()
    rows = [reference(row, int(t)) for row, t in zip(logits.tolist(), targets, strict=True)]
    expected = torch.tensor(rows, dtype=torch.float64)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    assert torch.allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_scores_are_the_reference_to_a_millionth():
    noise = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(50, 200, generator=noise)
    targets = torch.randint(0, 200, (50,), generator=noise)
    stats = from_flat(token_moments(logits, targets), [20, 30])
    rows = [reference(row, int(t)) for row, t in zip(logits.tolist(), targets, strict=True)]
    for name, values in (
        ("Min-K% 20", [r[0] for r in rows]),
        (MIN_K_PLUS, [(r[0] - r[1]) / r[2] for r in rows]),
    ):
        expected = [np.mean(sorted(values[:20])[:4]), np.mean(sorted(values[20:])[:6])]
        assert score(stats, name) == pytest.approx(expected, abs=1e-6)


def test_certain_and_impossible_tokens_give_no_nan():
    logits = torch.tensor([[200.0, -200.0, -200.0], [-math.inf, 0.0, 0.0]])
    l, mu, sigma = token_moments(logits, torch.tensor([0, 1]))  # noqa: E741
    assert torch.isfinite(mu).all()
    assert l.tolist() == pytest.approx([0.0, -math.log(2)])
    stats = from_flat((l, mu, sigma), [2])
    assert np.isfinite(stats.z[0]).all()
    assert stats.z[0][0] == 0


def test_shares_are_rounded_down_and_at_least_one():
    values = np.array([5.0, 1.0, 3.0, 2.0, 4.0, 0.0, 9.0])
    assert lowest_mean(values, 0.2) == 0.0
    assert lowest_mean(values, 0.3) == 0.5
    assert lowest_mean(values, 0.01) == 0.0
    assert highest_mean(values, 0.3) == 7.0
    assert lowest_mean(values, 1.0) == pytest.approx(values.mean())
    assert math.isnan(lowest_mean(np.array([]), 0.2))
    with pytest.raises(ValueError, match="share"):
        lowest_mean(values, 0.0)


def test_every_score_has_its_definition_and_the_same_sign():
    l = [np.array([-1.0, -4.0, -2.0, -3.0, -0.5])]  # noqa: E741
    stats = TokenStats(l, [np.full(5, -2.0)], [np.full(5, 0.5)])
    lowered = TokenStats([l[0] * 2], stats.mu, stats.sigma)
    text = "in the beginning"
    found = {name: float(score(stats, name, [text], lowered)[0]) for name in SCORES}
    assert found["loss"] == pytest.approx(-2.1)
    assert found["zlib"] == pytest.approx(-10.5 / len(zlib.compress(text.encode())))
    assert found["lowercase"] == pytest.approx(-0.5)
    assert found["Min-K% 20"] == -4.0
    assert found["Max-K% 20"] == -0.5
    assert found[MIN_K_PLUS] == pytest.approx(-4.0)
    better = TokenStats([l[0] + 0.3], stats.mu, stats.sigma)
    for name in SCORES:
        assert score(better, name, [text], lowered)[0] > found[name], name
    with pytest.raises(ValueError, match="unknown score"):
        score(stats, "Min-K% x")
    with pytest.raises(ValueError, match="zlib needs"):
        score(stats, "zlib")
    with pytest.raises(ValueError, match="lower case"):
        score(stats, "lowercase")


NUMBERS = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None)
@given(NUMBERS, NUMBERS)
def test_auroc_is_that_of_sklearn_and_of_the_definition(a, b):
    label = np.r_[np.ones(len(a)), np.zeros(len(b))]
    assert detection.auroc(a, b) == pytest.approx(roc_auc_score(label, [*a, *b]), abs=1e-12)
    assert detection.wins(a, b).mean() == pytest.approx(detection.auroc(a, b), abs=1e-12)
    assert detection.auroc(a, b) + detection.auroc(b, a) == pytest.approx(1.0, abs=1e-12)


def test_roc_and_tpr_are_those_of_sklearn():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, 200).round(1), rng.normal(0, 1, 150).round(1)
    label = np.r_[np.ones(200), np.zeros(150)]
    false, true, _ = roc_curve(label, np.r_[a, b], drop_intermediate=False)
    ours = detection.roc(a, b)
    assert np.allclose(ours, (false, true))
    assert detection.tpr_at(a, b) == pytest.approx(true[false <= 0.05].max())


@pytest.mark.parametrize("bad", [[], [float("nan")], [[1.0]]])
def test_bad_scores_are_refused(bad):
    with pytest.raises(ValueError, match="finite scores"):
        detection.auroc(bad, [0.0])


def test_the_bootstrap_covers_and_pairs():
    rng = np.random.default_rng(0)
    truth = norm.cdf(1 / math.sqrt(2))
    hits = 0
    for i in range(60):
        pair = [(rng.normal(1, 1, 60), rng.normal(0, 1, 60))]
        found = detection.bootstrap_auroc(pair, seed=i, n_resamples=400)
        hits += found.low <= truth <= found.high
    assert hits >= 51  # 95 % of 60 is 57; the chance of 50 or fewer is 1 in 1000
    same = detection.bootstrap_auroc(pair, pair, seed=0)
    assert same.estimate == 0
    assert not same.has_interval  # no document differs, which says nothing about others
    both = detection.bootstrap_auroc(pair, seed=3)
    assert both == detection.bootstrap_auroc(pair, seed=3)
    with pytest.raises(ValueError, match="same documents"):
        detection.bootstrap_auroc(pair, [(pair[0][0][:5], pair[0][1])], seed=0)
    with pytest.raises(ValueError, match="1 seeds against 2"):
        detection.bootstrap_auroc(pair, pair * 2, seed=0)


def test_with_seeds_the_interval_is_wide_enough_and_not_thrice_as_wide():
    """Seeds and documents are both drawn: conservative, by a factor of about the root of two."""
    rng = np.random.default_rng(1)
    truth = norm.cdf(1 / math.sqrt(2))
    hits, found, estimates = 0, [], []
    for i in range(60):
        pairs = [(rng.normal(1, 1, 40), rng.normal(0, 1, 40)) for _ in range(5)]
        found.append(detection.bootstrap_auroc(pairs, seed=i, n_resamples=400))
        hits += found[-1].low <= truth <= found[-1].high
        estimates.append(found[-1].estimate)
    assert hits >= 55  # of 60; at 95 % 54 or fewer have a chance of 1 in 10, here less
    width = np.mean([one.high - one.low for one in found])
    assert 1.0 < width / (2 * 1.96 * np.std(estimates)) < 2.0


def test_two_versions_of_the_same_documents_are_drawn_together():
    rng = np.random.default_rng(2)
    truth = norm.cdf(0.2 / math.sqrt(2 * (1 + 0.3**2)))
    hits, widths = 0, []
    for i in range(60):
        document = rng.normal(size=60)  # what both versions have in common
        a, b = (document + shift + 0.3 * rng.normal(size=60) for shift in (0.2, 0.0))
        found = detection.bootstrap_auroc([(a, b)], seed=i, same=True, n_resamples=400)
        apart = detection.bootstrap_auroc([(a, b)], seed=i, n_resamples=400)
        hits += found.low <= truth <= found.high
        widths.append((found.high - found.low) / (apart.high - apart.low))
    assert hits >= 51
    assert np.mean(widths) < 0.6  # drawn apart, the interval would be far too wide
    with pytest.raises(ValueError, match="two versions"):
        detection.bootstrap_auroc([(a, b[:9])], seed=0, same=True)


def test_the_weighted_mean_of_drawn_documents_by_hand():
    rng = np.random.default_rng(4)
    grid = detection.wins(rng.normal(size=7), rng.normal(size=9))
    rows, columns = detection._counts(3, 0, 50, 7, 9)
    found = detection._resampled(grid, 50, 3, 0, False, at_a_time=16)
    drawn = zip(rows, columns, strict=True)
    expected = [np.repeat(np.repeat(grid, a, 0), b, 1).mean() for a, b in drawn]
    assert found == pytest.approx(expected, abs=1e-12)
    assert rows.sum(1).tolist() == [7] * 50
    square = grid[:, :7]
    alike = detection._resampled(square, 50, 3, 0, True)
    rows = detection._counts(3, 0, 50, 7, 7)[0]
    again = [np.repeat(np.repeat(square, a, 0), a, 1).mean() for a in rows]
    assert alike == pytest.approx(again, abs=1e-12)


def test_the_bootstrap_of_means_is_that_of_scipy():
    from scipy.stats import bootstrap

    values = np.random.default_rng(6).gamma(2.0, 1.0, 50)
    found = detection.bootstrap_mean([values], seed=0)
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=9999, rng=0)
    assert found.estimate == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(theirs.confidence_interval, abs=0.03)


def test_the_bootstrap_is_that_of_drawn_documents():
    rng = np.random.default_rng(5)
    a, b = rng.normal(0.8, 1, 40), rng.normal(0, 1, 50)
    draws = [detection.auroc(rng.choice(a, 40), rng.choice(b, 50)) for _ in range(2000)]
    found = detection.bootstrap_auroc([(a, b)], seed=1)
    assert (found.low, found.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.015)


def test_separated_scores_say_nothing_about_other_documents():
    pairs = [(np.arange(11.0) + 20, np.arange(13.0))] * 3
    found = detection.bootstrap_auroc(pairs, seed=0, n_resamples=200)
    assert found.estimate == 1
    assert not found.has_interval


def test_naive_bayes_sees_words_and_nothing_else():
    rng = np.random.default_rng(0)
    pool = [f"w{i}" for i in range(200)]
    plain = [" ".join(rng.choice(pool, 40)) for _ in range(120)]
    told = [text + " shibboleth" for text in plain[:60]]
    assert detection.blind(told, plain[60:], 0) == pytest.approx(1.0, abs=0.03)
    assert detection.blind(plain[:60], plain[60:], 0) == pytest.approx(0.5, abs=0.17)
    # two versions that are equal: a twin in the training fold would mislead
    assert detection.blind(plain[:60], plain[:60], 0, same=True) == 0.5
    assert detection.blind(plain[:60], plain[:60], 0) < 0.4


@pytest.mark.parametrize(
    ("auroc", "alpha", "expected"),
    [
        (0.948, 0.05, 5),
        (0.948, 0.01, 7),
        (0.691, 0.05, 33),
        (0.691, 0.01, 49),
        (0.76, 0.05, 17),
        (0.76, 0.01, 26),
    ],
)
def test_records_needed_for_the_papers_numbers(auroc, alpha, expected):
    d = detection.effect_of_auroc(auroc)
    assert detection.records_needed(d, alpha) == expected
    assert detection.predicted_power(d, expected, alpha) >= 0.8
    assert detection.predicted_power(d, expected - 1, alpha) < 0.8


def test_effects_and_simulated_tests_agree_with_theory():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1.2, 1, 20_000), rng.normal(0, 1, 20_000)
    d = detection.effect_size(a, b)
    assert d == pytest.approx(1.2, abs=0.03)
    assert detection.auroc(a, b) == pytest.approx(norm.cdf(d / math.sqrt(2)), abs=0.01)
    assert detection.effect_of_auroc(detection.auroc(a, b)) == pytest.approx(d, abs=0.05)
    for n in (6, 12):
        found = detection.simulated_power(a, b, n, 0, draws=4000)
        assert found == pytest.approx(detection.predicted_power(d, n), abs=0.03)
    assert abs(detection.simulated_records(a, b, 0) - detection.records_needed(d)) <= 1
    assert detection.simulated_power(b, a, 12, 0) == 0  # the wrong direction counts for nothing


def test_simulated_power_counts_welch_tests_one_by_one():
    rng = np.random.default_rng(1)
    a, b = rng.normal(1, 2, 30), rng.normal(0, 1, 30)
    found = detection.simulated_power(a, b, 9, 5, draws=120)
    noise = generator(5, "leximark power", 9)
    first, second = noise.choice(a, (120, 9)), noise.choice(b, (120, 9))
    tests = [ttest_ind(x, y, usevar="unequal")[:2] for x, y in zip(first, second, strict=True)]
    assert found == np.mean([p < detection.ALPHA and t > 0 for t, p in tests])
    assert 0 < found < 1


def test_no_effect_needs_infinitely_many_records():
    assert detection.records_needed(0.0) == detection.records_needed(-1.0) == math.inf
    assert detection.records_needed(math.nan) == math.inf
    assert detection.records_needed(0.01) == math.inf
    assert math.isnan(detection.effect_size(np.ones(3), np.ones(3)))
    with pytest.raises(ValueError, match="strictly between"):
        detection.effect_of_auroc(1.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=12))
def test_rank_p_by_counting(values):
    true, *others = map(float, values)
    p = rank_p(true, np.array(others))
    assert p == (1 + sum(x >= true for x in others)) / (1 + len(others))
    assert 1 / (1 + len(others)) <= p <= 1


def test_exchangeable_keys_are_uniform_and_leaky_ones_are_not():
    rng = np.random.default_rng(0)
    p = np.array([rank_p(x[0], x[1:]) for x in rng.normal(size=(400, 20))])
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.04)
    assert uniformity(p, 19, 0) > 0.01
    leaky = np.array([rank_p(x[0] + 1.0, x[1:]) for x in rng.normal(size=(40, 20))])
    assert uniformity(leaky, 19, 0) < 0.01
    with pytest.raises(ValueError, match="finite score"):
        rank_p(math.nan, np.zeros(3))
