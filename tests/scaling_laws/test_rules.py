"""Each rule as a pair of fits, against runs whose answer is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from companion.scaling_laws.lab.released import (
    RULES,
    after,
    best_seen,
    cut_sweep,
    final,
    paper_errors,
    ratios_of,
    rule_errors,
    several_error,
    single_errors,
    sound_errors,
    targets_of,
)
from companion.scaling_laws.lab.trained import lawful_family
from companion.scaling_laws.method.protocol import Run, are, target_points, training_points
from companion.scaling_laws.method.varpro import fit_varpro
from tests.scaling_laws.conftest import TRUE


def test_what_is_left_of_a_run_by_hand():
    runs = [
        Run("a", 1e6, np.array([1.0, 2, 5, 10]), np.ones(4)),
        Run("b", 1e7, np.array([1.0, 20]), np.ones(2)),
    ]
    assert after(runs, 0.2).D.tolist() == [5, 10, 20]  # a share of each run, strictly after it
    assert after(runs, 0.2, 6).D.tolist() == [10, 20]
    assert after(runs, 0.0).D.size == 6
    assert final(runs).D.tolist() == [10, 20]


def test_the_baseline_by_hand():
    runs = [Run("a", 1e6, np.array([1.0, 2]), np.array([3.0, 2.5]))]
    target = target_points(Run("t", 1e8, np.array([1.0, 2]), np.array([4.0, 2.0])))
    assert are(best_seen(after(runs, 0)), target) == pytest.approx(25.0)


def spoiled(family, factor=1.5, share=0.05):
    """The same runs with losses too high in the first `share`."""
    runs = [
        replace(run, loss=np.where(share * run.D[-1] >= run.D, factor * run.loss, run.loss))
        for run in family.runs
    ]
    return replace(family, runs=tuple(runs))


def test_a_spoiled_start_is_what_the_cut_mends(noisy_family):
    bad = spoiled(noisy_family)
    for found in (paper_errors(bad), sound_errors(bad.runs[:-1], bad.target)):
        first, second = found["cut"]
        assert first > 5 * second
        assert second < 2
    for found in (paper_errors(noisy_family), sound_errors(noisy_family.runs[:-1], bad.target)):
        first, second = found["cut"]
        assert first < 2 * second


def test_runs_that_begin_after_the_cut_are_no_case_of_it(noisy_family):
    late = replace(noisy_family, runs=tuple(run.select(run.D > 1e10) for run in noisy_family.runs))
    assert "cut" not in paper_errors(late)
    assert "cut" not in sound_errors(late.runs[:-1], late.target)
    assert "cut" in paper_errors(noisy_family)


def test_several_smaller_runs_cost_no_more_than_the_one(noisy_family):
    runs, target = noisy_family.runs, target_points(noisy_family.target)
    sizes = [run.N for run in runs]  # 0.07, 0.16, 0.41, 1, 2.8, 12 billion, all equally long
    assert np.isnan(several_error(runs, runs[2], target))  # two smaller ones
    assert sum(sizes[:4]) < sizes[4]
    by_hand = paper_way(runs[:4], target)
    assert several_error(runs, runs[4], target) == pytest.approx(by_hand)
    cheap = replace(runs[4], N=sum(sizes[:4]) - 1)  # pays for the three smallest only
    assert several_error((*runs[:4], cheap), cheap, target) == pytest.approx(
        paper_way(runs[:3], target)
    )


def paper_way(runs, target):
    return are(fit_varpro(training_points(runs, cut=1e10)).law, target)


def test_every_rule_has_its_rows(noisy_family):
    table = rule_errors(noisy_family, noisy_family)
    assert set(table["rule"]) == set(RULES)
    paper = table[table["way"] == "paper"]
    assert paper.groupby("rule").size().eq(1).all()
    assert paper["is_largest"].all()
    sound = table[table["way"] == "sound"].groupby("rule").size()
    assert sound["cut"] == 3  # of six models the fourth to the sixth have three smaller ones
    assert sound["larger"] == sound["more"] == 2
    assert [target.N for _, target in targets_of(noisy_family)] == [
        run.N for run in noisy_family.runs[3:]
    ]
    assert table[["first", "second"]].gt(0).all(axis=None)


def test_final_losses_get_a_law_that_they_determine():
    """Where the law is true, three parameters lose nothing at the final checkpoint."""
    clean = lawful_family(TRUE, np.random.default_rng(0), noise=0.0)
    first, second = sound_errors(clean.runs[:-1], clean.target)["checkpoints"]
    assert first < 0.01
    assert second < 0.01


def test_ratios_are_geometric_means_over_targets():
    rows = [("a", "x", False, 4.0), ("a", "y", True, 1.0), ("b", "z", True, 9.0)]
    table = pd.DataFrame(rows, columns=["family", "target", "is_largest", "first"])
    table = table.assign(rule="cut", way="sound", second=1.0)
    assert ratios_of(table, "cut", "sound").to_dict() == pytest.approx({"a": 2.0, "b": 9.0})
    other = ratios_of(table, "cut", "sound", largest=False)
    assert other.to_dict() == pytest.approx({"a": 4.0})


def test_the_sweep_has_every_share_and_the_cut_of_the_paper(noisy_family):
    bad = spoiled(noisy_family)
    table = cut_sweep(bad, bad, (0.0, 0.1, 0.9))
    assert table.groupby(["way", "target"]).size().eq(4).all()
    paper = table[table["way"] == "paper"].set_index("thrown")["are"]
    assert paper[0.0] > 5 * paper[0.1]
    assert table["thrown"].isna().sum() == 4


def test_one_run_alone_and_the_targets_own_beginning():
    clean = lawful_family(TRUE, np.random.default_rng(0), noise=0.0)
    table = single_errors(clean)
    assert table["is_target"].tolist() == [False] * 5 + [True]
    assert table["scale_up"].iloc[0] == pytest.approx(clean.target.N / clean.runs[0].N)
    two = replace(clean, runs=clean.runs[-2:])  # OLMo has two models
    assert single_errors(two)["are"].notna().all()
    short = [replace(run, D=run.D[-2:], loss=run.loss[-2:]) for run in clean.runs]
    assert single_errors(replace(clean, runs=tuple(short)))["are"].isna().all()
