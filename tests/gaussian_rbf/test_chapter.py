"""Claims, findings, figures, tables and the explorer of a whole small run."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from companion import data
from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    NOT_TESTED,
    ClaimFailed,
    check,
)
from companion.gaussian_rbf import sources
from companion.gaussian_rbf.lab import digits, rivals
from companion.gaussian_rbf.lab import nested as nested_module
from companion.gaussian_rbf.lab import run as lab
from companion.gaussian_rbf.lab.nested import OURS, Nested, corrected_interval, ranks
from companion.gaussian_rbf.lab.penalties import LEAST, Surface, effects, eta_squared, log_loss
from companion.gaussian_rbf.lab.reduction import without_a_digit
from companion.gaussian_rbf.lab.speed import as_published, bench_tasks
from companion.gaussian_rbf.method.model import Fit, Recipe
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.page import exercises, explorers, figures, tables
from companion.gaussian_rbf.settings import PRESETS
from companion.gaussian_rbf.verdict import series, verdicts
from companion.scale import SCALES
from tests.gaussian_rbf import borders


def plain(value):
    return json.loads(json.dumps(value, default=lambda v: np.asarray(v).tolist()))


@pytest.mark.parametrize("scale", SCALES)
def test_every_claim_has_one_finding_at_every_scale(results, scale):
    found = {f.claim: f.verdict for f in verdicts.evaluate(results, scale)}
    assert list(found) == [f"C{i}" for i in range(1, 13)]
    assert found["C8"] == HOLDS
    if scale == "toy":
        assert {found[name] for name in ("C1", "C5", "C6", "C10", "C11", "C12")} == {NOT_TESTED}


def test_six_claims_are_the_papers():
    ours = [claim.id for claim in verdicts.claims if claim.of == "ours"]
    assert ours == ["C2", "C7", "C8", "C9", "C10", "C12"]


def test_what_is_missing_is_not_tested_with_its_reason():
    missing = data.Missing("install something")
    bare = SimpleNamespace(**dict.fromkeys(vars(borders.results()), missing))
    found = verdicts.evaluate(bare, "book")
    assert {f.verdict for f in found} == {NOT_TESTED}
    assert {f.note for f in found} == {"install something"}
    check(found, verdicts.claims)
    assert series(bare) == {}


def test_series_fit_into_a_record(results):
    assert len(json.dumps(plain(series(results)))) < 40_000
    made = series(borders.results(nested=borders.nested(), ridges=borders.ridges()))
    assert set(made["ranks"]["model"]) == {"GRBFNN", *borders.RIVALS}
    assert set(made["medians"]["plane"]) == {"rotated", "aligned"}


def test_at_toy_only_the_closed_form_must_hold(results):
    """C8 needs no training; a formula that is wrong stops the notebook."""
    toy = [c.id for c in verdicts.claims if c.criteria.get("toy") and c.criteria["toy"].must_hold]
    assert toy == ["C8"]
    wrong = SimpleNamespace(**vars(results) | {"example": results.example._replace(cosine=0.9)})
    with pytest.raises(ClaimFailed, match="C8"):
        check(verdicts.evaluate(wrong, "toy"), verdicts.claims)


def test_flat_tables_do_not_vote():
    """Of eight tables two are noise alone: six vote; of eight none does, and nothing is judged."""
    found = {f.claim: f for f in borders.lost(flat=(0, 1))()}
    assert (found["C10"].n, found["C10"].verdict) == (6, HOLDS)
    assert "flat: t0 (scale 1/√D), t1 (scale 1/√D)" in found["C10"].note
    none = {f.claim: f for f in borders.lost(flat=range(8))()}
    assert none["C6"].verdict == none["C10"].verdict == NOT_TESTED
    assert "too few" in none["C6"].note


def test_a_problem_on_which_the_network_trails_the_forest_refutes_nothing():
    """All draws of one problem are missed; that counts where the network predicts as well."""
    missed = {("additive regression", borders.V): 60}

    def c5(**changed):
        return {f.claim: f for f in borders.chosen(**changed)()}["C5"]

    fair = c5(missed=missed)
    assert (fair.verdict, fair.estimate) == (DOES_NOT_HOLD, 0)
    behind = c5(missed=missed, trails=("additive regression",))
    assert (behind.verdict, behind.estimate) == (NOT_RESOLVED, 1)
    assert "the network scores 0.70 and the forest 0.90" in behind.note
    assert c5(trails=("additive regression",)).verdict == NOT_RESOLVED
    assert c5(trails=borders.PROBLEMS).estimate is None


def test_no_share_is_above_one():
    folds = [0.9999, 0.9999, 0.9999, 0.9999, 0.9999, 0.9999, 0.9999, 0.9915]
    found = {f.claim: f for f in borders.shares(wine=folds)()}["C4"]
    assert (found.high, found.verdict) == (1.0, HOLDS)
    alone = {f.claim: f for f in borders.shares(digits=[0.995], wine=[0.999], folds=1)()}["C4"]
    assert "no interval" in alone.note


def test_a_flat_surface_is_one_whose_f_test_says_so():
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    rng = np.random.default_rng(0)
    loss = rng.standard_normal((5, 3, 3)) + 0.4 * np.arange(3)[None, :, None]
    loss += np.arange(5)[:, None, None]  # folds are blocks
    one = Surface("t", "s", np.array([0.01, 0.1, 1.0]), loss)
    fold, cell = np.indices((5, 9))
    frame = pd.DataFrame({"y": loss.reshape(5, 9).ravel()})
    frame["fold"], frame["cell"] = fold.ravel(), cell.ravel()
    expected = anova_lm(ols("y ~ C(fold) + C(cell)", frame).fit()).loc["C(cell)", "PR(>F)"]
    assert one.p_flat == pytest.approx(expected, rel=1e-9)
    assert one.upto(0.1).loss.shape == (5, 2, 2)
    assert Surface("t", "s", one.lams, np.ones((5, 3, 3))).p_flat == 1
    assert list(effects([one])["grid"]) == ["up to 0.1", "up to 1"]


def test_eta_squared_is_that_of_statsmodels():
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    surface = np.random.default_rng(0).standard_normal((4, 5))
    u, w = np.indices(surface.shape)
    frame = pd.DataFrame({"score": surface.ravel(), "u": u.ravel(), "w": w.ravel()})
    squares = anova_lm(ols("score ~ C(u) + C(w)", frame).fit())["sum_sq"]
    expected = squares[["C(u)", "C(w)"]] / squares.sum()
    assert eta_squared(surface) == pytest.approx(tuple(expected))
    assert np.isnan(eta_squared(np.ones((3, 3)))).all()


def test_log_loss_is_that_of_scikit_learn():
    from sklearn.metrics import log_loss as reference

    rng, empty = np.random.default_rng(0), np.zeros(0)
    X = rng.standard_normal((40, 2))

    def net(k, kind):
        W, C = rng.standard_normal((3, k)), rng.standard_normal((3, 2))
        return Fit(np.eye(2), W, C, kind, 0, 0, 0, False, True, False, empty, empty)

    three, y = net(3, "multiclass"), np.arange(40) % 3
    scores = np.exp(three.predict(X))
    assert log_loss(three, X, y) == pytest.approx(
        reference(y, scores / scores.sum(axis=1, keepdims=True))
    )
    two, y = net(1, "binary"), np.arange(40) % 2
    assert log_loss(two, X, y) == pytest.approx(reference(y, 1 / (1 + np.exp(-two.predict(X)))))
    sure = replace(two, W=two.W * 1e6)
    assert log_loss(sure, X, y) <= -np.log(LEAST) + 1e-12


def test_ranks_and_their_critical_difference_are_demsars():
    """Demsar 2006: with five models on thirty tables the difference is 1.102 (q = 2.728)."""
    rng = np.random.default_rng(0)
    means = pd.DataFrame(rng.standard_normal((30, 5)) + np.arange(5), columns=list("abcde"))
    found = ranks(means)
    assert next(iter(found.mean)) == "e"
    assert found.critical == pytest.approx(2.728 * np.sqrt(5 * 6 / (6 * 30)), abs=2e-3)
    assert found.friedman < 1e-6
    tie = ranks(pd.DataFrame({"a": [1.0, 1], "b": [1.0, 1], "c": [0.0, 0]}))
    assert tie.mean == {"a": 1.5, "b": 1.5, "c": 3.0}


def test_a_digit_leaves_with_all_its_pairs():
    """By hand: of the pairs of three digits one is left without the first."""
    rows = [(0, 1, 0.3), (0, 2, 0.6), (1, 2, 0.9)]
    table = pd.DataFrame(
        [(a, b, m, v) for a, b, gain in rows for m, v in (("GRBFNN", gain), ("PCA", 0.0))],
        columns=["first", "second", "method", "accuracy"],
    )
    whole, pseudo = without_a_digit(table, "PCA")
    assert whole == pytest.approx(0.6)
    assert pseudo == pytest.approx([3 * 0.6 - 2 * 0.9, 3 * 0.6 - 2 * 0.6, 3 * 0.6 - 2 * 0.3])


def test_the_corrected_interval_is_wider_than_the_plain_one():
    difference = np.array([0.01, 0.03, -0.01, 0.02, 0.0])
    mean, low, high = corrected_interval(difference, 5)
    # 2.776 is the 97.5 % quantile of t with 4 degrees of freedom
    reach = 2.776 * difference.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert (mean, low, high) == pytest.approx((0.01, 0.01 - reach, 0.01 + reach), rel=1e-3)


def test_a_table_or_a_model_that_cannot_be_had_is_told(tiny, monkeypatch):
    def load(name):
        if name == "openml:nowhere":
            raise data.DataUnavailable("no network")
        return sources.load(name)

    monkeypatch.setattr(nested_module, "load", load)
    settings = replace(tiny, tables=("openml:nowhere", "wine"), rivals=("FT-Transformer",))
    found = lab.nested_folds(settings, 0)
    assert found.missing["openml:nowhere"] == "no network"
    assert "pip install rtdl_revisiting_models" in found.missing["FT-Transformer"]
    assert list(found.means.index) == ["wine"]
    claim = next(f for f in verdicts.evaluate(borders.results(nested=found), "book"))
    assert claim.verdict == NOT_TESTED
    assert "did not run: SVM" in claim.note
    assert len(lab.nested_folds(replace(tiny, tables=("openml:nowhere",)), 0).scores) == 0


def test_the_published_network_is_ours_step_by_step():
    """Losses of autograd and torch's Adam, in 64 bits, are those of the written gradients."""
    task = bench_tasks(1, 0)[0]
    recipe = Recipe(steps=15, patience=0, double=True, log_every=1)
    for one in (task, replace(task, train_centers=False)):
        ours = fit_many([one], recipe)[0].objective[:15]
        assert ours == pytest.approx(as_published(one, 15, torch.float64), rel=1e-9)


