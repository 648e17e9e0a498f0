"""The simulator does what its parameters say."""

import numpy as np
import pytest

from companion.model_ecosystem.lab.simulate import Trait, grow, populate
from companion.model_ecosystem.method.drift import distance, values_of_codes
from companion.model_ecosystem.method.forest import RELATIONS
from companion.model_ecosystem.method.theory import concentrated
from companion.model_ecosystem.page.exercises import hiding_population


def test_parents_are_older_and_merges_have_two(rng):
    graph = grow(5000, rng)
    assert (graph.parent < graph.child).all()
    merges = graph.relation == 3
    assert graph.n_parents()[graph.child[merges]].max() == 2
    assert graph.n_parents()[graph.child[~merges]].max() == 1
    assert (graph.n_parents() == 0).mean() == pytest.approx(0.05 + 0.02, abs=0.015)


def test_finetunes_reproduce_most_and_adapters_least(rng):
    graph = grow(100_000, rng)
    has = graph.n_children() > 0
    share = {
        name: has[np.unique(graph.child[graph.relation == code])].mean()
        for code, name in enumerate(RELATIONS[:3])
    }
    assert share["finetune"] > 3 * share["quantized"] > 3 * share["adapter"] > 0


def test_fame_makes_families_unequal():
    tops = []
    for fame in (0.0, 3.2):
        d = np.sort(grow(20_000, np.random.default_rng(1), fame=fame).n_children())[::-1]
        tops.append(d[: round(0.01 * (d > 0).sum())].sum() / d.sum())
    assert tops[0] < 0.1 < 0.25 < tops[1]


def test_mutation_happens_at_its_rate_and_always_changes(rng):
    graph = grow(30_000, rng, fame=1.0)
    q = concentrated(0.5, 8)
    trait = Trait("license", 0.3, np.full(8, 1 / 8), q)
    world = populate(graph, (trait,), rng)
    tree = graph.tree()
    old, new = (world.values["license"][side] for side in (tree.parent, tree.child))
    assert (old != new).mean() == pytest.approx(0.3, abs=0.01)
    from_three = new[(old == 3) & (old != new)]
    share = np.bincount(from_three, minlength=8) / from_three.size
    expected = np.where(np.arange(8) == 3, 0, q) / (1 - q[3])
    assert share == pytest.approx(expected, abs=0.03)


def test_families_differ_by_their_spread(rng):
    graph = grow(20_000, rng, fame=0.0)
    trait = Trait("t", 0.4, np.full(4, 0.25), np.full(4, 0.25), spread=0.5)
    chance = populate(graph, (trait,), rng).chance["t"]
    born = np.isfinite(chance)
    assert chance[born].mean() == pytest.approx(0.4, abs=0.03)
    assert chance[born].std() == pytest.approx(0.5 * np.sqrt(0.4 * 0.6), rel=0.15)


def test_uploads_come_in_batches_inside_a_family(rng):
    graph = grow(20_000, rng)
    world = populate(graph, (), rng, batch=4.0)
    parent = graph.primary()
    sizes = np.bincount(np.unique(world.account, return_inverse=True)[1])
    assert 1.5 < sizes.mean() < 4.5
    for who in np.flatnonzero(sizes > 3)[:20]:
        members = np.unique(world.account, return_inverse=True)[1] == who
        assert np.unique(parent[members]).size == 1


def test_informative_silence_hides_changes():
    people = hiding_population(0.3)
    tree = people.graph.tree()
    seen = np.nanmean(distance(values_of_codes(people.shown("license"), range(12)), tree))
    assert seen < 0.25


def test_bad_laws_are_refused(rng):
    with pytest.raises(ValueError, match="probability"):
        Trait("t", 1.2, np.array([1.0]), np.array([1.0]))
    with pytest.raises(ValueError, match="sum to 1"):
        Trait("t", 0.2, np.array([0.5, 0.2]), np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="fame"):
        grow(10, rng, fame=-1.0)
