"""What the page shows, of results made by hand and of a small run, with or without the data."""

import json
from dataclasses import asdict, replace

import numpy as np
import polars as pl
import pytest

from companion import chapter, data, records
from companion.claims import HOLDS, check
from companion.data import Missing
from companion.model_ecosystem import settings, sources
from companion.model_ecosystem.lab import run as lab
from companion.model_ecosystem.lab.published import fields_table, series
from companion.model_ecosystem.lab.worlds import WORLDS
from companion.model_ecosystem.method import theory
from companion.model_ecosystem.page import exercises, explorers, figures, live_field, tables
from companion.model_ecosystem.verdict import verdicts
from companion.pictures import FIGURE
from companion.records._store import plain
from companion.scale import SCALES, settings_for
from companion.stats import t_interval
from tests.model_ecosystem import borders
from tests.model_ecosystem.test_kin import made

SLUG = "model-ecosystem"
SMALL = replace(
    settings.PRESETS["toy"],
    models=2_000,
    seeds=2,
    grid_families=300,
    coverage_models=2_000,
    coverage_runs=4,
    drift_models=2_000,
    drift_runs=2,
    sim_null_orders=2,
    null_orders=10,
    resamples=50,
    levenshtein_pairs=50,
    levenshtein_most=5,
    order_resamples=3,
    speed_sizes=(1_000, 2_000),
)


def titles(fig):
    return [fig.get_suptitle(), *(ax.get_title(at) for ax in fig.axes for at in ("left", "center"))]


def drawn(fig):
    fig.canvas.draw()
    return " ".join(" ".join(titles(fig)).split())


def test_every_claim_has_one_finding_at_every_scale():
    ids = [claim.id for claim in verdicts.claims]
    assert ids == [*(f"C{i}" for i in range(1, 11)), *(f"O{i}" for i in range(1, 7))]
    assert [c.of for c in verdicts.claims] == ["paper"] * 10 + ["ours"] * 6
    assert {c.id for c in verdicts.claims if c.on == "model"} == {"O3", "O6"}
    for scale in SCALES:
        check(borders.clean(scale), verdicts.claims)


def test_the_verdict_of_each_real_claim_varies_with_its_real_data():
    """The simulated worlds are the same on both sides: none of them decides alone."""
    good = {f.claim: f.verdict for f in borders.clean("book")}
    bad = {f.claim: f.verdict for f in borders.of(**borders.NOTHING_REAL)("book")}
    for claim in verdicts.claims:
        assert good[claim.id] == HOLDS, claim.id
        if claim.on == "real":
            assert bad[claim.id] != HOLDS, claim.id


def test_the_worlds_of_a_small_run_are_drawn():
    worlds = lab.drift_worlds(SMALL, 0)
    assert worlds["world"].unique(maintain_order=True).to_list() == list(WORLDS)
    html = tables.worlds_table(worlds).to_html()
    assert "all pairs in order" in html
    assert html.count("<tr>") == 1 + len(WORLDS)
    drawn(figures.orders(worlds, Missing("no sample")))
    drawn(figures.orders(worlds, borders.orders()))
    assert "113 of 121" in tables.orders_table(borders.orders()).to_html()
    assert "0.198" in tables.rates_table(borders.rates()).to_html()
    title = drawn(figures.law(lab.threshold_grid(SMALL, 0), lab.four_worlds(SMALL, 0)))
    assert title.startswith("Siblings ")
    assert "networkx" in tables.speed_table(lab.speed(SMALL, 0)).to_html()


def test_a_title_states_a_finding_only_where_the_interval_allows_it():
    table = fields_table(sample=borders.fields(), leaderboard=borders.fields())
    assert "One field carries" in drawn(figures.fields(table, 0.01))
    assert "One field carries" not in drawn(figures.fields(table, -0.01))
    assert "One field carries" not in drawn(figures.fields(table))
    named = {"sample": borders.fields(), "leaderboard": Missing(""), "epoch": Missing("")}
    other = {"sample": Missing(""), "leaderboard": borders.fields()}
    assert "One field carries" in drawn(figures.left(named))
    assert "One field carries" not in drawn(figures.left(named | other))
    seen = "Siblings are closer in what the Hub records"
    assert seen in drawn(figures.asking(borders.asking()))
    assert seen not in drawn(figures.asking(borders.asking(all_families=borders.CLOSE)))
    up, down = (figures.traits({"Hub sample": borders.traits(m)}) for m in (0.001, -0.1))
    assert "siblings agree less" in drawn(down)
    assert "siblings agree less" not in drawn(up)
    assert "Cards get shorter" in drawn(figures.cards(borders.cards()))
    assert "Cards get shorter" not in drawn(figures.cards(borders.cards(-0.1, noise=1.0)))
    good, bad = borders.four(), borders.four(C=np.array([0.3, -0.1, 0.2, 0.1, 0.0]))
    assert "Siblings win" in drawn(figures.law(borders.grid(), good))
    assert "Siblings win" not in drawn(figures.law(borders.grid(), bad))


