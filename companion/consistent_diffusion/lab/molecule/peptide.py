r"""Alanine dipeptide: the shape of its five beads, and its forces.

The beads are C, N, CA, C, N.  Beads 0-3 span the dihedral angle :math:`\phi`, beads 1-4 span
:math:`\psi`.  Distances and signed volumes do not change when the molecule is moved or turned; a
distance cannot tell a molecule from its mirror image, a signed volume can.

OpenMM integrates Langevin's equation for the 22 atoms in implicit water.  Hydrogens are made
heavier (3 Da, taken from the atom that they hang on), which allows steps of 4 fs: where the atoms
are in equilibrium does not depend on masses, only how fast they get there does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion.consistent_diffusion.sources import BEADS
from companion.scale import derive_seed

# ----------------------------------------------------------------------------------------- geometry
N_BEADS = 5
PAIRS = tuple(combinations(range(N_BEADS), 2))
QUADRUPLES = tuple(combinations(range(N_BEADS), 4))
N_INVARIANTS = len(PAIRS) + len(QUADRUPLES) + 1
"""Ten distances, five signed volumes, and the squared radius."""

BONDS = ((0, 1), (1, 2), (2, 3), (3, 4))
BOND_NAMES = ("C–N", "N–CA", "CA–C", "C–N")
C_N = (0, 3)
"""Which of :data:`BONDS` are peptide bonds; the paper looks at these."""


def dihedral(beads: np.ndarray, i: int) -> np.ndarray:
    """Angle in radian, -pi to pi, that beads i to i + 3 span; IUPAC's sign (trans is pi).

    beads : (..., 5, 3).  Returns : (...)
    """
    b1, b2, b3 = (beads[..., i + k + 1, :] - beads[..., i + k, :] for k in range(3))
    n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
    length = np.linalg.norm(b2, axis=-1)
    return np.arctan2(length * (b1 * n2).sum(-1), (n1 * n2).sum(-1))


def phi_psi(beads: np.ndarray) -> np.ndarray:
    """Both angles in radian: (..., 2) from (..., 5, 3) or flattened (..., 15)."""
    beads = as_beads(beads)
    return np.stack([dihedral(beads, 0), dihedral(beads, 1)], -1)


def bond_lengths(beads: np.ndarray) -> np.ndarray:
    """Lengths of the four bonds, in the unit of `beads`: (..., 4)."""
    beads = as_beads(beads)
    return np.stack(
        [np.linalg.norm(beads[..., j, :] - beads[..., i, :], axis=-1) for i, j in BONDS], -1
    )


def with_angles(beads: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """The same beads with other dihedral angles; bonds and the angles between them stay.

    beads : (..., 5, 3); angles : (..., 2) in radian, phi and psi.  The first bead is turned about
    the second bond, the last bead about the third.
    """
    beads = as_beads(beads).copy()
    turn = np.asarray(angles) - phi_psi(beads)
    for bead, (start, end), by in ((0, BONDS[1], -turn[..., 0]), (4, BONDS[2], turn[..., 1])):
        axis = beads[..., end, :] - beads[..., start, :]
        axis = axis / np.linalg.norm(axis, axis=-1, keepdims=True)
        arm = beads[..., bead, :] - beads[..., start, :]
        along = (arm * axis).sum(-1, keepdims=True) * axis
        cos, sin = np.cos(by)[..., None], np.sin(by)[..., None]
        turned = along + cos * (arm - along) + sin * np.cross(axis, arm)
        beads[..., bead, :] = beads[..., start, :] + turned
    return beads


RARE = (0.0, 2.0)
"""Ends of the rare state in radian: phi between 0 and 115 degrees."""


def in_rare_state(phi: np.ndarray) -> np.ndarray:
    """Whether phi, in radian, lies in the rare state; an angle that is NaN does not."""
    return (phi > RARE[0]) & (phi < RARE[1])


def as_beads(x: np.ndarray) -> np.ndarray:
    """(..., 5, 3) from (..., 15); float64, so that angles are as exact as the coordinates."""
    x = np.asarray(x, dtype=float)
    return x if x.shape[-2:] == (N_BEADS, 3) else x.reshape(*x.shape[:-1], N_BEADS, 3)


def centered(x: Tensor) -> Tensor:
    """Coordinates without their mean: the projection on 12 of 15 dimensions; (..., 15)."""
    beads = x.reshape(*x.shape[:-1], N_BEADS, 3)
    return (beads - beads.mean(-2, keepdim=True)).reshape(x.shape)


def _differences() -> Tensor:
    """Matrix that takes (batch, 15) to all difference vectors, component by component: (15, 75).

    One product of two matrices is many times faster than 25 small ones per molecule.
    """
    rows = torch.zeros(len(PAIRS) + 3 * len(QUADRUPLES), N_BEADS)
    for row, (i, j) in enumerate(PAIRS):
        rows[row, i], rows[row, j] = -1.0, 1.0
    for q, (origin, *others) in enumerate(QUADRUPLES):
        for k, other in enumerate(others):
            row = len(PAIRS) + k * len(QUADRUPLES) + q
            rows[row, origin], rows[row, other] = -1.0, 1.0
    return torch.einsum("rb,cd->bcdr", rows, torch.eye(3)).reshape(3 * N_BEADS, -1)


_MATRIX = _differences()
_TINY = 1e-12  # keeps the square root's slope finite where two beads meet


class Invariants:
    r"""Invariants of a batch, and the way back from slopes in them to slopes in x.

    x : (..., 15), centered
    values : (..., 16): distances, volumes :math:`(b-a)\cdot[(c-a)\times(d-a)]`, and
        :math:`\|x\|^2`
    """

    def __init__(self, x: Tensor) -> None:
        n, q = len(PAIRS), len(QUADRUPLES)
        self._lead, x = x.shape[:-1], x.reshape(-1, x.shape[-1])
        self._x, self._matrix = x, _MATRIX.to(x)
        vectors = (x @ self._matrix).reshape(len(x), 3, n + 3 * q)
        self._pairs = vectors[..., :n]
        u, v, w = vectors[..., n:].split(q, -1)
        self._distances = (self._pairs.square().sum(1) + _TINY).sqrt()
        areas = torch.linalg.cross(v, w, dim=1)
        sides = (areas, torch.linalg.cross(w, u, dim=1), torch.linalg.cross(u, v, dim=1))
        self._sides = torch.cat(sides, -1)
        radius = x.square().sum(1, keepdim=True)
        values = torch.cat([self._distances, (u * areas).sum(1), radius], 1)
        self.values = values.reshape(*self._lead, N_INVARIANTS)

    def pull_back(self, slopes: Tensor) -> Tensor:
        """Sum over invariants k of ``slopes[..., k]`` times the gradient of k in x: (..., 15)."""
        n, q = len(PAIRS), len(QUADRUPLES)
        slopes = slopes.reshape(-1, N_INVARIANTS)
        along = (slopes[:, :n] / self._distances)[:, None] * self._pairs
        across = slopes[:, n : n + q].repeat(1, 3)[:, None] * self._sides
        forces = torch.cat([along, across], -1).flatten(1) @ self._matrix.T
        return (forces + 2 * slopes[:, n + q :] * self._x).reshape(*self._lead, -1)


# ----------------------------------------------------------------------------------------------- md
RESIDUES = (
    ("ACE", "H1 CH3 H2 H3 C O"),
    ("ALA", "N H CA HA CB HB1 HB2 HB3 C O"),
    ("NME", "N H C H1 H2 H3"),
)
"""Residue and names of its atoms; the first letter of a name is the element."""

ATOM_BONDS = (
    (0, 1),
    (1, 2),
    (1, 3),
    (1, 4),
    (4, 5),
    (4, 6),
    (6, 7),
    (6, 8),
    (8, 9),
    (8, 10),
    (10, 11),
    (10, 12),
    (10, 13),
    (8, 14),
    (14, 15),
    (14, 16),
    (16, 17),
    (16, 18),
    (18, 19),
    (18, 20),
    (18, 21),
)
"""Pairs of atoms, zero based."""

FORCE_FIELD = ("amber99sbildn.xml", "amber99_obc.xml")


@dataclass(frozen=True)
class Motion:
    """How atoms are moved.

    temperature in K; friction in 1/ps; step in ps; hydrogen_mass in Da (None: as in nature)
    """

    temperature: float = 300.0
    friction: float = 1.0
    step: float = 0.004
    hydrogen_mass: float | None = 3.0


class State(NamedTuple):
    """Where a simulation can go on: positions in nm and velocities in nm/ps, (22, 3) each."""

    positions: np.ndarray
    velocities: np.ndarray | None


def topology() -> object:
    """OpenMM's description of the molecule: three residues, 22 atoms, 21 bonds."""
    from openmm import app

    made = app.Topology()
    chain = made.addChain()
    atoms = []
    for residue_name, names in RESIDUES:
        residue = made.addResidue(residue_name, chain)
        for name in names.split():
            element = app.Element.getBySymbol(name[0])
            atoms.append(made.addAtom(name, element, residue))
    for i, j in ATOM_BONDS:
        made.addBond(atoms[i], atoms[j])
    return made


