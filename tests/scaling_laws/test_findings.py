"""Claims, findings, figures and explorers of a whole small run, with or without the data."""

import json
from dataclasses import asdict, fields, replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from companion import data
from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    NOT_TESTED,
    ClaimFailed,
    check,
)
from companion.explore import MAX_FRAMES
from companion.scaling_laws import sources
from companion.scaling_laws.lab import (
    budget,
    compare,
    control,
    facts,
    huber,
    live,
    overtrained,
    paper_scale,
    worlds,
)
from companion.scaling_laws.lab import run as lab_run
from companion.scaling_laws.lab.facts import FACTS
from companion.scaling_laws.lab.live import LiveResults
from companion.scaling_laws.lab.overtrained import split_runs
from companion.scaling_laws.lab.run import WHOLE, count_laws
from companion.scaling_laws.lab.tiny_family import TinyRuns
from companion.scaling_laws.method import protocol, varpro
from companion.scaling_laws.page import exercises, explorers, figures, tables
from companion.scaling_laws.settings import PRESETS
from companion.scaling_laws.verdict import across, claims, designs, here, released
from companion.scaling_laws.verdict import findings as verdict_findings

FREE = {"11", "seeds", "live", "control"}
"""Claims that need no published data."""

EXACT = {"1", "3''", "7", "8", "9", "10", "units", "2'"}
"""Claims on published numbers whose verdict hardly depends on a seed."""


@pytest.fixture(scope="module")
def settings():
    return replace(
        PRESETS["toy"],
        bench_fits=2,
        bench_starts=3,
        draws=24,
        table_draws=20,
        huber_resamples=5,
        control_families=12,
        live_steps=20,
        live_batch=4,
        live_checkpoints=15,
        live_eval=8,
        table_tokens=(5e10,),
        budgets=(0.1, 0.5),
    )


@pytest.fixture(scope="module")
def results(settings):
    ladders = data.attempt(lab_run.fit_ladders, settings, progress=False)
    budget_draws = data.attempt(lab_run.run_budget_designs, settings, 0)
    points = data.attempt(sources.chinchilla_points)
    return verdict_findings.Results(
        ladders=ladders,
        cells=data.attempt(compare.beside_printed, ladders),
        solvers=data.attempt(lab_run.benchmark_solvers, settings, 0, progress=False),
        facts=data.attempt(facts.all_facts),
        draws=data.attempt(lab_run.run_designs, settings, 0),
        budget_draws=budget_draws,
        budget=data.attempt(
            budget.plans,
            budget_draws,
            data.attempt(sources.gemstones),
            settings.budgets,
            0,
        ),
        open_end=data.attempt(lab_run.open_end),
        singles=data.attempt(lab_run.single_run_errors),
        opt_share=data.attempt(lab_run.opt_one_model_share),
        freedom=data.attempt(lab_run.all_freedom),
        schedules=data.attempt(lab_run.schedule_results),
        chinchilla=data.attempt(huber.fit_huber_log, points),
        lab=worlds.run_lab(range(5), [0], n_tokens=1_000_000, n_checkpoints=40),
        control=control.lawful_ratios(12, 0),
        live=live.run_live(settings, 0, progress=False),
    )


@pytest.fixture(scope="module")
def findings(results):
    return {finding.claim: finding for finding in verdict_findings.evaluate(results, "toy", 0)}


def test_every_claim_has_one_finding(findings):
    assert list(findings) == [claim.id for claim in claims.CLAIMS]
    ids = {claim.id for claim in claims.CLAIMS}
    assert {str(i) for i in range(1, 12)} <= ids
    assert {"2'", "3'", "3''", "5'"} <= ids


def test_claims_without_data_are_tested_anywhere(findings):
    assert findings["11"].verdict == HOLDS
    assert findings["control"].verdict == HOLDS
    assert all(findings[name].verdict != NOT_TESTED for name in FREE)


def test_published_numbers_come_out(findings):
    assert {name: findings[name].verdict for name in EXACT} == dict.fromkeys(EXACT, HOLDS)


def test_the_objective_and_the_printed_cells(results):
    assert round(results.chinchilla.objective, 8) == 0.00101827
    assert results.cells["reproduced"].mean() >= 0.95
    assert len(results.cells) == 179
    no_cut = results.cells[results.cells["cut"] == 0]
    assert no_cut["difference"].abs().max() <= 0.05


