"""Tables of the molecule's part."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.consistent_diffusion.molecule_check import Statistic, rare_visits
from companion.consistent_diffusion.molecule_experiment import MoleculeResult
from companion.consistent_diffusion.molecule_frames import Frames
from companion.consistent_diffusion.molecule_judge import over_seeds


def frames_table(frames: Frames) -> pd.DataFrame:
    """What is stored, per half: frames, and the visits of the rare state."""
    visits = rare_visits(frames)
    ns = frames.beads.shape[1] * frames.record["frame_ps"] / 1000
    return pd.DataFrame({
        "half": ["first", "second"],
        "simulated (ns)": [f"{ns:g}"] * 2,
        "frames": [f"{frames.beads.shape[1]:,}"] * 2,
        "visits of 0 < φ < 115°": visits.n,
        "share of frames there": [f"{100 * share:.1f} %" for share in visits.share],
    }).set_index("half")  # fmt: skip


def live_table(statistics: list[Statistic]) -> pd.DataFrame:
    """The live run beside the stored one."""
    rows = []
    for s in statistics:
        digits = 1 if s.unit == "%" else 2
        rows.append({
            "average": f"{s.name} ({s.unit})",
            "live": f"{s.live:.{digits}f}",
            "stored": f"{s.stored:.{digits}f}",
            "stretches as long scatter by": f"{s.spread:.{digits}f}",
            "stretches that lie further off": f"{100 * s.further:.0f} %",
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("average")


def score_table(result: MoleculeResult) -> pd.DataFrame:
    """One row per simulation: divergences over their floors, bond error, and lost chains."""
    summary, rows = result.summary, []
    for label, scores in summary.simulated.items():
        denoised = summary.iid.get(label)
        rows.append({
            "": label,
            "simulated: JS above floor": _mean([s.divergence for s in scores],
                                               summary.simulated_floor.mean),
            "denoised: JS above floor": _mean([s.divergence for s in denoised],
                                              summary.iid_floor.mean) if denoised else "–",
            "C–N bond error, simulated (pm)": _mean([1000 * s.bond for s in scores]),
            "denoised (pm)": _mean([1000 * s.bond for s in denoised]) if denoised else "–",
            "chains that left": f"{summary.left[label]} of {summary.chains[label]}",
            "left or heated": f"{summary.lost[label]} of {summary.chains[label]}",
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("")


def _mean(values: list[float], minus: float = 0.0) -> str:
    """Mean over seeds, and the half width of its 95 % interval."""
    values = [v - minus for v in values]
    if not np.isfinite(values).all():
        return "no chain left"
    interval = over_seeds(values)
    if interval.low is None or not np.isfinite(interval.low) or interval.low == interval.high:
        return f"{interval.estimate:.3f}"
    return f"{interval.estimate:.3f} ± {interval.high - interval.estimate:.3f}"