def test_the_first_figure_is_drawn_from_the_record():
    assert "No published record" in figures.answer(None).axes[0].texts[0].get_text()
    table = borders.asking(two=borders.CLOSE).to_dict(as_series=False)
    finding = "until names and shared accounts are set aside"
    assert finding in drawn(figures.answer({"series": {"asking": table}}))
    assert finding not in drawn(figures.steps(borders.asking()))
    assert finding not in drawn(figures.steps(borders.asking(all_families=borders.CLOSE)))
    assert records.load(SLUG) is not None
    drawn(figures.answer(records.load(SLUG)))


def test_what_is_left_of_the_gap_is_told_field_by_field():
    found = borders.fields()
    table = fields_table(sample=found, epoch=Missing("not here"))
    assert table["field"].to_list() == ["none", *found.fields]
    assert table["child"].to_list() == [False, True, False, False]
    row = table.row(1, named=True)
    assert (row["gap"], row["gap_low"]) == pytest.approx(t_interval(found.rest)[:2])


def test_series_fit_into_a_record():
    text = json.dumps(plain(series(borders.results())), allow_nan=False)
    assert len(text) < 40_000
    everything_missing = borders.results(**dict.fromkeys(borders.REAL, Missing("no data")))
    json.dumps(plain(series(everything_missing)), allow_nan=False)
    json.dumps(asdict(settings.PRESETS["paper"]), allow_nan=False)


def test_links_are_counted_and_children_older_than_their_parents_told():
    system = made(0.2)
    days = ["2024-05-01"] * system.table.height
    days[1], days[2] = "2024-04-30", "2024-05-02"  # children of the first model
    dated = replace(system, table=system.table.with_columns(date=pl.Series(days)))
    counts = lab.link_counts(dated)
    assert counts["older_than_the_parent"] == 1
    assert (counts["models"], counts["parents"], counts["kept"]) == (210, 30, 180)
    html = tables.links_table({"made": counts, "gone": Missing("not here")}).to_html()
    assert "older than the parent" in html
    assert "gone" not in html
    assert "self loops" not in html  # nothing to tell


def test_sizes_moves_places_and_rates_are_drawn():
    one = borders.moves()
    drawn(figures.moves({"licenses": {"Hub sample": one, "leaderboard": borders.moves(n=1)}}))
    title = drawn(figures.places(borders.orders()["license"]))
    assert title.startswith(("3 of 5 licenses", "Where each license"))
    drawn(
        figures.sizes({"Hub sample": np.array([9, 3, 1]), "Epoch AI": Missing("")}, np.array([5]))
    )
    system = made(0.2)
    assert lab.family_sizes(system).tolist() == [6] * 30
    assert lab.inequality(system, SMALL, 0).high < 0  # all are equal, by lot they would not be
    drawn(figures.rates(borders.rates(), {"naive": 0.4, "families": 0.93}))


