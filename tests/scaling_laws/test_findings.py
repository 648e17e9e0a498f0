"""Claims, tables and figures, on results made by hand, and on those that cost next to nothing."""

import json
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from companion.claims import HOLDS, NOT_TESTED, OURS, PAPER
from companion.data import Missing
from companion.explore import MAX_FRAMES
from companion.scaling_laws import hub, sources, verdict
from companion.scaling_laws.lab import evidence, facts, released, solvers
from companion.scaling_laws.lab import run as lab
from companion.scaling_laws.lab.designs import CUT_10B, bad_days, select
from companion.scaling_laws.lab.trained import TRUTH
from companion.scaling_laws.method import protocol, varpro
from companion.scaling_laws.page import exercises, explorers, figures, tables
from companion.scaling_laws.settings import PRESETS
from companion.stats import LEVEL, Interval
from tests.borders import spread
from tests.scaling_laws import borders


@pytest.fixture(scope="module")
def grids():
    return lab.heat_maps()


def test_ten_claims_of_the_paper_and_six_of_ours():
    claims = verdict.verdicts.claims
    assert [c.id for c in claims if c.of == PAPER] == [f"C{i}" for i in range(1, 11)]
    assert [c.id for c in claims if c.of == OURS] == [f"O{i}" for i in range(1, 7)]


def test_without_data_the_claims_that_need_them_are_untested():
    missing = Missing("put the file there")
    names = ("cells", "rules", "five", "draws", "singles", "freedom", "chinchilla", "schedules")
    found = verdict.verdicts.evaluate(borders.results(**dict.fromkeys(names, missing)), "book")
    tested = {f.claim for f in found if f.verdict != NOT_TESTED}
    assert tested == {"O3", "O5", "O6"}


def test_tiny_models_are_judged_from_book_scale_on():
    found = verdict.verdicts.evaluate(borders.results(seeds=Missing("at book scale")), "toy")
    assert [f.claim for f in found if f.verdict == NOT_TESTED] == ["O3"]
    (seeds,) = (claim for claim in verdict.verdicts.claims if claim.id == "O3")
    assert "toy" not in seeds.criteria


def test_printed_cells_and_the_chinchilla_objective(grids):
    cells = released.beside_printed(grids)
    assert len(cells) == 232
    assert cells["reproduced"].all()
    assert set(cells["family"]) == set(released.REPRODUCIBLE)
    found = solvers.fit_huber_log(sources.chinchilla_points())
    assert round(found.objective, 8) == 0.00101827


def test_facts_agree():
    found = facts.all_facts()
    assert [fact.name for fact in found if not fact.holds] == []
    assert tables.facts_table(found).to_html().count("<tr>") == len(facts.FACTS) + 1


# --------------------------------------------------------------------------- statistics
def test_a_ratio_over_families_by_hand():
    found = evidence.over_logs([1.0, 4.0])
    assert found.estimate == pytest.approx(2.0)
    half = 12.7062 * np.std(np.log([1, 4]), ddof=1) / np.sqrt(2)  # Student t, 1 degree of freedom
    assert (found.low, found.high) == pytest.approx((2 * np.exp(-half), 2 * np.exp(half)), rel=1e-4)
    assert not evidence.over_logs([2.0]).has_interval
    assert not evidence.over_logs([2.0, np.nan]).has_interval


def test_a_failed_fit_leaves_its_pair():
    table = borders.draws()
    one, other = evidence.eight("cut 0 %"), evidence.eight(CUT_10B)
    whole = evidence.subset_ratio(table, one, other)
    bad = (table["treatment"] == "cut 0 %") & (table["draw"] == 7)
    table.loc[bad, "are"] = np.nan
    left = evidence.subset_ratio(table, one, other)
    logs = np.log(select(table, **one)["are"] / select(table, **other)["are"])
    assert left.estimate == pytest.approx(np.exp(logs.drop(7).mean()))
    assert left.estimate != whole.estimate
    assert left.n == 19  # runs


