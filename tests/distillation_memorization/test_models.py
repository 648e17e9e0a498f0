"""Lanes against models of their own and the library's, extraction against a plain loop."""

import numpy as np
import pytest
import torch
from torch import nn

from companion.distillation_memorization.lab.models import (
    LaneMLP,
    Recipe,
    Shape,
    batches,
    divergence,
    fit,
    fit_arms,
    generate,
    memorized,
    score,
)
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
    return Shape(d=32, n_layers=2, n_heads=2).build(V, LENGTH, 0, "test").eval()


def generate_plainly(model, prefixes, n):
    """One token at a time, reading everything anew for every token."""
    read = prefixes.expand(model.lanes, *prefixes.shape)
    for _ in range(n):
        with torch.no_grad():
            new = model(read).logits[:, :, -1].argmax(-1)
        read = torch.cat([read, new[..., None]], -1)
    return read[..., prefixes.shape[1] :]


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


def test_a_lane_transformer_is_torchs_own(transformer):
    """The same weights in the library's encoder layers, norms in front and a causal mask."""
    text, (d, heads) = tokens(3), (32, 2)
    p = {name: value[0].detach() for name, value in transformer.named_parameters()}
    x = p["embedding"][text] + p["positions"][:LENGTH]
    mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
    for i in range(2):
        layer = nn.TransformerEncoderLayer(
            d,
            heads,
            4 * d,
            dropout=0.0,
            activation="relu",
            batch_first=True,
            norm_first=True,
            bias=False,
        )
        weights = {
            "self_attn.in_proj_weight": p["qkv"][i].T,
            "self_attn.out_proj.weight": p["attended"][i].T,
            "linear1.weight": p["up"][i].T,
            "linear2.weight": p["down"][i].T,
            "norm1.weight": torch.ones(d),
            "norm2.weight": torch.ones(d),
        }
        layer.load_state_dict(weights)
        with torch.no_grad():
            x = layer(x, src_mask=mask, is_causal=True)
    expected = nn.functional.layer_norm(x, (d,)) @ p["readout"]
    torch.testing.assert_close(transformer(text).logits[0], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_no_model_sees_the_future(request, name):
    model = request.getfixturevalue(name)
    first, second = tokens(3), tokens(3)
    second[:, 8:] = (second[:, 8:] + 1) % V
    with torch.no_grad():
        a, b = model(first).logits, model(second).logits
    torch.testing.assert_close(a[..., :8, :], b[..., :8, :], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(a[..., 8, :], b[..., 8, :])


@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_lanes_train_as_if_each_were_alone(request, name):
    base = request.getfixturevalue(name)
    before = [p.clone() for p in base.parameters()]
    text, other = tokens(12), tokens(12, seed=5)
    arms = {"a": Objective("text"), "b": Objective("teacher's text")}
    recipe = Recipe(lr=1e-2, batch=4)
    together = fit_arms(base, arms, {"a": text, "b": other}, recipe, 4, seed=0, name="x")
    for arm, read in (("a", text), ("b", other)):
        alone = base.repeated(1)
        fit(alone, read, recipe, 4, seed=0, name="x", objectives=[arms[arm]])
        for mine, theirs in zip(alone.parameters(), together[arm].parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, atol=2e-5, rtol=1e-3)
    changed = [
        not torch.equal(m, b) for m, b in zip(alone.parameters(), base.parameters(), strict=True)
    ]
    assert all(changed)
    assert all(torch.equal(p, q) for p, q in zip(base.parameters(), before, strict=True))
    assert sum(p.numel() for g in parameter_groups(base, 0.0) for p in g["params"]) == sum(
        p.numel() for p in base.parameters()
    )


def test_arms_that_read_the_same_are_the_same(transformer):
    arms = {"a": Objective("text"), "b": Objective("text")}
    reads = dict.fromkeys(arms, tokens(8))
    found = fit_arms(transformer, arms, reads, Recipe(1e-3, 4), 2, seed=0, name="x")
    for p, q in zip(found["a"].parameters(), found["b"].parameters(), strict=True):
        torch.testing.assert_close(p, q)


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
def test_extraction_is_the_plain_loop(request, name):
    model = request.getfixturevalue(name)
    pair = model.repeated(2)
    with torch.no_grad():
        for parameter in pair.parameters():
            parameter[1] *= 1.1
    prompts = tokens(11)[:, :5]
    fast = generate(pair, prompts, 9, batch=4)
    assert fast.shape == (2, 11, 9)
    assert torch.equal(fast, generate_plainly(pair, prompts, 9))
    assert torch.equal(fast[:1], generate(model, prompts, 9))


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


@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_a_model_memorizes_what_it_is_trained_on_and_nothing_else(request, name):
    model = request.getfixturevalue(name).repeated(1)
    text, unseen = tokens(6), tokens(40, seed=9)
    fit(model, text, Recipe(1e-2, 2), 120, seed=0, name="x")
    assert memorized(model, text, 5, 6).all()
    assert memorized(model, unseen, 5, 6).mean() < 0.1


@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_scores_are_log_probabilities_and_entropies(request, name):
    model = request.getfixturevalue(name)
    text = tokens(3)
    found = score(model, text)
    with torch.no_grad():
        p = model(text).logits[0].softmax(-1).numpy()
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
