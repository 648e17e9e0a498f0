"""Tables of the chapter's page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.leximark.lab.quality import Quality
from companion.leximark.lab.run import STORED, Run
from companion.leximark.method.scores import MIN_K_PLUS
from companion.leximark.method.watermark import Marked
from companion.leximark.verdict.auroc import level
from companion.stats import over_seeds
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
    """Every arm: AUROC with one dictionary and with one per half, each beside two controls.

    The controls are the untrained model and naive Bayes, which asks no model.
    """
    rows = []
    for arm in run.results[0]:
        row = {"arm": arm}
        asked = (("record", "both halves alike", ""), ("protocol", "a key per half", " "))
        for question, title, mark in asked:  # columns need names of their own
            has = run.has(arm, question)
            row[title] = measured_text(level(run, arm, question)) if has else "–"
            row["untrained" + mark] = untrained(run, arm, question) if has else None
            row["no model" + mark] = no_model(run, arm, question) if has else None
        rows.append(row)
    formats = dict.fromkeys(("untrained", "no model", "untrained ", "no model "), "{:.2f}")
    return styled(pd.DataFrame(rows), f"leximark-arms-{run.model.replace(' ', '-')}", formats)


def untrained(run: Run, arm: str, question: str, score: str = MIN_K_PLUS) -> float | None:
    """Mean AUROC of the untrained model; None where it was not asked."""
    if any(not result[arm].base for result in run.results):
        return None
    return float(run.aurocs(arm, question, score, model="base").mean())


def no_model(run: Run, arm: str, question: str) -> float | None:
    """Mean AUROC of naive Bayes; None where it was not asked."""
    found = [result[arm].blind.get(question) for result in run.results]
    return None if None in found else float(np.mean(found))


def scores_table(run: Run, arms: Sequence[tuple[str, str]]) -> Styler:
    """AUROC of every stored score, the untrained model's in brackets; last what no model finds.

    arms : (arm, question)
    """
    rows = []
    names = {(a, q): a if q == "record" else f"{a}, {q}" for a, q in arms}
    for name in STORED:
        row = {"score": name}
        for (arm, question), label in names.items():
            found = measured_text(over_seeds(run.aurocs(arm, question, name)))
            row[label] = f"{found} ({_two(untrained(run, arm, question, name))})"
        rows.append(row)
    blind = {label: _two(no_model(run, *one)) for one, label in names.items()}
    rows.append({"score": "no model (naive Bayes)"} | blind)
    return styled(pd.DataFrame(rows), f"leximark-scores-{run.model.replace(' ', '-')}")


def _two(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


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
