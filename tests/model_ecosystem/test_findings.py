"""Claims, findings, figures and explorers of a whole small run, with or without the data."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from companion import data, records
from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, NOT_TESTED, ClaimFailed, check
from companion.explore import MAX_FRAMES
from companion.model_ecosystem import settings, sources
from companion.model_ecosystem.lab import real as lab_real
from companion.model_ecosystem.lab import run as lab
from companion.model_ecosystem.lab.run import levenshtein
from companion.model_ecosystem.page import exercises, explorers, figures, tables
from companion.model_ecosystem.verdict import series, verdicts
from companion.records._store import plain
from companion.scale import SCALES, settings_for
from companion.stats import Interval

FREE = {"C3", "C4", "C7", "C9"}
"""Claims that need no published data."""

SMALL = replace(
    settings.PRESETS["toy"],
    models=6_000,
    grid_families=600,
    coverage_models=5_000,
    coverage_runs=15,
    drift_runs=4,
    resamples=100,
    permutations=300,
    null_orders=15,
    sim_null_orders=3,
    levenshtein_pairs=100,
    bench_sizes=(2_000, 4_000),
    networkx_models=2_000,
)


@pytest.fixture(scope="module")
def results():
    return lab.run_all(SMALL, 0)


@pytest.fixture(scope="module")
def findings(results):
    return {finding.claim: finding for finding in verdicts.evaluate(results, "toy")}


def test_every_claim_has_one_finding_at_every_scale(results):
    for scale in SCALES:
        found = verdicts.evaluate(results, scale)
        assert [f.claim for f in found] == [f"C{i}" for i in range(1, 10)]
        assert [f.claim for f in found] == [claim.id for claim in verdicts.claims]
        check(found, verdicts.claims)


def test_claims_without_data_are_tested_anywhere(findings):
    assert findings["C3"].verdict == HOLDS
    assert findings["C7"].verdict == NOT_RESOLVED  # a few worlds do not show 95 %
    assert findings["C4"].verdict in (HOLDS, NOT_RESOLVED)
    assert findings["C9"].verdict != NOT_TESTED


def test_real_claims_are_judged_or_said_to_be_missing(findings, data_here):
    real = {name: findings[name].verdict for name in findings if name not in FREE}
    if not data_here:
        assert set(real.values()) == {NOT_TESTED}
        assert all("COMPANION_DATA" in findings[name].note for name in real)
        return
    assert real["C8"] == HOLDS
    assert {real[name] for name in ("C1", "C2", "C5", "C6")} == {NOT_RESOLVED}
    assert findings["C1"].low < 0.2 < findings["C1"].estimate
    assert "different uploaders" in findings["C2"].note


def test_without_data_only_the_claims_that_need_them_are_untested(results):
    missing = data.Missing("put the file there")
    kept = {"grid", "regimes", "coverage", "worlds", "inequality", "scaling", "networkx"}
    bare = SimpleNamespace(
        **{name: one if name in kept else missing for name, one in vars(results).items()}
    )
    found = verdicts.evaluate(bare, "toy")
    assert {f.claim for f in found if f.verdict == NOT_TESTED} == {f"C{i}" for i in (1, 2, 5, 6, 8)}
    check(found, verdicts.claims)
    assert "comparisons" not in series(bare)


def changed(results, **changes):
    return {
        f.claim: f for f in verdicts.evaluate(SimpleNamespace(**vars(results) | changes), "toy")
    }


def test_a_law_that_is_wrong_fails_the_notebook(results):
    wrong = results.grid._replace(predicted=-results.grid.predicted)
    found = changed(results, grid=wrong)
    assert found["C3"].verdict == DOES_NOT_HOLD
    with pytest.raises(ClaimFailed, match="C3"):
        check(found.values())


def test_worlds_in_which_the_tag_does_nothing_fail(results):
    same = results.regimes.with_columns(
        pl.when(pl.col("regime") == "D")
        .then(-0.01 * pl.col("seed") - 0.1)
        .otherwise(pl.col("gap_families"))
        .alias("gap_families")
    )
    assert changed(results, regimes=same)["C3"].verdict == DOES_NOT_HOLD


def test_narrow_intervals_fail(results):
    narrow = results.coverage.with_columns(low=pl.col("naive_low"), high=pl.col("naive_high"))
    assert changed(results, coverage=narrow)["C4"].verdict == DOES_NOT_HOLD


def test_a_ladder_test_that_always_or_never_rejects_fails(results):
    for p in (0.5, 0.001):
        same = results.worlds.with_columns(pl.lit(p).alias("p"))
        assert changed(results, worlds=same)["C7"].verdict == DOES_NOT_HOLD


def test_worlds_that_all_pass_hold_where_they_are_many(results):
    """20 of 20 do not show 95 % and 100 of 100 do; neither speaks where the test rejects always."""
    one = results.worlds.filter(world="ladder").head(1).with_columns(pl.lit(0.001).alias("p"))
    two = one.with_columns(pl.lit("two populations").alias("world"), pl.lit(0.5).alias("p"))
    flat = two.with_columns(pl.lit("no direction").alias("world"))

    def worlds(ladders, twos):
        return changed(results, worlds=pl.concat([one] * ladders + [twos] * 20 + [flat]))["C7"]

    assert worlds(20, two).verdict == NOT_RESOLVED
    assert worlds(100, two).verdict == HOLDS
    assert worlds(100, two.with_columns(pl.lit(0.001).alias("p"))).verdict == DOES_NOT_HOLD


def test_coverage_is_that_of_ecosystems(results):
    """27 of 30 ecosystems covered: the estimate reaches 0.9, its interval crosses."""
    good = results.coverage.filter(run=0).with_columns(low=0.0, high=1.0)
    bad = good.with_columns(low=2.0, high=3.0)
    parts = [(good if i else bad).with_columns(run=pl.lit(i % 30)) for i in range(3, 30)]
    parts += [bad.with_columns(run=pl.lit(i)) for i in range(3)]
    found = changed(results, coverage=pl.concat(parts))["C4"]
    assert (round(found.estimate, 6), found.verdict, found.n) == (0.9, NOT_RESOLVED, 30)


def test_a_lift_whose_interval_reaches_the_margin_is_open(results, data_here):
    if not data_here:
        return
    for low, verdict in ((0.21, HOLDS), (0.19, NOT_RESOLVED)):
        lift = Interval(0.3, low, 0.4, None, 60)
        kin = results.resemblance._replace(lift=lift)
        assert changed(results, resemblance=kin)["C1"].verdict == verdict


def test_numbers_that_are_not_finite_resolve_nothing(results):
    low = 0.3 + 0.01 * pl.col("seed")
    lost = results.inequality.with_columns(low.alias("top_share"))
    assert changed(results, inequality=lost)["C9"].verdict == DOES_NOT_HOLD
    if not isinstance(results.cards, data.Missing):
        cards = results.cards._replace(median=Interval(np.nan, np.nan, np.nan))
        assert changed(results, cards=cards)["C8"].verdict == NOT_RESOLVED


def test_a_direction_seen_in_many_families_holds(results, data_here):
    if not data_here:
        return
    clear = results.drift.pairs.with_columns(pl.lit(0.001).alias("p_families"))
    found = changed(results, drift=results.drift._replace(pairs=clear))
    assert found["C5"].verdict == HOLDS
    nothing = results.drift.pairs.with_columns(
        pl.lit(1.0).alias("p_families"), pl.lit(20).alias("families")
    )
    found = changed(results, drift=results.drift._replace(pairs=nothing))
    assert found["C5"].verdict == NOT_RESOLVED  # a test that does not reject says nothing


def test_an_order_counts_only_where_directionless_worlds_fail(results, data_here):
    if not data_here:
        return
    strict = results.worlds.with_columns(pl.lit(2.0).alias("null"))
    drift = results.drift._replace(null=np.full(60, 0.8))
    assert changed(results, worlds=strict, drift=drift)["C6"].verdict == HOLDS
    assert changed(results, drift=drift)["C6"].verdict == NOT_RESOLVED
    between = results.drift._replace(null=np.r_[np.full(58, 0.8), 1.0, 1.0])  # p = 3 / 61
    assert changed(results, worlds=strict, drift=between)["C6"].verdict == NOT_RESOLVED


def test_series_fit_into_a_record(results):
    text = json.dumps(plain(series(results)), allow_nan=False)
    assert len(text) < 40_000
    json.dumps(asdict(settings.PRESETS["paper"]), allow_nan=False)


def draws_of(results):
    """Every figure and table as a function of no arguments."""
    show, hub = data.show, data.attempt(sources.hub_sample)
    kin, drift = results.resemblance, results.drift
    some = None if isinstance(drift, data.Missing) else drift
    rates = data.attempt(lab_real.mutation_rates, hub, SMALL, 0)
    return {
        "answer": lambda: figures.answer(None),
        "answer, published": lambda: figures.answer({"series": plain(series(results))}),
        "threshold": lambda: figures.threshold(results.grid),
        "families": lambda: show(figures.families, results.families),
        "regimes": lambda: figures.regimes(results.regimes),
        "similarity": lambda: show(lambda k: figures.similarity(k.pairs), kin),
        "comparisons": lambda: show(lambda k: figures.comparisons(k.table), kin),
        "coverage": lambda: figures.coverage(results.coverage),
        "rates": lambda: show(figures.rates, rates),
        "order": lambda: show(figures.license_order, drift),
        "orders": lambda: figures.orders(results.worlds, some),
        "cards": lambda: show(
            lambda a, b: figures.cards(a, (0.1, 0.4), b), results.cards, results.languages
        ),
        "growth": lambda: show(figures.growth, data.attempt(lab_real.family_growth, hub)),
        "scaling": lambda: figures.scaling(results.scaling, results.networkx),
        "rates table": lambda: tables.rates_table(results.coverage, rates, rates).to_html(),
        "pairs table": lambda: show(lambda d: tables.pairs_table(d).to_html(), drift),
        "worlds table": lambda: tables.worlds_table(results.worlds).to_html(),
        "scaling table": lambda: tables.scaling_table(results.scaling).to_html(),
        "reproduction": lambda: tables.reproduction_table(results.inequality).to_html(),
        "links": lambda: show(
            lambda n: tables.links_table(sample=n).to_html(),
            data.attempt(lab_real.link_counts, hub),
        ),
        "levenshtein": lambda: data.attempt(levenshtein, hub, SMALL, 0),
    }


def test_every_figure_and_table_is_drawn(results):
    for name, draw in draws_of(results).items():
        made = draw()
        assert made is not None, name
        if hasattr(made, "savefig"):
            made.canvas.draw()


@pytest.mark.parametrize("name", ["published_comparisons", "published_rates"])
def test_the_record_is_drawn_and_called_published(name):
    draw = getattr(figures, name)
    assert draw(None) is None
    assert draw({"series": {}}) is None
    fig = draw(records.load("model-ecosystem"))
    fig.canvas.draw()
    titles = [fig.get_suptitle(), *(ax.get_title(w) for ax in fig.axes for w in ("left", "center"))]
    assert any(title.startswith("Published run: ") for title in titles)


def test_rates_of_the_record_are_where_the_record_says():
    published = records.load("model-ecosystem")
    told = published["series"]["rates"]
    (ax,) = figures.published_rates(published).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert sorted(names) == sorted(told)  # without numbers of edges, which the record lacks
    dots = {
        tuple(np.round(line.get_xydata()[0], 6)) for line in ax.lines if len(line.get_xdata()) == 1
    }
    for i, name in enumerate(names):
        assert (round(told[name]["naive"][0], 6), round(i - 0.13, 6)) in dots
        assert (round(told[name]["clustered"][0], 6), round(i + 0.13, 6)) in dots


def test_every_way_of_asking_comes_from_the_record():
    published = records.load("model-ecosystem")
    table = figures.comparison_table(published)
    explorer = explorers.kin_explorer(table)
    at = {"dna": "none", "weights": "pairs", "uploader": "any"}
    row = table.filter(**at).row(0, named=True)
    assert f"gap {row['gap']:+.2f}" in explorer.frame(**at)[1]


def test_explorers_draw_their_corners(results, data_here):
    made = [explorers.law_explorer()]
    if data_here:
        hub = sources.hub_sample()
        made += [
            explorers.kin_explorer(results.resemblance.table),
            explorers.tree_explorer(lab_real.largest_trees(hub)),
            explorers.pair_explorer(results.drift, lab_real.pair_counts(hub, results.drift)),
        ]
    for one in made:
        assert np.prod([len(v) for v in one.grids.values()]) <= MAX_FRAMES
        for corner in (0, -1):
            src, alt = one.frame(**{axis: values[corner] for axis, values in one.grids.items()})
            assert src.startswith("data:image/webp")
            assert len(alt.split()) > 5


def test_exercises_explain():
    assert "Not answered" in exercises.check_threshold(...)
    assert exercises.check_threshold(8 / 13).startswith("Right")
    assert "sum of squares" in exercises.check_threshold(1 / 1.75)
    assert exercises.check_bookkeeping(0.2).startswith("Right")
    assert "g / (1 + g)" in exercises.check_bookkeeping(0.25)
    assert exercises.check_family(0.4).startswith("Right")
    assert "pairs of five" in exercises.check_family(0.52)
    assert "true rate" in exercises.check_hidden(0.4)


def test_presets_and_settings():
    assert set(settings.PRESETS) == set(SCALES)
    assert settings.PRESETS["book"].bench_sizes[-1] == 2_000_000
    assert settings.PRESETS["paper"].hub_source.startswith("hf://")
    with pytest.raises(ValueError, match="seeds must be at least 2"):
        settings_for(settings.PRESETS, "toy", {"seeds": 1})
    with pytest.raises(ValueError, match="increasing"):
        settings_for(settings.PRESETS, "toy", {"bench_sizes": (10, 10)})
