"""Real words and Pythia's path, on a network of a few thousand weights and a made-up tokenizer."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from companion.data import Missing, fetch
from companion.models import neox, neox_config
from companion.next_token_concepts import hub
from companion.next_token_concepts.lab import measurements
from companion.next_token_concepts.lab import words as wo
from tests.next_token_concepts.made import SMALL


class Letters:
    """A tokenizer with one token a letter; the space is part of the first one."""

    bos_token_id = 0

    def __call__(self, text, add_special_tokens=False):
        return {"input_ids": [1 + (ord(letter) % 60) for letter in text.strip()]}


@pytest.fixture(scope="module")
def tiny():
    config = neox_config(n_layers=2, d_model=32, n_heads=2, vocab_size=64, seq=16)
    return neox(config, torch.Generator().manual_seed(0)).gpt_neox.eval()


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    stems = ["".join(rng.choice(list("abcdefgh"), 3)) for _ in range(24)]
    rows = [("plural", s, f"{s}s") for s in stems] + [("past", s, f"{s}ed") for s in stems]
    return pd.DataFrame(rows, columns=["concept", "word0", "word1"])


def test_states_do_not_depend_on_the_batch(tiny):
    words = ["a", "abc", "hgfed", "abcdefg"]
    together = wo.hidden_states(tiny, Letters(), words, layers=[0, 1, -1], progress=False)
    assert together.shape == (4, 3, 32)
    for i, word in enumerate(words):
        ids = torch.tensor([[0, *Letters()(word)["input_ids"]]])
        with torch.no_grad():
            alone = tiny(input_ids=ids, output_hidden_states=True).hidden_states
        for j, layer in enumerate((0, 1, -1)):
            np.testing.assert_allclose(together[i, j], alone[layer][0, -1], atol=1e-5)


def test_the_whole_analysis_and_its_cache(tiny, table, tmp_path):
    found = wo.analyze(tiny, Letters(), table, SMALL, 0, tmp_path, progress=False)
    assert found.concepts == ["plural", "past"]
    assert found.n_pairs == [24, 24]
    assert found.depth["trained"].held_out.shape == (2, 2)
    assert found.depth["trained"].same[-1].min() > 0.7
    assert np.isnan(found.whole["random"]).all()  # no word of this tokenizer is one token
    files = sorted(tmp_path.iterdir())
    assert [f.suffix for f in files] == [".npy", ".npy"]
    again = wo.analyze(tiny, Letters(), table, SMALL, 0, tmp_path, progress=False)
    np.testing.assert_array_equal(found.depth["random"].held_out, again.depth["random"].held_out)
    unwritable = wo.analyze(tiny, Letters(), table, SMALL, 0, None, progress=False)
    np.testing.assert_array_equal(
        found.depth["trained"].held_out, unwritable.depth["trained"].held_out
    )


def test_random_weights_are_others(tiny):
    other = wo.randomized(tiny, 0)
    assert not torch.equal(other.embed_in.weight, tiny.embed_in.weight)
    torch.testing.assert_close(wo.randomized(tiny, 0).embed_in.weight, other.embed_in.weight)


def test_one_token_words_are_judged_apart(table):
    states = np.random.default_rng(0).normal(size=(200, 16))
    words = sorted({*table["word0"], *table["word1"]})
    places = {word: i for i, word in enumerate(words)}
    kept = table[table["concept"] == "plural"]
    gaps = wo.whole_words(states, places, table, kept, SMALL, 0)
    assert np.isfinite(gaps[0])
    assert np.isnan(gaps[1])


def test_word_pairs_are_read_from_all_over():
    path = fetch(wo.PAIRS)
    every = wo.word_pairs(path, 0, 0)
    assert len(every) == 1701
    assert every["concept"].nunique() == 27
    some = wo.word_pairs(path, 5, 10)
    assert some["concept"].nunique() == 5
    assert some.groupby("concept").size().max() == 10
    assert some["concept"].iloc[0] == every["concept"].iloc[0]


def test_pythia_over_checkpoints_on_a_stand_in(tiny, table):
    asked = []

    def load(name, revision):
        asked.append((name, revision))
        return (tiny if revision == hub.LAST else wo.randomized(tiny, 1)), Letters()

    settings = replace(
        SMALL, hub_models=("tiny",), hub_revisions=(hub.FIRST, hub.LAST), word_cs=(1e-4,)
    )
    rows = hub.over_checkpoints(settings, table, 0, load=load, progress=False)
    assert asked == [("tiny", hub.FIRST), ("tiny", hub.LAST)]
    assert len(rows) == 2 * 3 * 1 * 2
    assert rows["depth"].max() == 1
    last = rows[rows["revision"] == hub.LAST].set_index(["layer", "concept"])
    words = sorted({*table["word0"], *table["word1"]})
    states = wo.hidden_states(tiny, Letters(), words, layers=[2], progress=False)[:, 0]
    pairs = wo.pairs_at(states.astype(float), {w: i for i, w in enumerate(words)}, table)
    expected = measurements.cosines(pairs, 1e-4, held_out=True)[0, 0]
    assert last.loc[(2, "plural"), "held_out"] == pytest.approx(expected)
    gain = hub.gained(rows, "tiny")
    assert gain.n == 2
    assert np.isnan(hub.gained(rows, "other").estimate)


def test_pythia_waits_for_the_paper_scale():
    assert isinstance(hub.run_pythia(SMALL, 0), Missing)
