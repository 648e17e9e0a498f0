"""Claims about what the precision says: C2, C3, C4, C7 and C8."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from companion.claims import Finding, judge
from companion.gaussian_rbf.lab.digits import DeadStart
from companion.gaussian_rbf.lab.reduction import Reading, Reduction
from companion.gaussian_rbf.lab.ridges import gaps, main_rows
from companion.gaussian_rbf.method.model import DIAGONAL, FULL, ISOTROPIC
from companion.gaussian_rbf.method.theory import Counterexample
from companion.gaussian_rbf.verdict import claims
from companion.scale import generator
from companion.stats import EQUIVALENCE, LEVEL, Interval, bootstrap, exact, over_seeds, proportion


def signed_rank(values: np.ndarray) -> float | None:
    """Two-sided Wilcoxon p that the median is 0; None where it cannot be had."""
    values = np.asarray(values, float)
    if len(values) < 2 or not np.isfinite(values).all() or not values.any():
        return None
    return float(wilcoxon(values).pvalue)


def resampled(
    values: np.ndarray,
    statistic: Callable[..., np.ndarray],
    rng: np.random.Generator,
    confidence: float = LEVEL,
) -> Interval:
    """Bootstrap interval over seeds or folds; unknown if a value is not finite or there is one."""
    values = np.asarray(values, float)
    if len(values) < 2 or not np.isfinite(values).all():
        return Interval(float("nan"), n=len(values))
    return bootstrap(values, statistic, rng=rng, confidence=confidence)


def structures(scale: str, ridges: pd.DataFrame, *, seed: int) -> Finding:
    """Claim C2: the gap on rotated data, and none on aligned data."""
    diagonal = gaps(ridges, rotated=True, against=DIAGONAL)
    isotropic = gaps(ridges, rotated=True, against=ISOTROPIC)
    aligned = gaps(ridges, rotated=False, against=DIAGONAL)
    rows = main_rows(ridges)
    medians = rows[rows["rotated"]].groupby("structure")["r2"].median()
    again, bad = rows["disagree"], rows["worst"] < rows["r2"] - 0.1
    return judge(
        claims.BY_ID["C2"],
        scale,
        resampled(diagonal, np.median, generator(seed, "gap"))._replace(p=signed_rank(diagonal)),
        parts={
            "mean gap to diagonal": (over_seeds(diagonal), claims.ABOVE_ZERO),
            "mean gap to isotropic": (over_seeds(isotropic), claims.ABOVE_ZERO),
            "median gap on aligned data": (
                resampled(aligned, np.median, generator(seed, "aligned gap"), EQUIVALENCE),
                claims.NO_GAP,
            ),
        },
        note="median R2 on rotated data: "
        + ", ".join(f"{name} {medians[name]:.2f}" for name in (FULL, DIAGONAL, ISOTROPIC))
        + f"; of {len(again)} cases, restarts differ by more than 10 % of the objective in "
        f"{again.sum()}, and one of them is worse by 0.1 of R2 in {bad.sum()}",
    )


def angles(scale: str, ridges: pd.DataFrame, *, seed: int) -> Finding:
    """Claim C3: angles at the main penalty, full precision, rotated data."""
    rows = main_rows(ridges)
    rows = rows[rows["rotated"] & (rows["structure"] == FULL)]
    close = (rows["angle_p"] < 10).to_numpy()  # nan is not close
    excess = (rows["angle_p"] - rows["angle_agop"]).to_numpy()
    parts = {}
    if scale != "toy":
        measured = resampled(excess, np.median, generator(seed, "angles"))
        parts["angle of P less that of AGOP"] = measured, claims.NOT_LARGER
    return judge(
        claims.BY_ID["C3"],
        scale,
        proportion(int(close.sum()), len(close))._replace(p=signed_rank(rows["angle_p"] - 10)),
        parts=parts,
        note=f"median angle of P {rows['angle_p'].median():.1f} degrees, of AGOP "
        f"{rows['angle_agop'].median():.1f}",
    )


def decay(scale: str, reduction: Reduction, *, seed: int) -> Finding:
    """Claim C4: shares of the eigenvalues over folds."""

    def share(table: str, column: str) -> Interval:
        values = reduction.shares.loc[reduction.shares["table"] == table, column].to_numpy()
        return resampled(values, np.mean, generator(seed, "decay", table))

    return judge(
        claims.BY_ID["C4"],
        scale,
        share("digits 3v8", "first"),
        parts={"wine, first two": (share("wine", "first_two"), claims.ABOVE_99)},
    )


def dead_start(scale: str, dead: DeadStart, *, seed: int) -> Finding:
    """Claim C7: no penalty, no awakening; one time for all penalties; a smaller start cures it."""
    at = {float(lam): i for i, lam in enumerate(dead.lams)}
    end = abs(float(dead.loss[at[0.0], -1]) - np.log(2))
    ratio = dead.wake[at[1e-5]] / dead.wake[at[1e-2]]
    woken = [f"{lam:g}: {step:.0f}" for lam, step in zip(dead.lams, dead.wake, strict=True)]
    return judge(
        claims.BY_ID["C7"],
        scale,
        over_seeds([end]),
        parts={
            "wake-up with 1e-5 over 0.01": (over_seeds([ratio]), claims.WITHIN_20),
            "accuracy from the small start": (over_seeds([dead.accuracy_small]), claims.TRAINS),
        },
        note=f"largest Gaussian at the start {dead.peak:.0e}; wake-up step by weight: "
        + ", ".join(woken).replace("nan", "never"),
    )


def turned(scale: str, example: Counterexample, readings: list[Reading], *, seed: int) -> Finding:
    """Claim C8: the counter-example, and the cosine on real tables."""
    off = np.abs(np.diag(example.H) - [0.036, 0.111]).max()
    return judge(
        claims.BY_ID["C8"],
        scale,
        exact(example.cosine),
        parts={"H off by": (exact(off), claims.WITHIN_001)},
        note="|cosine| on real tables: "
        + ", ".join(f"{one.table.name} {one.cosine:.2f}" for one in readings),
    )
