"""The building blocks against automatic differentiation, closed forms, and finite differences."""

import math

import numpy as np
import pytest
import torch

from companion.consistent_diffusion.lab.train import Fit, cosine, train
from companion.consistent_diffusion.method import diffusion
from companion.consistent_diffusion.method.diffusion import (
    Dynamics,
    denoise,
    displacements,
    exact_residual,
    simulate,
    weak_residuals,
)
from companion.consistent_diffusion.method.losses import Objective, equal_weight, objective_loss
from companion.consistent_diffusion.method.networks import (
    MLP,
    EnergyMLP,
    Experts,
    automatic,
    time_features,
)
from companion.scale import torch_generator
from companion.training import TrainingDiverged, n_parameters


def energy(dim=2, hidden=(16, 12, 8), **kwargs):
    return EnergyMLP(dim, hidden, generator=torch_generator(0, "net"), **kwargs).double()


def points(n=7, dim=2, low=0.02, high=0.95):
    draws = torch_generator(1, "points")
    x = torch.randn(n, dim, generator=draws, dtype=torch.float64)
    return x, low + (high - low) * torch.rand(n, generator=draws, dtype=torch.float64)


def test_the_process_has_the_numbers_of_the_released_code():
    t = torch.tensor([1e-5, 1e-3, 0.01, 0.1, 0.5], dtype=torch.float64)
    expected = [0.0010005, 0.01049, 0.04464, 0.322, 0.960]
    assert np.allclose(diffusion.sigma(t), expected, rtol=1e-3)
    assert torch.allclose(diffusion.alpha(t) ** 2 + diffusion.sigma(t) ** 2, torch.ones_like(t))
    h = 1e-6
    slope = (diffusion.log_alpha(t + h) - diffusion.log_alpha(t - h)) / (2 * h)
    assert torch.allclose(slope, -0.5 * diffusion.beta(t), atol=1e-6)


@pytest.mark.parametrize("relative", [False, True])
def test_time_features_and_their_slopes(relative):
    t = torch.linspace(0.12, 0.58, 9, dtype=torch.float64)
    h = 1e-6
    values, slopes = time_features(t, 0.1, 0.6, relative=relative)
    after, _ = time_features(t + h, 0.1, 0.6, relative=relative)
    before, _ = time_features(t - h, 0.1, 0.6, relative=relative)
    assert values.shape == (9, 7 if relative else 4)
    assert torch.allclose(slopes(), (after - before) / (2 * h), atol=1e-6)
    assert torch.allclose(values[:, 3], -(4 * math.pi * t).cos())


@pytest.mark.parametrize("range_", [(0.0, 1.0), (0.0, 0.1)])
def test_score_and_rate_are_the_derivatives(range_):
    model = energy(t0=range_[0], t1=range_[1])
    x, t = points()
    found, expected = model.local(x, t), automatic(model, x, t)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
    assert torch.allclose(found.log_q, model.log_q(x, t))
    assert torch.equal(model.score(x, t), found.score)


def test_without_gradients_there_is_no_graph():
    model = energy()
    x, t = points()
    with torch.no_grad():
        score = model.score(x, t)
    assert not score.requires_grad
    assert torch.allclose(score, model.score(x, t))


def test_the_score_can_be_trained():
    """Its derivative in the weights against finite differences, of a loss of all three."""
    net = MLP(3, (6, 5), 1, torch_generator(0, "net")).double()
    z = torch.randn(4, 3, dtype=torch.float64, generator=torch_generator(1))

    def loss():
        value, gradient = net.value_and_gradient(z)
        return (value * gradient[:, 2]).sum() + gradient.pow(3).sum()

    loss().backward()
    h = 1e-6
    for weight in (*net.weights, *net.biases):
        flat, slope = weight.data.view(-1), weight.grad.view(-1)
        for i in (0, len(flat) - 1):
            kept, ends = flat[i].item(), []
            for sign in (1, -1):
                flat[i] = kept + sign * h
                ends.append(float(loss().detach()))
            flat[i] = kept
            assert float(slope[i]) == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-6)


def stack_and_alone(seeds=3, **kwargs):
    """A stack, and its models one by one."""
    stack = EnergyMLP(2, (7, 6), generator=torch_generator(0, "net"), seeds=seeds, **kwargs)
    alone = []
    for i in range(seeds):
        one = EnergyMLP(2, (7, 6), generator=torch_generator(1, "net"), **kwargs)
        one.load_state_dict({key: value[i] for key, value in stack.state_dict().items()})
        alone.append(one.double())
    return stack.double(), alone


