"""Figures of the larger scale drawn from the published record, where a run has nothing to show.

The record keeps AUROC per seed and the scores of the keyed test, and no documents' scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from companion.data import Missing
from companion.leximark.lab.arms import MARK, NONE
from companion.leximark.lab.detection import KeyedTest, rank_p
from companion.leximark.page.figures import auroc
from companion.leximark.page.figures import keys as keyed
from companion.leximark.page.figures.auroc import QUESTIONS, WORDS
from companion.plotting import figure, finding_title, reference_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Record = Mapping[str, object]

NOTHING = Missing("This is run at book scale, and there is no published record yet.")
GPT = "transformer"


class StoredRun:
    """A run as the record keeps it; it answers what the figures ask of a live one.

    told : arm -> question -> AUROC per seed
    """

    def __init__(self, told: Mapping[str, Mapping[str, object]]) -> None:
        self.told = told

    def aurocs(self, arm: str, question: str = "record") -> np.ndarray:
        """AUROC per seed: (n_seeds,)."""
        return np.array(self.told[arm][question])


def stored(record: Record | None, model: str) -> StoredRun | None:
    """The record's run of a model; None where there is none."""
    runs = (record or {}).get("series", {}).get("runs", {})
    return StoredRun(runs[model]) if model in runs else None


def dose(record: Record | None) -> Figure | Missing:
    """AUROC against K, published."""
    run = stored(record, "word model")
    return auroc.dose(run, tuple(record["settings"]["doses"])) if run else NOTHING


def removal(record: Record | None) -> Figure | Missing:
    """AUROC after marked words were replaced again, published."""
    run = stored(record, "word model")
    return auroc.removal(run, tuple(record["settings"]["removals"])) if run else NOTHING


def stealth(record: Record | None) -> Figure | Missing:
    """AUROC against closeness of meaning, published."""
    run, told = stored(record, "word model"), (record or {}).get("series", {}).get("trade_off")
    if run is None or not told:
        return NOTHING
    filtered = {
        arm: {"protocol": row["auroc"]}
        | {kind: {"protocol": row[kind]} for kind in ("untrained", "blind") if kind in row}
        for arm, row in told.items()
    }
    n = len(told[MARK]["auroc"])
    filtered[NONE] = {"record": run.aurocs(NONE)[:n]}
    found = SimpleNamespace(
        thresholds=tuple(record["settings"]["thresholds"]),
        run=StoredRun(filtered),
        cosine={arm: np.array(row["cosine"]) for arm, row in told.items()},
        share={arm: np.array(row["share"]) for arm, row in told.items() if "share" in row} or None,
    )
    return auroc.stealth(found)


def keys(record: Record | None, model: str = GPT) -> Figure | Missing:
    """The owner's key among fresh ones, published."""
    told = (record or {}).get("series", {}).get("keys", {}).get(model)
    if not told:
        return NOTHING
    tests = {}
    for name, true, others in (
        ("trained", "true", "others"),
        ("untrained", "untrained", "untrained others"),
    ):
        values = np.array(told[others])
        tests[name] = KeyedTest(told[true], values, rank_p(told[true], values))
    return keyed.keys(SimpleNamespace(**tests), model)


def marks(record: Record | None) -> Figure | Missing:
    """All watermarks in the transformer: what they add to a record, and in the protocol."""
    run = stored(record, GPT)
    if run is None:
        return NOTHING
    arms = [arm for arm in run.told if "protocol" in run.told[arm]]
    arms.sort(key=lambda arm: run.aurocs(arm, "protocol").mean())
    fig, ax = figure(height=4.2)
    for question, shift in (("protocol", 0.12), ("record", -0.12)):
        look = QUESTIONS[question]
        for i, arm in enumerate(arms):
            values = run.aurocs(arm, question)
            ax.plot(
                values,
                np.full(len(values), i + shift),
                look.marker,
                color=look.color,
                alpha=0.45,
                markersize=4,
            )
            ax.plot(
                values.mean(),
                i + shift,
                look.marker,
                color=look.color,
                markersize=8,
                label=WORDS[question] if i == 0 else None,
            )
        beside = [auroc.controls(run, arm, question) for arm in arms]
        auroc.draw(
            ax, np.arange(len(arms)) + shift, beside, hollow=question == "record", upright=False
        )
    auroc.legend(ax)
    none = float(run.aurocs(NONE).mean())
    reference_line(ax, none, "no mark", axis="x")
    ax.set_yticks(range(len(arms)), arms)
    ax.set(
        xlabel="AUROC, Min-K%++ 20 % (controls of “this record?” are hollow)",
        xlim=(0.3, 1.02),
        ylim=(-0.6, len(arms) + 1.9),
    )
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.94), ncols=2, fontsize=8.5)
    finding_title(
        ax,
        "What a mark adds is its key, not the record",
        holds=all(run.aurocs(arm).mean() <= none for arm in arms)
        and sum(run.aurocs(arm, "protocol").mean() > none for arm in arms) > len(arms) / 2,
        otherwise="What each watermark adds to a record, and under the protocol",
    )
    return fig
