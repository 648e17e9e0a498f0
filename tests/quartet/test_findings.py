"""Verdicts on results made by hand, figures, tables, the explorer, and exercises."""

import json
from dataclasses import asdict

import matplotlib.pyplot as plt
import numpy as np
import pytest

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, NOT_TESTED, ClaimFailed, check
from companion.quartet import sources
from companion.quartet.lab import released, rounding
from companion.quartet.lab.speed import MATRIX, Speeds
from companion.quartet.page import exercises, explorers, figures, tables
from companion.quartet.verdict import _difference, series, shares, verdicts
from companion.stats import over_seeds
from tests.borders import Said, alone

from . import made

OURS = ("C2", "C3", "C8", "C10", "C15", "C16")
TRAINED = ("C9", "C10", "C12", "C13", "C15")


@pytest.fixture(scope="module")
def perfect():
    return made.results()


def said(results, scale="book"):
    return Said(lambda: verdicts.evaluate(results, scale))


def one(claim, results, scale="book"):
    with alone(claim):
        (found,) = verdicts.evaluate(results, scale)
    return found


def test_a_perfect_run_satisfies_every_claim_but_one(perfect):
    """One rule of the scale gives QuEST less error than RTN, another more: C2 and C11."""
    found = verdicts.evaluate(perfect, "book")
    assert [f.claim for f in found] == [f"C{i}" for i in range(1, 17)]
    wrong = {f.claim: (f.verdict, f.note) for f in found if f.verdict != HOLDS}
    assert list(wrong) == ["C11"], wrong
    assert wrong["C11"][0] == NOT_RESOLVED
    check(found, verdicts.claims)


def test_ten_claims_are_the_papers_and_six_ours():
    assert [c.id for c in verdicts.claims if c.of == "ours"] == list(OURS)
    assert len(verdicts.claims) == 16


def test_evidence_is_called_what_it_is():
    on = {c.id: c.on for c in verdicts.claims}
    assert {name for name, kind in on.items() if kind == "paper"} == {"C1", "C11", "C14"}
    assert {name for name, kind in on.items() if kind == "model"} == {"C2", "C3"}


def test_least_error_is_judged_over_the_rules_that_the_format_admits():
    for quest, ceil, verdict in (
        (1.32e-2, 1.55e-2, NOT_RESOLVED),
        (1.32e-2, 1.30e-2, HOLDS),
        (2.24e-2, 1.30e-2, NOT_RESOLVED),
    ):
        table = made.table(quest=quest, ceil=ceil)
        found = one("C11", made.results(table=table))
        assert found.verdict == verdict, (quest, ceil)
        assert found.low < found.estimate < found.high
    near = made.table(quest=2.24e-2)
    worse = near | {"QuEST nearest": near["QuEST"], "QuEST ceil": near["QuEST"]}
    assert said(made.results(table=worse))["C11"] == DOES_NOT_HOLD


@pytest.mark.parametrize("scale", ["toy", "book", "paper"])
def test_every_scale_can_be_judged(perfect, scale):
    found = said(perfect, scale)
    untested = {name for name, verdict in found.items() if verdict == NOT_TESTED}
    assert untested == ({*TRAINED, "C16"} if scale == "toy" else set())


def test_what_does_nothing_satisfies_nothing(perfect):
    same = perfect.means["nearest"]
    frame = released.rerun_table().assign(gap=0.01)
    frame["gap"] += 1e-4 * np.random.default_rng(0).standard_normal(len(frame))
    nothing = made.results(
        table=made.table(ratio=1.0, misalignment=0.0),
        means=dict.fromkeys(perfect.means, same),
        products=made.products(works=False),
        reruns=released.regress(frame),
        depth=made.depth(effect=0.0),
        ladder=made.ladder(dict.fromkeys(made.GAPS, 0.0)),
    )
    found = said(nothing)
    for claim in ("C1", "C2", "C3", "C4", "C7", *TRAINED):
        assert found[claim] in (DOES_NOT_HOLD, NOT_RESOLVED), claim
    with pytest.raises(ClaimFailed, match="C3"):
        check(verdicts.evaluate(nothing, "toy"))


