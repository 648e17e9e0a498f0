"""Grids of the released families, the numbers printed for them, and the free parameters."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from companion.scaling_laws.lab import released
from companion.scaling_laws.lab.released import (
    beside_printed,
    cumulative_variance,
    freedom,
    n_vs_q,
    one_model,
)
from companion.scaling_laws.lab.trained import lawful_family
from companion.scaling_laws.method.law import ScalingLaw
from companion.scaling_laws.method.protocol import are
from tests.scaling_laws.conftest import TRUE


@pytest.fixture(scope="module")
def clean():
    return lawful_family(TRUE, np.random.default_rng(0), noise=0.0)


STATUSES = {"ok", "not converged", "at bound", "not identified", "failed", "empty"}


def test_every_cell_has_a_row_and_a_status(noisy_family):
    table = n_vs_q(noisy_family, shares=(0.3, 1.0))
    assert len(table) == (len(noisy_family.runs) - 2) * 2
    assert set(table["status"]) <= STATUSES
    assert (table.loc[table["n"] == 2, "status"] == "not identified").all()
    assert table.loc[table["n"] >= 3, "are"].notna().all()


def test_where_the_law_is_true_it_predicts(clean):
    table = n_vs_q(clean, cut=0.0, shares=(0.5, 1.0), least=3)
    assert table["are"].max() < 0.01
    assert (table["status"] == "ok").all()


def test_an_empty_window_and_a_failed_fit_are_rows(noisy_family):
    table = n_vs_q(noisy_family, cut=1e12, shares=(1.0,))
    assert set(table["status"]) == {"empty"}
    assert table["are"].isna().all()
    table = n_vs_q(noisy_family, shares=(1.0,), solver=lambda data, *, need_identified: None)
    assert set(table["status"]) == {"failed"}
    assert len(table) == len(noisy_family.runs) - 2


def test_one_model_has_a_row_per_model_and_its_own_run(clean):
    table = one_model(clean, shares=(1.0,))
    assert table["N"].tolist() == [run.N for run in clean.runs]
    assert table["are"].iloc[-1] < 1  # the target's own run hardly needs the borrowed term


@pytest.mark.parametrize(
    ("cut", "printed", "ours", "reproduced"),
    [
        (0.0, 17.03, 17.07, True),
        (0.0, 17.03, 17.09, False),
        (1e10, 7.4, 7.449, True),  # half a digit is 0.05, and 0.05 more are allowed
        (1e10, 7.4, 7.51, False),
        (1e10, 19.0, 19.54, True),
        (1e10, 19.0, 19.56, False),
        (1e10, 19.0, np.nan, False),
    ],
)
def test_a_cell_is_reproduced_within_its_printed_digits(
    monkeypatch, cut, printed, ours, reproduced
):
    name = {0.0: "fit_no_cut", 1e10: "fit_cut10B"}[cut]
    sheet = pd.DataFrame(
        {
            "experiment": [name, name, "one_model_borrowed_A_alpha"],
            "group": "OPT",
            "n": [5, 2, 1],
            "percentage": 1.0,
            "are_pct": [printed, 1.0, 37.0],
            "row_note": ["", "", "6.7B"],
        }
    )
    monkeypatch.setattr(released, "printed_heatmaps", lambda: sheet)
    table = pd.DataFrame(
        {
            "family": "OPT",
            "experiment": ["n vs q", "one model", "one model"],
            "n": [5, 1, 1],
            "q": 1.0,
            "cut": [cut, 1e10, 1e10],
            "are": [ours, 37.04, 1.0],
            "status": ["ok", "ok", "not identified"],
            "N": [np.nan, 6.7e9, 1.3e9],
        }
    )
    cells = beside_printed(table)
    assert cells["figure"].tolist() == ["heat map", "one model"]  # n = 2 is left out
    assert cells["reproduced"].tolist() == [reproduced, True]


def test_opt_with_three_models_is_what_the_authors_print():
    """The cell n = 5, q = 1 of Figure 5, 17.03 %, and the error by hand from the raw table."""
    from companion.scaling_laws.method.protocol import target_points, training_points
    from companion.scaling_laws.method.varpro import fit_varpro
    from companion.scaling_laws.sources import released, released_family

    family = released_family("OPT")
    law = fit_varpro(training_points(family.runs[:-1])).law
    rows = released()
    rows = rows[(rows["family"] == "OPT") & (rows["num_params"] == 1.75e11)]
    late = rows[rows["tokens"] >= 0.7 * rows["tokens"].max()]
    predicted = law.E + np.exp(law.log_A) / 1.75e11**law.alpha
    predicted = predicted + np.exp(law.log_B) / late["tokens"] ** law.beta
    by_hand = 100 * (predicted / late["perf"] - 1).abs().mean()
    assert by_hand == pytest.approx(17.03, abs=0.005)
    assert are(law, target_points(family.target)) == pytest.approx(by_hand)


def test_variance_against_scikit_learn():
    theta = np.random.default_rng(0).normal(size=(12, 5)) @ np.diag([9, 3, 1, 0.5, 0.1])
    expected = PCA().fit(theta).explained_variance_ratio_.cumsum()
    assert cumulative_variance(theta) == pytest.approx(expected)


def test_sources_are_who_trained_a_family():
    names = ("GPT2-c4-1", "GPT2-oscar-44", "pythia", "pythia-deduped-v0", "t5-pile", "OPT", "gpt3")
    assert list(map(released.source_of, names)) == ["GPT2"] * 2 + ["pythia"] * 2 + [
        "t5",
        "OPT",
        "gpt3",
    ]


def test_units_do_not_matter_once_standardized():
    theta = np.random.default_rng(3).normal(size=(12, 5))
    scaled = theta * [900, 30, 1, 0.5, 0.01]
    first, second = (cumulative_variance(released.standardized(one)) for one in (theta, scaled))
    assert first == pytest.approx(second)
    assert cumulative_variance(scaled)[0] > 0.99 > cumulative_variance(theta)[0]


def test_slopes_are_arithmetic_when_only_the_exponents_differ():
    rng = np.random.default_rng(2)
    made = []
    for alpha in (0.2, 0.3, 0.4, 0.5):
        beta = alpha + 0.05
        law = ScalingLaw(
            1.7, np.log(0.4) + alpha * np.log(5e8), np.log(0.3) + beta * np.log(8e10), alpha, beta
        )
        made.append(lawful_family(law, rng, noise=1e-4))
    result = freedom(made, 20, rng, cut=1e10)
    assert result.alpha_slope == pytest.approx(result.alpha_arithmetic, rel=0.1)
    assert result.beta_slope == pytest.approx(result.beta_arithmetic, rel=0.1)
    assert result.dealt.shape == (20,)
    # related parameters need fewer components than the same ones dealt out at random
    assert (result.dealt <= result.standardized[2] + 1e-12).all()
    assert result.without.size == 0  # all of one source
    with pytest.raises(ValueError, match="at least 3 families, got 2"):
        freedom(made[:2], 5, rng, cut=1e10)