@pytest.mark.parametrize("name", sorted(set(rivals.RIVALS) - {"FT-Transformer"}))
@pytest.mark.filterwarnings("ignore")
def test_every_rival_learns_values_and_classes(name):
    if name == "XGBoost":
        pytest.importorskip("xgboost")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 3))
    y = 10 + 5 * X[:, 0]
    assert rivals.rival_score(name, (X[:90], y[:90]), (X[90:], y[90:]), True, 2, 0) > 0.6
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    assert rivals.rival_score(name, (X[:90], y[:90]), (X[90:], y[90:]), False, 2, 0) > 0.6


def test_the_selector_finds_a_feature_that_matters(monkeypatch):
    """On a shorter path: a few updates a penalty, and large steps between penalties."""
    shorter = {"n_iters": (100, 5), "patience": (50, 3), "path_multiplier": 1.5}
    monkeypatch.setattr(rivals, "_PATH", rivals._PATH | shorter)
    X = np.random.default_rng(0).standard_normal((60, 4))
    found = rivals.lassonet_importance(X, 3 * X[:, 1], True, 0)
    assert found.argmax() == 1
    assert found.sum() == pytest.approx(1)


def test_the_transformer_runs_on_a_stand_in(monkeypatch):
    class Stand(torch.nn.Module):
        def __init__(self, *, n_cont_features, cat_cardinalities, d_out):
            super().__init__()
            self.linear = torch.nn.Linear(n_cont_features, d_out)

        @staticmethod
        def get_default_kwargs():
            return {}

        def make_parameter_groups(self):
            return [{"params": list(self.parameters()), "lr": 0.05}]

        def forward(self, x, categories):
            return self.linear(x)

    monkeypatch.setitem(sys.modules, "rtdl_revisiting_models", SimpleNamespace(FTTransformer=Stand))
    X = np.random.default_rng(0).standard_normal((60, 2))
    score = rivals.rival_score("FT-Transformer", (X, 3 * X[:, 0]), (X, 3 * X[:, 0]), True, 2, 0)
    assert score > 0.9
    y = (X[:, 0] > 0).astype(int)
    assert rivals.rival_score("FT-Transformer", (X, y), (X, y), False, 2, 0) > 0.9


