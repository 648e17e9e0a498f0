"""Training and moving the molecule's models, tiny; and the figures that show them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from companion.consistent_diffusion.lab.molecule import chains
from companion.consistent_diffusion.lab.molecule.models import (
    Molecule,
    methods,
    model_of,
    molecule_of,
    nets,
    train_net,
)
from companion.consistent_diffusion.lab.molecule.peptide import phi_psi
from companion.consistent_diffusion.lab.molecule.scores import late, molecule_series, run_molecule
from companion.consistent_diffusion.lab.molecule.settings import MOLECULE_PRESETS
from companion.consistent_diffusion.method.diffusion import T_MIN
from companion.consistent_diffusion.method.networks import Experts
from companion.consistent_diffusion.page.explorers import beads_explorer
from companion.consistent_diffusion.page.figures import molecule as molecule_beads
from companion.consistent_diffusion.page.figures.molecule import (
    PROFILE_BINS,
    answer_panel,
    drifts,
    molecule_bonds,
    molecule_curves,
    molecule_losses,
    molecule_maps,
    molecule_profiles,
)
from companion.plotting import figure
from companion.training import TrainingDiverged
from tests.consistent_diffusion.molecule_made import chain_beads, result, simulated

TINY = dataclasses.replace(
    MOLECULE_PRESETS["toy"],
    molecule_seeds=2,
    molecule_hidden=(8, 8),
    molecule_batch=16,
    molecule_single_steps=6,
    molecule_large_steps=(6,),
    molecule_small_steps=6,
    molecule_chains=4,
    molecule_ps=0.4,
    molecule_iid=8,
    molecule_iid_steps=5,
    molecule_t_evals=(0.01, 0.02),
)


@pytest.fixture(scope="module")
def molecule():
    return molecule_of(chain_beads(400, np.random.default_rng(0)))


@pytest.fixture(scope="module")
def trained(molecule):
    return chains.train_all(molecule, TINY, seed=0, progress=False)


def test_the_unit_of_the_data_is_their_deviation(molecule):
    assert float(molecule.x.std()) == pytest.approx(1, rel=1e-3)
    x = molecule.x.reshape(-1, 5, 3)
    torch.testing.assert_close(x.mean(1), torch.zeros(400, 3), atol=1e-5, rtol=0)


def test_networks_and_their_ranges():
    found = nets(TINY)
    assert (found["single"].t0, found["single"].t1, found["single"].midpoint) == (0, 1, 0.3)
    assert found["small"].midpoint == pytest.approx(0.03)
    assert found["small, penalty"].alpha == TINY.molecule_alpha > 0 == found["small"].alpha
    assert not found["small, no energy"].energy
    paper = nets(MOLECULE_PRESETS["paper"])
    assert [paper[f"large {i}"][:3] for i in (0, 1)] == [(0.6, 1.0, 0.8), (0.1, 0.6, 0.35)]


def test_training_is_repeatable_and_seeds_differ(molecule, trained):
    again = train_net("small, penalty", molecule, TINY, seed=5)
    same = train_net("small, penalty", molecule, TINY, seed=5)
    for key, value in again.weights.items():
        np.testing.assert_array_equal(value, same.weights[key])
    one, two = (t["small, penalty"].weights["net.weights.0"] for t in trained)
    assert np.abs(one - two).max() > 1e-3


def test_processes_do_not_change_the_result(molecule, trained):
    other = chains.train_all(
        molecule, dataclasses.replace(TINY, molecule_jobs=2), seed=0, progress=False
    )
    for mine, theirs in zip(trained, other, strict=True):
        assert mine.keys() == theirs.keys()
        for name in mine:
            for key, value in mine[name].weights.items():
                np.testing.assert_array_equal(value, theirs[name].weights[key])


def test_nan_in_training_is_loud():
    beads = chain_beads(50, np.random.default_rng(0))
    beads[3] = np.nan
    broken = Molecule(beads, 0.1)
    with pytest.raises(TrainingDiverged, match="seed"):
        train_net("small", broken, TINY, seed=0)


def test_methods_share_experts_and_differ_in_the_last(molecule, trained):
    models = {method: model_of(method, trained[0], molecule, TINY) for method in methods(TINY)}
    x, t = molecule.x[:3], torch.full((3,), 0.5)
    assert isinstance(models["Both"], Experts)
    with torch.no_grad():
        same = models["Mixture"].score(x, t)
        torch.testing.assert_close(models["Both"].score(x, t), same)
        torch.testing.assert_close(models["No energy"].score(x, t), same)
        low = torch.full((3,), 0.01)
        scores = [models[m].score(x, low) for m in ("Mixture", "Both", "No energy")]
    assert (scores[0] - scores[1]).abs().max() > 1e-4
    assert (scores[0] - scores[2]).abs().max() > 1e-4
    assert not hasattr(models["No energy"].last, "log_q")


class Spring(torch.nn.Module):
    """Score of a normal law with deviation 1 in the centered space."""

    def score(self, x, t):
        return -x


class Blow(torch.nn.Module):
    def score(self, x, t):
        return 50 * x


def test_a_known_law_is_simulated_in_nanometers(molecule):
    long = dataclasses.replace(TINY, molecule_chains=400, molecule_ps=6.0)
    run = chains.run_chains(Spring(), molecule, long, 0, method="Both")
    late = run.frames[-5:].reshape(-1, 15)
    assert late.std() == pytest.approx(molecule.scale * np.sqrt(12 / 15), rel=0.05)
    np.testing.assert_allclose(run.frames[-1].mean(1), 0, atol=1e-5)
    assert run.heat.mean() == pytest.approx(1, abs=0.05)
    assert run.label == "Both"
    assert not run.left.any()


def test_chains_that_leave_are_stopped_and_counted(molecule):
    long = dataclasses.replace(TINY, molecule_ps=1.0)
    run = chains.run_chains(Blow(), molecule, long, 0, method="No energy", t_eval=0.01)
    assert run.left.all()
    assert run.lost.all()
    assert run.n_chains == 4
    assert np.isnan(run.frames[-1]).all()
    assert (run.stopped_ps <= 1.0).all()
    assert run.label == "Two For One, t = 0.01"


def test_every_method_has_the_same_starts(molecule):
    first, second = (
        chains.run_chains(Spring(), molecule, TINY, 3, method=m) for m in ("Both", "Mixture")
    )
    np.testing.assert_array_equal(first.frames, second.frames)


def test_everything_is_simulated(molecule, trained):
    found = chains.simulate_all(trained, molecule, TINY, seed=0, progress=False)
    assert found.labels == [*methods(TINY), "Two For One, t = 0.01", "Two For One, t = 0.02"]
    assert found.n_seeds == 2
    assert set(found.iid) == {(m, i) for m in chains.IID_METHODS for i in (0, 1)}
    run = found.runs["Both", 1]
    assert run.frames.shape == (2, 4, 5, 3)
    assert run.t_eval == T_MIN


def test_unknown_networks_and_frames_are_refused(molecule):
    with pytest.raises(ValueError, match="invariants or transformer"):
        train_net("small", molecule, dataclasses.replace(TINY, molecule_network="gnn"), 0)
    with pytest.raises(ValueError, match="ours, published"):
        chains.load_molecule(dataclasses.replace(TINY, molecule_frames="theirs"))


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="as many molecule_large_steps"):
        nets(dataclasses.replace(TINY, molecule_borders=(0.6, 0.1)))
    with pytest.raises(ValueError, match="need at least 1 ps"):
        run_molecule(dataclasses.replace(TINY, molecule_ps=0.8), 0)


def test_the_paper_s_path_runs_on_a_stand_in(molecule, monkeypatch):
    beads = chain_beads(60, np.random.default_rng(1))
    monkeypatch.setattr(chains, "published_beads", lambda folder, n, rng: beads)
    tiny = dataclasses.replace(
        MOLECULE_PRESETS["paper"],
        molecule_seeds=1,
        molecule_batch=4,
        molecule_single_steps=2,
        molecule_large_steps=(2, 2),
        molecule_small_steps=2,
        molecule_chains=2,
        molecule_ps=0.4,
        molecule_iid=2,
        molecule_iid_steps=3,
        molecule_t_evals=(0.01,),
    )
    published = chains.load_molecule(tiny)
    trained = chains.train_all(published, tiny, seed=0, progress=False)
    found = chains.simulate_all(trained, published, tiny, seed=0, progress=False)
    assert found.runs["Both", 0].frames.shape == (2, 2, 5, 3)
    assert len(found.iid["Both", 0].beads) == 2


@pytest.fixture(scope="module")
def shown(trained):
    beads = chain_beads(2000, np.random.default_rng(9)).reshape(2, 1000, 5, 3)
    found = simulated(2, **{"No energy": {"lost": 16}, "Two For One, t = 0.02": {"loose": 0.02}})
    return dataclasses.replace(result(found, beads), trained=trained)


def test_figures_are_drawn_even_when_chains_are_lost(shown):
    drawn = [
        *(
            draw(shown)
            for draw in (
                molecule_curves,
                molecule_maps,
                molecule_profiles,
                molecule_bonds,
                molecule_losses,
            )
        ),
        molecule_beads.beads_frame(shown.simulated, shown.reference, "Both", 4.0),
        molecule_beads.beads_frame(shown.simulated, shown.reference, "No energy", 38.0),
    ]
    assert all(isinstance(fig, Figure) for fig in drawn)
    assert drawn[0].get_suptitle().startswith("Distance from")  # nothing drifts in made-up runs
    bottom = drawn[2].axes[2]  # the difference of Both to the data, against both histograms by hand
    edges = np.linspace(-180, 180, PROFILE_BINS + 1)
    moved = phi_psi(np.concatenate([late(run) for run in shown.simulated.of("Both")]))[:, 0]
    counts = [
        np.histogram(np.degrees(phi), edges)[0] + 0.0
        for phi in (moved, shown.reference.all_angles[:, 0])
    ]
    k = int(counts[0].argmax())
    by_hand = np.log(counts[0].max() / counts[0][k]) - np.log(counts[1].max() / counts[1][k])
    assert bottom.lines[1].get_ydata()[k] == pytest.approx(by_hand)
    ax = drawn[3].axes[0]
    assert "smears" in (ax.get_title(loc="left") or ax.get_title())


@pytest.mark.parametrize(("divergence", "start"), [(0.0, "Of these"), (9.0, "Free energy over")])
def test_the_title_of_the_maps_follows_the_divergences(shown, divergence, start):
    scores = shown.summary.simulated
    both = [score._replace(divergence=divergence) for score in scores["Both"]]
    summary = shown.summary._replace(simulated=scores | {"Both": both})
    fig = molecule_maps(dataclasses.replace(shown, summary=summary))
    assert fig.get_suptitle().startswith(start)


def test_the_beads_are_described(shown):
    assert "bonds 1" in molecule_beads.beads_alt(shown.simulated, "Both", 4.0)
    assert molecule_beads.beads_alt(shown.simulated, "No energy", 38.0).endswith("has left.")
    view = beads_explorer(shown)
    assert list(view.grids) == ["label", "ps"]
    assert len(view.grids["label"]) * len(view.grids["ps"]) <= 40


def test_the_record_s_panel_is_drawn_from_the_series(shown):
    fig, ax = figure()
    assert answer_panel(ax, molecule_series(shown)) is False
    assert ax.get_legend() is not None
    assert fig.axes


def test_drawn_beads_keep_their_shape():
    from companion.consistent_diffusion.lab.molecule.peptide import bond_lengths, phi_psi

    beads = chain_beads(1, np.random.default_rng(2))[0].astype(float)
    turned = molecule_beads.aligned(beads)
    np.testing.assert_allclose(bond_lengths(turned), bond_lengths(beads))
    np.testing.assert_allclose(phi_psi(turned), phi_psi(beads))  # a mirror would change the sign


def test_drift_is_seen_and_only_then():
    flat, rising = np.full((2, 5), 0.05), np.full((2, 5), 0.05) + np.linspace(0, 0.1, 5)
    assert drifts({"Diffusion": rising, "Both": flat}, 0.06)
    assert not drifts({"Diffusion": flat, "Both": flat}, 0.06)
    assert not drifts({"Diffusion": flat, "Both": rising}, 0.06)
    assert not drifts({"Diffusion": rising, "Both": rising}, 0.06)
