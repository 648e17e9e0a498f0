"""Tables of the molecule's part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from companion.consistent_diffusion.lab.arms import budget
from companion.consistent_diffusion.lab.molecule.check import Statistic, rare_visits
from companion.consistent_diffusion.lab.molecule.experiment import MoleculeResult
from companion.consistent_diffusion.lab.molecule.frames import Frames
from companion.consistent_diffusion.lab.molecule.scores import Score
from companion.consistent_diffusion.lab.molecule.train import molecule_budgets
from companion.consistent_diffusion.page.tables import printed
from companion.consistent_diffusion.settings import Settings
from companion.stats import over_seeds


def frames_table(frames: Frames) -> pd.DataFrame:
    """What is stored, per half: frames, and the visits of the rare state."""
    visits = rare_visits(frames)
    ns = frames.beads.shape[1] * frames.record["frame_ps"] / 1000
    return pd.DataFrame(
        {
            "half": ["first", "second"],
            "simulated (ns)": [f"{ns:g}"] * 2,
            "frames": [f"{frames.beads.shape[1]:,}"] * 2,
            "visits of 0 < φ < 115°": visits.n,
            "share of frames there": [f"{100 * share:.1f} %" for share in visits.share],
        }
    ).set_index("half")


def live_table(statistics: list[Statistic]) -> pd.DataFrame:
    """The live run beside the stored one."""
    rows = []
    for s in statistics:
        digits = 1 if s.unit == "%" else 2
        rows.append(
            {
                "average": f"{s.name} ({s.unit})",
                "live": f"{s.live:.{digits}f}",
                "stored": f"{s.stored:.{digits}f}",
                "stretches as long scatter by": f"{s.spread:.{digits}f}",
                "stretches that lie further off": f"{100 * s.further:.0f} %",
            }
        )
    return pd.DataFrame(rows).set_index("average")


def score_table(result: MoleculeResult) -> pd.DataFrame:
    """One row per simulation: divergences over their floors, bond error, and lost chains."""
    summary, rows = result.summary, []
    for label, scores in summary.simulated.items():
        denoised = summary.iid.get(label)
        rows.append(
            {
                "": label,
                "simulated: JS above floor": _mean(
                    [s.divergence for s in scores], summary.simulated_floor.mean
                ),
                "denoised: JS above floor": _mean(
                    [s.divergence for s in denoised], summary.iid_floor.mean
                )
                if denoised
                else "–",
                "C–N bond error, simulated (pm)": _mean([1000 * s.bond for s in scores]),
                "denoised (pm)": _mean([1000 * s.bond for s in denoised]) if denoised else "–",
                "chains that left": _of(summary.left[label], summary.chains[label]),
                "left or heated": _of(summary.lost[label], summary.chains[label]),
                "denoised samples lost": sum(summary.iid_lost[label]) if denoised else "–",
            }
        )
    return pd.DataFrame(rows).set_index("")


def molecule_comparison(result: MoleculeResult, numbers: pd.DataFrame) -> pd.DataFrame:
    """Paper and ours on alanine dipeptide, means over seeds, as they are, beside our floors.

    Bond errors are relative to Both's, in simulations.  Fokker-Planck is the paper's alone: we
    trained no single network with the penalty on the molecule.
    """
    paper = printed(numbers, "alanine_dipeptide")
    simulated, iid = result.summary.simulated, result.summary.iid
    rows = []
    for label in ("Diffusion", *_later(simulated), "Mixture", "Fokker-Planck", "Both"):
        method = label.split(",")[0]
        row = {"": label}
        for name, field, metric in _METRICS:
            scores = simulated if metric.startswith("sim") else iid
            row[f"{name}, paper"] = f"{paper.loc[method, metric]:.3g}"
            row[f"{name}, ours"] = _relative(scores, label, field)
        rows.append(row)
    frame = pd.DataFrame(rows).set_index("").T
    frame["floor"] = "–"
    for (name, *_), floor in zip(_METRICS, _floors(result), strict=False):
        frame.loc[f"{name}, ours", "floor"] = f"{floor:.3g}"
    return frame


_METRICS = (
    ("denoised JS", "divergence", "iid_js"),
    ("simulated JS", "divergence", "sim_js"),
    ("denoised PMF error", "pmf", "iid_pmf"),
    ("simulated PMF error", "pmf", "sim_pmf"),
    ("C–N bond error over Both's", "bond", "sim_rel_w1_cn_bond"),
)


def _floors(result: MoleculeResult) -> list[float]:
    """In the order of _METRICS; the bonds have none."""
    s = result.summary
    return [s.iid_floor.mean, s.simulated_floor.mean, s.iid_pmf.mean, s.simulated_pmf.mean]


def _later(labels: Iterable[str]) -> list[str]:
    return [label for label in labels if label.startswith("Two For One")]


def _relative(scores: Mapping[str, list[Score]], label: str, field: str) -> str:
    """Mean over seeds; of the bonds, divided by Both's."""
    if label not in scores:
        return "–"
    mean = np.mean([getattr(s, field) for s in scores[label]])
    if field == "bond":
        mean /= np.mean([s.bond for s in scores["Both"]])
    return f"{mean:.3g}" if np.isfinite(mean) else "no chain left"


def budgets(settings: Settings) -> pd.DataFrame:
    """Trained numbers and updates of every method, its experts together."""
    rows = [("Muller-Brown", name, *budget(name, settings)) for name in settings.methods]
    for name, (numbers, updates) in molecule_budgets(settings).items():
        rows.append(("alanine dipeptide", name, numbers, updates))
    frame = pd.DataFrame(rows, columns=["system", "method", "numbers", "updates"])
    return frame.set_index("system").map(lambda v: f"{v:,}" if isinstance(v, int) else v)


def _of(some: list[int], chains: list[int]) -> str:
    """Counts of all seeds together."""
    return f"{sum(some)} of {sum(chains)}"


def _mean(values: list[float], minus: float = 0.0) -> str:
    """Mean over seeds, and the half width of its 95 % interval."""
    values = [v - minus for v in values]
    if not np.isfinite(values).all():
        return "no chain left"
    interval = over_seeds(values)
    if interval.low is None or not np.isfinite(interval.low) or interval.low == interval.high:
        return f"{interval.estimate:.3f}"
    return f"{interval.estimate:.3f} ± {interval.high - interval.estimate:.3f}"
