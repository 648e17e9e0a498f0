"""Experiments at a small size, judging, figures, tables, explorer, exercises, settings."""

import json
import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from companion import plotting
from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, NOT_TESTED
from companion.data import Missing
from companion.scale import SCALES
from companion.tart.lab import learned, real, run, shipped
from companion.tart.lab.cells import run_cell
from companion.tart.lab.nulls import LOGISTIC, MEAN, NULLS, accuracy
from companion.tart.method.module import HeadConfig
from companion.tart.method.theory import mean_difference
from companion.tart.method.whitening import whiten
from companion.tart.page import exercises, explorers, figures, tables
from companion.tart.settings import PRESETS
from companion.tart.verdict import SHOWN, method_means, series, tuning, verdicts

from . import made
from .made import MeanDifferenceHead

HEAD = MeanDifferenceHead(16, max_context=129)
WEIGHTS = shipped.shipped_head().record["sha256"]


@pytest.fixture(scope="module")
def digits():
    return real.digit_vectors((18, 32), 2, 40, 0)


@pytest.fixture(scope="module")
def cells(embedder, small_set):
    return [
        run_cell(embedder, replace(small_set, name=name), 8, seed, 12)
        for name in ("SMS", "YouTube")
        for seed in (0, 1)
    ]


@pytest.fixture(scope="module")
def trained(small_settings, trained_live):
    """The step, whose only module is the one that other tests look at."""

    def same(recipe, falling, seed):
        asked = run.recipe_of(small_settings), small_settings.live_falling, 0
        assert (recipe, falling, seed) == asked
        return trained_live

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learned, "_train", same)
        return run.learn(small_settings, 0)


@pytest.fixture(scope="module")
def compared(small_settings):
    return run.why_a_tie(WEIGHTS, small_settings, 0)


# --------------------------------------------------------------------------- experiments
def test_a_briefly_trained_module_learns_in_context(trained):
    curve, controls = trained.curve, trained.controls
    assert curve.last("module").mean() > 0.7
    assert curve.last("knows w").mean() > curve.last(LOGISTIC).mean() > 0.8
    assert controls.own_label == 0.0 < controls.other_label
    assert controls.first.low < 0.5 < controls.first.high + 0.03
    assert 0.4 < controls.untrained.mean() < 0.6
    assert 0.4 < controls.shuffled.mean() < 0.6
    assert trained.losses.shape == (1, 240)
    assert trained.losses[0, -20:].mean() < 0.9 * trained.losses[0, :20].mean()


def test_a_mask_that_is_wrong_by_one_is_caught(live):
    """The negative control of the control: a module that sees its own label."""

    class Leaking(torch.nn.Module):
        def forward(self, x, y):
            return live(x, y) + 5 * (2 * y - 1)

    x, y = torch.randn(4, 8, 4), torch.randint(0, 2, (4, 8)).float()
    assert learned.label_effect(Leaking(), x, y, 0) > 1


