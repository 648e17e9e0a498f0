"""Sizes of the chapter's experiments, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion.quartet.mxfp4 import check_groups
from companion.quartet.training import CHECKPOINTS, RECIPES


@dataclass(frozen=True)
class Settings:
    """What a run does; every number that differs between scales is here.

    n_groups : Gaussian groups of 32 in the quantizer table (C1)
    product_rows, product_depth : of both matrices in the averaged products (C3)
    product_counts : numbers of averaged draws K; C3 looks at 1 and 64
    product_replicates : independent pairs of matrices
    law_starts, law_resamples : starts of each fit, bootstrap refits (C5)
    map_points : points per axis of the optimality map (C6)
    depth_layers, depth_d_model, depth_hidden, depth_seq, depth_windows : the model and batch of the
        gradient experiments (C7, C8); depth_steps : updates before measuring
    depth_batches : batches of C7; average_counts, average_replicates : K and batches of C8
    recipes : what is trained beside the unquantized run (C9, C10)
    train_steps, train_seeds, train_windows, held_out_tokens : of those runs.  The number of steps
        is a constant that was chosen by timing, not derived from a clock, so that results do not
        depend on the machine's speed
    jobs : recipes trained side by side, each on one thread
    bench_size : side of the matrix in the speed table
    hub_recipes : recipes of the paper's 30M model; hub_steps, hub_sequences, hub_micro : updates,
        sequences of 512 tokens per update, and how many of them at a time
    hub_windows : windows of C4 validation text for the depth figure of a pretrained model
    """

    n_groups: int
    product_rows: int
    product_depth: int
    product_counts: tuple[int, ...]
    product_replicates: int
    law_starts: int
    law_resamples: int
    map_points: int
    depth_layers: int
    depth_d_model: int
    depth_hidden: int
    depth_seq: int
    depth_windows: int
    depth_steps: int
    depth_batches: int
    average_counts: tuple[int, ...]
    average_replicates: int
    recipes: tuple[str, ...]
    train_steps: int
    train_seeds: int
    train_windows: int
    held_out_tokens: int
    jobs: int
    bench_size: int
    hub_recipes: tuple[str, ...] = ()
    hub_steps: int = 0
    hub_sequences: int = 512
    hub_micro: int = 32
    hub_windows: int = 0

    def __post_init__(self) -> None:
        if not {1, 64} <= set(self.product_counts):
            raise ValueError(f"product_counts must hold 1 and 64, got {self.product_counts}")
        for name in ("product_depth", "depth_d_model", "depth_hidden", "bench_size"):
            check_groups(getattr(self, name), what=name)
        check_groups(self.depth_windows * self.depth_seq, what="tokens of a gradient batch")
        if unknown := {*self.recipes, *self.hub_recipes} - set(RECIPES):
            raise ValueError(f"unknown recipes {sorted(unknown)}; known are {', '.join(RECIPES)}")
        if self.train_steps < 1 + 10 * (CHECKPOINTS - 1):
            raise ValueError(f"train_steps must be at least {1 + 10 * (CHECKPOINTS - 1)}")
        if len(self.average_counts) < 2 or self.average_counts[0] != 1:
            raise ValueError(f"average_counts must start at 1, got {self.average_counts}")


TOY = Settings(
    n_groups=1 << 18,
    product_rows=64,
    product_depth=512,
    product_counts=(1, 2, 4, 8, 16, 32, 64),
    product_replicates=6,
    law_starts=8,
    law_resamples=30,
    map_points=200,
    depth_layers=4,
    depth_d_model=64,
    depth_hidden=192,
    depth_seq=64,
    depth_windows=8,
    depth_steps=60,
    depth_batches=8,
    average_counts=(1, 2, 4, 8),
    average_replicates=4,
    recipes=("QuEST:RTN", "naive"),
    train_steps=120,
    train_seeds=1,
    train_windows=8,
    held_out_tokens=20_000,
    jobs=1,
    bench_size=2048,
)

BOOK = Settings(
    n_groups=1 << 21,
    product_rows=128,
    product_depth=1024,
    product_counts=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    product_replicates=6,
    law_starts=40,
    law_resamples=500,
    map_points=400,
    depth_layers=6,
    depth_d_model=128,
    depth_hidden=352,
    depth_seq=128,
    depth_windows=8,
    depth_steps=300,
    depth_batches=16,
    average_counts=(1, 2, 4, 8, 16, 32),
    average_replicates=4,
    recipes=tuple(name for name in RECIPES if name != "none:none"),
    train_steps=600,
    train_seeds=6,
    train_windows=8,
    held_out_tokens=50_000,
    jobs=2,
    bench_size=4096,
)

PAPER = replace(
    BOOK,
    hub_recipes=("none:none", "QuEST:none", "QuEST:RTN", "QuEST:SR"),
    hub_steps=2861,  # 25 tokens per parameter, as the authors' shortest run
    hub_windows=64,
)

PRESETS = {"toy": TOY, "book": BOOK, "paper": PAPER}
