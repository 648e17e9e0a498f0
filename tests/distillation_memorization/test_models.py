"""Lanes against models of their own, extraction against a plain loop, scores against formulas."""

import numpy as np
import pytest
import torch

from companion.distillation_memorization.lab.models import (
    LaneMLP,
    divergence,
    generate,
    generate_plainly,
    memorized,
    score,
)
from companion.distillation_memorization.lab.training import Recipe, Shape, batches, fit, fit_arms
from companion.distillation_memorization.method.memorization import matches
from companion.distillation_memorization.method.objectives import Objective
from companion.training import parameter_groups

V, LENGTH = 9, 14


def tokens(n, seed=0, length=LENGTH):
    return torch.randint(V, (n, length), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def mlp():
    return Shape(d=24).build(V, LENGTH, 0, "test").eval()


@pytest.fixture(scope="module")
def transformer():
    return Shape(d=32, layers=1, heads=1).build(V, LENGTH, 0, "test").eval()


def test_a_lane_mlp_is_embedding_window_relu_and_readout(mlp):
    text = tokens(2)
    logits = mlp(text).logits
    assert logits.shape == (1, 2, LENGTH, V)
    p = {name: value[0] for name, value in mlp.named_parameters()}
    for row, t in ((0, 0), (1, 5), (1, 13)):
        window = [V] * 12 + text[row, : t + 1].tolist()
        x = torch.cat([p["embedding"][i] for i in window[-12:]])
        hidden = torch.relu(x @ p["first"] + p["first_bias"][0])
        expected = hidden @ p["second"] + p["second_bias"][0]
        torch.testing.assert_close(logits[0, row, t], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_no_model_sees_the_future(request, name):
    model = request.getfixturevalue(name)
    first, second = tokens(3), tokens(3)
    second[:, 8:] = (second[:, 8:] + 1) % V
    with torch.no_grad():
        a, b = model(first).logits, model(second).logits
    torch.testing.assert_close(a[..., :8, :], b[..., :8, :], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(a[..., 8, :], b[..., 8, :])


def test_lanes_train_as_if_each_were_alone(mlp):
    text, other = tokens(12), tokens(12, seed=5)
    arms = {"a": Objective("text"), "b": Objective("smoothed", share=0.3)}
    recipe = Recipe(lr=1e-2, batch=4)
    together, _ = fit_arms(mlp, arms, {"a": text, "b": other}, recipe, 4, seed=0, name="x")
    for name, read in (("a", text), ("b", other)):
        alone = mlp.repeated(1)
        fit(alone, read, recipe, 4, seed=0, name="x", objectives=[arms[name]])
        for mine, theirs in zip(alone.parameters(), together[name].parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
    changed = [
        not torch.equal(m, b) for m, b in zip(alone.parameters(), mlp.parameters(), strict=True)
    ]
    assert all(changed)  # and the base model is as it was before
    assert sum(p.numel() for g in parameter_groups(mlp, 0.0) for p in g["params"]) == sum(
        p.numel() for p in mlp.parameters()
    )


def test_transformers_take_the_same_arms(transformer):
    before = [p.clone() for p in transformer.parameters()]
    arms = {"a": Objective("text"), "b": Objective("text")}
    found, series = fit_arms(
        transformer,
        arms,
        {"a": tokens(8), "b": tokens(8)},
        Recipe(1e-3, 4),
        2,
        seed=0,
        name="x",
        measure=lambda m, s: {"loss": score(m, tokens(2)).loss},
        measure_epochs=(0, 2),
    )
    assert series["loss"].shape == (2, 2)
    for p, q in zip(found["a"].parameters(), found["b"].parameters(), strict=True):
        assert torch.equal(p, q)  # same text, same order, same start
    assert all(torch.equal(p, q) for p, q in zip(transformer.parameters(), before, strict=True))


def test_batches_cover_an_epoch_once_and_depend_on_the_seed():
    batch_at = batches(10, 3, 0, "x")
    for epoch in range(2):
        seen = torch.cat([batch_at(3 * epoch + i) for i in range(3)]).tolist()
        assert len(set(seen)) == 9
    assert batch_at(1).tolist() == batches(10, 3, 0, "x")(1).tolist()
    assert batch_at(0).tolist() != batches(10, 3, 1, "x")(0).tolist()
    with pytest.raises(ValueError, match="batches of 11"):
        batches(10, 11, 0, "x")


@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_batched_extraction_is_the_plain_loop(request, name):
    model = request.getfixturevalue(name)
    prompts = tokens(11)[:, :5]
    fast = generate(model, prompts, 9, batch=4)
    slow = generate_plainly(model, prompts, 9)
    assert fast.shape == (1, 11, 9)
    for i in range(11):
        assert fast[0, i].tolist() == slow[0, i].tolist()


def test_generate_agrees_with_transformers_own(transformer):
    prompts = tokens(4)[:, :5]
    theirs = transformer.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        max_new_tokens=6,
        min_new_tokens=6,
        do_sample=False,
        use_cache=True,
        eos_token_id=None,
        pad_token_id=0,
    )
    assert torch.equal(generate(transformer, prompts, 6)[0], theirs[:, 5:])


def test_each_lane_generates_for_itself(mlp):
    pair = mlp.repeated(2)
    with torch.no_grad():
        pair.second_bias[1] += 50 * torch.eye(V)[3]
    made = generate(pair, tokens(3)[:, :4], 6)
    assert (made[1] == 3).all()
    assert torch.equal(made[0], generate(mlp, tokens(3)[:, :4], 6)[0])
    with pytest.raises(ValueError, match="no lane 2"):
        pair.lane(2)


def test_a_sequence_is_memorized_iff_every_token_comes():
    text = tokens(6)
    made = text[None, :, 5:9].clone()
    made[0, 1, 0] = (made[0, 1, 0] + 1) % V  # the first suffix token
    made[0, 2, 3] = (made[0, 2, 3] + 1) % V  # the last one
    assert matches(made, text, 5)[0].tolist() == [True, False, False, True, True, True]
    beyond = text.clone()
    beyond[:, 9:] = 0  # what comes after the suffix does not matter
    assert matches(made, beyond, 5)[0].tolist() == matches(made, text, 5)[0].tolist()
    with pytest.raises(ValueError, match="do not fit"):
        matches(made, text, 12)


def test_a_model_memorizes_what_it_is_trained_on_and_nothing_else(mlp):
    text, unseen = tokens(6), tokens(40, seed=9)
    model = mlp.repeated(1)
    fit(model, text, Recipe(1e-2, 2), 120, seed=0, name="x")
    assert memorized(model, text, 5, 6).all()
    assert memorized(model, unseen, 5, 6).mean() < 0.1


@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_scores_are_log_probabilities_and_entropies(request, name):
    model = request.getfixturevalue(name)
    text = tokens(3)
    found = score(model, text)
    with torch.no_grad():
        p = model(text).logits.reshape(3, LENGTH, V).softmax(-1).numpy()
    for row, t in ((0, 0), (2, 11)):
        assert found.log_p[0, row, t] == pytest.approx(
            np.log(p[row, t, text[row, t + 1]]), rel=1e-4
        )
        plain = -(p[row, t] * np.log(p[row, t])).sum()
        assert found.entropy[0, row, t] == pytest.approx(plain, rel=1e-4)
    assert found.loss[0] == pytest.approx(-found.log_p.mean())
    entropy, log_p = found.tail(5, 6)
    assert log_p[0, 1] == pytest.approx(found.log_p[0, 1, 4:10].mean())
    assert entropy[0, 1] == pytest.approx(found.entropy[0, 1, 4:10].mean())


def test_divergence_is_first_against_second(mlp):
    other, text = Shape(d=24).build(V, LENGTH, 1, "test"), tokens(2)
    with torch.no_grad():
        p, q = (m(text).logits[0, :, :-1].softmax(-1) for m in (mlp, other))
    expected = (p * (p / q).log()).sum(-1).mean(-1)
    np.testing.assert_allclose(divergence(mlp, other, text), expected, rtol=1e-4)
    assert np.abs(divergence(mlp, mlp, text)).max() < 1e-6


def test_weights_depend_on_seed_and_name_only():
    first, again, other = (Shape(d=8).build(V, LENGTH, s, "m") for s in (0, 0, 1))
    assert torch.equal(first.first, again.first)
    assert not torch.equal(first.first, other.first)
    assert isinstance(first, LaneMLP)
