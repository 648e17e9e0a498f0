"""Siblings against parent and child: made forests in which one field carries all, and none does."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from companion.model_ecosystem.lab import kin
from companion.model_ecosystem.lab import run as lab
from companion.model_ecosystem.method import similarity
from companion.model_ecosystem.method.forest import forest
from companion.model_ecosystem.method.similarity import draw_pairs, families, levenshtein, unit_rows
from companion.model_ecosystem.settings import PRESETS
from companion.model_ecosystem.sources import Ecosystem
from companion.model_ecosystem.verdict import half, masked, moved_more
from companion.stats import t_interval
from tests.model_ecosystem.made import random_forest, random_rows

FAMILIES, CHILDREN, TRAITS = 30, 6, 5


def made(mu, *, directed=False, named=True, seed=0):
    """Families of six by six accounts; of five traits each child changes one with probability mu.

    directed : all that change go the same way; named : children say what they descend from
    """
    rng = np.random.default_rng(seed)
    records, parents, children = [], [], []
    for family in range(FAMILIES):
        founder = rng.integers(0, 40, TRAITS)
        target = rng.integers(40, 80, TRAITS)
        head = len(records)
        rows = [founder]
        for _ in range(CHILDREN):
            new = target if directed else rng.integers(40, 400, TRAITS)
            rows.append(np.where(rng.random(TRAITS) < mu, new, founder))
        for i, row in enumerate(rows):
            record = {f"trait{t}": f"t{t}v{v}" for t, v in enumerate(row)}
            record["base_model"] = f"family{family} head{family}" if named and i else "nothing0"
            records.append(record)
            if i:
                parents.append(head)
                children.append(head + i)
    n = len(records)
    table = pl.DataFrame({"model_id": [str(i) for i in range(n)]})
    table = table.with_columns(account=pl.col("model_id"), date=pl.lit(None, pl.Utf8))
    return Ecosystem("made", table, tuple(records), forest(n, parents, children))


def test_one_field_carries_all():
    found = kin.left_out(made(0.2))
    assert set(found.fields) == {"base_model", *(f"trait{t}" for t in range(TRAITS))}
    assert t_interval(found.whole).low > 0
    assert t_interval(found.rest).high < 0  # slow mutation: parent and child are closer
    assert half(found).low > 0
    assert moved_more(found).low > 0


def test_no_field_carries_all_where_mutation_is_fast_and_directed():
    found = kin.left_out(made(0.8, directed=True))
    assert t_interval(found.rest).low > 0
    assert half(found).high < 0


def test_nothing_is_carried_where_nobody_is_named():
    found = kin.left_out(made(0.2, named=False))
    assert t_interval(found.whole).high < 0
    np.testing.assert_allclose(found.rest, found.whole, atol=0.05)


def test_the_gap_without_a_field_is_that_of_records_which_never_had_it():
    system = made(0.3)
    bare = [{k: v for k, v in r.items() if k != "trait2"} for r in system.records]
    found = kin.left_out(system)
    again = kin.left_out(Ecosystem("bare", system.table, tuple(bare), system.graph))
    np.testing.assert_allclose(
        found.without[found.fields.index("trait2")], again.whole, rtol=0, atol=1e-12
    )


def test_tags_are_left_out_by_their_kind():
    record = {
        "id": "a/b",
        "tags": ["license:mit", "base_model:x/y", "base_model:finetune:x/y", "en", "gguf", "t2i"],
        "pipeline_tag": "t2i",
        "library_name": None,
    }
    assert similarity.fields(record) == {
        *("id", "license", "base_model", "language", "other tags", "task", "library"),
    }
    assert similarity.strings([record]) == [str(record)]
    (text,) = similarity.strings([record], {"base_model", "task"})
    assert "x/y" not in text
    assert "t2i" not in text
    assert "license:mit" in text
    assert similarity.strings([{"id": 1, "tags": None}], {"id"}) == ["{'tags': []}"]


def test_counts_of_cards_get_the_weights_of_the_vectorizer():
    texts = ["a model card of words", "another card", "words of a model", "card card card"]
    vectorizer = TfidfVectorizer(lowercase=True, ngram_range=(1, 2), max_features=512)
    expected = vectorizer.fit_transform(texts)
    analyze = vectorizer.build_analyzer()
    rows = [
        {"model_id": str(i), "term": term, "count": 1}
        for i, text in enumerate(texts)
        for term in analyze(text)
    ]
    counts = pl.DataFrame(rows).group_by("model_id", "term").agg(pl.col("count").sum())
    has, found = kin.card_rows(["x", "0", "1", "2", "3"], counts)
    assert has.tolist() == [False, True, True, True, True]
    same = (found[1:] @ found[1:].T).todense()
    np.testing.assert_allclose(same, (expected @ expected.T).todense(), atol=1e-12)
    assert found[[0]].nnz == 0


def test_comparisons_are_means_over_pairs_or_over_families(rng):
    graph, x = random_forest(4, 60), random_rows(4, 60)
    dense = x.toarray()
    gaps, pairs = [], []
    for parent in np.unique(graph.parent):
        kids = dense[graph.child[graph.parent == parent]]
        if len(kids) > 1:
            same = kids @ kids.T
            d = len(kids)
            sibling = (same.sum() - np.trace(same)) / (d * (d - 1))
            gaps.append(sibling - (kids @ dense[parent]).mean())
            pairs.append(d * (d - 1) / 2)
    equal = kin.compare(families(x, graph), rng, weights="families")
    assert equal["gap"] == pytest.approx(np.mean(gaps))
    assert (equal["gap_low"], equal["gap_high"]) == pytest.approx(t_interval(gaps)[1:3])
    weighted = kin.compare(families(x, graph), rng, weights="pairs", n_resamples=50)
    assert weighted["gap"] == pytest.approx(np.average(gaps, weights=pairs))
    assert weighted["gap_low"] < weighted["gap"] < weighted["gap_high"]
    with pytest.raises(ValueError, match="unknown weights"):
        kin.compare(families(x, graph), rng, weights="both")
    with pytest.raises(ValueError, match="two families"):
        kin.compare(families(x, forest(60, [0, 0], [1, 2])), rng, weights="pairs")


def test_trait_by_trait_by_hand():
    names = ["a/0", "b/1", "c/2", "d/3", "d/4"]
    table = pl.DataFrame(
        {
            "model_id": names,
            "account": [name[0] for name in names],
            "date": [None] * 5,
            "license": [["mit"], ["gpl"], ["gpl"], ["mit"], ["mit"]],
            "language": [["en", "fr"], ["fr", "en"], ["en"], None, None],
        },
        schema_overrides={"date": pl.Utf8},
    )
    system = Ecosystem("made", table, (), forest(5, [0] * 4, [1, 2, 3, 4]))
    found = kin.trait_kin(system)
    assert found.trait.tolist() == ["license", "language"]
    # license: 2 of 4 kept; of the 5 pairs by two accounts only that of 1 and 2 agrees
    assert found.parent_child.tolist() == [0.5, 0.5]
    assert found.sibling.tolist() == pytest.approx([1 / 5, 0.0])
    assert found.mean_gap() == pytest.approx([(-0.3 - 0.5) / 2])
    assert kin.trait_kin(system, different=False).sibling[0] == pytest.approx(2 / 6)


TEXTS = ["abcd", "abce", "bbce", "xyz", "abxx"]
SMALL_GRAPH = forest(5, [0, 0, 0, 1], [1, 2, 3, 4])


def slow_levenshtein(a, b):
    """1 − distance over the longer length, by the textbook's table."""
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        last, row = row, [i]
        for j, two in enumerate(b, 1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (one != two)))
    return 1 - row[-1] / max(len(a), len(b))


