"""Every interval of :mod:`companion.stats` covers as often as its level says, and no other level.

Simulated coverage is compared with binomial bounds that chance leaves once in ten thousand; they
tell 90 % from 95 % and from 97.5 %.  Where coverage can be summed exactly it is.
"""

import numpy as np
import pytest
from scipy.stats import binom, t
from statsmodels.stats.weightstats import ttost_paired

from companion import stats

N = 1000
"""Simulated samples: the bounds around 95 % are 92.2 and 97.3 %."""


def covers(interval, truth):
    return interval.low <= truth <= interval.high


def agrees(hits, level, n=N, slack=0.0):
    """Whether `hits` of `n` may come from a coverage within `slack` of `level`."""
    return binom.cdf(hits, n, level - slack) > 1e-4 and binom.sf(hits - 1, n, level + slack) > 1e-4


def hits(draw, interval, truth, n=N, seed=0):
    rng = np.random.default_rng(seed)
    return sum(covers(interval(draw(rng), rng), truth) for _ in range(n))


def test_the_named_levels():
    assert stats.LEVEL == 0.95
    assert stats.EQUIVALENCE == 0.90  # two one-sided tests at (1 - 0.90) / 2
    for other in (0.90, 0.975):
        assert not agrees(round(other * N), 0.95)
    assert not agrees(round(0.95 * N), 0.90)


def five(rng):
    return rng.normal(3.0, 2.0, 5)


@pytest.mark.parametrize("level", [None, 0.90])
@pytest.mark.parametrize("function", [stats.t_interval, stats.over_seeds])
def test_intervals_of_a_mean(function, level):
    asked = {} if level is None else {"confidence": level}
    found = hits(five, lambda x, _: function(x, **asked), 3.0)
    assert agrees(found, level or stats.LEVEL)


def test_normal_quantiles_would_be_seen():
    """With five values they cover 88 % only; the test above is sharp enough for that."""

    def normal(x, _):
        half = 1.96 * x.std(ddof=1) / np.sqrt(5)
        return stats.Interval(x.mean(), x.mean() - half, x.mean() + half)

    assert not agrees(hits(five, normal, 3.0), stats.LEVEL)


def pairs(rng):
    """Six seeds with a large effect of their own and a difference of 0.3."""
    seed = 50 * rng.standard_normal(6)
    return seed + 0.3 + 0.1 * rng.standard_normal(6), seed + 0.1 * rng.standard_normal(6)


@pytest.mark.parametrize("level", [None, 0.90])
def test_the_paired_interval_covers_and_is_narrow(level):
    asked = {} if level is None else {"confidence": level}
    found = hits(pairs, lambda ab, _: stats.paired(*ab, **asked), 0.3)
    assert agrees(found, level or stats.LEVEL)
    rng = np.random.default_rng(1)
    widths = [stats.paired(*pairs(rng)) for _ in range(20)]
    assert max(one.high - one.low for one in widths) < 1  # and not the 100 of the seeds


@pytest.mark.parametrize("level", [None, 0.90])
@pytest.mark.parametrize("columns", [None, 3])
def test_the_percentile_bootstrap(columns, level):
    """Forty units; rows of three values share their unit's effect.  It covers 1 % too little."""

    def draw(rng):
        unit = rng.normal(1.0, 1.0, 40)
        return unit if columns is None else np.repeat(unit[:, None], columns, axis=1)

    asked = {"n_resamples": 400} | ({} if level is None else {"confidence": level})
    n = 700
    found = hits(draw, lambda x, rng: stats.bootstrap(x, rng=rng, **asked), 1.0, n)
    assert agrees(found, (level or stats.LEVEL) - 0.01, n, slack=0.005)


@pytest.mark.parametrize("level", [None, 0.90])
def test_the_geometric_mean(level):
    asked = {"n_resamples": 400} | ({} if level is None else {"confidence": level})
    n = 700
    found = hits(
        lambda rng: np.exp(rng.normal(np.log(2.0), 1.0, 40)),
        lambda x, rng: stats.geometric_mean(x, rng=rng, **asked),
        2.0,
        n,
    )
    assert agrees(found, (level or stats.LEVEL) - 0.01, n, slack=0.005)


@pytest.mark.parametrize("level", [None, 0.90, 0.99])
def test_wilson_by_exact_sums(level):
    """Coverage oscillates with the true share; its mean over shares is the level."""
    n, asked = 60, {} if level is None else {"confidence": level}
    found = [stats.proportion(k, n, **asked) for k in range(n + 1)]
    shares = np.linspace(0.1, 0.9, 81)
    inside = np.array([[covers(one, p) for one in found] for p in shares])
    chance = binom.pmf(np.arange(n + 1)[None], n, shares[:, None])
    assert (inside * chance).sum(1).mean() == pytest.approx(level or stats.LEVEL, abs=0.006)
    for k in (0, 17, n):
        assert stats.sign_test(k, n)[:3] == stats.proportion(k, n)[:3]


@pytest.mark.parametrize("effect", [0.0, 0.3, 0.55, 0.7])
def test_the_equivalence_interval_is_two_one_sided_tests(effect):
    """Inside the margin exactly where two tests at 5 % both reject."""
    rng, inside = np.random.default_rng(int(100 * effect)), 0
    for _ in range(100):
        x = rng.normal(effect, 0.6, 8)
        found = stats.t_interval(x, stats.EQUIVALENCE)
        p, _, _ = ttost_paired(x, np.zeros(8), -0.8, 0.8)
        assert (found.low > -0.8 and found.high < 0.8) == (p < 0.05)
        inside += p < 0.05
    assert 0 < inside < 100


def test_the_equivalence_interval_covers_90_percent():
    found = hits(five, lambda x, _: stats.t_interval(x, stats.EQUIVALENCE), 3.0)
    assert agrees(found, 0.90)


@pytest.mark.parametrize("null", [0.0, 3.0])
def test_p_and_interval_say_the_same(null):
    rng = np.random.default_rng(2)
    for _ in range(200):
        sample = five(rng) - 3.0 + null + 1.5
        for found in (stats.t_interval(sample, null=null), stats.over_seeds(sample, null=null)):
            assert (found.p < 0.05) == (not covers(found, null))
        spread = sample.std(ddof=1) / np.sqrt(5)
        by_hand = 2 * t.sf(abs(sample.mean() - null) / spread, 4)
        assert found.p == pytest.approx(by_hand)
