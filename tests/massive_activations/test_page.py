"""Figures, tables, exercises and the live figure of the chapter."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from bs4 import BeautifulSoup
from scipy.stats import norm

from companion import records
from companion.massive_activations.lab.rivals import CHECKPOINTS, LAST_VALUE, Profile
from companion.massive_activations.method.curve import (
    DAMPED_LOG,
    CurveParams,
    damped_log,
    fit,
    turning_point,
)
from companion.massive_activations.page import (
    exercises,
    explorers,
    figures,
    live_curve,
    tables,
)
from companion.massive_activations.settings import PRESETS
from companion.massive_activations.sources import load_fit_record
from companion.massive_activations.verdict import series
from companion.pictures import FIGURE
from companion.scale import SCALES

from . import made


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def text(fig):
    """Everything that a figure says."""
    fig.canvas.draw()
    said = [fig.get_suptitle(), *(t.get_text() for ax in fig.axes for t in ax.texts)]
    said += [ax.get_title(loc) for ax in fig.axes for loc in ("left", "center")]
    return "\n".join(" ".join(part.split()) for part in said)  # titles may be wrapped


def cells(styler):
    """Texts of the cells of a table, row by row."""
    found = BeautifulSoup(styler.to_html(), "html.parser").find_all("tr")
    return [[cell.text for cell in row.find_all("td")] for row in found if row.find_all("td")]


def test_presets_cover_the_scales():
    assert set(PRESETS) == set(SCALES)
    # no seed of the record was used before, by a run of this edition or of the first
    assert PRESETS["book"].seed_base == 5_200


# Figures


def test_figures_of_the_excerpt_state_what_it_shows(excerpt):
    assert "The largest grow" in text(figures.layer_profiles(excerpt))
    assert "2 of 15 outer layers fall by more than the noise" in text(figures.changes(excerpt))
    assert "carries over 30 %" in text(figures.decomposition_bars(excerpt))
    assert "five parameters, few points" in text(figures.layer_fits(excerpt, 2))


def test_titles_change_when_the_data_do():
    flat = made.rows(outer=1.0, middle=1.0, sizes=(1.0, 1.0, 1.0))
    assert "grow up to" not in text(figures.layer_profiles(flat))
    falling = made.rows(outer=0.5)
    assert "outer layers fall by" not in text(figures.changes(falling))
    spans = [("pythia-1b", 24_000, 100_000)]
    assert "carries over" not in text(figures.decomposition_bars(flat, spans))


def test_bars_and_dots_are_the_decomposition(excerpt):
    fig = figures.decomposition_bars(excerpt, [("pythia-1b", 24_000, 100_000)])
    ax = fig.axes[0]
    tops, medians = (np.array([bar.get_height() for bar in c]) for c in ax.containers)
    dots = next(line for line in ax.lines if line.get_marker() == "o").get_ydata()
    assert tops + medians == pytest.approx(dots)


def test_the_real_model_is_described_as_it_is():
    real = made.texts()
    assert "One scalar of SmolLM2-135M is 20,000 times the median" in text(
        figures.real_profile(real)
    )
    plain = made.real_model(np.full(3, 3.0), real.changed, top=np.full((3, 3), 10.0))
    assert "One scalar" not in text(figures.real_profile(plain))
    assert "Zero breaks" in text(figures.perplexity_dots(real))
    assert "Zero breaks" not in text(figures.perplexity_dots(made.texts(zero=0.0)))
    assert "Zero breaks" not in text(figures.perplexity_dots(made.texts(mean=0.2)))


def test_loose_parameters_and_leaks():
    refits = made.refits()
    assert "very different parameters" not in text(figures.identifiability_cloud(refits))
    K = refits["rising"].params
    K[:, -1] = np.linspace(-9000, 3000, len(K))
    assert "very different parameters" in text(figures.identifiability_cloud(refits))
    grid = np.linspace(0, 10, 11)
    pinned = Profile(5.0, grid, 1 + (grid - 5) ** 2, 1.2, open_below=False, open_above=False)
    open_ = Profile(5.0, grid, np.ones(11), 1.2, open_below=True, open_above=False)
    assert "excludes no low K" in text(
        figures.plateau_profiles({"early peak": pinned, "rising": open_})
    )
    assert "excludes no low K" not in text(
        figures.plateau_profiles({"early peak": pinned, "rising": pinned})
    )
    leaks, honest = made.leakage(), made.leakage(random=0.2, grouped=0.15)
    assert "reports R² = 0.80" in text(figures.leakage_histogram(leaks, paper_r2=0.847))
    assert "reports" not in text(figures.leakage_histogram(honest, paper_r2=0.847))
    assert "median scores within" in text(figures.null_table({"ridge": leaks}, {"ridge": 0.8}))
    assert "median scores within" not in text(figures.null_table({"ridge": leaks}, {"ridge": 0.4}))


def test_the_answer_is_that_of_the_record():
    assert "No published record" in text(figures.answer(None))
    record = {"series": records._store.plain(series(made.results()))}
    assert "One number" not in text(figures.answer(record))  # all outer layers fall or stay
    record["series"]["late"] |= {"fall": [0, 0, 2], "rise": [4, 19, 3]}
    assert "of 15 outer layers 2 fall late, 7 rise" in text(figures.answer(record))


# Tables


def test_step_zero_table_puts_the_authors_beside_ours(excerpt):
    html = cells(tables.step_zero_table(made.untrained(excerpt, 1.1, 1.0, spread=0.0), excerpt))
    assert [row[-4] for row in html] == ["+10.0%"] * 6


def test_curve_table_counts_layers_that_beat_eq_9():
    rows = {row[0]: row for row in cells(tables.curve_table(made.fits(won=0.75)))}
    assert rows[LAST_VALUE][3] == "6"  # of 24
    assert rows[DAMPED_LOG.name][2] == "0.990"


def test_level_and_correlation_tables(known_fit):
    rows = cells(tables.level_table(made.levels(), {"xgboost": 0.847}))
    assert rows[0][1:] == ["xgboost", "0.85", "0.82", "0.81"]
    found = cells(tables.correlation_table(load_fit_record(known_fit.path)))
    names = ["A", "lam", "gamma", "t0", "K"]
    for (first, second), expected in known_fit.correlations.items():
        value = float(found[names.index(first)][1 + names.index(second)])
        assert value == pytest.approx(expected, abs=2e-3)


def test_variants_are_counted():
    rows = cells(tables.variants_table(made.texts()))
    assert rows[0] == ["as it is", "100%", "100%", "20,000", "20,000"]


# Exercises


def test_exercises_explain():
    assert "Not answered" in exercises.check_noise_maximum(...)
    ratio = norm.ppf((1 + 0.5 ** (1 / (2048 * 1024))) / 2) / norm.ppf(0.75)
    assert exercises.check_noise_maximum(ratio / 2).startswith("Right")
    assert "times the median" in exercises.check_noise_maximum(ratio)
    assert exercises.check_peak(47_290).startswith("Right")
    assert "t = (x" in exercises.check_peak(5.73)
    assert "divide it by 350" in exercises.check_overshoot(350 * exercises.overshoot())
    real = made.texts()  # the hook sees 20,000, transformers reports 20
    assert exercises.check_last_layer(real, 1000.0).startswith("Right")
    assert "inverse" in exercises.check_last_layer(real, 1e-3)


# The live figure and the explorer


def test_the_twins_curve_is_the_papers_and_its_coefficients_are_least_squares():
    t, y = CHECKPOINTS, live_curve.page_data()["series"]["early peak"]["y"]
    y = np.array(y)
    A, t0, K, rss = live_curve.yours(t, y, 0.9, 1.2e-4, [0.9])
    curve = damped_log(t, 1.0, 0.9, 1.2e-4, 0.9, 0.0)
    slope, intercept = np.polyfit(curve, y, 1)
    assert pytest.approx((slope, intercept)) == (A, K)
    assert rss == pytest.approx(np.sum((damped_log(t, A, 0.9, 1.2e-4, t0, K) - y) ** 2))
    best = live_curve.yours(t, y, 0.9, 1.2e-4, live_curve.OFFSETS)
    single = [live_curve.yours(t, y, 0.9, 1.2e-4, [one])[3] for one in live_curve.OFFSETS]
    assert best[3] == min(single)
    assert best[1] == live_curve.OFFSETS[int(np.argmin(single))]


@pytest.mark.parametrize("lam", [1e-4, 0.03, 0.9, 10.0])
def test_the_twin_turns_where_the_method_does(lam):
    expected = turning_point(CurveParams(1.0, lam, 1e-4, 0.5, 0.0))
    assert live_curve.turning(lam, 1e-4, 0.5) == pytest.approx(expected, rel=1e-9)


def test_best_fits_of_the_page_are_the_fitters():
    whole = live_curve.page_data()["series"]["rising"]
    t, y = np.array(whole["t"]), np.array(whole["y"])
    n = live_curve.seen_points(whole, 0.33)
    assert n == 30
    assert t[n - 1] <= 0.67 * t[-1] < t[n]
    found = fit(DAMPED_LOG, t[:n], y[:n])
    curve = live_curve.best_curve(whole["best"][str(n)], t)
    assert curve == pytest.approx(found.predict(t), rel=1e-6)


def test_it_opens_on_two_equal_curves_with_different_plateaus():
    said = live_curve.figure().first["headline"]
    assert "30 of 37 points" in said
    first, second = (float(word.strip(".")) for word in said.split()[-3::2])
    assert min(first, second) > 0.99
    # where the peak was reached the two agree
    figure = live_curve.figure()
    values = figure.start | {"series": "early peak", "hidden": 0.0}
    assert "K = 59.7" in figure.scene(values, figure.data)["headline"]


def test_the_explorer_fits_what_the_reader_pastes():
    t, y = explorers.parse(explorers.first_text())
    found = list(explorers.fits(t, y, 1.0))
    assert found[0].model is DAMPED_LOG
    assert found[0].r2 > 0.98
    assert "misses" not in explorers.said(t, y, found[:1], 1.0)
    assert "misses the hidden points" in explorers.said(t, y, found[:1], 0.5)
    with pytest.raises(ValueError, match="a step and a value on each line"):
        explorers.parse("1 2 3")
    with pytest.raises(ValueError, match="at least 8 checkpoints"):
        explorers.parse("1 2\n2 3")
    figures_said = text(explorers.frame(t, y, found, 1.0))
    assert "fitted to the first 100%" in figures_said


def test_the_page_has_the_explorers_first_picture_with_its_words(monkeypatch):
    explorer = explorers.CurveExplorer()
    monkeypatch.setenv("COMPANION_PUBLISH", "1")
    shown = explorer._repr_mimebundle_()
    assert set(shown) == {"text/plain", FIGURE}
    assert shown[FIGURE]["alt"] == explorers.said(*explorer.first())


def test_results_made_by_hand_have_the_record_s_series():
    record = series(made.results())
    assert set(record) == {"perplexity", "texts", "blocks", "late", "leakage"}
    assert record["late"]["n"] == [9, 19, 6]
    assert record["late"]["fall"] == [9, 0, 6]
    assert SimpleNamespace(**record).texts["change"] == ["none", "zero", "mean", "control"]