def test_a_stack_is_its_models_side_by_side():
    stack, alone = stack_and_alone()
    x, t = points(15)
    x, t = x.reshape(3, 5, 2), t.reshape(3, 5)
    for i, one in enumerate(alone):
        for a, b in zip(stack.local(x, t), one.local(x[i], t[i]), strict=True):
            assert torch.allclose(a[i], b, atol=1e-12)
        assert torch.allclose(exact_residual(stack, x, t)[i], exact_residual(one, x[i], t[i]))


def test_a_stack_is_trained_as_if_each_model_were_alone():
    """One step of AdamW on the same batch: the others in the stack do not matter."""
    stack, alone = stack_and_alone()
    x, t = points(15)
    x, t = x.reshape(3, 5, 2), t.reshape(3, 5)

    def step(model, x, t):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        local = model.local(x, t)
        (local.score.square().sum((-1, -2)) + local.rate.square().sum(-1)).sum().backward()
        optimizer.step()
        return model.log_q(x, t)

    together = step(stack, x, t)
    for i, one in enumerate(alone):
        assert torch.allclose(together[i], step(one, x[i], t[i]), atol=1e-10)


def test_the_papers_network_has_the_papers_size():
    assert n_parameters(energy(hidden=(92, 92, 92))) == 17_849


class Gaussian:
    """Exact log p_t of data N(mean, width^2 I)."""

    def __init__(self, mean, width):
        self.mean, self.width = torch.tensor(mean, dtype=torch.float64), width

    def log_q(self, x, t):
        a, variance = diffusion.alpha(t), self._variance(t)
        square = (x - a[:, None] * self.mean).square().sum(1)
        return -0.5 * square / variance - 0.5 * x.shape[1] * (2 * math.pi * variance).log()

    def _variance(self, t):
        return diffusion.alpha(t) ** 2 * self.width**2 + diffusion.sigma(t) ** 2

    def score(self, x, t):
        return -(x - diffusion.alpha(t)[:, None] * self.mean) / self._variance(t)[:, None]

    def local(self, x, t):
        return automatic(self, x, t)


def test_an_exact_density_has_no_residual_and_leaving_out_div_f_makes_one():
    model = Gaussian([0.7, -1.2, 0.3], 0.4)
    x, t = points(dim=3)
    assert exact_residual(model, x, t).abs().max() < 1e-9
    without = exact_residual(model, x, t, dim=0)
    assert torch.allclose(without, -1.5 * diffusion.beta(t))


def test_the_exact_residual_against_finite_differences():
    model = energy(hidden=(8, 8))
    x, t = points()
    h = 1e-4
    divergence = torch.zeros_like(t)
    for i in range(2):
        step = torch.zeros_like(x)
        step[:, i] = h
        divergence += (model.score(x + step, t) - model.score(x - step, t))[:, i] / (2 * h)
    rate = (model.log_q(x, t + h) - model.log_q(x, t - h)) / (2 * h)
    s = model.score(x, t)
    by_hand = 0.5 * diffusion.beta(t) * (divergence + (s * s).sum(1) + (x * s).sum(1) + 2) - rate
    assert torch.allclose(exact_residual(model, x, t), by_hand, atol=1e-5)


@pytest.mark.parametrize("rate", ["exact", "difference"])
def test_the_weak_estimator_is_unbiased(rate):
    """Means over v within 3 standard errors of R and, for the product, of R squared."""
    model = energy(hidden=(12, 12))
    x, t = points(4)
    n, draws = 10_000, torch_generator(3, "v")
    big_x, big_t = x.repeat_interleave(n, 0), t.repeat_interleave(n)
    v1, v2 = displacements(big_x, draws)
    weak = weak_residuals(model, big_x, big_t, v1, v2, rate=rate)
    exact = exact_residual(model, x, t)
    for found, wanted in ((weak.first, exact), (weak.second, exact), (weak.square, exact**2)):
        rows = found.detach().reshape(4, n)
        error = rows.std(1) / math.sqrt(n)
        assert ((rows.mean(1) - wanted).abs() < 3 * error).all()
    assert torch.allclose(weak.score[::n], model.score(x, t))


def test_one_displacement_for_both_factors_is_biased_upwards():
    model = Gaussian([0.7, -1.2], 0.4)  # R = 0, and the single estimates scatter around it
    x, t = points(4)
    big_x, big_t = x.repeat_interleave(4000, 0), t.repeat_interleave(4000)
    v, _ = displacements(big_x, torch_generator(3, "v"))
    weak = weak_residuals(model, big_x, big_t, v, v)
    assert (weak.square.reshape(4, -1).mean(1) > 0.5).all()


