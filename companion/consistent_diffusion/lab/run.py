"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

from companion.consistent_diffusion.lab import estimator, plane, random_features, systems
from companion.consistent_diffusion.lab.molecule import frames as stored
from companion.consistent_diffusion.lab.molecule import scores
from companion.consistent_diffusion.settings import Settings


def run_estimator(settings: Settings, seed: int) -> estimator.Unbiased:
    """The estimate from first derivatives against the exact square."""
    return estimator.check_estimator(settings.weak_draws, seed)


def run_line(settings: Settings, seed: int) -> random_features.LineRuns:
    """The random-feature model on a mixture: penalties, and the negative controls."""
    return random_features.run_line(
        settings.mixture_seeds,
        settings.mixture_points,
        settings.mixture_alphas,
        settings.control_seeds,
        seed,
    )


def run_plane(settings: Settings, seed: int) -> random_features.PlaneRuns:
    """The random-feature model on Muller-Brown: strength of the penalty, experts or whole."""
    return random_features.run_plane(
        settings.plane_seeds,
        settings.plane_points,
        settings.plane_features,
        settings.expert_alphas,
        settings.whole_alphas,
        seed,
    )


def run_models(settings: Settings, seed: int) -> plane.PlaneModels:
    """The four methods on Muller-Brown, trained and simulated."""
    return plane.run_models(settings, seed)


def exact_curve() -> systems.Curve:
    """What a perfect model loses when it is simulated at t > 0."""
    return systems.exact_curve()


def load_frames() -> stored.Frames:
    """The frames of alanine dipeptide that the chapter ships."""
    return stored.load_frames()


def run_live(frames: stored.Frames, settings: Settings, seed: int) -> stored.Live:
    """Molecular dynamics, now, from the start of the stored frames."""
    return stored.run_live(frames, settings.molecule_live_ps, seed)


def run_molecule(settings: Settings, seed: int) -> scores.MoleculeResult:
    """The molecule's networks, simulations, and scores.

    Raises
    ------
    As :func:`companion.consistent_diffusion.lab.molecule.scores.run_molecule` does.
    """
    return scores.run_molecule(settings, seed)


def run_speed(settings: Settings, seed: int) -> estimator.Speeds:
    """What an update costs by hand and by machine, and what the penalty adds."""
    return estimator.run_speed(settings, seed)
