"""Figures, tables, exercises, the explorer, and that nothing on the page decides."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from companion import data, plotting
from companion.distillation_memorization import sources
from companion.distillation_memorization.method.objectives import BASELINE, SOFT
from companion.distillation_memorization.page import exercises, explorers, figures, tables
from companion.distillation_memorization.verdict import series, verdicts
from companion.records._store import plain

from . import made


def title(fig):
    return " ".join(plotting.alt_text(fig).split())


@pytest.fixture(scope="module")
def perfect():
    return made.results()


def test_the_first_figure_is_of_the_record_and_claims_what_its_verdict_does(perfect):
    assert "No published record" in figures.answer(None).axes[0].texts[0].get_text()
    kept = plain(series(perfect))
    rows = [{"claim": f.claim, "verdict": f.verdict} for f in verdicts.evaluate(perfect, "book")]
    finding = "has memorized less"
    assert finding in title(figures.answer({"series": kept, "findings": rows}))
    open_ = [row | {"verdict": "not resolved"} for row in rows]
    assert finding not in title(figures.answer({"series": kept, "findings": open_}))


DRAWN = {
    "rates": "memorizes less than the baseline",
    "temperature": "The higher the temperature, the less",
    "venns": "Most of what the soft student memorizes",
    "scatter": "shorter when compressed",
    "forced": "what the teacher is surer of",
    "heirs": "has inherited more",
}


@pytest.mark.parametrize(("name", "finding"), DRAWN.items())
def test_titles_follow_the_intervals(perfect, name, finding):
    draw = getattr(figures, name)
    assert finding in title(draw(perfect.worlds))
    assert finding not in title(draw(perfect.worlds[:1]))  # one seed shows nothing
    idle = [made.same_everywhere(w) for w in perfect.worlds]
    if name != "venns":  # of equal sets it is true that one lies within the others
        assert finding not in title(draw(idle))


def test_weights_stand_beside_the_papers(perfect):
    assert "less here" not in title(figures.weights(perfect.worlds))  # theirs are the paper's
    small = [
        replace(w, prediction=replace(w.prediction, coefficients=0.1 * w.prediction.coefficients))
        for w in perfect.worlds
    ]
    assert "zlib weighs less here" in title(figures.weights(small))


def test_figures_draw_when_nothing_is_memorized(perfect):
    nothing = np.zeros(made.N, bool)
    w = perfect.worlds[0]
    for name in w.students:
        w = made.with_arm(w, name, nothing)
    w = replace(w, teacher=replace(w.teacher, memorized=nothing))
    w = replace(w, tails=dict.fromkeys(w.tails, np.empty((2, 0))))
    for draw in (*(getattr(figures, name) for name in DRAWN), figures.weights):
        draw([w]).draw_without_rendering()
    figures.kinds([w], data.Missing("no")).draw_without_rendering()
    figures.kinds([w], [w]).draw_without_rendering()


def test_tables(perfect):
    w = perfect.worlds
    assert "baseline, base model" in tables.models_table(w).to_html()
    assert "1,698" in tables.sets_table(w).to_html()
    assert "transformers" in tables.kinds_table({"transformers": w}).to_html()
    assert "the same" in tables.examples_table(w[0]).to_html()
    assert "Pythia" in tables.paper_table(sources.paper_rates()).to_html()


def test_numbers_of_the_paper_are_those_of_its_table():
    table = sources.paper_numbers()
    by = {(r.setting, r.model, r.metric): r.value for r in table.itertuples()}
    here = "Pythia/FineWeb"
    features = ("teacher_ppl", "baseline_ppl", "kld", "zlib")
    assert (
        tuple(by[here, "classifier", f"coef_{name}"] for name in features) == sources.COEFFICIENTS
    )
    heirs = [by[here, f"student_{kind}_inherited", "count"] for kind in ("hard", "soft")]
    assert heirs == [sources.INHERITED_HARD, sources.INHERITED_SOFT]
    assert by[here, "teacher_not_baseline", "count"] == sources.TEACHER_ONLY


def test_the_papers_ratio_has_the_interval_it_lacks():
    found = sources.inherited_ratio()
    assert found.estimate == pytest.approx(50 / 18)
    assert (found.low, found.high) == (pytest.approx(1.6, abs=0.05), pytest.approx(5.1, abs=0.1))


@pytest.mark.parametrize(
    ("check", "right", "wrong", "hint"),
    [
        (exercises.check_kl, 0.75 * np.log(1.5) + 0.25 * np.log(0.5), 0.1438, "student || teacher"),
        (exercises.check_softening, 9 / 10, 81 / 82, "square root"),
        (exercises.check_first_step, 22, 6, "no teacher delays"),
        (exercises.check_share, 100 * 50 / 1955, 100 * 18 / 1955, "soft student"),
    ],
)
def test_exercises_answer_back(check, right, wrong, hint):
    assert "Right" in check(right)
    assert hint in check(wrong)
    assert "Not answered" in check(...)


def test_the_explorer_trains_and_says_what_came_of_it():
    done = []
    choice = explorers.Choice(epochs=2, n=20)
    found = explorers.train(choice, done.append)
    assert done == ["base teacher", "base baseline", "teacher", "students"]
    assert len(found[SOFT].memorized) == 20
    assert "of 20" in explorers.said(found, choice)
    assert "2 epochs over 20 sequences" in title(explorers.frame(found, choice))
    whole = explorers.train(replace(choice, share=1.0))
    assert whole[SOFT].loss == pytest.approx(whole[BASELINE].loss, abs=1e-4)


def test_every_typed_number_of_the_paper_is_in_the_table_of_numbers():
    values = set(pd.read_csv(data.fetch(sources.NUMBERS)).value)
    assert {1698, 706, 676, 696, 1955, 18, 50} <= values  # sets
    assert {2785, 638} <= values  # the pilot on pretraining
