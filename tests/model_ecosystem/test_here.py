"""What the page shows of the real sample, on an ecosystem made by hand."""

import json

import numpy as np
import polars as pl
import pytest

from companion import chapter, results
from companion.model_ecosystem import settings, sources
from companion.model_ecosystem.lab import real
from companion.model_ecosystem.lab.directions import directed_pairs
from companion.model_ecosystem.lab.real import Drift, traits
from companion.model_ecosystem.method import forest
from companion.model_ecosystem.method.forest import depths
from companion.model_ecosystem.page import explorers, figures, tables
from companion.model_ecosystem.sources import Ecosystem

SLUG = "model-ecosystem"

MODELS = [
    # name, day, license; parents by place
    ("a/root", "2024-01-01", "mit", []),
    ("b/one", "2024-01-02T10:00", "gpl", [0]),
    ("b/two", "2024-01-02T23:00", "gpl", [0]),
    ("c/three", "2024-01-05", "mit", [0]),
    ("c/four", None, None, [0]),
    ("d/five", "2024-02-01", "mit", [1]),
    ("e/second", "2023-05-01", "mit", []),
    ("b/six", "2023-06-01", "gpl", [6]),
    ("e/seven", "2023-06-02", "mit", [6, 1]),
    ("f/eight", "2023-07-01", "gpl", [7]),
]


@pytest.fixture(scope="module")
def system():
    names, days, licenses, parents = zip(*MODELS, strict=True)
    n = len(MODELS)
    table = pl.DataFrame(
        {
            "model_id": names,
            "created_at": days,
            "license": licenses,
            "languages": [[]] * n,
            "task": [None] * n,
            "library": [None] * n,
            "tags": [None] * n,
        },
        schema_overrides={
            "languages": pl.List(pl.Utf8),
            "tags": pl.List(pl.Utf8),
            "task": pl.Utf8,
            "library": pl.Utf8,
        },
    )
    edges = [(p, i) for i, above in enumerate(parents) for p in above]
    return Ecosystem(table, forest.forest(n, *zip(*edges, strict=True)))


@pytest.fixture(scope="module")
def drift(system):
    values = traits(system)["license"]
    rng = np.random.default_rng(0)
    pairs = directed_pairs(values, system.graph, system.uploader, rng, n_permutations=20)
    return Drift(values.names, np.zeros((2, 2)), None, np.zeros(1), pairs, None, None)


def test_links_are_counted(system):
    counts = real.link_counts(system)
    assert (counts["models"], counts["kept"], counts["several_parents"]) == (10, 9, 1)
    html = tables.links_table(sample=counts, other_one=counts).to_html()
    assert html.count("<tr>") == len(counts) + 1
    assert "other one" in html
    assert "several parents" in html


def test_growth_counts_children_by_day(system):
    found = real.family_growth(system, 2)
    assert found.names == ("a/root", "b/one")  # the first of those with two children
    days = [np.array(days).astype("datetime64[D]").astype(str).tolist() for days in found.days]
    assert days[0] == ["2024-01-02", "2024-01-05"]  # one child has no date
    assert [born.tolist() for born in found.born] == [[2, 1], [1, 1]]
    assert (found.families, found.share) == (4, 6 / 9)
    ax = figures.growth(found).axes[0]
    assert ax.lines[0].get_ydata().tolist() == [1, 2, 3]
    assert "2 largest of 4 families have 67 %" in ax.get_title("left") + ax.get_title()


def test_trees_have_every_descendant_once(system):
    first, second, _ = real.largest_trees(system, 3)
    assert (first.name, second.name) == ("a/root", "b/one")
    assert first.parent.tolist() == [-1, 0, 0, 0, 0, 1, 1]  # seven is of its first parent's family
    assert first.same_license.tolist() == [-1, 0, 0, 1, -1, 0, 0]
    assert second.parent.tolist() == [-1, 0, 0]
    n = first.parent.size
    assert depths(np.where(first.parent < 0, n, first.parent))[0].tolist() == [0, 1, 1, 1, 1, 2, 2]
    explorer = explorers.tree_explorer([first, second])
    assert "a/root" in explorer.frame(model="a/root")[1]
    assert figures.tree_frame(first).axes[0].get_title() == "a/root: 6 descendants"


def test_pairs_are_counted_three_ways(system, drift):
    row = drift.pairs.row(0, named=True)
    there, back = (3, 2) if row["source"] == "mit" else (2, 3)
    (counts,) = real.pair_counts(system, drift)
    assert counts[0].tolist() == [there, back] == [row["there"], row["back"]]
    # accounts: b from mit to gpl; d and e back.  All models are one family by seven's parents
    assert sorted(counts[1].tolist()) == [1, 2]
    assert counts[2].tolist() == [1, 1]


def test_a_pair_is_shown_with_its_own_counts(drift):
    pairs = pl.concat(
        [
            drift.pairs,
            drift.pairs.rename({"source": "target", "target": "source"}).select(
                drift.pairs.columns
            ),
        ]
    )
    counts = np.arange(12).reshape(2, 3, 2)
    explorer = explorers.pair_explorer(drift._replace(pairs=pairs), counts)
    pair = explorer.grids["pair"][1]
    shown = {t.get_text() for t in explorer._draw(pair).axes[0].texts}
    assert shown == {"6", "7", "8", "9", "10", "11"}


def test_silence_is_counted_among_children_of_a_license(system):
    assert real.silent_share(system) == pytest.approx(1 / 9)


def test_what_the_page_shows_is_small(system, drift):
    for value in (
        real.link_counts(system),
        real.family_growth(system),
        real.largest_trees(system),
        real.pair_counts(system, drift),
        real.silent_share(system),
    ):
        again = results.dump(value)
        assert len(again) < 20_000


def test_only_the_whole_hub_is_missing_from_the_published_page():
    """A step without a shipped result is drawn as a line of text where its data are not here."""
    lines = json.loads((chapter.shipped_folder(SLUG) / chapter.STEPS).read_text())["steps"]
    bare = {line["step"] for line in lines if not line["file"]}
    assert bare == {"hub_sample", "embedding_models", "read_hub", "hub_results"}


def test_what_reads_the_sample_ships(tmp_path):
    """The sample need not be here: each result of it is loaded."""
    run = chapter.Run(
        SLUG, "book", 0, settings.PRESETS["book"], chapter.shipped_folder(SLUG), tmp_path
    )
    hub = run.step(sources.hub_sample, keep=False)
    drift = run.step(real.license_drift, hub, run.settings, 0)
    for step, *more in (
        (real.link_counts,),
        (real.family_growth,),
        (real.largest_trees,),
        (real.silent_share,),
        (real.pair_counts, drift),
    ):
        run.step(step, hub, *more)
    assert [done.how for done in run.log[1:]] == ["shipped"] * 6
