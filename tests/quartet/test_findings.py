"""Verdicts on results made by hand, figures, tables, explorers, and exercises."""

import json
from dataclasses import asdict

import matplotlib.pyplot as plt
import numpy as np
import pytest

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, NOT_TESTED, ClaimFailed, check
from companion.explore import MAX_FRAMES
from companion.quartet import sources
from companion.quartet.lab import reruns
from companion.quartet.lab.speed import Speeds
from companion.quartet.page import exercises, explorers, figures, tables
from companion.quartet.verdict import series, verdicts

from . import made


@pytest.fixture(scope="module")
def perfect():
    return made.results()


def said(results, scale="book"):
    return {finding.claim: finding.verdict for finding in verdicts.evaluate(results, scale)}


def test_a_perfect_run_satisfies_every_claim(perfect):
    found = verdicts.evaluate(perfect, "book")
    assert [f.claim for f in found] == [f"C{i}" for i in range(1, 11)]
    assert {f.claim: f.verdict for f in found} == dict.fromkeys(
        [c.id for c in verdicts.claims], HOLDS
    )
    check(found, verdicts.claims)


@pytest.mark.parametrize("scale", ["toy", "book", "paper"])
def test_every_scale_can_be_judged(perfect, scale):
    found = said(perfect, scale)
    untested = {name for name, verdict in found.items() if verdict == NOT_TESTED}
    assert untested == ({"C9", "C10"} if scale == "toy" else set())


def test_what_does_nothing_satisfies_nothing(perfect):
    flat = dict.fromkeys(made.GAPS, 0.0)
    frame = reruns.table().assign(gap=0.01)
    frame["gap"] += 1e-4 * np.random.default_rng(0).standard_normal(len(frame))
    same = perfect.means["nearest"]
    nothing = made.results(
        table=made.table(ratio=1.0, misalignment=0.0),
        means=dict.fromkeys(perfect.means, same),
        products=made.products(works=False),
        reruns=reruns.regress(frame),
        depth=made.depth(effect=0.0),
        trained=made.trained(flat),
    )
    found = said(nothing)
    for claim in ("C1", "C2", "C3", "C4", "C7", "C9", "C10"):
        assert found[claim] in (DOES_NOT_HOLD, NOT_RESOLVED), claim
    with pytest.raises(ClaimFailed, match="C3"):
        check(verdicts.evaluate(nothing, "toy"))


def test_wrong_laws_and_maps_do_not_hold(perfect):
    law = perfect.refit._replace(efficiency=perfect.refit.efficiency | {"eff_N QuEST": 0.7})
    assert said(made.results(refit=law))["C5"] == DOES_NOT_HOLD
    cheap = perfect.refit._replace(costs={"full": 1.0, "gamma = 1": 1.0, "beta = 1": 1.0})
    assert said(made.results(refit=cheap))["C5"] == DOES_NOT_HOLD
    poor = perfect.refit._replace(efficiency=perfect.refit.efficiency | {"eff_N QuEST": 0.45})
    assert said(made.results(refit=poor))["C6"] in (DOES_NOT_HOLD, NOT_RESOLVED)
    assert said(made.results(bops=perfect.measured))["C6"] == DOES_NOT_HOLD


def test_a_crossover_that_resampled_runs_leave_open_is_not_resolved(perfect):
    wide = perfect.refit._replace(boot=made.fitted(0.02).boot)
    (c6,) = [f for f in verdicts.evaluate(made.results(refit=wide), "book") if f.claim == "C6"]
    assert c6.verdict == NOT_RESOLVED
    assert c6.low < 80 < c6.estimate < 175 < c6.high
    few = {name: values[:5] for name, values in perfect.refit.boot.items()}
    assert said(made.results(refit=perfect.refit._replace(boot=few)))["C6"] == NOT_RESOLVED


def test_a_p_between_satisfies_nothing_and_refutes_nothing(perfect):
    found = perfect.reruns
    close = found._replace(difference=found.difference._replace(p=0.03))
    assert said(made.results(reruns=close))["C4"] == NOT_RESOLVED
    grows = found._replace(before=found.before._replace(low=1e-5, estimate=1e-4, high=2e-4))
    assert said(made.results(reruns=grows))["C4"] == DOES_NOT_HOLD


