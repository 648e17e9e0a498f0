import time
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn
from transformers import GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

from companion import models
from companion.corpora import zipf_tokens
from companion.massive_activations.method.measure import (
    NotFinite,
    Watch,
    block_list,
    measure,
    reduce_hidden,
)
from companion.massive_activations.method.theory import gaussian_ratio

# mean over three sequences of the authors' step-0 medians for Pythia-14M, layers 1 to 6
AUTHORS_STEP_0 = np.array([0.174, 0.245, 0.301, 0.366, 0.404, 0.448])


def neox(seed=0, **changes):
    shape = {"n_layers": 3, "d_model": 32, "n_heads": 2, "vocab_size": 40, "seq": 64} | changes
    return models.neox(models.neox_config(**shape), torch.Generator().manual_seed(seed)).eval()


def llama():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return LlamaForCausalLM(config).eval()


def tokens(n=4, seq=24, seed=0):
    return torch.randint(0, 40, (n, seq), generator=torch.Generator().manual_seed(seed))


def by_sorting(hidden):
    """Every field of one sequence from a full sort: the slow, obvious way."""
    flat = np.sort(np.abs(hidden).ravel())
    return flat[-1], flat[-2], flat[-3], flat[(flat.size - 1) // 2]


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(3, 9)),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
@settings(deadline=None)
def test_the_six_numbers_are_those_of_a_full_sort(hidden):
    found = reduce_hidden(torch.from_numpy(hidden.copy()))
    for i, sequence in enumerate(hidden):
        top1, top2, top3, median = by_sorting(sequence)
        assert found["top1"][i] == top1
        assert found["top2"][i] == top2
        assert found["top3"][i] == top3
        assert found["median"][i] == median
        assert abs(sequence[found["token"][i], found["dim"][i]]) == top1