def test_every_figure_draws(results, log, printed, tiny):
    told = series(borders.results(nested=borders.nested(), ridges=borders.ridges(n=6)))
    further = lab.ridge_sweep(tiny, 0)
    drawn = [
        figures.answer(None),
        figures.answer({"series": plain(told)}),
        figures.authors_log(log, printed),
        figures.authors_log(log, data.Missing("not here")),
        figures.dead_start(results.dead),
        figures.structures(results.ridges),
        figures.sweep(results.ridges, further),
        figures.decay(results.readings),
        figures.plane(results.readings[0]),
        figures.plane(results.readings[1]),
        figures.pixels(log),
        figures.features(results.selection),
        figures.scores(results.nested),
        figures.scores(borders.nested()),
        figures.penalties(results.surfaces),
        figures.coordinates(results.pairs),
        figures.turned(results.example),
    ]
    for figure in drawn:
        figure.canvas.draw()
        plt.close(figure)


def test_titles_follow_the_intervals():
    def title(table):
        return (
            figures.structures(table).axes[0].get_title(loc="left")
            or figures.structures(table).axes[0].get_title()
        )

    assert "gains more" in title(borders.ridges())
    assert "gains more" not in title(borders.ridges(diagonal=borders.spread(0.12, 0.3, 60)))


