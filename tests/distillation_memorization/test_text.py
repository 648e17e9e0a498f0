"""The texts: what was promised of them, as properties."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.corpora import king_james
from companion.distillation_memorization.lab import text
from companion.distillation_memorization.lab.text import pool_text, zlib_bytes
from companion.distillation_memorization.settings import PRESETS
from companion.scale import settings_for


@given(st.integers(0, 10_000), st.integers(8, 60))
@settings(deadline=None, max_examples=30)
def test_pool_text_is_words_of_a_small_pool(seed, length):
    made = pool_text(length, np.random.default_rng(seed))
    assert len(made) == length
    words = made.split(" ")[:-1]  # the last one may be cut
    assert set(words) <= set(text.word_list())
    assert len(set(words)) <= text.POOL_SIZES[1]
    assert text.decode(text.encode([made])) == [made]


def test_small_pools_compress_better():
    rng = np.random.default_rng(0)
    made = [pool_text(48, rng) for _ in range(400)]
    kinds = np.array([len(set(t.split(" ")[:-1])) for t in made])
    size = zlib_bytes(made)
    assert size[kinds <= 2].mean() < size[kinds >= 6].mean() - 8
    assert size[0] == len(zlib.compress(made[0].encode()))
    assert size.std() > 5  # without spread there are no easy sequences


@pytest.mark.parametrize("source", list(text.SOURCES))
def test_the_three_sets_share_no_sequence(source):
    def drawn(base, seed):
        rngs = np.random.default_rng(base), np.random.default_rng(seed)
        return text.draw_sets(source, (40, 30, 20), 40, *rngs)

    made, again, other = drawn(0, 1), drawn(0, 1), drawn(0, 2)
    rows = [tuple(r) for part in (made.base, made.train, made.held_out) for r in part.tolist()]
    assert len(rows) == len(set(rows)) == 90
    assert made.texts(made.train)[0] == "".join(made.alphabet[i] for i in made.train[0].tolist())
    assert made.train.tolist() == again.train.tolist()
    assert made.base.tolist() == other.base.tolist()
    assert made.train.tolist() != other.train.tolist()


def test_what_is_known_is_not_drawn_again():
    """Three windows in all, of which two are known."""
    rng = np.random.default_rng(0)
    first = text.distinct(text.POOLS, 3, 12, np.random.default_rng(5))
    again = text.distinct(text.POOLS, 3, 12, np.random.default_rng(5), first[:2])
    assert again[0] == first[2]
    assert not set(again) & set(first[:2])
    with pytest.raises(ValueError, match="were asked for"):
        text.distinct(text.REAL, 10**6, 40, rng)


def test_wrong_texts_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        text.encode(["a", "ab"])
    with pytest.raises(ValueError, match="alphabet"):
        text.encode(["A"])


def test_real_text_is_windows_of_the_book():
    whole = king_james().text
    for row in text.distinct(text.REAL, 3, 40, np.random.default_rng(0)):
        assert whole.index(row) % 40 == 0 or whole.count(row) > 1
    assert text.alphabet_of(text.REAL) == "".join(sorted(set(whole)))


def test_settings_are_checked():
    assert settings_for(PRESETS, "toy", {"n": 100}).n == 100
    with pytest.raises(ValueError, match="taus must hold 2"):
        settings_for(PRESETS, "toy", {"taus": (1.0, 4.0)})
    with pytest.raises(ValueError, match="ascending"):
        settings_for(PRESETS, "toy", {"perceptron_epochs": (2, 1)})
    with pytest.raises(ValueError, match="one of epochs"):
        settings_for(PRESETS, "toy", {"judged": 5})
    with pytest.raises(ValueError, match="at least 1"):
        settings_for(PRESETS, "toy", {"n_seeds": 0})