def test_one_depth_that_crosses_leaves_c7_open(perfect):
    rng = np.random.default_rng(5)

    def depth(arm, change):
        values = dict(perfect.depth.misalignment)
        values[arm] = values[arm] + change
        return said(made.results(depth=perfect.depth._replace(misalignment=values)))["C7"]

    one = np.zeros((8, 7))
    one[:, 3] = 0.015 + 0.02 * rng.standard_normal(8)  # mean inside, interval beyond 0.02
    assert depth("SR", one) == NOT_RESOLVED
    dip = np.zeros((8, 7))
    dip[:, 1:4] = -np.array([0.0, 0.02, 0.04])  # falls back in the middle, and ends deep
    assert depth("RTN", dip) == NOT_RESOLVED
    noisy = perfect.depth.cosine | {
        "SR": perfect.depth.cosine["RTN"] - 0.01 + 0.02 * rng.standard_normal((8, 7))
    }
    assert said(made.results(depth=perfect.depth._replace(cosine=noisy)))["C7"] == NOT_RESOLVED


def test_a_missed_interval_of_the_bias_stops_no_toy_run(perfect):
    """A right program misses a 99 % interval at one seed in a hundred."""
    off = perfect.products._replace(bias=np.full(6, 4.2e-4))
    assert said(made.results(products=off))["C3"] == DOES_NOT_HOLD
    assert said(made.results(products=off), "toy")["C3"] == HOLDS


def test_what_must_hold_at_toy_fails_for_a_broken_quantizer(perfect):
    table = made.table()
    shifted = table["SR"]._replace(misalignment=table["SR"].misalignment + 1.3e-2)  # no 3/4
    for changed in ({"SR": shifted}, {"RTN": table["SR"]}):
        found = verdicts.evaluate(made.results(table=table | changed), "toy")
        with pytest.raises(ClaimFailed, match="C1"):
            check(found)


def test_stuck_averages_and_biased_slopes_do_not_hold(perfect):
    k = perfect.averages.counts
    biased = perfect.averages.errors | {
        "SR, signs before": 0.1 / k + np.array([[0.019], [0.02], [0.021]])
    }
    found = said(made.results(averages=perfect.averages._replace(errors=biased)))
    assert found["C8"] == DOES_NOT_HOLD


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("C10", {"none:RTN": 0.028}),  # seven tenths of the forward gap
        ("C9", {"SR:none": 0.03}),  # less than RTN's
        ("C9", {"naive": 0.02}),  # better than Quartet
    ],
)
def test_gaps_on_the_wrong_side_do_not_hold(claim, changed):
    trained = made.trained(made.GAPS | changed)
    assert said(made.results(trained=trained))[claim] == DOES_NOT_HOLD


def test_missing_data_is_said(perfect):
    gone = made.MISSING
    found = {
        f.claim: f
        for f in verdicts.evaluate(made.results(refit=gone, bops=gone, measured=gone), "book")
    }
    for claim in ("C5", "C6"):
        assert found[claim].verdict == NOT_TESTED
        assert found[claim].note == "set COMPANION_DATA"
    assert "refit" not in series(made.results(refit=gone))


def test_diverged_seeds_are_not_dropped(perfect):
    final = {name: values.copy() for name, values in perfect.trained.final.items()}
    final["SR:none"][2] = np.nan
    broken = perfect.trained._replace(final=final)
    assert broken.n_diverged() == 1
    found = {f.claim: f for f in verdicts.evaluate(made.results(trained=broken), "book")}
    assert found["C9"].verdict == NOT_RESOLVED
    assert "1 of the runs diverged" in found["C9"].note
    assert found["C10"].verdict == HOLDS  # its runs are all there


def test_runs_that_were_not_made_are_named(perfect):
    few = {name: made.GAPS[name] for name in ("none:none", "naive", "QuEST:RTN")}
    found = {f.claim: f for f in verdicts.evaluate(made.results(trained=made.trained(few)), "book")}
    assert "not trained in this run: SR:none" in found["C9"].note
    one = {
        f.claim: f for f in verdicts.evaluate(made.results(trained=made.trained(n_seeds=2)), "book")
    }
    assert one["C9"].verdict == NOT_TESTED


def test_series_and_settings_fit_into_a_record(perfect):
    from companion.records._store import plain

    text = json.dumps(plain(series(perfect)), allow_nan=False)
    assert len(text) < 40_000
    json.dumps(asdict(made.TOY), allow_nan=False)


