"""Angles against OpenMM's own, invariants against finite differences and plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from companion.consistent_diffusion.lab.molecule.peptide import (
    BOND_NAMES,
    C_N,
    N_INVARIANTS,
    PAIRS,
    QUADRUPLES,
    Invariants,
    bond_lengths,
    centered,
    dihedral,
    phi_psi,
    with_angles,
)


@pytest.fixture
def beads() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(20, 5, 3))


def openmm_dihedral(points: np.ndarray, i: int) -> float:
    """The angle as the energy of a torsion force "theta", by OpenMM."""
    import openmm
    from openmm import unit

    system = openmm.System()
    for _ in range(5):
        system.addParticle(1.0)
    force = openmm.CustomTorsionForce("theta")
    force.addTorsion(i, i + 1, i + 2, i + 3, [])
    system.addForce(force)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(points)
    energy = context.getState(getEnergy=True).getPotentialEnergy()
    return energy.value_in_unit(unit.kilojoule_per_mole)


def test_angles_are_those_of_openmm(beads):
    expected = [[openmm_dihedral(points, i) for i in (0, 1)] for points in beads]
    np.testing.assert_allclose(phi_psi(beads), expected, atol=1e-6)


def test_known_angles():
    # four beads in a plane: trans is pi, cis is 0; a quarter turn has the sign of a right screw
    start = np.array([[1.0, 1, 0], [0, 0, 0], [0, 0, 1]])
    for angle in (0.0, np.pi / 2, -np.pi / 3, 3.0):
        turned = Rotation.from_rotvec([0, 0, angle]).apply(np.array([1.0, 1, 1]))
        five = np.vstack([start, turned, [9, 9, 9]])
        assert dihedral(five, 0) == pytest.approx(angle)


def test_turned_angles_are_those_asked_for_and_the_rest_stays(beads):
    asked = np.random.default_rng(1).uniform(-np.pi, np.pi, (20, 2))
    turned = with_angles(beads, asked)
    np.testing.assert_allclose(phi_psi(turned), asked, atol=1e-9)
    np.testing.assert_allclose(bond_lengths(turned), bond_lengths(beads))
    for k in range(3):  # distances over two bonds: the angles between bonds
        far = [np.linalg.norm(b[:, k + 2] - b[:, k], axis=-1) for b in (turned, beads)]
        np.testing.assert_allclose(*far)
    np.testing.assert_allclose(with_angles(beads, phi_psi(beads)), beads, atol=1e-9)


def test_flattened_beads_are_the_same_beads(beads):
    flat = beads.reshape(20, 15)
    np.testing.assert_array_equal(phi_psi(flat), phi_psi(beads))
    np.testing.assert_array_equal(bond_lengths(flat), bond_lengths(beads))


def test_bond_lengths_by_hand():
    line = np.zeros((5, 3))
    line[:, 0] = [0, 1, 3, 6, 10]
    np.testing.assert_allclose(bond_lengths(line), [1, 2, 3, 4])
    assert [BOND_NAMES[i] for i in C_N] == ["C–N", "C–N"]


def test_invariants_are_distances_volumes_and_radius(beads):
    values = Invariants(torch.tensor(beads.reshape(20, 15))).values.numpy()
    for row, points in zip(values, beads, strict=True):
        pairs = [np.linalg.norm(points[i] - points[j]) for i, j in PAIRS]
        volumes = [np.linalg.det(points[[b, c, d]] - points[a]) for a, b, c, d in QUADRUPLES]
        np.testing.assert_allclose(row, [*pairs, *volumes, (points**2).sum()], atol=1e-9)


def test_moves_and_turns_change_nothing_and_a_mirror_changes_the_volumes(beads):
    turn = Rotation.random(20, random_state=1).as_matrix()
    moved = np.einsum("nij,nbj->nbi", turn, beads) + 3.0
    mirrored = beads * [1, 1, -1]

    def values(x):
        return Invariants(centered(torch.tensor(x.reshape(20, 15)))).values.numpy()

    np.testing.assert_allclose(values(moved), values(beads), atol=1e-9)
    np.testing.assert_allclose(values(mirrored)[:, 10:15], -values(beads)[:, 10:15], atol=1e-9)
    np.testing.assert_allclose(values(mirrored)[:, :10], values(beads)[:, :10], atol=1e-9)
    np.testing.assert_allclose(phi_psi(mirrored), -phi_psi(beads))


def test_pull_back_is_the_gradient(beads):
    x = torch.tensor(beads.reshape(20, 15))
    slopes = torch.randn(20, N_INVARIANTS, generator=torch.Generator().manual_seed(0))
    slopes = slopes.double()
    back = Invariants(x).pull_back(slopes)
    step = 1e-6
    for k in range(15):
        up, down = x.clone(), x.clone()
        up[:, k] += step
        down[:, k] -= step
        change = (slopes * (Invariants(up).values - Invariants(down).values)).sum(1) / (2 * step)
        torch.testing.assert_close(back[:, k], change, atol=1e-6, rtol=1e-6)


def test_centering_is_a_projection_on_twelve_dimensions():
    matrix = centered(torch.eye(15, dtype=torch.float64))
    torch.testing.assert_close(matrix @ matrix, matrix)
    assert float(matrix.diagonal().sum()) == pytest.approx(12)
