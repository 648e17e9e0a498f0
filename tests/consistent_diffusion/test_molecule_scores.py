"""Windows, floors, and scores of chains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from companion.consistent_diffusion.lab.molecule import scores
from companion.consistent_diffusion.lab.molecule.scores import series, summarize
from companion.consistent_diffusion.method.diffusion import T_MIN
from companion.consistent_diffusion.page.tables import molecule_comparison, score_table
from tests.consistent_diffusion.molecule_made import chain_beads, result, run, simulated


@pytest.fixture(scope="module")
def reference():
    return scores.reference_of(chain_beads(6000, np.random.default_rng(9)).reshape(2, 3000, 5, 3))


def test_windows_of_forty_picoseconds():
    found = scores.windows(run("Both", T_MIN, 0))
    assert [list(range(*w)) for w in found] == [
        [40 * k + 9, 40 * k + 19, 40 * k + 29, 40 * k + 39] for k in range(5)
    ]
    assert {w.n for w in found} == {4}


def test_windows_of_a_short_run_hold_one_frame():
    found = scores.windows(run("Both", T_MIN, 0, n_frames=10))
    assert [list(range(*w)) for w in found] == [[1], [3], [5], [7], [9]]


def test_settled_frames_are_two_picoseconds_apart_and_late():
    made = run("Both", T_MIN, 0, n_chains=2)
    made.frames[...] = np.arange(200)[:, None, None, None]
    kept = sorted(set(scores.settled(made)[:, 0, 0].astype(int)))
    assert kept == list(range(49, 200, 10))
    assert scores.n_settled(made) == len(kept) == 16


def test_late_frames_are_all_but_the_first_fifth():
    made = run("Both", T_MIN, 0, n_chains=2, lost=1)
    assert len(scores.late(made)) == 160 + 60  # one chain left after 100 frames


def test_real_dynamics_scores_at_the_floor(reference):
    floor = scores.floor(reference, 16, 4, np.random.default_rng(0), bins=24)
    curve = scores.divergence_curve(run("Both", T_MIN, 3), reference)
    assert floor.low < floor.mean < floor.high
    np.testing.assert_allclose(curve.times_ps, [4, 12, 20, 28, 36])
    assert (curve.divergence < 1.3 * floor.high).all()
    wrong = run("Both", T_MIN, 3)
    wrong.frames[...] *= np.array(
        [1, 1, -1], dtype="f4"
    )  # the mirror image: phi has the wrong sign
    assert (scores.divergence_curve(wrong, reference).divergence > 2 * floor.high).all()


def test_the_floor_falls_with_more_chains(reference):
    small, large = (
        scores.floor(reference, n, 2, np.random.default_rng(1), bins=24).mean for n in (10, 200)
    )
    assert large < 0.5 * small


def test_stretches_follow_each_other_in_time():
    angles = np.zeros((1, 50, 2))
    angles[0, :, 0] = np.linspace(-3, 3, 50)
    still = scores.Reference(angles, np.zeros((1, 50, 4)))
    # fifty frames in a row are all of the data: only one start is possible, and no error is left
    assert scores.floor(still, 3, 50, np.random.default_rng(0), bins=24).mean == pytest.approx(0)


def test_stopped_chains_leave_no_frames_and_are_counted():
    found = simulated(2, **{"No energy": {"lost": 16}, "Both": {"lost": 4, "hot": 1}})
    made = result(found, chain_beads(2000, np.random.default_rng(9)).reshape(2, 1000, 5, 3))
    summary = made.summary
    assert np.isfinite(summary.curves["No energy"][:, 0]).all()
    assert np.isnan(summary.curves["No energy"][:, -1]).all()
    assert (summary.left["No energy"], summary.chains["No energy"]) == ([16, 16], [16, 16])
    assert (summary.left["Both"], summary.lost["Both"]) == ([4, 4], [5, 5])
    assert summary.iid_lost["Both"] == [2, 2]
    plain = series(summary)
    assert plain["curves"]["No energy"][0][-1] is None
    table = score_table(made)
    assert table.loc["Both", "left or heated"] == "10 of 32"
    assert table.loc["Both", "denoised samples lost"] == 4
    assert plain["lost"]["Both"] == [5, 5]


def test_series_is_json(reference):
    import json

    plain = series(summarize(simulated(2), reference, 0))
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_the_bond_error_is_that_of_both_peptide_bonds(reference):
    beads = chain_beads(4000, np.random.default_rng(3))
    right, loose = (
        scores.score(chain_beads(4000, np.random.default_rng(3), loose=d), reference).bond
        for d in (0.0024, 0.0124)
    )
    assert right < 2e-4
    assert loose == pytest.approx(np.sqrt(2 / np.pi) * 0.01, rel=0.1)  # normal laws, by hand
    assert scores.score(beads, reference).n == 4000
    assert np.isnan(scores.score(beads[:0], reference).bond)


def test_paper_and_ours_side_by_side():
    made = result(simulated(2), chain_beads(2000, np.random.default_rng(9)).reshape(2, 1000, 5, 3))
    rows = [
        ("alanine_dipeptide", method, metric, 0.5, 0.1, "secondary_v1", "")
        for method in ("Diffusion", "Two For One", "Mixture", "Fokker-Planck", "Both")
        for metric in ("iid_js", "sim_js", "iid_pmf", "sim_pmf", "sim_rel_w1_cn_bond")
    ]
    columns = ["system", "method", "metric", "mean", "std", "source", "note"]
    table = molecule_comparison(made, pd.DataFrame(rows, columns=columns))
    ours = np.mean([s.divergence for s in made.summary.simulated["Both"]])
    assert table.loc["simulated JS, ours", "Both"] == f"{ours:.3g}"
    assert table.loc["simulated JS, ours", "floor"] == f"{made.summary.simulated_floor.mean:.3g}"
    assert table.loc["simulated JS, paper", "Both"] == "0.5"
    assert table.loc["denoised JS, ours", "Fokker-Planck"] == "–"  # we trained none
    assert table.loc["C–N bond error over Both's, ours", "Both"] == "1"
    assert table.loc["C–N bond error over Both's, ours", "floor"] == "–"


def test_the_floor_of_the_free_energy_falls_with_more_chains(reference):
    few, many = (
        scores.floor(reference, n, 2, np.random.default_rng(1), bins=64, pmf=True).mean
        for n in (10, 400)
    )
    assert 0 < many < few
