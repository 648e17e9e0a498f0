import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from companion.corpora import Corpus
from companion.massive_activations.lab import real_model
from companion.massive_activations.lab.real_model import (
    NoMassiveActivation,
    block_output,
    english_texts,
    first_token_attention,
    intervene,
    locate,
    nll_per_text,
    overwritten,
    variants,
)
from companion.massive_activations.method.measure import Measurement, measure
from companion.models import smollm2

from . import made

N_TEXTS, SEQ = 4, 32


@pytest.fixture(scope="module")
def real():
    return smollm2(download=False)


@pytest.fixture(scope="module")
def texts(real):
    return english_texts(real[1], N_TEXTS, SEQ, np.random.default_rng(0))


@pytest.fixture(scope="module")
def measured(real, texts):
    return measure(real[0], texts.input_ids)


@pytest.fixture(scope="module")
def location(real, texts, measured):
    return locate(real[0], texts.input_ids, measured)


@pytest.fixture(scope="module")
def result(real, texts, location):
    ids, rng = texts.input_ids, np.random.default_rng(0)
    return made.real_model(nll_per_text(real[0], ids), intervene(real[0], ids, location, rng))


def test_texts_have_one_length_and_first_tokens_of_their_own(real, texts):
    ids = texts.input_ids
    assert ids.shape == (N_TEXTS, SEQ)
    assert len(set(texts.names)) == len(set(ids[:, 0].tolist())) == N_TEXTS
    assert real[1].bos_token_id not in ids
    assert real[1].decode(ids[0].tolist()).split()[0].isascii()


def test_passages_begin_with_a_line_and_too_many_are_refused(real):
    lines = "Alpha one two three\nBeta four five six\nAlpha seven eight nine"
    short = Corpus({"a": lines}, "here", "none", "1")
    found = english_texts(real[1], 2, 3, np.random.default_rng(0), short)
    starts = {real[1].decode([int(ids[0])]) for ids in found.input_ids}
    assert starts <= {"Alpha", "Beta", "Al", "B", "Alph", "Bet"}
    assert len(starts) == 2
    with pytest.raises(ValueError, match="2 passages have 3 tokens"):
        english_texts(real[1], 3, 3, np.random.default_rng(0), short)


def test_massive_activations_are_where_they_were_seen(measured, location):
    # first token, dimension 507, about 22,500, from block 12 on
    assert location.block == 12
    assert location.dims == (507,)
    assert all(0 in tokens for tokens in location.tokens)
    for values in location.values:
        np.testing.assert_allclose(values, 22_500, rtol=0.2)
    massive = (measured.top1 > 100) & (measured.ratio >= 1000)
    assert not massive[:, :11].all(axis=0).any()
    assert massive[:, 11:27].all()
    assert np.all(measured.dim[:, 11:28] == 507)


def test_they_appear_at_once(measured):
    assert np.all(measured.top1[:, 11] / measured.top1[:, 10] > 50)


def test_zero_breaks_the_model_and_the_mean_does_not(result):
    rng = np.random.default_rng(0)
    zero, mean = result.interval("zero", rng), result.interval("mean", rng)
    assert zero.low > 100
    assert 0.95 < mean.low < mean.high < 1.05
    assert zero.n == mean.n == N_TEXTS


def test_ordinary_scalars_can_be_removed(result, location):
    control = result.perplexity_ratio("control")
    assert np.all(np.abs(control - 1) < 0.05)


def test_without_the_spike_the_sink_loses_its_hold(real, texts, location):
    model, text = real[0], texts.input_ids[:1]
    before = first_token_attention(model, text)[12:].mean()
    with overwritten(model, location.block, location.tokens[0], location.dims, np.zeros(1)):
        after = first_token_attention(model, text)[12:].mean()
    assert before > 0.3
    assert after < before - 0.05


def test_attention_is_that_of_the_plain_softmax():
    model, ids = tiny_llama(spikes=()), some_ids(n=2)
    plain = model.config._attn_implementation
    found = first_token_attention(model, ids)
    assert model.config._attn_implementation == plain
    model.set_attn_implementation("eager")
    with torch.no_grad():
        weights = model(ids, output_attentions=True).attentions
    expected = [one[:, :, 1:, 0].mean().item() for one in weights]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    # every query may look at the first token, and rows sum to one
    assert all(1 / 9 < one < 1 for one in found)


def test_whatever_comes_first_is_massive(real, texts, monkeypatch):
    """Asked of the first twelve blocks: what comes after them changes nothing there."""
    trunk = real[0].base_model
    monkeypatch.setattr(trunk, "layers", trunk.layers[:12])
    table = variants(*real, texts, 12)
    assert len(table) == 3 * N_TEXTS
    assert ((table.token == 0) & (table.dim == 507)).all()
    assert (table.magnitude > 10_000).all()
    begin = table[table.variant == "begin token in front"].magnitude
    assert begin.nunique() == 1  # one token, one state: a causal model sees nothing else there
    assert table[table.variant == "as it is"].magnitude.nunique() == N_TEXTS


def test_perplexity_is_that_of_transformers_own_loss(real, texts, result):
    model, ids = real[0], texts.input_ids[:2]
    with torch.no_grad():
        expected = [model(text[None], labels=text[None]).loss.item() for text in ids]
    np.testing.assert_allclose(result.base[:2], expected, rtol=1e-4)


