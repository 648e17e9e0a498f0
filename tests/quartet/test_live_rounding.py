"""The live figure's arithmetic is that of the chapter's quantizers."""

import numpy as np
import pytest
import torch

from companion.quartet.method.quantizers import quantize
from companion.quartet.page import exercises, live_rounding

DATA = live_rounding.page_data()
SIZES = (0.0, 0.3, 0.9, 1.4)


@pytest.mark.parametrize("row", live_rounding.ROWS)
@pytest.mark.parametrize("size", SIZES)
def test_every_scheme_is_the_method(row, size):
    x = np.array(DATA["rows"][row]) * 2.0**size
    absmax, quest = live_rounding.scales(x, 0)
    given = torch.tensor(x, dtype=torch.float32)
    for name, scale in (("RTN", absmax), ("QuEST", quest)):
        theirs = quantize(given, name)
        assert theirs.scale.item() == pytest.approx(scale, rel=1e-6)
        ours = live_rounding.on_grid(x, scale)
        assert ours == pytest.approx(theirs.values.numpy(), rel=1e-5), name
    for draws in DATA["draws"][:3]:
        uniform = torch.tensor(draws)
        theirs = quantize(given, "SR", uniform=uniform.clone()).values
        assert live_rounding.on_grid(x, absmax, np.array(draws)) == pytest.approx(
            theirs.numpy(), rel=1e-5
        )


def test_it_opens_where_chance_is_worst_and_averaging_mends_it():
    figure = live_rounding.figure()
    assert "RTN is closest" in figure.first["headline"]
    later = figure.scene(figure.start | {"draws": 64}, figure.data)
    assert "The mean of 64 draws: SR is closest" in later["headline"]


def test_a_scale_too_small_clips_and_one_too_large_is_coarse():
    figure = live_rounding.figure()

    def errors(**changed):
        panel = figure.scene(figure.start | changed, figure.data)["panels"][1]
        return panel["marks"][0]["y"]

    assert errors(shift=-2) > 4 * errors()
    assert errors(shift=2) > 4 * errors()


def test_a_rotation_spreads_the_outlier():
    spiked, turned = (np.array(DATA["rows"][row]) for row in ("outlier", "rotated"))
    assert np.linalg.norm(spiked) == pytest.approx(np.linalg.norm(turned), rel=1e-4)
    assert np.abs(turned).max() < 0.5 * np.abs(spiked).max()


def test_the_exercise_reads_the_figure():
    at = exercises.first_better()
    figure = live_rounding.figure()
    for draws, closest in ((at - 1, "RTN"), (at, "SR")):
        scene = figure.scene(figure.start | {"draws": draws}, figure.data)
        assert f"{closest} is closest" in scene["headline"]
