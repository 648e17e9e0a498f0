"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.scale import Sized, sized

OURS = ("pythia-14m", "pythia-70m", "pythia-160m", "pythia-410m")
"""Models whose checkpoints are worth 56 GB of downloads."""


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED: the published run has seeds that no earlier run had
    seed_base: int = sized(toy=0, book=5_200, least=0)
    pipeline_seeds: int = sized(toy=1, book=4, paper=10, least=1)  # untrained 14M models (C0)
    refits: int = sized(toy=20, book=300, least=2)  # of each of two known curves (C5)
    profile_points: int = sized(toy=13, book=25, least=3)  # values at which K is held
    true_draws: int = sized(toy=1, book=20, least=1)  # series a layer in which eq. 9 is true (C14)
    leak_draws: int = sized(toy=20, book=400, least=2)  # data sets without any effect (C6)
    table_draws: int = sized(toy=2, book=20, least=2)  # the same for each regressor (C6)
    splits: int = sized(toy=3, book=40, least=2)  # random splits of the layers at hand (C13)
    texts: int = sized(toy=3, book=24, paper=50, least=3)  # for the real model (C9)
    text_tokens: int = sized(toy=24, book=128, paper=512, least=8)  # of each
    source: str = sized("excerpt", paper="hub")  # where the authors' measurements come from
    pythia: tuple[str, ...] = sized((), paper=OURS)  # models that are measured anew


contracts.ranges(
    Settings,
    source=contracts.one_of(("excerpt", "hub")),
    pythia=contracts.one_of(OURS),
)
PRESETS = Settings.presets()
