"""The live figure's formulas are the method's."""

import json

import numpy as np
import pytest

from companion.synthetic_data.method.mixing import mixing_law, synthetic_share
from companion.synthetic_data.page import live_budget as live


@pytest.mark.parametrize("kept", ["fixed", "fresh", "accumulate"])
def test_many_runs_follow_the_curve(kept):
    z = np.random.default_rng(0).standard_normal((2 + 2 * live.ROUNDS, 40_000))
    values = {"share": 0.5, "rounds": 3, "kept": kept}
    marks = live.scene(values, {"z": z})["panels"][1]["marks"]
    expected, found = (
        next(m["y"] for m in marks if m["kind"] == kind and m["role"] == role)
        for kind, role in (("line", "ours"), ("points", "control"))
    )
    pairs = [(a, b) for a, b in zip(expected, found, strict=True) if a and b]
    assert len(pairs) == live.ROUNDS + 1
    assert np.array(pairs)[:, 1] == pytest.approx(np.array(pairs)[:, 0], rel=0.04)
    assert expected[3] == pytest.approx(float(mixing_law(0.5, 3, kept)))


def test_it_opens_where_the_mixture_is_worse_and_one_step_changes_that():
    figure = live.figure()
    said = figure.first
    assert "2.42 times" in said["headline"]
    assert "hurt" in said["headline"]
    assert f"{100 * synthetic_share(0.5, 3):.0f}\u00a0%" in said["detail"]
    assert "help" in figure.scene(figure.start | {"rounds": 1}, figure.data)["headline"]
    whole = figure.scene(figure.start | {"kept": "accumulate"}, figure.data)
    assert "1.00 with the real part alone" in whole["headline"]
    assert len(json.dumps(figure.data)) < 150_000


def test_what_is_above_the_axis_is_a_gap():
    figure = live.figure()
    scene = figure.scene({"kept": "fixed", "share": 0.99, "rounds": 10}, figure.data)
    for panel in scene["panels"]:
        for mark in panel["marks"]:
            for value in mark.get("y", []) if isinstance(mark.get("y"), list) else []:
                assert value is None or value <= live.CAP
