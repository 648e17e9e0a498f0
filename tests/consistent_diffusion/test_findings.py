"""The verdicts of perfect, useless, and missing results."""

import json

import numpy as np
import pytest

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED, NOT_TESTED, OURS, PAPER
from companion.consistent_diffusion.lab.measures import ratio, series
from companion.consistent_diffusion.verdict import verdicts
from companion.data import Missing
from companion.verdicts import Open
from tests.consistent_diffusion import made
from tests.consistent_diffusion.made import M, N, logs


def judged(scale="book", **changed):
    found = verdicts.evaluate(made.results(**changed), scale)
    return {finding.claim: finding for finding in found}


def test_ten_claims_of_the_paper_and_six_of_ours():
    of = [claim.of for claim in verdicts.claims]
    assert (of.count(PAPER), of.count(OURS)) == (10, 6)


def test_perfect_results_hold():
    assert {finding.verdict for finding in judged().values()} == {HOLDS}


def test_at_toy_scale_only_what_needs_no_training_is_judged():
    found = judged("toy")
    tested = {name for name, one in found.items() if one.verdict != NOT_TESTED}
    assert tested == {"O1", "O2", "O3"}


def test_where_the_methods_do_not_differ_nothing_of_the_paper_on_the_plane_holds():
    same = {
        f"{name}__{field}": level * logs(1, 0.05, N, k)
        for k, (field, level) in enumerate(
            {
                "law": 0.05,
                "iid": 0.005,
                "sim": 0.02,
                "small": 20.0,
                "middle": 20.0,
                "z": 1.0,
            }.items()
        )
        for name in ("Diffusion", "Fokker_Planck", "Mixture", "Both")
    }
    same |= {f"{name}_strong__law": 0.05 * logs(1, 0.05, N, 0) for name in ("Fokker_Planck",)}
    found = judged(plane=made.plane(**same))
    assert all(found[name].verdict != HOLDS for name in ("C2", "C3", "C4", "C6", "O4"))
    assert found["C5"].verdict == NOT_RESOLVED  # a ratio of exactly 1 has no spread


def test_where_the_molecules_methods_do_not_differ():
    same = {
        f"{name}__{field}": level * logs(1, 0.05, M, k)
        for name in ("Diffusion", "Mixture", "Both", "No_energy")
        for k, (field, level) in enumerate(
            {"js": 0.04, "share": 0.2, "bond": 1e-4, "heat": 1.0}.items()
        )
    }
    found = judged(molecule=made.molecule(**same))
    assert all(found[name].verdict != HOLDS for name in ("C7", "C8", "C10"))


def test_a_single_training_gives_no_verdict():
    plane = made.plane()
    one = {
        name: {k: v[:1] for k, v in getattr(plane, name).items()}
        for name in ("grid_js", "iid_js", "sim_js", "fixed", "log_z")
    }
    found = judged(plane=made.with_fields(plane, seeds=1, **one))
    assert {found[f"C{k}"].verdict for k in range(1, 7)} == {NOT_TESTED}


def test_what_is_missing_is_not_tested_and_leaves_the_rest():
    found = judged(molecule=Missing("no networks"))
    assert all(found[f"C{k}"].verdict == NOT_TESTED for k in (5, 7, 8, 9, 10))
    assert "no networks" in found["C7"].note
    assert found["C3"].verdict == HOLDS
    kept = series(made.results(molecule=Missing("no networks")))
    assert "plane" in kept
    assert "molecule" not in kept


def test_a_simulation_that_was_not_made_is_said():
    molecule = made.molecule()
    fewer = {k: v for k, v in molecule.js.items() if k != "Two For One, t = 0.02"}
    found = judged(molecule=made.with_fields(molecule, js=fewer))
    assert found["C9"].verdict == NOT_TESTED


def test_a_ratio_by_hand():
    over, under = np.array([2.0, 8.0, 4.0]), np.array([1.0, 1.0, 1.0])
    found = ratio(over, under)
    assert found.estimate == pytest.approx(4)
    assert found.low < 4 < found.high
    assert found.low * found.high == pytest.approx(16)
    with pytest.raises(Open, match="floor"):
        ratio(over, np.array([1.0, 0.0, 1.0]))
    assert not ratio(np.array([1.0, np.nan]), under[:2]).low > -np.inf


def test_a_seed_that_failed_leaves_its_claims_open():
    failed = 0.1 * logs(1)
    failed[2] = np.nan
    found = judged(plane=made.plane(Diffusion__law=failed))
    assert found["C3"].verdict == NOT_RESOLVED


def test_samples_that_are_no_good_take_the_blame_for_a_repair():
    poor = made.plane(Mixture__iid=0.05 * logs(1))
    found = judged(plane=poor)
    assert found["C3"].verdict == NOT_RESOLVED
    assert "Mixture" in found["C3"].note


def test_the_wrong_direction_does_not_hold():
    worse = made.molecule(Both__js=0.09 * logs(1, 0.02, M), Both__share=0.1 * logs(1, 0.1, M))
    found = judged(molecule=worse)
    assert found["C7"].verdict == found["C8"].verdict == DOES_NOT_HOLD


def test_the_record_can_be_written_and_covers_the_opening():
    kept = json.loads(json.dumps(series(made.results()), allow_nan=False))
    assert set(kept) == {"plane", "seeds", "molecule", "curves", "share"}
    assert len(kept["plane"]["grid_js"]) == 4
    assert kept["molecule"]["label"][0] == "Diffusion"
    at = kept["molecule"]["label"].index("Both")
    assert kept["molecule"]["population"][at] == pytest.approx(1.0, abs=0.01)
