"""What a learning-rate schedule does to a curve that the law takes for a law of nature.

A checkpoint in the middle of a decaying schedule is not the end of a shorter run: its rate is
still high, and its loss lies above the loss of a run that was meant to end there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.scaling_laws.method.law import points
from companion.scaling_laws.method.protocol import Family, Run
from companion.scaling_laws.method.reduced import fit_one_model

SIZES = ("25M", "100M", "400M")


class Gap(NamedTuple):
    """One size: how far the run at a high rate lies above the cooled one, percent at equal tokens.

    D, percent : (n,)
    """

    model: str
    D: np.ndarray
    percent: np.ndarray


def gap(hot: Run, cool: Run) -> Gap:
    """(hot - cool) / cool at the tokens of `cool`; hot is interpolated in log D."""
    at = np.interp(np.log(cool.D), np.log(hot.D), hot.loss)
    return Gap(hot.model, cool.D, 100 * (at - cool.loss) / cool.loss)


def hot_cool_gaps(hot: Family, cool: Family) -> list[Gap]:
    """The gap of every model that has both runs."""
    runs = {run.model: run for run in hot.runs}
    return [gap(runs[run.model], run) for run in cool.runs if run.model in runs]


class Extrapolation(NamedTuple):
    """A curve and the law that was fitted to its beginning.

    step, loss, predicted : (n,); share : of the run that was fitted
    end_error : signed, percent, at the last step
    """

    size: str
    schedule: str
    step: np.ndarray
    loss: np.ndarray
    predicted: np.ndarray
    share: float
    end_error: float


def extrapolate(
    curves: pd.DataFrame, size: str, schedule: str, *, share: float = 0.7
) -> Extrapolation:
    """Fit E + B D^-beta to the first `share` of one curve and follow it to the end.

    Raises
    ------
    ValueError : no such curve; the message lists the schedules
    """
    curve = curves[(curves["size"] == size) & (curves["schedule"] == schedule)]
    if curve.empty:
        known = ", ".join(sorted(curves["schedule"].unique()))
        raise ValueError(f"no curve {size}/{schedule}; schedules are {known}")
    curve = curve.sort_values("step")
    step, loss = curve["step"].to_numpy(float), curve["loss"].to_numpy(float)
    N = np.full(step.shape, float(size.rstrip("M")) * 1e6)
    early = step < share * step[-1]
    fit = fit_one_model(points(N[early], step[early], loss[early]), log_A=-np.inf)
    predicted = fit.law.predict(N, step)
    end_error = 100 * float(predicted[-1] / loss[-1] - 1)
    return Extrapolation(size, schedule, step, loss, predicted, share, end_error)