def test_drawn_pairs_have_the_mean_of_all(rng):
    pairs = draw_pairs(SMALL_GRAPH, rng, 4000)
    found = {name: levenshtein(TEXTS, *ends).mean() for name, ends in pairs.items()}
    like = {
        (i, j): slow_levenshtein(a, b) for i, a in enumerate(TEXTS) for j, b in enumerate(TEXTS)
    }
    expected = {
        "parent-child": np.mean([like[0, i] for i in (1, 2, 3)]),
        "sibling": np.mean([like[i, j] for i, j in ((1, 2), (1, 3), (2, 3))]),
        "random": np.mean([like[i, j] for i in range(5) for j in range(i)]),
    }
    assert found == pytest.approx(expected, abs=0.02)


def test_levenshtein_by_families_by_hand(rng):
    found = kin.levenshtein_families(TEXTS, SMALL_GRAPH, rng, 10)
    one = [slow_levenshtein(TEXTS[0], TEXTS[i]) for i in (1, 2, 3)]
    two = [slow_levenshtein(TEXTS[i], TEXTS[j]) for i, j in ((1, 2), (1, 3), (2, 3))]
    assert found.parent.tolist() == [0, 1]
    assert found.d.tolist() == [3, 1]
    assert (found.n_edges.tolist(), found.n_pairs.tolist()) == ([3, 1], [3, 0])
    assert found.parent_child[0] == pytest.approx(np.mean(one))
    assert found.sibling[0] == pytest.approx(np.mean(two))
    assert np.isnan(found.sibling[1])
    # 1 and 2 are by one account, 3 by the parent's
    who = np.array([0, 1, 1, 0, 2])
    apart = kin.levenshtein_families(TEXTS, SMALL_GRAPH, rng, 10, who)
    assert apart.parent_child[0] == pytest.approx(np.mean(one[:2]))
    assert apart.sibling[0] == pytest.approx(np.mean(two[1:]))
    drawn = kin.levenshtein_families(TEXTS, SMALL_GRAPH, rng, 2)
    assert drawn.n_pairs.tolist() == [2, 0]


