"""One look per model in all figures of the chapter."""

from __future__ import annotations

from companion.distillation_memorization import arms as a
from companion.plotting import METHODS, Style, methods

LOOKS = methods(a.TEACHER, a.BASELINE, a.SOFT, a.HARD, a.UNREAD, a.MIXTURE, a.SMOOTHED)
MAIN = (a.TEACHER, a.BASELINE, a.SOFT, a.HARD)
NAMES = {a.TEACHER: "T teacher", a.BASELINE: "B baseline", a.SOFT: "S soft", a.HARD: "H hard"}
PAPER = METHODS["paper"]
OTHERS = METHODS["other students"]


def look(name: str) -> Style:
    """Style of a model; soft students at other temperatures look like the soft one."""
    return LOOKS.get(name, LOOKS[a.SOFT])
