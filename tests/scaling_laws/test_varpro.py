import lmfit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from companion.scaling_laws.method.law import ScalingLaw, points
from companion.scaling_laws.method.protocol import training_points
from companion.scaling_laws.method.recipe import fit_multi_start
from companion.scaling_laws.method.varpro import HIGH, fit_varpro, linear_part, projected_objective

laws = st.builds(
    lambda E, size, data, alpha, beta: ScalingLaw(
        E, np.log(size) + alpha * np.log(5e8), np.log(data) + beta * np.log(3e10), alpha, beta
    ),
    st.floats(0.5, 3),
    st.floats(0.2, 2),
    st.floats(0.2, 2),
    st.floats(0.1, 1.2),
    st.floats(0.1, 1.2),
)


def sample(law, rng=None, noise=0.0):
    N = np.repeat([7e7, 1.6e8, 4.1e8, 1e9, 2.8e9], 25)
    D = np.tile(np.geomspace(1e9, 3e11, 25), 5)
    factor = np.exp(noise * rng.standard_normal(N.size)) if rng is not None else 1.0
    return points(N, D, law.predict(N, D) * factor)


@settings(max_examples=25, deadline=None)
@given(laws)
def test_a_law_without_noise_is_found(law):
    fit = fit_varpro(sample(law))
    assert fit.law.log_parameters == pytest.approx(law.log_parameters, rel=1e-4, abs=1e-4)
    assert fit.converged
    assert not fit.at_bound


def test_the_objective_is_that_of_nonnegative_least_squares():
    rng = np.random.default_rng(0)
    N, D = rng.uniform(1e7, 1e9, 40), rng.uniform(1e9, 1e11, 40)
    for loss in (rng.uniform(1, 5, 40), 1e-3 + 3 * (N / 1e8) ** -0.7, 2 * (D / 1e9) ** -0.3):
        data = points(N, D, loss)
        alphas, betas = np.array([0.05, 0.4, 1.3]), np.array([0.03, 0.5, 2.0, 6.0])
        found = projected_objective(data, alphas, betas)
        for i, alpha in enumerate(alphas):
            for j, beta in enumerate(betas):
                x, y = np.log(N / N.min()), np.log(D / D.min())
                columns = np.stack([np.ones(40), np.exp(-alpha * x), np.exp(-beta * y)], axis=1)
                _, norm = nnls(columns, loss)
                assert found[i, j] == pytest.approx(norm**2, rel=1e-7, abs=1e-12)


def test_no_worse_than_many_starts_and_another_library():
    rng = np.random.default_rng(3)
    truth = ScalingLaw.of(E=1.7, A=400, B=1500, alpha=0.34, beta=0.36)
    for _ in range(5):
        data = sample(truth, rng, noise=0.03)
        fit = fit_varpro(data)
        multi, _ = fit_multi_start(data, rng, n_starts=10)
        assert fit.sse <= multi.sse * (1 + 1e-9)
        x, y = np.log(data.N / 5e8), np.log(data.D / 3e10)
        model = lmfit.Model(
            lambda x, y, E, A, B, alpha, beta: E + A * np.exp(-alpha * x) + B * np.exp(-beta * y),
            independent_vars=["x", "y"],
        )
        start = model.make_params(E=1.5, A=0.5, B=0.5, alpha=0.4, beta=0.4)
        other = model.fit(data.loss, start, x=x, y=y)
        assert fit.sse <= other.chisqr * (1 + 1e-9)
        assert fit.sse == pytest.approx(other.chisqr, rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(laws, st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(0.01, 100))
def test_units_do_not_matter(law, per_n, per_d, per_loss):
    data = sample(law, np.random.default_rng(0), noise=0.02)
    here = fit_varpro(data)
    there = fit_varpro(points(data.N * per_n, data.D * per_d, data.loss * per_loss))
    assert there.law.alpha == pytest.approx(here.law.alpha, rel=1e-4, abs=1e-5)
    ours = here.law.predict(1e10, 1e12) * per_loss
    assert float(there.law.predict(1e10 * per_n, 1e12 * per_d)) == pytest.approx(ours, rel=1e-5)
    assert there.sse == pytest.approx(here.sse * per_loss**2, rel=1e-6)


def test_order_does_not_matter(noisy_family):
    data = training_points(noisy_family.runs[:-1])
    order = np.random.default_rng(0).permutation(data.N.size)
    shuffled = points(data.N[order], data.D[order], data.loss[order])
    assert fit_varpro(shuffled).law.alpha == pytest.approx(fit_varpro(data).law.alpha, rel=1e-6)


def test_nothing_is_negative_when_the_data_ask_for_it():
    """Losses that grow with N and D: no term may turn negative to follow them."""
    N = np.repeat([1e6, 1e7, 1e8], 10)
    D = np.tile(np.geomspace(1e9, 1e11, 10), 3)
    fit = fit_varpro(points(N, D, 1 + 1e-2 * np.log(N) + 1e-2 * np.log(D)))
    assert min(fit.law.E, fit.law.A, fit.law.B) >= 0


def test_a_law_that_does_not_describe_the_data_is_marked():
    """All sizes alike but the smallest: alpha runs to the edge of the search."""
    N = np.repeat([1e8, 1.1e8, 1.2e8], 20)
    D = np.tile(np.geomspace(1e9, 1e11, 20), 3)
    loss = 2 + 50 * D**-0.2 + np.where(N == 1e8, 1.0, 0.0)
    fit = fit_varpro(points(N, D, loss))
    assert fit.at_bound
    assert fit.law.alpha == pytest.approx(HIGH)


def test_too_few_sizes_are_refused_unless_asked_for():
    law = ScalingLaw.of(E=1.7, A=400, B=1500, alpha=0.34, beta=0.36)
    N, D = np.repeat([1e8, 1e9], 20), np.tile(np.geomspace(1e9, 1e11, 20), 2)
    data = points(N, D, law.predict(N, D))
    with pytest.raises(ValueError, match="different sizes"):
        fit_varpro(data)
    fit = fit_varpro(data, need_identified=False)
    assert fit.sse < 1e-12  # it fits, as many others would


def test_linear_part_by_hand():
    x, y = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0])
    loss = 1 + 2 * np.exp(-0.5 * x) + 3 * np.exp(-2 * y)
    coefficients, columns = linear_part(x, y, loss, 0.5, 2.0)
    assert coefficients == pytest.approx([1, 2, 3])
    assert columns @ coefficients == pytest.approx(loss)