def test_what_cannot_be_fitted_is_a_bad_day_and_the_worst_case():
    rows = pd.DataFrame({"are": [5.0, 11.0, np.nan, 5.0], "runs": [1, 2, 4, 8]})
    found = bad_days(rows)
    assert found.estimate == 50
    assert (found.low, found.high) == (0.0, 100.0)
    assert not evidence.worst_case(rows).has_interval
    level = spread(0.0, 0.2, borders.N_DRAWS)
    rows = pd.DataFrame({"are": np.exp(level), "runs": borders.subsets("120M", 5)})
    rank = int(np.ceil(0.95 * (borders.N_DRAWS - 1)))
    assert evidence.worst_case(rows).estimate == pytest.approx(np.exp(np.sort(level)[rank]))


def test_explained_variance_by_hand():
    """Five sources left out, on the logit of what is left unexplained, Student's t with 4."""
    left = np.array([0.02, 0.03, 0.04, 0.05, 0.06])
    found = evidence.explained(0.96, 1 - left)
    odds = left / (1 - left)
    error = np.sqrt(4 / 5 * (np.log(odds / (0.04 / 0.96)) ** 2).sum())
    ends = 1 / (1 + 0.04 / 0.96 * np.exp(2.7764451 * error * np.array([1, -1])))
    assert (found.low, found.high) == pytest.approx(tuple(ends))
    assert (found.estimate, found.n) == (pytest.approx(0.96), 5)
    assert not evidence.explained(0.96, np.full(5, 0.96)).has_interval


def test_a_single_run_against_several_by_family():
    table = borders.singles(several=2)
    ratios = evidence.single_over_several(table)
    assert set(ratios.index) == {*sources.SEVEN, "gemstones"}  # OLMo has no three smaller models
    assert (ratios < 1).sum() == 2


def test_an_interval_of_a_deviation_covers_it():
    rng = np.random.default_rng(0)
    sample = rng.standard_normal((1000, 5)).std(axis=1, ddof=1)
    found = [evidence.deviation(sd, 5) for sd in sample]
    assert np.mean([one.low <= 1 <= one.high for one in found]) == pytest.approx(LEVEL, abs=0.02)
    assert not evidence.deviation(1.0, 1).has_interval