def test_masked_fields_are_in_no_string_of_a_table():
    """A table whose strings name the parent twice, in the child's field and in a masked one."""
    system = made(0.2)
    plain = lab.resemblance(system)
    twice = tuple(r | {"parent_name": r["base_model"]} for r in system.records)
    named = replace(system, records=twice, masked=("parent_name",))
    assert lab.texts_of(named) == lab.texts_of(system)
    assert lab.resemblance(named) == plain
    assert set(plain) == {"all fields", "without base_model"}
    assert masked(plain) == plain["without base_model"] != plain["all fields"]
    settings = replace(PRESETS["toy"], resamples=30)
    asked = [lab.ways_of_asking(one, settings, 0) for one in (system, named)]
    assert asked[0].equals(asked[1])
    assert lab.kin_types(named)["all fields"].equals(lab.kin_types(system)["all fields"])
    letters = [lab.resemblance_by_letters(one, settings, 0) for one in (system, named)]
    assert letters[0] == letters[1]


def test_ways_of_asking_have_both_measures_of_the_same_families():
    system, settings = made(0.2), replace(PRESETS["toy"], resamples=30)
    asked = lab.ways_of_asking(system, settings, 0)
    assert asked.height == (3 + 2) * 2 * 2
    assert set(asked["measure"]) == {"TF-IDF", "Levenshtein"}
    assert (asked["n"] == FAMILIES).all()
    drawn = lab.drawn_similarity(system, settings, 0)
    row = asked.filter(
        measure="Levenshtein", string="all fields", accounts="any", weights="pairs"
    ).row(0, named=True)
    both = drawn.row(0, named=True)
    # families of one size: the paper's draws have the mean of the families
    assert both["sibling"] - both["parent-child"] == pytest.approx(row["gap"], abs=0.03)


def test_a_field_that_moves_the_gap_up_counts_as_one_that_moves_it_down():
    wave = np.linspace(-0.01, 0.01, 9)
    whole = 0.12 + wave
    without = np.stack([whole - 0.12, whole + 0.11 + wave, whole - 0.03])
    found = kin.LeftOut(("base_model", "id", "tags"), "base_model", whole, without, np.arange(9))
    assert found.fields[found.other] == "id"
    assert moved_more(found).estimate == pytest.approx(0.01)
    assert half(found).estimate == pytest.approx(0.06)


def test_lift_is_over_chance():
    x = unit_rows(sparse.csr_array(np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]], float)))
    graph = forest(5, [0, 2], [1, 3])
    found = kin.lift(x, graph)
    dense = x.toarray()
    chance = np.mean([dense[i] @ dense[j] for i in range(5) for j in range(i)])
    assert found.estimate == pytest.approx(1 - chance)