def with_law(eff_n=0.648, **changed):
    law = made.fitted()
    law = law._replace(
        efficiency=law.efficiency | {"eff_N QuEST": eff_n},
        boot=law.boot | {"eff_N QuEST": law.boot["eff_N QuEST"] * eff_n / 0.648},
    )
    law = law._replace(**changed)
    return made.results(refit=law, leads=released.marked_models(law))


def test_wrong_laws_and_maps_do_not_hold():
    assert said(with_law(0.7))["C5"] == DOES_NOT_HOLD
    same = {"full": 1.0, "gamma = 1": 1.0, "beta = 1": 1.0}
    assert said(with_law(costs=same))["C5"] == DOES_NOT_HOLD
    assert said(with_law(0.3))["C6"] == DOES_NOT_HOLD


def test_a_lead_that_resampled_runs_or_a_smaller_law_leave_open_is_not_resolved(perfect):
    wide = with_law(boot=made.fitted(0.02).boot)
    c6 = one("C6", wide)
    assert c6.verdict == NOT_RESOLVED
    assert c6.low < 1 < c6.estimate < c6.high
    few = with_law(boot={name: values[:5] for name, values in perfect.refit.boot.items()})
    assert said(few)["C6"] == NOT_RESOLVED
    printed = perfect.leads._replace(printed=perfect.leads.printed._replace(low=0.9))
    assert said(made.results(leads=printed))["C6"] == NOT_RESOLVED
    leads = perfect.leads._replace(held_out=0.8)
    c6 = one("C6", made.results(leads=leads))
    assert c6.verdict == NOT_RESOLVED
    assert c6.low > 1
    assert "without the two largest runs says the opposite" in c6.note


def test_a_placebo_that_moves_as_much_leaves_the_bug_unresolved(perfect):
    for placebo in (0.97, 1.0):
        reruns = released.regress(made.rerun_frame(placebo))
        assert said(made.results(reruns=reruns))["C4"] == NOT_RESOLVED
    assert said(perfect)["C4"] == HOLDS


def test_a_slope_that_is_not_small_with_the_signs_right_refutes_c4():
    for before, verdict in ((1e-4, HOLDS), (0.74e-3, NOT_RESOLVED), (1e-3, DOES_NOT_HOLD)):
        reruns = released.regress(made.rerun_frame(before=before))
        assert said(made.results(reruns=reruns))["C4"] == verdict, before


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


def test_what_must_hold_at_toy_fails_for_a_broken_quantizer():
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
        ("C10", {"none:RTN": 0.05}),  # three quarters of the forward gap
        ("C9", {"SR:none": 0.03}),  # less than RTN's
        ("C12", {"QuEST:none": 0.15}),  # fewer parameters than RTN keeps
        ("C13", {"none:SR": -0.1}),  # more tokens than there are
        ("C15", {"plain MXFP4": 0.02}),  # better than Quartet
    ],
)
def test_gaps_on_the_wrong_side_do_not_hold(claim, changed):
    ladder = made.ladder(made.GAPS | changed)
    assert said(made.results(ladder=ladder))[claim] == DOES_NOT_HOLD


def test_a_rate_that_would_help_one_recipe_is_found():
    c16 = one("C16", made.results(rates=made.rates(gain=0.05)))
    assert c16.verdict == DOES_NOT_HOLD
    assert c16.estimate == pytest.approx(0.05, abs=5e-3)
    assert said(made.results(rates=made.rates(gain=0.028)))["C16"] == NOT_RESOLVED


def test_missing_data_is_said():
    gone = made.MISSING
    without = made.results(refit=gone, leads=gone, measured=gone, earlier=gone)
    for claim in ("C5", "C6", "C12", "C14"):
        found = one(claim, without)
        assert (found.verdict, found.note) == (NOT_TESTED, "set COMPANION_DATA")
    assert "refit" not in series(without)


def test_diverged_seeds_are_not_dropped(perfect):
    final = {name: values.copy() for name, values in perfect.ladder.final.items()}
    final["SR:none"][2] = np.nan
    broken = perfect.ladder._replace(final=final)
    assert broken.n_diverged() == 1
    for claim in ("C9", "C12"):
        found = one(claim, made.results(ladder=broken))
        assert found.verdict == NOT_RESOLVED
        assert "1 of the runs diverged" in found.note
    # its runs are all there
    assert one("C10", made.results(ladder=broken)).verdict == HOLDS


