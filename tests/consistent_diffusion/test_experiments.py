"""The experiments at a small size: training, scores, shipped networks, and what is kept."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from companion import results
from companion.consistent_diffusion.lab import plane, run
from companion.consistent_diffusion.lab.molecule import chains, models, scores
from companion.consistent_diffusion.lab.molecule.frames import load_frames
from companion.consistent_diffusion.lab.molecule.peptide import (
    bond_lengths,
    centered,
    in_rare_state,
    phi_psi,
)
from companion.consistent_diffusion.method.diffusion import T_MIN, Dynamics, simulate
from companion.consistent_diffusion.settings import PRESETS, Settings
from companion.data import DataUnavailable

SMALL = replace(
    PRESETS["toy"],
    steps=60,
    hidden=(6,),
    expert_hidden=((4,), (4,), (5,)),
    data_chains=20,
    data_steps=100,
    iid=40,
    iid_steps=4,
    chains=10,
    sim_steps=250,
    molecule_hidden=(6,),
    molecule_batch=8,
    molecule_single_steps=60,
    molecule_large_steps=(4,),
    molecule_small_steps=60,
    molecule_common=5,
    molecule_rare=3,
    molecule_iid=12,
    molecule_iid_steps=4,
    molecule_dt=0.004,
)


def molecule_sizes(**changed):
    return run.sizes_of(models.MoleculeSizes, replace(SMALL, **changed))


@pytest.fixture(scope="module")
def data():
    return chains.load_molecule(molecule_sizes())


@pytest.fixture(scope="module")
def trained(data):
    return chains.train_all(data, molecule_sizes(), 0)


# --------------------------------------------------------------------------- settings
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"line_alphas": (0.0, 1.0)}, "1e-3"),
        ({"expert_hidden": ((4,),)}, "widths of 3"),
        ({"strong": 1e-5}, "alpha < strong"),
        ({"molecule_borders": (0.6, 0.1)}, "as many"),
        ({"molecule_network": "cnn"}, "invariants or transformer"),
        ({"molecule_temperature": 0.0}, "temperature above 0"),
    ],
)
def test_settings_refuse_nonsense(changed, said):
    with pytest.raises(ValueError, match=said):
        replace(PRESETS["toy"], **changed)


def test_the_published_seeds_are_new():
    assert isinstance(PRESETS["book"], Settings)
    assert PRESETS["book"].seed_base == PRESETS["paper"].seed_base > 10_000


def test_experts_together_have_as_many_numbers_as_the_one_network():
    rows = {(s, m): (n, u) for s, m, n, u in run.budgets(PRESETS["book"])}
    one, experts = rows["Muller-Brown", "Diffusion"], rows["Muller-Brown", "Both"]
    assert experts[0] == pytest.approx(one[0], rel=0.01)
    assert experts[1] == pytest.approx(one[1], rel=0.01)


# --------------------------------------------------------------------------- plane
@pytest.fixture(scope="module")
def on_plane():
    return run.muller_brown(SMALL, 0)


def test_all_methods_are_scored_for_all_seeds(on_plane, tmp_path):
    names = (*plane.METHODS, *plane.STRONG)
    assert tuple(on_plane.grid_js) == names
    for name in names:
        assert on_plane.grid_js[name].shape == (2,)
        assert on_plane.t_eval_js[name].shape == (2, len(plane.T_EVAL))
        assert np.array_equal(on_plane.t_eval_js[name][:, 0], on_plane.grid_js[name])
        assert on_plane.law[name].sum() == pytest.approx(1)
        assert np.isfinite(on_plane.log_z[name]).all()
    path = tmp_path / "kept.npz"
    results.save(path, on_plane, key="k", parts={}, reads={})
    assert results.difference(results.load(path), on_plane) is None


def test_a_method_that_leaves_out_the_penalty_is_another_model(on_plane):
    assert (on_plane.grid_js["Mixture"] != on_plane.grid_js["Both"]).all()
    assert (on_plane.grid_js["Both"] != on_plane.grid_js["Both, strong"]).all()


def test_residuals_of_a_perfect_model_are_none():
    class Exact(torch.nn.Module):
        """Data N(0, 1), two of them: log p_t does not depend on t; c(t) = 3 t is added."""

        lanes = (2,)

        def log_q(self, x, t):
            return -0.5 * x.square().sum(-1) + 3 * t

    points = np.random.default_rng(0).standard_normal((300, 2)).astype("f4")
    raw, fixed = plane.residual_curve(Exact(), points, 0)
    assert raw.shape == (2, len(plane.RESIDUAL_TIMES))
    np.testing.assert_allclose(raw, 3, atol=1e-3)  # the gauge, which no sample sees
    assert fixed.max() < 1e-3


def test_a_few_samples_are_compared_with_as_many():
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 500, 2)) * 0.4
    assert plane.errors(one, other[:100]) == plane.errors(one[:100], other[:100])
    assert np.isnan(plane.errors(one, other[:0])).all()
    broken = other.copy()
    broken[::2] = np.nan
    assert len(plane.cut(broken, 400, rng)) == 250


# --------------------------------------------------------------------------- molecule
def test_chains_start_in_either_state(data):
    sizes = molecule_sizes()
    found = chains.starts(data, sizes, torch.Generator().manual_seed(0))
    assert found.shape == (2, 8, 15)
    inside = in_rare_state(phi_psi(found.numpy())[..., 0])
    assert inside.tolist() == [[False] * 5 + [True] * 3] * 2


def test_chains_start_outside_of_the_data(data):
    sizes = molecule_sizes(molecule_common=400, molecule_rare=100)
    found = chains.starts_outside(data, sizes, torch.Generator().manual_seed(0))
    assert found.shape == (2, 500, 15)
    torch.testing.assert_close(centered(found), found)
    angles = phi_psi(found.numpy())
    counts = np.histogram2d(*angles.reshape(-1, 2).T, bins=4, range=[[-np.pi, np.pi]] * 2)[0]
    assert counts.min() > 30  # 62 in each of 16 cells, most of which have no data
    stiff = [bond_lengths(x.numpy()).mean((0, 1)) for x in (found, data.x[None])]
    np.testing.assert_allclose(*stiff, rtol=5e-3)


def test_times_of_the_force_are_moved_side_by_side(data, trained):
    asked, seen = torch.tensor([0.0, 0.0, 0.5]), []

    def score(x, t):
        seen.append(t.tolist())
        return -x

    dynamics = Dynamics(kT=1.0, dt=0.1, mass=1.0, steps=2, every=1)
    simulate(score, torch.zeros(2, 3, 1), dynamics, torch.Generator(), t_eval=asked)
    assert seen == [[asked.tolist()] * 2] * 2
    found = chains.move("Diffusion", (T_MIN, 0.5), trained, data, molecule_sizes(), 0)
    assert list(found) == ["Diffusion", "Two For One, t = 0.5"]
    assert {one.angles.shape for one in found.values()} == {(2, 10, 8, 2)}
    assert not np.array_equal(*[one.angles for one in found.values()])


def test_home_is_where_the_data_are():
    """Two cells hold all but one of a thousand frames; what is left is not home."""
    angles = np.full((1, 2000, 2), -2.0)
    angles[0, 800:1998] = [1.0, 1.0]
    angles[0, 1998:] = [2.9, -2.9]
    home = scores.home_of(scores.Reference(angles, np.zeros((1, 2000, 4))))
    assert home.sum() == 2
    there = np.array([[[-2.0, -2.0], [1.0, 1.0], [2.9, -2.9], [np.nan, np.nan]]])
    assert scores.at_home(there, home).tolist() == [0.5]


def test_the_stored_dynamics_are_at_home():
    reference = scores.reference_of(load_frames().beads)
    home = scores.home_of(reference)
    assert scores.at_home(reference.angles[0][:, None], home).mean() == pytest.approx(
        0.999, abs=1e-3
    )
    assert 0.1 < home.mean() < 0.6


def test_a_perfect_simulation_scores_the_floor(data):
    """Stretches of the stored dynamics in place of chains: scores lie within the yardstick."""
    reference = scores.reference_of(load_frames().beads)
    rng = np.random.default_rng(5)
    common, rare, n = 30, 20, 40
    true = scores.yardstick(reference, common, rare, n, rng, repeats=20)
    begins = reference.rare[:, : 25_000 - n]
    at = np.concatenate(
        [
            rows[rng.integers(len(rows), size=k)]
            for rows, k in ((np.argwhere(~begins), common), (np.argwhere(begins), rare))
        ]
    )
    angles = reference.angles[at[:, 0], at[:, 1] + np.arange(n)[:, None]][None]
    bonds = reference.bonds[at[:, 0], at[:, 1] + np.arange(n)[:, None]][None]
    moved = chains.Moved(angles, bonds, np.ones((1, 50)), np.zeros((1, 50), bool))
    weights = scores.weights_of(common, rare, reference.share)
    found = scores.moved_scores(moved, reference, weights, common, 2.0)
    assert 0.5 * true.js.low < found["js"][0] < 1.5 * true.js.high
    assert found["population"][0] == pytest.approx(reference.share, abs=0.02)
    assert found["bond"][0] < 2e-4
    assert true.stay[0] > 0.9
    assert true.enter[0] < 0.05
    assert found["timescale"][0] == pytest.approx(20, rel=0.8)


def test_the_bond_error_of_a_shift():
    """All bonds 1 pm too long: the Wasserstein distance is 1 pm, whatever the weights."""
    bonds = 0.13 + 0.002 * np.random.default_rng(0).standard_normal((2, 500, 4))
    reference = scores.Reference(np.zeros((2, 500, 2)), bonds)
    moved = bonds.swapaxes(0, 1) + 0.001
    assert scores.bond_error(reference, moved, np.array([0.5, 0.5])) == pytest.approx(1e-3)
    assert np.isnan(scores.bond_error(reference, np.full((3, 2, 4), np.nan), None))


def test_weights_give_each_state_its_share():
    weights = scores.weights_of(4, 2, 0.1)
    assert weights.sum() == pytest.approx(1)
    assert weights[4:].sum() == pytest.approx(0.1)
    angles = np.zeros((3, 6, 2))
    angles[:, 4:, 0] = 1.0
    angles[:, 5] = np.nan
    masses = scores.masses(angles, weights, 4)
    assert masses.sum() == pytest.approx(1)
    assert masses[2].sum() == pytest.approx(1)
    assert np.isnan(scores.masses(angles[:, 5:], weights[5:], 4)).all()


def test_the_relaxation_time_of_a_two_state_chain():
    """A chain that changes its state with probability p a frame: C(lag) = (1 - 2p)^lag."""
    rng, p = np.random.default_rng(0), 0.05
    flips = rng.random((400, 300)) < p
    psi = np.where(np.cumsum(flips, 0) % 2, 0.0, 2.5)
    angles = np.stack([np.zeros_like(psi), psi], -1)
    expected = -2.0 / np.log(1 - 2 * p)
    assert scores.timescale(angles, 2.0) == pytest.approx(expected, rel=0.1)
    assert np.isnan(scores.timescale(angles[:3], 2.0))
    assert np.isnan(scores.timescale(np.zeros((40, 3, 2)), 2.0))


def test_an_energy_has_a_symmetric_jacobian_and_the_other_field_has_not(data, trained):
    found = {
        name: chains.skew_share(name, trained, data, molecule_sizes(), 0, n=8)
        for name in ("Mixture", "No energy")
    }
    assert found["Mixture"].shape == (2,)
    assert found["Mixture"].max() < 1e-5
    assert found["No energy"].min() > 1e-3


def test_temperature_is_a_setting(data, trained):
    heats = []
    for kelvin in (300.0, 500.0):
        dynamics = chains.dynamics_of(molecule_sizes(molecule_temperature=kelvin))
        heats.append(dynamics.kT)
    assert heats[1] / heats[0] == pytest.approx(5 / 3)
    assert heats[0] == pytest.approx(2.4943, abs=1e-3)


def test_the_molecule_as_a_whole(trained, tmp_path, monkeypatch):
    def again(_, sizes, seed):
        """These networks were trained above."""
        assert (sizes, seed) == (molecule_sizes(), 0)
        return trained

    stored = load_frames()
    few = replace(stored, beads=stored.beads[:, ::10])  # to be scored by, not to be trained on
    monkeypatch.setattr(scores, "train_all", again)
    monkeypatch.setattr(scores, "load_frames", lambda: few)
    found = run.molecule("", SMALL, 0)
    assert set(found.js) == {*chains.MOVED, "Two For One, t = 0.02"}
    assert found.curves["Both"].shape == (2, 5)
    assert found.maps["data"].sum() == pytest.approx(1)
    assert 0.03 < found.share < 0.07
    assert found.chains == 8
    assert set(found.back) == set(chains.DENOISED)
    assert found.back["Both"].shape[0] == 2
    path = tmp_path / "kept.npz"
    results.save(path, found, key="k", parts={}, reads={})
    assert results.difference(results.load(path), found) is None


def test_the_transformer_is_trained_and_moved_like_the_others(data):
    """The paper's network, on a stand-in: one step, one seed, four molecules."""
    sizes = molecule_sizes(
        molecule_network="transformer",
        molecule_seeds=1,
        molecule_single_steps=60,
        molecule_batch=2,
    )
    sizes = replace(sizes, molecule_single_steps=1)
    one = models.train_net("single", data, sizes, 0)
    again = models.train_net("single", data, sizes, 0)
    assert all(np.array_equal(one.weights[k], again.weights[k]) for k in one.weights)
    model = models.model_of("Diffusion", {"single": one}, data, sizes)
    x = data.x[:4][None]
    assert model.score(x, torch.full((1, 4), T_MIN)).shape == (1, 4, 15)


