import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta, norm

from companion.massive_activations.method.theory import gaussian_ratio, hidden_state_ratio


def test_values_of_the_specification():
    assert hidden_state_ratio([128, 768, 2048]) == pytest.approx([6.96, 7.49, 7.76], abs=0.005)
    assert gaussian_ratio(4096) == pytest.approx(5.58, abs=0.005)


def test_a_simulation_agrees():
    rng = np.random.default_rng(0)
    draws = np.abs(rng.standard_normal((600, 4096)))
    ratios = draws.max(axis=1) / np.median(draws, axis=1)
    for quantile in (0.1, 0.5, 0.9):
        assert np.quantile(ratios, quantile) == pytest.approx(
            gaussian_ratio(4096, quantile), rel=0.02
        )


def exact_cdf(ratio: float, n: int) -> float:
    """P(max/median <= ratio) for odd n, by integrating over the sample median.

    Given that the median is x, the (n-1)/2 values above it are independent half-normals above x.
    """
    half = (n - 1) // 2

    def density(q):  # q = F(median), which has a beta distribution
        x = norm.ppf((1 + q) / 2)
        above = 2 * norm.cdf(ratio * x) - 1
        return beta.pdf(q, half + 1, half + 1) * ((above - q) / (1 - q)) ** half

    spread = 0.5 / np.sqrt(n)
    return quad(density, max(0.5 - 8 * spread, 1e-9), min(0.5 + 8 * spread, 1 - 1e-9))[0]


@pytest.mark.parametrize("n", [1001, 20_001])
def test_the_exact_distribution_has_its_median_there(n):
    # the sample median is not the population median, which moves the quantile by O(1/sqrt n)
    assert exact_cdf(gaussian_ratio(n), n) == pytest.approx(0.5, abs=0.02)
    assert exact_cdf(gaussian_ratio(n, 0.9), n) == pytest.approx(0.9, abs=0.02)


def test_one_scalar_is_its_own_maximum():
    assert gaussian_ratio(1) == pytest.approx(1.0)


@given(st.integers(1, 10**17), st.floats(0.01, 0.98))
def test_it_grows_with_count_and_quantile(n, quantile):
    value = gaussian_ratio(n, quantile)
    assert np.isfinite(value)  # (1 + q^(1/n)) / 2 would round to 1 and give infinity
    assert gaussian_ratio(2 * n, quantile) > value
    assert gaussian_ratio(n, quantile + 0.01) > value


def test_errors_name_the_value():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        gaussian_ratio(0)
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1.0"):
        gaussian_ratio(10, 1.0)
