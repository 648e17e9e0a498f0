"""The molecule's explorer: pictures of the beads over simulated time, no viewer needed."""

from __future__ import annotations

import numpy as np

from companion.consistent_diffusion.lab.molecule.experiment import MoleculeResult
from companion.consistent_diffusion.page.molecule.beads import beads_alt, beads_frame
from companion.explore import Explorer, explorer

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
