"""Tables of the chapter's page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import measured_text
from companion.leximark.lab.detection import tpr_at
from companion.leximark.lab.quality import Quality
from companion.leximark.lab.run import Run
from companion.leximark.method.watermark import Marked
from companion.leximark.sources import gains
from companion.stats import over_seeds
from companion.tables import Html, styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def paper_summary(printed: pd.DataFrame) -> Styler:
    """Mean over models of the paper's AUROC per data set and regime."""
    names = {"qlora_finetune": "QLoRA", "continued_pretraining": "continued pretraining"}
    grouped = gains(printed).groupby(["regime", "dataset"])[["none", "LexiMark", "gain"]].mean()
    shown = grouped.reset_index()
    shown["regime"] = shown["regime"].map(names)
    shown = shown.rename(columns={"dataset": "data", "none": "no mark"})
    formats = dict.fromkeys(("no mark", "LexiMark", "gain"), "{:.1f}")
    return styled(shown, "leximark-paper", formats)


def arms_table(run: Run) -> Styler:
    """Every arm and question: AUROC, words changed, share found at 5 %, and three controls.

    The controls are the untrained model, naive Bayes, which asks no model, and by how much the
    texts that were trained on became likelier.
    """
    rows = []
    for arm in run.arms:
        for question, said in (("record", "record"), ("protocol", "protocol")):
            if not run.has(arm, question):
                continue
            pairs = run.pairs(arm, question)
            rows.append(
                {
                    "arm": arm,
                    "question": said,
                    "AUROC": measured_text(over_seeds(run.aurocs(arm, question))),
                    "words changed": float(np.mean([one.arms[arm].changed for one in run.results])),
                    "found at 5 %": float(np.mean([tpr_at(*pair) for pair in pairs])),
                    "untrained": float(run.aurocs(arm, question, model="base").mean()),
                    "no model": float(
                        np.mean([one.arms[arm].blind[question] for one in run.results])
                    ),
                    "learned": float(np.mean([one.arms[arm].learned for one in run.results])),
                }
            )
    formats = dict.fromkeys(("untrained", "no model", "learned"), "{:.2f}")
    formats |= {"found at 5 %": "{:.0%}", "words changed": "{:.0%}"}
    return styled(pd.DataFrame(rows), f"leximark-{run.model.replace(' ', '-')}", formats)


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


def quality_table(qualities: Sequence[Quality]) -> Styler:
    """What the authors' rule costs, means over documents with intervals over seeds."""
    rows = {
        "share of words replaced": [float(one.shares.mean()) for one in qualities],
        "cosine of a changed sentence, before and after": [
            float(one.cosines.mean()) for one in qualities
        ],
        "places at which the two calls write the same word": [one.agree for one in qualities],
        "AUROC of a detector that counts rare words": [one.seen for one in qualities],
    }
    table = [
        {"quantity": name, "over seeds": measured_text(over_seeds(values))}
        for name, values in rows.items()
    ]
    return styled(pd.DataFrame(table), "leximark-quality")
