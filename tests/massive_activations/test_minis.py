from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion import models
from companion.massive_activations.lab import mini_runs, minis
from companion.massive_activations.lab.minis import (
    Mini,
    arm,
    checkpoint_steps,
    first_token_attention,
    make_data,
)
from companion.massive_activations.lab.ratios import gaussian_ratio
from companion.massive_activations.method.measure import measure
from companion.scale import torch_generator
from companion.sweep import SweepFailed
from companion.training import TrainingDiverged

SMALL = Mini(n_layers=2, d_model=32, n_heads=2, seq=16, batch=4, steps=30, n_eval=8)


@given(steps=st.integers(1, 5000), n=st.integers(2, 60))
def test_checkpoints_begin_at_zero_end_at_the_end_and_are_not_more_than_asked(steps, n):
    chosen = checkpoint_steps(steps, n)
    assert chosen[0] == 0
    assert chosen[-1] == steps
    assert len(chosen) <= n
    assert list(chosen) == sorted(set(chosen))


def test_checkpoints_are_powers_of_two_and_then_even():
    chosen = checkpoint_steps(1000, 30)
    assert len(chosen) == 30
    assert chosen[:7] == (0, 1, 2, 4, 8, 16, 32)
    gaps = np.diff(chosen[7:])
    assert gaps.max() - gaps.min() <= 1
    with pytest.raises(ValueError, match="steps >= 1"):
        checkpoint_steps(0, 5)


def test_arms_change_what_they_say_and_nothing_else():
    for name, changes in minis.ARMS.items():
        changed = arm(SMALL, name)
        differing = {
            field for field in vars(changed) if getattr(changed, field) != getattr(SMALL, field)
        }
        assert differing == set(changes) | ({"arm"} if name != "base" else set())
    with pytest.raises(ValueError, match=r"unknown arm 'relu2'; choose one of base, relu"):
        arm(SMALL, "relu2")


def test_the_sgd_arm_shrinks_weights_as_fast_as_the_base_arm():
    base, sgd = arm(Mini(), "base"), arm(Mini(), "sgd")
    # an L2 term under momentum m shrinks by lr * decay / (1 - m) a step in the long run
    assert sgd.lr * sgd.weight_decay / (1 - 0.9) == pytest.approx(
        base.lr * base.weight_decay, rel=0.02
    )


@pytest.mark.parametrize("name", ["base", "no-bos", "text"])
def test_batches_are_functions_of_the_step_and_of_the_seed(name):
    mini = arm(SMALL, name)
    batch_at, evaluation = make_data(mini)
    again, evaluation_again = make_data(mini)
    other, evaluation_other = make_data(replace(mini, seed=1))
    assert batch_at(3).shape == (4, 16)
    assert torch.equal(batch_at(3), again(3))
    assert not torch.equal(batch_at(3), batch_at(4))
    assert not torch.equal(batch_at(3), other(3))
    for one in (evaluation_again, evaluation_other):
        assert torch.equal(evaluation.tokens, one.tokens)
    assert batch_at(mini.steps - 1).shape == (4, 16)


def test_text_is_evaluated_on_bytes_that_are_not_trained_on():
    batch_at, evaluation = make_data(arm(SMALL, "text"))
    trained = torch.cat([batch_at(step) for step in range(SMALL.steps)])
    held_out = {tuple(row) for row in evaluation.tokens.tolist()}
    assert not held_out & {tuple(row) for row in trained.tolist()}
    text = bytes(evaluation.tokens.flatten().tolist()).decode(errors="replace")
    assert text.count(" ") > 10


def test_data_and_vocabulary_must_fit():
    with pytest.raises(ValueError, match="'bigram' or 'bytes'"):
        Mini(data="words")
    with pytest.raises(ValueError, match="vocab_size=256"):
        Mini(data="bytes")


@pytest.fixture(scope="module")
def run():
    return mini_runs.train_mini(replace(SMALL, steps=60), progress=False)


def test_a_run_keeps_its_series(run):
    n = len(run.steps)
    assert run.steps.tolist() == list(checkpoint_steps(60, SMALL.n_checkpoints))
    assert len(run.measurements) == n
    assert run.layer_series().shape == (n, 2)
    np.testing.assert_allclose(run.layer_series()[3], run.measurements[3].mean_ratio)
    np.testing.assert_allclose(run.layer_series("median")[0], run.measurements[0].median.mean(0))
    assert run.losses.shape == (60,)
    assert {name: values.shape for name, values in run.series.items()} == {
        "loss": (n,),
        "loss_copy": (n,),
        "loss_other": (n,),
        "sink": (n, 2),
        "first_norm": (n, 2),
        "first_value_norm": (n, 2),
    }
    assert run.measurements[0].token.dtype.kind == "i"


def test_the_first_checkpoint_is_the_untrained_model(run):
    assert np.all(np.abs(run.layer_series()[0] / gaussian_ratio(16 * 32) - 1) < 0.4)
    assert run.series["loss"][0] == pytest.approx(np.log(64), abs=0.5)
    assert run.series["loss"][-1] < run.series["loss"][0] - 0.2


