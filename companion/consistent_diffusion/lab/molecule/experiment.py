"""The molecule's experiment from end to end: data, networks, simulations, scores."""

from __future__ import annotations

from dataclasses import dataclass

from companion.consistent_diffusion.lab.molecule.frames import load_frames
from companion.consistent_diffusion.lab.molecule.langevin import FRAME_PS
from companion.consistent_diffusion.lab.molecule.runs import (
    Simulated,
    load_molecule,
    simulate_all,
    train_all,
)
from companion.consistent_diffusion.lab.molecule.scores import N_WINDOWS, Reference, reference_of
from companion.consistent_diffusion.lab.molecule.series import Summary, series, summarize
from companion.consistent_diffusion.lab.molecule.settings import MoleculeSettings
from companion.consistent_diffusion.lab.molecule.train import Molecule, Trained


@dataclass(frozen=True)
class MoleculeResult:
    """All that was computed about alanine dipeptide.

    molecule : data; trained : networks by name, one dictionary a seed; simulated : chains and
    denoised samples; reference : what they are scored against; summary : the scores
    """

    molecule: Molecule
    trained: list[dict[str, Trained]]
    simulated: Simulated
    reference: Reference
    summary: Summary


def run_molecule(settings: MoleculeSettings, seed: int, *, progress: bool = True) -> MoleculeResult:
    """Train every network with every seed, denoise and simulate with each, and score.

    Raises
    ------
    companion.data.DataUnavailable : at paper scale, the authors' trajectory cannot be had
    companion.training.TrainingDiverged : with step and seed
    ValueError : chains too short to be followed in time
    """
    if settings.molecule_ps < N_WINDOWS * FRAME_PS:
        raise ValueError(
            f"molecule_ps is {settings.molecule_ps}; {N_WINDOWS} windows of time need at least "
            f"{N_WINDOWS * FRAME_PS:g} ps"
        )
    molecule = load_molecule(settings, seed)
    ours = settings.molecule_frames == "ours"
    reference = reference_of(load_frames().beads if ours else molecule.beads)
    trained = train_all(molecule, settings, seed=seed, progress=progress)
    simulated = simulate_all(trained, molecule, settings, seed=seed, progress=progress)
    summary = summarize(simulated, reference, seed)
    return MoleculeResult(molecule, trained, simulated, reference, summary)


def molecule_series(result: MoleculeResult) -> dict[str, object]:
    """What the record keeps of the molecule."""
    return series(result.summary)
