"""Tables of the chapter's page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.leximark.experiment import STORED, Run
from companion.leximark.judge_auroc import level, over_seeds
from companion.leximark.quality import Quality
from companion.leximark.watermark import Marked
from companion.tables import Html, styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def paper_table(path: Path) -> pd.DataFrame:
    """The project page's AUROC, percent: regime, dataset, model, none, LexiMark, gain."""
    frame = pd.read_csv(path)
    wide = (
        frame[frame["metric"] == "auroc"]
        .pivot(index=["regime", "dataset", "model"], columns="watermark", values="percent")
        .rename(columns={"leximark": "LexiMark"})
        .reset_index()
    )
    wide.columns.name = None
    return wide.assign(gain=wide["LexiMark"] - wide["none"])


def paper_summary(frame: pd.DataFrame) -> Styler:
    """Mean over models of the paper's AUROC per data set and regime."""
    names = {"qlora_finetune": "QLoRA", "continued_pretraining": "continued pretraining"}
    grouped = frame.groupby(["regime", "dataset"])[["none", "LexiMark", "gain"]].mean()
    shown = grouped.reset_index()
    shown["regime"] = shown["regime"].map(names)
    shown = shown.rename(columns={"dataset": "data", "none": "no mark"})
    formats = dict.fromkeys(("no mark", "LexiMark", "gain"), "{:.1f}")
    return styled(shown, "leximark-paper", formats)


def arms_table(run: Run) -> Styler:
    """Every arm: AUROC with one dictionary and with one per half, untrained model, no model."""
    rows = []
    for arm, first in run.results[0].items():
        has_key = run.has(arm, "protocol")
        blind = {
            q: float(np.mean([result[arm].blind[q] for result in run.results])) for q in first.blind
        }
        rows.append(
            {
                "arm": arm,
                "both halves alike": measured_text(level(run, arm)),
                "no model": blind.get("record"),
                "a key per half": measured_text(level(run, arm, "protocol")) if has_key else "–",
                "no model ": blind.get("protocol"),
                "untrained": (
                    float(run.aurocs(arm, "record", model="base").mean()) if first.base else None
                ),
            }
        )
    formats = dict.fromkeys(("no model", "no model ", "untrained"), "{:.2f}")
    return styled(pd.DataFrame(rows), f"leximark-arms-{run.model.replace(' ', '-')}", formats)


def scores_table(run: Run, arms: Sequence[tuple[str, str]]) -> Styler:
    """AUROC of every stored score.  arms : (arm, question)"""
    rows = []
    for name in STORED:
        row = {"score": name}
        for arm, question in arms:
            label = arm if question == "record" else f"{arm}, {question}"
            row[label] = measured_text(over_seeds(run.aurocs(arm, question, name)))
        rows.append(row)
    return styled(pd.DataFrame(rows), f"leximark-scores-{run.model.replace(' ', '-')}")


def changes_table(marked: Marked) -> Styler:
    """Which words changed, and why; which were looked at and kept, and why."""
    rows = [
        {
            "word": change.old,
            "became": change.new if change.new != change.old else "(kept)",
            "bits before": change.bits[0],
            "bits after": change.bits[1],
            "why": change.why,
        }
        for change in sorted([*marked.changes, *marked.kept])
    ]
    columns = ["word", "became", "bits before", "bits after", "why"]
    formats = {"bits before": "{:.1f}", "bits after": "{:.1f}"}
    return styled(pd.DataFrame(rows, columns=columns), "leximark-changes", formats)


def highlighted(text: str, marked: Marked) -> str:
    """The marked text as HTML; a replaced word is marked, its original in a note."""
    parts, at = [], 0
    for change in sorted(marked.changes):
        parts.append(escape(text[at : change.start]))
        parts.append(
            f"<mark><strong>{escape(change.new)}</strong></mark> "
            f"<small>(was {escape(change.old)})</small>"
        )
        at = change.end
    return "".join([*parts, escape(text[at:])])


def sample_texts(samples: Sequence[tuple[str, Marked]]) -> Html:
    """Documents with their replacements highlighted."""
    return Html("".join(f"<p>{highlighted(*one)}</p>" for one in samples))


def quality_table(quality: Quality, seed: int) -> Styler:
    """What the watermark costs, with intervals over documents."""
    names = {
        "shares": "share of words replaced",
        "ratio": "perplexity under the untrained model, after / before",
        "cosines": "cosine of sentence vectors, before and after",
    }
    rows = [
        {"quantity": text, "mean over documents": measured_text(quality.interval(name, seed))}
        for name, text in names.items()
        if getattr(quality, name) is not None
    ]
    return styled(pd.DataFrame(rows), "leximark-quality")
