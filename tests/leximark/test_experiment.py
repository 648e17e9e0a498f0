"""Models, arms, the experiment on a small world, the keyed test, and the larger models' path."""

import numpy as np
import pandas as pd
import pytest
import torch

from companion.leximark import hub
from companion.leximark.lab import arms, quality
from companion.leximark.lab import run as lab
from companion.leximark.lab.detection import calibration, keyed_test
from companion.leximark.lab.models import (
    IGNORE,
    PAD,
    UNKNOWN,
    CausalModel,
    WordModel,
    blocks,
    pieces,
    tiny_transformer,
    train_bpe,
)
from companion.leximark.lab.probe import probe, z_by_place
from companion.leximark.lab.run import run_arm, vocabulary
from companion.leximark.method import scores, watermark
from companion.leximark.method.scores import MIN_K_PLUS, score
from companion.leximark.method.words import surprisal
from companion.leximark.page import tables
from companion.leximark.settings import PRESETS

from .test_watermark import Letters


def test_windows_by_hand():
    model = WordModel(["god", "said", ",", "let"], 0, context=2)
    assert pieces("God said, let's") == ["god", "said", ",", "let's"]
    windows, lengths = model.windows(["God said, let light", "God", ""])
    g, s, c, t = (model.index[w] for w in ("god", "said", ",", "let"))
    assert lengths == [4, 0, 0]
    assert windows.tolist() == [[PAD, g, s], [g, s, c], [s, c, t], [c, t, UNKNOWN]]


def test_the_word_models_logits_by_hand():
    model = WordModel(["a", "b", "c"], 1, context=2, d_embed=3, hidden=4)
    net, context = model.net, torch.tensor([[2, 3]])
    x = torch.cat([net.embedding[2], net.embedding[3]])
    expected = torch.tanh(x @ net.inner + net.inner_bias) @ net.outer + net.outer_bias
    assert torch.allclose(net(context)[0], expected)
    logs = torch.log_softmax(net(torch.tensor([[PAD, 2]])), 1)[0]
    assert model.stats(["a b"]).logp[0] == pytest.approx([logs[3].item()], rel=1e-6)


def test_training_lowers_the_loss_and_leaves_the_original():
    texts = ["the ox and the ass went up to the city"] * 30
    model = WordModel(sorted(set(pieces(texts[0]))), 0)
    before = score(model.stats(texts[:1]), "loss")[0]
    trained = model.trained(texts, epochs=10, lr=1e-2, seed=0, batch=32)
    assert score(trained.stats(texts[:1]), "loss")[0] > before + 1
    assert score(model.stats(texts[:1]), "loss")[0] == before
    again = model.trained(texts, epochs=10, lr=1e-2, seed=0, batch=32)
    assert torch.equal(trained.net.outer, again.net.outer)


def test_bpe_gives_every_text_back():
    tokenizer = train_bpe(["in the beginning god created the heaven"] * 20, 300)
    for text in ("in the beginning", "Σ 太初 \n x", ""):
        assert tokenizer.decode(tokenizer.encode(text).ids).lstrip() == text.lstrip()


@pytest.fixture(scope="module")
def gpt(world):
    return tiny_transformer(
        world.halves.pretraining[:40],
        vocab=400,
        d_model=32,
        n_layers=2,
        seq=160,
        epochs=1,
        lr=3e-3,
        batch=8,
        seed=0,
        progress=False,
    )


def test_padding_changes_no_score(gpt, world):
    texts = [world.halves.a[0], world.halves.a[1][:40], world.halves.a[2][:120]]
    together = gpt.stats(texts)
    for i, text in enumerate(texts):
        alone = gpt.stats([text])
        assert together.logp[i] == pytest.approx(alone.logp[0], abs=1e-4)
        assert len(alone.logp[0]) == min(len(gpt.encode(text)), gpt.seq) - 1
    ids, labels = gpt.batch(texts)
    assert ((labels == IGNORE).sum(1) > 0).sum() == 2
    assert ids[labels == IGNORE].eq(0).all()


def test_statistics_of_the_transformer_by_hand(gpt, world):
    ids = torch.tensor([gpt.encode(world.halves.b[0])[: gpt.seq]])
    with torch.no_grad():
        logs = torch.log_softmax(gpt.net(ids).logits[0, :-1].double(), 1)
    stats = gpt.stats(world.halves.b[:1])
    expected = logs.gather(1, ids[0, 1:, None])[:, 0]
    assert stats.logp[0] == pytest.approx(expected.numpy(), abs=1e-5)
    p = logs.exp()
    mu = (p * logs).sum(1)
    assert stats.mu[0] == pytest.approx(mu.numpy(), abs=1e-5)
    sigma = ((p * logs**2).sum(1) - mu**2).sqrt()
    assert stats.sigma[0] == pytest.approx(sigma.numpy(), abs=1e-5)