def tiny_llama(spikes=((2, 5, 3e4),)):
    """A random model in which (block, dim, value) is added at the first token after a block."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=30,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    model = LlamaForCausalLM(config).eval()
    for block, dim, value in spikes:
        model.model.layers[block - 1].register_forward_hook(add_at_first_token(dim, value))
    return model


def add_at_first_token(dim, value):
    def add(block, inputs, output):
        output = output.clone()
        # a little different for every text, so that a mean is not the value itself
        output[:, 0, dim] += value * (1 + 0.01 * torch.tanh(output[:, 0, dim]))
        return output

    return add


def some_ids(n=4, seq=9):
    return torch.randint(0, 30, (n, seq), generator=torch.Generator().manual_seed(0))


def test_a_planted_spike_is_located():
    ids = some_ids()
    model = tiny_llama(spikes=((2, 5, 3e4), (2, 7, -5e4)))
    found = locate(model, ids, measure(model, ids))
    assert (found.block, found.dims, found.tokens) == (2, (7, 5), ((0,),) * 4)
    states = block_output(model, ids, 2)
    for values, state in zip(found.values, states, strict=True):
        np.testing.assert_array_equal(values, state[[[0]], [7, 5]])
        assert values[0, 0] < -4e4
        assert values[0, 1] > 2e4


def test_a_block_counts_only_when_every_text_has_a_spike_there():
    model, ids = tiny_llama(spikes=((3, 5, 3e4),)), some_ids()

    def spike_in_one_text(block, inputs, output):
        output = output.clone()
        output[0, 2, 9] = 3e4
        return output

    model.model.layers[0].register_forward_hook(spike_in_one_text)
    found = locate(model, ids, measure(model, ids))
    assert (found.block, found.dims, found.tokens) == (3, (5,), ((0,),) * 4)


def test_a_model_without_spikes_says_so():
    model = tiny_llama(spikes=())
    with pytest.raises(NoMassiveActivation, match="no block exceeds 100 and 1000 medians"):
        locate(model, some_ids(), measure(model, some_ids()))


def test_overwriting_changes_these_scalars_only_and_is_undone():
    model, ids = tiny_llama(), some_ids()
    plain = block_output(model, ids, 3)
    with overwritten(model, 3, [0, 4], [1, 2], np.array([[1.0, 2.0], [3.0, 4.0]])):
        changed = block_output(model, ids, 3)
    expected = plain.copy()
    expected[:, 0, 1], expected[:, 0, 2], expected[:, 4, 1], expected[:, 4, 2] = 1, 2, 3, 4
    np.testing.assert_array_equal(changed, expected)
    np.testing.assert_array_equal(block_output(model, ids, 3), plain)


def test_overwriting_a_scalar_by_itself_changes_nothing():
    model, ids = tiny_llama(), some_ids(n=1)
    value = block_output(model, ids, 2)[0, [0]][:, [5]]
    with overwritten(model, 2, [0], [5], value):
        same = nll_per_text(model, ids)
    np.testing.assert_array_equal(same, nll_per_text(model, ids))


def test_the_mean_is_that_of_the_other_texts(monkeypatch):
    model, ids = tiny_llama(), some_ids()
    written = []
    original = real_model.overwritten

    def spy(model, block, tokens, dims, values):
        written.append((dims, np.array(values)))
        return original(model, block, tokens, dims, values)

    monkeypatch.setattr(real_model, "overwritten", spy)
    where = locate(model, ids, measure(model, ids))
    intervene(model, ids, where, np.random.default_rng(0))
    values = np.array([rows[0, 0] for rows in where.values])
    zeros, means, controls = written[:4], written[4:8], written[8:]
    assert all(np.all(value == 0) for _, value in zeros + controls)
    for i, (dims, value) in enumerate(means):
        assert dims == (5,)
        assert value[0] == pytest.approx(np.delete(values, i).mean(), rel=1e-6)
    assert len({dims for dims, _ in controls}) == 1
    assert controls[0][0] != (5,)


def test_two_texts_are_too_few():
    model, ids = tiny_llama(), some_ids(n=2)
    where = locate(model, ids, measure(model, ids))
    with pytest.raises(ValueError, match="at least three texts"):
        intervene(model, ids, where, np.random.default_rng(0))


def test_perplexity_ratio_is_that_of_perplexities():
    found = made.real_model(np.log([10.0, 20.0]), {"zero": np.log([30.0, 80.0])})
    np.testing.assert_allclose(found.perplexity_ratio("zero"), [3.0, 4.0])
    assert found.interval("zero", np.random.default_rng(0)).estimate == pytest.approx(12**0.5)


def test_the_whole_look_at_a_model(monkeypatch):
    """On a planted spike: everything that the page shows, from one call."""
    model = tiny_llama()

    class Tokenizer:
        bos_token_id = 1

    monkeypatch.setattr(real_model, "smollm2", lambda: (model, Tokenizer()))
    texts = real_model.Texts(("a", "b", "c"), some_ids(n=3))
    monkeypatch.setattr(real_model, "english_texts", lambda *_: texts)
    found = real_model.watch_real_model(3, 9, np.random.default_rng(0))
    assert isinstance(found.measured, Measurement)
    assert (found.location.block, found.location.dims) == (2, (5,))
    assert found.attention.shape == (4,)
    assert set(found.changed) == set(real_model.CHANGES)
    # the state that transformers reports last is normalized: the planted spike is gone
    assert found.measured.top1[0, -1] / found.reported > 1000
