"""The ten Pythia shapes: facts from the training configurations of github EleutherAI/pythia.

Kept in the package (and not fetched) because everything about the predictor starts here.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd


class Architecture(NamedTuple):
    """One model.

    model : name on the Hub, without the owner
    layers, width, heads, mlp_width : L, d, H and d_ff
    peak_lr : highest learning rate of the schedule; it falls to a tenth by cosine
    in_paper : whether the paper fits this model (31m is left out)
    """

    model: str
    layers: int
    width: int
    heads: int
    mlp_width: int
    peak_lr: float
    in_paper: bool = True

    @property
    def size(self) -> str:
        """The name in the paper's tables, e.g. ``"160m"``."""
        return self.model.removeprefix("pythia-")


ARCHITECTURES = (
    Architecture("pythia-14m", 6, 128, 4, 512, 1.0e-3),
    Architecture("pythia-31m", 6, 256, 8, 1024, 1.0e-3, in_paper=False),
    Architecture("pythia-70m", 6, 512, 8, 2048, 1.0e-3),
    Architecture("pythia-160m", 12, 768, 12, 3072, 6.0e-4),
    Architecture("pythia-410m", 24, 1024, 16, 4096, 3.0e-4),
    Architecture("pythia-1b", 16, 2048, 8, 8192, 2.5e-4),
    Architecture("pythia-1.4b", 24, 2048, 16, 8192, 2.0e-4),
    Architecture("pythia-2.8b", 32, 2560, 32, 10240, 1.6e-4),
    Architecture("pythia-6.9b", 32, 4096, 32, 16384, 1.2e-4),
    Architecture("pythia-12b", 36, 5120, 40, 20480, 1.2e-4),
)


def architecture(model: str) -> Architecture:
    """The row of one model; ValueError lists the names when there is none."""
    for row in ARCHITECTURES:
        if row.model == model:
            return row
    names = ", ".join(row.model for row in ARCHITECTURES)
    raise ValueError(f"unknown model {model!r}; known are {names}")


def paper_models() -> tuple[Architecture, ...]:
    """The nine models of the paper, smallest first."""
    return tuple(row for row in ARCHITECTURES if row.in_paper)


def as_frame() -> pd.DataFrame:
    """All ten rows, one column per field."""
    return pd.DataFrame(ARCHITECTURES)
