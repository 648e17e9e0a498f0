"""The live figure's law is the layer's own reading."""

import numpy as np
import pytest
import torch

from companion.mamba3.lab import tracking
from companion.mamba3.lab.checks import empty_state
from companion.mamba3.method.mixing import mix
from companion.mamba3.page import live_rotor


def layer_contrast(bits, error, decay):
    """What the layer reads, with the sign of the true parity taken off: (strings, tokens + 1)."""
    moves = torch.cat([torch.zeros(len(bits), 1, dtype=torch.long), bits], dim=1)
    tokens = tracking.walk_tokens(moves, 2, error=error, decay=decay)
    y, _ = mix(tokens, empty_state(tokens), chunk=16, pairs="neighbors")
    return (y[:, :, 0, 0, 0] * (-1.0) ** moves.cumsum(1)).numpy()


@pytest.mark.parametrize(("error", "decay"), [(0.03, 1e-3), (0.0, 0.02), (0.1, 1e-5)])
def test_with_ones_only_it_is_the_layers_reading(error, decay):
    read = layer_contrast(torch.ones(1, 200, dtype=torch.long), error, decay)[0]
    law = live_rotor.contrast(error, 1.0, decay, np.arange(201))
    for part in ("mean", "low", "high"):
        np.testing.assert_allclose(law[part], read, atol=1e-9)


@pytest.mark.parametrize("ones", [0.5, 0.2])
def test_over_random_strings_mean_and_quantiles_are_the_layers(ones):
    error, decay, length, n = 0.06, 2e-3, 96, 2000
    draws = torch.rand(n, length, generator=torch.Generator().manual_seed(0))
    read = layer_contrast((draws < ones).long(), error, decay)[:, [10, 50, 96]]
    law = live_rotor.contrast(error, ones, decay, np.array([10, 50, 96]))
    standard = read.std(axis=0) / np.sqrt(n)
    assert (np.abs(law["mean"] - read.mean(axis=0)) < 4 * standard + 1e-12).all()
    for part, share in (("low", 0.1), ("high", 0.9)):
        below = (read < law[part] - 1e-9).mean(axis=0), (read <= law[part] + 1e-9).mean(axis=0)
        assert (below[0] - 0.02 <= share).all()
        assert (share <= below[1] + 0.02).all()


def test_right_answers_follow_from_the_contrast():
    law = live_rotor.contrast(0.01, 1.0, 1e-3, np.array([0, 157, 314]))
    expected = 1 / (1 + np.exp(-live_rotor.GAIN * law["mean"]))
    np.testing.assert_allclose(law["right"], expected, rtol=1e-12)


def test_it_opens_where_the_answers_are_wrong_and_mends():
    figure = live_rotor.figure()
    assert "worse than a coin" in figure.first["headline"]
    for better in ({"error": 0.0}, {"length": 128}):
        scene = figure.scene(figure.start | better, figure.data)
        assert "reliable" in scene["headline"], better
    assert "than a coin again" in figure.scene(figure.start | {"ones": 1.0}, {})["headline"]