def test_the_weak_estimator_on_a_subspace():
    """Centered points: noise without the mean, D - 1 dimensions, log q blind to the mean."""

    def center(x):
        return x - x.mean(1, keepdim=True)

    class Blind(Gaussian):
        def log_q(self, x, t):
            square = center(x).square().sum(1) / self._variance(t)
            return -0.5 * square - 0.5 * (x.shape[1] - 1) * self._variance(t).log()

        def score(self, x, t):
            return -center(x) / self._variance(t)[:, None]

    model = Blind([0.0] * 4, 0.5)
    x, t = points(5, 4)
    x = center(x)
    assert exact_residual(model, x, t, dim=3).abs().max() < 1e-9
    n = 5_000
    big_x, big_t = x.repeat_interleave(n, 0), t.repeat_interleave(n)
    v1, v2 = displacements(big_x, torch_generator(4, "v"), project=center)
    found = weak_residuals(model, big_x, big_t, v1, v2, dim=3).first.reshape(5, n)
    assert (found.mean(1).abs() < 4 * found.std(1) / math.sqrt(n)).all()


def test_unknown_rate():
    x, t = points()
    with pytest.raises(ValueError, match="'exact' or 'difference'"):
        weak_residuals(energy(), x, t, x, x, rate="other")


def test_equal_weight():
    t = torch.linspace(0, 1, 100_001)[1:]
    weight = equal_weight(t, 0.0, 1.0, 0.3)
    assert torch.allclose(weight.unique(), torch.tensor([5 / 7, 5 / 3]))
    assert weight.mean() == pytest.approx(1, abs=1e-3)
    assert (weight * (t <= 0.3)).mean() == pytest.approx(0.5, abs=1e-3)
    assert (equal_weight(t, 0.0, 1.0, 0.5) == 1).all()


def test_objective_refuses_nonsense():
    for kwargs in ({"t0": 0.5, "t1": 0.2}, {"midpoint": 2.0}, {"alpha": -1.0}, {"share": 0.0}):
        with pytest.raises(ValueError, match=r"need|midpoint"):
            Objective(**kwargs)


def test_the_loss_of_the_exact_score_is_the_conditional_variance():
    """DSM of a perfect model of N(0, w^2): E[(eps + sigma s)^2] = w^2 a^2 / (w^2 a^2 + sigma^2)."""
    model, draws = Gaussian([0.0, 0.0], 0.5), torch_generator(5, "loss")
    x0 = 0.5 * torch.randn(200_000, 2, generator=draws, dtype=torch.float64)
    loss = objective_loss(model, x0, Objective(t0=0.2, t1=0.2 + 1e-9), draws)
    t = torch.tensor([0.2], dtype=torch.float64)
    signal, noise = 0.25 * diffusion.alpha(t) ** 2, diffusion.sigma(t) ** 2
    assert float(loss.dsm) == pytest.approx(float(signal / (signal + noise)), rel=0.02)
    assert float(loss.penalty) == 0


def test_the_penalty_is_added_with_weight_and_dimension():
    model = EnergyMLP(2, (8,), generator=torch_generator(0, "net"))
    x0 = torch.randn(64, 2, generator=torch_generator(1, "x"))
    losses = {
        alpha: objective_loss(model, x0, Objective(alpha=alpha), torch_generator(2, "draw"))
        for alpha in (0.0, 0.1, 0.2)
    }
    assert losses[0.1].penalty == losses[0.2].penalty
    assert torch.allclose(losses[0.0].dsm, losses[0.1].dsm, atol=1e-6)
    assert torch.allclose(
        losses[0.2].total - losses[0.1].total, 0.1 * losses[0.1].penalty, atol=1e-4, rtol=1e-3
    )


def test_half_of_a_batch_is_penalized():
    model = EnergyMLP(2, (8,), generator=torch_generator(0, "net"))
    x0 = torch.randn(64, 2, generator=torch_generator(1, "x"))
    whole, half = (
        objective_loss(model, x0, Objective(alpha=0.1, share=s), torch_generator(2, "draw"))
        for s in (1.0, 0.5)
    )
    assert torch.allclose(whole.dsm, half.dsm, atol=1e-6)
    assert whole.penalty != half.penalty


def test_training_lowers_both_losses_and_repeats():
    data = torch.randn(2000, 2, generator=torch_generator(1, "x")) * 0.1 + 1
    first = []
    for _ in range(2):
        model = EnergyMLP(2, (16, 16), generator=torch_generator(0, "net"))
        fit, objective = Fit(120, lr=1e-2), Objective(alpha=1e-3)
        losses = train(model, data, objective, fit, seed=0, progress=False)
        first.append(losses.dsm)
        assert losses.dsm[-50:].mean() < 0.8 * losses.dsm[:20].mean()
        assert np.isfinite(losses.penalty).all()
    assert (first[0] == first[1]).all()
    assert cosine(0, fit) == fit.lr
    assert cosine(120, fit) == pytest.approx(fit.lr_end)


