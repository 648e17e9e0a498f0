"""The real molecule: forces, short runs, the stored frames, and how they are made."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

from companion import data
from companion.consistent_diffusion import makers
from companion.consistent_diffusion.lab.molecule import frames as molecule_frames
from companion.consistent_diffusion.lab.molecule import peptide
from companion.consistent_diffusion.lab.molecule.frames import (
    FramesDamaged,
    Live,
    Plan,
    compare,
    rare_visits,
    run_live,
)
from companion.consistent_diffusion.lab.molecule.peptide import bond_lengths, phi_psi

TINY = Plan(n_halves=2, n_blocks=2, frames_per_block=4, stride=50, settle=2)
STRUCTURE = "consistent-diffusion/ala2.pdb"


@pytest.fixture(scope="module")
def frames():
    return molecule_frames.load_frames()


def made(folder, start, monkeypatch, plan=TINY, say=lambda line: None):
    monkeypatch.setattr(molecule_frames, "start_positions", lambda: start)
    return molecule_frames.make_frames(folder / "scratch", say, folder / "assets", plan)


@pytest.fixture
def start(frames):
    return frames.starts[0].astype(float)


@pytest.fixture(scope="module")
def whole(frames, tmp_path_factory):
    """A folder in which everything was simulated, and the file that was made of it."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        return folder, made(folder, frames.starts[0].astype(float), patch)


def test_energy_of_the_minimized_structure_is_the_published_one():
    """-133.8 kJ/mol; of the chapter's system, whose rigid bonds have no energy of their own."""
    import openmm
    from openmm import app, unit

    system = app.ForceField(*peptide.FORCE_FIELD).createSystem(
        peptide.topology(), nonbondedMethod=app.NoCutoff, constraints=None
    )
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(molecule_frames.start_positions())
    energy = context.getState(getEnergy=True).getPotentialEnergy()
    assert energy.value_in_unit(unit.kilojoule_per_mole) == pytest.approx(-133.80, abs=0.01)
    assert peptide.make_system(peptide.Motion()).getNumConstraints() == 12


def test_the_molecule_is_the_one_of_the_pdb_file():
    from openmm import app

    pdb = app.PDBFile(str(data.fetch(STRUCTURE))).topology
    ours = peptide.topology()
    elements = [[atom.element.symbol for atom in t.atoms()] for t in (pdb, ours)]
    bonds = [{frozenset((a.index, b.index)) for a, b in t.bonds()} for t in (pdb, ours)]
    assert elements[0] == elements[1]
    assert bonds[0] == bonds[1]
    assert [elements[1][i] for i in molecule_frames.BEADS] == ["C", "N", "C", "C", "N"]


def test_heavier_hydrogens_leave_the_total_mass():
    totals = []
    for mass in (None, 3.0):
        system = peptide.make_system(peptide.Motion(hydrogen_mass=mass))
        masses = [system.getParticleMass(i)._value for i in range(system.getNumParticles())]
        totals.append(sum(masses))
        assert (sum(m == 3.0 for m in masses) == 12) == (mass is not None)
    assert totals[0] == pytest.approx(totals[1])


def test_a_run_that_was_interrupted_ends_in_the_same_file(whole, tmp_path, start, monkeypatch):
    straight, resumed = whole[1], tmp_path
    first = made(resumed, start, monkeypatch, dataclasses.replace(TINY, n_blocks=1))
    assert np.load(first)["beads"].shape == (2, 4, 5, 3)
    said = []
    second = made(resumed, start, monkeypatch, say=said.append)
    assert straight.read_bytes() == second.read_bytes()
    assert sum("block" in line for line in said) == 2  # only what was missing
    record = json.loads(second.with_suffix(".json").read_text())
    assert record["frames"] == 16
    assert record["blocks_of_the_last_start"] == 2


def test_halves_and_blocks_are_independent(whole):
    beads = np.load(whole[1])["beads"]
    assert len(np.unique(beads.reshape(16, -1), axis=0)) == 16
    np.testing.assert_allclose(beads.mean(2), 0, atol=1e-6)


