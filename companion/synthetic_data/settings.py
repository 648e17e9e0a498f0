"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.scale import Sized, sized

ALL = tuple(round(0.1 * i, 1) for i in range(10))
TO_HALF = ALL[:6]
FEW = (0.0, 0.2, 0.5)
"""Mixing ratios; every claim needs 0, 0.2 and 0.5."""


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED: the published run has worlds and texts that no earlier run had
    seed_base: int = sized(toy=0, book=86_000, least=0)
    jobs: int = sized(toy=1, book=2, least=1)  # processes, each on one thread
    # known truth: data sets, starting points and worlds
    n_seeds: int = sized(toy=3, book=24, least=2)
    n_samples: int = sized(4_000, paper=40_000, least=100)  # N, training samples of a generation
    generations: int = sized(toy=2, book=3, least=2)  # K, rounds of writing and training
    ranks: tuple[int, ...] = sized(toy=(8,), book=(4, 8, 24))  # sizes, the last is the main one
    # mixing ratios: of the mixtures at T = 1 and of the real part alone; of sharpened text and of
    # the other sizes; of the rest
    shares: tuple[float, ...] = sized(toy=FEW, book=ALL)
    half_shares: tuple[float, ...] = sized(toy=FEW, book=TO_HALF)
    few_shares: tuple[float, ...] = sized(FEW)
    # language model on real text: width of a character's vector and of the hidden layer
    lm_shapes: tuple[tuple[int, int], ...] = sized(toy=((16, 128),), book=((8, 32), (16, 128)))
    lm_seeds: int = sized(toy=2, book=10, least=2)  # texts and starting points
    lm_train: int = sized(toy=200, book=500, paper=20_000, least=20)  # windows of 64 characters
    lm_held_out: int = sized(toy=40, book=400, least=10)  # windows that say when to stop
    lm_test: int = sized(toy=100, book=1_000, least=10)  # windows that only score
    lm_steps: int = sized(toy=40, book=1_000, paper=20_000, least=2)  # updates of each training

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("shares", "half_shares", "few_shares"):
            if not set(FEW) <= set(getattr(self, name)) or max(getattr(self, name)) >= 1:
                raise ValueError(
                    f"{name} must hold 0, 0.2 and 0.5 and stay below 1, got {getattr(self, name)}"
                )
        for name in ("ranks", "lm_shapes"):
            values = getattr(self, name)
            if not values or list(values) != sorted(set(values)):
                raise ValueError(f"{name} must increase, got {values}")


contracts.ranges(
    Settings,
    shares=contracts.SHARE,
    half_shares=contracts.SHARE,
    few_shares=contracts.SHARE,
)
PRESETS = Settings.presets()
