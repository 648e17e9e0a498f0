"""Alanine dipeptide with its forces: what the model's samples and dynamics are compared with.

OpenMM integrates Langevin's equation for the 22 atoms in implicit water.  Hydrogens are made
heavier (3 Da, taken from the atom that they hang on), which allows steps of 4 fs: where the atoms
are in equilibrium does not depend on masses, only how fast they get there does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from companion.consistent_diffusion.sources import BEADS
from companion.scale import derive_seed

RESIDUES = (
    ("ACE", "H1 CH3 H2 H3 C O"),
    ("ALA", "N H CA HA CB HB1 HB2 HB3 C O"),
    ("NME", "N H C H1 H2 H3"),
)
"""Residue and names of its atoms; the first letter of a name is the element."""

BONDS = (
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
    for i, j in BONDS:
        made.addBond(atoms[i], atoms[j])
    return made


def make_system(dynamics: Motion, *, constrained: bool = True) -> object:
    """OpenMM's system: amber99sb-ildn with OBC implicit water, no cutoff.

    constrained : whether bonds with a hydrogen keep their length
    """
    from openmm import app, unit

    heavy = None if dynamics.hydrogen_mass is None else dynamics.hydrogen_mass * unit.amu
    return app.ForceField(*FORCE_FIELD).createSystem(
        topology(),
        nonbondedMethod=app.NoCutoff,
        constraints=app.HBonds if constrained else None,
        hydrogenMass=heavy,
    )


def potential_energy(positions: np.ndarray) -> float:
    """Energy of all forces in kJ/mol at `positions`, (22, 3) in nm, without constraints."""
    import openmm
    from openmm import unit

    system = make_system(Motion(), constrained=False)
    integrator = openmm.VerletIntegrator(0.001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(np.asarray(positions, dtype=float))
    energy = context.getState(getEnergy=True).getPotentialEnergy()
    return float(energy.value_in_unit(unit.kilojoule_per_mole))


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