def test_what_is_trained_side_by_side_is_what_is_trained_alone(small_settings):
    recipe = run.recipe_of(replace(small_settings, live_steps=3))
    (one, losses), (again, same) = (learned._train(recipe, 2, 1) for _ in range(2))
    assert np.array_equal(losses, same)
    assert len(losses) == 5
    for a, b in zip(one.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_tie_compares_the_same_tasks(compared, small_settings):
    assert compared.k.tolist() == list(small_settings.tie_k)
    assert set(compared.accuracy) == {
        f"{name}, {arm}" for name in (learned.DRAWN, learned.WHITE) for arm in learned.ARMS
    }
    assert all(v.shape == (3, 1) for v in compared.accuracy.values())
    assert (compared.agrees["module"] == 1).all()
    # by hand: the first task, one line, drawn and whitened
    from companion.tart.method.training import LogisticTaskSampler

    n = small_settings.n_query
    x, y, _ = LogisticTaskSampler(16).tasks(3, 32 + n, 0, "tie")
    x, y = x.double().numpy(), y.numpy()
    z, q = whiten(x[0, :32], x[0, 32:], 16)
    for name, pair in ((learned.DRAWN, (x[0, :32], x[0, 32:])), (learned.WHITE, (z, q))):
        scores = mean_difference(pair[0], y[0, :32], pair[1])
        assert compared.of(name, MEAN)[0, 0] == accuracy(scores, y[0, 32:])


def test_digits_are_easy_for_every_rule(digits):
    table = real.method_table(digits, HEAD, (18,), 40)
    means = table.groupby("method")["accuracy"].mean()
    assert means[LOGISTIC] > 0.9
    # the hand-set module on doubled coordinates is the one-line rule, query by query
    assert means["module"] == pytest.approx(means[MEAN])
    assert (real.pick(table, MEAN, column="agrees") == 1).all()
    assert set(means.index) == {*NULLS, "module", "ideal"}
    assert set(table[table["method"] == "ideal"]["k"]) == {18}


def test_a_context_that_the_module_cannot_read_is_left_to_the_others(digits):
    small = MeanDifferenceHead(16, max_context=20)
    table = real.method_table(digits, small)
    assert set(table[table["method"] == "module"]["k"]) == {18}
    assert table[table["k"] == 32]["agrees"].isna().all()


def test_the_ideal_learner_reads_each_context_by_itself(digits):
    """Scores are put back to the vectors they are of, whatever the order."""
    few = [v for v in digits if v.k == 18]
    forward = real.pick(real.method_table(few, HEAD, (18,), 400), "ideal")
    backward = real.pick(real.method_table(few[::-1], HEAD, (18,), 400), "ideal")
    assert (forward - backward).abs().max() < 0.1
    assert forward.mean() > 0.85


def test_differences_are_paired(cells):
    table = run.together(run.prompts(cells), real.method_table(cells_vectors(cells), HEAD))
    gap = real.difference(table, (LOGISTIC, "LOO"), ("ICL", "prompt"))
    assert len(gap) == len(cells)
    for cell in cells:
        where = (cell.task, cell.k, cell.seed)
        probe = real.pick(table, LOGISTIC, "LOO").loc[where]
        assert gap.loc[where] == pytest.approx(probe - cell.answers.exact(cell.query_labels))
    assert not (table["method"] == "fine-tuned").any()  # none was


def cells_vectors(cells):
    return [v for cell in cells for v in real.vectors_of(cell)]


def test_what_is_missing_stays_missing():
    gone, here = Missing("no file"), made.rows("a", "LOO", {MEAN: [0.5]})
    assert run.together(gone, here) is gone
    assert run.together(here, gone).equals(here)


def test_ablations_have_a_row_for_everything(digits):
    few = [v for v in digits if v.k == 32 and v.seed == 0]
    variants = real.variant_table(few, HEAD)
    by = variants.set_index(["data", "variant", "method"])["accuracy"]
    for method in ("module", MEAN):  # a linear rule does not notice the size of its coordinates
        assert by["3v8", "as trained", method] == by["3v8", "coordinates x 3", method]
    for name in real.VARIANTS:  # the hand-set module is the one-line rule, on any coordinates
        assert by["4v9", name, "module"] == by["4v9", name, MEAN]
    assert real.order_table(few, HEAD, 3, 0)["spread"].max() < 1e-9


def test_the_steps_that_need_the_stored_files_run(small_settings):
    one = replace(small_settings, cells=1, digits_k=(18,), ideal_k=(), digits_seeds=2)
    found = run.stored_cells(one)
    assert [cell.task for cell in found] == ["SMS", "YouTube"]
    table = run.together(run.prompts(found), run.probes(found, WEIGHTS, one, 0))
    assert set(table["vectors"]) == {"prompt", "stream", "vanilla", "LOO"}
    assert set(SHOWN) <= set(table["method"])
    pixels = run.pixels(WEIGHTS, replace(one, digits_k=(18, 32)), 0)
    assert set(pixels.variants["variant"]) == set(real.VARIANTS)
    assert len(pixels.orders) == 4


# --------------------------------------------------------------------------- judging
@pytest.mark.parametrize("scale", SCALES)
def test_every_claim_has_one_finding_at_every_scale(scale):
    found = {f.claim: f.verdict for f in verdicts.evaluate(made.results(), scale)}
    assert list(found) == ["C1", *(f"C{i}" for i in range(3, 8)), *(f"O{i}" for i in range(1, 7))]
    open_ = {name for name, verdict in found.items() if verdict != HOLDS}
    assert open_ == ({"O6"} if scale == "toy" else set())


def test_claims_of_ours_are_not_counted_with_the_papers():
    assert {c.id[0]: c.of for c in verdicts.claims} == {"C": "paper", "O": "ours"}
    assert [c.id for c in verdicts.claims if c.on == "model"] == ["C1", "O3", "O4"]


def test_what_is_missing_is_not_tested_with_its_reason():
    bare = made.results(sentences=made.MISSING)
    found = {f.claim: f for f in verdicts.evaluate(bare, "book")}
    for name in ("C5", "C6", "O2", "O5", "O6"):
        assert (found[name].verdict, found[name].note) == (NOT_TESTED, "set COMPANION_DATA")
    assert {found[name].verdict for name in ("C1", "C3", "C4", "C7", "O1")} == {HOLDS}
    assert {"methods", "gains"} <= set(series(bare))
    none = type(bare)(**dict.fromkeys(vars(bare), made.MISSING))
    assert {f.verdict for f in verdicts.evaluate(none, "book")} == {NOT_TESTED}
    assert series(none) == {}


def test_a_context_that_failed_resolves_nothing():
    broken = made.language()
    broken.loc[(broken["vectors"] == "LOO") & (broken["seed"] == 0), "accuracy"] = np.nan
    found = {f.claim: f.verdict for f in verdicts.evaluate(made.results(table=broken), "book")}
    for name in ("C3", "C4", "C5", "C6", "C7", "O1", "O5"):
        assert found[name] in (NOT_RESOLVED, HOLDS)
    assert found["C3"] == found["C4"] == found["C7"] == found["O1"] == found["O5"] == NOT_RESOLVED


def test_fine_tuning_is_compared_with_both():
    found = tuning(made.language(icl=0.70, tuned=0.80, level=0.83))
    assert found["prompting"].estimate == pytest.approx(0.10, abs=1e-3)
    assert found["logistic regression"].estimate == pytest.approx(-0.03, abs=1e-3)
    told = series(made.results())["tuning"]
    assert told["minus"] == ["prompting", "logistic regression"]
    assert told["gain_low"][0] > 0 > told["gain_high"][1]


def test_two_fits_that_disagree_leave_the_agreement_open():
    gaps = {"as logistic": 0.95, "as penalized": 0.985}
    spoiled = made.results(table=made.language(**gaps), sentences=made.encoder(**gaps))
    found = {f.claim: f for f in verdicts.evaluate(spoiled, "book")}["C6"]
    assert (found.verdict, found.estimate) == (NOT_RESOLVED, None)
    assert "the two fits disagree" in found.note


def test_one_line_is_said_to_pass_as_well():
    better = made.encoder(**{"5 neighbors": 0.05})
    found = {f.claim: f for f in verdicts.evaluate(made.results(sentences=better), "book")}["C5"]
    behind = re.search(r"where it is another: .*SMS, MiniLM (\S+)", found.note)
    assert float(behind[1]) == pytest.approx(-0.05, abs=5e-3)


def test_the_best_rule_is_found_for_each_data_set():
    """The module equals one line, and another rule is 5 points better on one data set."""
    better = made.encoder(**{"5 neighbors": 0.05})
    found = {f.claim: f for f in verdicts.evaluate(made.results(sentences=better), "book")}["C5"]
    assert found.verdict == DOES_NOT_HOLD
    assert "MiniLM: 5 neighbors" in found.note


def test_the_series_name_every_mark_of_the_first_figure():
    found = series(made.results())
    assert len(json.dumps(found)) < 40_000
    assert set(found["methods"]["method"]) == set(SHOWN)
    gains = pd.DataFrame(found["gains"])
    assert len(gains) == 3 * 7
    drawn = gains[(gains["setting"] == "synthetic as drawn") & (gains["arm"] == "ideal")]
    assert drawn["gain"].item() == pytest.approx(0.07, abs=1e-4)
    assert drawn["gain_low"].item() < 0.07 < drawn["gain_high"].item()


# --------------------------------------------------------------------------- the page
def test_every_figure_is_drawn_with_a_title(trained, compared, cells, digits, tmp_path):
    plotting.use_theme()
    drawn = [
        figures.learning(trained),
        figures.noise(trained),
        figures.tie(compared),
        figures.tie(made.tie()),
        figures.language(method_means(run.together(run.prompts(cells), made.language()))),
        figures.more_examples([real.method_table(digits, HEAD)]),
        figures.shrinkage(real.shrinkage_table(digits)),
        figures.answer({"series": series(made.results())}),
        figures.answer(None),
    ]
    for fig in drawn[:-1]:
        texts = [fig.get_suptitle(), *(ax.get_title(loc="left") for ax in fig.axes)]
        texts += [ax.get_title() for ax in fig.axes]
        assert any(texts)
        assert all(ax.get_xlabel() for ax in fig.axes[-1:])
        fig.savefig(tmp_path / "figure.png")
    assert figures.schematic().axes
    assert not plt.get_fignums()


def test_titles_say_nothing_that_the_run_does_not_show():
    def title(**changed):
        return " ".join(
            figures.answer({"series": series(made.results(**changed))}).get_suptitle().split()
        )

    assert "on any real vectors under 2" in title()
    assert "under 2" not in title(pixels=made.digits(ideal=0.05))
    assert "under 2" not in title(tie=made.tie(gain=0.01))
    takes = "more than half of logistic regression's lead"
    assert takes in " ".join(figures.tie(made.tie(lead=(0.06,) * 3)).get_suptitle().split())
    flat = figures.tie(made.tie(lead=(0.06,) * 3, white=(0.06,) * 3))
    assert takes not in " ".join(flat.get_suptitle().split())


def test_variants_and_orders_are_compared_within_a_context():
    accuracies = {"as trained": (0.9, 0.7, 0.8), "coordinates x 3": (0.8, 0.61, 0.69)}
    rows = [
        {"data": "3v8", "seed": seed, "variant": name, "method": "module", "accuracy": value}
        for name, values in accuracies.items()
        for seed, value in enumerate(values)
    ]
    shown = tables.variants_table(pd.DataFrame(rows)).data.set_index("variant")["module"]
    assert [text.split()[0] for text in shown] == ["0.80", "-0.100"]
    assert list(shown.index) == ["as trained", "coordinates x 3: change"]
    orders = pd.DataFrame(
        {"data": "3v8", "seed": [0, 1, 2], "spread": 0.1, "turned": [0.1, 0.11, 0.09]}
        | {"best": [0.9, 0.8, 0.7], "worst": [0.8, 0.69, 0.61]}
    )
    told = tables.orders_table(orders).data.iloc[0]
    assert told["answers that some order turns"].startswith("0.100 [")
    assert told["accuracy, best order minus worst"].startswith("0.100 [")


def test_tables_are_drawn(trained, compared, cells, digits):
    table = real.method_table(cells_vectors(cells), HEAD)
    pixels = real.method_table(digits, HEAD)
    few = [v for v in digits if v.k == 32]
    for styler in (
        tables.curve_table(trained),
        tables.shipped_table(shipped.shipped_head()),
        tables.agreement_table(compared, pixels, table),
        tables.answers_table(cells),
        tables.protocol_table(table),
        tables.tuning_table(made.language()),
        tables.variants_table(real.variant_table(few, HEAD)),
        tables.orders_table(real.order_table(few, HEAD, 2, 0)),
    ):
        assert "<table" in styler.to_html()


class FewLetters:
    """Stands for the sentence encoder: counts letters."""

    width = 26

    def encode(self, texts):
        return np.array([[t.lower().count(chr(97 + i)) for i in range(26)] for t in texts], float)


def test_sentences_of_the_reader_are_read(monkeypatch):
    box = explorers.SentenceBox(FewLetters())
    assert "1 Win a free phone now" in repr(box)
    assert "by the module; one line says" in repr(box)
    view = box.widget()
    shown, _, button_row, told = view.children
    assert "label 1: 0." in told.value
    shown.value = "no label"
    button_row.children[0].click()
    assert "line 1" in told.value
    assert explorers.read_lines("0 see you\n\n1 win now\n") == [("see you", 0), ("win now", 1)]
    for bad in ("see you", "2 what", "1"):
        with pytest.raises(ValueError, match="line 1"):
            explorers.read_lines(bad)
    with pytest.raises(ValueError, match="1 class"):
        explorers.sentence_scores(FewLetters(), [("a", 1), ("b", 1)], "c")
    monkeypatch.setenv("COMPANION_PUBLISH", "1")
    assert list(box._repr_mimebundle_()) == ["text/plain"]


def test_exercises_answer_back():
    assert "Not answered" in exercises.check_parameters(...)
    assert exercises.check_parameters(149_952).startswith("Right")
    assert "one block" in exercises.check_parameters(49_984)
    assert exercises.check_rank(15).startswith("Right")
    assert "mean" in exercises.check_rank(18)
    x, y, query = exercises.example_context()
    by_hand = sum((2 * y[i] - 1) * float(x[i] @ query) for i in range(3))
    assert exercises.check_one_line(by_hand).startswith("Right")
    assert "counts as -1" in exercises.check_one_line(5)
    lost = exercises.fall()
    assert lost > 5
    assert exercises.check_fall(round(lost)).startswith("Right")
    assert "change the coordinates" in exercises.check_fall(0)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"n_tasks": 0}, "n_tasks"),
        ({"digits_seeds": 1}, "digits_seeds"),
        ({"stream_k": (32, 18)}, "stream_k"),
        ({"stream_k": (18, 33)}, "stream_k"),
        ({"digits_queries": 5}, "digits_queries"),
        ({"live_k": 18}, "live_k"),
    ],
)
def test_settings_that_cannot_be_are_said(change, part):
    with pytest.raises(ValueError, match=part):
        replace(PRESETS["toy"], **change)


def test_presets_grow_and_the_modules_read_what_they_are_asked():
    toy, book, paper = (PRESETS[s] for s in SCALES)
    assert run.recipe_of(toy).head == HeadConfig(4, 18, 32, 2, 2, repeats=True)
    most = shipped.RECIPE.head.max_context
    for settings in (toy, book, paper):
        assert max((*settings.stream_k, *settings.digits_k, *settings.tie_k)) <= most
        assert 32 in settings.tie_k
        assert 32 in settings.digits_k
    assert len(paper.hub_tasks) == 14