def test_the_papers_own_uncertainty_counts_where_shares_are_compared(perfect):
    """Resampled runs of the authors that say nothing leave ours beside theirs open."""

    def compared(noise):
        refit = perfect.refit._replace(boot=made.fitted(noise).boot)
        return one("C12", made.results(refit=refit))

    narrow, wide = compared(1e-4), compared(0.15)
    assert narrow.verdict == HOLDS
    assert wide.verdict == NOT_RESOLVED
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)
    few = {name: values[:5] for name, values in perfect.refit.boot.items()}
    refit = perfect.refit._replace(boot=few)
    assert said(made.results(refit=refit))["C12"] == NOT_RESOLVED


def test_the_interval_of_a_difference_covers_it():
    """Two estimates with intervals of their own; 95 % means at least 930 of 1,000."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        a, b = rng.normal(0.3, 1, 200), rng.normal(0.1, 3, 200)
        found = _difference(over_seeds(a), over_seeds(b))
        inside += found.low <= 0.2 <= found.high
    assert 930 <= inside <= 970


def test_a_loss_beyond_the_ladder_gives_no_share():
    ladder = made.ladder(made.GAPS | {"SR:none": 2.0})
    assert said(made.results(ladder=ladder))["C12"] == NOT_RESOLVED


def test_runs_that_were_not_made_are_named():
    few = {name: made.GAPS[name] for name in ("none:none", "plain MXFP4", "QuEST:RTN")}
    found = one("C9", made.results(ladder=made.ladder(few)))
    assert "not trained in this run: SR:none" in found.note
    two = made.results(ladder=made.ladder(n_seeds=2))
    assert said(two)["C9"] == NOT_TESTED


def test_series_and_settings_fit_into_a_record(perfect):
    from companion.records._store import plain

    text = json.dumps(plain(series(perfect)), allow_nan=False)
    assert len(text) < 40_000
    json.dumps(asdict(made.TOY), allow_nan=False)


def test_shares_of_the_series_are_those_of_the_claims(perfect):
    table = series(perfect)["shares"]
    assert list(zip(table["scheme"], table["of"], strict=True)) == [
        *((name, "N") for name in ("SR", "RTN", "QuEST")),
        *((name, "D") for name in ("SR", "RTN", "QuEST")),
    ]
    assert table["ours"] == pytest.approx(list(made.SHARES.values()), rel=0.02)
    few = made.ladder({name: made.GAPS[name] for name in ("none:none", "none:RTN")})
    assert shares(few)["scheme"] == ["RTN"]


def draws(perfect):
    losses = sources.released_losses()
    return {
        "empty": lambda: figures.answer(None),
        "answer": lambda: figures.answer({"series": series(perfect)}),
        "shares": lambda: figures.shares_figure(shares(perfect.ladder), perfect.refit),
        "gaps": lambda: figures.gaps(perfect.ladder),
        "rules": lambda: figures.scale_rules(perfect.scans),
        "averages": lambda: figures.averages(perfect.products, perfect.averages),
        "reruns": lambda: figures.reruns(released.rerun_table()),
        "law": lambda: figures.fitted(losses, perfect.refit),
        "maps": lambda: figures.maps(perfect.measured, perfect.measured),
        "earlier": lambda: figures.earlier(sources.curve_7b()),
        "depth": lambda: figures.depth(perfect.depth),
    }


def test_every_figure_draws_and_labels_its_axes(perfect):
    for name, draw in draws(perfect).items():
        fig = draw()
        fig.canvas.draw()
        assert name == "empty" or any(ax.get_xlabel() for ax in fig.axes), name
        plt.close(fig)


def heading(ax):
    return ax.get_title("left") + ax.get_title()


def test_titles_follow_the_numbers(perfect):
    good = figures.averages(perfect.products, perfect.averages).get_suptitle()
    assert "does nothing" in good
    stuck = figures.averages(made.products(works=False), perfect.averages).get_suptitle()
    assert "does nothing" not in stuck
    assert "RTN keeps" in figures.depth(perfect.depth).get_suptitle()
    assert "RTN keeps" not in figures.depth(made.depth(effect=-0.5)).get_suptitle()
    assert "cost less" in heading(figures.gaps(perfect.ladder).axes[0])
    flat = made.ladder(dict.fromkeys(made.GAPS, 0.0))
    assert "cost less" not in heading(figures.gaps(flat).axes[0])
    frame = released.rerun_table().assign(gap=0.01)
    assert "RTN costs less" not in heading(figures.reruns(frame).axes[0])
    assert "RTN costs less" in " ".join(
        heading(figures.reruns(released.rerun_table()).axes[0]).split()
    )
    answer = figures.answer({"series": series(perfect)}).get_suptitle()
    assert "SR keeps fewer" in answer
    other = series(made.results(ladder=made.ladder(made.GAPS | {"SR:none": 0.05})))
    assert "SR keeps fewer" not in figures.answer({"series": other}).get_suptitle()


def test_tables_show_every_row(perfect):
    assert tables.quantizer_table(perfect.table).to_html().count("<tr>") == 1 + len(perfect.table)
    assert tables.law_table(perfect.refit).to_html().count("<tr>") == 7
    assert tables.regression_table(perfect.reruns).to_html().count("<tr>") == 11
    told = tables.training_table(perfect.ladder).to_html()
    assert told.count("<tr>") == 1 + len(perfect.ladder.final)
    assert "Quartet, no mask" in told
    assert tables.rate_table(perfect.rates).to_html().count("<tr>") == 10
    took = dict(zip(MATRIX, (1.0, 80.0, 10.0, 60.0, 5.0, 9.0), strict=True))
    speeds = Speeds(took, {"none:none": 1.0, "QuEST:RTN": 2.5}, 64)
    told = tables.speed_table(speeds).to_html()
    assert ">8<" in told
    assert ">12<" in told
    assert ">0.4<" in told
    authors = sources.gradient_alignment()
    assert tables.authors_depth_table(authors).to_html().count("<tr>") == len(authors) + 1
    assert "+" in tables.larger_table(sources.larger_models()).to_html()
    assert tables.layer_table(sources.layer_speeds()).to_html().count("<tr>") == 5
    control = rounding.run_products(8, 64, (1, 4), 1, 0, rounding.CONTROL_ARMS)
    assert tables.control_table(control).to_html().count("<tr>") == 4


def test_the_explorer_quantizes_what_it_is_given():
    assert explorers.parse("1, 2;3\n4e-1") == [1.0, 2.0, 3.0, 0.4]
    for text in ("", "1 x", "nan", "1 " * 2000):
        with pytest.raises(ValueError, match=r"numbers|float"):
            explorers.parse(text)
    found = list(explorers.draws([3.0, -1.0, 0.4], "SR", rotated=False, n=64))
    assert len(found) == 64
    assert found[-1].errors[-1] < found[0].errors[0] / 4
    assert found[-1].x[:3] == pytest.approx([3.0, -1.0, 0.4])
    assert not found[-1].x[3:].any()
    one, *_, last = explorers.draws(explorers.FIRST, "RTN", rotated=True, n=3)
    assert last.errors == pytest.approx(one.errors[0])  # nothing is drawn at random
    assert "after 3" in explorers.said(last, "RTN")
    assert explorers.NumberExplorer().still().startswith('<img src="data:image/webp')


@pytest.mark.parametrize(
    ("call", "right", "wrong", "hint"),
    [
        (exercises.check_clipping, 6.0, 8.0, "factor 3/4"),
        (exercises.check_first_better, exercises.first_better(), 1, "With one draw"),
        (exercises.check_averaging, 0.0267 / 0.0188**2, 0.0267 / 0.0188, "squared"),
        (exercises.check_training_speed, 1.5, 5 / 3, "Times add"),
    ],
)
def test_exercises_answer_back(call, right, wrong, hint):
    assert "replace the three dots" in call(...)
    assert str(call(right)).startswith("Right")
    assert hint in call(wrong)
    assert "Not yet" in call(10 + 10 * right)
    assert "rpl-answer" in call(...).to_html()


def test_a_quantizer_that_ignores_the_rule_of_its_scale_fails_c2():
    same = made.table()
    nearest = same["QuEST nearest"]
    same["QuEST"] = nearest._replace(mse=nearest.mse[::-1])
    assert said(made.results(table=same))["C2"] == DOES_NOT_HOLD
