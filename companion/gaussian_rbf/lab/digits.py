"""The authors' digits, their example notebooks, and the start in which nothing can be learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from companion.gaussian_rbf.lab.estimator import GaussianRBFClassifier, place_centers, scaler
from companion.gaussian_rbf.method.model import Fit, Recipe, Task, best_of, restarts, start
from companion.gaussian_rbf.method.precision import spectrum
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.sources import digits_3v8, load
from companion.scale import derive_seed


# ------------------------------------------------------------------------------------------- digits
@dataclass(frozen=True)
class Split:
    """Standardized digits: training X (249, 64), y (249, 1), test (108 rows), centers (4, 64)."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    centers: np.ndarray


@dataclass(frozen=True)
class LogResult:
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


def run_log(seeds: Sequence[int], steps: int) -> LogResult:
    """The authors' example, once per seed, each with a split of its own."""
    splits = [split_digits(one) for one in seeds]
    tasks = [example(split, one) for split, one in zip(splits, seeds, strict=True)]
    fits = fit_many(tasks, Recipe(steps=steps, patience=0, log_every=50))

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


EVERY = 5
"""Adam steps from one look at a dead start to the next."""


@dataclass(frozen=True)
class DeadStart:
    """Training curves by seed, start, and lambda_u.

    lams : (L,); steps : (S,), Adam steps that were looked at
    loss, from_small : (seeds, L, S), data term from scale 1 and from 1/sqrt(D)
    peak, peak_small : (seeds,), largest Gaussian at the start, in 64 bits
    accuracy_small : (seeds,), training accuracy from the small start with lambda_u = 0
    """

    lams: np.ndarray
    steps: np.ndarray
    loss: np.ndarray
    from_small: np.ndarray
    peak: np.ndarray
    peak_small: np.ndarray
    accuracy_small: np.ndarray

    @property
    def wake(self) -> np.ndarray:
        """First step whose data term is below 90 % of ln 2, (seeds, L); nan where none is."""
        below = self.loss < 0.9 * np.log(2)
        return np.where(below.any(axis=2), self.steps[below.argmax(axis=2)], np.nan)

    def at(self, lam: float) -> int:
        """The place of a weight."""
        return int(np.flatnonzero(self.lams == lam)[0])


def run_dead_start(
    seeds: Sequence[int], lams: Sequence[float], steps: int, n_restarts: int
) -> DeadStart:
    """Digits with every lambda_u from the authors' start and from a smaller one, in 64 bits.

    No other penalty, so that with lambda_u = 0 nothing but the data can move the network.
    n_restarts : of the small start, of which the lowest objective is kept
    """
    tasks, splits = [], [split_digits(seed) for seed in seeds]
    for seed, split in zip(seeds, splits, strict=True):
        common = {"kind": "binary", "lam_w": 0.0, "train_centers": False, "seed": seed}
        for lam in lams:
            tasks.append(Task(split.X, split.y, split.centers, lam_u=lam, **common))
            small = Task(split.X, split.y, split.centers, lam_u=lam, scale=64**-0.5, **common)
            tasks += restarts(small, n_restarts)
    every = fit_many(tasks, Recipe(steps=steps, patience=0, double=True, log_every=EVERY))
    per = 1 + n_restarts
    shape = len(seeds), len(lams)
    large = every[::per]
    best = [best_of(every[i + 1 : i + per]) for i in range(0, len(every), per)]
    at = list(lams).index(0.0)
    free = [best[i * len(lams) + at] for i in range(len(seeds))]
    right = [
        float(((fit.predict(split.X) > 0) == (split.y > 0)).mean())
        for fit, split in zip(free, splits, strict=True)
    ]
    firsts = range(0, len(tasks), per * len(lams))
    return DeadStart(
        np.array(lams),
        EVERY * np.arange(steps // EVERY + 1),
        np.array([fit.history for fit in large]).reshape(*shape, -1),
        np.array([fit.history for fit in best]).reshape(*shape, -1),
        np.array([_peak(tasks[i]) for i in firsts]),
        np.array([_peak(tasks[i + 1]) for i in firsts]),
        np.array(right),
    )


def _peak(task: Task) -> float:
    """Largest Gaussian of a task's start."""
    U, _ = start(task)
    square = ((task.X @ U.T)[:, None] - (task.centers @ U.T)[None]) ** 2
    return float(np.exp(-0.5 * square.sum(2).min()))


# ----------------------------------------------------------------------------------------- examples
def run_examples(log: LogResult, seed: int) -> dict[str, tuple[float, float]]:
    """Training and test accuracy per example, keyed as ``sources.AUTHORS``.

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