def test_training_that_breaks_names_step_and_seed():
    data = torch.full((100, 2), torch.nan)
    model = EnergyMLP(2, (8,), generator=torch_generator(0, "net"))
    with pytest.raises(TrainingDiverged, match="step 0, seed 7"):
        train(model, data, Objective(), Fit(60), seed=7, progress=False)


def test_experts_answer_in_their_ranges():
    models = [energy(t0=0.5, t1=1.0), energy(t0=0.1, t1=0.5), energy(t0=0.0, t1=0.1)]
    for factor, model in zip((1, 2, 3), models, strict=True):
        model.net.weights[-1].data *= factor
    experts = Experts(models, (0.5, 0.1))
    t = torch.tensor([0.9, 0.5, 0.3, 0.1, 0.05, 0.6], dtype=torch.float64)
    x, _ = points(6)
    score = experts.score(x, t)
    for i, which in enumerate((0, 1, 1, 2, 2, 0)):
        assert torch.allclose(score[i], models[which].score(x[i : i + 1], t[i : i + 1])[0])
    assert experts.last is models[2]
    with pytest.raises(ValueError, match="falling edges"):
        Experts(models, (0.1, 0.5))


def test_langevin_with_the_exact_score_has_the_right_law():
    """Harmonic well: variance of x from the score, kinetic temperature from the masses."""
    model = Gaussian([0.5, -0.5], 0.8)
    draws = torch_generator(6, "langevin")
    start = torch.randn(400, 2, generator=draws, dtype=torch.float64)
    dynamics = Dynamics(kT=2.0, friction=2.0, dt=0.02, mass=0.5, steps=2000, every=50)
    chains = simulate(model.score, start, dynamics, draws, t_eval=1e-5)
    sample = chains.pooled(0.4)
    assert chains.n_diverged == 0
    assert np.allclose(sample.mean(0), [0.5, -0.5], atol=0.03)
    assert np.allclose(sample.var(0), 0.64, rtol=0.05)
    assert np.nanmean(chains.kinetic) == pytest.approx(1, abs=0.03)
    assert chains.times()[-1] == pytest.approx(40)


def test_langevin_in_units_of_the_data():
    """A model of x / scale, simulated in x."""
    model, draws = Gaussian([0.0, 0.0], 1.0), torch_generator(7, "langevin")
    start = 0.1 * torch.randn(400, 2, generator=draws, dtype=torch.float64)
    dynamics = Dynamics(kT=2.0, friction=2.0, dt=2e-3, mass=0.5, steps=2000, every=50)
    chains = simulate(model.score, start, dynamics, draws, scale=0.1)
    assert np.allclose(chains.pooled(0.4).std(0), 0.1, rtol=0.05)


def test_chains_that_diverge_are_stopped_counted_and_kept():
    def outwards(x, t):
        return torch.where(x[:, :1] > 0, 50.0 * x, -x)

    start = torch.tensor([[1.0, 0.0], [-1.0, 0.0]] * 5)
    dynamics = Dynamics(kT=0.01, dt=0.05, steps=500, every=10, limit=5.0)
    chains = simulate(outwards, start, dynamics, torch_generator(0, "x"))
    assert chains.frames.shape == (50, 10, 2)
    assert 5 <= chains.n_diverged < 10
    lost = chains.stopped >= 0
    assert lost[::2].all()
    assert np.isnan(chains.frames[-1, lost]).all()
    assert np.isfinite(chains.frames[-1, ~lost]).all()
    assert chains.pooled(0.0).shape == (500, 2)


def test_denoising_with_the_exact_score():
    model = Gaussian([0.7, -1.0], 0.4)
    found = denoise(
        lambda x, t: model.score(x.double(), t.double()).float(),
        (6000, 2),
        torch_generator(8, "iid"),
        steps=200,
    )
    assert not found.lost.any()
    assert np.allclose(found.samples.mean(0), [0.7, -1.0], atol=0.03)
    assert np.allclose(found.samples.std(0), 0.4, atol=0.03)


def test_lost_samples_are_counted():
    found = denoise(
        lambda x, t: torch.where(x[..., :1] > 3, torch.nan, 0.0) - x,
        (2, 250, 2),
        torch_generator(8, "iid"),
        steps=50,
        chunk=100,
    )
    assert found.samples.shape == (2, 250, 2)
    assert 0 < found.lost.sum() < 500
    assert np.isfinite(found.samples[~found.lost]).all()
