"""The module against transformers' GPT-2, against itself without a cache, and by hand."""

import pytest
import torch

from companion.tart.method.module import STANDARD, HeadConfig, TooLong, fresh_head, interleave

CONFIG = HeadConfig(d=5, n_pairs=9, n_embd=16, n_layers=2, n_heads=4)


def random_head(config=CONFIG):
    head = fresh_head(config, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():  # away from the small initial numbers
        for p in head.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    return head


def tasks(config, n=3, pairs=9, seed=1):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(n, pairs, config.d, generator=rng)
    return x, torch.randint(0, 2, (n, pairs), generator=rng).float()


def gpt2_with_weights_of(head):
    from transformers import GPT2Config, GPT2Model

    c = head.config
    other = GPT2Model(
        GPT2Config(
            vocab_size=1,
            n_positions=2 * c.n_pairs,
            n_embd=c.n_embd,
            n_layer=c.n_layers,
            n_head=c.n_heads,
            resid_pdrop=0,
            embd_pdrop=0,
            attn_pdrop=0,
            use_cache=False,
        )
    ).eval()
    with torch.no_grad():
        other.wpe.weight.copy_(head.positions)
        other.ln_f.weight.copy_(head.norm.weight)
        other.ln_f.bias.copy_(head.norm.bias)
        for theirs, ours in zip(other.h, head.blocks, strict=True):
            for a, b in ((theirs.ln_1, ours.norm_1), (theirs.ln_2, ours.norm_2)):
                a.weight.copy_(b.weight)
                a.bias.copy_(b.bias)
            for a, b in (
                (theirs.attn.c_attn, ours.qkv),
                (theirs.attn.c_proj, ours.proj),
                (theirs.mlp.c_fc, ours.up),
                (theirs.mlp.c_proj, ours.down),
            ):
                a.weight.copy_(b.weight.T)  # their Conv1D stores the transpose
                a.bias.copy_(b.bias)
    return other


@pytest.mark.parametrize("repeats", [False, True])
def test_it_is_the_gpt2_of_transformers(repeats):
    # In double precision: the two forms of GELU differ by less than single precision forgives.
    head = random_head(HeadConfig(5, 9, 16, 2, 4, repeats)).double()
    x, y = (part.double() for part in tasks(head.config))
    with torch.no_grad():
        embedded = head.read_in(interleave(x, y, repeats))
        states = gpt2_with_weights_of(head).double()(inputs_embeds=embedded).last_hidden_state
        expected = head.read_out(states)[:, ::2, 0]
        torch.testing.assert_close(head(x, y), expected, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("repeats", [False, True])
def test_the_cache_changes_nothing(repeats):
    head = random_head(HeadConfig(5, 9, 16, 2, 4, repeats))
    x, y = tasks(head.config, n=4)
    context, labels, queries = x[0, :8], y[0, :8], torch.randn(6, 5)
    found = head.scores(context, labels, queries)
    with torch.no_grad():
        for query, score in zip(queries, found, strict=True):
            one = torch.cat([context, query[None]])[None]
            full = head(one, torch.cat([labels, torch.zeros(1)])[None])
            assert abs(float(full[0, -1] - score)) < 1e-4


def test_without_context_it_is_the_first_position():
    head = random_head()
    x, y = tasks(head.config)
    empty = head.scores(x[0, :0], y[0, :0], x[:, 0])
    with torch.no_grad():
        torch.testing.assert_close(empty, head(x, y)[:, 0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("repeats", [False, True])
def test_a_label_changes_only_what_comes_after_it_and_exactly_nothing_before(repeats):
    head = random_head(HeadConfig(5, 9, 16, 2, 4, repeats))
    x, y = tasks(head.config)
    turned = y.clone()
    turned[:, 4] = 1 - turned[:, 4]
    with torch.no_grad():
        before, after = head(x, y), head(x, turned)
    assert torch.equal(before[:, :5], after[:, :5])  # its own prediction included
    assert ((before - after)[:, 5:].abs() > 1e-6).all()


def test_tokens_by_hand():
    x, y = torch.tensor([[[3.0, 4.0]]]), torch.tensor([[1.0]])
    assert interleave(x, y).tolist() == [[[3, 4], [1, 0]]]
    assert interleave(x, 0 * y).tolist() == [[[3, 4], [0, 0]]]
    assert interleave(x, y, True).tolist() == [[[3, 4, 0, 0], [3, 4, 1, 1]]]


@pytest.mark.parametrize(("shape", "expected"), [((64, 3), 149_952), ((128, 6), 1_189_632)])
def test_parameters_in_blocks(shape, expected):
    config = HeadConfig(16, 66, *shape, n_heads=2)
    head = fresh_head(config, torch.Generator())
    assert sum(p.numel() for p in head.blocks.parameters()) == config.n_block_parameters == expected


def test_the_paper_module_has_9_6_million_parameters():
    with torch.device("meta"):
        from companion.tart.method.module import ReasoningModule

        head = ReasoningModule(STANDARD)
    assert round(sum(p.numel() for p in head.parameters()) / 1e6, 2) == 9.61


def test_too_many_examples_are_refused():
    head = random_head()
    x, y = tasks(head.config, n=1, pairs=9)
    with pytest.raises(TooLong, match="made for 9"):
        head.scores(x[0], y[0], x[0, :1])
    _, cache = head.read(interleave(x[:, :2], y[:, :2]))
    with pytest.raises(ValueError, match="one token"):
        head.read(interleave(x[:, :1], y[:, :1]), cache)


@pytest.mark.parametrize("bad", [{"n_heads": 3}, {"n_layers": 0}])
def test_bad_shapes_are_refused(bad):
    with pytest.raises(ValueError):
        HeadConfig(4, 4, 16, **bad)
