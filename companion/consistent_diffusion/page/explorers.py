"""The chapter's explorers: Muller-Brown, the mixture, and the beads over simulated time."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from companion.consistent_diffusion.lab.molecule.scores import MoleculeResult
from companion.consistent_diffusion.lab.random_features import (
    LINE,
    LineRuns,
    line_law,
    line_residual,
)
from companion.consistent_diffusion.lab.systems import (
    TIMES,
    TWO_MODES,
    exact_curve,
    fine_grid,
    js_divergence,
)
from companion.consistent_diffusion.method.diffusion import T_MIN
from companion.consistent_diffusion.page.figures import blur_frame, line_frame
from companion.consistent_diffusion.page.figures.molecule import beads_alt, beads_frame
from companion.explore import Explorer, explorer

# ---------------------------------------------------------------------------------------- explorers
SHOWN_TIMES = (T_MIN, 0.05, 0.2, 0.5)


def line_explorer(runs: LineRuns) -> Explorer:
    """Penalty, diffusion time, and seed of the mixture on a line: density and residual."""

    def truth(t: float) -> np.ndarray:
        x = torch.tensor(LINE)[:, None]
        masses = TWO_MODES.log_q(x, torch.full((len(LINE),), t, dtype=x.dtype)).exp().numpy()
        return masses / masses.sum()

    @cache
    def shown(alpha: float, t: float, seed: int):
        model, exact = runs.fits[alpha][seed].model, truth(t)
        return line_law(model, t), exact, line_residual(model, t), exact > 1e-4 * exact.max()

    def alt(alpha: float, t: float, seed: int) -> str:
        law, exact, residual, seen = shown(alpha, t, seed)
        return (
            f"Penalty {alpha:g}, t = {t:.3g}, seed {seed}: divergence "
            f"{js_divergence(law, exact):.4f}, right mode {law[LINE > 0].sum():.2f}, largest "
            f"residual {np.abs(residual[seen]).max():.3g}."
        )

    return explorer(
        lambda **at: line_frame(*shown(**at)),
        name="cd-line",
        alt=alt,
        labels={"alpha": "penalty", "t": "diffusion time t", "seed": "seed"},
        show={"alpha": lambda a: f"{a:g}", "t": lambda t: f"{t:.3g}"},
        start={"alpha": 0.0, "t": T_MIN, "seed": 0},
        alpha=sorted(runs.fits),
        t=list(SHOWN_TIMES),
        seed=[0, 1],
    )


def blur_explorer() -> Explorer:
    """The time of the force on Muller-Brown, for a perfect model: seven frames."""
    curve = exact_curve()

    @cache
    def masses(index: int) -> np.ndarray:
        grid, exact = fine_grid()
        return grid.diffused(exact, TIMES[index])

    def alt(t: float) -> str:
        index = TIMES.index(t)
        return f"Force taken at t = {t:g}: divergence {curve.js[index]:.4f} nats from the truth."

    return explorer(
        lambda t: blur_frame(masses(TIMES.index(t)), curve.times, curve.js, TIMES.index(t)),
        name="cd-blur",
        alt=alt,
        labels={"t": "time of the force"},
        show={"t": lambda t: f"{t:g}"},
        start={"t": 0.01},
        t=[t for t in TIMES if t not in (3e-3, 0.015, 0.07)],
    )


# ---------------------------------------------------------------------------------------- explorers
SHOWN = ("Diffusion", "Two For One, t = 0.02", "Both", "No energy")
N_TIMES = 6


def beads_explorer(result: MoleculeResult) -> Explorer:
    """Method and simulated time: one chain in three dimensions, and where its angles are."""
    found = result.simulated
    names = [name for name in SHOWN if name in found.labels]
    times = found.runs[names[0], 0].times_ps()
    shown = times[np.linspace(0, len(times) - 1, min(N_TIMES, len(times))).round().astype(int)]
    return explorer(
        lambda label, ps: beads_frame(found, result.reference, label, ps),
        name="molecule-beads",
        alt=lambda label, ps: beads_alt(found, label, ps),
        labels={"label": "moved by", "ps": "simulated time"},
        start={"label": "Both" if "Both" in names else names[0], "ps": float(shown[-1])},
        show={"ps": lambda ps: f"{ps:.1f} ps"},
        label=names,
        ps=[float(ps) for ps in shown],
    )
