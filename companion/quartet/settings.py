"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion.quartet.lab.training import CHECKPOINTS, RECIPES
from companion.quartet.method.mxfp4 import check_groups
from companion.scale import Sized, sized

UP_TO_64 = (1, 2, 4, 8, 16, 32, 64)
QUANTIZED = tuple(name for name in RECIPES if name != "none:none")
"""Every recipe but the unquantized one, beside which all are trained."""

AT_30M = ("none:none", "QuEST:none", "QuEST:RTN", "QuEST:SR")
"""Recipes of the paper's smallest model that are worth a GPU."""


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    n_groups: int = sized(toy=1 << 18, book=1 << 21)  # Gaussian groups of 32 (C1)
    product_rows: int = sized(toy=64, book=128)  # of both matrices in the averaged products (C3)
    product_depth: int = sized(toy=512, book=1024)  # summed over in such a product
    # numbers of averaged draws K; C3 looks at 1 and 64
    product_counts: tuple[int, ...] = sized(toy=UP_TO_64, book=(*UP_TO_64, 128, 256))
    product_replicates: int = sized(6)  # independent pairs of matrices
    law_starts: int = sized(toy=8, book=40)  # of each fit of the law (C5)
    law_resamples: int = sized(toy=30, book=500)  # bootstrap refits (C5)
    map_points: int = sized(toy=200, book=400)  # per axis of the optimality map (C6)
    depth_layers: int = sized(toy=4, book=6)  # of the model whose gradients are measured (C7, C8)
    depth_d_model: int = sized(toy=64, book=128)  # its width
    depth_hidden: int = sized(toy=192, book=352)  # width of its feed-forward layers
    depth_seq: int = sized(toy=64, book=128)  # tokens of a window
    depth_windows: int = sized(8)  # of a batch
    depth_steps: int = sized(toy=60, book=300)  # updates before measuring
    depth_batches: int = sized(toy=8, book=16)  # measured (C7)
    average_counts: tuple[int, ...] = sized(toy=(1, 2, 4, 8), book=(1, 2, 4, 8, 16, 32))  # K (C8)
    average_replicates: int = sized(4)  # batches (C8)
    # what is trained beside the unquantized run (C9, C10)
    recipes: tuple[str, ...] = sized(toy=("QuEST:RTN", "naive"), book=QUANTIZED)
    # chosen by timing, not derived from a clock, so that no result depends on the machine's speed
    train_steps: int = sized(toy=120, book=600)
    train_seeds: int = sized(toy=1, book=6)  # of every recipe
    train_windows: int = sized(8)  # of a batch
    held_out_tokens: int = sized(toy=20_000, book=50_000)  # on which the loss is read
    jobs: int = sized(toy=1, book=2)  # recipes trained side by side, each on one thread
    bench_size: int = sized(toy=2048, book=4096)  # side of the matrix in the speed table
    hub_recipes: tuple[str, ...] = sized((), paper=AT_30M)  # of the paper's 30M model
    hub_steps: int = sized(0, paper=2861)  # 25 tokens per parameter, as the authors' shortest run
    hub_sequences: int = sized(512)  # of 512 tokens per update
    hub_micro: int = sized(32)  # sequences at a time
    hub_windows: int = sized(0, paper=64)  # of C4 validation text, for a pretrained model's depth

    def __post_init__(self) -> None:
        super().__post_init__()
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


PRESETS = Settings.presets()
