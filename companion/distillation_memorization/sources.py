"""Numbers that the paper prints, from the transcribed table, and what follows from them."""

from __future__ import annotations

import pandas as pd
from scipy.stats import binomtest

from companion.data import fetch
from companion.stats import LEVEL, Interval

NUMBERS = "distillation-memorization/paper_numbers.csv"
INHERITED_HARD, INHERITED_SOFT, TEACHER_ONLY = 50, 18, 1955
"""Sequences of a million that only the teacher knew and a student inherited, and all of those."""

COEFFICIENTS = (-0.3341, -0.4010, -1.0579, -4.5001)
"""Of the classifier, standardized: teacher and baseline perplexity, divergence, zlib entropy."""


def paper_numbers() -> pd.DataFrame:
    """The transcribed numbers: setting, model, metric, value, unit."""
    return pd.read_csv(fetch(NUMBERS))


def paper_rates() -> pd.DataFrame:
    """One row per setting: memorization rates (%), baseline over student, held-out losses."""
    table = paper_numbers()
    chosen = table[table["metric"].isin(["memorization_rate", "val_loss"])]
    wide = chosen.pivot(index="setting", columns=["metric", "model"], values="value")
    rates, losses = wide["memorization_rate"], wide["val_loss"]
    return pd.DataFrame(
        {
            "setting": wide.index,
            "teacher (%)": rates["teacher"].to_numpy(),
            "baseline (%)": rates["baseline"].to_numpy(),
            "soft (%)": rates["student_soft"].to_numpy(),
            "baseline / soft": (rates["baseline"] / rates["student_soft"]).to_numpy(),
            "loss, baseline - soft": (losses["baseline"] - losses["student_soft"]).to_numpy(),
        }
    )


def inherited_ratio(hard: int = INHERITED_HARD, soft: int = INHERITED_SOFT) -> Interval:
    """Ratio of two counts with the exact conditional interval that the paper does not give.

    Given their sum, the first count is binomial; the interval of its share is turned into one of
    the ratio.  It treats the two sets as independent, which overlapping sets are not.
    """
    test = binomtest(hard, hard + soft, 0.5)
    share = test.proportion_ci(LEVEL, method="exact")
    whole = Interval(hard / (hard + soft), share.low, share.high, float(test.pvalue), hard + soft)
    return whole.map(lambda s: s / (1 - s))
