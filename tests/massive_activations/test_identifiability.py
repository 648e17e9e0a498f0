import lmfit
import numpy as np
import pytest

from companion.massive_activations.lab.competitors import DAMPED_LOG
from companion.massive_activations.lab.identifiability import (
    CHECKPOINTS,
    REGIMES,
    limits_at_infinity,
    plateau_bounded,
    profile_plateau,
    refit,
    spread,
)
from companion.massive_activations.method.curve import damped_log, to_reparametrized, turning_point
from companion.massive_activations.method.fit import fit_separable, search
from companion.massive_activations.verdict.claims import CLAIMS
from companion.massive_activations.verdict.evidence import loose_parameters

PEAK, RISING = REGIMES["early peak"], REGIMES["rising"]


def noisy(truth, seed, noise=0.02):
    rng = np.random.default_rng(seed)
    return damped_log(CHECKPOINTS, *truth) * (1 + noise * rng.standard_normal(CHECKPOINTS.size))


@pytest.fixture(scope="module")
def refits():
    return {
        "early peak": refit(PEAK, 60, rng=np.random.default_rng(0)),
        "rising": refit(RISING, 20, rng=np.random.default_rng(0)),
    }


def test_the_checkpoints_are_as_many_as_the_paper_says():
    assert CHECKPOINTS.size == 37
    assert (CHECKPOINTS <= 512).sum() == 11
    assert CHECKPOINTS[-1] == 143_000
    assert (np.diff(CHECKPOINTS) > 0).all()


def test_parameters_are_loose_where_the_fit_is_excellent(refits):
    bounded = plateau_bounded(RISING, 20, rng=np.random.default_rng(1))
    found = loose_parameters(*refits.values(), bounded, rng=np.random.default_rng(2))
    assert found["median R2"].low > 0.98
    assert found["CV of A"].low > 0.5
    assert found["range of K"].low > 5
    assert found["range of K, converged fits"].estimate > 1
    assert 0 < found["share unconverged"].estimate < 1
    assert found["share of series that bound K"].high < 0.5
    claim = next(claim for claim in CLAIMS if claim.id == "C5")
    assert claim.criteria["toy"].verdict(found["CV of A"]) == "holds"


def test_a_plateau_that_was_reached_is_well_determined(refits):
    table = spread(refits["early peak"])
    assert table.half_width["K"] < 0.02 < 0.3 < table.half_width["A"]
    assert table["median"]["K"] == pytest.approx(60, rel=0.01)
    assert table.truth["t_peak"] == pytest.approx(turning_point(PEAK))
    # the curve is determined where its parameters are not
    assert table.half_width["t_peak"] < 0.1


def test_without_noise_the_effect_is_gone():
    clean = refit(PEAK, 3, rng=np.random.default_rng(0), noise=1e-6)
    assert spread(clean).cv["A"] < 1e-3
    assert clean.converged.all()


def test_spread_by_hand(refits):
    row = spread(refits["early peak"]).loc["lam"]
    values = refits["early peak"].values("lam")
    assert row["q90"] == np.quantile(values, 0.9)
    assert row["cv"] == values.std() / values.mean()


def test_refits_depend_on_the_generator_alone(refits):
    again = refit(PEAK, 2, rng=np.random.default_rng(0))
    assert np.array_equal(again.params, refits["early peak"].params[:2])
    assert again.fitted.shape == (2, CHECKPOINTS.size)
    with pytest.raises(ValueError, match="at least one draw"):
        refit(PEAK, 0, rng=np.random.default_rng(0))


def test_the_profile_interval_is_lmfits():
    y = noisy(PEAK, 4)
    profile = profile_plateau(CHECKPOINTS, y, np.linspace(58, 62, 61))
    start = to_reparametrized(PEAK)
    params = lmfit.Parameters()
    params.add("A1", value=start.A1)
    params.add("A2", value=start.A2)
    params.add("log_beta", value=np.log(start.beta))
    params.add("log_tau0", value=np.log(start.tau0))
    params.add("K", value=start.K)

    def residual(p):
        inner = p["A1"] * np.log(CHECKPOINTS + np.exp(p["log_tau0"].value)) + p["A2"]
        return np.exp(-np.exp(p["log_beta"].value) * CHECKPOINTS) * inner + p["K"] - y

    minimizer = lmfit.Minimizer(residual, params)
    result = minimizer.minimize(method="leastsq")
    assert profile.best == pytest.approx(result.chisqr, rel=1e-5)
    interval = lmfit.conf_interval(minimizer, result, p_names=["K"], sigmas=[0.95])["K"]
    (_, low), (_, best), (_, high) = interval
    assert profile.interval.low == pytest.approx(low, abs=0.02 * (high - low))
    assert profile.interval.high == pytest.approx(high, abs=0.02 * (high - low))
    assert profile.interval.estimate == pytest.approx(best, abs=0.05)


def test_a_rising_layer_excludes_no_low_plateau():
    y = noisy(RISING, 1)
    profile = profile_plateau(CHECKPOINTS, y, np.linspace(-1e5, 3000, 60))
    assert profile.interval.low == -np.inf
    assert np.isfinite(profile.interval.high)
    assert profile.rss[0] < profile.threshold < profile.rss[-1]


def test_the_limits_are_those_of_a_plateau_held_far_away():
    for seed in range(3):
        y = noisy(RISING, seed)
        below, _ = limits_at_infinity(CHECKPOINTS, y)
        far = np.array([-3e6, -2e6, -1e6])
        held = [fixed_plateau_rss(y, K) for K in far]
        assert held == pytest.approx([below] * 3, rel=5e-3)


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
    return search(model, u, np.append(y, weight * K) / size, n_starts=3)[2] * size**2


def test_less_noise_bounds_the_plateau():
    rng = np.random.default_rng
    assert plateau_bounded(PEAK, 5, rng=rng(0)).bounded.all()
    loud, quiet = (plateau_bounded(RISING, 10, rng=rng(0), noise=n) for n in (0.02, 2e-4))
    assert loud.bounded.mean() < 0.5
    assert quiet.bounded.all()
    assert loud.bounded_above.all()


def test_the_profile_touches_the_free_fit():
    y = noisy(PEAK, 7)
    best = fit_separable(DAMPED_LOG, CHECKPOINTS, y)
    K = best.coefficients[-1]
    profile = profile_plateau(CHECKPOINTS, y, np.array([K - 2, K, K + 2]))
    assert profile.rss[1] == pytest.approx(best.rss, rel=1e-6)
    assert (profile.rss >= best.rss * (1 - 1e-9)).all()


def test_a_grid_that_ends_inside_the_interval_is_refused():
    y = noisy(PEAK, 4)
    with pytest.raises(ValueError, match=r"ends beyond the grid \[59.9, 60.1\]"):
        profile_plateau(CHECKPOINTS, y, np.linspace(59.9, 60.1, 5))
    with pytest.raises(ValueError, match="increasing grid"):
        profile_plateau(CHECKPOINTS, y, [60.0, 59.0, 61.0])
