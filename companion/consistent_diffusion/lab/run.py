"""The experiments, one function a step of the notebook: settings in, results out."""

from __future__ import annotations

from dataclasses import fields

from companion.consistent_diffusion.lab import estimator, line, plane, systems
from companion.consistent_diffusion.lab.molecule import chains, models, scores
from companion.consistent_diffusion.lab.molecule import frames as stored
from companion.consistent_diffusion.settings import Settings


def sizes_of(kind: type, settings: Settings) -> object:
    """The part of the settings that an experiment takes, as its own class."""
    return kind(**{field.name: getattr(settings, field.name) for field in fields(kind)})


def budgets(settings: Settings) -> list[tuple[str, str, int, int]]:
    """System, method, trained numbers, and updates of one model, its experts together."""
    on_plane, on_molecule = (
        sizes_of(kind, settings) for kind in (plane.Sizes, models.MoleculeSizes)
    )
    rows = [("Muller-Brown", name, *plane.budget(name, on_plane)) for name in plane.METHODS]
    found = models.molecule_budgets(on_molecule)
    return [*rows, *(("alanine dipeptide", name, *found[name]) for name in found)]


def shipped_weights(settings: Settings) -> str:
    """Hash of the molecule's networks that ship; "" where the run trains its own, or without."""
    return chains.shipped_hash() if settings.molecule_weights == "shipped" else ""


def check_estimator(settings: Settings, seed: int) -> estimator.Unbiased:
    """The estimate from first derivatives against the exact square (O1)."""
    return estimator.check_estimator(settings.weak_draws, seed)


def two_modes(settings: Settings, seed: int) -> line.LineRuns:
    """Random features on a line: penalties, and the negative controls (O2, O3)."""
    return line.run_line(
        settings.line_seeds,
        settings.line_points,
        settings.line_alphas,
        settings.control_seeds,
        seed,
        settings.jobs,
    )


def muller_brown(settings: Settings, seed: int) -> plane.PlaneModels:
    """The methods on Muller-Brown, trained and simulated (C1 to C6, O4)."""
    return plane.run_models(sizes_of(plane.Sizes, settings), seed)


def exact_curve() -> systems.Curve:
    """What a perfect model loses when it is simulated at t > 0."""
    return systems.exact_curve()


def load_frames() -> stored.Frames:
    """The frames of alanine dipeptide that the chapter ships."""
    return stored.load_frames()


def live_dynamics(settings: Settings, seed: int) -> stored.Live:
    """Molecular dynamics, now, from the start of the stored frames."""
    return stored.run_live(
        stored.load_frames(), settings.molecule_live_ps, settings.molecule_temperature, seed
    )


def molecule(weights: str, settings: Settings, seed: int) -> scores.MoleculeResult:
    """The molecule's networks, simulations, and scores (C6 to C10, O5, O6).

    weights : hash of the networks that ship, "" where the run trains its own

    Raises
    ------
    As :func:`companion.consistent_diffusion.lab.molecule.scores.run_molecule` does.
    """
    return scores.run_molecule(weights, sizes_of(models.MoleculeSizes, settings), seed)


def speed(settings: Settings, seed: int) -> estimator.Speeds:
    """What the penalty adds to a training step."""
    return estimator.time_steps(settings.batch, settings.alpha, settings.bench_repeats, seed)