def test_tables_show_every_row(results, log, monkeypatch):
    def quick(X, y, seed, **options):
        return accuracies(X, y, seed, **options | {"max_iter": 200, "n_restarts": 2})

    accuracies = digits._accuracies
    monkeypatch.setattr(digits, "_accuracies", quick)
    examples = lab.authors_notebooks(log, 0)
    assert list(examples) == list(sources.AUTHORS)
    assert examples["wine"][0] > 0.98
    assert tables.authors_table(examples).to_html().count("<tr>") == 4
    assert "wine" in tables.score_table(results.nested).to_html()
    assert "iris" in tables.effect_table(results.surfaces).to_html()


def test_score_tables_begin_with_the_network():
    scores = pd.DataFrame(
        [("t", True, "SVM", 0, 0.5), ("t", True, OURS, 0, 0.7)],
        columns=["table", "regression", "model", "fold", "score"],
    )
    html = tables.score_table(Nested(scores, {})).to_html()
    assert html.index(OURS) < html.index("SVM")
    assert "R²" in html


def test_the_explorer_trains_and_says_what_it_sees():
    one = list(explorers.path("wine", 1e-2, 1.0, (20, 40)))
    assert [trained.fit.steps for trained in one] == [20, 40]
    assert one[1].fit.data_loss < one[0].fit.data_loss
    assert "wine after 40 steps" in explorers.said(one[1])
    (asleep,) = explorers.path("digits 3v8", 0.0, 8.0, (5,))
    assert "dead start" in explorers.said(asleep)
    assert "data:image/webp" in explorers.TrainingExplorer().still()


@pytest.mark.parametrize(
    ("call", "right", "wrong", "hint"),
    [
        (exercises.check_gaussian, 0.0183156, 0.000335463, "one half"),
        (exercises.check_start_scale, 0.031009, 0.021926, "half of the expected"),
        (exercises.check_same_sign, 37.844, 0.0264, "other way round"),
    ],
)
def test_exercises_answer_back(call, right, wrong, hint):
    assert "replace the three dots" in call(...)
    assert str(call(right)).startswith("Right")
    assert hint in call(wrong)
    assert "Not yet" in call(10 * right)


def test_the_directions_that_matter_are_counted():
    class UsesTwo:
        P = np.diag([3.0, 2.0, 0.0, 0.0])

        def predict(self, X: np.ndarray) -> np.ndarray:
            return X[:, :2] @ [[1.0], [1.0]]

    rows = np.random.default_rng(1).standard_normal((30, 4))
    assert str(exercises.check_directions(2, UsesTwo(), rows)).startswith("Right")
    assert "With 1 left" in exercises.check_directions(1, UsesTwo(), rows)
    assert "2 are enough" in exercises.check_directions(3, UsesTwo(), rows)
    assert "4 directions in all" in exercises.check_directions(7, UsesTwo(), rows)
    assert "three dots" in exercises.check_directions(..., UsesTwo(), rows)


def test_presets_differ_and_are_checked():
    toy, book, paper = (PRESETS[scale] for scale in SCALES)
    assert toy.ridge_seeds < book.ridge_seeds
    assert len(book.tables) == 20
    assert len(book.rivals) == 7
    assert len(paper.tables) > 30
    assert "FT-Transformer" in paper.rivals
    assert len(book.pairs) == 45
    for change, message in (
        ({"ridge_seeds": 0}, "at least 1"),
        ({"dead_lams": (0.1,)}, "needs 0, 0.01"),
        ({"outer": 1}, "at least 2"),
        ({"penalty_lams": (0.1,)}, "above 0.1"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(toy, **change)


def test_one_seed_resolves_nothing():
    one = borders.ridges().query("seed < 1")
    found = {f.claim: f.verdict for f in borders.judged(ridges=one)}
    assert found["C2"] == found["C3"] == NOT_RESOLVED
