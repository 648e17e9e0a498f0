"""Tables of the chapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.distillation_memorization.lab import evidence
from companion.distillation_memorization.lab.run import PREFIX, SUFFIX
from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method.memorization import (
    easy,
    inherited,
    rejected,
    teacher_only,
)
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    COMPARED,
    HARD,
    SOFT,
    TEACHER,
)
from companion.tables import styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def models_table(worlds: list[World]) -> Styler:
    """Per model: memorized of D, held-out rate, held-out loss, loss on D; seed means."""
    readings = {f"{m}, base model": [w.bases[m] for w in worlds] for m in (TEACHER, BASELINE)}
    readings |= {m: [w.of(m) for w in worlds] for m in (TEACHER, *worlds[0].students)}
    frame = pd.DataFrame(
        [
            {
                "model": name,
                "memorized (%)": 100 * np.mean([r.memorized.mean() for r in runs]),
                "held out (%)": 100 * np.mean([r.guessed.mean() for r in runs]),
                "loss ↓ (nats)": np.mean([r.loss for r in runs]),
                "loss on D (nats)": np.mean([r.fitted for r in runs]),
            }
            for name, runs in readings.items()
        ]
    )
    formats = dict.fromkeys(("memorized (%)", "held out (%)"), "{:.2f}")
    formats |= dict.fromkeys(("loss ↓ (nats)", "loss on D (nats)"), "{:.3f}")
    return styled(frame, "distill-models", formats)


def sets_table(worlds: list[World]) -> Styler:
    """Sizes of the sets of equations 4 and 5, all seeds together, beside the paper's."""
    rows = {
        "D": (1_000_000, lambda m: np.ones_like(m[TEACHER])),
        "baseline": (1698, lambda m: m[BASELINE]),
        "soft student": (706, lambda m: m[SOFT]),
        "easy: teacher and baseline": (1372, easy),
        "easy and soft": (676, lambda m: easy(m) & m[SOFT]),
        "rejected by soft": (696, lambda m: rejected(m, SOFT)),
        "teacher only": (1955, teacher_only),
        "inherited by soft": (18, lambda m: inherited(m, SOFT)),
        "inherited by hard": (50, lambda m: inherited(m, HARD)),
    }
    frame = pd.DataFrame(
        [
            {
                "set": name,
                "ours": sum(int(of(w.members()).sum()) for w in worlds),
                "paper": printed,
            }
            for name, (printed, of) in rows.items()
        ]
    )
    return styled(frame, "distill-sets", {"ours": "{:,}", "paper": "{:,}"})


def nearest_line(worlds: list[World]) -> str:
    """What hard and soft student have inherited at the budgets whose rates are nearest."""
    at = evidence.nearest(worlds)
    return (
        f"hard after {at.hard} epochs over soft after {at.soft}: memorized "
        f"{measured_text(at.fold)}, inherited {measured_text(at.inherited)} "
        f"({at.n_hard} and {at.n_soft} of {at.n_only} that only the teacher knows)"
    )


def kinds_table(kinds: dict[str, list[World]]) -> Styler:
    """The main numbers of each kind of world, where its baseline has its lowest loss."""
    rows = []
    for name, worlds in kinds.items():
        at = evidence.best(worlds, BASELINE)
        n = sum(len(w.zlib) for w in worlds)
        share = [100 * evidence.counts(worlds, m, at).sum() / n for m in (TEACHER, *COMPARED)]
        loss = {m: evidence.losses(worlds, m, at).mean() for m in (TEACHER, BASELINE, SOFT)}
        rows.append(
            {
                "world": name,
                "seeds": len(worlds),
                "epochs": at,
                "T, B, S, H (%)": ", ".join(f"{value:.1f}" for value in share),
                "base loss": evidence.bases(worlds, BASELINE).mean(),
                "loss T, B, S": ", ".join(f"{value:.3f}" for value in loss.values()),
                "B / S": evidence.fold(worlds, BASELINE, SOFT, at).estimate,
            }
        )
    return styled(pd.DataFrame(rows), "distill-kinds", {"base loss": "{:.3f}", "B / S": "{:.2f}"})


def examples_table(world: World) -> Styler:
    """Some sequences of one seed: the true continuation, and what each model writes instead."""
    members = world.members()
    rows = []
    for row, at in enumerate(world.shown):
        text = world.texts[row]
        rows.append(
            {
                "set": kind_of(members, at),
                "prompt": text[:PREFIX],
                "truth": text[PREFIX : PREFIX + SUFFIX],
                **{
                    name: "the same" if members[name][at] else world.written[name][row]
                    for name in (TEACHER, *COMPARED)
                },
            }
        )
    frame = pd.DataFrame(rows, columns=["set", "prompt", "truth", TEACHER, *COMPARED])
    return styled(frame.rename(columns={SOFT: "soft"}), "distill-examples", {})


def kind_of(members: dict[str, np.ndarray], at: int) -> str:
    """In which set a sequence is, in words."""
    if easy(members)[at]:
        return "easy, kept" if members[SOFT][at] else "easy, rejected"
    if inherited(members, HARD)[at]:
        return "inherited by hard"
    return "teacher only" if members[TEACHER][at] else "other"


def paper_table(frame: pd.DataFrame) -> Styler:
    """``sources.paper_rates`` as a table."""
    formats = dict.fromkeys(frame.columns[1:4], "{:.3g}")
    formats |= {"baseline / soft": "{:.1f}", "loss, baseline - soft": "{:.2f}"}
    return styled(frame, "distill-paper", formats)
