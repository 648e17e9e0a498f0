import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score

from companion.massive_activations.lab.predict import (
    FEATURES,
    REGRESSORS,
    compare_splits,
    confounding,
    feature_table,
    leakage_by_regressor,
    leakage_null,
    leave_one_model_out_r2,
    null_targets,
    random_split_r2,
    regressor,
)
from companion.massive_activations.sources import (
    ARCHITECTURES,
    TABLE_3,
    Architecture,
    architecture,
    architecture_frame,
    paper_models,
)
from companion.massive_activations.verdict.evidence import leaking_split

TABLE = feature_table()
X = TABLE[list(FEATURES)].to_numpy()


def rng(seed=0):
    return np.random.default_rng(seed)


def test_shapes_are_those_of_the_training_configurations(training_configurations):
    ours = architecture_frame().set_index("model")
    for row in training_configurations.itertuples():
        found = ours.loc[row.model]
        assert (found.layers, found.width, found.heads) == (row.layers, row.hidden_size, row.heads)
        assert (found.mlp_width, found.peak_lr) == (row.mlp_size, row.lr_max)
        assert found.in_paper == row.in_paper


def test_the_table_has_a_row_per_layer_of_nine_models():
    assert len(ARCHITECTURES) == 10
    assert X.shape == (188, 10)
    assert TABLE.groupby("model").size().sum() == sum(row.layers for row in paper_models())
    assert set(TABLE["d_ff/d"]) == {4.0}
    assert set(TABLE["H/d"]) == {1 / 32, 1 / 64, 1 / 80, 1 / 128, 1 / 256}
    # a feature of the architecture cannot take more values than there are models
    assert TABLE[["H/d", "d/L", "H/L", "log d"]].nunique().max() <= 9


def test_one_row_by_hand():
    row = TABLE[(TABLE.model == "pythia-160m") & (TABLE.layer == 3)].iloc[0]
    expected = [0.25, 0.0625, 0.015625, 0.5, 12 / 768, 4, 64, 1, np.log(768), 36]
    assert row[list(FEATURES)].to_numpy(dtype=float) == pytest.approx(expected)


def test_confounding_of_the_specification():
    found = confounding()
    assert found["width and peak learning rate"] == pytest.approx(-0.99, abs=0.005)
    assert found["width and H/d"] == pytest.approx(-0.78, abs=0.005)


class Spy(RegressorMixin, BaseEstimator):
    """Predicts zero and remembers, in a list shared by its clones, what it was fitted on."""

    def __init__(self, seen=None):
        self.seen = seen

    def __sklearn_clone__(self):
        return self

    def fit(self, X, y):
        self.seen.append({float(v) for v in X[:, 0]})
        return self

    def predict(self, X):
        assert not self.seen[-1] & {float(v) for v in X[:, 0]}, "trained on what it is tested on"
        return np.zeros(len(X))


def test_no_model_is_on_both_sides_when_it_is_left_out():
    codes = TABLE.model.factorize()[0].astype(float)
    spy = Spy([])
    leave_one_model_out_r2(spy, codes[:, None], np.arange(188.0), TABLE.model)
    assert sorted(len(models) for models in spy.seen) == [8] * 9


def test_a_random_split_holds_out_a_fifth_of_the_rows():
    spy = Spy([])
    y = rng().standard_normal(188)
    rows = np.arange(188.0)[:, None]
    score = random_split_r2(spy, rows, y, rng=rng(1))
    assert len(spy.seen[0]) == 150
    held_out = y[sorted({int(v) for v in rows[:, 0]} - {int(v) for v in spy.seen[0]})]
    assert score == pytest.approx(r2_score(held_out, np.zeros(38)))
    random_split_r2(spy, rows, y, rng=rng(2))
    assert spy.seen[0] != spy.seen[1]


def test_a_random_split_leaks():
    leakage = leakage_null(40, rng=rng())
    found = leaking_split(leakage, rng=rng(1), paper_r2=TABLE_3["xgboost"]["K"])
    assert found["median R2, random split"].low > 0.6
    assert found["median R2, model left out"].high < 0.2
    assert found["share of draws at least as good as the paper"].estimate > 0.05


def test_leaving_a_model_out_finds_an_effect_that_is_there():
    real = leakage_null(10, rng=rng(), name="ridge", architecture_effect=1.0)
    assert np.median(real.grouped) > 0.7


def test_where_rows_are_noise_nothing_leaks():
    loud = leakage_null(10, rng=rng(), noise=30.0)
    assert np.median(loud.random) < 0.2


def test_targets_have_no_architecture_effect():
    targets = null_targets(TABLE, 4000, rng=rng(), noise=0.1)
    width = TABLE["log d"].to_numpy()
    model_means = np.stack([targets[TABLE.model == m].mean(axis=0) for m in TABLE.model.unique()])
    widths = [width[TABLE.model == m][0] for m in TABLE.model.unique()]
    slopes = np.polyfit(widths, model_means, 1)[0]
    assert abs(slopes.mean()) < 4 * slopes.std() / np.sqrt(slopes.size)
    # the bump is highest in the middle and common to all models
    middle = targets[(TABLE["l/L"] == 0.5).to_numpy()].mean()
    assert middle - targets[(TABLE["l/L"] == 1.0).to_numpy()].mean() > 0.5


def test_scoring_all_draws_at_once_is_scoring_each():
    targets = null_targets(TABLE, 3, rng=rng())
    model = regressor("nearest neighbors")
    together = leave_one_model_out_r2(model, X, targets, TABLE.model)
    single = [leave_one_model_out_r2(model, X, y, TABLE.model) for y in targets.T]
    assert together == pytest.approx(single)


def test_regressors_share_targets_and_splits():
    both = leakage_by_regressor(2, rng=rng(), names=("ridge", "nearest neighbors"))
    alone = leakage_by_regressor(2, rng=rng(), names=("nearest neighbors",))
    assert np.array_equal(both["nearest neighbors"].random, alone["nearest neighbors"].random)


@pytest.mark.parametrize("name", REGRESSORS)
def test_every_regressor_leaks_on_smooth_targets(name):
    level = TABLE.model.factorize()[0] % 3
    y = level + 0.1 * rng().standard_normal(188)
    assert random_split_r2(regressor(name), X, y, rng=rng(3)) > 0.1


def test_transforms_are_undone_before_scoring():
    y = np.exp(2 * X[:, 0])  # positive, smooth in depth
    for transform in ("log1p", "yeo-johnson"):
        model = regressor("ridge", transform=transform).fit(X, y)
        assert model.predict(X) == pytest.approx(y, rel=0.1)
    with pytest.raises(ValueError, match="unknown transform 'log'"):
        regressor("ridge", transform="log")
    with pytest.raises(ValueError, match="choose one of ridge, lasso"):
        regressor("xgboost")


def test_comparing_splits_on_one_target():
    y = null_targets(TABLE, 1, rng=rng())[:, 0]
    found = compare_splits(TABLE, y, "nearest neighbors", rng=rng(1))
    assert found.random_r2 > 0.6 > found.grouped_r2
    assert found.excess_error.estimate > 0
    assert found.excess_error.n == 9
    with pytest.raises(ValueError, match="188 finite values"):
        compare_splits(TABLE, y[:5], "ridge", rng=rng())


def test_a_table_of_our_own_models():
    table = feature_table([Architecture("mini", 2, 64, 4, 256, 1e-3)])
    assert list(table.layer) == [1, 2]
    assert table["H/d"].iloc[0] == 1 / 16
    with pytest.raises(ValueError, match="unknown model 'pythia-3b'; known are pythia-14m"):
        architecture("pythia-3b")
