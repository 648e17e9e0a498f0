"""The chapter's explorer: any released family under the protocol, fitted when it is asked for."""

from __future__ import annotations

from functools import cache

import numpy as np

from companion.explore import Explorer, explorer
from companion.scaling_laws.method.law import is_identified
from companion.scaling_laws.method.protocol import (
    CUT,
    Run,
    are,
    bias,
    target_points,
    training_points,
)
from companion.scaling_laws.method.varpro import fit_varpro
from companion.scaling_laws.page.figures import Prediction, family_frame
from companion.scaling_laws.sources import released_family

CURVES = {
    "OPT, perplexity (as fitted)": ("OPT", "paper", "validation perplexity"),
    "OPT, nats": ("OPT", "nats", "validation loss (nats per token)"),
}
"""Slider value -> family, unit, what the axis shows."""


@cache
def predict(curve: str, cut: float) -> Prediction:
    """One fit of all smaller models of a family, as the protocol takes them.

    curve : key of CURVES; cut : see ``protocol``
    """
    name, unit, label = CURVES[curve]
    family = released_family(name, unit)
    runs, target = family.runs[:-1], target_points(family.target)
    law = fit_varpro(training_points(runs, cut=cut)).law
    end = max(run.D[-1] for run in runs)
    used = tuple(run.select((cut < run.D) & (end > run.D)) for run in runs)
    grid = np.geomspace(5e9, family.target.D[-1], 120)
    late = np.concatenate([run.loss[grid[0] <= run.D] for run in family.runs])
    margin = 0.08 * np.ptp(late)
    return Prediction(
        training=used,
        target=family.target,
        law=law,
        grid=grid,
        band=_band(runs, family.target.N, grid, cut),
        are=are(law, target),
        bias=bias(law, target),
        ylabel=label,
        ylim=(float(late.min() - margin), float(late.max() + margin)),
    )


def _band(
    runs: tuple[Run, ...], N: float, grid: np.ndarray, cut: float
) -> tuple[np.ndarray, np.ndarray] | None:
    curves = []
    for left_out in runs:
        data = training_points([run for run in runs if run is not left_out], cut=cut)
        if not is_identified(data):
            return None
        curves.append(fit_varpro(data).law.predict(N, grid))
    return np.min(curves, axis=0), np.max(curves, axis=0)


def family_explorer() -> Explorer:
    """OPT in two units, with and without the cut: four frames.

    Raises
    ------
    DataUnavailable : the released families are not on this machine
    """
    for name, unit, _ in CURVES.values():
        released_family(name, unit)  # now, and not when the first frame is drawn

    def alt(**at: object) -> str:
        shown = predict(**at)
        return (
            f"{at['curve']}, {'first 10B tokens cut' if at['cut'] else 'no cut'}: "
            f"error {shown.are:.1f} percent, "
            f"bias {shown.bias:+.1f} percent."
        )

    return explorer(
        lambda **at: family_frame(predict(**at)),
        name="sl-family",
        alt=alt,
        labels={"curve": "unit", "cut": "cut"},
        show={"cut": lambda cut: "10B" if cut else "none"},
        start={"curve": "OPT, perplexity (as fitted)", "cut": CUT},
        curve=list(CURVES),
        cut=[0.0, CUT],
    )