def test_only_the_last_blocks_are_trained_when_asked(gpt, world):
    frozen = CausalModel(gpt.net, gpt.encode, gpt.seq, train_last=1)
    trained = frozen.trained(world.halves.a[:8], epochs=1, lr=1e-2, seed=0)
    first, last = blocks(trained.net)[0], blocks(trained.net)[-1]
    for old, new in zip(blocks(gpt.net)[0].parameters(), first.parameters(), strict=True):
        assert torch.equal(old, new)
    changed = [
        not torch.equal(a, b)
        for a, b in zip(blocks(gpt.net)[-1].parameters(), last.parameters(), strict=True)
    ]
    assert any(changed)
    with pytest.raises(ValueError, match="no list of blocks"):
        blocks(torch.nn.Linear(2, 2))


def test_arms_share_their_documents(world):
    by_name = {arm.name: arm for arm in world.arms}
    assert set(by_name) == {arms.NONE, arms.MARK, arms.CONTROL}
    mark = by_name[arms.MARK]
    assert by_name[arms.NONE].sets["A.a"] == world.halves.a
    assert all(len(texts) == 30 for texts in mark.sets.values())
    assert mark.train == mark.sets["A.a"]
    a, _ = arms.keys(0)
    assert mark.sets["B.a"] == watermark.Watermarker(a)(world.halves.b)
    assert mark.sets["A.b"] != mark.sets["A.a"]
    assert 0.08 < mark.share < 0.2
    with pytest.raises(ValueError, match="unknown arm"):
        arms.make(["magic"], world.halves, 0)
    with pytest.raises(ValueError, match=r"A\.a and B\.a"):
        arms.Arm("x", {"A.a": []})


def test_every_arm_of_the_book_can_be_made(world):
    settings = PRESETS["book"]
    from companion.leximark.method.candidates import SimilarityFilter

    halves = world.halves._replace(a=world.halves.a[:4], b=world.halves.b[:4])
    names = dict.fromkeys([*settings.all_arms, *settings.bpe_arms, *settings.threshold_arms])
    made = arms.make(list(names), halves, 0, similarity=SimilarityFilter(Letters(), 0.0))
    assert [arm.name for arm in made] == list(names)
    for arm in made:
        changed = arm.sets["A.a"] != halves.a
        assert changed == (arm.name != arms.NONE) or arm.name == "TextMarker"  # a fifth of texts
    stolen = next(arm for arm in made if arm.name == arms.removal(1.0))
    assert stolen.train != stolen.sets["A.a"]


def test_the_vocabulary_holds_what_any_key_can_write(world, small):
    words = set(vocabulary(world.halves, world.arms, small.key_docs))
    for key in ("x", "y"):
        for text in watermark.Watermarker(key)(world.halves.a[: small.key_docs]):
            assert set(pieces(text)) <= words


@pytest.fixture(scope="module")
def found(world, small):
    mark = next(arm for arm in world.arms if arm.name == arms.MARK)
    return run_arm(world.base, mark, epochs=4, lr=small.word_finetune_lr, seed=0)


def mark_texts(world):
    return next(arm for arm in world.arms if arm.name == arms.MARK).sets["A.a"]


def test_training_leaves_the_trace_and_the_untrained_model_has_none(found, world):
    run = lab.Run("w", (0,), ({arms.MARK: found},))
    assert run.aurocs(arms.MARK, "protocol")[0] > 0.85
    assert run.win_rates(arms.MARK)[0] > 0.9
    assert abs(run.aurocs(arms.MARK, "dictionary", model="base")[0] - 0.5) < 0.15
    assert run.has(arms.MARK, "counterfactual")
    assert found.blind["protocol"] > found.blind["record"]
    assert set(found.blind) == {"record", "dictionary", "protocol", "counterfactual"}
    assert min(found.blind["dictionary"], found.blind["counterfactual"]) > 0.8
    assert found.tokens.tolist() == [len(pieces(text)) for text in mark_texts(world)]


