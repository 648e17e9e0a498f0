"""The authors' digits, their example notebooks, and the start in which nothing can be learned."""

from __future__ import annotations

import csv
from typing import NamedTuple

import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from companion.data import fetch
from companion.gaussian_rbf.lab.estimator import GaussianRBFClassifier, place_centers, scaler
from companion.gaussian_rbf.method.model import Fit, Recipe, Task, best_of, restarts
from companion.gaussian_rbf.method.precision import spectrum
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.settings import Settings
from companion.gaussian_rbf.sources import digits_3v8, load
from companion.scale import derive_seed

# ------------------------------------------------------------------------------------------- digits
FILE = "gaussian-rbf/authors_log_digits_3v8.csv"


class Split(NamedTuple):
    """Standardized digits: training X (249, 64), y (249, 1), test (108 rows), centers (4, 64)."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    centers: np.ndarray


class LogResult(NamedTuple):
    """Runs of the authors' example: objective every 50 epochs, (seeds, points)."""

    epochs: np.ndarray
    objective: np.ndarray
    train: np.ndarray
    test: np.ndarray
    share: np.ndarray
    fit: Fit
    split: Split


def split_digits(seed: int) -> Split:
    """70 % of digits 3 against 8 for training, as in the authors' example, with k-means centers."""
    table = digits_3v8()
    state = derive_seed(seed, "digits split") % 2**32
    X, X_test, y, y_test = train_test_split(
        table.X, table.y[:, None].astype(float), test_size=0.3, random_state=state
    )
    mean, spread = scaler(X)
    X, X_test = (X - mean) / spread, (X_test - mean) / spread
    return Split(X, y, X_test, y_test, place_centers(X, 4, state, n_init=10))


def authors_log() -> tuple[np.ndarray, np.ndarray]:
    """Epochs and losses that the authors' notebook printed, shapes (100,).

    Raises
    ------
    DataUnavailable : the file is not on this machine
    """
    with fetch(FILE).open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return (
        np.array([int(row["epoch"]) for row in rows]),
        np.array([float(row["train_loss"]) for row in rows]),
    )


def example(split: Split, seed: int) -> Task:
    """The authors' settings: 4 fixed centers, lambda_u = 0.01, lambda_w = 1e-5, start N(0, 1)."""
    return Task(
        split.X,
        split.y,
        split.centers,
        "binary",
        lam_u=1e-2,
        lam_w=1e-5,
        train_centers=False,
        seed=seed,
    )


def run_log(settings: Settings, seed: int) -> LogResult:
    """The authors' example, once per seed, each with a split of its own."""
    seeds = range(seed, seed + settings.log_seeds)
    splits = [split_digits(one) for one in seeds]
    tasks = [example(split, one) for split, one in zip(splits, seeds, strict=True)]
    fits = fit_many(tasks, Recipe(steps=settings.log_steps, patience=0, log_every=50))

    def accuracy(fit: Fit, X: np.ndarray, y: np.ndarray) -> float:
        return float(((fit.predict(X) > 0) == (y > 0)).mean())

    pairs = list(zip(fits, splits, strict=True))
    return LogResult(
        epochs=np.arange(len(fits[0].objective)) * 50,
        objective=np.array([fit.objective for fit in fits]),
        train=np.array([accuracy(fit, s.X, s.y) for fit, s in pairs]),
        test=np.array([accuracy(fit, s.X_test, s.y_test) for fit, s in pairs]),
        share=np.array([spectrum(fit.P).shares[0] for fit in fits]),
        fit=fits[0],
        split=splits[0],
    )


class DeadStart(NamedTuple):
    """Training curves by start scale and lambda_u.

    lams : (L,); loss, from_small : (L, steps + 1), data term from scale 1 and from 1/sqrt(D);
    wake, wake_small : (L,), first step whose data term is below 90 % of ln 2; nan, never
    peak : largest Gaussian at the start, in 64 bits, from scale 1; peak_small : from 1/sqrt(D)
    accuracy_small : training accuracy from the small start with lambda_u = 0, best restart
    """

    lams: np.ndarray
    loss: np.ndarray
    from_small: np.ndarray
    wake: np.ndarray
    wake_small: np.ndarray
    peak: float
    peak_small: float
    accuracy_small: float


