r"""Sets of sequences, not rates: which ones are memorized by whom.

.. math:: E = M_T \cap M_B, \qquad I_S = (M_T \cap M_S) \setminus M_B, \qquad R = E \setminus M_S
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from companion.distillation_memorization.method.arms import BASELINE, TEACHER

Members = Mapping[str, np.ndarray]
"""Model -> bool (n,): which training sequences it memorizes."""


def easy(m: Members) -> np.ndarray:
    """E: memorized by teacher and baseline alike.  Notebook eq. 4."""
    return m[TEACHER] & m[BASELINE]


def inherited(m: Members, student: str) -> np.ndarray:
    """I: what only the teacher knew, and the student now has.  Notebook eq. 5."""
    return m[TEACHER] & m[student] & ~m[BASELINE]


def rejected(m: Members, student: str) -> np.ndarray:
    """R: easy sequences that the student does not have."""
    return easy(m) & ~m[student]


def teacher_only(m: Members) -> np.ndarray:
    """What the teacher memorizes and the baseline does not."""
    return m[TEACHER] & ~m[BASELINE]


def ratio(numerator: float, denominator: float) -> float:
    """Ratio of counts; NaN for an empty denominator, which no criterion accepts."""
    return numerator / denominator if denominator > 0 else float("nan")


def halved_ratio(numerator: float, denominator: float) -> float:
    """(a + 1/2) / (b + 1/2): defined for small counts, and never further from 1 than a / b."""
    return (numerator + 0.5) / (denominator + 0.5)