# --------------------------------------------------------------------------- shipped networks
@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the networks of a maker, and what it said."""
    folder, said = tmp_path_factory.mktemp("nets"), []
    path = chains.make_nets(folder / "scratch", said.append, molecule_sizes(), folder)
    assert path.is_file()
    return folder, said


@pytest.fixture
def nets(made, tmp_path):
    """The networks, in a folder of the test's own."""
    return shutil.copytree(made[0], tmp_path / "nets")


def test_networks_are_made_kept_and_loaded(made, nets, data):
    sizes, said = molecule_sizes(), list(made[1])
    path = nets / "molecule_nets.npz"
    assert len(said) == 6
    found = chains.load_nets(sizes, nets)
    assert set(found) == set(models.nets(sizes))
    expected = models.train_net("small", data, sizes, chains.MAKER_SEED)
    for key, value in expected.weights.items():
        np.testing.assert_array_equal(found["small"].weights[key], value)
    before = path.read_bytes()
    chains.make_nets(nets / "scratch", said.append, sizes, nets)
    assert path.read_bytes() == before
    assert chains.shipped_hash(nets) != ""


def test_other_networks_are_refused(nets, tmp_path):
    sizes = molecule_sizes()
    with pytest.raises(DataUnavailable, match="companion make consistent-diffusion molecule"):
        chains.load_nets(sizes, tmp_path)
    assert chains.shipped_hash(tmp_path) == ""
    with pytest.raises(chains.NetsDamaged, match="other settings"):
        chains.load_nets(replace(sizes, molecule_lr=1.0), nets)
    path = nets / "molecule_nets.npz"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(chains.NetsDamaged, match="not the file"):
        chains.load_nets(sizes, nets)


def test_a_run_that_expects_other_networks_stops():
    with pytest.raises(ValueError, match="ship"):
        run.molecule("abc", replace(SMALL, molecule_weights="shipped"), 0)
