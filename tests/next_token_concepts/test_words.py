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
from companion.next_token_concepts.sources import FAMILIES, PAIRS, by_family, word_pairs
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
    together = wo.hidden_states(tiny, Letters(), words, layers=[0, 1, -1])
    assert together.shape == (4, 3, 32)
    for i, word in enumerate(words):
        ids = torch.tensor([[0, *Letters()(word)["input_ids"]]])
        with torch.no_grad():
            alone = tiny(input_ids=ids, output_hidden_states=True).hidden_states
        for j, layer in enumerate((0, 1, -1)):
            np.testing.assert_allclose(together[i, j], alone[layer][0, -1], atol=1e-5)


def test_the_whole_analysis(tiny, table):
    found = wo.analyze(tiny, Letters(), table, 0, n_layers=2, draws=1, progress=False)
    assert found.concepts == ["plural", "past"]
    assert found.n_pairs == [24, 24]
    assert found.layers == [0, 2]
    assert {values.shape for values in found.depth["trained"]} == {(2, 2)}
    assert found.depth["trained"].same[-1].min() > 0.7
    again = wo.analyze(tiny, Letters(), table, 0, n_layers=2, draws=1, progress=False)
    np.testing.assert_array_equal(found.depth["random"].held_out, again.depth["random"].held_out)


def test_one_layer_by_hand(table):
    states = np.random.default_rng(0).normal(size=(200, 16))
    places = {word: i for i, word in enumerate(sorted({*table["word0"], *table["word1"]}))}
    pairs = wo.pairs_at(states, places, table)
    halves = wo.halves(table, np.random.default_rng(1))
    found = wo.measure_layer(pairs, halves, 1e-4, 1, np.random.default_rng(2))
    directions = [p.one.mean(0) - p.zero.mean(0) for p in pairs]
    probes = [measurements.probe(p, 1e-4) for p in pairs]
    cosine = directions[0] @ probes[1] / np.linalg.norm(directions[0])
    assert found.other[0] == pytest.approx(abs(cosine))
    first, second = halves[0]
    a = (pairs[0].one - pairs[0].zero)[first].mean(0)
    w = measurements.probe(pairs[0].rows(second), 1e-4)
    assert found.held_out[0] == pytest.approx(a @ w / np.linalg.norm(a))


def test_halves_share_no_word():
    rows = [("thing", "apple", "red"), ("thing", "blood", "red"), ("thing", "sky", "blue")]
    rows += [("thing", f"a{i}", f"b{i}") for i in range(7)] + [("thing", "sky", "grey")]
    table = pd.DataFrame(rows, columns=["concept", "word0", "word1"])
    seen = set()
    for seed in range(8):
        ((first, second),) = wo.halves(table, np.random.default_rng(seed))
        assert sorted([*first, *second]) == list(range(11))
        words = [
            set(table.iloc[side][["word0", "word1"]].to_numpy().ravel()) for side in (first, second)
        ]
        assert not words[0] & words[1]
        assert abs(len(first) - len(second)) <= 2
        seen.add(tuple(first))
    assert len(seen) > 1


def test_halves_of_the_shipped_words_share_none():
    table = word_pairs(fetch(PAIRS), 0, 0)
    groups = [g for _, g in table.groupby("concept", sort=False)]
    for g, halves in zip(groups, wo.halves(table, np.random.default_rng(0)), strict=True):
        words = [set(g.iloc[side][["word0", "word1"]].to_numpy().ravel()) for side in halves]
        assert not words[0] & words[1]
        assert min(map(len, halves)) >= 4


def test_random_weights_are_others(tiny):
    other = wo.randomized(tiny, 0)
    assert not torch.equal(other.embed_in.weight, tiny.embed_in.weight)
    torch.testing.assert_close(wo.randomized(tiny, 0).embed_in.weight, other.embed_in.weight)


def test_families_are_averaged_first():
    names = ["verb - Ved", "noun - plural", "Ving - Ved", "male - female"]
    found = by_family(names, np.array([1.0, 5.0, 3.0, 7.0]))
    assert found.tolist() == [2, 5, 7]
    every = set(word_pairs(fetch(PAIRS), 0, 0)["concept"])
    assert all(family <= every for family in FAMILIES)
    assert len(by_family(sorted(every), np.arange(27.0))) == 18


def test_word_pairs_are_read_from_all_over():
    path = fetch(PAIRS)
    every = word_pairs(path, 0, 0)
    assert len(every) == 1701
    assert every["concept"].nunique() == 27
    some = word_pairs(path, 5, 10)
    assert some["concept"].nunique() == 5
    assert some.groupby("concept").size().max() == 10
    assert some["concept"].iloc[0] == every["concept"].iloc[0]


def test_pythia_over_checkpoints_on_a_stand_in(tiny, table):
    asked = []

    def load(name, revision):
        asked.append((name, revision))
        return (tiny if revision == hub.LAST else wo.randomized(tiny, 1)), Letters()

    settings = replace(SMALL, hub_models=("tiny",), hub_revisions=(hub.FIRST, hub.LAST))
    rows = hub.over_checkpoints(settings, table, 0, load=load, progress=False)
    assert asked == [("tiny", hub.FIRST), ("tiny", hub.LAST)]
    assert len(rows) == 2 * 3 * 2
    assert rows["depth"].max() == 1
    last = rows[rows["revision"] == hub.LAST].set_index(["layer", "concept"])
    words = sorted({*table["word0"], *table["word1"]})
    states = wo.hidden_states(tiny, Letters(), words, layers=[2])[:, 0]
    pairs = wo.pairs_at(states.astype(float), {w: i for i, w in enumerate(words)}, table)
    expected = measurements.cosines(pairs, pairs, 1e-4)[0, 0]
    assert last.loc[(2, "plural"), "same"] == pytest.approx(expected)
    gain = hub.gained(rows, "tiny")
    assert gain.n == 2
    moved = rows.assign(held_out=rows["held_out"] + (rows["revision"] == hub.LAST))
    assert hub.gained(moved, "tiny").estimate == pytest.approx(gain.estimate + 1)
    assert np.isnan(hub.gained(rows, "other").estimate)


def test_pythia_waits_for_the_paper_scale():
    assert isinstance(hub.run_pythia(SMALL, 0), Missing)
