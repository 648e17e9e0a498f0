"""The tiny Llama: seeds that do not mix, transformers as an oracle, gradients, paper scale."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from companion.data import Missing
from companion.quartet import hub
from companion.quartet.lab import rounding, training
from companion.quartet.lab.llama import Shape, TinyLlama
from companion.quartet.method.linear import Recipe
from companion.quartet.settings import PRESETS
from companion.training import TrainingDiverged

SMALL = Shape(n_layers=2, d_model=32, n_heads=2, hidden=64, vocab=128, seq=32)


def model_of(seeds, recipe=None, shape=SMALL):
    return TinyLlama(shape, recipe or Recipe(), seeds, torch.Generator().manual_seed(0))


def tokens_of(n_seeds, n_windows=2, seq=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 128, (n_seeds, n_windows, seq), generator=generator)


def test_one_seed_is_the_llama_of_transformers():
    model = model_of([5])
    config = LlamaConfig(
        vocab_size=128,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
    )
    theirs = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        theirs.model.embed_tokens.weight.copy_(model.embedding[0])
        theirs.lm_head.weight.copy_(model.head[0])
        for block, layer in zip(model.blocks, theirs.model.layers, strict=True):
            q, k, v = block["qkv"].weight[0].chunk(3)
            gate, up = block["up"].weight[0].chunk(2)
            for target, source in (
                (layer.self_attn.q_proj, q),
                (layer.self_attn.k_proj, k),
                (layer.self_attn.v_proj, v),
                (layer.self_attn.o_proj, block["out"].weight[0]),
                (layer.mlp.gate_proj, gate),
                (layer.mlp.up_proj, up),
                (layer.mlp.down_proj, block["down"].weight[0]),
            ):
                target.weight.copy_(source)
    tokens = tokens_of(1)
    expected = theirs(tokens[0], labels=tokens[0]).loss
    assert model.losses(tokens).item() == pytest.approx(expected.item(), rel=1e-5)
    body = sum(p.numel() for p in theirs.model.parameters()) - 128 * 32
    assert SMALL.n_body == body


def test_n_of_the_paper():
    assert hub.MODEL_30M.n_body == 30_482_560


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(forward="QuEST", backward="RTN")])
def test_seeds_side_by_side_are_seeds_alone(recipe):
    tokens = tokens_of(3)
    together = model_of([1, 2, 3], recipe).losses(tokens)
    for i, seed in enumerate((1, 2, 3)):
        alone = model_of([seed], recipe).losses(tokens[i : i + 1])
        assert together[i].item() == pytest.approx(alone.item(), abs=1e-5)


def test_clipping_is_per_seed():
    model = model_of([1, 2])
    losses = model.losses(tokens_of(2))
    (losses[0] * 1000 + losses[1] * 1e-3).backward()
    training.clip_per_seed(model)
    squares = torch.zeros(2)
    for name, weight in model.named_parameters():
        squares += training._seeds_first(name, weight.grad).square().sum(1)
    assert squares[0].sqrt().item() == pytest.approx(1, rel=1e-3)
    assert squares[1].sqrt() < 0.1


def test_batches_are_functions_of_seed_and_step():
    a = training.batch([0, 1], 3, 4, 32)
    assert torch.equal(a, training.batch([0, 1], 3, 4, 32))
    assert torch.equal(a[1:], training.batch([1], 3, 4, 32))
    assert not torch.equal(a, training.batch([0, 1], 4, 4, 32))
    train, held_out, vocab = training.streams()
    assert vocab % 32 == 0
    assert max(train.max(), held_out.max()) < vocab


def test_held_out_windows_lie_all_over_the_held_out_text():
    held_out = training.streams()[1]
    windows = training.held_out_windows(2, 1000, 64)
    assert windows.shape == (2, 15, 64)
    assert torch.equal(windows[0], windows[1])
    assert torch.equal(windows[0, 0], held_out[:64])
    assert torch.equal(windows[0, -1], held_out[-64:])


def job(recipe="QuEST:RTN", **changes):
    about = {"d_model": 32, "steps": 30, "seeds": (0, 1), "lr": 3e-3, "n_held_out": 640}
    return training.Job(recipe, **(about | changes))


def test_training_lowers_the_loss_and_repeats():
    found = training.train(job())
    assert found.shape == (2,)
    assert found.max() < np.log(69) - 0.3
    first, again, other = (training.train(job(steps=21, seeds=(s,))) for s in (0, 0, 2))
    assert np.array_equal(first, again)
    assert first != other
    with pytest.raises(ValueError, match="unknown recipe 'int8'"):
        job("int8")
    with pytest.raises(ValueError, match="need 21 steps"):
        job(steps=20)


def test_a_job_counts_what_the_law_counts():
    one = job(d_model=24, steps=100)
    model = TinyLlama(one.shape, Recipe(), [0], torch.Generator().manual_seed(0))
    embedded = model.embedding.numel() + model.head.numel()
    assert one.shape.n_body == sum(p.numel() for p in model.parameters()) - embedded
    assert one.tokens == 100 * 4 * 64
    dear = [job(name).cost for name in ("none:none", "SR:none", "none:SR", "QuEST:RTN")]
    assert dear == sorted(dear)


def test_every_job_is_done_once(monkeypatch):
    done = []
    monkeypatch.setattr(training, "sweep", lambda f, jobs, **_: [done.append(j) or j for j in jobs])
    jobs = [job(), job("none:none"), job()]
    found = training.train_all(jobs, progress=False)
    assert done == [job(), job("none:none")]  # the dear one first
    assert set(found) == set(jobs)


def test_recipes_share_weights_and_text():
    first, other = (model_of([4], recipe) for recipe in (Recipe(), training.RECIPES["QuEST:SR"]))
    for a, b in zip(first.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.fixture(scope="module")
def brief():
    shape = training.shape_for_text(n_layers=2, d_model=32, hidden=64, seq=32)
    return rounding.briefly_trained(shape, 20, 4, seed=0)


def test_depth_starts_exact_and_sr_keeps_the_length(brief):
    depth = rounding.run_depth(brief, 3, 4, 0)
    for arm in rounding.DEPTH_ARMS:
        assert depth.cosine[arm].shape == (3, 3)
        assert depth.cosine[arm][:, 0] == pytest.approx(1, abs=1e-6)  # the head is exact
    assert (depth.cosine["RTN"][:, 1:] < 1 - 1e-6).all()
    assert depth.misalignment["QuEST"][:, -1].mean() > depth.misalignment["RTN"][:, -1].mean()
    assert all(layer.recipe == rounding.EXACT for b in brief.blocks for layer in b.values())


def test_stream_gradients_by_finite_differences(brief):
    tokens = training.batch([0], 7, 2, 32)
    gradient = rounding.stream_gradients(brief, rounding.EXACT, tokens)[0]
    state = brief.hidden_states(tokens)[-1].detach()
    direction = torch.randn(state.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        up, down = (
            brief.losses_of(state + e * direction, tokens).double().item() for e in (1e-2, -1e-2)
        )
    expected = (gradient * direction.flatten(0, -2)).sum().item()
    assert (up - down) / 2e-2 == pytest.approx(expected, rel=0.02)


def test_compare_by_hand():
    g = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert rounding.compare(0.5 * g, g) == pytest.approx((1.0, 0.5))
    assert rounding.compare(torch.tensor([[4.0, 3.0], [1.0, 1.0]]), g)[0] == pytest.approx(0.96)


def test_averaged_gradients_of_a_model(brief):
    found = rounding.run_model_averages(brief, (1, 4, 16), 2, 4, 0)
    stuck = found.errors["RTN, signs after"]
    assert np.array_equal(stuck[:, 0:1].repeat(3, 1), stuck) or stuck == pytest.approx(
        stuck[:, 0:1].repeat(3, 1), rel=1e-9
    )
    slopes = rounding.log_slope(found.counts, found.errors["SR, signs before"])
    assert slopes.mean() == pytest.approx(-1, abs=0.15)
    assert rounding.log_slope(np.array([1, 10]), np.array([[1, 0.1]])) == pytest.approx([-1])


def test_the_paper_path_on_a_stand_in():
    shape = replace(SMALL, vocab=64)
    batch = torch.arange(4 * 32).view(4, 32) % 7
    long = hub.LongPlan(shape, steps=25, n_windows=4, micro=2, lr=1e-2)
    losses = {
        name: hub.train_long(
            training.RECIPES[name], long, lambda _: batch, batch[:2], seed=0, progress=False
        )
        for name in ("none:none", "QuEST:RTN")
    }
    assert max(losses.values()) < np.log(64) - 1
    beside = hub.beside_authors(losses).set_index("recipe")
    assert beside.loc["none:none", "gap"] == 0
    assert beside.loc["QuEST:RTN", "authors' gap"] == pytest.approx(3.49 - 3.4157)
    with pytest.raises(ValueError, match="micro must divide"):
        hub.LongPlan(shape, 1, 4, 3)
    with pytest.raises(TrainingDiverged, match="step"):
        hub.train_long(
            Recipe(), replace(long, lr=1e30), lambda _: batch, batch, seed=0, progress=False
        )


def test_micro_batches_add_up_to_the_batch(monkeypatch):
    batch = torch.arange(4 * 32).view(4, 32) % 7
    norms, losses, clip_by_norm = {1: [], 4: []}, [], torch.nn.utils.clip_grad_norm_
    for micro, seen in norms.items():

        def clip(parameters, largest, seen=seen):
            found = clip_by_norm(parameters, largest)
            seen.append(found.item())
            return found

        # Adam forgives a wrong factor on the gradient, so look at the gradient itself
        monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
        plan = hub.LongPlan(replace(SMALL, vocab=64), 4, 4, micro, 1e-3)
        losses.append(
            hub.train_long(Recipe(), plan, lambda _: batch, batch, seed=0, progress=False)
        )
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert norms[1] == pytest.approx(norms[4], rel=1e-3)


def test_c4_windows_cross_documents(tmp_path):
    file = tmp_path / "c4.json.gz"
    with gzip.open(file, "wt") as out:
        for text_ in ("abcd", "ef", "ghijk"):
            out.write(json.dumps({"text": text_}) + "\n")
    found = list(hub.c4_windows([file], lambda t: [ord(c) for c in t] + [0], 4))
    assert bytes(found[0]).decode("latin1").replace("\0", "") == "abcd"
    assert [row.tolist()[0] for row in found] == [97, 0, ord("g")]


def test_a_pretrained_llama_of_transformers():
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).eval()
    windows = torch.randint(0, 64, (2, 64), generator=torch.Generator().manual_seed(0))
    before = model(windows).logits
    found = hub.depth_of_pretrained(model, windows, 0)
    assert found.cosine["RTN"].shape == (2, 4)
    assert found.cosine["RTN"][:, 0] == pytest.approx(1, abs=1e-6)
    assert (found.cosine["RTN"][:, -1] < 1).all()
    assert torch.equal(model(windows).logits, before)  # the model is as it was


def test_below_paper_scale_nothing_is_downloaded():
    for function in (hub.run_paper_runs, hub.run_pretrained_depth):
        found = function(PRESETS["book"], 0)
        assert isinstance(found, Missing)
        assert "paper scale only" in found.reason
