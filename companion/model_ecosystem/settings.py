"""Sizes of the chapter's experiments, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

DATASET = "hf://datasets/modelbiome/ai_ecosystem"
"""1,860,411 models as of July 2025; where no file is named, all its parquet files are read."""


@dataclass(frozen=True)
class Settings:
    """What a run does; every number that differs between scales is here.

    models : of a simulated forest; seeds : how many forests
    grid_families : simulated families per point of the threshold grid
    coverage_models, coverage_runs : ecosystems on which intervals are checked
    drift_runs : simulated worlds of each kind
    resamples : of every bootstrap and parametric bootstrap
    permutations : sign flips of blocks
    null_orders : random orientations for the share in order (real sample)
    sim_null_orders : the same in each simulated world
    levenshtein_pairs : drawn pairs per mean; 0 leaves it out
    bench_sizes : forests of the benchmark; networkx_models : of the comparison
    hub_source : folder or address of the paper's data set, "" leaves it out; hub_rows : first rows
        only, 0 for all; hub_parents : models whose live families are read instead
    """

    models: int = 20_000
    seeds: int = 3
    grid_families: int = 1_000
    coverage_models: int = 8_000
    coverage_runs: int = 60
    drift_runs: int = 12
    resamples: int = 500
    permutations: int = 2_000
    null_orders: int = 60
    sim_null_orders: int = 6
    levenshtein_pairs: int = 2_000
    bench_sizes: tuple[int, ...] = (10_000, 100_000, 300_000)
    networkx_models: int = 20_000
    hub_source: str = ""
    hub_rows: int = 0
    hub_parents: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        least = {"models": 1_000, "seeds": 2, "grid_families": 10, "coverage_models": 1_000,
                 "coverage_runs": 2, "drift_runs": 2, "resamples": 20, "permutations": 99,
                 "null_orders": 10, "sim_null_orders": 2, "levenshtein_pairs": 0,
                 "networkx_models": 100, "hub_rows": 0}  # fmt: skip
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, got {getattr(self, name)}")
        if len(self.bench_sizes) < 2 or list(self.bench_sizes) != sorted(set(self.bench_sizes)):
            raise ValueError(f"bench_sizes needs two increasing sizes, got {self.bench_sizes}")


TOY = Settings()

BOOK = replace(
    TOY, models=300_000, seeds=10, grid_families=10_000, coverage_runs=400, drift_runs=60,
    resamples=5_000, permutations=10_000, null_orders=200, sim_null_orders=20,
    levenshtein_pairs=20_000, bench_sizes=(10_000, 100_000, 300_000, 2_000_000),
    networkx_models=100_000,
)  # fmt: skip

PAPER = replace(BOOK, hub_source=DATASET)

PRESETS = {"toy": TOY, "book": BOOK, "paper": PAPER}
