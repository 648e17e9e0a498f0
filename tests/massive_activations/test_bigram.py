import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from companion.massive_activations.lab import minis

TABLE = minis.bigram_table(12, np.random.default_rng(0))
UNIFORM = np.repeat(np.array([[0.0] + [1 / 11] * 11]), 12, axis=0)  # triggers may follow triggers
TRIGGERS = (9, 10, 11)


@given(vocab_size=st.integers(5, 40), seed=st.integers(0, 99))
def test_the_table_is_a_language(vocab_size, seed):
    table = minis.bigram_table(vocab_size, np.random.default_rng(seed))
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    assert np.all(table[:, 0] == 0)
    assert np.all(table[-3:, -3:] == 0)
    assert np.all(table[:-3, 1:] > 0)


def test_triggers_have_four_times_their_weight():
    logits = np.random.default_rng(0).normal(size=(12, 12))  # the draw inside bigram_table
    odds = TABLE[4, 9] / TABLE[4, 5]
    assert odds == pytest.approx(4 * np.exp(logits[4, 9] - logits[4, 5]))


@given(
    seed=st.integers(0, 999),
    has_bos=st.booleans(),
    seq=st.integers(3, 30),
    table=st.sampled_from([TABLE, UNIFORM]),
)
@settings(max_examples=60, deadline=None)
def test_every_sequence_obeys_the_rules(seed, has_bos, seq, table):
    rng = np.random.default_rng(seed)
    batch = minis.sample(8, seq, table, rng, has_bos=has_bos)
    assert batch.tokens.shape == (8, seq)
    for row, copies in zip(batch.tokens.tolist(), batch.is_copy.tolist(), strict=True):
        assert (row[0] == 0) == has_bos
        first_plain = row[1] if has_bos else row[0]
        assert 1 <= first_plain < 9
        assert 0 not in row[1:]
        for t in range(1, seq):
            must_copy = t >= 2 and row[t - 1] in TRIGGERS and row[t - 2] not in TRIGGERS
            assert copies[t - 1] == must_copy
            if must_copy:
                assert row[t] == row[t - 2]


def test_a_trigger_without_a_plain_token_before_it_has_nothing_to_repeat():
    row = torch.tensor([[9, 4, 10, 11, 5, 9, 5]])
    #          asks for:   4  10  11   5  9  5
    assert minis.copy_positions(row, 12).tolist() == [[False, False, True, False, False, True]]


def test_plain_tokens_are_followed_as_the_table_says():
    tokens = minis.sample(4000, 20, TABLE, np.random.default_rng(1)).tokens
    pairs = torch.stack([tokens[:, 2:-1].flatten(), tokens[:, 3:].flatten()], dim=1)
    after_five = pairs[pairs[:, 0] == 5, 1]
    counts = np.bincount(after_five.numpy(), minlength=12)
    possible = TABLE[5] > 0
    assert counts[~possible].sum() == 0
    expected = TABLE[5, possible] * counts.sum()
    assert chisquare(counts[possible], expected).pvalue > 1e-3


def test_too_small_a_language_is_refused():
    with pytest.raises(ValueError, match="at least 5"):
        minis.bigram_table(4, np.random.default_rng(0))
    with pytest.raises(ValueError, match="three tokens"):
        minis.sample(1, 2, TABLE, np.random.default_rng(0))
