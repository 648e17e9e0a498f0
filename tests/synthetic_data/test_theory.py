"""Laboratory A and the law of mixing against linear algebra, brute force and printed numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.synthetic_data.lab import theory
from companion.synthetic_data.method import mixing
from companion.synthetic_data.method.mixing import largest_share, mixing_law


def covariance(s, k, protocol):
    """V_k by writing the error as a vector over independent noises: an oracle without recursion."""
    # coordinates: r, d, eta_1..eta_k, fresh r_1..r_k; variances 1/(1-s), 1/s
    n = 2 + 2 * k
    variance = np.array([1 / (1 - s), 1 / s, *[1 / s] * k, *[1 / (1 - s)] * k])
    unit = np.eye(n)
    error = (1 - s) * unit[0] + s * unit[1]
    for i in range(k):
        real = unit[0] if protocol == "fixed" else unit[2 + k + i]
        error = (1 - s) * real + s * (error + unit[2 + i])
    return float(error**2 @ variance)


@given(st.floats(0.01, 0.99), st.integers(1, 6), st.sampled_from(["fresh", "fixed"]))
def test_the_law_is_the_variance_of_the_recursion(s, k, protocol):
    assert mixing_law(s, k, protocol) == pytest.approx(covariance(s, k, protocol), rel=1e-9)


def test_printed_values_of_the_law():
    found = [mixing_law(0.2, 3), mixing_law(0.5, 1), mixing_law(0.5, 2), mixing_law(1.0, 3)]
    assert found == pytest.approx([1.041664, 1.25, 1.3125, 4])
    assert mixing_law(0.5, 200) == pytest.approx(1 / (1 - 0.25))


@given(st.floats(0.01, 0.9), st.integers(1, 8))
def test_fresh_mixtures_beat_their_real_part(s, k):
    assert mixing_law(s, k, "fresh") <= mixing_law(s, k, "real only") * (1 + 1e-12)


def test_fixed_mixtures_beat_their_real_part_for_large_shares_only():
    ratio = [mixing_law(s, 3, "fixed") / mixing_law(s, 3, "real only") for s in (0.2, 0.5, 0.9)]
    assert ratio[0] > 1
    assert ratio[2] < 1


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
    assert mixing_law(s, 3) <= 1.05 < mixing_law(s + 1e-4, 3)
    assert largest_share(10, 3) == 1


def test_every_theorem_and_the_law_agree_with_simulation():
    rng = np.random.default_rng(0)
    rows = theory.all_checks(5000, rng) + theory.check_mixing(20_000, rng)
    assert len(rows) > 50
    assert max(abs(row.z) for row in rows) < 4


def test_the_check_sees_a_wrong_theorem():
    (mean,) = [
        r
        for r in theory.simulate_replacement(200_000, np.random.default_rng(1))
        if r.law == "variance, 1/n" and r.at == "k=20"
    ]
    wrong = mean._replace(predicted=(1 - 1 / 21) ** 20)
    assert abs(mean.z) < 4 < abs(wrong.z)


def test_sufficient_statistics_are_those_of_samples():
    rng = np.random.default_rng(2)
    drawn = rng.standard_normal((40_000, 20))
    _, variance = theory.refit_normal(20, 1, 40_000, rng, mle=True)
    assert variance[0].mean() == pytest.approx(drawn.var(axis=1).mean(), abs=0.01)
    assert variance[0].std() == pytest.approx(drawn.var(axis=1).std(), abs=0.01)


def test_simulated_mixing_is_that_of_samples():
    """The same loop with real samples instead of their means."""
    rng = np.random.default_rng(3)
    n, s, errors = 50, 0.4, []
    for _ in range(6000):
        data = rng.standard_normal(n)
        guess, kept = data.mean(), data[: n - 20]
        for _ in range(2):
            guess = np.concatenate([kept, guess + rng.standard_normal(20)]).mean()
        errors.append(n * guess**2)
    assert np.mean(errors) == pytest.approx(mixing_law(s, 2, "fixed"), rel=0.08)


def test_regression_is_that_of_design_matrices():
    """Replaced labels with an explicit design and pseudo-inverse."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((30, 4))
    pinv = np.linalg.pinv(x)
    first, third = [], []
    for _ in range(4000):
        w = np.zeros(4)
        for k in range(3):
            w = pinv @ (x @ w + rng.standard_normal(30))
            if k == 0:
                first.append(((x @ w) ** 2).sum())
        third.append(((x @ w) ** 2).sum())
    assert np.mean(third) / np.mean(first) == pytest.approx(3, rel=0.06)


def test_counts_lose_diversity_as_drift_does():
    p = np.array([0.5, 0.3, 0.2])
    error = (1 - (p**2).sum()) / 50
    for _ in range(200):
        error = theory.next_error(error, 1.0, 50, (p**2).sum())
    assert error == pytest.approx(1 - (p**2).sum(), rel=0.05)  # all mass on one token in the end


def test_survival_is_above_its_bound_and_real_data_revive():
    p = 1 / np.arange(1, 51)
    p /= p.sum()
    alone = theory.survival(p, 60, 3, 1.0, 4000, np.random.default_rng(5))
    mixed = theory.survival(p, 60, 3, 0.5, 4000, np.random.default_rng(5))
    assert (alone - theory.survival_bound(p, 60, 3)).min() > -0.03
    assert mixed[25:].mean() > alone[25:].mean() + 0.1
    assert theory.survival_bound(np.array([1.0]), 1, 2)[0] == pytest.approx(
        1 - np.exp(-0.63212), 1e-4
    )


def test_a_variance_needs_two_samples():
    with pytest.raises(ValueError, match="at least 2"):
        theory.refit_normal(1, 1, 5, np.random.default_rng(0), mle=True)