def test_the_negative_control_fails(world, small):
    """A wrong key, an untrained model, and a model of other texts must all find nothing."""
    key = arms.keys(0)[0]
    texts = world.halves.a[: small.key_docs]
    model = world.base.trained(
        watermark.Watermarker(key)(world.halves.a), epochs=3, lr=4e-3, seed=0
    )
    stranger = world.base.trained(
        watermark.Watermarker("another owner")(world.halves.b), epochs=3, lr=4e-3, seed=0
    )
    assert keyed_test(stranger, texts, key, 19, 0).p > 0.05
    assert keyed_test(stranger, world.halves.b[:12], "another owner", 19, 0).p == 0.05
    assert keyed_test(model, texts, key, 19, 0).p == 0.05
    assert keyed_test(model, texts, "not the key", 19, 0).p > 0.05
    assert keyed_test(world.base, texts, key, 19, 0).p > 0.05
    with pytest.raises(ValueError, match="at least one"):
        keyed_test(world.base, texts, key, 0, 0)


def test_innocent_tests_are_repeatable(world, small):
    texts = world.halves.a[: small.key_docs]
    first = calibration(world.base, texts, 3, 4, 7)
    assert (first == calibration(world.base, texts, 3, 4, 7)).all()
    assert set(first * 5) <= {1.0, 2.0, 3.0, 4.0, 5.0}


def test_the_trace_sits_at_replaced_words(world, small):
    seen = probe(world.base, world.halves, small, 0, epochs=3, lr=4e-3)
    gap = {
        place: seen.z["A", place].mean() - seen.z["B", place].mean()
        for place in ("replaced", "other")
    }
    assert gap["replaced"] > gap["other"] > 0
    with pytest.raises(ValueError, match="word-for-word"):
        z_by_place(world.base, ["one two"], ["one two three"])


def test_quality_by_hand(world, small):
    assert quality.perplexity_ratio(world.base, ["the ox"], ["the ox"]) == pytest.approx([1.0])
    texts = ["the lazy servant", "abc"]
    close = quality.cosines(Letters(), texts, ["the torpid servant", "abc"])
    assert close[1] == pytest.approx(1.0)
    assert close[0] < 1
    measured = quality.measure(world, small, 0, Letters())
    assert (measured.ratio > 0.5).all()
    assert measured.ratio.mean() > 1
    assert 0.08 < measured.shares.mean() < 0.2
    assert "book scale" in quality.trade_off(small, 0, Letters()).reason


def test_samples_are_drawn_by_the_seed(small):
    first = quality.samples(small, 0)
    assert first == quality.samples(small, 0)
    assert [text for text, _ in first] != [text for text, _ in quality.samples(small, 1)]
    assert "<mark>" in tables.sample_texts(first)


def test_a_similarity_trade_off_runs(small):
    from dataclasses import replace

    settings = replace(
        small, thresholds=(0.99,), threshold_seeds=1, quality_docs=10, word_pretrain_epochs=1
    )
    done = quality.trade_off(settings, 0, Letters())
    assert done.run.seeds == (0,)
    assert done.cosine[arms.MARK].shape == (1, 10)
    assert done.cosine["cosine 0.99"].mean() > done.cosine[arms.MARK].mean()
    assert (done.share["cosine 0.99"] < done.share[arms.MARK]).all()


def bookmia(world):
    rows = []
    for i, text in enumerate([*world.halves.a, *world.halves.b]):
        rows.append({"snippet": text, "label": int(i % 7 == 0), "book": f"book {i % 6}"})
    return pd.DataFrame(rows)


def test_halves_of_bookmia_share_no_book(world):
    frame = bookmia(world)
    split = hub.bookmia_halves(frame, 12, 0)
    book = frame.drop_duplicates("snippet").set_index("snippet")["book"]
    sides = [{book[text] for text in half} for half in (split.a, split.b)]
    assert not sides[0] & sides[1]
    label = frame.drop_duplicates("snippet").set_index("snippet")["label"]
    assert all(label[text] == 0 for text in [*split.a, *split.b])
    with pytest.raises(ValueError, match="two books"):
        hub.bookmia_halves(frame[frame["book"] == "book 1"], 5, 0)