def make_system(dynamics: Motion) -> object:
    """OpenMM's system: amber99sb-ildn, OBC implicit water, no cutoff, rigid bonds of hydrogens."""
    from openmm import app, unit

    heavy = None if dynamics.hydrogen_mass is None else dynamics.hydrogen_mass * unit.amu
    return app.ForceField(*FORCE_FIELD).createSystem(
        topology(),
        nonbondedMethod=app.NoCutoff,
        constraints=app.HBonds,
        hydrogenMass=heavy,
    )


def simulate(
    start: State, dynamics: Motion, seed: int, n_frames: int, stride: int
) -> Iterator[tuple[np.ndarray, State]]:
    """Langevin dynamics; yields a frame every `stride` steps.

    start : without velocities, they are drawn at the temperature
    seed : of the random forces; the Reference platform repeats a run digit by digit

    Yields
    ------
    beads : (5, 3) float64 in nm, centered
    state : all atoms, so that another call can go on from here

    Raises
    ------
    FloatingPointError : the atoms' positions are not finite, with the number of steps and the seed
    """
    import openmm
    from openmm import unit

    system = make_system(dynamics)
    integrator = openmm.LangevinMiddleIntegrator(
        dynamics.temperature, dynamics.friction, dynamics.step
    )
    integrator.setRandomNumberSeed(_small(seed))
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(np.asarray(start.positions, dtype=float))
    if start.velocities is None:
        context.applyConstraints(1e-6)
        context.setVelocitiesToTemperature(dynamics.temperature, _small(derive_seed(seed, "v")))
    else:
        context.setVelocities(np.asarray(start.velocities, dtype=float))
    for frame in range(n_frames):
        integrator.step(stride)
        now = context.getState(getPositions=True, getVelocities=True)
        positions = now.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        velocities = now.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)
        if not np.isfinite(positions).all():
            raise FloatingPointError(f"atoms are lost after {(frame + 1) * stride} steps, {seed=}")
        yield beads_of(positions), State(positions, velocities)


def beads_of(positions: np.ndarray) -> np.ndarray:
    """The five beads of (22, 3) positions, centered on their mean."""
    beads = np.asarray(positions, dtype=float)[list(BEADS)]
    return beads - beads.mean(0)


def _small(seed: int) -> int:
    """A seed that OpenMM takes: 31 bits, not 0 (which would mean a seed of its own choice)."""
    return seed % (2**31 - 2) + 1
