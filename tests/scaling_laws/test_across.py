import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from companion.scaling_laws.lab.control import lawful_family
from companion.scaling_laws.lab.freedom import cumulative_variance, freedom
from companion.scaling_laws.method.law import ScalingLaw
from companion.scaling_laws.verdict.across import (
    all_models,
    cluster,
    cut_ratios,
    mixed_model,
    paired_ratios,
    share_above_one,
)


def test_gpt2_families_are_one_observation():
    assert cluster("GPT2-c4-1") == cluster("GPT2-oscar-44") == "GPT-2"
    above = pd.DataFrame({"family": ["GPT2-a", "GPT2-b", "OPT", "x"], "are": [4, 1, 6, np.nan]})
    below = pd.DataFrame({"family": ["OPT", "GPT2-b", "GPT2-a", "x"], "are": [2, 1, 1, 1]})
    ratios = paired_ratios(above, below)
    assert ratios.to_dict() == pytest.approx({"GPT-2": 2.0, "OPT": 3.0})
    share = share_above_one(ratios)
    assert (share.estimate, share.n) == (1.0, 2)
    assert share.p == pytest.approx(0.25)


def test_cut_ratios_take_all_models_and_the_whole_run():
    rows = pd.DataFrame(
        [
            ("OPT", "n vs q", n, q, cut, 10 * n + q + (5 if cut else 0))
            for n in (3, 5)
            for q in (0.5, 1.0)
            for cut in (0.0, 1e10)
        ],
        columns=["family", "experiment", "n", "q", "cut", "are"],
    )
    assert all_models(rows)["are"].tolist() == [51.0, 56.0]
    assert cut_ratios(rows)["OPT"] == pytest.approx(51 / 56)


def test_mixed_model_finds_what_was_put_in():
    rng = np.random.default_rng(0)
    rows = []
    for family in "abcdefgh":
        level = rng.normal(0, 0.5)
        for n in (3, 4, 6, 8):
            for q in (0.2, 0.6, 1.0):
                for cut in (0.0, 1e10):
                    log_are = level - 1.2 * np.log(n) - 0.8 * (cut > 0) + rng.normal(0, 0.1)
                    rows.append(
                        (family, n, 50 / n * rng.uniform(0.8, 1.2), q, cut, np.exp(log_are), "ok")
                    )
    names = ["family", "n", "scale_up", "q", "cut", "are", "status"]
    table = pd.DataFrame([*rows, ("a", 2, 10, 1.0, 0.0, 99.0, "not identified")], columns=names)
    result = mixed_model(table)
    assert result.n_families == 8
    assert result.n_rows == len(rows)
    terms = result.terms
    assert terms.loc["cut 10B", "estimate"] == pytest.approx(-0.8, abs=0.1)
    assert terms.loc["log n", "low"] < -1.2 < terms.loc["log n", "high"]
    assert terms.loc["q", "p"] > 0.001


def test_variance_against_scikit_learn():
    theta = np.random.default_rng(0).normal(size=(12, 5)) @ np.diag([9, 3, 1, 0.5, 0.1])
    expected = PCA().fit(theta).explained_variance_ratio_.cumsum()
    assert cumulative_variance(theta) == pytest.approx(expected)


def test_slopes_are_arithmetic_when_only_the_exponents_differ():
    rng = np.random.default_rng(2)
    families = []
    for alpha in (0.2, 0.3, 0.4, 0.5):
        beta = alpha + 0.05
        law = ScalingLaw(
            1.7, np.log(0.4) + alpha * np.log(5e8), np.log(0.3) + beta * np.log(8e10), alpha, beta
        )
        families.append(lawful_family(law, rng, noise=1e-4))
    result = freedom(families, cut=1e10)
    assert result.alpha_slope == pytest.approx(result.alpha_arithmetic, rel=0.1)
    assert result.beta_slope == pytest.approx(result.beta_arithmetic, rel=0.1)
    with pytest.raises(ValueError, match="at least 3 families, got 2"):
        freedom(families[:2], cut=1e10)