def test_a_run_does_not_depend_on_what_runs_beside_it(run):
    other = replace(run.mini, seed=1)
    parallel = mini_runs.train_minis([other, run.mini], n_jobs=2, progress=False)
    assert parallel.failed == ()
    assert [one.mini.seed for one in parallel.runs] == [1, 0]
    alone = mini_runs.train_minis([run.mini], n_jobs=1, progress=False).runs[0]
    np.testing.assert_array_equal(parallel.runs[1].layer_series(), alone.layer_series())
    np.testing.assert_array_equal(parallel.runs[1].losses, alone.losses)


def test_a_run_that_diverges_is_counted_and_the_others_go_on(monkeypatch):
    def sometimes(mini, *, progress):
        if mini.seed == 1:
            raise TrainingDiverged("step 7, seed 1: loss nan")
        return original(mini, progress=progress)

    original = mini_runs.train_mini
    monkeypatch.setattr(mini_runs, "train_mini", sometimes)
    specs = [replace(SMALL, steps=2, seed=seed) for seed in range(3)]
    result = mini_runs.train_minis(specs, progress=False)
    assert [one.mini.seed for one in result.runs] == [0, 2]
    assert result.failed == ((specs[1], "step 7, seed 1: loss nan"),)


def test_any_other_error_is_not_swallowed(monkeypatch):
    monkeypatch.setattr(mini_runs, "train_mini", lambda mini, progress: 1 / 0)
    with pytest.raises(SweepFailed, match=r"seed 0: ZeroDivisionError"):
        mini_runs.train_minis([SMALL], progress=False)


def test_the_first_tokens_norms_against_plain_arithmetic():
    config = models.neox_config(n_layers=2, d_model=32, n_heads=2, vocab_size=64, seq=16)
    model = models.neox(config, torch.Generator().manual_seed(0)).eval()
    ids = make_data(SMALL)[1].tokens
    with torch.no_grad():
        with mini_runs.FirstTokenNorms(model) as norms:
            model(ids)
        assert all(not block._forward_hooks for block in model.gpt_neox.layers)
        first = model(ids, output_hidden_states=True).hidden_states[1].norm(dim=-1)
        attention = model.gpt_neox.layers[0].attention.query_key_value
        normed = model.gpt_neox.layers[0].input_layernorm(model.gpt_neox.embed_in(ids))
        # rows of the packed matrix: head 0 is (q, k, v) of 16 each, then head 1
        rows = [*range(32, 48), *range(80, 96)]
        value = (normed @ attention.weight[rows].T + attention.bias[rows]).norm(dim=-1)
    for found, plain in ((norms.hidden, first), (norms.value, value)):
        expected = (plain[:, 0] / plain[:, 1:].mean(dim=1)).mean().item()
        assert found[0] == pytest.approx(expected, rel=1e-5)


def test_massive_activations_grow_with_adam_and_not_with_sgd():
    # the chapter's effect at the smallest size at which it shows, beside its negative control
    base = replace(Mini(), n_layers=2, steps=300, n_checkpoints=3, n_eval=16)
    adam, sgd = (
        mini_runs.train_mini(arm(base, name), progress=False).layer_series()
        for name in ("base", "sgd")
    )
    growth, control = (adam[-1] / adam[0]).max(), (sgd[-1] / sgd[0]).max()
    assert growth > 1.4
    assert growth > 1.2 * control


def test_a_checkpoint_is_what_the_measuring_modules_say_one_by_one():
    config = models.neox_config(n_layers=2, d_model=32, n_heads=2, vocab_size=64, seq=16)
    fresh = models.neox(config, torch_generator(SMALL.seed, "mini", "weights")).eval()
    ids = make_data(SMALL)[1].tokens
    run = mini_runs.train_mini(replace(SMALL, steps=1), progress=False)
    expected, found = measure(fresh, ids), run.measurements[0]
    np.testing.assert_allclose(found.top1, expected.top1, rtol=1e-5)
    np.testing.assert_array_equal(found.dim, expected.dim)
    attention = first_token_attention(fresh, ids)  # (8, 2, 16)
    asks = [(i, t) for i in range(8) for t in range(8, 16) if ids[i, t] < 61]
    sink = [np.mean([attention[i, layer, t] for i, t in asks]) for layer in range(2)]
    np.testing.assert_allclose(run.series["sink"][0], sink, rtol=1e-4)
    with torch.no_grad():
        nll = -fresh(ids).logits[:, :-1].log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    copies = [nll[i, t - 1] for i in range(8) for t in range(2, 16) if ids[i, t - 1] >= 61]
    assert run.series["loss"][0] == pytest.approx(nll.mean().item(), rel=1e-5)
    assert run.series["loss_copy"][0] == pytest.approx(np.mean(copies), rel=1e-5)
