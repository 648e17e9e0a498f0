"""Tables of the chapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.distillation_memorization.lab.predictor import FEATURES
from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method.memorization import (
    easy,
    inherited,
    ratio,
    rejected,
    teacher_only,
)
from companion.distillation_memorization.method.objectives import BASELINE, HARD, SOFT, TEACHER
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def models_table(worlds: list[World]) -> Styler:
    """Per model: memorized of D, held-out rate, their difference, held-out loss; seed means."""
    rows = [
        {
            "model": name,
            "memorized (%)": 100 * np.mean([w.rate(name) for w in worlds]),
            "held-out (%)": 100 * np.mean([w.held[name].mean() for w in worlds]),
            "loss ↓ (nats)": np.mean([w.loss[name] for w in worlds]),
        }
        for name in worlds[0].members
    ]
    frame = pd.DataFrame(rows)
    frame.insert(3, "difference (%)", frame["memorized (%)"] - frame["held-out (%)"])
    formats = {
        "memorized (%)": "{:.2f}",
        "held-out (%)": "{:.2f}",
        "difference (%)": "{:.2f}",
        "loss ↓ (nats)": "{:.3f}",
    }
    return styled(frame, "distill-models", formats)


def sets_table(worlds: list[World]) -> Styler:
    """Sizes of the sets of equations 4 and 5, all seeds together, beside the paper's."""
    paper = {
        "D": 1_000_000,
        "baseline": 1698,
        "soft student": 706,
        "easy: teacher and baseline": 1372,
        "easy and soft": 676,
        "rejected by soft": 696,
        "teacher only": 1955,
        "inherited by soft": 18,
        "inherited by hard": 50,
    }
    measured = {name: 0 for name in paper}
    for w in worlds:
        m = w.members
        simple = easy(m)
        for name, found in (
            ("D", np.ones_like(simple)),
            ("baseline", m[BASELINE]),
            ("soft student", m[SOFT]),
            ("easy: teacher and baseline", simple),
            ("easy and soft", simple & m[SOFT]),
            ("rejected by soft", rejected(m, SOFT)),
            ("teacher only", teacher_only(m)),
            ("inherited by soft", inherited(m, SOFT)),
            ("inherited by hard", inherited(m, HARD)),
        ):
            measured[name] += int(found.sum())
    frame = pd.DataFrame(
        {"set": list(paper), "ours": list(measured.values()), "paper": list(paper.values())}
    )
    return styled(frame, "distill-sets", {"ours": "{:,}", "paper": "{:,}"})


PAPER_COEFFICIENTS = (-0.3341, -0.4010, -1.0579, -4.5001)
"""Standardized, in the order of FEATURES (Pythia, FineWeb)."""


def predictor_table(worlds: list[World]) -> Styler:
    """Standardized coefficients of the classifier, ours and the paper's."""
    tested = [w.prediction.coefficients.mean(0) for w in worlds if w.prediction.tested]
    ours = np.mean(tested, axis=0) if tested else np.full(len(FEATURES), np.nan)
    frame = pd.DataFrame({"feature": FEATURES, "ours": ours, "paper": PAPER_COEFFICIENTS})
    return styled(frame, "distill-predictor", {"ours": "{:.2f}", "paper": "{:.2f}"})


def kinds_table(kinds: dict[str, list[World]]) -> Styler:
    """The main numbers in each kind of world, counts of all seeds together."""
    rows = []
    for name, worlds in kinds.items():
        total = {m: sum(w.count(m) for w in worlds) for m in worlds[0].members}
        heirs = [sum(int(inherited(w.members, m).sum()) for w in worlds) for m in (SOFT, HARD)]
        both = sum(int((easy(w.members) & w.members[SOFT]).sum()) for w in worlds)
        n = sum(len(w.zlib) for w in worlds)
        rows.append(
            {
                "world": name,
                "seeds": len(worlds),
                "T, B, S, H (%)": ", ".join(
                    f"{100 * total[m] / n:.1f}" for m in (TEACHER, BASELINE, SOFT, HARD)
                ),
                "S held out (%)": 100 * np.mean([w.held[SOFT].mean() for w in worlds]),
                "B / S": ratio(total[BASELINE], total[SOFT]),
                "loss B - S": np.mean([w.loss[BASELINE] - w.loss[SOFT] for w in worlds]),
                "S in E": ratio(both, total[SOFT]),
                "inherited S, H": f"{heirs[0]}, {heirs[1]}",
            }
        )
    formats = {
        "S held out (%)": "{:.2f}",
        "B / S": "{:.2f}",
        "loss B - S": "{:+.3f}",
        "S in E": "{:.2f}",
    }
    return styled(pd.DataFrame(rows), "distill-kinds", formats)


def paper_table(frame: pd.DataFrame) -> Styler:
    """``published.paper_rates`` as a table."""
    formats = dict.fromkeys(frame.columns[1:4], "{:.3g}")
    formats |= {"baseline / soft": "{:.1f}", "loss, baseline - soft": "{:.2f}"}
    return styled(frame, "distill-paper", formats)
