"""Tables of the chapter's page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.consistent_diffusion.lab.estimator import Speeds
from companion.consistent_diffusion.lab.plane_models import PlaneModels
from companion.consistent_diffusion.lab.random_runs import LineRuns
from companion.stats import over_seeds
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
