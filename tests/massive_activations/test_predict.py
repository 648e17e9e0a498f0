import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score

from companion.massive_activations.lab import predict, rivals
from companion.massive_activations.lab.predict import (
    FEATURES,
    LEVEL,
    NEIGHBORS,
    PLATEAU,
    REGRESSORS,
    XGBOOST,
    confounding,
    feature_table,
    leakage_null,
    left_out,
    level_targets,
    null_targets,
    random_split_r2,
    regressor,
    regressors,
    score_levels,
)
from companion.massive_activations.method.curve import DAMPED_LOG
from companion.massive_activations.sources import (
    ARCHITECTURES,
    Architecture,
    architecture,
    paper_models,
)

TABLE = feature_table()
X = TABLE[list(FEATURES)].to_numpy()


def rng(seed=0):
    return np.random.default_rng(seed)


def test_shapes_are_those_of_the_training_configurations(training_configurations):
    for row in training_configurations.itertuples():
        found = architecture(row.model)
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
    assert confounding() == pytest.approx(-0.99, abs=0.005)


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
    left_out(spy, codes[:, None], np.arange(188.0), TABLE.model)
    assert sorted(len(models) for models in spy.seen) == [8] * 9


def test_a_random_split_holds_out_a_fifth_of_the_rows():
    spy = Spy([])
    y = rng().standard_normal(188)
    rows = np.arange(188.0)[:, None]
    score = random_split_r2(spy, rows, y, rng(1))
    assert len(spy.seen[0]) == 150
    held_out = y[sorted({int(v) for v in rows[:, 0]} - {int(v) for v in spy.seen[0]})]
    assert score == pytest.approx(r2_score(held_out, np.zeros(38)))
    random_split_r2(spy, rows, y, rng(2))
    assert spy.seen[0] != spy.seen[1]


def test_a_random_split_leaks():
    leakage = leakage_null(40, rng())
    assert np.median(leakage.random) > 0.6
    assert np.median(leakage.grouped) < 0.2
    assert (leakage.random >= 0.847).mean() > 0.05


def test_leaving_a_model_out_finds_an_effect_that_is_there():
    real = leakage_null(10, rng(), name="ridge", architecture_effect=1.0)
    assert np.median(real.grouped) > 0.7


def test_where_rows_are_noise_nothing_leaks():
    loud = null_targets(TABLE, 10, rng(), noise=30.0)
    assert np.median([random_split_r2(regressor(NEIGHBORS), X, y, rng()) for y in loud.T]) < 0.2


def test_targets_have_no_architecture_effect():
    targets = null_targets(TABLE, 4000, rng(), noise=0.1)
    width = TABLE["log d"].to_numpy()
    model_means = np.stack([targets[TABLE.model == m].mean(axis=0) for m in TABLE.model.unique()])
    widths = [width[TABLE.model == m][0] for m in TABLE.model.unique()]
    slopes = np.polyfit(widths, model_means, 1)[0]
    assert abs(slopes.mean()) < 4 * slopes.std() / np.sqrt(slopes.size)
    # the bump is highest in the middle and common to all models
    middle = targets[(TABLE["l/L"] == 0.5).to_numpy()].mean()
    assert middle - targets[(TABLE["l/L"] == 1.0).to_numpy()].mean() > 0.5


def test_scoring_all_draws_at_once_is_scoring_each():
    targets = null_targets(TABLE, 3, rng())
    model = regressor("nearest neighbors")
    together, _ = left_out(model, X, targets, TABLE.model)
    single = [left_out(model, X, y, TABLE.model)[0] for y in targets.T]
    assert together == pytest.approx(single)


@pytest.mark.parametrize("name", regressors())
def test_every_regressor_leaks_on_smooth_targets(name):
    level = TABLE.model.factorize()[0] % 3
    y = level + 0.1 * rng().standard_normal(188)
    assert random_split_r2(regressor(name), X, y, rng(3)) > 0.1


def test_without_xgboost_the_others_are_left(monkeypatch):
    monkeypatch.setattr(predict, "find_spec", lambda name: None)
    assert regressors() == tuple(name for name in REGRESSORS if name != XGBOOST)
    with pytest.raises(ValueError, match="choose one of ridge, lasso"):
        regressor("trees")


@pytest.fixture(scope="module")
def levels(excerpt):
    """From the fits of eq. 9, which are all that counts: its rivals are not fitted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rivals, "CURVES", (DAMPED_LOG,))
        return level_targets(excerpt, rivals.fit_layers(excerpt))


def test_every_layer_has_a_plateau_and_a_last_ratio(excerpt, levels):
    assert len(levels) == 34
    for target in (PLATEAU, LEVEL):
        assert levels[target].mean() == pytest.approx(0, abs=1e-9)
        assert levels[target].std(ddof=0) == pytest.approx(1)
    last = excerpt[(excerpt.model == "pythia-1b") & (excerpt.step == 100_000)]
    ours = levels[levels.model == "pythia-1b"]
    assert (np.argsort(last.ratio.to_numpy()) == np.argsort(ours[LEVEL].to_numpy())).all()


def test_what_depth_and_width_decide_is_predicted_for_a_model_left_out(monkeypatch):
    monkeypatch.setattr(predict, "regressors", lambda: ("ridge", NEIGHBORS))  # forests take long
    shapes = paper_models()
    table = feature_table(shapes)
    made = table[["model", "layer"]].assign(
        **{PLATEAU: table["log d"], LEVEL: rng().standard_normal(188)}
    )
    made[PLATEAU] = (made[PLATEAU] - made[PLATEAU].mean()) / made[PLATEAU].std(ddof=0)
    found = score_levels(made, 3, rng(1))
    assert [list(by) for by in found.values()] == [["ridge", NEIGHBORS]] * 2
    good, bad = found[PLATEAU]["ridge"], found[LEVEL]["ridge"]
    assert good.grouped > 0.9 > 0.2 > bad.grouped
    assert good.by_model.shape == (9,)
    sizes = table.groupby("model", sort=False).size().to_numpy()
    assert np.average(good.by_model, weights=sizes) == pytest.approx(good.grouped, abs=1e-6)


def test_a_table_of_our_own_models():
    table = feature_table([Architecture("mini", 2, 64, 4, 256, 1e-3)])
    assert list(table.layer) == [1, 2]
    assert table["H/d"].iloc[0] == 1 / 16
    with pytest.raises(ValueError, match="unknown model 'pythia-3b'; known are pythia-14m"):
        architecture("pythia-3b")
