"""The live figure's tables are the fitted models, and its dots move as Langevin dynamics."""

import numpy as np
import pytest

from companion.consistent_diffusion.lab.systems import js_divergence
from companion.consistent_diffusion.page import exercises
from companion.consistent_diffusion.page import live_line as live


@pytest.fixture(scope="module")
def data():
    return live.table()


def test_the_truth_on_the_grid(data):
    x = live.LOW + live.STEP * np.arange(live.CELLS)
    expected = 0.2 * np.exp(-0.5 * (x + 5) ** 2) + 0.8 * np.exp(-0.5 * (x - 5) ** 2)
    expected /= np.sqrt(2 * np.pi)
    found = np.array(live.density(data["truth"]["log"]))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    slope = np.gradient(data["truth"]["log"], live.STEP)
    np.testing.assert_allclose(data["truth"]["score"][5:-5], slope[5:-5], atol=0.2)


def test_the_divergence_is_that_of_the_lab(data):
    model = data["models"]["none"][0]["log"]
    p, q = (np.array(live.density(log)) for log in (model, data["truth"]["log"]))
    assert live.divergence(list(p), list(q)) == pytest.approx(js_divergence(p, q), abs=1e-9)


def test_the_score_between_points_of_the_grid(data):
    score = data["truth"]["score"]
    x = live.LOW + live.STEP * np.arange(live.CELLS)
    for place in (-3.333, 0.04, 7.77):
        assert live.at(score, place) == pytest.approx(np.interp(place, x, score))
    assert live.at(score, 99.0) == pytest.approx(score[-1], abs=1e-4)


def test_dots_relax_to_the_law_of_a_single_well():
    """Ornstein-Uhlenbeck: variance 1 / (1 - dt / 2) in the end, whatever the start."""
    x = live.LOW + live.STEP * np.arange(live.CELLS)
    rng = np.random.default_rng(0)
    data = {"start": [3.0] * 4000, "kicks": rng.standard_normal((160, 4000)).tolist()}
    found = np.array(live.moved((-x).tolist(), data, 160))
    assert found.mean() == pytest.approx(0, abs=0.06)
    assert found.var() == pytest.approx(1 / (1 - live.DT / 2), rel=0.08)


def test_it_opens_without_the_penalty_and_the_penalty_changes_the_headline():
    figure = live.figure()
    opened = figure.first
    mended = figure.scene(figure.start | {"penalty": "penalty"}, figure.data)
    assert opened["headline"] != mended["headline"]
    off = {
        name: abs(live.right_share(figure.data["models"][name][0]["log"]) - 0.8)
        for name in live.PENALTIES
    }
    assert off["penalty"] < off["none"]
    assert f"{exercises.right_of_zero():.0f}" in mended["headline"]
