"""One look per model in all figures of the chapter."""

from __future__ import annotations

from companion.distillation_memorization.method import arms
from companion.plotting import METHODS, Style, methods

LOOKS = methods(
    arms.TEACHER, arms.BASELINE, arms.SOFT, arms.HARD, arms.UNREAD, arms.MIXTURE, arms.SMOOTHED
)
MAIN = (arms.TEACHER, arms.BASELINE, arms.SOFT, arms.HARD)
NAMES = {
    arms.TEACHER: "T teacher",
    arms.BASELINE: "B baseline",
    arms.SOFT: "S soft",
    arms.HARD: "H hard",
}
PAPER = METHODS["paper"]


def look(name: str) -> Style:
    """Style of a model; soft students at other temperatures look like the soft one."""
    return LOOKS.get(name, LOOKS[arms.SOFT])