def test_without_data_only_the_claims_that_need_them_are_untested(results):
    missing = data.Missing("put the file there")
    kept = {"lab", "control", "live"}
    bare = verdict_findings.Results(
        **{
            field.name: getattr(results, field.name) if field.name in kept else missing
            for field in fields(results)
        }
    )
    found = verdict_findings.evaluate(bare, "toy", 0)
    untested = {finding.claim for finding in found if finding.verdict == NOT_TESTED}
    assert untested == {claim.id for claim in claims.CLAIMS} - FREE
    assert all(f.note == "put the file there" for f in found if f.claim in untested)
    check(found, claims.CLAIMS)
    assert set(verdict_findings.series(bare)) == {
        "n_laws",
        "fit_seconds",
        "lab",
        "seed_spread",
        "live_errors",
    }


def test_series_fit_into_a_record(results):
    """A record holds numbers, strings, lists and dicts, and goes into a page: it must be small."""
    assert len(json.dumps(verdict_findings.series(results), default=float)) < 40_000
    json.dumps(asdict(PRESETS["toy"]), allow_nan=False)


def laboratory(without=8.0, with_1=4.0, with_10=0.3, error=1.0):
    """Five worlds alike but for the last, which has the values given."""
    usual = {0.0: (8.0, 10.0), 0.01: (4.0, 6.0), 0.1: (0.3, 1.0)}
    last = {0.0: (without, 10.0), 0.01: (with_1, 6.0), 0.1: (with_10, error)}
    rows = [
        {"world": world, "seed": 0, "cut": cut, "are": are, "e_error": off}
        for world in range(5)
        for cut, (are, off) in (last if world == 4 else usual).items()
    ]
    return pd.DataFrame(rows)


def test_known_truth_is_counted_over_worlds():
    found = here.known_truth("toy", laboratory())
    assert (found.estimate, found.verdict) == (1.0, HOLDS)
    for spoiled in (laboratory(with_1=9.0), laboratory(error=4.0)):
        broken = here.known_truth("toy", spoiled)
        assert broken.verdict == DOES_NOT_HOLD
        with pytest.raises(ClaimFailed):
            check([broken])
    # further worlds: five of five do not show that every one behaves so
    found = here.known_truth("book", laboratory())
    assert found.low == pytest.approx(0.5655, abs=1e-4)  # Wilson
    assert found.verdict == NOT_RESOLVED


def live_results(deviations=(1.0, 2.0), n=3, errors=(4.0, 5.0)):
    spread = pd.DataFrame(
        [{"shape": f"1x{i}", "sd_percent": sd, "n": n} for i, sd in enumerate(deviations)]
    )
    rows = [{"k": 3, "cut": cut, "are": are} for cut in (0.0, 0.1) for are in errors]
    runs = TinyRuns({}, {}, ())
    return LiveResults(runs, None, spread, pd.DataFrame(rows), pd.DataFrame())


def test_a_deviation_of_three_seeds_says_little():
    found = here.seed_noise("book", live_results())
    # chi-square with 2 degrees of freedom: quantiles 7.3778 and 0.050636
    assert found.low == pytest.approx(2 * np.sqrt(2 / 7.3778), rel=1e-4)
    assert found.high == pytest.approx(2 * np.sqrt(2 / 0.050636), rel=1e-4)
    assert found.verdict == NOT_RESOLVED
    assert here.seed_noise("book", live_results(n=200)).verdict == HOLDS
    one_wide = here.seed_noise("book", live_results((2.0, 5.0), n=200))
    assert one_wide.verdict == DOES_NOT_HOLD


def test_an_interval_of_a_deviation_covers_it():
    rng = np.random.default_rng(0)
    sample = rng.standard_normal((2000, 5)).std(axis=1, ddof=1)
    found = [here.deviation_interval(sd, 5) for sd in sample]
    assert np.mean([one.low <= 1 <= one.high for one in found]) == pytest.approx(0.95, abs=0.015)


def test_choices_among_the_same_seeds_give_no_interval():
    toy, book = (here.live_family(scale, live_results()) for scale in ("toy", "book"))
    assert (toy.estimate, toy.verdict) == (5.0, HOLDS)
    assert (book.low, book.verdict) == (None, NOT_RESOLVED)
    worst = here.live_family("toy", live_results(errors=(4.0, 21.0)))
    assert worst.verdict == DOES_NOT_HOLD


