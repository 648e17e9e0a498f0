"""Models, arms, the experiment on a small world, the keyed test, and the larger models' path."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from companion.data import Missing
from companion.leximark import hub
from companion.leximark.lab import arms, detection, quality
from companion.leximark.lab import run as lab
from companion.leximark.lab.models import (
    IGNORE,
    PAD,
    UNKNOWN,
    CausalModel,
    WordModel,
    causal_loss,
    halved,
    pieces,
)
from companion.leximark.method import watermark
from companion.leximark.method.candidates import SimilarityFilter
from companion.leximark.method.scores import score
from companion.leximark.method.words import surprisal
from companion.leximark.settings import PRESETS
from companion.leximark.sources import Split

from .made import KEY_DOCS, NAMES
from .test_watermark import Letters

# The word model


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


# Causal models


def encode(text):
    return [1 + ord(letter) % 60 for letter in text]


@pytest.fixture
def llama():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config).eval()


TEXTS = ["in the beginning", "god", "created the heaven and the earth"]


def test_trunk_and_tail_are_the_whole_model(llama):
    """Half precision in the trunk leaves three digits; padding and batches change nothing."""
    with torch.no_grad():
        expected = [
            torch.log_softmax(llama(torch.tensor([encode(t)])).logits[0, :-1], 1) for t in TEXTS
        ]
    stats = halved(llama, encode, 100, 2).stats(TEXTS)
    for text, logs, logp, mu, sigma in zip(TEXTS, expected, *stats, strict=True):
        target = torch.tensor(encode(text)[1:])[:, None]
        assert logp == pytest.approx(logs.gather(1, target)[:, 0].numpy(), abs=5e-3)
        p = logs.exp()
        assert mu == pytest.approx((p * logs).sum(1).numpy(), abs=5e-3)
        spread = ((p * logs**2).sum(1) - (p * logs).sum(1) ** 2).sqrt()
        assert sigma == pytest.approx(spread.numpy(), abs=5e-3)


def test_a_text_is_read_once_and_cut(llama):
    model = halved(llama, encode, 10, 2)
    asked = []
    trunk = model.trunk
    model.trunk = lambda ids: asked.append(tuple(ids.shape)) or trunk(ids)
    first = model.stats(TEXTS)
    again = model.stats(TEXTS)
    assert asked == [(3, 10)]
    assert all(np.array_equal(a, b) for a, b in zip(first.logp, again.logp, strict=True))
    given, labels = model.batch(TEXTS)
    assert given.shape == (3, 10, 32)
    assert (labels == IGNORE).sum(1).tolist() == [0, 7, 0]
    model.forgetting().stats(TEXTS[:1])
    assert asked[1:] == [(1, 10)]


def test_a_text_is_cut_at_words_where_a_mark_cuts_it_too(llama):
    model = halved(llama, encode, 100, 2, most_words=2)
    assert [model.words(text) for text in TEXTS] == [2, 1, 2]
    (_, ids), (_, marked) = model.read([TEXTS[0], "in which beginning"])
    assert ids.tolist() == encode("in the")
    assert marked.tolist() == encode("in which")
    assert [len(row) + 1 for row in model.stats(TEXTS).logp] == [6, 3, 11]
    assert model.forgetting().words(TEXTS[2]) == 2


def test_only_the_last_blocks_are_trained(llama):
    model = halved(llama, encode, 100, 2)
    before = score(model.stats(TEXTS), "loss")
    head = model.tail.head.weight.clone()
    trained = model.trained(TEXTS, epochs=30, lr=1e-2, seed=0, batch=3)
    assert (score(trained.stats(TEXTS), "loss") > before + 0.2).all()
    assert score(model.stats(TEXTS), "loss") == pytest.approx(before)
    assert trained.tail.head.weight is model.tail.head.weight
    assert torch.equal(trained.tail.head.weight, head)
    pairs = zip(model.tail.blocks.parameters(), trained.tail.blocks.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in pairs)


def test_padding_counts_for_no_loss(llama):
    model = halved(llama, encode, 100, 2)
    given, labels = model.batch(TEXTS[:2])
    logits = model.tail(given)
    rows = [
        torch.nn.functional.cross_entropy(logits[i, : len(t) - 1], labels[i, 1 : len(t)])
        for i, t in enumerate(TEXTS[:2])
    ]
    n = [len(t) - 1 for t in TEXTS[:2]]
    expected = sum(k * row for k, row in zip(n, rows, strict=True)) / sum(n)
    found = causal_loss(model.tail, given, labels)
    assert found.item() == pytest.approx(expected.item(), abs=0.02)  # half precision


# Arms


def test_arms_share_their_documents(docs, known):
    by_name = {arm.name: arm for arm in arms.make(PRESETS["book"].arms, docs, 0, known)}
    assert by_name[arms.NONE].sets == {"A.a": docs.a, "B.a": docs.b}
    mark = by_name[arms.MARK]
    assert mark.sets["A.a"] == watermark.Watermarker()(docs.a)
    assert mark.sets["B.b"] == known.maker("b")(docs.b)
    assert mark.sets["B.a"] == known.maker("a")(docs.b) != mark.sets["B.b"]
    keys = by_name[arms.KEYS]
    assert keys.sets["A.b"] != keys.sets["A.a"]
    assert keys.sets["B.b"] == watermark.Watermarker(watermark.KEYED, "0-b")(docs.b)
    for name, arm in by_name.items():
        assert all(len(texts) == 20 for texts in arm.sets.values())
        assert (arm.train == arm.sets["A.a"]) == (name != arms.ATTACKED)
        assert (arm.sets["A.a"] == docs.a) == (name == arms.NONE)
        assert (arm.changed > 0.05) == (name not in (arms.NONE, arms.SEQUENCE))
    assert arms.changed_share(["a b c d"], ["a x c d e f"]) == 0.25
    assert by_name[arms.ATTACKED].sets["A.a"] == mark.sets["A.a"]  # the owner scores what he wrote
    tails = [by_name[arms.SEQUENCE].sets[s][0].split()[-10:] for s in ("A.a", "B.b")]
    assert tails[0] != tails[1]
    (dosed,) = arms.make([arms.dose(2)], docs, 0, known)
    recipe = replace(watermark.KEYED, k=2)
    assert dosed.sets["A.a"] == watermark.Watermarker(recipe, "0-a")(docs.a)
    with pytest.raises(ValueError, match="unknown arm"):
        arms.make(["magic"], docs, 0, known)
    with pytest.raises(ValueError, match=r"needs A\.a"):
        arms.Arm("x", {"B.a": []})


def test_each_call_has_a_dictionary_of_its_own(docs):
    few = docs._replace(a=docs.a[:6], b=docs.b[:6])
    close = SimilarityFilter(Letters(), 0.97)
    found = arms.dictionaries(few, close)
    alone = watermark.Watermarker(similarity=close)
    marked = alone(few.a)
    assert found.maker("a")(few.a) == marked
    assert {w: found.a[w] for w in alone.dictionary} == alone.dictionary
    second = watermark.Watermarker(similarity=close)
    assert found.maker("b")(few.b) == second(few.b)
    # of more documents the first are marked alike, which SmolLM2 relies on
    more = arms.dictionaries(docs._replace(a=docs.a[:9], b=docs.b[:9]), close)
    assert more.maker("a")(few.a) == marked
    assert more.maker("b")(few.b) == second(few.b)


def test_the_vocabulary_holds_what_any_key_can_write(docs, known):
    words = set(lab.vocabulary(docs, arms.make([arms.NONE], docs, 0, known), KEY_DOCS))
    for key in ("x", "y"):
        for text in watermark.Watermarker(watermark.KEYED, key)(docs.a[:KEY_DOCS]):
            assert set(pieces(text)) <= words


# The experiment


def test_training_leaves_the_trace_and_the_untrained_model_has_none(word_run, seed_result, docs):
    assert word_run.arms == list(NAMES)
    assert word_run.aurocs(arms.KEYS, "protocol")[0] > 0.85
    assert word_run.win_rates(arms.KEYS)[0] > 0.9
    assert abs(word_run.aurocs(arms.KEYS, "dictionary", model="base")[0] - 0.5) < 0.15
    assert word_run.has(arms.KEYS, "counterfactual")
    assert not word_run.has(arms.MARK, "counterfactual")
    found = seed_result.arms[arms.KEYS]
    assert found.blind["protocol"] > found.blind["record"]
    assert min(found.blind["dictionary"], found.blind["counterfactual"]) > 0.7
    assert (found.nats > seed_result.arms[arms.NONE].nats).mean() > 0.8  # rare words surprise
    assert all(one.learned > 0.3 for one in seed_result.arms.values())
    pair = found.trained["A.a"], found.trained["B.b"]
    assert pair[0].mean() > pair[1].mean()


def test_learned_is_of_the_texts_that_were_trained_on(docs, known):
    base = WordModel(sorted({w for t in docs.a for w in pieces(t)}), 0)
    arm = arms.Arm("x", {"A.a": docs.b[:4]}, train=docs.a[:4])
    result, model = lab.run_arm(base, arm, epochs=5, lr=1e-2, batch=32, seed=0)
    stats = base.stats(docs.b[:1])
    assert result.nats[0] == pytest.approx(-stats.logp[0].sum() / len(docs.b[0].split()))
    means = [score(one.stats(docs.a[:4]), "loss").mean() for one in (model, base)]
    assert result.learned == pytest.approx(means[0] - means[1], rel=1e-5)
    assert result.learned > 0.5


def test_the_negative_control_fails(docs, known, seed_result):
    """A wrong key, an untrained model, and a model of other texts must all find nothing."""
    assert seed_result.keyed.p == 0.05
    assert len(seed_result.keyed.others) == 19
    assert (seed_result.innocent > 0).all()
    base = WordModel(lab.vocabulary(docs, arms.make(NAMES, docs, 0, known), KEY_DOCS), 0)
    texts, fresh = docs.a[:KEY_DOCS], detection.fresh_keys(0, 19)
    other = watermark.Watermarker(watermark.KEYED, "another owner")
    stranger = base.trained(other(docs.b), epochs=3, lr=4e-3, seed=0)

    def p(model, key, of=texts):
        return detection.keyed_test(detection.key_scores(model, of, [key, *fresh])).p

    assert p(stranger, "0-a") > 0.05
    assert p(stranger, "another owner", docs.b[:KEY_DOCS]) == 0.05
    assert p(base, "0-a") > 0.05


def test_quality_by_hand(docs, known):
    text = "The lazy servant slept. The dog ran. A lazy ox came."
    maker = watermark.Watermarker(dictionary={"lazy": "torpid", "dog": "dog"})
    maker.recipe = watermark.Recipe(k=5)
    only = watermark.Watermarker(
        candidates=lambda *_: (), dictionary={"lazy": "torpid", "dog": "dog"}
    )
    before, after = quality.changed_sentences([text], [only.mark(text)])
    assert before == ["The lazy servant slept", "A lazy ox came"]
    assert after == ["The torpid servant slept", "A torpid ox came"]
    assert quality.rare_share(["the ox"]) == [0.0]
    few = docs._replace(a=docs.a[:5], b=docs.b[:5])
    found = quality.measure(few, known, Letters())
    assert 0.08 < found.shares.mean() < 0.25
    assert (found.cosines <= 1 + 1e-9).all()
    assert 0 < found.agree < 0.7  # half of b's words stay
    same = replace(known, b=known.a)
    assert quality.agreement(few.b, same) == 1
    assert found.seen > 0.9
    assert abs(found.seen_unmarked - 0.5) < 0.45


def test_steps_run_side_by_side_and_alone(monkeypatch, docs, known):
    sizes = {"n_half": 10, "pretrain_words": 1000, "seeds": 2, "key_docs": 5}
    # nothing is asked of what is learned, nor of other arms than these
    least = {"word_pretrain_epochs": 1, "word_epochs": 1, "arms": (arms.NONE, arms.KEYS)}
    settings = replace(PRESETS["toy"], **sizes, **least)
    monkeypatch.setattr(lab, "minilm", Letters)
    monkeypatch.setattr(lab, "half_precision", lambda encoder: encoder)
    found = lab.dictionaries(settings, 3)
    assert len(found) == 2
    assert len(lab.qualities(found, settings, 3)) == 2
    run = lab.word_model(found, settings, 3)
    assert run.seeds == lab.seeds(settings, 3) == [3, 4]
    assert run.aurocs(arms.KEYS, "protocol").shape == (2,)
    first, again = lab.samples(found, settings, 3), lab.samples(found, settings, 3)
    assert first == again
    assert first[0][0] == lab.halves(settings, 3).a[0]
    assert isinstance(lab.smol(found, settings, 3), Missing)


def test_smollm2_reads_the_first_documents(monkeypatch, llama, docs, known):
    settings = replace(
        PRESETS["toy"],
        seeds=1,
        n_half=12,
        pretrain_words=1000,
        smol_docs=8,
        smol_epochs=1,
        smol_key_docs=5,
    )
    monkeypatch.setattr(lab, "smollm2", lambda: (llama, lambda text: {"input_ids": encode(text)}))
    run = lab.smol([known], settings, 0)
    assert run.model == "SmolLM2-135M"
    assert run.arms == list(lab.SMOL_ARMS)
    (one,) = run.results
    assert all(len(a.trained["A.a"]) == 8 for a in one.arms.values())
    assert len(one.keyed.others) == settings.smol_keys


# Paper scale


def bookmia(docs):
    rows = []
    for i, text in enumerate([*docs.a, *docs.b]):
        rows.append({"snippet": text, "label": int(i % 7 == 0), "book": f"book {i % 6}"})
    return pd.DataFrame(rows)


def test_halves_of_bookmia_share_no_book(docs):
    frame = bookmia(docs)
    split = hub.bookmia_halves(frame, 12, 0)
    book = frame.drop_duplicates("snippet").set_index("snippet")["book"]
    sides = [{book[text] for text in half} for half in (split.a, split.b)]
    assert not sides[0] & sides[1]
    label = frame.drop_duplicates("snippet").set_index("snippet")["label"]
    assert all(label[text] == 0 for text in [*split.a, *split.b])
    with pytest.raises(ValueError, match="two books"):
        hub.bookmia_halves(frame[frame["book"] == "book 1"], 5, 0)


def test_the_paper_scale_path_on_a_stand_in(llama, docs, monkeypatch):
    asked = []

    def fill(text):
        asked.append(text)
        return [*"the", "zephyr", "yarrow", "wherry", "verger"]

    monkeypatch.setattr(hub, "load_bookmia", lambda: bookmia(docs))
    monkeypatch.setattr(
        hub, "load_causal", lambda name: CausalModel(hub.Logits(llama), encode, 120)
    )
    monkeypatch.setattr(hub, "hub_source", lambda: fill)
    settings = replace(PRESETS["paper"], hub_models=("tiny/one",), hub_docs=6)
    (run,) = hub.pythia(settings, 0)
    assert run.model == "one"
    assert run.arms == [arms.NONE, arms.MARK]
    assert np.isfinite(run.aurocs(arms.MARK, "protocol")).all()
    assert len(asked) == len(set(asked)) > 0  # each place once
    assert isinstance(hub.pythia(PRESETS["book"], 0), Missing)


def test_both_arms_of_the_hub_have_the_same_documents(llama, docs):
    few = Split([], docs.a[:6], docs.b[:6])
    base = CausalModel(hub.Logits(llama), encode, 60)
    run = hub.train_on(base, few, 0, "x/y", lambda word, sentence, at: ["zephyr"])
    first, second = (run.results[0].arms[name] for name in (arms.NONE, arms.MARK))
    assert set(first.trained) == {"A.a", "B.a"}
    assert set(second.trained) == {"A.a", "B.b"}
    assert second.changed == first.changed == 0  # what was not asked
    assert np.isfinite(first.nats).all()


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
    # not its own forms, no stop word
    assert found[:5] == ["weary", "tired", "slow", "idle", "dull"]
    source = hub.context_source(fill)
    rarer = source("lazy", sentence, 4)
    assert set(rarer) == {w for w in found if surprisal(w) > surprisal("lazy")}
    assert list(rarer) == sorted(rarer, key=surprisal, reverse=True)
    source("lazy", sentence, 4)
    assert len(asked) == 2  # remembered
    long = "x " * 400 + "lazy" + " y" * 400
    hub.concatenation(long, 800, 804, fill)
    assert len(asked[-1]) < 1300
    with pytest.raises(ValueError, match="no word"):
        hub.concatenation(sentence, 4, 4, fill)
