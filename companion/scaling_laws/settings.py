"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.scale import Sized, sized

BILLION = 1e9

SHARES = tuple(round(0.1 * i, 1) for i in range(10))
"""Shares of each run that are thrown away."""

SOME_TOKENS = (50 * BILLION, 350 * BILLION)
ALL_TOKENS = (20 * BILLION, 50 * BILLION, 100 * BILLION, 200 * BILLION, 350 * BILLION)
SIZES = ("14m", "31m", "70m", "160m", "410m", "1b", "1.4b")
PYTHIA = tuple(f"EleutherAI/pythia-{size}" for size in SIZES)


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    seed_base: int = sized(toy=0, book=51_000, least=0)  # added to the seed
    shares: tuple[float, ...] = sized(
        toy=(0.0, 0.1, 0.3, 0.5, 0.7, 0.9), book=SHARES
    )  # thrown away
    bench_fits: int = sized(toy=3, book=46, least=2)  # cells on which solvers are compared
    bench_starts: int = sized(20, least=2)  # of the search from many starts
    draws: int = sized(toy=10, book=300, least=8)  # subsets of Gemstones runs for each design
    # numbers of runs in the figure; the claims take 3, 5, 8, 10, and 12 of them
    subset_sizes: tuple[int, ...] = sized(toy=(3, 5, 8, 10, 12), book=(3, 4, 5, 6, 8, 10, 12))
    table_draws: int = sized(toy=16, book=300, least=16)  # the same for the practitioner's table
    table_sizes: tuple[int, ...] = sized(toy=(3, 8), book=(3, 5, 8, 12))  # runs in its designs
    table_tokens: tuple[float, ...] = sized(toy=SOME_TOKENS, book=ALL_TOKENS)  # of each run
    # shares of the target's cost that the table answers for
    budgets: tuple[float, ...] = sized(toy=(0.1, 0.3), book=(0.01, 0.03, 0.1, 0.3))
    permutations: int = sized(toy=50, book=1000, least=10)  # of the parameters over families
    worlds: int = sized(toy=8, book=20, least=2)  # with a known truth
    world_seeds: int = sized(toy=1, book=2, least=1)  # training seeds in each
    control_families: int = sized(toy=20, book=200, least=10)  # lawful from the first token on
    # layers and width of the tiny models whose seeds are compared
    tiny_shapes: tuple[tuple[int, int], ...] = sized(((1, 16), (2, 32), (2, 64)))
    tiny_seeds: int = sized(toy=0, book=10, least=0)  # 0 trains none
    tiny_steps: int = sized(600, least=20)
    tiny_batch: int = sized(32, least=1)  # windows of 64 bytes
    n_jobs: int = sized(toy=1, book=2)  # processes; starting them takes longer than a toy run
    hub_models: tuple[str, ...] = sized((), paper=PYTHIA)  # Pythia checkpoints to evaluate
    hub_steps: tuple[int, ...] = sized((), paper=(1000, 3000, *range(13_000, 143_001, 10_000)))
    hub_windows: int = sized(0, paper=240)  # of 1,024 tokens


contracts.ranges(
    Settings,
    shares=contracts.SHARE,
    table_tokens=contracts.between(1, 1e18),
    budgets=contracts.SHARE,
    hub_models=contracts.NAMES,
)
PRESETS = Settings.presets()