def test_eight_fits_of_eight_are_no_ninety_nine_percent():
    def table(n, worse=0):
        return pd.DataFrame(
            {
                "sse_varpro": np.where(np.arange(n) < worse, 2.0, 1.0),
                "sse_multi": 1.0,
                "sse_single": 1.0,
                "failed_starts": 0,
                "seconds_varpro": np.linspace(0.9, 1.1, n),
                "seconds_multi": 30.0,
            }
        )

    found = released.solver("toy", table(8))
    assert (found.estimate, found.verdict) == (1.0, NOT_RESOLVED)
    assert released.solver("book", table(1000)).verdict == HOLDS
    assert released.solver("book", table(1000, worse=30)).verdict == DOES_NOT_HOLD
    slow = table(1000).assign(seconds_varpro=6.0, seconds_multi=np.linspace(20, 70, 1000))
    assert released.solver("book", slow).verdict == DOES_NOT_HOLD


def test_every_step_of_size_needs_its_interval():
    rng = np.random.default_rng(0)

    def draws(means, spread=0.1):
        return pd.concat(
            pd.DataFrame(
                {
                    "pool": pool,
                    "k": 5,
                    "tokens": WHOLE,
                    "treatment": "cut 10B",
                    "draw": range(40),
                    "are": mean * np.exp(spread * rng.standard_normal(40)),
                }
            )
            for pool, mean in zip(("120M", "545M", "1.05B"), means, strict=True)
        )

    assert designs.larger("book", draws((10, 5, 3)), 0).verdict == HOLDS
    assert designs.larger("book", draws((10, 5, 6)), 0).verdict == DOES_NOT_HOLD
    open_step = designs.larger("book", draws((10, 3.1, 3), spread=0.5), 0)
    assert open_step.low > 1
    assert open_step.verdict == NOT_RESOLVED


def test_counts_need_a_status():
    table = pd.DataFrame({"status": ["ok", "failed", "empty"], "seconds": [1.0, 2.0, 0.0]})
    assert count_laws(table, data.Missing(""), None) == (2, 3.0)


def draws_of(results, settings):
    """Every figure as a function of no arguments."""
    show = data.show
    family = data.attempt(sources.released_family, "OPT")
    points = data.attempt(lambda one: protocol.training_points(one.runs[:-1], cut=1e10), family)
    boot = np.tile(control.TRUTH.log_parameters, (5, 1))
    return {
        "answer": lambda: figures.answer(None),
        "answer, published": lambda: figures.answer({"series": verdict_findings.series(results)}),
        "surface": lambda: show(figures.surface, points, data.attempt(varpro.fit_varpro, points)),
        "solvers": lambda: show(figures.solvers, results.solvers),
        "heatmaps": lambda: show(figures.heatmaps, results.ladders),
        "printed": lambda: show(figures.printed, results.cells),
        "cut": lambda: show(figures.cut_ratios, data.attempt(across.cut_ratios, results.ladders)),
        "metrics": lambda: show(figures.metrics, data.attempt(facts.v0_metrics)),
        "units": lambda: show(figures.units, results.ladders),
        "two": lambda: show(figures.two_models, data.attempt(facts.two_model_profile, family)),
        "tails": lambda: show(figures.tails, results.ladders),
        "one": lambda: show(figures.one_model, results.ladders),
        "freedom": lambda: show(figures.freedom, results.freedom),
        "chinchilla": lambda: show(figures.chinchilla, results.chinchilla, boot),
        "curves": lambda: show(
            figures.error_curves, data.attempt(verdict_findings.error_by_k, results.draws)
        ),
        "treatments": lambda: show(figures.treatments, results.draws, tokens=1e11),
        "final": lambda: show(figures.final_losses, results.open_end),
        "schedules": lambda: show(figures.schedules, results.schedules),
        "lab": lambda: figures.lab(results.lab),
        "live": lambda: figures.live(results.live, live.live_law(results.live)),
        "control": lambda: figures.control(results.control, 1.5),
    }


def test_every_figure_draws_and_labels_its_axes(results, settings):
    for name, draw in draws_of(results, settings).items():
        figure = draw()
        figure.canvas.draw()
        labelled = [ax for ax in figure.axes if ax.get_xlabel() or ax.get_ylabel()]
        assert labelled or name.startswith("answer"), name
        plt.close(figure)


