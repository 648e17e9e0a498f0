"""Experiments at a small size, ablations, figures, tables, explorers, exercises, settings."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from companion import plotting, records
from companion.claims import HOLDS, NOT_TESTED
from companion.data import Missing
from companion.explore import MAX_FRAMES
from companion.tart.lab import ablations, real, run, shipped, synthetic
from companion.tart.lab.ablations import VARIANTS
from companion.tart.lab.cells import CACHED_CELLS, CACHED_QUERIES, run_cells
from companion.tart.lab.nulls import NULLS, MeanDifferenceHead
from companion.tart.method.module import HeadConfig
from companion.tart.page import exercises, explorers, figures, tables
from companion.tart.settings import PRESETS
from companion.tart.verdict import findings
from companion.tart.verdict.findings import Results

from . import made

HEAD = MeanDifferenceHead(16, max_context=129)


@pytest.fixture(scope="module")
def digits(small_settings):
    return real.digit_vectors(small_settings, 0)


@pytest.fixture(scope="module")
def cells(embedder, small_set):
    sets = {"small": small_set, "again": replace(small_set, name="again")}
    return run_cells([(8, 0), (8, 1)], 12, sets=sets, embedder=embedder, progress=False)


@pytest.fixture(scope="module")
def curve(live, small_settings):
    return run.curve(live, small_settings, 0)


def test_a_briefly_trained_module_learns_in_context(live, curve, small_settings):
    assert curve.last("module").mean() > 0.7
    assert curve.last("knows w").mean() > curve.last("logistic").mean() > 0.8
    found = run.controls(live, small_settings, 0)
    assert found.own_label == 0.0
    assert found.other_label > 0
    assert found.first.low < 0.5 < found.first.high + 0.03
    assert 0.4 < found.untrained.mean() < 0.6
    assert 0.4 < found.shuffled.mean() < 0.6


def test_a_mask_that_is_wrong_by_one_is_caught(live):
    """The negative control of the control: a module that sees its own label."""

    class Leaking(torch.nn.Module):
        def forward(self, x, y):
            return live.heads[0](x, y) + 5 * (2 * y - 1)

    x, y, _ = live.recipe.sampler.tasks(4, 8, 0)
    assert synthetic.label_effect(Leaking(), x, y, 0) > 1


def test_the_same_seed_gives_the_same_curve(live, curve, small_settings):
    again = run.curve(live, small_settings, 0)
    assert all(np.array_equal(curve.accuracy[a], again.accuracy[a]) for a in curve.accuracy)


def test_modules_trained_side_by_side_are_those_trained_alone(small_settings):
    recipe = replace(small_settings, live_steps=3).live_recipe
    together = synthetic.train_modules(recipe, [0, 1], progress=False)
    alone = synthetic.train_modules(recipe, [1], progress=False)
    for a, b in zip(together.heads[1].parameters(), alone.heads[0].parameters(), strict=True):
        assert torch.equal(a, b)


def test_digits_are_easy_for_every_linear_rule(digits):
    table = real.method_table(digits, HEAD)
    means = table.groupby("method")["accuracy"].mean()
    assert means["logistic"] > 0.9
    # the hand-set module on doubled coordinates is the one-liner
    assert means["module"] == pytest.approx(means["mean difference"])
    assert set(means.index) == {*NULLS, "module"}
    assert "module" not in set(real.method_table(digits, None)["method"])


def test_a_context_that_the_module_cannot_read_is_left_to_the_others(digits):
    small = MeanDifferenceHead(16, max_context=20)
    table = real.method_table(digits, small)
    assert set(table[table["method"] == "module"]["k"]) == {18}


def test_differences_are_paired(cells):
    table = real.cell_table(cells, HEAD)
    gap = real.difference(table, ("logistic", "LOO"), ("ICL", "prompt"))
    assert len(gap) == len(cells)
    for cell in cells:
        where = (cell.task, cell.k, cell.seed)
        logistic = real.pick(table, "logistic", "LOO").loc[where]
        assert gap.loc[where] == pytest.approx(logistic - cell.answers.exact(cell.query_labels))


def test_ablations_have_a_row_for_everything(digits):
    few = run.ablation_vectors(digits, Missing("none"), k=32, most=1)
    assert [v.data for v in few] == ["3v8", "4v9"]
    variants = ablations.variant_table(few, HEAD)
    assert set(variants["variant"]) == set(VARIANTS)
    # a linear rule does not notice the size of its coordinates
    by = variants.set_index(["data", "variant", "method"])["accuracy"]
    for method in ("module", "mean difference"):
        assert by["3v8", "as trained", method] == by["3v8", "coordinates x 3", method]
    # the hand-set module is the mean difference, on any coordinates
    for name in VARIANTS:
        assert by["4v9", name, "module"] == by["4v9", name, "mean difference"]
    assert set(variants["method"]) == {*NULLS, "module"}
    orders = ablations.order_table(few, HEAD, 3, 0)
    assert orders["spread"].max() < 1e-9
    flips = ablations.flip_table(few, HEAD)
    assert set(flips["method"]) == {*NULLS, "module"}
    clean, dirty = (flips[flips["flips"] == f]["accuracy"].mean() for f in (0.0, 0.3))
    assert clean > dirty
    lopsided = ablations.imbalance_table(few, HEAD)
    assert set(lopsided["share"]) == {0.5, 0.2, 0.1}
    said = ablations.reliability(few, HEAD)
    assert said["n"].sum() == sum(len(v.query_labels) for v in few)


def test_a_lopsided_context_hurts_an_intercept_more(small_settings):
    vectors = [
        v
        for v in real.digit_vectors(replace(small_settings, digits_k=(18, 64), digits_seeds=6), 0)
        if v.k == 64
    ]
    means = ablations.imbalance_table(vectors, HEAD).groupby(["method", "share"])["accuracy"].mean()
    lost = {m: means[m, 0.5] - means[m, 0.1] for m in ("module", "logistic, intercept")}
    assert lost["logistic, intercept"] > lost["module"] > 0


def test_toy_cells_come_from_the_package():
    from companion.data import attempt

    found = attempt(run.read_cells, PRESETS["toy"], 0)
    assert not isinstance(found, Missing), "the stored cells are part of the package"
    assert [c.key for c in found[0]] == list(CACHED_CELLS)
    assert all(len(c.query_labels) == CACHED_QUERIES for c in found[0])


def test_paper_scale_results_are_missing_at_toy_scale():
    found = run.paper(PRESETS["toy"], 0)
    assert all(isinstance(part, Missing) for part in found)
    assert isinstance(run.tuned(PRESETS["toy"], 0), Missing)
    assert run.module_of(Missing("none")) is None
    assert run.provenance(Missing("none")) == {"shipped module (SHA-256)": "none"}


def test_a_whole_small_run_is_judged(live, curve, digits, small_settings):
    gone = Missing("not here")
    results = Results(
        curve=curve,
        noise=made.noise(),
        controls=run.controls(live, small_settings, 0),
        cells=gone,
        tuned=gone,
        stream=gone,
        digits=real.method_table(digits, HEAD),
        long=gone,
        shipped=gone,
        hub=gone,
        media=gone,
    )
    found = {f.claim: f.verdict for f in findings.evaluate(results, "toy")}
    assert found["5"] == HOLDS
    assert found["2"] == NOT_TESTED


def test_every_figure_is_drawn_with_a_title(live, curve, digits, cells, tmp_path):
    plotting.use_theme()
    table = real.cell_table(cells, HEAD)
    tuned = pd.DataFrame({"data": ["small", "again"], "k": 8, "seed": 0, "accuracy": 0.9})
    few = run.ablation_vectors(digits, k=32, most=1)
    shrunk = real.query_shrinkage([*digits, *real.vectors_of(cells[0])])
    drawn = [
        figures.losses(live),
        figures.losses(live, live),
        figures.curve(curve),
        figures.noise(made.noise()),
        figures.methods(table),
        figures.methods(table, tuned),
        figures.gaps(table, tuned),
        figures.more_examples([real.method_table(digits, HEAD)]),
        figures.shrinkage(shrunk),
        figures.imbalance(ablations.imbalance_table(few, HEAD)),
        figures.flips(ablations.flip_table(few, HEAD)),
        figures.reliability(ablations.reliability(few, HEAD)),
        figures.answer(None),
        figures.answer({"series": findings.series(made.results())}),
    ]
    for fig in drawn[:-2]:
        texts = [fig.get_suptitle(), *(ax.get_title(loc="left") for ax in fig.axes)]
        assert any(texts)
        assert all(ax.get_xlabel() for ax in fig.axes[-1:] if ax.axison)
        fig.savefig(tmp_path / "figure.png")
    assert figures.schematic().axes
    assert not plt.get_fignums()


def test_sentence_vectors_of_the_record_are_called_published(digits):
    published = records.load("tart")
    fig = figures.more_examples([real.method_table(digits, HEAD)], published)
    titles = [ax.get_title(where) for ax in fig.axes for where in ("left", "center")]
    assert {"Published run: SMS (MiniLM)", "Published run: YouTube (MiniLM)"} <= set(titles)
    (panel,) = (
        ax
        for ax in fig.axes
        if "Published run: SMS (MiniLM)" in (ax.get_title("left"), ax.get_title("center"))
    )
    line = next(line for line in panel.lines if line.get_label() == "mean difference")
    told = [
        row
        for row in published["series"]["stream"]
        if (row["data"], row["method"]) == ("SMS", "mean difference")
    ]
    assert line.get_xdata().tolist() == [row["k"] for row in told]
    assert line.get_ydata().tolist() == [row["accuracy"] for row in told]
    html = tables.published_means(published, "stream").to_html()
    assert f"{told[0]['accuracy']:.3f}" in html
    assert tables.published_means(None, "stream") is None


def test_a_title_says_nothing_that_the_run_does_not_show():
    table = made.cells(probe=0.5)
    assert "gains" not in figures.methods(table).get_suptitle()
    assert "gains 28 points" in figures.methods(made.cells(probe=0.88)).get_suptitle()


def test_tables_are_drawn(live, curve, cells, digits):
    table = real.cell_table(cells, HEAD)
    few = run.ablation_vectors(digits, k=32, most=1)
    for styler in (
        tables.live_table(live),
        tables.curve_table(curve),
        tables.protocol_table(table),
        tables.method_means(table, "a"),
        tables.answers_table(cells),
        tables.method_means(real.method_table(digits, HEAD), "b"),
        tables.variants_table(ablations.variant_table(few, HEAD)),
        tables.orders_table(ablations.order_table(few, HEAD, 2, 0)),
        tables.noise_table(made.noise()),
        tables.synthetic_table(curve),
    ):
        assert "<table" in styler.to_html()


def test_the_shipped_module_is_shown(tmp_path):
    from .test_training import RECIPE

    shipped.make_head(tmp_path / "run", lambda _: None, recipe=RECIPE, folder=tmp_path)
    found = shipped.read_head(tmp_path)
    html = tables.shipped_table(found).to_html()
    assert str(found.record["sha256"])[:16] in html
    figures.shipped(found).savefig(tmp_path / "figure.png")


def test_explorers_have_few_frames_and_draw(live, cells):
    made_explorers = [explorers.plane_explorer(live.heads[0]), explorers.cloud_explorer(cells)]
    for one in made_explorers:
        n = np.prod([len(values) for values in one.grids.values()])
        assert 2 <= n <= MAX_FRAMES
        picture, words = one.frame(**{axis: values[0] for axis, values in one.grids.items()})
        assert picture.startswith("data:image/webp")
        assert "percent" in words


class FewLetters:
    """Stands for the sentence encoder: counts letters."""

    width = 26

    def encode(self, texts):
        return np.array([[t.lower().count(chr(97 + i)) for i in range(26)] for t in texts], float)


def test_sentences_are_scored_and_explored(live):
    one = explorers.sentence_explorer(live.heads[0], FewLetters())
    assert np.prod([len(v) for v in one.grids.values()]) <= MAX_FRAMES
    assert "probability" in one.frame(n=2, query=explorers.QUERIES[0])[1]
    p, q = explorers.sentence_scores(live.heads[0], FewLetters(), explorers.EXAMPLES, "aaaa")
    assert 0 < p < 1
    assert 0 < q < 1
    with pytest.raises(ValueError, match="1 class"):
        explorers.sentence_scores(live.heads[0], FewLetters(), [("a", 1), ("b", 1)], "c")


def test_lines_are_read_and_bad_ones_are_said(live):
    assert explorers.read_lines("0 see you\n\n1 win now\n") == [("see you", 0), ("win now", 1)]
    for bad in ("see you", "2 what", "1"):
        with pytest.raises(ValueError, match="line 1"):
            explorers.read_lines(bad)
    box = explorers.sentence_box(live.heads[0], FewLetters())
    assert "module" in box.children[2].value
    box.children[0].value = "no label"
    assert "line 1" in box.children[2].value


def test_on_a_page_the_boxes_show_their_first_content(live, monkeypatch):
    monkeypatch.setenv("COMPANION_PUBLISH", "1")
    shown = repr(explorers.sentence_box(live.heads[0], FewLetters()))
    assert "1 Win a free phone now" in shown
    assert "label 1: module 0." in shown


def test_another_seed_reads_other_contexts(monkeypatch):
    seen = []
    monkeypatch.setattr(run, "run_cells", lambda plan, *_, **__: seen.append(plan) or [])
    settings = replace(PRESETS["toy"], cells=((18, 0), (32, 1)))
    for seed in (0, 7):
        run.read_cells(settings, seed)
    assert seen == [[(18, 0), (32, 1)], [(18, 7), (32, 8)]]


def test_tuning_has_the_seeds_of_the_cells(monkeypatch):
    monkeypatch.setattr(real, "language_model", lambda: None)
    monkeypatch.setattr(real, "text_set", lambda name: name)
    monkeypatch.setattr(real, "fine_tune", lambda _, name, k, seed, *rest: seed / 100)
    table = real.tuned_table(PRESETS["book"], 5)
    assert table["seed"].tolist() == [5, 6, 7] * 2


def test_the_shipped_module_stands_between_its_rivals_on_synthetic_tasks():
    settings = replace(PRESETS["toy"], shipped_k=(18, 64), shipped_tasks=12)
    found = run.shipped_curve(shipped.read_head(), settings, 3)
    assert set(found.accuracy) == {"module", *NULLS, "knows w"}
    assert found.k.tolist() == [18, 64]
    assert found.last("knows w").mean() > found.last("module").mean() > 0.75
    assert isinstance(run.shipped_curve(Missing("none"), settings, 3), Missing)


def test_exercises_answer_back():
    assert "Not answered" in exercises.check_parameters(...)
    assert exercises.check_parameters(149_952).startswith("Right")
    assert "one block" in exercises.check_parameters(49_984)
    assert exercises.check_rank(15).startswith("Right")
    assert "mean" in exercises.check_rank(18)
    x, y, query = exercises.example_context()
    answer = float(((2 * y - 1) * (x @ query)).sum())
    assert exercises.check_attention(answer).startswith("Right")
    assert exercises.check_leak(1.0).startswith("Right")
    assert "without a leak" in exercises.check_leak(0.5)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"n_tasks": 0}, "n_tasks"),
        ({"digits_seeds": 1}, "digits_seeds"),
        ({"stream_k": (18,)}, "stream_k"),
        ({"stream_k": (18, 33)}, "stream_k"),
        ({"cell_queries": 5}, "cell_queries"),
        ({"cells": ((3, 0),)}, "cells"),
        ({"live_k": 18}, "live_k"),
        ({"shipped_tasks": 1}, "shipped_tasks"),
    ],
)
def test_settings_that_cannot_be_are_said(change, part):
    with pytest.raises(ValueError, match=part):
        replace(PRESETS["toy"], **change)


def test_presets_grow_and_the_live_module_reads_what_it_is_asked():
    toy, book, paper = (PRESETS[s] for s in ("toy", "book", "paper"))
    assert book.live_k == 32
    assert sorted(k for k, _ in book.cells) == [18] * 5 + [32] * 3
    assert {(32, s) for s in range(book.tune_seeds)} <= set(book.cells)  # pairs for claim 2
    assert toy.live_recipe.head == HeadConfig(4, 18, 32, 2, 2, repeats=True)
    assert max(book.stream_k) <= shipped.RECIPE.head.max_context
    assert paper.hub_models
    assert len(paper.hub_tasks) == 14
    assert run.PaperScale._fields == ("long", "hub", "media")
