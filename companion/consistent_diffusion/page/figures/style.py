"""One look per method in all figures of the chapter."""

from __future__ import annotations

from companion.plotting import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Style

STYLES = {
    "Diffusion": Style(ORANGE, "^", "--"),
    "Two For One": Style(PURPLE, "v", ":"),
    "Mixture": Style(SKY, "D", "-."),
    "Fokker-Planck": Style(GREEN, "s", "--"),
    "Both": Style(BLUE, "o", "-"),
    "truth": Style(BLACK, "", "-"),
    "control": Style(VERMILION, "X", "-."),
}
"""Method to color, marker, and dash; the paper's own numbers are grey."""

PAPER = Style(GREY, "s", "--")
