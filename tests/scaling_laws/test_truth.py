"""The laboratory, the control and the schedules."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from companion.scale import generator
from companion.scaling_laws.lab.facts import extrapolate, gap, hot_cool_gaps
from companion.scaling_laws.lab.trained import (
    A0,
    TRUTH,
    World,
    by_world,
    fit_lab,
    lab_family,
    lawful_family,
    lawful_ratios,
    make_world,
    run_lab,
    token_grid,
    train_learner,
)
from companion.scaling_laws.method.protocol import Family, Run, are, target_points, training_points
from companion.scaling_laws.method.varpro import fit_varpro
from tests.scaling_laws.conftest import TRUE


@pytest.fixture(scope="module")
def world():
    return make_world(np.random.default_rng(0), n_contexts=3000)


def test_loss_against_counting_token_by_token():
    """A world of three contexts: count every token in a loop and average the surprise."""
    p = np.array([0.5, 0.3, 0.2])
    q = np.array([[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]])
    world = World(p, q)
    found = train_learner(world, 1, np.array([40]), np.random.default_rng(7))
    merged_p, merged_q = world.merged(1)
    rng = np.random.default_rng(7)  # the same draws
    counts = rng.multinomial(rng.multinomial(40, merged_p), merged_q).astype(float)
    overall = (counts.sum(axis=0) + 1) / (counts.sum() + 2)
    expected = 0.0
    for context in range(3):
        row = counts[0 if context == 0 else 1]
        for token in range(2):
            probability = (row[token] + A0 * overall[token]) / (row.sum() + A0)
            expected -= p[context] * q[context, token] * np.log(probability)
    assert found.loss.item() == pytest.approx(expected)
    assert found.N == 1


def test_the_entropy_is_the_floor_and_is_reached(world):
    run = train_learner(world, 2999, np.array([10, 1000, 100_000, 10**9]), np.random.default_rng(0))
    assert (np.diff(run.loss) < 0).all()
    assert (run.loss > world.irreducible).all()
    assert run.loss[-1] == pytest.approx(world.unlimited_data_loss(2999), rel=1e-3)
    by_hand = -sum(
        p * sum(x * np.log(x) for x in row if x > 0)
        for p, row in zip(world.p, world.q, strict=True)
    )
    assert world.irreducible == pytest.approx(by_hand)


def test_what_a_small_learner_misses_falls_with_exponent_g():
    world = make_world(np.random.default_rng(1), n_contexts=200_000, g=0.5)
    sizes = np.array([64, 256, 1024, 4096])
    missed = [world.unlimited_data_loss(M) - world.irreducible for M in sizes]
    slope = np.polyfit(np.log(sizes), np.log(missed), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.05)


def test_bad_worlds_and_sizes_are_refused(world):
    with pytest.raises(ValueError, match="needs g > 0"):
        make_world(np.random.default_rng(0), g=0)
    with pytest.raises(ValueError, match="from 1 to 2999, got 3000"):
        train_learner(world, 3000, np.array([10]), np.random.default_rng(0))


@given(st.integers(1000, 10**6), st.integers(2, 60))
@settings(max_examples=20, deadline=None)
def test_token_grids_increase(n_tokens, n_checkpoints):
    D = token_grid(n_tokens, n_checkpoints)
    assert (np.diff(D) > 0).all()
    assert D[-1] == n_tokens


def test_worlds_and_runs_have_their_own_seeds():
    one = run_lab([0, 1], [0, 1], n_tokens=20_000, n_checkpoints=12)
    again = run_lab([1], [1], n_tokens=20_000, n_checkpoints=12)
    rows = one[(one["world"] == 1) & (one["seed"] == 1)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, again)
    truths = one.groupby("world")["truth"].nunique()
    assert (truths == 1).all()
    assert one.groupby("seed")["truth"].nunique().tolist() == [2, 2]
    assert by_world(one)["e_error"].shape == (2, 3)


def test_cutting_finds_the_truth(world):
    family = lab_family(world, 0, n_tokens=300_000, n_checkpoints=40, sizes=(32, 64, 128, 256, 512))
    table = fit_lab(family, world).set_index("cut")
    assert table.loc[0.1, "are"] < table.loc[0.0, "are"] / 2
    assert abs(table.loc[0.1, "e_error"]) < abs(table.loc[0.0, "e_error"]) / 2


def test_lawful_families_are_lawful():
    family = lawful_family(TRUE, np.random.default_rng(0), noise=0.01)
    for run in family.runs:
        ratio = np.log(run.loss / TRUE.predict(run.N, run.D))
        assert abs(ratio.mean()) < 0.01
        assert 0.005 < ratio.std() < 0.015


def test_in_them_the_cut_changes_nothing_and_a_broken_start_would_show():
    table = lawful_ratios(12, seed=0)
    family = lawful_family(TRUTH, generator(0, "lawful family", 0))
    law = fit_varpro(training_points(family.runs[:-1], cut=0.1 * family.target.D[-1])).law
    assert table["cut"].iloc[0] == pytest.approx(are(law, target_points(family.target)))
    ratios = table["ratio"]
    assert 0.8 < np.exp(np.log(ratios).mean()) < 1.2


def test_a_known_gap_is_measured():
    D = np.geomspace(1e9, 1e11, 20)
    hot = Run("m", 1e8, D, 2.0 * D**-0.01)
    cool = Run("m", 1e8, D[5:15:3], hot.loss[5:15:3] / 1.025)
    assert gap(hot, cool).percent == pytest.approx([2.5] * 4)
    other = Run("x", 1e8, D, D)
    gaps = hot_cool_gaps(Family("h", (hot, other), ""), Family("c", (cool,), ""))
    assert [one.model for one in gaps] == ["m"]


def curves():
    step = np.arange(100.0, 24_001, 100)
    pure = 2 + 30 * step**-0.5
    late = step > 20_000
    decayed = np.where(late, pure * (1 - 0.03 * (step - 20_000) / 4000), pure)
    frames = [
        pd.DataFrame({"size": "25M", "schedule": name, "step": step, "loss": loss})
        for name, loss in (("constant", pure), ("wsd", decayed), ("cosine_24000", decayed))
    ]
    longer = pd.DataFrame(
        {"size": "25M", "schedule": "cosine_72000", "step": step * 3, "loss": pure * 1.01}
    )
    return pd.concat([*frames, longer])


def test_extrapolation_is_exact_for_a_power_law_and_high_for_a_decaying_run():
    assert extrapolate(curves(), "25M", "constant").end_error == pytest.approx(0, abs=1e-3)
    assert extrapolate(curves(), "25M", "wsd").end_error == pytest.approx(
        100 * 0.03 / 0.97, abs=0.01
    )
    with pytest.raises(ValueError, match="no curve 25M/linear; schedules are constant"):
        extrapolate(curves(), "25M", "linear")


def test_the_number_of_threads_changes_no_digit():
    def found(threads):
        with threadpool_limits(threads):
            return run_lab([3], [0], n_tokens=20_000, n_checkpoints=12)

    pd.testing.assert_frame_equal(found(1), found(2), check_exact=True)
    big = make_world(generator(3, "truth", "world"), g=0.4)
    with threadpool_limits(1):
        alone = big.irreducible
    assert found(2)["truth"].unique() == [alone]
