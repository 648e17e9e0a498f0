"""One look per model in all figures of the chapter."""

from __future__ import annotations

from companion.distillation_memorization import arms as a
from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    Style,
)

LOOKS = {
    a.TEACHER: Style(PURPLE, "s", "-"),
    a.BASELINE: Style(ORANGE, "^", "--"),
    a.SOFT: Style(BLUE, "o", "-"),
    a.HARD: Style(GREEN, "D", "-."),
    a.UNREAD: Style(VERMILION, "X", ":"),
    a.MIXTURE: Style(SKY, "v", "--"),
    a.SMOOTHED: Style(YELLOW, "P", ":"),
}
MAIN = (a.TEACHER, a.BASELINE, a.SOFT, a.HARD)
NAMES = {a.TEACHER: "T teacher", a.BASELINE: "B baseline", a.SOFT: "S soft", a.HARD: "H hard"}
PAPER = Style(GREY, "s", "--")
OTHERS = Style(BLACK, ".", "")


def look(name: str) -> Style:
    """Style of a model; soft students at other temperatures look like the soft one."""
    return LOOKS.get(name, LOOKS[a.SOFT])
