"""The live figure's lines are the method's, and its table is what the shipped module says."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from companion.tart.lab.shipped import shipped_head
from companion.tart.method.theory import mean_difference
from companion.tart.method.whitening import whiten
from companion.tart.page import live_plane as live


@pytest.fixture(scope="module")
def figure():
    return live.figure()


@pytest.mark.parametrize("gap", live.GAPS[::5])
@pytest.mark.parametrize("k", live.SIZES)
@pytest.mark.parametrize("mode", live.MODES)
def test_lines_are_those_of_the_rules(figure, mode, k, gap):
    context, labels = live.points(figure.data["shown"][:k], gap)
    queries, _ = live.points(figure.data["asked"], gap)
    mean, lines = live.directions(context, labels, mode)
    z, q = whiten(context, queries, 2, live.MODES[mode])
    found = (queries - mean) @ lines["mean difference"]
    np.testing.assert_allclose(found, mean_difference(z, labels, q), rtol=1e-9)
    theirs = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10).fit(z, labels)
    found = (queries - mean) @ lines["logistic, C = 1"]
    np.testing.assert_allclose(found, theirs.decision_function(q), atol=1e-4)


def test_the_table_is_what_the_module_says(figure):
    head = shipped_head().module
    place, gap = 2, 1.75
    context, labels = live.points(figure.data["shown"][: live.SIZES[place]], gap)
    queries, _ = live.points(figure.data["asked"], gap)
    z, q = whiten(context, queries, 2)
    wide = [torch.as_tensor(np.pad(x, ((0, 0), (0, 14)))).float() for x in (z, q)]
    scores = head.scores(wide[0], torch.as_tensor(labels).float(), wide[1])
    bits = figure.data["says"]["white"][place][live.GAPS.index(gap)]
    assert [bit == "1" for bit in bits] == (scores > 0).tolist()


def test_it_opens_where_all_agree_and_white_coordinates_do_it(figure):
    white, raw = (
        figure.scene(figure.start | {"coordinates": mode}, figure.data)["panels"][1]["marks"]
        for mode in live.MODES
    )
    shares = [m["y"][0] for m in white if m["kind"] == "points"]
    assert max(shares) - min(shares) < 0.02
    line, logistic, _ = (m["y"][0] for m in raw if m["kind"] == "points")
    assert line < logistic - 0.05
