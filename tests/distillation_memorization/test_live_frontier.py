"""The frontier that a page computes, against the statistic that "equal" is judged by."""

import json

import numpy as np
import pytest

from companion.distillation_memorization.lab import evidence
from companion.distillation_memorization.method.objectives import BASELINE, SOFT
from companion.distillation_memorization.page import live_frontier
from tests import live as book

from . import made


@pytest.fixture(scope="module")
def worlds():
    return made.worlds()


def at(figure, epochs):
    return figure.scene({"at": figure.data["epochs"].index(epochs)}, figure.data)


def test_at_the_baselines_best_it_shows_what_is_judged(worlds):
    figure = live_frontier.figure(worlds)
    judged = evidence.at_equal_loss(worlds)
    assert figure.data["epochs"][int(figure.start["at"])] == judged.epochs
    there = figure.first["panels"][0]["marks"][-1]
    known = evidence.counts(worlds, BASELINE, judged.epochs).sum() + evidence.HALF
    student = (known / judged.fold.estimate - evidence.HALF) / (len(worlds) * made.N)
    assert there["y"] == [pytest.approx(student, rel=1e-3)]
    assert f"At that loss the student has {100 * student:.2f}" in figure.first["detail"]
    rate = 100 * evidence.counts(worlds, BASELINE, judged.epochs).sum() / (len(worlds) * made.N)
    assert f"8 epochs the baseline has {rate:.2f}" in figure.first["headline"]


def test_the_mark_lies_on_the_drawn_curve(worlds):
    figure = live_frontier.figure(worlds)
    marks = at(figure, 4)["panels"][0]["marks"]
    curve = next(m for m in marks if m["kind"] == "line" and m["role"] == SOFT)
    loss, rate = (np.array(curve[key]) for key in "xy")
    order = np.argsort(loss)
    (x,), (y,) = marks[-1]["x"], marks[-1]["y"]
    assert y == pytest.approx(np.interp(x, loss[order], rate[order]), rel=0.01)


@pytest.mark.parametrize(
    ("gain", "words"), [(-0.5, "predicts better from the start"), (0.5, "never gets so low")]
)
def test_it_says_where_the_curves_do_not_meet(gain, words):
    figure = live_frontier.figure([made.world(seed, gain=gain) for seed in range(3)])
    assert words in figure.first["detail"]


@pytest.mark.parametrize("gain", [-0.5, 0.0, 0.5])
def test_the_page_computes_the_same(gain):
    figure = live_frontier.figure([made.world(seed, gain=gain) for seed in range(3)])
    data = json.loads(json.dumps(figure.data))
    page = book.page_scene(figure.script, data)
    for index in range(len(data["epochs"])):
        ours = json.loads(json.dumps(figure.scene({"at": index}, data)))
        assert book.difference(ours, page({"at": index})) <= 1e-9


def test_without_a_published_run_it_says_so(monkeypatch):
    monkeypatch.setattr(live_frontier.records, "load", lambda slug: None)
    figure = live_frontier.figure()
    assert "no published run" in figure.first["headline"]
    page = book.page_scene(figure.script, figure.data)
    assert book.difference(json.loads(json.dumps(figure.first)), page(figure.start)) == 0
