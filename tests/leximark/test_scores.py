"""Scores, AUROC, power, and the rank test against references that are not ours."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, norm
from sklearn.metrics import roc_auc_score, roc_curve
from statsmodels.stats.weightstats import ttest_ind

from companion.leximark.lab import detection
from companion.leximark.lab.detection import rank_p
from companion.leximark.method.scores import (
    MIN_K_PLUS,
    SCORES,
    TokenStats,
    from_flat,
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
    assert lowest_mean(values, 1.0) == pytest.approx(values.mean())
    assert math.isnan(lowest_mean(np.array([]), 0.2))
    with pytest.raises(ValueError, match="share"):
        lowest_mean(values, 0.0)


def test_every_score_has_its_definition_and_the_same_sign():
    l = [np.array([-1.0, -4.0, -2.0, -3.0, -0.5])]  # noqa: E741
    stats = TokenStats(l, [np.full(5, -2.0)], [np.full(5, 0.5)])
    found = {name: float(score(stats, name)[0]) for name in SCORES}
    assert found["loss"] == pytest.approx(-2.1)
    assert found["Min-K% 20"] == -4.0
    assert found[MIN_K_PLUS] == pytest.approx(-4.0)
    better = TokenStats([l[0] + 0.3], stats.mu, stats.sigma)
    for name in SCORES:
        assert score(better, name)[0] > found[name], name
    with pytest.raises(ValueError, match="unknown score"):
        score(stats, "Min-K% x")
    with pytest.raises(ValueError, match="unknown score"):
        score(stats, "zlib 20")


NUMBERS = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None)
@given(NUMBERS, NUMBERS)
def test_auroc_is_that_of_sklearn_and_of_the_definition(a, b):
    label = np.r_[np.ones(len(a)), np.zeros(len(b))]
    assert detection.auroc(a, b) == pytest.approx(roc_auc_score(label, [*a, *b]), abs=1e-12)
    pairs = [(x > y) + 0.5 * (x == y) for x in a for y in b]
    assert detection.auroc(a, b) == pytest.approx(np.mean(pairs), abs=1e-12)
    assert detection.auroc(a, b) + detection.auroc(b, a) == pytest.approx(1.0, abs=1e-12)


def test_tpr_is_that_of_sklearn():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, 200).round(1), rng.normal(0, 1, 150).round(1)
    label = np.r_[np.ones(200), np.zeros(150)]
    false, true, _ = roc_curve(label, np.r_[a, b], drop_intermediate=False)
    assert detection.tpr_at(a, b) == pytest.approx(true[false <= 0.05].max())


@pytest.mark.parametrize("bad", [[], [float("nan")], [[1.0]]])
def test_bad_scores_are_refused(bad):
    with pytest.raises(ValueError, match="finite scores"):
        detection.auroc(bad, [0.0])


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
    d = 1.2
    assert detection.auroc(a, b) == pytest.approx(norm.cdf(d / math.sqrt(2)), abs=0.01)
    assert detection.effect_of_auroc(detection.auroc(a, b)) == pytest.approx(d, abs=0.05)
    for n in (6, 12):
        found = detection.simulated_power(a, b, n, 0, draws=4000)
        assert found == pytest.approx(detection.predicted_power(d, n), abs=0.03)
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
    with pytest.raises(ValueError, match="d must be a number, got nan"):
        detection.records_needed(math.nan)
    assert detection.records_needed(0.01) == math.inf
    with pytest.raises(ValueError, match="strictly between"):
        detection.effect_of_auroc(1.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=12))
def test_rank_p_by_counting(values):
    true, *others = map(float, values)
    p = rank_p(true, np.array(others))
    assert p == (1 + sum(x >= true for x in others)) / (1 + len(others))
    assert 1 / (1 + len(others)) <= p <= 1


def test_innocent_tests_are_cut_apart_and_uniform():
    rng = np.random.default_rng(0)
    p = np.concatenate([detection.innocent_tests(rng.normal(size=(100, 30))) for _ in range(20)])
    assert len(p) == 20 * 5 * 6
    assert kstest(p - rng.random(len(p)) / 20, "uniform").pvalue > 0.01
    scores = rng.normal(size=(40, 10))
    found = detection.innocent_tests(scores)
    first = scores[:20, :5].mean(axis=1)
    last = scores[20:, 5:].mean(axis=1)
    assert found[0] == rank_p(first[0], first[1:])
    assert found[-1] == rank_p(last[0], last[1:])
    assert len(found) == 4
    leaky = rng.normal(size=(100, 30))
    leaky[::20] += 1.0  # the claimed key of each block
    assert (detection.innocent_tests(leaky) <= 0.1).mean() > 0.5


def test_the_keyed_test_asks_the_first_key_against_all_others():
    scores = np.array([[3.0, 1.0], [0.0, 1.0], [2.0, 4.0]])
    found = detection.keyed_test(scores)
    assert (found.true, found.others.tolist(), found.p) == (2.0, [0.5, 3.0], 2 / 3)
    assert found.z == pytest.approx((2.0 - 1.75) / np.std([0.5, 3.0], ddof=1))
    with pytest.raises(ValueError, match="finite score"):
        rank_p(math.nan, np.zeros(3))
