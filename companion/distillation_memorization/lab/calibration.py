"""The rule that decides whether teacher and students may be compared."""

from __future__ import annotations

from companion.distillation_memorization.method import arms
from companion.distillation_memorization.method.sets import Members


class NotCalibrated(ValueError):
    """Teacher and baseline are not in the regime in which the comparison is fair."""


def check_calibration(members: Members, teacher_loss: float, baseline_loss: float) -> None:
    """Raise ``NotCalibrated`` unless |M_T| is 1.2 to 3 times |M_B| and the teacher's loss is lower.

    Outside of this regime a ratio of rates means nothing: a teacher that has hardly read D has
    nothing to pass on, and an overfitted one makes its students worse.
    """
    teacher, baseline = (int(members[m].sum()) for m in (arms.TEACHER, arms.BASELINE))
    if not 1.2 * baseline <= teacher <= 3 * baseline or baseline == 0:
        raise NotCalibrated(
            f"the teacher memorizes {teacher} sequences and the baseline {baseline}: "
            "change teacher_epochs until the ratio lies between 1.2 and 3"
        )
    if not teacher_loss < baseline_loss:
        raise NotCalibrated(
            f"the teacher's held-out loss {teacher_loss:.3f} is not below the baseline's "
            f"{baseline_loss:.3f}: use fewer teacher_epochs or a larger teacher"
        )
