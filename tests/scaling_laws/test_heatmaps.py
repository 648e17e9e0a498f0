from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from companion.scaling_laws.lab import compare
from companion.scaling_laws.lab.control import lawful_family
from companion.scaling_laws.lab.heatmaps import (
    STATUSES,
    best_seen,
    leave_one_out,
    n_vs_q,
    n_vs_size,
    one_model,
    scale_down,
    size_vs_q,
    tail_only,
)
from companion.scaling_laws.lab.run import count_laws, differ_by_a_factor
from tests.scaling_laws.conftest import TRUE


@pytest.fixture(scope="module")
def clean():
    return lawful_family(TRUE, np.random.default_rng(0), noise=0.0)


def test_every_cell_has_a_row_and_a_status(noisy_family):
    table = n_vs_q(noisy_family)
    assert len(table) == (len(noisy_family.runs) - 2) * 10
    assert set(table["status"]) <= set(STATUSES)
    assert (table.loc[table["n"] == 2, "status"] == "not identified").all()
    assert table.loc[table["n"] >= 3, "are"].notna().all()


def test_where_the_law_is_true_it_predicts(clean):
    table = n_vs_q(clean, cut=0.0, shares=(0.5, 1.0), least=3)
    assert table["are"].max() < 0.01
    assert (table["status"] == "ok").all()


def test_an_empty_window_is_a_row_and_no_fit(noisy_family):
    table = n_vs_q(noisy_family, cut=1e12, shares=(1.0,))
    assert set(table["status"]) == {"empty"}
    assert table["are"].isna().all()
    assert count_laws(table) == (0, 0.0)


def test_a_solver_that_gives_up_is_counted(noisy_family):
    def solver(data, *, need_identified):
        return None

    table = n_vs_q(noisy_family, shares=(1.0,), solver=solver)
    assert set(table["status"]) == {"failed"}
    assert count_laws(table)[0] == len(table)


def test_scale_up_and_windows(noisy_family):
    sizes = [run.N for run in noisy_family.runs]
    table = size_vs_q(noisy_family, width=4, shares=(1.0,))
    assert table["scale_up"].tolist() == pytest.approx([sizes[-1] / sizes[3], sizes[-1] / sizes[4]])
    windows = n_vs_size(noisy_family)
    assert list(zip(windows["n"], windows["scale_up"].round(3), strict=True)) == [
        (3, round(sizes[-1] / sizes[2], 3)),
        (3, round(sizes[-1] / sizes[3], 3)),
        (4, round(sizes[-1] / sizes[3], 3)),
        (3, round(sizes[-1] / sizes[4], 3)),
        (4, round(sizes[-1] / sizes[4], 3)),
        (5, round(sizes[-1] / sizes[4], 3)),
    ]


def test_tails_shrink(noisy_family):
    table = tail_only(noisy_family, tails=(0.1, 0.5))
    points = table[table["n"] == 5].set_index("q")["n_points"]
    assert 0 < points[0.5] < points[0.1]


def test_one_model_has_a_row_per_model_and_its_own_run(clean):
    table = one_model(clean, shares=(1.0,))
    assert len(table) == len(clean.runs)
    assert table["scale_up"].iloc[-1] == 1
    assert table["are"].iloc[-1] < 1  # the target's own run hardly needs the borrowed term


def test_best_seen_by_hand(noisy_family):
    table = best_seen(noisy_family, cut=0.0, shares=(1.0,), least=5)
    losses = np.concatenate([run.loss[:-1] for run in noisy_family.runs[:-1]])
    target = noisy_family.target.loss[0.7 * noisy_family.target.D[-1] <= noisy_family.target.D]
    expected = 100 * np.abs(losses.min() / target - 1).mean()
    assert table["are"].item() == pytest.approx(expected)
    assert count_laws(table) == (0, 0.0)


def test_scaling_down_predicts_the_smallest(clean):
    table = scale_down(clean)
    assert table["scale_up"].iloc[-1] < 1
    assert table["are"].iloc[-1] < 0.1


def test_leaving_one_out_reports_both_errors(noisy_family):
    table = leave_one_out(noisy_family)
    assert table["n"].tolist() == [5, 4, 4, 4, 4, 4]
    assert table["scale_up"].iloc[-1] > table["scale_up"].iloc[0]  # the largest is left out last
    assert table["model"].iloc[0] == ""
    assert np.isnan(table["own_are"].iloc[0])
    assert (table["own_are"].iloc[1:] < 5).all()


def test_bits_and_nats_differ_by_a_factor_and_perplexity_does_not(noisy_family):
    def read(function):
        runs = tuple(replace(run, loss=function(run.loss)) for run in noisy_family.runs)
        return replace(noisy_family, runs=runs)

    assert differ_by_a_factor(noisy_family, read(lambda loss: loss / np.log(2)))
    assert not differ_by_a_factor(noisy_family, read(np.exp))
    fewer = replace(noisy_family, runs=noisy_family.runs[1:])
    assert not differ_by_a_factor(noisy_family, fewer)


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
            "experiment": [name, name],
            "group": ["OPT", "OPT"],
            "n": [5, 2],
            "percentage": [1.0, 1.0],
            "are_pct": [printed, 1.0],
        }
    )
    monkeypatch.setattr(compare, "printed_heatmaps", lambda: sheet)
    table = pd.DataFrame(
        {
            "family": ["OPT"],
            "experiment": ["n vs q"],
            "n": [5],
            "q": [1.0],
            "cut": [cut],
            "are": [ours],
        }
    )
    cells = compare.beside_printed(table)
    assert len(cells) == 1  # the row with n = 2 is left out
    assert cells["reproduced"].item() == reproduced
    assert compare.share_reproduced(cells) == reproduced
