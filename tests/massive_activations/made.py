"""Runs and interventions made by hand, so that every statistic has a known answer."""

import numpy as np

from companion.massive_activations.lab.mini_runs import MiniRun
from companion.massive_activations.lab.minis import Mini
from companion.massive_activations.lab.real_model import Intervention, Location
from companion.massive_activations.method.measure import Measurement

STEPS = np.array([0, 1, 2, 4, 8, 16, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300])


def mini_run(ratio, *, median=None, seed=0, arm="base", steps=STEPS, **shape):
    """A run whose series are given: `ratio` and `median` of shape (n_checkpoints, n_layers)."""
    ratio = np.asarray(ratio, dtype=float)
    median = np.ones_like(ratio) if median is None else np.asarray(median, dtype=float)
    place = np.zeros((1, ratio.shape[1]), dtype=int)
    measurements = tuple(
        Measurement((r * m)[None], (r * m)[None] * 0.9, (r * m)[None] * 0.8, m[None], place, place)
        for r, m in zip(ratio, median, strict=True)
    )
    mini = Mini(arm=arm, seed=seed, n_layers=ratio.shape[1], **shape)
    return MiniRun(mini, np.asarray(steps), measurements, {}, np.zeros(0))


def rising(final, n_layers=3, start=5.0):
    """Ratios that rise smoothly from `start` to `final`, alike in all layers."""
    values = start + (final - start) * np.log1p(STEPS / 20) / np.log1p(STEPS[-1] / 20)
    return np.repeat(values[:, None], n_layers, axis=1)


def intervention(zero, mean, control):
    """Log perplexity ratios per text: arrays of one length."""
    base = np.full(len(zero), 3.0)
    where = Location(12, (507,), ((0,),) * len(zero), (np.full((1, 1), 22_000.0),) * len(zero))
    changed = {"zero": base + zero, "mean": base + mean, "control": base + control}
    return Intervention(where, base, changed, (1,))