def test_titles_follow_the_numbers(results):
    ratios = pd.DataFrame({"ratio": [3.0, 3.2, 2.9]})
    assert "gains nothing" not in figures.control(ratios).axes[0].get_title()
    assert "gains nothing" in figures.control(results.control).axes[0].get_title()
    flat = results.lab.assign(are=1.0)
    assert "known truth, cutting" not in figures.lab(flat).get_suptitle()
    helped = figures.cut_ratios(pd.Series({"a": 2.0, "b": 3.0})).axes[0].get_title()
    assert helped == "The cut helps in 2 of 2 families"
    plt.close("all")


def test_tables_show_every_row(results):
    assert tables.facts_table(results.facts).to_html().count("<tr>") == len(FACTS) + 1
    assert "all" in tables.ladder_table(results.ladders).to_html()
    assert tables.plan_table(results.budget).to_html().count("<tr>") == len(results.budget) + 1
    assert "log n" in tables.regression_table(across.mixed_model(results.ladders)).to_html()


def test_explorers_stay_small_and_describe_their_frames():
    lab, family = explorers.lab_explorer(), explorers.family_explorer()
    for explorer in (lab, family):
        assert np.prod([len(values) for values in explorer.grids.values()]) <= MAX_FRAMES
    source, text = lab.frame(g=0.4, concentration=0.05, largest=256, cut=0.1)
    assert source.startswith("data:image/webp")
    assert "error" in text
    at = {"curve": "OPT, nats", "n": 5, "q": 1.0, "cut": 1e10}
    assert "error 3.2 percent" in family.frame(**at)[1]


@pytest.mark.parametrize(
    ("call", "right", "hint"),
    [
        (exercises.check_data_share, 0.357, ("size term", 0.643)),
        (exercises.check_perplexity_error, 10.517, ("error in nats", 4.348)),
    ],
)
def test_exercises_answer_back(call, right, hint):
    assert "replace the three dots" in call(...)
    text, wrong = hint
    assert text in call(wrong)
    answers = np.linspace(0.9 * right, 1.1 * right, 201)
    assert any(str(call(value)).startswith("Right") for value in answers)
    assert "Not yet" in call(10 * right)


def test_outliers_by_the_solution():
    spoiled = exercises.spoiled_points()
    squares, robust = varpro.fit_varpro(spoiled), huber.fit_huber_log(spoiled)
    ratio = abs(squares.law.E / control.TRUTH.E - 1) / abs(robust.law.E / control.TRUTH.E - 1)
    assert ratio > 3
    assert str(exercises.check_outliers(ratio)).startswith("Right")
    assert "other way round" in exercises.check_outliers(1 / ratio)


def test_short_runs_break_the_law():
    table = sources.overtrained_runs()
    errors = overtrained.short_run_errors(table).pivot(
        index="dataset", columns="least", values="are"
    )
    assert (errors[0.0] > 1.5 * errors[1.0]).all()
    training, target = split_runs(table, "c4_original", 1.0)
    assert set(np.round(training.D / training.N / 20, 3)) >= {1.0}
    assert target.N.min() > training.N.max()
    with pytest.raises(ValueError, match="choose one of c4_original"):
        split_runs(table, "pile", 1.0)


def test_pythia_is_left_to_paper_scale(settings):
    answer = paper_scale.evaluate_pythia(settings)
    assert "paper scale only" in answer.reason
    table = pd.DataFrame(
        [
            (
                f"m{N:.0e}",
                N,
                D,
                float(control.TRUTH.predict(N, D)),
                1.1 * float(control.TRUTH.predict(N, D)),
            )
            for N in (1e8, 3e8, 1e9, 3e9)
            for D in np.geomspace(5e9, 3e11, 20)
        ],
        columns=["model", "num_params", "tokens", "text", "cloze"],
    )
    errors = paper_scale.law_of_two_metrics(table)
    assert set(errors["metric"]) == {"text", "cloze"}
    assert errors["are"].max() < 0.1


def test_presets_differ_where_they_should():
    toy, book, paper = (PRESETS[scale] for scale in ("toy", "book", "paper"))
    assert toy.draws < book.draws
    assert not toy.hub_models
    assert not book.hub_models
    assert len(paper.hub_models) == 7
    assert paper.hub_steps[-1] == 143_000
    with pytest.raises(ValueError, match="three training sizes and a target"):
        replace(toy, live_shapes=((1, 16),))
    with pytest.raises(ValueError, match="must index live_shapes"):
        replace(toy, live_cool=(9,))
