"""The chapter's four explorers; everything they show is computed once and kept."""

from __future__ import annotations

from functools import cache

import numpy as np

from companion.explore import Explorer, explorer
from companion.gaussian_rbf.lab.digits import first_below, split_digits
from companion.gaussian_rbf.lab.estimator import place_centers
from companion.gaussian_rbf.lab.reduction import Reading, read_tables, table_task
from companion.gaussian_rbf.lab.rivals import r2_or_accuracy
from companion.gaussian_rbf.method.model import (
    DIAGONAL,
    FULL,
    Fit,
    Recipe,
    Task,
    best_of,
    restarts,
    start,
)
from companion.gaussian_rbf.method.precision import spectrum
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.page import figures
from companion.gaussian_rbf.settings import PRESETS
from companion.gaussian_rbf.sources import load
from companion.scale import generator

PATH_TABLES = ("wine", "diabetes")
PATH_LAMS = (1e-4, 1e-2, 0.1, 0.3, 1.0)

NAMES = {
    "wine": [
        "alcohol",
        "malic acid",
        "ash",
        "alcalinity",
        "magnesium",
        "phenols",
        "flavanoids",
        "other phenols",
        "proanthocyanins",
        "color",
        "hue",
        "OD280",
        "proline",
    ],
    "diabetes": ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"],
}


def names(table: str, n: int) -> list[str]:
    """Short feature names; numbers where there are none."""
    return NAMES.get(table, [f"feature {j + 1}" for j in range(n)])


@cache
def _path(table: str) -> tuple[dict[float, Fit], np.ndarray, np.ndarray]:
    """All fits of a table's path in one batch: the same centers and starts for each lambda_u."""
    from dataclasses import replace

    data = load(table)
    task, _ = table_task(data, np.arange(len(data.y)), 0)
    tries = [restarts(replace(task, lam_u=lam), 2) for lam in PATH_LAMS]
    fits = fit_many([one for group in tries for one in group], Recipe(steps=800, patience=0))
    best = {lam: best_of(fits[2 * i : 2 * i + 2]) for i, lam in enumerate(PATH_LAMS)}
    return best, task.X, data.y


def path_explorer() -> Explorer:
    """Table and lambda_u: contour, spectrum, importance; 10 frames."""

    def draw(table: str, lam: float):
        fits, X, y = _path(table)
        fit = fits[lam]
        return figures.path_frame(fit, X, y, names(table, X.shape[1]), f"{table}, λ_u = {lam:g}")

    def alt(table: str, lam: float) -> str:
        fit = _path(table)[0][lam]
        shares = spectrum(fit.P).shares
        return (
            f"{table}, penalty {lam:g}: first two shares of the spectrum {shares[0]:.2f} and "
            f"{shares[1]:.2f}, data term {fit.data_loss:.3f} nats."
        )

    return explorer(
        draw,
        name="grbf-path",
        alt=alt,
        labels={"table": "table", "lam": "λ_u"},
        show={"lam": lambda lam: f"{lam:g}"},
        start={"table": "wine", "lam": 1e-2},
        table=PATH_TABLES,
        lam=PATH_LAMS,
    )


@cache
def _turned(angle: float) -> tuple:
    """A ridge of one direction in two features, turned by `angle` degrees, and two fits."""
    rng = generator(0, "turned ridge")
    X, X_test = rng.standard_normal((150, 2)), rng.standard_normal((1000, 2))
    direction = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    y, y_test = np.sin(2.5 * X @ direction), np.sin(2.5 * X_test @ direction)
    y = y + 0.1 * rng.standard_normal(len(y))
    centers = place_centers(X, 8, 0)
    made = [
        task
        for structure in (DIAGONAL, FULL)
        for task in restarts(
            Task(X, y[:, None], centers, structure=structure, lam_u=0.03, scale=0.5), 3
        )
    ]
    fits = fit_many(made, Recipe(steps=600, patience=0))
    best = {DIAGONAL: best_of(fits[:3]), FULL: best_of(fits[3:])}
    r2 = {name: r2_or_accuracy(f.predict(X_test)[:, 0], y_test, True) for name, f in best.items()}
    return X, y, best, r2


def _ellipse(P: np.ndarray) -> np.ndarray:
    """Points at distance one in the metric P, shape (2, 100), cut at the frame."""
    circle = np.linspace(0, 2 * np.pi, 100)
    values, vectors = spectrum(P)
    length = 1 / np.sqrt(np.maximum(values, 1e-2))
    return vectors @ (length[:, None] * np.stack([np.cos(circle), np.sin(circle)]))