def test_the_hidden_state_itself_is_not_touched():
    hidden = torch.randn(2, 5, 8)
    before = hidden.clone()
    reduce_hidden(hidden)
    assert torch.equal(hidden, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_measured_exactly(dtype):
    hidden = torch.randn(2, 7, 9).to(dtype)
    found = reduce_hidden(hidden)
    for i, sequence in enumerate(hidden.float().numpy()):
        assert (found["top1"][i], found["median"][i]) == by_sorting(sequence)[::3]


@pytest.mark.parametrize("make", [neox, llama])
def test_agrees_with_output_hidden_states_except_after_the_final_norm(make):
    model, ids = make(), tokens()
    found = measure(model, ids, batch_size=3)
    with torch.no_grad():
        states = model(ids, output_hidden_states=True).hidden_states
    assert found.top1.shape == (4, 3)
    for layer in range(3):
        plain = np.array([by_sorting(row) for row in states[layer + 1].numpy()])
        ours = np.stack([found.top1, found.top2, found.top3, found.median])[:, :, layer].T
        if layer < 2:
            np.testing.assert_allclose(ours, plain, rtol=1e-5)
        else:  # transformers' last entry is normalized, the paper's is not
            assert np.all(np.abs(ours / plain - 1).max(axis=1) > 0.05)


@pytest.mark.parametrize("make", [neox, llama])
def test_place_points_at_the_largest_scalar(make):
    model, ids = make(), tokens()
    found = measure(model, ids)
    with torch.no_grad():
        second = model(ids, output_hidden_states=True).hidden_states[2].abs()
    values = second[torch.arange(4), found.token[:, 1], found.dim[:, 1]]
    torch.testing.assert_close(values, second.amax(dim=(1, 2)))


def test_a_planted_spike_is_found_in_its_layer_and_those_after_it():
    model = neox()
    with torch.no_grad():
        model.gpt_neox.layers[1].mlp.dense_4h_to_h.bias[5] = 1e4
    found = measure(model, tokens())
    assert np.all(found.ratio[:, 0] < 10)
    assert np.all(found.ratio[:, 1:] > 1000)
    assert np.all(found.dim[:, 1:] == 5)
    assert np.all(found.top3[:, 1:] > 9000)  # the bias is the same at every token


def test_blocks_that_return_tuples_are_measured_alike():
    model, ids = neox(), tokens()
    plain = measure(model, ids)

    class InTuple(nn.Module):
        def __init__(self, block):
            super().__init__()
            self.block = block

        def forward(self, hidden, **options):
            return self.block(hidden, **options), "cache"

    blocks = nn.ModuleList(InTuple(block) for block in model.gpt_neox.layers)
    with torch.no_grad(), Watch(nn.ModuleDict({"layers": blocks})) as watch:
        hidden = model.gpt_neox.embed_in(ids)
        angles = model.gpt_neox.rotary_emb(hidden, torch.arange(ids.shape[1])[None])
        for block in blocks:
            hidden, _ = block(hidden, position_embeddings=angles)
    for name, values in watch.measurement().as_dict().items():
        np.testing.assert_allclose(values, plain.as_dict()[name], rtol=1e-5)


@given(batch_size=st.integers(1, 9))
@settings(max_examples=9, deadline=None)
def test_batch_size_changes_nothing(batch_size):
    model, ids = neox(), tokens(n=7)
    whole, parts = measure(model, ids, batch_size=7), measure(model, ids, batch_size=batch_size)
    np.testing.assert_allclose(parts.top1, whole.top1, rtol=1e-5)
    np.testing.assert_allclose(parts.median, whole.median, rtol=1e-5)
    np.testing.assert_array_equal(parts.token, whole.token)


def test_the_two_readings_of_the_series():
    found = measure(neox(), tokens())
    np.testing.assert_allclose(found.mean_ratio, (found.top1 / found.median).mean(axis=0))
    expected = found.top1.sum(axis=0) / found.median.sum(axis=0)
    np.testing.assert_allclose(found.ratio_of_means, expected, rtol=1e-6)


def test_no_hidden_state_outlives_its_layer():
    model = neox()
    states, alive_when_the_next_block_ends = [], []

    def remember(block, inputs, output):
        alive_when_the_next_block_ends.append([ref() is not None for ref in states[:-1]])
        states.append(weakref.ref(output))

    with Watch(model) as watch, torch.no_grad():
        for block in block_list(model):
            block.register_forward_hook(remember)
        model.gpt_neox(tokens())
        assert [ref() is not None for ref in states] == [False] * 3
    assert alive_when_the_next_block_ends == [[], [], [False]]
    kept = watch.measurement().as_dict().values()
    assert sum(values.nbytes for values in kept) < 1000


def test_hooks_are_gone_after_the_block_even_when_it_fails():
    model = neox()
    with pytest.raises(RuntimeError, match="on purpose"), Watch(model):
        raise RuntimeError("on purpose")
    assert all(not block._forward_hooks for block in block_list(model))


def test_a_hidden_state_that_is_not_finite_names_its_block():
    model = neox()
    with torch.no_grad():
        model.gpt_neox.layers[1].mlp.dense_4h_to_h.bias[0] = torch.nan
    with pytest.raises(NotFinite, match="block 2"):
        measure(model, tokens())


def test_misuse_is_explained():
    with pytest.raises(ValueError, match="keeps its blocks neither"):
        measure(nn.Linear(2, 2), tokens())
    with pytest.raises(ValueError, match="run the model at least once"):
        Watch(neox()).measurement()
    with pytest.raises(ValueError, match="shape"):
        measure(neox(), tokens()[0])


def medians_of_the_14m_shape(model, n=3):
    ids = zipf_tokens(n, 2048, 50_304, np.random.default_rng(0))
    found = measure(model, ids, batch_size=1)
    return found.median.mean(axis=0), found.mean_ratio


SHAPE_14M = {"n_layers": 6, "d_model": 128, "n_heads": 4, "vocab_size": 50_304, "seq": 2048}


def test_a_random_model_of_the_14m_shape_has_the_authors_medians():
    medians, ratios = medians_of_the_14m_shape(neox(**SHAPE_14M))
    np.testing.assert_allclose(medians, AUTHORS_STEP_0, rtol=0.10)
    np.testing.assert_allclose(ratios, gaussian_ratio(2048 * 128), rtol=0.15)


def test_the_initialization_of_transformers_does_not():
    torch.manual_seed(0)
    default = GPTNeoXForCausalLM(models.neox_config(**SHAPE_14M)).eval()
    medians, _ = medians_of_the_14m_shape(default, n=1)  # they move by 1 % from one to the next
    assert np.all(np.abs(medians / AUTHORS_STEP_0 - 1) > 0.10)


@pytest.mark.bench
def test_watching_costs_little_beside_the_forward_pass(ratio):
    # the narrowest Pythia at the paper's window length: the fewest operations per scalar
    model = neox(**SHAPE_14M | {"vocab_size": 64}).gpt_neox
    ids = torch.randint(0, 64, (1, 2048), generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    torch.set_num_threads(1)

    def seconds():
        # processor time of the one thread: what other programs take does not count
        start = time.process_time()
        model(ids, use_cache=False)
        return time.process_time() - start

    ratios = []
    try:
        with torch.no_grad():
            seconds()
            for turn in range(5):
                # neighbors in time share what other programs do to the caches, and take turns
                plain = seconds() if turn % 2 else None
                with Watch(model):
                    watched = seconds()
                ratios.append(watched / (seconds() if plain is None else plain))
    finally:
        torch.set_num_threads(before)
    # loose for what other programs take; a selection costs little beside the forward pass
    what = "a forward pass that is watched / one that is not"
    ratio("massive-activations", what, np.median(ratios), most=1.25)
