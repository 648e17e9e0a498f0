"""The law of mixing against linear algebra, samples, and printed numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.synthetic_data.method import mixing
from companion.synthetic_data.method.mixing import (
    largest_share,
    mixing_law,
    simulated,
    synthetic_share,
)


def covariance(s, k, protocol):
    """V_k by writing the error as a vector over independent noises: an oracle without recursion."""
    # coordinates: r, d, eta_1..eta_k, fresh r_1..r_k; variances 1/(1-s), 1/s
    n = 2 + 2 * k
    variance = np.array([1 / (1 - s), 1 / s, *[1 / s] * k, *[1 / (1 - s)] * k])
    unit = np.eye(n)
    error = first = (1 - s) * unit[0] + s * unit[1]
    written = np.zeros(n)
    for i in range(k):
        if protocol == "accumulate":
            written = written + s * (error + unit[2 + i])
            error = (first + written) / (1 + (i + 1) * s)
            continue
        real = unit[0] if protocol == "fixed" else unit[2 + k + i]
        error = (1 - s) * real + s * (error + unit[2 + i])
    return float(error**2 @ variance)


@given(st.floats(0.01, 0.99), st.integers(1, 6), st.sampled_from(["fresh", "fixed", "accumulate"]))
def test_the_law_is_the_variance_of_the_recursion(s, k, protocol):
    assert mixing_law(s, k, protocol) == pytest.approx(covariance(s, k, protocol), rel=1e-9)


def test_printed_values_of_the_law():
    found = [mixing_law(s, k, "fresh") for s, k in ((0.2, 3), (0.5, 1), (0.5, 2), (1.0, 3))]
    assert found == pytest.approx([1.041664, 1.25, 1.3125, 4])
    assert mixing_law(0.5, 200, "fresh") == pytest.approx(1 / (1 - 0.25))
    # Gerstgrasser et al. 2024: the sum of 1/i^2 when everything is kept
    assert mixing_law(1.0, 2, "accumulate") == pytest.approx(1 + 1 / 4 + 1 / 9)
    assert mixing_law(1.0, 20_000, "accumulate") == pytest.approx(np.pi**2 / 6, abs=1e-4)
    assert [synthetic_share(s, 3) for s in (0.2, 0.5)] == pytest.approx([0.45, 0.30], abs=5e-3)


@pytest.mark.parametrize("protocol", ["fixed", "fresh", "accumulate", "subsample"])
def test_the_law_is_that_of_samples(protocol):
    """The loop with real samples and their means, 60 at a time."""
    rng = np.random.default_rng(3)
    n, s, rounds, errors = 60, 0.4, 3, []
    new = round(s * n)
    for _ in range(8000):
        first = rng.standard_normal(n)
        kept, pool, guess = first[: n - new], first, first.mean()
        for _ in range(rounds):
            written = guess + rng.standard_normal(new)
            pool = np.concatenate([pool, written])
            if protocol == "accumulate":
                guess = pool.mean()
            elif protocol == "subsample":
                guess = rng.choice(pool, n, replace=False).mean()
            else:
                real = kept if protocol == "fixed" else rng.standard_normal(n - new)
                guess = np.concatenate([real, written]).mean()
        errors.append(n * guess**2)
    half = 4 * np.std(errors) / np.sqrt(len(errors))
    assert np.mean(errors) == pytest.approx(mixing_law(s, rounds, protocol), abs=half)
    assert half < 0.14


@pytest.mark.parametrize("protocol", ["fixed", "fresh", "accumulate", "real only"])
@pytest.mark.parametrize("s", [0.1, 0.5, 0.9])
def test_simulated_means_have_the_variance_of_the_law(protocol, s):
    z = np.random.default_rng(0).standard_normal((8, 100_000))
    squares = simulated(s, protocol, z) ** 2
    for k in range(4):
        half = 4 * squares[k].std() / np.sqrt(squares.shape[1])
        assert squares[k].mean() == pytest.approx(mixing_law(s, k, protocol), abs=half)


@given(st.floats(0.01, 0.9), st.integers(1, 8))
def test_who_loses_no_real_data_is_better_off(s, k):
    assert mixing_law(s, k, "fresh") <= mixing_law(s, k, "real only") * (1 + 1e-12)
    assert mixing_law(s, 1000, "accumulate") < 2


def test_fixed_mixtures_help_at_first_and_hurt_later():
    assert synthetic_share(0.5, 1) < 0 < synthetic_share(0.5, 2) < synthetic_share(0.5, 3)
    assert synthetic_share(0.9, 3) < 0


def test_no_synthetic_data_and_no_generation_change_nothing():
    for protocol in mixing.PROTOCOLS:
        assert mixing_law(0.0, 3, protocol) == pytest.approx(1)
        assert mixing_law(0.4, 0, protocol) == 1


@pytest.mark.parametrize(
    ("s", "k", "protocol", "words"),
    [(1.2, 1, "fresh", "s in"), (0.1, -1, "fresh", "k >= 0"), (0.1, 1, "both", "unknown protocol")],
)
def test_impossible_arguments_of_the_law(s, k, protocol, words):
    with pytest.raises(ValueError, match=words):
        mixing_law(s, k, protocol)


def test_the_budget_is_where_the_law_crosses():
    s = largest_share(0.05, 3)
    assert mixing_law(s, 3, "fresh") <= 1.05 < mixing_law(s + 1e-4, 3, "fresh")
    assert largest_share(10, 3) == 1
