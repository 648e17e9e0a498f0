import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from companion import stats


def test_t_interval_matches_the_textbook_formula():
    sample = np.array([1.0, 2.0, 4.0, 7.0])
    half = 3.182446305284263 * sample.std(ddof=1) / 2  # t quantile .975 with 3 degrees of freedom
    result = stats.t_interval(sample)
    assert result.estimate == pytest.approx(3.5)
    assert (result.low, result.high) == pytest.approx((3.5 - half, 3.5 + half))
    assert result.n == 4


def test_t_interval_covers_95_percent_of_the_time():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        interval = stats.t_interval(rng.normal(3.0, 2.0, size=5))
        hits += interval.low <= 3.0 <= interval.high
    assert binom.cdf(hits, 2000, 0.95) > 1e-4
    assert binom.sf(hits, 2000, 0.95) > 1e-4


@pytest.mark.parametrize("values", [[], [1.2], [1.0, 1.0, 1.0], [1.0, np.nan, 2.0], [np.inf, 1.0]])
def test_over_seeds_has_no_interval_where_nothing_is_known(values):
    result = stats.over_seeds(values)
    assert (result.low, result.high) == (-np.inf, np.inf)
    assert result.p is None
    assert result.n == len(values)
    assert not result.has_interval


def test_over_seeds_is_the_t_interval_of_whole_samples():
    sample = [1.0, 2.0, 4.0]
    assert stats.over_seeds(sample, null=1.0) == stats.t_interval(sample, null=1.0)
    assert stats.over_seeds([1.2]).estimate == 1.2
    assert np.isnan(stats.over_seeds([1.0, np.nan]).estimate)
    with pytest.raises(ValueError, match="one number a seed"):
        stats.over_seeds([[1.0, 2.0]])


def test_samples_without_spread_have_no_interval():
    ones = np.ones(6)
    rng = np.random.default_rng(5)
    for found in (
        stats.t_interval(ones),
        stats.paired(ones, ones),
        stats.bootstrap(ones, rng=rng),
        stats.bootstrap(np.ones((6, 2)), rng=rng),
        stats.geometric_mean(ones, rng=rng),
    ):
        assert found.high == np.inf
        assert found.low in (-np.inf, 0.0)  # zero where a logarithm is taken back


def test_exact_takes_one_number():
    with pytest.raises(TypeError, match="one number"):
        stats.exact(stats.Interval(1.0, 0.0, 2.0))
    with pytest.raises(TypeError, match="one number"):
        stats.exact(np.ones(2))


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, np.nan])
def test_a_level_is_a_probability(level):
    rng = np.random.default_rng(6)
    for interval in (
        lambda: stats.t_interval([1.0, 2.0], level),
        lambda: stats.over_seeds([1.0, 2.0], confidence=level),
        lambda: stats.paired([1.0, 2.0], [2.0, 5.0], level),
        lambda: stats.bootstrap([1.0, 2.0], rng=rng, confidence=level),
        lambda: stats.proportion(1, 2, level),
    ):
        with pytest.raises(ValueError, match="confidence"):
            interval()


@pytest.mark.parametrize("p", [-3.0, 7.0])
def test_p_values_are_probabilities(p):
    with pytest.raises(ValueError, match="p-value"):
        stats.holm([0.01, p])
    with pytest.raises(ValueError, match="p-value"):
        stats.p_value(p)


def test_paired_is_the_interval_of_differences():
    a, b = np.array([3.0, 5.0, 4.0]), np.array([1.0, 2.0, 2.5])
    assert stats.paired(a, b) == stats.t_interval(a - b)
    with pytest.raises(ValueError, match="equal lengths"):
        stats.paired(a, b[:2])


@given(st.integers(1, 60), st.data())
def test_wilson_solves_its_equation(n, data):
    k = data.draw(st.integers(0, n))
    share = stats.proportion(k, n)
    for end in (share.low, share.high):
        if 1e-9 < end < 1 - 1e-9:  # |p_hat - p| = z sqrt(p (1 - p) / n) at both ends
            z = abs(k / n - end) / np.sqrt(end * (1 - end) / n)
            assert z == pytest.approx(1.959964, abs=1e-4)


@pytest.mark.parametrize("n", [3, 10, 24, 60])
def test_all_of_all_may_be_all(n):
    """An upper end of 1 - 1e-16 would say that not every further one succeeds."""
    assert stats.proportion(n, n).high == 1
    assert stats.proportion(0, n).low == 0


def test_sign_test_is_the_exact_binomial_tail():
    assert stats.sign_test(9, 10).p == pytest.approx(11 / 1024)
    # one-sided binomial tails are beta distribution functions
    assert stats.sign_test(17, 20, 0.8).p == pytest.approx(beta.cdf(0.8, 17, 4))


def test_bootstrap_of_the_mean_has_the_normal_width():
    rng = np.random.default_rng(1)
    sample = rng.normal(size=400)
    result = stats.bootstrap(sample, rng=rng)
    half = 1.96 * sample.std() / 20
    assert result.estimate == pytest.approx(sample.mean())
    assert (result.high - result.low) / 2 == pytest.approx(half, rel=0.1)


def test_bootstrap_over_rows_keeps_rows_together():
    rng = np.random.default_rng(2)
    level = rng.normal(size=50)
    rows = np.repeat(level[:, None], 30, axis=1)  # 50 units, not 1500 values
    wide = stats.bootstrap(rows, np.mean, rng=rng, n_resamples=500)
    naive = 1.96 * level.std() / np.sqrt(1500)
    assert (wide.high - wide.low) / 2 > 3 * naive


def test_bootstrap_repeats_with_its_generator():
    sample = np.arange(10.0)
    first = stats.bootstrap(sample, rng=np.random.default_rng(3))
    assert first == stats.bootstrap(sample, rng=np.random.default_rng(3))


def test_geometric_mean_of_reciprocals_is_the_reciprocal():
    sample = np.array([2.0, 3.0, 8.0, 5.0])
    up = stats.geometric_mean(sample, rng=np.random.default_rng(4))
    down = stats.geometric_mean(1 / sample, rng=np.random.default_rng(4))
    assert up.estimate == pytest.approx(240**0.25)
    assert down.low == pytest.approx(1 / up.high)
    with pytest.raises(ValueError, match="positive"):
        stats.geometric_mean([1.0, -1.0], rng=np.random.default_rng(4))


def test_holm_by_hand():
    np.testing.assert_allclose(stats.holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])


def test_interval_map_knows_no_more_than_before():
    unknown = stats.over_seeds([0.5]).map(np.exp)
    assert unknown.estimate == pytest.approx(np.exp(0.5))
    assert not unknown.has_interval
    half = stats.Interval(0.0, -np.inf, 1.0).map(np.exp)
    assert (half.low, half.high) == (0.0, np.e)


def test_interval_map_reverses_a_falling_function():
    result = stats.Interval(2.0, 1.0, 4.0).map(lambda x: 1 / x)
    assert result[:3] == (0.5, 0.25, 1.0)
    assert stats.exact(3)[:3] == (3.0, 3.0, 3.0)


@pytest.mark.parametrize("bad", [[1.0], [[1.0, 2.0]], [1.0, np.nan]])
def test_bad_samples_are_refused(bad):
    with pytest.raises(ValueError, match=r"need a 1-D sample|not finite"):
        stats.t_interval(bad)


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_bad_counts_are_refused(k, n):
    with pytest.raises(ValueError, match="successes"):
        stats.proportion(k, n)
