"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.consistent_diffusion.lab.estimator import Speeds
from companion.consistent_diffusion.lab.molecule.frames import Frames, Statistic, rare_visits
from companion.consistent_diffusion.lab.molecule.models import molecule_budgets
from companion.consistent_diffusion.lab.molecule.scores import MoleculeResult, Score
from companion.consistent_diffusion.lab.plane import PlaneModels, budget
from companion.consistent_diffusion.lab.random_features import LineRuns
from companion.consistent_diffusion.settings import Settings
from companion.stats import over_seeds
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

# ------------------------------------------------------------------------------------------- tables
NUMBERS = "consistent-diffusion/paper_numbers.csv"


def paper_numbers(path: Path) -> pd.DataFrame:
    """What the paper reports: system, method, metric, mean, std, source, note."""
    frame = pd.read_csv(path)
    expected = ["system", "method", "metric", "mean", "std", "source", "note"]
    if list(frame.columns) != expected:
        raise ValueError(f"{path.name} has columns {list(frame.columns)}, expected {expected}")
    return frame


def printed(numbers: pd.DataFrame, system: str) -> pd.DataFrame:
    """Mean by method and metric of one system, first version of the paper."""
    rows = numbers[(numbers["system"] == system) & (numbers["source"] == "secondary_v1")]
    return rows.pivot_table(index="method", columns="metric", values="mean")


def line_table(runs: LineRuns) -> Styler:
    """Every penalty of the mixture: what denoising sees, and what simulation would do."""
    rows = []
    for alpha in sorted(runs.fits):
        rows.append(
            {
                "penalty": f"{alpha:g}",
                "score-matching loss ↓": runs.of(alpha, "dsm").mean(),
                "divergence ↓ (nats)": runs.of(alpha, "js").mean(),
                "right mode (truth 0.80)": ", ".join(f"{m:.2f}" for m in runs.of(alpha, "mass")),
                "|R|, t < 0.1 ↓": runs.of(alpha, "raw").mean(),
                "without mean ↓": runs.of(alpha, "fixed").mean(),
            }
        )
    formats = {
        "score-matching loss ↓": "{:.4f}",
        "divergence ↓ (nats)": "{:.4f}",
        "|R|, t < 0.1 ↓": "{:.3g}",
        "without mean ↓": "{:.3g}",
    }
    return styled(pd.DataFrame(rows), "cd-line", formats)


def models_table(models: PlaneModels) -> Styler:
    """Ours on Muller-Brown, beside the floor of the same sample size."""
    rows = []
    for name in models.scored:
        row = {"method": name}
        for label, what, floor in (
            ("grid JS ↓", "grid_js", 0.0),
            ("denoised JS ↓", "iid_js", 0.0),
            ("simulated JS ↓", "sim_js", 0.0),
            ("simulated, above floor", "sim_js", models.floor[0]),
            ("simulated PMF error ↓", "sim_pmf", 0.0),
        ):
            values = models.of(name, what) - floor
            row[label] = _mean_text(values)
        row["stopped chains"] = str(int(models.of(name, "n_diverged").sum()))
        row["denoised samples lost"] = str(int(models.of(name, "n_lost").sum()))
        rows.append(row)
    floor = {
        "method": "floor",
        "denoised JS ↓": f"{models.floor[0]:.4f}",
        "simulated JS ↓": f"{models.floor[0]:.4f}",
        "simulated PMF error ↓": f"{models.floor[1]:.3f}",
    }
    return styled(pd.DataFrame([*rows, floor]), "cd-models")


def comparison_table(models: PlaneModels, numbers: pd.DataFrame) -> Styler:
    """Paper and ours, divergences as they are, above the floor, and simulated over denoised."""
    paper = printed(numbers, "muller_brown")
    floor = paper.loc["Reference", "sim_js"]
    rows = []
    for name in models.scored:
        iid, sim = models.of(name, "iid_js"), models.of(name, "sim_js")
        theirs = paper.loc[name]
        cells = {
            "denoised JS": (theirs["iid_js"], iid),
            "simulated JS": (theirs["sim_js"], sim),
            "simulated JS, above floor": (theirs["sim_js"] - floor, sim - models.floor[0]),
            "simulated over denoised": (theirs["sim_js"] / theirs["iid_js"], sim / iid),
            "denoised PMF error": (theirs["iid_pmf"], models.of(name, "iid_pmf")),
            "simulated PMF error": (theirs["sim_pmf"], models.of(name, "sim_pmf")),
        }
        row = {"method": name}
        for label, (printed_value, ours) in cells.items():
            row |= {f"{label}, paper": f"{printed_value:.3g}", f"{label}, ours": _mean_text(ours)}
        rows.append(row)
    frame = pd.DataFrame(rows).set_index("method").T.rename_axis("", axis=0)
    return styled(frame.rename_axis(None, axis=1).reset_index(), "cd-comparison")


def _mean_text(values: np.ndarray) -> str:
    """Mean with its interval, or the one value."""
    return measured_text(over_seeds(values))


def speed_table(speeds: Speeds) -> Styler:
    """Medians in one process, and their ratios."""
    s, plain = speeds, "plain step"
    rows = [
        ("score and its derivative", "by hand", s.score, s.score),
        ("score and its derivative", "double differentiation, x", s.score_x, s.score),
        ("score and its derivative", "double differentiation, x and t", s.score_xt, s.score),
        (plain, "by hand", s.plain, s.plain),
        (plain, "double differentiation, x", s.plain_x, s.plain),
        (plain, "double differentiation, x and t", s.plain_xt, s.plain),
        ("step with penalty, exact time derivative", "by hand", s.penalized, s.plain),
        ("step with penalty, the paper's difference", "by hand", s.paper, s.plain),
    ]
    frame = pd.DataFrame(
        {
            "operation": operation,
            "score": how,
            "milliseconds": f"{1e3 * took:.2f}",
            "times as long as by hand": f"{took / unit:.2f}",
        }
        for operation, how, took, unit in rows
    )
    return styled(frame, "cd-speed")


# ------------------------------------------------------------------------------------------- tables
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
