"""Tiny models: what they read, and that seeds alone tell runs apart."""

import numpy as np
import pytest
import torch

from companion.scaling_laws.lab import trained
from companion.scaling_laws.lab.trained import (
    Recipe,
    final_loss,
    spread_windows,
    token_streams,
    train_seeds,
)
from companion.training import TrainingDiverged

SMALL = Recipe(steps=10, batch=2, seq=16, n_eval=4)


def test_books_are_held_out_whole():
    training, held_out = token_streams()
    assert 0.01 < len(held_out) / (len(training) + len(held_out)) < 0.15


def test_windows_are_spread_and_do_not_overlap():
    windows = spread_windows(torch.arange(100), 4, 10)
    assert windows[:, 0].tolist() == [0, 25, 50, 75]
    with pytest.raises(ValueError, match="11 windows of 10 tokens do not fit into 100"):
        spread_windows(torch.arange(100), 11, 10)


def test_a_run_is_its_seed():
    one, again, other = (final_loss((1, 16), seed, SMALL) for seed in (0, 0, 1))
    assert one == again
    assert one != other
    assert 0 < one < np.log(256) + 0.5


def test_a_run_that_diverges_is_counted(monkeypatch):
    def fails(*args, seed, **_):
        if seed == 1:
            raise TrainingDiverged("a loss is not finite")
        return original(*args, seed=seed, **_)

    original = trained.train
    monkeypatch.setattr(trained, "train", fails)
    table = train_seeds([(1, 16)], [0, 1], SMALL, progress=False)
    assert table["seed"].tolist() == [0, 1]
    assert table["loss"].isna().tolist() == [False, True]