# --------------------------------------------------------------------------- tables for figures
def sweep():
    """Seven families by two recipes: half thrown away divides the error by two."""
    rows = [
        {"way": way, "family": name, "target": target, "is_largest": target == "b"}
        | {"thrown": share, "are": 4.0 * factor * level}
        for way, targets in (("paper", "b"), ("sound", "ab"))
        for name, level in zip(sources.SEVEN, np.exp(spread(0, 0.5, 7)), strict=True)
        for target in targets
        for share, factor in ((0.0, 2.0), (0.1, 1.0), (0.5, 0.5 + 0.01 * level), (np.nan, 1.0))
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def draws():
    """Monte Carlo with what the sweep needs besides."""
    more = {(p, 8, way): 4.0 for p in borders.NESTED for way in ("cut 0 %", "cut 10 %", "cut 50 %")}
    return borders.draws(levels=more | borders.LEVELS)


def test_the_sweep_is_relative_and_counts_families(draws):
    table = evidence.relative_sweep(sweep(), draws)
    half = table[table["thrown"] == 0.5].set_index("where")
    assert half.loc["sound", "ratio"] == pytest.approx(0.51, abs=0.01)
    assert half.loc["sound", "n"] == 7
    assert half.loc["sound", "high"] < 1
    each = [half.loc[f"sound {name}", "ratio"] for name in sources.SEVEN]
    assert np.exp(np.log(each).mean()) == pytest.approx(half.loc["sound", "ratio"])
    assert half.loc["gemstones 1.05B", "n"] == 19
    told = figures.sweep(table).get_suptitle()
    assert told.startswith("Over families, by the sound recipe, throwing half")
    open_ = table.assign(high=table["high"] * 3)
    assert figures.sweep(open_).get_suptitle().startswith("Not resolved")
    plt.close("all")


def test_the_rules_have_families_their_mean_and_gemstones(draws):
    table = evidence.rule_table(borders.rules(), draws)
    assert set(table["who"]) == {*sources.SEVEN, "all", "gemstones"}
    mean = table[(table["rule"] == "cut") & (table["who"] == "all")]
    assert mean["ratio"].tolist() == pytest.approx([2.0, 2.0])
    figure = figures.rules(table)
    assert "5 of 5 rules" in figure.get_suptitle()
    plt.close(figure)


def test_series_fit_into_a_record(draws):
    made = SimpleNamespace(
        sweep=sweep(), draws=draws, rules=borders.rules(), budget=pd.DataFrame({"budget": [0.1]})
    )
    series = verdict.series(made)
    assert set(series) == {"sweep", "rules", "error_by_k", "budget"}
    assert len(json.dumps(series, default=float)) < 60_000
    figure = figures.answer({"series": series})
    figure.canvas.draw()
    assert figures.answer(None).axes
    plt.close("all")


# --------------------------------------------------------------------------- the page
def test_figures_draw_and_label_their_axes(grids, draws):
    opt = sources.released_family("OPT")
    data = protocol.family_points(opt)
    drawn = {
        "surface": figures.surface(data, varpro.fit_varpro(data)),
        "heatmaps": figures.heatmaps(grids),
        "one model": figures.one_model(grids),
        "curves": figures.error_curves(evidence.error_by_k(draws)),
        "schedules": figures.schedules(lab.schedule_results()),
        "worlds": figures.worlds(borders.worlds()),
    }
    for name, figure in drawn.items():
        figure.canvas.draw()
        assert any(ax.get_xlabel() or ax.get_ylabel() for ax in figure.axes), name
    assert "OPT's error by 2.3" in drawn["heatmaps"].get_suptitle()
    flat = borders.worlds(1.0)
    assert "known truth, cutting" not in figures.worlds(flat.assign(are=1.0)).get_suptitle()
    plt.close("all")


def test_tables_show_every_row():
    table = tables.singles_table(borders.singles())
    assert table.to_html().count("<tr>") == 9 + 1  # eight released families and Gemstones
    assert tables.seeds_table(borders.seeds()).to_html().count("<tr>") == 2 + 1
    times = tables.solver_table(borders.solvers()).to_html()
    assert "70.0" in times
    plans = pd.DataFrame(
        {
            "budget": [0.1, 0.1],
            "plan": ["8 runs", "the target's own"],
            "spent": 0.1,
            "are": 3.0,
            "low": 2.0,
            "high": 4.0,
            "bad": [25.0, 0.0],
            "bad_low": [10.0, np.nan],
            "bad_high": [40.0, np.nan],
            "bias": -1.0,
        }
    )
    shown = tables.plan_table(plans).to_html()
    assert "25 % [10, 40]" in shown
    assert "0 %<" in shown


def test_the_explorer_stays_small_and_describes_its_frames():
    family = explorers.family_explorer()
    assert np.prod([len(values) for values in family.grids.values()]) <= min(4, MAX_FRAMES)
    source, text = family.frame(curve="OPT, nats", cut=1e10)
    assert source.startswith("data:image/webp")
    assert "error 3.2 percent" in text


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
    squares, robust = varpro.fit_varpro(spoiled), solvers.fit_huber_log(spoiled)
    ratio = abs(squares.law.E / TRUTH.E - 1) / abs(robust.law.E / TRUTH.E - 1)
    assert ratio > 3
    assert str(exercises.check_outliers(ratio)).startswith("Right")
    assert "other way round" in exercises.check_outliers(1 / ratio)


# --------------------------------------------------------------------------- the paper's scale
def test_pythia_is_left_to_paper_scale():
    assert "paper scale only" in hub.evaluate_pythia(PRESETS["toy"]).reason
    paper = PRESETS["paper"]
    assert (len(paper.hub_models), paper.hub_steps[-1]) == (7, 143_000)
    table = pd.DataFrame(
        [
            (f"m{N:.0e}", N, D, float(TRUTH.predict(N, D)), 1.1 * float(TRUTH.predict(N, D)))
            for N in (1e8, 3e8, 1e9, 3e9)
            for D in np.geomspace(5e9, 3e11, 20)
        ],
        columns=["model", "num_params", "tokens", "text", "cloze"],
    )
    errors = hub.law_of_two_metrics(table)
    assert set(errors["metric"]) == {"text", "cloze"}
    assert errors["are"].max() < 0.1


def test_perfect_results_hold():
    found = {finding.claim: finding.verdict for finding in borders.clean()}
    assert set(found.values()) == {HOLDS}
    assert isinstance(evidence.over_logs([1, 2]), Interval)
