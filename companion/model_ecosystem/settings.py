"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion.scale import Sized, sized

DATASET = "hf://datasets/modelbiome/ai_ecosystem"
"""1,860,411 models as of July 2025; where no file is named, all its parquet files are read."""

UP_TO_300K = (10_000, 100_000, 300_000)


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    models: int = sized(toy=20_000, book=300_000, least=1_000)  # of a simulated forest
    seeds: int = sized(toy=3, book=10, least=2)  # how many forests
    # simulated families per point of the threshold grid
    grid_families: int = sized(toy=1_000, book=10_000, least=10)
    coverage_models: int = sized(
        8_000, least=1_000
    )  # of an ecosystem on which intervals are checked
    coverage_runs: int = sized(toy=60, book=400, least=2)  # such ecosystems
    drift_runs: int = sized(toy=12, book=60, least=2)  # simulated worlds of each kind
    # of every bootstrap and parametric bootstrap
    resamples: int = sized(toy=500, book=5_000, least=20)
    permutations: int = sized(toy=2_000, book=10_000, least=99)  # sign flips of blocks
    # random orientations for the share in order (real sample)
    null_orders: int = sized(toy=60, book=200, least=10)
    sim_null_orders: int = sized(toy=6, book=20, least=2)  # the same in each simulated world
    # drawn pairs per mean; 0 leaves it out
    levenshtein_pairs: int = sized(toy=2_000, book=20_000, least=0)
    # models of the forests of the benchmark
    bench_sizes: tuple[int, ...] = sized(toy=UP_TO_300K, book=(*UP_TO_300K, 2_000_000))
    # models of the comparison with networkx
    networkx_models: int = sized(toy=20_000, book=100_000, least=100)
    # folder or address of the paper's data set, "" leaves it out
    hub_source: str = sized("", paper=DATASET)
    hub_rows: int = sized(0, least=0)  # first rows only, 0 for all
    hub_parents: tuple[str, ...] = sized(())  # models whose live families are read instead

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.bench_sizes) < 2 or list(self.bench_sizes) != sorted(set(self.bench_sizes)):
            raise ValueError(f"bench_sizes needs two increasing sizes, got {self.bench_sizes}")


PRESETS = Settings.presets()
