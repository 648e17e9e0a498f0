"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import Finding
from companion.mamba3 import sources as paper
from companion.mamba3.lab.models import LanguageModel
from companion.mamba3.lab.tracking import Tracked
from companion.mamba3.method.roofline import flops, intensity, traffic
from companion.mamba3.verdict import claims
from companion.tables import predictions, styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def agreement_table(differences: Mapping[str, float]) -> Styler:
    """Largest difference of every form from the recurrence."""
    frame = pd.DataFrame(list(differences.items()), columns=["form", "largest difference ↓"])
    return styled(frame, "forms", {"largest difference ↓": "{:.1e}"})


def tracking_table(runs: Mapping[tuple[str, str], Tracked]) -> Styler:
    """Scaled accuracy at the training length and at twice it, beside the paper's at 256."""
    rows = []
    for (task, variant), run in runs.items():
        twice = 2 * run.train_length
        theirs = paper.PARITY_AT_256.get(variant) if task == "parity" else None
        rows.append(
            {
                "task": task,
                "model": variant,
                "paper, 256 ↑": theirs,
                f"ours, {run.train_length} ↑": 100 * np.nanmean(run.at(run.train_length)),
                f"ours, {twice} ↑": 100 * np.nanmean(run.at(twice))
                if twice in run.lengths
                else np.nan,
                "seeds that solve it": claims.success(run),
            }
        )
    frame = pd.DataFrame(rows)
    return styled(frame, "tracking", {c: "{:.0f}" for c in frame if "↑" in c})


def cost_table(ranks: Sequence[int] = (1, 2, 4, 8, 16), N: int = 128, P: int = 64) -> Styler:
    """Arithmetic and traffic of one decode step of one head (paper, Table 2)."""
    rows = [(r, flops(N, P, r), traffic(N, P, r), intensity(N, P, r)) for r in ranks]
    frame = pd.DataFrame(rows, columns=["R", "FLOP", "bytes", "FLOP a byte"])
    return styled(frame, "cost", {"FLOP": "{:,}", "bytes": "{:,}", "FLOP a byte": "{:.1f}"})


def speed_table(times: Mapping[str, np.ndarray]) -> Styler:
    """Forward and backward of the scan, both ways, and their ratio."""
    slow = np.median(times["token by token"])
    rows = [(name, 1e3 * np.median(t), slow / np.median(t)) for name, t in times.items()]
    frame = pd.DataFrame(rows, columns=["scan", "ms ↓", "times faster ↑"])
    return styled(frame, "scan", {"ms ↓": "{:.1f}", "times faster ↑": "{:.0f}"})


def headline_table() -> Styler:
    """Three sentences of the abstract, and what the paper's own tables say of them."""
    k = paper.KERNEL_MS
    half = k["MIMO"][64] / k["Mamba-2"][128]
    small, large = paper.PERPLEXITY["180M"], paper.PERPLEXITY["1.5B"]
    default = list(paper.DEFAULT_PRINTED.values())
    noise = max(default) - min(default)
    lam = paper.LAMBDA_PRINTED
    rows = [
        (
            "half the state, so half the latency",
            "Table 6",
            f"MIMO at N = 64 takes {k['MIMO'][64]} ms, Mamba-2 at N = 128 {k['Mamba-2'][128]} ms: "
            f"a ratio of {half:.2f}",
        ),
        (
            "SISO outperforms at every scale",
            "Table 3",
            "in average accuracy; at 180M the perplexity of GDN is lower "
            f"({small['GDN']} against {small['SISO']}); at 1.5B SISO has {large['SISO']}, "
            f"GDN {large['GDN']}",
        ),
        (
            "a learned λ is best",
            "Table 8",
            f"σ(u) {lam['σ(u)']}, fixed 1/2 {lam['1/2']}: a gap of {lam['1/2'] - lam['σ(u)']:.2f}, "
            f"while the same default is printed as {max(default)} and {min(default)}, {noise:.2f} "
            "apart",
        ),
    ]
    return styled(pd.DataFrame(rows, columns=["sentence", "where", "what is printed"]), "headlines")


def checkpoint_table(models: Mapping[str, tuple[LanguageModel, LanguageModel]], tokens) -> Styler:
    """Original and reloaded model: largest difference of any logit, and number of weights."""
    rows = []
    for name, (model, loaded) in models.items():
        gap = float((model(tokens) - loaded(tokens)).abs().max())
        rows.append((name, sum(p.numel() for p in loaded.parameters()), gap))
    frame = pd.DataFrame(rows, columns=["checkpoint", "weights", "largest difference"])
    return styled(frame, "checkpoints", {"weights": "{:,}", "largest difference": "{:.1e}"})


_ANSWERS = (
    ("All forms agree to rounding, and with the authors' kernels to bfloat16.", ("C1", "C2")),
    ("The trapezoid is of second order only while A stands still.", ("C3",)),
    ("Parity and counting modulo 3 need the turn.", ("C4", "C5")),
    ("The biases replace the short convolution; half the state suffices.", ("C6", "C7")),
    ("R = 4 costs less than its arithmetic, and context costs nothing.", ("C8", "C9")),
)


def predictions_table(findings: Sequence[Finding]) -> Styler:
    """The predictions of the chapter's opening and what this run says of each."""
    return predictions(findings, _ANSWERS)
