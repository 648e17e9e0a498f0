"""One look per method in all figures of the chapter."""

from __future__ import annotations

from companion.plotting import METHODS, methods

STYLES = methods("Diffusion", "Two For One", "Mixture", "Fokker-Planck", "Both", "truth", "control")
"""Method to color, marker, and dash; the paper's own numbers are grey."""

PAPER = METHODS["paper"]
