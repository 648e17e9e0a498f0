import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from transformers import get_cosine_with_min_lr_schedule_with_warmup

from companion import models, training
from companion.training import TrainingDiverged, TrainingSettings, learning_rate, train

SETTINGS = TrainingSettings(steps=12, lr=1e-2)


def tiny():
    config = models.neox_config(n_layers=1, d_model=16, n_heads=2, vocab_size=11, seq=8)
    return models.neox(config, torch.Generator().manual_seed(0))


def counting_up(step):
    """Sequences in which each token is the one before plus one, modulo 11."""
    start = torch.arange(4)[:, None] + step
    return (start + torch.arange(8)) % 11


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_schedule_is_that_of_transformers_after_the_warmup():
    settings = TrainingSettings(steps=50, lr=2.0, warmup=0.1, floor=0.25)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    theirs = get_cosine_with_min_lr_schedule_with_warmup(optimizer, 5, 50, min_lr_rate=0.25)
    for step in range(50):
        if step >= 5:
            assert learning_rate(step, settings) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_schedule_rises_from_above_zero_to_the_peak_and_ends_at_the_floor():
    settings = TrainingSettings(steps=200, lr=3.0, warmup=0.05, floor=0.1)
    rates = [learning_rate(step, settings) for step in range(201)]
    assert rates[:10] == pytest.approx([0.3 * (k + 1) for k in range(10)])
    assert max(rates) == pytest.approx(3.0)
    assert np.all(np.diff(rates[10:]) < 0)
    assert rates[200] == pytest.approx(0.3)


def test_only_matrices_decay():
    model = tiny()
    with_decay, without = training.parameter_groups(model, 0.3)
    assert {p.ndim for p in with_decay["params"]} == {2}
    assert {p.ndim for p in without["params"]} == {1}
    assert (with_decay["weight_decay"], without["weight_decay"]) == (0.3, 0.0)
    total = sum(p.numel() for group in (with_decay, without) for p in group["params"])
    assert total == sum(p.numel() for p in model.parameters())


def test_loss_is_the_mean_surprise_of_the_next_token():
    model, batch = tiny(), counting_up(0)
    with torch.no_grad():
        probabilities = model(batch).logits.softmax(dim=-1)
        by_hand = [
            -math.log(probabilities[i, t, batch[i, t + 1]]) for i in range(4) for t in range(7)
        ]
        value = training.next_token_loss(model, batch).item()
    assert value == pytest.approx(np.mean(by_hand), rel=1e-5)


