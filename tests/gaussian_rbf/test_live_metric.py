"""The live figure's formulas are the method's."""

import numpy as np
import pytest

from companion.gaussian_rbf.method import precision, theory
from companion.gaussian_rbf.page import live_metric as live


@pytest.mark.parametrize(("stretch", "degrees"), [(1.25, 0.0), (2.0, 5.0), (20.0, 135.0)])
def test_directions_and_shares_are_those_of_a_network(stretch, degrees):
    P = live.metric(stretch, degrees)
    fit = theory.network(P, live.CENTERS, live.WEIGHTS)
    H = theory.quadrature_agop(fit, 120)
    values, vectors = precision.spectrum(H)
    turned = np.radians(live.direction(theory.normal_agop(P, live.CENTERS, live.WEIGHTS)))
    assert abs(vectors[:, 0] @ [np.cos(turned), np.sin(turned)]) == pytest.approx(1, abs=1e-9)
    assert values[0] > values[1]
    found = live.of_feature_1(P)
    c, s = abs(np.cos(np.radians(degrees))), abs(np.sin(np.radians(degrees)))
    by_hand = (c + s / stretch) / ((c + s) * (1 + 1 / stretch))
    assert found[0] == pytest.approx(by_hand, abs=1e-12)
    assert found[2] == pytest.approx(H[0, 0] / np.trace(H), abs=1e-9)


def test_an_ellipse_is_at_distance_one():
    stretch, degrees = 4.0, 30.0
    P = live.metric(stretch, degrees)
    one = live._ellipse(live.CENTERS[1], stretch, degrees)
    away = np.column_stack([one["x"], one["y"]]) - live.CENTERS[1]
    assert np.einsum("ni,ij,nj->n", away, P, away) == pytest.approx(np.ones(len(away)))


def test_it_opens_where_both_name_different_features():
    figure = live.figure()
    said = figure.scene(figure.start, {})["headline"]
    assert "puts feature 1 first, but the gradients put feature 2 first" in said
    steep = figure.scene(figure.start | {"stretch": 20.0}, {})["headline"]
    assert "the gradients put feature 1 too" in steep
