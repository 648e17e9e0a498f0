"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.consistent_diffusion.lab.estimator import Speeds
from companion.consistent_diffusion.lab.line import LineRuns
from companion.consistent_diffusion.lab.molecule.frames import Frames, Statistic, rare_visits
from companion.consistent_diffusion.lab.molecule.scores import HOME, MoleculeResult
from companion.consistent_diffusion.lab.plane import METHODS, PlaneModels
from companion.stats import over_seeds
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


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
    for name in METHODS:
        row = {"method": name}
        for label, values in (
            ("law, JS ↓", models.grid_js[name]),
            ("denoised, JS above floor ↓", models.above(name, "iid")),
            ("simulated, JS above floor ↓", models.above(name, "sim")),
            ("simulated, PMF error ↓", models.sim_pmf[name]),
        ):
            row[label] = _mean_text(values)
        row["chains that left"] = str(int(models.left[name].sum()))
        row["samples lost"] = str(int(models.lost[name].sum()))
        rows.append(row)
    floor = {
        "method": "floor",
        "denoised, JS above floor ↓": f"({models.floor[0]:.4f})",
        "simulated, JS above floor ↓": f"({models.floor[0]:.4f})",
        "simulated, PMF error ↓": f"{models.floor[1]:.3f}",
    }
    return styled(pd.DataFrame([*rows, floor]).fillna("–"), "cd-models")


def comparison_table(models: PlaneModels, numbers: pd.DataFrame) -> Styler:
    """Paper and ours on Muller-Brown, means over trainings; divergences as they are."""
    paper = printed(numbers, "muller_brown")
    rows = []
    for name in METHODS:
        ours = {
            "denoised JS": ("iid_js", models.iid_js[name]),
            "simulated JS": ("sim_js", models.sim_js[name]),
            "denoised PMF": ("iid_pmf", models.iid_pmf[name]),
            "simulated PMF": ("sim_pmf", models.sim_pmf[name]),
        }
        row = {"method": name}
        for label, (metric, values) in ours.items():
            row |= {f"{label}, paper": f"{paper.loc[name, metric]:.3g}"}
            row |= {f"{label}, ours": f"{values.mean():.3g}"}
        rows.append(row)
    floor = {"method": "floor", "simulated JS, paper": f"{paper.loc['Reference', 'sim_js']:.3g}"}
    floor |= {"simulated JS, ours": f"{models.floor[0]:.3g}"}
    frame = pd.DataFrame([*rows, floor]).fillna("–").set_index("method").T.rename_axis("", axis=0)
    return styled(frame.rename_axis(None, axis=1).reset_index(), "cd-comparison")


def _mean_text(values: np.ndarray) -> str:
    """Mean with its interval, or the one value."""
    return measured_text(over_seeds(values))


def speed_table(speeds: Speeds) -> Styler:
    """Medians in one process, and their ratios."""
    rows = [
        ("without penalty", speeds.plain),
        ("with penalty, exact time derivative", speeds.penalized),
        ("with penalty, the paper's difference in t", speeds.paper),
    ]
    frame = pd.DataFrame(
        {
            "training step": name,
            "milliseconds": f"{1e3 * took:.2f}",
            "times as long": f"{took / speeds.plain:.2f}",
        }
        for name, took in rows
    )
    return styled(frame, "cd-speed")


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
    """One row per simulation: divergences over their floors, bonds, and what became of chains."""
    rows = []
    for label, found in result.js.items():
        drawn = result.iid_js.get(label)
        rows.append(
            {
                "": label,
                "simulated: JS above floor": _mean_text(found - result.true.js.mean),
                "denoised: JS above floor": "–"
                if drawn is None
                else _mean_text(drawn - result.iid_floor[0]),
                "share of φ > 0, over the data's": _mean_text(
                    result.population[label] / result.share
                ),
                "C–N bond error (pm)": _mean_text(1000 * result.bond[label]),
                "temperature": _mean_text(result.heat[label]),
                "ψ relaxes in (ps)": _mean_text(result.timescale[label]),
                "chains that left": f"{int(result.left[label].sum())} of "
                f"{result.chains * len(found)}",
            }
        )
    return pd.DataFrame(rows).set_index("")


def outside_table(result: MoleculeResult) -> pd.DataFrame:
    """Chains that began outside of the data: how many are where the data are, first and later."""
    half = f"after {result.back_ps / 2:g} to {result.back_ps:g} ps"
    rows = {
        method: {
            "where the data are, at the start": f"{result.home:.2f}",
            half: _mean_text(at[:, at.shape[1] // 2 :].mean(1)),
            f"in 0 < φ < 115°, {half}": _mean_text(result.back_rare[method]),
        }
        for method, at in result.back.items()
    }
    rows["data"] = dict(zip(rows["Both"], ("", f"{HOME:g}", f"{result.share:.3f}"), strict=True))
    return pd.DataFrame(rows).T.rename_axis("")


def molecule_comparison(result: MoleculeResult, numbers: pd.DataFrame) -> pd.DataFrame:
    """Paper and ours on alanine dipeptide, means over trainings, 64 bins, beside our floors.

    Bond errors are relative to Both's, in simulations.
    """
    paper = printed(numbers, "alanine_dipeptide")
    metrics = {
        "denoised JS": ("iid_js", result.iid_wide, result.iid_floor[1]),
        "simulated JS": ("sim_js", result.wide, result.true.wide.mean),
        "denoised PMF": ("iid_pmf", result.iid_pmf, None),
        "simulated PMF": ("sim_pmf", result.pmf, result.true.pmf.mean),
        "C–N bond error over Both's": (
            "sim_rel_w1_cn_bond",
            {name: found / result.bond["Both"].mean() for name, found in result.bond.items()},
            None,
        ),
    }
    rows = []
    for label in ("Diffusion", *[n for n in result.js if n.startswith("Two")], "Mixture", "Both"):
        row = {"": label}
        for name, (metric, ours, _) in metrics.items():
            row[f"{name}, paper"] = f"{paper.loc[label.split(',')[0], metric]:.3g}"
            row[f"{name}, ours"] = f"{ours[label].mean():.3g}" if label in ours else "–"
        rows.append(row)
    frame = pd.DataFrame(rows).set_index("").T
    frame["floor"] = "–"
    for name, (*_, floor) in metrics.items():
        if floor is not None:
            frame.loc[f"{name}, ours", "floor"] = f"{floor:.3g}"
    return frame


def budgets(rows: Sequence[tuple[str, str, int, int]]) -> pd.DataFrame:
    """Trained numbers and updates of every method, its experts together."""
    frame = pd.DataFrame(rows, columns=["system", "method", "numbers", "updates"])
    return frame.set_index("system").map(lambda v: f"{v:,}" if isinstance(v, int) else v)
