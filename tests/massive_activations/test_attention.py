import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion import models
from companion.massive_activations.lab.minis import (
    RELU,
    SOFTMAX1,
    first_token_attention,
    relu_weights,
    returning_weights,
    softmax1_weights,
)


def neox(attention, seed=0):
    config = models.neox_config(
        n_layers=2, d_model=32, n_heads=2, vocab_size=20, seq=16, attention=attention
    )
    return models.neox(config, torch.Generator().manual_seed(seed)).eval()


def tokens(n=3, seq=12):
    return torch.randint(1, 20, (n, seq), generator=torch.Generator().manual_seed(0))


def by_loops(scores, kind):
    """One weight at a time, from the definition."""
    seq = len(scores)
    weights = np.zeros((seq, seq))
    for i in range(seq):
        for j in range(i + 1):
            if kind == RELU:
                weights[i, j] = max(scores[i, j], 0) / (i + 1)
            else:
                weights[i, j] = np.exp(scores[i, j]) / (1 + np.exp(scores[i, : i + 1]).sum())
    return weights


@given(seed=st.integers(0, 999), seq=st.integers(1, 7), scale=st.floats(0.1, 20))
def test_weights_are_the_definition(seed, seq, scale):
    scores = scale * np.random.default_rng(seed).normal(size=(seq, seq))
    for kind, function in ((RELU, relu_weights), (SOFTMAX1, softmax1_weights)):
        found = function(torch.from_numpy(scores)).numpy()
        np.testing.assert_allclose(found, by_loops(scores, kind), rtol=1e-9, atol=1e-12)


def test_both_can_attend_to_nothing_and_softmax_cannot():
    nothing = torch.full((1, 1, 5, 5), -50.0)
    assert relu_weights(nothing).sum() == 0
    assert softmax1_weights(nothing).sum() < 1e-12
    assert nothing.softmax(dim=-1).sum() == pytest.approx(5)


@pytest.mark.parametrize("attention", ["sdpa", RELU, SOFTMAX1])
def test_no_attention_sees_the_future(attention):
    model, ids = neox(attention), tokens()
    changed = ids.clone()
    changed[:, 7] = (changed[:, 7] + 5) % 20
    with torch.no_grad():
        before, after = model(ids).logits, model(changed).logits
    torch.testing.assert_close(before[:, :7], after[:, :7])
    assert (before[:, 8:] - after[:, 8:]).abs().amax() > 1e-4


def test_the_three_attentions_differ():
    ids = tokens()
    with torch.no_grad():
        logits = [neox(kind)(ids).logits for kind in ("sdpa", RELU, SOFTMAX1)]
    assert (logits[0] - logits[1]).abs().max() > 1e-3
    assert (logits[0] - logits[2]).abs().max() > 1e-3
    assert (logits[1] - logits[2]).abs().max() > 1e-3


def test_a_cached_step_is_refused():
    with pytest.raises(ValueError, match="use_cache=False"):
        relu_weights(torch.zeros(1, 2, 1, 5))


@pytest.mark.parametrize("attention", ["sdpa", RELU, SOFTMAX1])
def test_first_token_attention_is_the_first_column_of_the_weights(attention):
    model, ids = neox(attention), tokens(n=5)
    found = first_token_attention(model, ids, batch_size=2)
    assert found.shape == (5, 2, 12)
    # by hand for block 1: rebuild queries and keys from the module's own weights
    block, body = model.gpt_neox.layers[0], model.gpt_neox
    with torch.no_grad():
        normed = block.input_layernorm(body.embed_in(ids))
        packed = block.attention.query_key_value(normed).view(5, 12, 2, 48).transpose(1, 2)
        query, key, _ = packed.chunk(3, dim=-1)  # (5, 2, 12, 16)
        query, key = (rotate(x) for x in (query, key))
        scores = query @ key.transpose(2, 3) / 4
    kind = {"sdpa": lambda s: by_softmax(s)}.get(attention, lambda s: by_loops(s, attention))
    expected = np.array([[kind(head.numpy())[:, 0] for head in one] for one in scores]).mean(axis=1)
    np.testing.assert_allclose(found[:, 0].numpy(), expected, rtol=1e-4, atol=1e-6)


def by_softmax(scores):
    masked = np.where(np.tril(np.ones_like(scores)) > 0, scores, -np.inf)
    weights = np.exp(masked - masked.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def rotate(x):
    """Rotary embedding of the first 4 of 16 dimensions: pairs (0, 2) and (1, 3), base 10000."""
    position = torch.arange(x.shape[2], dtype=torch.float32)
    out = x.clone()
    for k, frequency in enumerate((1.0, 0.01)):
        c, s = torch.cos(position * frequency), torch.sin(position * frequency)
        a, b = x[..., k], x[..., k + 2]
        out[..., k], out[..., k + 2] = a * c - b * s, b * c + a * s
    return out


def test_asking_for_weights_leaves_the_model_as_it_was():
    model = neox("sdpa")
    with returning_weights(model):
        assert model.config._attn_implementation == "eager"
    with pytest.raises(RuntimeError, match="on purpose"), returning_weights(model):
        raise RuntimeError("on purpose")
    assert model.config._attn_implementation == "sdpa"