def test_damaged_frames_are_refused(whole, tmp_path):
    path = whole[1]
    copy = tmp_path / "copy"
    shutil.copytree(path.parent, copy)
    loaded = molecule_frames.load_frames(copy)
    assert loaded.all.shape == (16, 5, 3)
    other = tmp_path / "other"
    shutil.copytree(path.parent, other)
    np.savez(other / path.name, beads=loaded.beads + 1, starts=loaded.starts)
    with pytest.raises(FramesDamaged, match="companion make consistent-diffusion frames"):
        molecule_frames.load_frames(other)


def test_frames_that_are_too_many_to_ship_are_refused(whole, tmp_path, start, monkeypatch):
    shutil.copytree(whole[0] / "scratch", tmp_path / "scratch")  # nothing is simulated again
    monkeypatch.setattr(molecule_frames, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="at most 100"):
        made(tmp_path, start, monkeypatch)


def test_lost_atoms_are_an_error_with_step_and_seed(start):
    hot = peptide.Motion(step=0.1)
    moving = peptide.simulate(peptide.State(start, None), hot, 5, 50, 20)
    with pytest.raises(Exception, match=r"seed=5|NaN"):  # OpenMM may see it first
        list(moving)


def test_the_chapter_s_makers():
    assert makers.MAKERS["frames"] is molecule_frames.make_frames


def test_the_stored_frames_are_the_molecule(frames):
    record = frames.record
    assert frames.beads.shape[0] == 2
    assert frames.beads.shape[2:] == (5, 3)
    assert frames.all.shape[0] == record["frames"]
    assert record["frame_ps"] == 2.0
    assert np.isfinite(frames.all).all()
    lengths = bond_lengths(frames.all) * 1000
    # pm, from a run of another length, with light hydrogens and steps of 2 fs
    np.testing.assert_allclose(lengths.mean(0), [133.6, 147.2, 155.1, 134.3], atol=0.2)
    np.testing.assert_allclose(lengths.std(0), [2.4, 2.9, 3.0, 2.4], atol=0.15)


def test_masses_and_steps_did_not_change_the_statistics(frames):
    """Stretches as long as the starter trajectory (1 fs masses, 2 fs steps) scatter around it."""
    with np.load(data.fetch("consistent-diffusion/ala2_starter_trajectory.npz")) as stored:
        beads = stored["xyz_300K"][::2]
    live = Live(beads - beads.mean(1, keepdims=True), 0.0, 0)
    for statistic in compare(live, frames):
        assert statistic.further > 0.0, statistic


def test_a_live_run_is_within_the_scatter_of_stored_stretches(frames):
    live = run_live(frames, 60.0, 300.0, seed=11)
    assert live.beads.shape == (30, 5, 3)
    assert (live.ps, live.steps) == (60.0, 15_000)
    for statistic in compare(live, frames):
        assert abs(statistic.live - statistic.stored) < 5 * statistic.spread, statistic


def test_a_wrong_force_field_would_be_seen(frames):
    live = Live(frames.all[:500] * np.float32(1.02), 0.0, 0)
    bonds = [s for s in compare(live, frames) if s.name.endswith("mean")]
    assert all(s.further == 0.0 for s in bonds)


def test_a_live_run_that_is_too_long_to_compare_is_refused(frames):
    with pytest.raises(ValueError, match="too few stored stretches"):
        compare(Live(frames.all[:20_000], 0.0, 0), frames)


def test_visits_of_the_rare_state_by_hand(frames):
    # turn a frame with phi < 0 into its mirror image: phi > 0 for three visits
    beads = np.repeat(frames.beads[:1, :1], 100, axis=1)
    assert -2 < phi_psi(beads)[0, 0, 0] < 0
    for at in (3, 4, 5, 30, 80, 83):
        beads[0, at] *= np.array([1, 1, -1], "f4")
    small = dataclasses.replace(frames, beads=beads)
    assert rare_visits(small) == ([0.06], [3])
