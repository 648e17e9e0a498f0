import lmfit
import numpy as np
import pytest

from companion.massive_activations.lab.rivals import (
    CHECKPOINTS,
    REGIMES,
    draw_series,
    limits_at_infinity,
    profile_plateau,
    refit,
)
from companion.massive_activations.method.curve import (
    DAMPED_LOG,
    damped_log,
    fit,
    search,
    turning_point,
)

PEAK, RISING = REGIMES["early peak"], REGIMES["rising"]


def noisy(truth, seed):
    return draw_series(truth, 1, np.random.default_rng(seed))[0]


@pytest.fixture(scope="module")
def refits():
    return {
        "early peak": refit(PEAK, 20, np.random.default_rng(0)),
        "rising": refit(RISING, 8, np.random.default_rng(0)),
    }


def half_width(values):
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84])
    return (high - low) / 2 / abs(middle)


def test_the_checkpoints_are_as_many_as_the_paper_says():
    assert CHECKPOINTS.size == 37
    assert (CHECKPOINTS <= 512).sum() == 11
    assert CHECKPOINTS[-1] == 143_000
    assert (np.diff(CHECKPOINTS) > 0).all()


def test_a_plateau_that_was_reached_is_well_determined(refits):
    peak = refits["early peak"]
    assert np.median(peak.values("K")) == pytest.approx(60, rel=0.01)
    assert half_width(peak.values("K")) < 0.02 < 0.3 < half_width(peak.values("A"))
    # the curve is determined where its parameters are not
    assert half_width(peak.turning) < 0.1
    assert np.median(peak.turning) == pytest.approx(turning_point(PEAK), rel=0.05)
    assert peak.bounded.all()


def test_a_rising_layer_bounds_no_plateau(refits):
    rising = refits["rising"]
    assert np.median(rising.r2) > 0.98
    assert rising.bounded.mean() < 0.5


def test_noise_is_relative():
    drawn = draw_series(PEAK, 4000, np.random.default_rng(0)) / damped_log(CHECKPOINTS, *PEAK)
    assert drawn.mean(axis=0) == pytest.approx(np.ones(37), abs=3e-3)
    assert drawn.std(axis=0) == pytest.approx(np.full(37, 0.02), rel=0.05)


def test_refits_depend_on_the_generator_alone(refits):
    again = refit(PEAK, 1, np.random.default_rng(0))
    assert np.array_equal(again.params, refits["early peak"].params[:1])
    assert again.fitted.shape == (1, CHECKPOINTS.size)
    with pytest.raises(ValueError, match="at least one draw"):
        refit(PEAK, 0, np.random.default_rng(0))


def test_the_profile_interval_is_lmfits():
    y = noisy(PEAK, 4)
    A1 = PEAK.A * np.exp(-PEAK.lam * PEAK.t0)
    params = lmfit.Parameters()
    params.add("A1", value=A1)
    params.add("A2", value=A1 * np.log(PEAK.gamma))
    params.add("log_beta", value=np.log(PEAK.lam * PEAK.gamma))
    params.add("log_tau0", value=np.log(PEAK.t0 / PEAK.gamma))
    params.add("K", value=PEAK.K)

    def residual(p):
        inner = p["A1"] * np.log(CHECKPOINTS + np.exp(p["log_tau0"].value)) + p["A2"]
        return np.exp(-np.exp(p["log_beta"].value) * CHECKPOINTS) * inner + p["K"] - y

    minimizer = lmfit.Minimizer(residual, params)
    result = minimizer.minimize(method="leastsq")
    (_, low), (_, best), (_, high) = lmfit.conf_interval(
        minimizer, result, p_names=["K"], sigmas=[0.95]
    )["K"]
    grid = np.array([low - 0.3, low, best, high, high + 0.3])
    profile = profile_plateau(y, grid, PEAK.K)
    at = dict(zip(profile.K, profile.rss, strict=True))
    assert at[best] == pytest.approx(1, abs=1e-4)
    assert [at[low], at[high]] == pytest.approx([profile.limit] * 2, rel=5e-3)
    assert not profile.open_below
    assert not profile.open_above


def test_a_rising_layer_excludes_no_low_plateau():
    profile = profile_plateau(noisy(RISING, 1), np.linspace(-1e5, 3000, 9), RISING.K)
    assert profile.open_below
    assert profile.rss[0] < profile.limit < profile.rss[-1]


def test_the_limits_are_those_of_a_plateau_held_far_away():
    y = noisy(RISING, 0)
    below, _ = limits_at_infinity(CHECKPOINTS, y)
    held = [fixed_plateau_rss(y, K) for K in (-3e6, -1e6)]
    assert held == pytest.approx([below] * 2, rel=5e-3)


def fixed_plateau_rss(y, K):
    """Smallest RSS with K held, by adding one overwhelming observation f(infinity) = K."""
    weight = 1e3

    def basis(u, shape):
        columns = DAMPED_LOG.basis(u, shape)
        last = np.broadcast_to([0.0, 0.0, weight], (*columns.shape[:-2], 1, 3))
        return np.concatenate([columns, last], axis=-2)

    model = DAMPED_LOG._replace(
        basis=basis,
        bounds=((np.log(1e-7), np.log(1e2)), DAMPED_LOG.bounds[1]),
        grid=(tuple(np.log(np.geomspace(1e-6, 1, 15))), DAMPED_LOG.grid[1]),
    )
    size = np.abs(y).max()
    u = CHECKPOINTS / CHECKPOINTS[-1]
    return search(model, u, np.append(y, weight * K) / size, n_starts=3)[1] * size**2


def test_the_profile_touches_the_free_fit():
    y = noisy(PEAK, 7)
    best = fit(DAMPED_LOG, CHECKPOINTS, y)
    K = best.coefficients[-1]
    profile = profile_plateau(y, np.array([K - 2, K, K + 2]), PEAK.K)
    assert profile.rss[1] == pytest.approx(1, rel=1e-6)
    assert (profile.rss >= 1 - 1e-9).all()