def test_the_paper_scale_path_on_a_stand_in(gpt, world, monkeypatch):
    from dataclasses import replace

    asked, trained = [], []

    def fill(text):
        asked.append(text)
        return [*"the", "zephyr", "yarrow", "wherry", "verger"]

    def causal(name):
        model = CausalModel(gpt.net, gpt.encode, gpt.seq)
        whole = model.trained

        def spy(texts, **training):
            trained.append((texts, training))
            return whole(texts, **training)

        model.trained = spy
        return model

    monkeypatch.setattr(hub, "load_bookmia", lambda: bookmia(world))
    monkeypatch.setattr(hub, "load_causal", causal)
    monkeypatch.setattr(hub, "hub_source", lambda: fill)
    settings = replace(
        PRESETS["paper"],
        hub_models=("tiny/one",),
        hub_docs=8,
        key_docs=4,
        n_keys=19,
        calibration_keys=19,
    )
    ((run, tested),) = hub.run_hub(settings, 0)
    assert run.model == "one"
    assert run.has(arms.MARK, "counterfactual")
    assert np.isfinite(run.aurocs(arms.MARK, "protocol")).all()
    assert tables.arms_table(run).to_html().count("<tr>") == 4
    assert len(asked) == len(set(asked)) > 0  # each place once, for all keys
    fillers = {"zephyr", "yarrow", "wherry", "verger"}
    marked = trained[1][0]  # none, LexiMark, commoner, and LexiMark again for the keyed test
    assert all(fillers & set(text.split()) for text in marked)
    assert not any(fillers & set(text.split()) for text in trained[2][0])
    assert trained[3][0] == marked
    assert all(how == {"seed": 0, **hub.HUB_TRAINING} for _, how in trained)
    assert 0.05 <= tested.trained.p <= 1
    assert len(tested.trained.others) == 19


def test_smollm2_is_run_when_asked(gpt, world, small, monkeypatch):
    from dataclasses import replace

    class Encoding(dict):
        pass

    def tokenizer(text):
        return Encoding(input_ids=gpt.encode(text))

    monkeypatch.setattr(hub, "smollm2", lambda: (gpt.net, tokenizer))
    run = hub.run_smollm2(replace(small, smol_docs=10), 0)
    assert run.model == "SmolLM2-135M"
    assert tuple(run.results[0]) == hub.SMOL_ARMS
    assert np.isfinite(run.aurocs(arms.NONE)).all()


def test_without_a_network_the_hub_says_what_is_missing(monkeypatch):
    from companion.data import DataUnavailable

    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.list_repo_files", refuse)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", refuse)
    monkeypatch.setattr("transformers.pipeline", refuse)
    for call in (hub.load_bookmia, lambda: hub.load_causal("x/y"), hub.hub_source):
        with pytest.raises(DataUnavailable, match="Hub only"):
            call()


def test_concatenation_keeps_fitting_fillers():
    asked = []

    def fill(text):
        asked.append(text)
        return [" weary", "lazier", "The", "tired", "weary", "x1", "slow", "idle", "dull", "drowsy"]

    sentence = "the lazy dog"
    found = hub.concatenation(sentence, 4, 8, fill)
    assert asked == ["the lazy dog </s> the <mask> dog"]
    assert found[:5] == [
        "weary",
        "tired",
        "slow",
        "idle",
        "dull",
    ]  # not its own forms, no stop word
    source = hub.context_source(fill)
    rarer = source("lazy", sentence, 4)
    assert set(rarer) == {w for w in found if surprisal(w) > surprisal("lazy")}
    source("lazy", sentence, 4)
    assert len(asked) == 2  # remembered
    long = "x " * 400 + "lazy" + " y" * 400
    hub.concatenation(long, 800, 804, fill)
    assert len(asked[-1]) < 1300
    with pytest.raises(ValueError, match="no word"):
        hub.concatenation(sentence, 4, 4, fill)


@pytest.mark.bench
def test_one_pass_beats_a_loop_over_tokens():
    from time import perf_counter

    noise = torch.Generator().manual_seed(0)
    logits = torch.randn(400, 2000, generator=noise)
    targets = torch.randint(0, 2000, (400,), generator=noise)

    def loop():
        for row, target in zip(logits, targets, strict=True):
            scores.token_moments(row[None], target[None])

    def took(function):
        start = perf_counter()
        function()
        return perf_counter() - start

    whole = min(took(lambda: scores.token_moments(logits, targets)) for _ in range(5))
    single = min(took(loop) for _ in range(3))
    assert single > 2 * whole


def test_mean_score_orders_members(found):
    pair = found.trained["A.a"][MIN_K_PLUS], found.trained["B.a"][MIN_K_PLUS]
    assert pair[0].mean() > pair[1].mean()