def rotation_explorer() -> Explorer:
    """Turn a ridge in two dimensions: diagonal against full precision; 5 frames."""
    grid = np.linspace(-3, 3, 50)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)

    def draw(angle: float):
        X, y, fits, r2 = _turned(angle)
        surfaces = {name: f.predict(points)[:, 0].reshape(50, 50) for name, f in fits.items()}
        ellipses = {name: _ellipse(f.P) for name, f in fits.items()}
        return figures.rotated_frame(X, y, grid, surfaces, ellipses, r2, angle)

    def alt(angle: float) -> str:
        r2 = _turned(angle)[3]
        return (
            f"Ridge turned by {angle:g} degrees: test R2 {r2[DIAGONAL]:.2f} with a diagonal "
            f"and {r2[FULL]:.2f} with a full precision."
        )

    return explorer(
        draw,
        name="grbf-rotate",
        alt=alt,
        labels={"angle": "angle"},
        show={"angle": lambda angle: f"{angle:g}°"},
        start={"angle": 45},
        angle=(0, 20, 45, 70, 90),
    )


START_SCALES = (0.125, 0.5, 1.0)
START_LAMS = (0.0, 1e-4, 1e-2)


@cache
def _starts() -> dict[tuple[float, float], tuple[Fit, float]]:
    """Digits from every start with every penalty, 500 steps, in one batch."""
    split = split_digits(0)
    keys = [(scale, lam) for scale in START_SCALES for lam in START_LAMS]
    tasks = [
        Task(
            split.X,
            split.y,
            split.centers,
            "binary",
            lam_u=lam,
            lam_w=0.0,
            scale=scale,
            train_centers=False,
        )
        for scale, lam in keys
    ]
    fits = fit_many(tasks, Recipe(steps=500, patience=0, log_every=1))
    found = {}
    for key, task, fit in zip(keys, tasks, fits, strict=True):
        U, _ = start(task)
        square = ((task.X @ U.T)[:, None] - (task.centers @ U.T)[None]) ** 2
        found[key] = fit, float(np.exp(-0.5 * square.sum(2).min()))
    return found


def start_explorer() -> Explorer:
    """Start scale and penalty on digits: does the network wake up, and when; 9 frames."""

    def draw(scale: float, lam: float):
        fit, peak = _starts()[scale, lam]
        return figures.start_frame(fit.history, lam, scale, peak)

    def alt(scale: float, lam: float) -> str:
        fit, peak = _starts()[scale, lam]
        step = first_below(fit.history, 0.9 * np.log(2))
        woke = "never wakes up" if np.isnan(step) else f"wakes up at step {step:.0f}"
        return (
            f"Start scale {scale:g}, penalty {lam:g}: largest Gaussian at the start {peak:.0e}, "
            f"the network {woke}."
        )

    return explorer(
        draw,
        name="grbf-start",
        alt=alt,
        labels={"scale": "start scale", "lam": "λ_u"},
        show={"scale": lambda s: f"{s:g}", "lam": lambda lam: f"{lam:g}"},
        start={"scale": 1.0, "lam": 0.0},
        scale=START_SCALES,
        lam=START_LAMS,
    )


FORMULA_TABLES = ("wine", "Friedman 1")


@cache
def _readings() -> dict[str, tuple[Reading, dict[str, np.ndarray]]]:
    """Each table with the three formulas and permutation importance on the training rows."""
    found = {}
    for one in read_tables(FORMULA_TABLES, PRESETS["toy"], 0):
        shares = dict(one.importances)
        shares["permutation"] = permuted(one, generator(0, "permutation", one.table.name))
        found[one.table.name] = one, shares
    return found


def permuted(reading: Reading, rng: np.random.Generator, repeats: int = 5) -> np.ndarray:
    """Share of the rise of the mean squared change of the outputs, per shuffled feature."""
    fit, X = reading.fit, reading.X
    before = fit.predict(X)
    change = np.zeros(X.shape[1])
    for j in range(X.shape[1]):
        for _ in range(repeats):
            moved = X.copy()
            moved[:, j] = rng.permutation(moved[:, j])
            change[j] += np.mean((fit.predict(moved) - before) ** 2)
    return change / change.sum()


def formula_explorer() -> Explorer:
    """Table and importance formula; 8 frames."""

    def pieces(table: str, formula: str) -> tuple[np.ndarray, list[str]]:
        one, shares = _readings()[table]
        return shares[formula], names(table, one.X.shape[1])

    def alt(table: str, formula: str) -> str:
        shares, label = pieces(table, formula)
        top = np.argsort(-shares)[:3]
        return f"{table} by {formula}: " + ", ".join(f"{label[j]} {shares[j]:.2f}" for j in top)

    return explorer(
        lambda table, formula: figures.formula_frame(
            *pieces(table, formula), f"{table}: {formula}"
        ),
        name="grbf-formula",
        alt=alt,
        labels={"table": "table", "formula": "formula"},
        start={"table": "Friedman 1", "formula": "|V| gamma"},
        table=FORMULA_TABLES,
        formula=("|V| gamma", "diag P", "diag AGOP", "permutation"),
    )