def draws(perfect):
    record = {"series": series(perfect)}
    losses = sources.released_losses()
    return {
        "empty": lambda: figures.answer(None),
        "answer": lambda: figures.answer(record),
        "plane": lambda: figures.plane(perfect.table),
        "rules": lambda: figures.scale_rules(perfect.scans),
        "products": lambda: figures.averages(perfect.products),
        "reruns": lambda: figures.reruns(reruns.table()),
        "law": lambda: figures.fitted(losses, perfect.refit),
        "efficiencies": lambda: figures.efficiencies(perfect.refit),
        "maps": lambda: figures.maps(perfect.bops, perfect.measured),
        "depth": lambda: figures.depth(perfect.depth),
        "averages": lambda: figures.averages(perfect.averages, "gradient"),
        "gaps": lambda: figures.gaps(perfect.trained),
        "curves": lambda: figures.curves(perfect.trained),
    }


def test_every_figure_draws_and_labels_its_axes(perfect):
    for name, draw in draws(perfect).items():
        fig = draw()
        fig.canvas.draw()
        assert name == "empty" or any(ax.get_xlabel() for ax in fig.axes), name
        plt.close(fig)


def test_titles_follow_the_numbers(perfect):
    stuck = figures.averages(made.products(works=False)).axes[0].get_title()
    assert "does nothing" not in stuck
    assert "does nothing" in figures.averages(perfect.products).axes[0].get_title()
    assert "RTN keeps" in figures.depth(perfect.depth).get_suptitle()
    assert "RTN keeps" not in figures.depth(made.depth(effect=-0.5)).get_suptitle()
    flat = figures.gaps(made.trained(dict.fromkeys(made.GAPS, 0.0))).axes[0].get_title()
    assert "Backward schemes cost less" not in flat
    frame = reruns.table().assign(gap=0.01)
    assert "wrong side" not in figures.reruns(frame).axes[0].get_title()


def test_tables_show_every_row(perfect):
    assert tables.quantizer_table(perfect.table).to_html().count("<tr>") == 1 + len(perfect.table)
    assert tables.law_table(perfect.refit).to_html().count("<tr>") == 7
    assert tables.regression_table(perfect.reruns).to_html().count("<tr>") == 5
    assert tables.training_table(perfect.trained).to_html().count("<tr>") == 11
    speeds = Speeds(1.0, 50.0, {"RTN": 2.0}, {"none:none": 1.0, "QuEST:RTN": 2.0}, 64, 1)
    assert "2.0 copies" in tables.speed_table(speeds).to_html()
    authors = tables.authors_depth()
    assert tables.authors_depth_table(authors).to_html().count("<tr>") == len(authors) + 1
    assert len(authors) >= 4


def test_explorers_stay_small_and_describe_their_frames():
    for explorer in (
        explorers.group_explorer(),
        explorers.product_explorer(),
        explorers.map_explorer(),
    ):
        assert np.prod([len(values) for values in explorer.grids.values()]) <= MAX_FRAMES
    source, text = explorers.product_explorer().frame(rounding="to nearest", side="after", k=64)
    assert source.startswith("data:image/webp")
    first = explorers.product_explorer().frame(rounding="to nearest", side="after", k=1)[1]
    assert text.split()[-1] == first.split()[-1]  # the same error, whatever K is
    _, rough = explorers.group_explorer().frame(
        outlier=8, sigma=0.0, rotated="off", quantizer="RTN"
    )
    assert "error" in rough
    slow = explorers.map_explorer().frame(forward=1.5, backward=1.0, eff_n=0.42, eff_d=0.8)[1]
    fast = explorers.map_explorer().frame(forward=2.0, backward=2.0, eff_n=0.64, eff_d=0.95)[1]
    assert slow != fast


@pytest.mark.parametrize(
    ("call", "right", "wrong", "hint"),
    [
        (exercises.check_clipping, 6.0, 8.0, "factor 3/4"),
        (exercises.check_averaging, 0.0267 / 0.0188**2, 0.0267 / 0.0188, "squared"),
        (exercises.check_training_speed, 1.5, 5 / 3, "Times add"),
        (exercises.check_lost_direction, 0.0, 0.5, "RTN is odd"),
    ],
)
def test_exercises_answer_back(call, right, wrong, hint):
    assert "replace the three dots" in call(...)
    assert str(call(right)).startswith("Right")
    assert hint in call(wrong)
    assert "Not yet" in call(10 + 10 * right)


def test_a_quantizer_that_ignores_the_rule_of_its_scale_fails_c2(perfect):
    same = made.table()
    nearest = same["QuEST nearest"]
    same["QuEST"] = nearest._replace(mse=nearest.mse[::-1])
    assert said(made.results(table=same))["C2"] == DOES_NOT_HOLD
