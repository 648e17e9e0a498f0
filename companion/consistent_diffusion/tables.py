"""Tables of the chapter's page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.consistent_diffusion.estimator import Speeds
from companion.consistent_diffusion.plane_models import PlaneModels
from companion.consistent_diffusion.random_runs import LineRuns
from companion.stats import t_interval
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

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
    formats = {"score-matching loss ↓": "{:.4f}", "divergence ↓ (nats)": "{:.4f}",
               "|R|, t < 0.1 ↓": "{:.3g}", "without mean ↓": "{:.3g}"}  # fmt: skip
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
            row[label] = _over_seeds(values)
        row["stopped chains"] = str(int(models.of(name, "n_diverged").sum()))
        rows.append(row)
    floor = {"method": "floor", "denoised JS ↓": f"{models.floor[0]:.4f}",
             "simulated JS ↓": f"{models.floor[0]:.4f}",
             "simulated PMF error ↓": f"{models.floor[1]:.3f}"}  # fmt: skip
    return styled(pd.DataFrame([*rows, floor]), "cd-models")


def comparison_table(models: PlaneModels, numbers: pd.DataFrame) -> Styler:
    """Paper and ours: excess over the floor, and simulated over denoised."""
    paper = printed(numbers, "muller_brown")
    floor = paper.loc["Reference", "sim_js"]
    rows = []
    for name in models.scored:
        ratio = models.of(name, "sim_js") / models.of(name, "iid_js")
        above = models.of(name, "sim_js") - models.floor[0]
        rows.append(
            {
                "method": name,
                "paper: simulated, above floor": f"{paper.loc[name, 'sim_js'] - floor:.4f}",
                "ours": _over_seeds(above),
                "paper: simulated over denoised": (
                    f"{paper.loc[name, 'sim_js'] / paper.loc[name, 'iid_js']:.2f}"
                ),
                "ours ": _over_seeds(ratio),
            }
        )
    return styled(pd.DataFrame(rows), "cd-comparison")


def _over_seeds(values: np.ndarray) -> str:
    """Mean with its interval, or the one value."""
    return measured_text(t_interval(values)) if len(values) > 1 else f"{values[0]:.3g}"


def speed_table(speeds: Speeds) -> Styler:
    """Medians in one process, and their ratios."""
    plain = speeds.plain
    rows = [
        ("plain step, hand-written score", plain, "1"),
        ("plain step, double differentiation", speeds.by_machine, f"{speeds.hand_ratio:.2f}"),
        ("step with penalty, exact time derivative", speeds.penalized,
         f"{speeds.penalized / plain:.2f}"),
        ("step with penalty, the paper's difference", speeds.paper, f"{speeds.cost_ratio:.2f}"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["operation", "milliseconds", "plain steps"])
    frame["milliseconds"] *= 1e3
    return styled(frame, "cd-speed", {"milliseconds": "{:.2f}"})