def first_below(loss: np.ndarray, level: float) -> float:
    """First index with loss below `level`, nan if there is none."""
    below = np.flatnonzero(loss < level)
    return float(below[0]) if len(below) else np.nan


def run_dead_start(settings: Settings, seed: int) -> DeadStart:
    """Digits with every lambda_u from the authors' start and from a smaller one, in 64 bits.

    No other penalty, so that with lambda_u = 0 nothing but the data can move the network.
    """
    split, small = split_digits(seed), 64**-0.5
    common = {"kind": "binary", "lam_w": 0.0, "train_centers": False, "seed": seed}
    lams = settings.dead_lams
    tasks = [Task(split.X, split.y, split.centers, lam_u=lam, **common) for lam in lams]
    tries = [
        restarts(
            Task(split.X, split.y, split.centers, lam_u=lam, scale=small, **common),
            settings.restarts,
        )
        for lam in lams
    ]
    every = tasks + [task for group in tries for task in group]
    recipe = Recipe(steps=settings.dead_steps, patience=0, double=True, log_every=1)
    fits = fit_many(every, recipe)
    large, rest = fits[: len(lams)], fits[len(lams) :]
    n = settings.restarts
    best = [best_of(rest[i * n : (i + 1) * n]) for i in range(len(lams))]
    level = 0.9 * np.log(2)
    loss, from_small = (np.array([fit.history for fit in group]) for group in (large, best))
    unregularized = best[list(lams).index(0.0)]
    correct = (unregularized.predict(split.X) > 0) == (split.y > 0)
    return DeadStart(
        lams=np.array(lams),
        loss=loss,
        from_small=from_small,
        wake=np.array([first_below(row, level) for row in loss]),
        wake_small=np.array([first_below(row, level) for row in from_small]),
        peak=_peak(every[0]),
        peak_small=_peak(every[len(lams)]),
        accuracy_small=float(correct.mean()),
    )


def _peak(task: Task) -> float:
    """Largest Gaussian of a task's start."""
    from companion.gaussian_rbf.method.model import start

    U, _ = start(task)
    square = ((task.X @ U.T)[:, None] - (task.centers @ U.T)[None]) ** 2
    return float(np.exp(-0.5 * square.sum(2).min()))


# ----------------------------------------------------------------------------------------- examples
def run_examples(log: LogResult, seed: int) -> dict[str, tuple[float, float]]:
    """Training and test accuracy per example, keyed as ``tables.AUTHORS``.

    log : of ``run_log``, the digits example.  The draw behind the authors' two-feature example
    is not known: ours is another one, and its row compares the kind of problem, not a number.
    """
    wine = load("wine")
    rows = {"digits 3v8": (float(log.train.mean()), float(log.test.mean()))}
    rows["wine"] = _accuracies(
        wine.X,
        wine.y,
        seed,
        n_centers=3,
        alpha_precision=1e-4,
        alpha_weights=1e-6,
        alpha_centers=1e-6,
        max_iter=1500,
    )
    X, y = make_classification(
        400,
        2,
        n_informative=2,
        n_redundant=0,
        n_clusters_per_class=1,
        flip_y=0.1,
        random_state=derive_seed(seed, "two features") % 2**32,
    )
    rows["make_classification, 2 features"] = _accuracies(X, y, seed, n_centers=4)
    return rows


def _accuracies(X: np.ndarray, y: np.ndarray, seed: int, **options: object) -> tuple[float, float]:
    train, test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, random_state=seed, stratify=y
    )
    model = GaussianRBFClassifier(random_state=seed, **options).fit(train, y_train)
    return float(model.score(train, y_train)), float(model.score(test, y_test))
