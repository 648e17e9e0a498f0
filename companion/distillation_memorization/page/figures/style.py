"""One look per model in all figures of the chapter."""

from __future__ import annotations

from companion.distillation_memorization.method import arms
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
    arms.TEACHER: Style(PURPLE, "s", "-"),
    arms.BASELINE: Style(ORANGE, "^", "--"),
    arms.SOFT: Style(BLUE, "o", "-"),
    arms.HARD: Style(GREEN, "D", "-."),
    arms.UNREAD: Style(VERMILION, "X", ":"),
    arms.MIXTURE: Style(SKY, "v", "--"),
    arms.SMOOTHED: Style(YELLOW, "P", ":"),
}
MAIN = (arms.TEACHER, arms.BASELINE, arms.SOFT, arms.HARD)
NAMES = {
    arms.TEACHER: "T teacher",
    arms.BASELINE: "B baseline",
    arms.SOFT: "S soft",
    arms.HARD: "H hard",
}
PAPER = Style(GREY, "s", "--")
OTHERS = Style(BLACK, ".", "")


def look(name: str) -> Style:
    """Style of a model; soft students at other temperatures look like the soft one."""
    return LOOKS.get(name, LOOKS[arms.SOFT])
