"""What stands beside every AUROC: that of the untrained model, and of naive Bayes, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion.leximark.page.figures.style import CONTROL
from companion.leximark.page.tables import no_model, untrained
from companion.plotting import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNTRAINED, BLIND = "untrained model", "no model at all (naive Bayes)"


def controls(run: object, arm: str, question: str) -> tuple[float, float]:
    """Mean AUROC of the untrained model and of no model; nan where a run or record lacks it.

    run : a live one, or one with an attribute `told` as ``findings.run_series`` gives it
    """
    if hasattr(run, "told"):
        row = run.told[arm]
        found = [_mean(by_question(row.get(kind)).get(question)) for kind in ("untrained", "blind")]
    else:
        found = [untrained(run, arm, question), no_model(run, arm, question)]
    return tuple(np.nan if value is None else float(value) for value in found)


def by_question(values: object) -> Mapping[str, Sequence[float]]:
    """Values by question; empty where a record has none."""
    return values if isinstance(values, Mapping) else {}


def _mean(values: Sequence[float] | None) -> float:
    return float(np.mean(values)) if values else np.nan


def draw(
    ax: Axes,
    x: Sequence[float],
    found: Sequence[tuple[float, float]],
    *,
    hollow: bool = False,
    upright: bool = True,
) -> None:
    """Both controls at the places `x`; their legend is :func:`legend`.

    found : of :func:`controls`; hollow : for a second question in the same panel
    upright : whether AUROC is on the vertical axis
    """
    for values, marker, color, size in zip(
        zip(*found, strict=True), "<X", (GREY, CONTROL), (6, 7), strict=True
    ):
        at = (x, values) if upright else (values, x)
        ax.plot(
            *at,
            marker,
            color=color,
            markersize=size,
            linestyle="none",
            markerfacecolor="white" if hollow else color,
        )


def legend(ax: Axes, note: str = "") -> None:
    """Entries of both controls for a legend that is drawn afterwards."""
    ax.plot([], [], "X", color=CONTROL, label=BLIND + note)
    ax.plot([], [], "<", color=GREY, label=UNTRAINED + note)