def test_the_explorer_runs_the_method_on_the_readers_choice(monkeypatch):
    system = made(0.2)
    first = lab.field_gaps(system)
    explorer = explorers.FieldExplorer(system, first)
    np.testing.assert_allclose(
        explorers.gaps(system, {"base_model"}, different=True), first.rest, atol=1e-12
    )
    assert "siblings minus parent and child" in explorer.frame({"trait0", "trait1"}).lower()
    monkeypatch.setenv("COMPANION_PUBLISH", "1")
    shown = explorer._repr_mimebundle_()
    assert set(shown) == {"text/plain", FIGURE}
    assert shown[FIGURE]["alt"] == explorers.said(first.rest)
    monkeypatch.delenv("COMPANION_PUBLISH")
    bundle = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    box = explorer.widget()
    assert len(box.children[0].children) == len(first.fields)
    button = box.children[1].children[1]
    box.children[0].children[1].value = True
    button.click()
    assert "trait0" in explorers.gap_frame(first.whole, {"trait0"}).get_suptitle()
    away = explorers.FieldExplorer(Missing("not here"), first)
    assert set(away._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_the_live_figure_is_the_law_of_the_method():
    figure = live_field.figure()
    assert figure.first["headline"].startswith("Siblings are closer")
    bare = figure.scene(figure.start | {"tagged": 0.0}, {})
    assert bare["headline"].startswith("Parent and child are closer")
    lines = {m["name"]: m for m in figure.first["panels"][0]["marks"] if m["kind"] == "line"}
    at = figure.start
    for share, pc, sib in zip(
        lines["siblings"]["x"], lines["parent and child"]["y"], lines["siblings"]["y"], strict=True
    ):
        assert pc == theory.parent_child(at["mu"], share)
        assert sib == theory.sibling(at["mu"], at["s"], share)
    enough = theory.enough_bookkeeping(at["mu"], at["s"])
    closer = np.array(lines["siblings"]["y"]) > np.array(lines["parent and child"]["y"])
    assert (closer == (np.array(lines["siblings"]["x"]) > enough)).all()


def test_exercises_explain():
    assert "Not answered" in exercises.check_threshold(...)
    assert exercises.check_threshold(8 / 13).startswith("Right")
    assert "sum of squares" in exercises.check_threshold(1 / 1.75)
    assert exercises.check_bookkeeping("23.6 %").startswith("Right")
    assert "equal positions" in exercises.check_bookkeeping(0.177)
    assert exercises.check_family("2/5").startswith("Right")
    assert "pairs of five" in exercises.check_family(0.52)
    people = exercises.hiding_population()
    assert exercises.check_hidden(exercises.seen_rate(people)).startswith("Right")
    assert exercises.check_hidden(0.12 / 0.66).startswith("Right")  # what the solution says
    assert "true rate" in exercises.check_hidden(0.4)
    assert {box.name for box in map(lambda f: f(...), BOXES)} == {
        *("me-threshold", "me-bookkeeping", "me-family", "me-hidden"),
    }


BOXES = (
    exercises.check_threshold,
    exercises.check_bookkeeping,
    exercises.check_family,
    exercises.check_hidden,
)


def test_presets_and_settings():
    assert settings.PRESETS["paper"].hub_source.startswith("hf://")
    assert settings.PRESETS["book"].seed_base != settings.PRESETS["toy"].seed_base
    with pytest.raises(ValueError, match="seeds must be at least 2"):
        settings_for(settings.PRESETS, "toy", {"seeds": 1})
    with pytest.raises(ValueError, match="increasing"):
        settings_for(settings.PRESETS, "toy", {"speed_sizes": (10, 10)})


# What ships, and what is known of the tables


def test_only_the_whole_hub_is_missing_from_the_published_page():
    """A step without a shipped result is drawn as a line of text where its data are not here."""
    lines = json.loads((chapter.shipped_folder(SLUG) / chapter.STEPS).read_text())["steps"]
    bare = {line["step"] for line in lines if not line["file"]}
    tables_read = {"hub_sample", "leaderboard", "epoch", "embedding_models", "card_terms"}
    assert bare == tables_read | {"whole_hub", "hub_results"}


def test_what_reads_the_tables_ships(tmp_path):
    """The tables need not be here: each result of them is loaded."""
    book = settings.PRESETS["book"]
    run = chapter.Run(SLUG, "book", 0, book, chapter.shipped_folder(SLUG), tmp_path)
    hub = run.step(sources.hub_sample, keep=False)
    terms = run.step(sources.card_terms, keep=False)
    seed = book.seed_base
    steps = (
        (lab.field_gaps,),
        (lab.kin_types,),
        (lab.trait_kin,),
        (lab.license_moves,),
        (lab.card_votes,),
        (lab.ways_of_asking, run.settings, seed, terms),
        (lab.orders, run.settings, seed),
        (lab.task_moves,),
    )
    for step, *more in steps:
        run.step(step, hub, *more)
    assert [done.how for done in run.log[2:]] == ["shipped"] * len(steps)


@pytest.mark.mirror
def test_what_is_known_of_the_tables(data_here):
    if not data_here:
        pytest.skip("the tables are not on this machine")
    hub, board = sources.hub_sample(), sources.leaderboard()
    assert (hub.graph.n, hub.graph.parent.size) == (1983, 1959)
    assert (hub.graph.n_children() > 0).sum() == 63
    assert (board.graph.n, sources.epoch().graph.n) == (3753, 2223)
    assert sources.card_terms()["model_id"].n_unique() == 693
    counted = {hub.name: 4, "embedding models": 9}
    for system in (hub, sources.embedding_models()):
        assert system.older_children() == counted[system.name]


def test_what_is_known_of_the_tables_that_ship():
    mteb = sources.embedding_models()
    assert (mteb.graph.n, mteb.graph.parent.size) == (968, 185)
    assert sources.printed_families().sum() == 194_086  # what C10 quotes
    assert isinstance(data.attempt(sources.printed_similarity), pl.DataFrame)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gemma", 0),
        ("llama3.1", 0),
        ("creativeml-openrail-m", 0),
        ("bigscience-bloom-rail-1.0", 0),
        ("cc-by-nc-4.0", 0),
        ("cc-by-4.0", 1),
        ("cc", 1),
        ("mit", 1),
        ("Apache-2.0", 1),
        ("agpl-3.0", 1),
        ("other", -1),
        ("https://example.org/license", -1),
    ],
)
def test_licenses_have_the_papers_classes(name, expected):
    assert sources.license_class(name) == expected


def test_tasks_have_the_ends_of_the_papers_order():
    assert sources.task_class("fill-mask") == sources.task_class("feature-extraction") == 0
    assert sources.task_class("text-classification") == 1
    assert sources.task_class("text-generation") == -1


def test_languages_have_classes():
    assert sources.language_class(["en"]) == sources.ENGLISH
    assert sources.language_class(["en", "fr"]) == sources.MULTILINGUAL
    assert sources.language_class(["fr"]) == -1
    assert sources.language_class(["eng-Latn"]) == sources.ENGLISH
