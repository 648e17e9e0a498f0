"""Ratios of processor times in one process, with floors that a loaded machine keeps, too."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from companion.scale import generator
from companion.synthetic_data.method.calibration import N_BINS, calibration, fit_temperature
from tests.clock import quickest

pytestmark = pytest.mark.bench


def by_bins(confidence, correct):
    """Expected calibration error as Guo et al. (2017) write it: bin after bin."""
    edges = np.linspace(0, 1, N_BINS + 1)
    error = 0.0
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap = np.abs(confidence[inside].mean() - correct[inside].mean())
            error += gap * inside.mean()
    return error


def test_the_calibration_error_in_one_pass(ratio):
    rng = generator(0, "bench")
    confidence = rng.random(200_000)
    correct = (rng.random(confidence.size) < confidence**2).astype(float)
    weight = np.ones(confidence.size)
    ours = calibration(confidence, correct, weight)
    assert ours.error == pytest.approx(by_bins(confidence, correct), abs=1e-9)
    took, slow = quickest(
        partial(calibration, confidence, correct, weight), partial(by_bins, confidence, correct)
    )
    ratio("synthetic-data", "calibration error bin by bin / in one pass", slow / took, least=3)


def one_by_one(laws, held_out):
    """A bounded search for each model, as temperature scaling is usually written."""

    def loss(log_t, law, counts):
        z = np.log(law) / np.exp(log_t)
        z -= z.max(-1, keepdims=True)
        return -(counts * (z - np.log(np.exp(z).sum(-1, keepdims=True)))).sum()

    found = [
        minimize_scalar(loss, bounds=np.log([0.05, 20]), args=pair, method="bounded").x
        for pair in zip(laws, held_out, strict=True)
    ]
    return np.exp(found)


def test_temperatures_in_a_stack(ratio):
    rng = generator(0, "bench")
    laws = rng.dirichlet(np.ones(8), (200, 16))
    counts = np.stack(
        [rng.multinomial(50, law**0.7 / (law**0.7).sum(-1, keepdims=True)) for law in laws]
    )
    counts = counts.astype(float)
    np.testing.assert_allclose(fit_temperature(laws, counts), one_by_one(laws, counts), rtol=1e-3)
    took, slow = quickest(
        partial(fit_temperature, laws, counts), partial(one_by_one, laws, counts), repeats=3
    )
    ratio("synthetic-data", "200 temperatures one by one / in a stack", slow / took, least=2.5)
