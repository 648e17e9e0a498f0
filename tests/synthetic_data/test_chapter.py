"""Claims, figures, tables, exercises and settings, on results made by hand."""

import json
import pickle
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from companion import records
from companion.claims import HOLDS, NOT_RESOLVED, NOT_TESTED, OURS, PAPER
from companion.papers import paper
from companion.scale import SCALES
from companion.synthetic_data import verdict
from companion.synthetic_data.lab import bilinear, evidence, language, loop
from companion.synthetic_data.lab import run as lab
from companion.synthetic_data.lab.run import named
from companion.synthetic_data.method.mixing import mixing_law, synthetic_share
from companion.synthetic_data.page import exercises, explorers, figures, tables
from companion.synthetic_data.settings import PRESETS
from companion.synthetic_data.sources import SELF_INSTRUCT, external_share
from companion.synthetic_data.verdict import verdicts
from tests.borders import spread
from tests.synthetic_data import borders

TINY = replace(
    PRESETS["toy"],
    n_seeds=2,
    n_samples=400,
    ranks=(4,),
    lm_train=20,
    lm_held_out=10,
    lm_test=10,
    lm_steps=4,
)


@contextmanager
def two_penalties():
    """Within it each model is trained with two penalties, not with all seven."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, "run_arm", partial(loop.run_arm, penalties=(0.02, 0.2)))
        yield patch


@pytest.fixture(scope="module")
def small():
    """A whole small run."""
    with two_penalties() as patch:
        patch.setattr(bilinear, "STEPS", 60)
        return SimpleNamespace(
            loops=lab.loops(TINY, 0), lives=lab.language(TINY, 0), hand=lab.by_hand(TINY, 0)
        )


def plain(value):
    return json.loads(json.dumps(value, default=lambda v: np.asarray(v).tolist()))


# --------------------------------------------------------------------------- claims
def test_five_claims_of_the_paper_and_six_of_ours():
    claims = verdicts.claims
    assert [c.id for c in claims if c.of == PAPER] == [f"C{i}" for i in range(1, 6)]
    assert [c.id for c in claims if c.of == OURS] == ["R1", "R2", "R3", "T6", "X1", "L5"]


def test_perfect_results_hold_but_for_what_is_counted():
    found = {f.claim: f.verdict for f in borders.clean()}
    assert {claim for claim, said in found.items() if said != HOLDS} == {"C5"}


def test_a_small_run_has_one_finding_a_claim(small):
    found = verdicts.evaluate(small, "toy")
    assert [f.claim for f in found] == [c.id for c in verdicts.claims]
    open_ = {f.claim for f in found if f.verdict == NOT_TESTED}
    assert open_ == {"C1", "C2", "C3", "C5", "T6", "L5"}


def test_one_seed_resolves_nothing():
    found = {f.claim: f.verdict for f in borders.VARIANTS["one seed"]("book")}
    assert {found[name] for name in ("C4", "R1", "R2", "R3", "T6", "X1")} == {NOT_RESOLVED}


def test_models_that_are_the_truth_resolve_nothing():
    """Where synthetic samples are real ones, no claim about damage holds."""
    loops = {}
    for i, (name, runs) in enumerate(borders.perfect().items()):
        rng = np.random.default_rng(i)
        metrics = {
            metric: np.concatenate(
                [table[:1], table[:1] + 0.01 * rng.standard_normal(table[1:].shape)]
            )
            for metric, table in runs.metrics.items()
        }
        scaled = {metric: table[-1] for metric, table in metrics.items()}
        loops[name] = replace(runs, metrics=metrics, scaled=scaled)
    found = {f.claim: f.verdict for f in borders.judged(loops=loops)}
    assert HOLDS not in {found[name] for name in ("C2", "C3", "C4", "R1", "R2", "R3", "T6", "X1")}


def test_the_counted_share_is_that_of_the_printed_numbers():
    assert external_share() == pytest.approx(100 * 175 / (175 + 52_445))


# --------------------------------------------------------------------------- quantities
def test_the_share_of_the_damage_is_that_of_the_law():
    loops = borders.perfect()
    for s, k in ((0.2, 3), (0.5, 3), (0.5, 2)):
        found = evidence.measured_share(loops, s, k)
        assert found.estimate == pytest.approx(synthetic_share(s, k), abs=1e-9)
    negative = evidence.measured_share(loops, 0.5, 1)
    assert negative.high < 0
    assert evidence.unit_of(loops) == pytest.approx(borders.UNIT)


def test_onsets_by_hand():
    loops = borders.perfect()
    runs = loops[named("fixed, T=1", 24)]
    table = {name: runs.metrics[name].copy() for name in ("ece", "regret")}
    table["ece"][-1] = table["ece"][0] + 0.0199  # less than two deviations of 0.01
    table["ece"][-1, 3] += 0.001
    table["regret"][-1] = table["regret"][0]
    found = evidence.first_onsets(replace(runs, metrics=runs.metrics | table))
    assert (found["ece"] == 0.3).all()
    assert np.isinf(found["regret"]).all()
    assert verdict.told(found["regret"]) == "none"
    assert verdict.told(found["ece"]) == "0.3"
    for spread_, first in ((0.0105, np.inf), (0.0099, 0.1)):
        given = {"ece": spread_, "regret": 0.01}
        found = evidence.first_onsets(replace(runs, metrics=runs.metrics | table), spread=given)
        assert (found["ece"] == first).all()


def test_the_spread_of_the_control_leaves_out_what_differs_between_worlds():
    loops = borders.perfect()
    apart = np.linspace(-1, 1, borders.N)
    shifted = {
        name: replace(
            runs, metrics={metric: table + apart for metric, table in runs.metrics.items()}
        )
        for name, runs in loops.items()
    }
    before, after = evidence.control_spread(loops), evidence.control_spread(shifted)
    assert after == pytest.approx(before)
    control = loops[named("written by the truth", 24)]
    changes = control.at("ece", 0.5) - control.metrics["ece"][0, 0]
    assert after["ece"] == pytest.approx(np.sqrt(np.var(changes, ddof=1)))


def test_the_worst_score_is_beyond_the_margin_or_nearest_to_it():
    inside = {name: evidence.lost(spread(mean, 0.01, 20)) for name, mean in (("a", 0), ("b", 0.01))}
    assert evidence.worst(inside, 0.03) == "b"
    wide = inside | {"c": evidence.lost(spread(0.0, 0.2, 20))}
    assert evidence.worst(wide, 0.03) == "c"
    beyond = wide | {"d": evidence.lost(spread(0.05, 0.01, 20))}
    assert evidence.worst(beyond, 0.03) == "d"


def test_independent_questions_compound():
    runs = borders.perfect()[named("fixed, T=1", 24)]
    metrics = dict(runs.metrics)
    metrics["facts"] = np.full_like(metrics["facts"], 0.9)
    metrics["hops_4"] = np.full_like(metrics["hops_4"], 0.9**4)
    assert evidence.compounding(replace(runs, metrics=metrics), 0.5) == pytest.approx(1)


def test_what_scaling_removes():
    runs = borders.perfect()[named("fixed, T=0.7", 24)]
    assert evidence.removed(runs, "ece").estimate == pytest.approx(0.9)
    zero, at = runs.place(0.0), runs.place(0.5)
    plain, scaled = runs.metrics["kl"][-1], runs.scaled["kl"]
    before, after = ((one[at] - one[zero]).mean() for one in (plain, scaled))
    assert evidence.removed(runs, "kl").estimate == pytest.approx(1 - after / before)


def test_what_calibration_leads_by_is_in_points():
    one = borders.texts()[-1]
    rises = [one.at(name, 0.7, 0.5, 1) - one.at(name, 0.7, 0.5, 0) for name in ("ece", "accuracy")]
    assert verdict.calibration_lead(one, 0.7).estimate == pytest.approx(100 * sum(rises).mean())
    assert verdict.stopped_early(one).estimate == 1
    onsets = {"ece": np.array([0.1, 0.2, np.inf, 0.1]), "regret": np.array([0.2, 0.2, 0.5, np.inf])}
    assert verdict.calibration_first(onsets).estimate == 0.5


# --------------------------------------------------------------------------- the record
def test_series_fit_into_a_record(small):
    for results in (small, SimpleNamespace(loops=borders.perfect(), lives=borders.texts())):
        made = plain(verdict.series(results))
        tables_ = {
            "curves",
            "shares",
            "arms",
            "language",
            "stable",
            "onsets",
            "repair",
            "beyond_alone",
        }
        assert set(made) == tables_ | {"own_damage"}
        assert len(json.dumps(made)) < 40_000
        for name in tables_:
            assert len({len(column) for column in made[name].values()}) == 1
    curves = pd.DataFrame(made["curves"])
    assert curves["mixture"].to_numpy() == pytest.approx(curves["mixture_law"], abs=1e-5)


# --------------------------------------------------------------------------- the page
def all_figures(results):
    published = {"series": plain(verdict.series(results))}
    loops, lives = results.loops, results.lives
    drawn = [figures.answer(None), figures.answer(published), figures.language(lives)]
    names = ("law_and_models", "calibration", "chains", "by_size", "repair")
    return [*drawn, *(getattr(figures, name)(loops) for name in names)]


def test_figures_draw_small_and_perfect_runs(small):
    perfect = SimpleNamespace(loops=borders.perfect(), lives=borders.texts())
    for figure in [*all_figures(small), *all_figures(perfect), figures.knots(perfect.loops)]:
        figure.canvas.draw()
    plt.close("all")


def test_titles_follow_the_intervals():
    def said(loops):
        return " ".join(figures.repair(loops).get_suptitle().split())

    assert said(borders.perfect()).startswith("One temperature removes most")
    key = named("fixed, T=0.7", 24)
    runs = borders.perfect()[key]
    same = replace(runs, scaled={name: table[-1] for name, table in runs.metrics.items()})
    assert "most" not in said(borders.perfect() | {key: same})


def test_the_law_meets_every_arm_that_obeys_it():
    rows = figures.law_rows(borders.perfect())
    lawful = rows[rows["arm"] != "subsample"]
    assert lawful["measured"].to_numpy() == pytest.approx(lawful["predicted"], abs=1e-9)
    assert set(rows["arm"]) == set(figures.ARMS)
    assert not ((rows["arm"] == "real only") & (rows["s"] == 0.5)).any()


def test_the_grid_of_a_toy_run_has_no_knots_to_show(small):
    figure = figures.knots(small.loops)
    assert "needs more" in figure.get_suptitle()


def test_tables_show_every_row(small):
    perfect = borders.perfect()
    assert tables.arms_table(perfect).to_html().count("<tr>") == len(lab.ARMS) + 1
    assert tables.shares_table(perfect).to_html().count("<tr>") == 6 + 1
    assert "100" in tables.arms_table(perfect).to_html()
    assert tables.by_hand_table(small.hand, small.loops).to_html().count("<tr>") == 4 + 1
    assert tables.language_table(small.lives).to_html().count("<tr>") == 3 + 1
    assert tables.elsewhere_table().to_html().count("<tr>") == 7 + 1


def test_crossings_are_where_both_are_equal():
    html = tables.crossings_table().to_html()
    for k, s in ((1, "0.38"), (2, "0.58"), (3, "0.68"), (10, "0.88")):
        assert s in html
        at = tables.crossing(k)
        assert mixing_law(at, k, "fixed") == pytest.approx(mixing_law(at, k, "real only"), abs=1e-3)


def test_the_explorer_trains_and_says_what_it_sees():
    runs = explorers.closed("fixed", 0.5, 0.7, 1)
    assert runs.metrics["kl"].shape == (2, 1, 1)
    said = explorers.said(runs)
    assert f"to {runs.metrics['kl'][-1, 0, 0]:.3f} nats" in said
    assert f"{100 * runs.metrics['ece'][-1, 0, 0]:.1f} points" in said


@pytest.mark.parametrize(
    ("call", "right", "wrong", "hint"),
    [
        (exercises.check_law, 1.75, 1.25, "fresh real data"),
        (exercises.check_greedy, 0.2, 0.8, "how often is it right"),
        (exercises.check_budget, 0.3023, 0.3162, "one generation"),
        (exercises.check_knot, 0.23, 0.5, "end of the grid"),
    ],
)
def test_exercises_answer_back(call, right, wrong, hint):
    assert "replace the three dots" in call(...)
    assert str(call(right)).startswith("Right")
    assert hint in call(wrong)
    assert "Not yet" in call(10 * right)


# --------------------------------------------------------------------------- typed numbers
def test_the_page_tells_the_numbers_of_the_code(small):
    cells = json.loads(paper("synthetic-data").notebook_path().read_text(encoding="utf-8"))["cells"]
    text = " ".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    people, generated = SELF_INSTRUCT.values()
    words = {7: "seven", 8: "eight"}
    once = 1 + len(small.lives[-1].shares)
    arms, rounds = len(small.lives[-1].plan.arms), PRESETS["book"].generations
    assert len(small.lives[-1].stopped) == once + arms * TINY.generations
    for told in (
        f"{loop.N_ENTITIES} entities and {loop.N_RELATIONS} relations",
        f"a fact with probability {1 - loop.NOISE:g}",
        f"A table of {loop.N_ENTITIES * loop.N_RELATIONS} questions",
        f"with {words[len(bilinear.PENALTIES)]} penalties",
        f"the last {words[language.CONTEXT]} characters",
        f"windows of {language.SEQ} characters",
        f"grew {people} human tasks into {generated:,} generated instructions",
        f"{once + arms * rounds} trainings and {arms * rounds} rounds of writing",
        f"within {100 * verdict.MARGIN:g} %",
    ):
        assert told in text, told
    onsets = records.load("synthetic-data")["series"]["onsets"]
    assert "comes first in fewer than half of the worlds, too" in text
    assert max(onsets["by_control_high"]) < verdict.HALF


# --------------------------------------------------------------------------- settings
def test_two_processes_give_what_one_gives():
    """Of an arm each: processes cost more to start than arms to run."""
    plan = lab.plan_loops(TINY)
    with two_penalties() as patch:
        patch.setattr(lab, "plan_loops", lambda settings: [plan[0], plan[3]])
        one, two = (lab.loops(replace(TINY, jobs=jobs), 0) for jobs in (1, 2))
    assert set(two) == set(one)
    for name, runs in two.items():
        for metric, table in runs.metrics.items():
            assert np.array_equal(table, one[name].metrics[metric]), (name, metric)


def test_a_language_model_depends_on_its_job_alone(small, monkeypatch):
    """On what another process is given of it, and not on what was before it in its own."""

    def elsewhere(function, jobs, **options):
        found = {}
        for job in reversed(jobs):
            np.random.seed(job + 1)  # noqa: NPY002
            torch.manual_seed(job + 1)
            call, given = pickle.loads(pickle.dumps((function, job)))
            found[job] = call(given)
        return [found[job] for job in jobs]

    monkeypatch.setattr(language, "sweep", elsewhere)
    for one, other in zip(lab.language(replace(TINY, jobs=2), 0), small.lives, strict=True):
        assert np.array_equal(one.mixed, other.mixed)
        assert np.array_equal(one.alone, other.alone)


def test_presets_differ_and_are_checked():
    toy, book, paper = (PRESETS[scale] for scale in SCALES)
    assert toy.n_seeds < book.n_seeds
    assert book.n_samples < paper.n_samples
    assert book.seed_base > 0
    for change, message in (
        ({"n_seeds": 1}, "at least 2"),
        ({"shares": (0.0, 0.5)}, "0, 0.2 and 0.5"),
        ({"few_shares": (0.0, 0.2, 0.5, 1.0)}, "stay below 1"),
        ({"ranks": (8, 4)}, "must increase"),
        ({"lm_shapes": ()}, "must increase"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(toy, **change)


def test_every_arm_runs_at_the_main_size():
    for scale in SCALES:
        settings = PRESETS[scale]
        plan = lab.plan_loops(settings)
        main = {name for name, rank, _ in plan if rank == settings.ranks[-1]}
        assert main == set(lab.ARMS)
        others = {rank for name, rank, _ in plan if name == "fixed, T=1"}
        assert others == set(settings.ranks)
