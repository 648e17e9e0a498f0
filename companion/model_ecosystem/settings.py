"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.scale import Sized, sized

DATASET = "hf://datasets/modelbiome/ai_ecosystem"
"""1,860,411 models as of July 2025; where no file is named, all its parquet files are read."""


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED, so that the published run draws what no run before it drew
    seed_base: int = sized(toy=0, book=274_000, least=0)
    models: int = sized(toy=8_000, book=30_000, least=1_000)  # of a simulated forest
    seeds: int = sized(toy=3, book=10, least=2)  # how many forests
    # simulated families per point of the threshold grid
    grid_families: int = sized(toy=1_000, book=10_000, least=10)
    coverage_models: int = sized(8_000, least=1_000)  # of a world on which intervals are checked
    coverage_runs: int = sized(toy=20, book=200, least=2)  # such worlds
    drift_models: int = sized(toy=6_000, book=10_000, least=1_000)  # of a world that drifts
    drift_runs: int = sized(toy=8, book=60, least=2)  # simulated worlds of each kind
    # of every bootstrap
    resamples: int = sized(toy=500, book=5_000, least=20)
    # random orientations for the share in order (real models)
    null_orders: int = sized(toy=20, book=200, least=10)
    # resamples of the families for the same
    order_resamples: int = sized(toy=10, book=200, least=2)
    # random orientations in each simulated world; an order beats chance if it beats them all
    sim_null_orders: int = sized(toy=6, book=39, least=2)
    # pairs per mean where a similarity is drawn as the paper draws it
    levenshtein_pairs: int = sized(toy=1_000, book=20_000, least=10)
    levenshtein_most: int = sized(toy=30, book=300, least=1)  # sibling pairs of one family
    # models of the forests that are timed; up to the second also with networkx
    speed_sizes: tuple[int, ...] = sized(toy=(10_000, 50_000), book=(10_000, 100_000, 1_000_000))
    # folder or address of the paper's data set, "" leaves it out
    hub_source: str = sized("", paper=DATASET)
    hub_rows: int = sized(0, least=0)  # first rows only, 0 for all
    hub_parents: tuple[str, ...] = sized(())  # models whose live families are read instead

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = list(self.speed_sizes)
        if len(sizes) < 2 or sizes != sorted(set(sizes)):
            raise ValueError(f"speed_sizes needs two increasing sizes, got {self.speed_sizes}")


contracts.ranges(
    Settings,
    hub_source=contracts.NAMES,
    hub_parents=contracts.NAMES,
)
PRESETS = Settings.presets()
