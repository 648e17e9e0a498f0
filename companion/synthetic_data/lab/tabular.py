"""Laboratory C: real data, whose labels are written again by the model that learned them.

Logistic regression with a weak ridge (so that separable classes have a solution).  Inputs are
real throughout; generation k learns from the original training set in which a random share s of
the labels was drawn from generation k - 1.  The truth is unknown here, so calibration is measured
by kernel smoothing and always compared with s = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from companion.scale import generator
from companion.synthetic_data.method.calibration import sharpen, smooth_error

DATASETS = ("diabetes", "breast cancer", "digits")
RIDGE = 100.0
"""Inverse strength of the penalty (scikit-learn's C)."""

SCORES = ("accuracy", "loss", "error", "over")


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and classes of a data set that ships with scikit-learn.

    Diabetes is made binary: progression after a year above 100.

    Raises
    ------
    ValueError : an unknown name
    """
    if name == "diabetes":
        x, y = load_diabetes(return_X_y=True)
        return x, (y > 100).astype(int)
    if name == "breast cancer":
        return load_breast_cancer(return_X_y=True)
    if name == "digits":
        return load_digits(return_X_y=True)
    raise ValueError(f"unknown data set {name!r}; choose one of {', '.join(DATASETS)}")


@dataclass(frozen=True)
class Regenerated:
    """One data set and temperature over random splits.

    scores : name -> (K + 1, n_s, n_splits): accuracy, log loss (nats), smooth calibration error,
        mean confidence minus accuracy
    real_only : name -> (n_s, n_splits): the (1 - s) share of true labels alone, fitted to
        convergence as all models here are, so it is matched in computation as well
    """

    name: str
    temperature: float
    shares: np.ndarray
    scores: dict[str, np.ndarray]
    real_only: dict[str, np.ndarray]


def regenerate(
    name: str,
    temperature: float,
    shares: Sequence[float],
    n_splits: int,
    seed: int,
    generations: int = 3,
) -> Regenerated:
    """The label loop on random halves."""
    x, y = load(name)
    shape = (generations + 1, len(shares), n_splits)
    scores = {score: np.empty(shape) for score in SCORES}
    alone = {score: np.empty(shape[1:]) for score in SCORES}
    for split in range(n_splits):
        rng = generator(seed, "tabular", name, split)  # the same splits at every temperature
        order = rng.permutation(len(y))
        train, test = order[: len(y) // 2], order[len(y) // 2 :]
        scaler = StandardScaler().fit(x[train])
        inputs, other = scaler.transform(x[train]), scaler.transform(x[test])
        base = fitted(inputs, y[train])
        for i, s in enumerate(shares):
            model = base
            _note(scores, (0, i, split), model, other, y[test])
            part = generator(seed, "part", name, split, f"{s:.3f}")
            chosen = part.permutation(len(train))[: round(s * len(train))]
            rest = np.setdiff1d(np.arange(len(train)), chosen)
            model_alone = fitted(inputs[rest], y[train][rest]) if len(chosen) else base
            _note(alone, (i, split), model_alone, other, y[test])
            for k in range(1, generations + 1):
                chance = generator(seed, "labels", name, split, f"{s:.3f}", k)
                labels = rewritten(model, inputs, y[train], chosen, temperature, chance)
                model = fitted(inputs, labels) if len(chosen) else base
                _note(scores, (k, i, split), model, other, y[test])
                part = generator(seed, "part", name, split, f"{s:.3f}", k)
                chosen = part.permutation(len(train))[: round(s * len(train))]
    return Regenerated(name, temperature, np.asarray(shares, float), scores, alone)


def fitted(x: np.ndarray, y: np.ndarray) -> LogisticRegression:
    """Logistic regression with the weak ridge."""
    return LogisticRegression(C=RIDGE, max_iter=300, tol=1e-4).fit(x, y)


def rewritten(
    model: LogisticRegression,
    x: np.ndarray,
    y: np.ndarray,
    chosen: np.ndarray,
    temperature: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """The labels `y` with those at `chosen` drawn from the model at a temperature."""
    labels = y.copy()
    if len(chosen):
        law = np.cumsum(sharpen(model.predict_proba(x[chosen]), temperature), axis=1)
        # the last edge is one up to rounding; never step beyond it
        place = (rng.random((len(chosen), 1)) > law[:, :-1]).sum(axis=1)
        labels[chosen] = model.classes_[place]
    return labels


def _note(into: dict, at: tuple, model: LogisticRegression, x: np.ndarray, y: np.ndarray) -> None:
    law = model.predict_proba(x)
    right = model.classes_[law.argmax(1)] == y
    column = np.searchsorted(model.classes_, y)
    known = (column < len(model.classes_)) & (
        model.classes_[np.minimum(column, len(model.classes_) - 1)] == y
    )
    given = np.where(known, law[np.arange(len(y)), np.minimum(column, law.shape[1] - 1)], 0)
    into["accuracy"][at] = right.mean()
    into["loss"][at] = -np.log(np.maximum(given, 1e-6)).mean()  # capped where a class is lost
    into["error"][at] = smooth_error(law.max(1), right.astype(float))
    into["over"][at] = law.max(1).mean() - right.mean()