class Slope(nn.Module):
    """One matrix entry w and one bias b, with loss g * w + h * b: the gradient is (g, h)."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([[2.0]]))
        self.b = nn.Parameter(torch.tensor([5.0]))


def slope_loss(model, batch):
    return (batch[0] * model.w).sum() + (batch[1] * model.b).sum()


def test_first_adamw_step_is_the_closed_form():
    # Adam's first step is lr * sign(gradient); decay multiplies the matrix by 1 - lr * decay
    model = Slope()
    settings = TrainingSettings(steps=1, lr=0.01, weight_decay=0.5)
    train(
        model,
        lambda step: torch.tensor([0.3, -0.4]),
        settings,
        seed=0,
        loss=slope_loss,
        progress=False,
    )
    assert model.w.item() == pytest.approx(2.0 * (1 - 0.01 * 0.5) - 0.01, abs=1e-6)
    assert model.b.item() == pytest.approx(5.0 + 0.01, abs=1e-6)


def test_gradients_are_clipped_and_sgd_has_momentum():
    model = Slope()
    settings = TrainingSettings(
        steps=2, lr=0.1, optimizer="sgd", weight_decay=0.0, clip=0.5, momentum=0.9, floor=1.0
    )
    train(
        model,
        lambda step: torch.tensor([30.0, 40.0]),
        settings,
        seed=0,
        loss=slope_loss,
        progress=False,
    )
    # (30, 40) has norm 50 and becomes (0.3, 0.4); velocity is g, then 1.9 g
    assert model.w.item() == pytest.approx(2.0 - 0.1 * 0.3 * 2.9, abs=1e-5)
    assert model.b.item() == pytest.approx(5.0 - 0.1 * 0.4 * 2.9, abs=1e-5)


def test_a_deterministic_language_is_learned():
    model = tiny()
    settings = TrainingSettings(steps=150, lr=1e-2)
    history = train(model, counting_up, settings, seed=0, progress=False)
    assert history.losses.shape == (150,)
    assert history.losses[0] > 2.0
    assert history.losses[-1] < 0.1


def test_measurements_are_made_before_the_updates_of_their_step_and_at_the_end():
    seen = {}

    def measure(model, step):
        assert not model.training
        assert not torch.is_grad_enabled()
        seen[step] = weights(model)
        return {"norm": seen[step].norm(), "pair": [step, 2 * step]}

    model = tiny()
    before = weights(model)
    history = train(
        model,
        counting_up,
        SETTINGS,
        seed=0,
        measure=measure,
        measure_at=(0, 5, 12),
        progress=False,
    )
    assert history.measured_at.tolist() == [0, 5, 12]
    assert history.series["norm"].shape == (3,)
    assert history.series["pair"].tolist() == [[0, 0], [5, 10], [12, 24]]
    assert torch.equal(seen[0], before)
    assert torch.equal(seen[12], weights(model))
    assert not torch.equal(seen[5], seen[12])


def test_a_step_outside_the_run_is_refused():
    with pytest.raises(ValueError, match=r"0\.\.12"):
        train(tiny(), counting_up, SETTINGS, seed=0, measure_at=(13,), progress=False)


def test_measurements_keep_their_shape():
    def measure(model, step):
        return {"x": np.zeros(1 + step)}

    with pytest.raises(ValueError, match="measurement at step 2"):
        train(
            tiny(),
            counting_up,
            SETTINGS,
            seed=0,
            measure=measure,
            measure_at=(0, 2),
            progress=False,
        )


@pytest.mark.parametrize("optimizer", training.OPTIMIZERS)
@pytest.mark.parametrize("stop", [2, 6, 9])
def test_a_stopped_run_resumes_to_the_same_result(tmp_path, optimizer, stop):
    settings = replace(SETTINGS, optimizer=optimizer)
    options = {
        "seed": 0,
        "measure": lambda model, step: {"norm": weights(model).norm(), "step": step},
        "measure_at": (0, 4, 8, 9, 12),
        "progress": False,
    }
    whole = tiny()
    expected = train(whole, counting_up, settings, **options)

    class Stopped(Exception):
        pass

    def until(step):
        if step == stop:
            raise Stopped
        return counting_up(step)

    path = tmp_path / "run.safetensors"
    options |= {"checkpoint": path, "checkpoint_every": 4}
    with pytest.raises(Stopped):
        train(tiny(), until, settings, **options)
    assert path.exists() == (stop > 4)
    resumed = tiny()
    history = train(resumed, counting_up, settings, **options)
    assert torch.equal(weights(resumed), weights(whole))
    np.testing.assert_array_equal(history.losses, expected.losses)
    np.testing.assert_array_equal(history.measured_at, expected.measured_at)
    for name, values in expected.series.items():
        np.testing.assert_array_equal(history.series[name], values)


def test_a_finished_run_is_not_run_again(tmp_path):
    path = tmp_path / "run.safetensors"
    model = tiny()
    first = train(model, counting_up, SETTINGS, seed=0, checkpoint=path, progress=False)

    def forbidden(step):
        raise RuntimeError("asked for data")

    again = tiny()
    second = train(again, forbidden, SETTINGS, seed=0, checkpoint=path, progress=False)
    assert torch.equal(weights(again), weights(model))
    np.testing.assert_array_equal(first.losses, second.losses)


def test_dropout_resumes_with_the_same_masks(tmp_path):
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(8, 8))

    def loss(model, batch):
        return nn.functional.dropout(model.w, 0.5).square().mean()

    def batch_at(step):
        if step == 7 and not path.with_suffix(".resumed").exists():
            path.with_suffix(".resumed").touch()
            raise KeyboardInterrupt
        return torch.zeros(1)

    path = tmp_path / "run"
    torch.manual_seed(3)
    whole = Noisy()
    train(whole, lambda step: torch.zeros(1), SETTINGS, seed=3, loss=loss, progress=False)
    options = {"seed": 3, "loss": loss, "checkpoint": path, "progress": False}
    torch.manual_seed(3)
    with pytest.raises(KeyboardInterrupt):
        train(Noisy(), batch_at, SETTINGS, checkpoint_every=4, **options)
    torch.manual_seed(99)
    resumed = Noisy()
    train(resumed, batch_at, SETTINGS, checkpoint_every=4, **options)
    assert torch.equal(resumed.w, whole.w)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    train(tiny(), counting_up, SETTINGS, seed=0, checkpoint=path, progress=False)
    for changes in ({"seed": 1}, {"settings": replace(SETTINGS, lr=2e-2)}):
        options = {"settings": SETTINGS, "seed": 0} | changes
        with pytest.raises(ValueError, match="belongs to the run"):
            train(tiny(), counting_up, checkpoint=path, progress=False, **options)
    config = models.neox_config(n_layers=2, d_model=16, n_heads=2, vocab_size=11, seq=8)
    other = models.neox(config, torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="another model"):
        train(other, counting_up, SETTINGS, seed=0, checkpoint=path, progress=False)


def test_half_a_checkpoint_is_refused_and_named(tmp_path):
    path = tmp_path / "run.safetensors"
    train(tiny(), counting_up, SETTINGS, seed=0, checkpoint=path, progress=False)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"run\.safetensors is no checkpoint"):
        train(tiny(), counting_up, SETTINGS, seed=0, checkpoint=path, progress=False)


def test_a_loss_that_is_not_a_number_stops_the_run_with_step_and_seed():
    def loss(model, batch):
        value = training.next_token_loss(model, batch)
        return value * torch.nan if batch[0, 0] == 3 else value

    with pytest.raises(TrainingDiverged, match="step 3, seed 17"):
        train(tiny(), counting_up, SETTINGS, seed=17, loss=loss, progress=False)


def test_an_infinite_gradient_stops_the_run():
    def loss(model, batch):
        return (model.w - 2.0).abs().sqrt().sum() + model.b.sum() * 0  # slope of sqrt at 0

    with pytest.raises(TrainingDiverged, match="step 0, seed 1"):
        train(Slope(), lambda s: torch.zeros(1), SETTINGS, seed=1, loss=loss, progress=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": 0.0}, "lr > 0"),
        ({"lr": float("nan")}, "lr > 0"),
        ({"clip": float("nan")}, "clip > 0"),
        ({"weight_decay": float("nan")}, "weight_decay >= 0"),
        ({"optimizer": "lion"}, "unknown optimizer 'lion'"),
        ({"warmup": 1.0}, "warmup < 1"),
        ({"floor": 1.5}, "floor <= 1"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainingSettings(steps=5, **changes)
