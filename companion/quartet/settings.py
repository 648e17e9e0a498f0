"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.quartet.method.linear import BASELINE, QUARTET, RECIPES
from companion.quartet.method.mxfp4 import check_groups
from companion.scale import Sized, sized

UP_TO_64 = (1, 2, 4, 8, 16, 32, 64)
QUANTIZED = tuple(name for name in RECIPES if name not in (BASELINE, "QuEST:SR"))
"""What is trained beside the unquantized run; the first versions' recipe is for paper scale."""

AT_TOY = ("SR:none", "QuEST:none", "none:RTN", QUARTET, "plain MXFP4")
AT_30M = (BASELINE, "QuEST:none", QUARTET, "QuEST:SR")
"""Recipes of the paper's smallest model that are worth a GPU."""


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED: the published run has seeds that no earlier run had
    seed_base: int = sized(toy=0, book=9100)
    n_groups: int = sized(toy=1 << 17, book=1 << 21)  # Gaussian groups of 32 (C1)
    product_rows: int = sized(toy=48, book=128)  # of both matrices in the averaged products (C3)
    product_depth: int = sized(toy=512, book=1024)  # summed over in such a product
    # numbers of averaged draws K; C3 looks at 1 and 64
    product_counts: tuple[int, ...] = sized(toy=UP_TO_64, book=(*UP_TO_64, 128))
    product_replicates: int = sized(6)  # independent pairs of matrices
    law_starts: int = sized(toy=4, book=40)  # of each fit of the law (C5)
    law_resamples: int = sized(toy=6, book=400)  # bootstrap refits (C5)
    map_points: int = sized(toy=150, book=400)  # per axis of the optimality map (C6)
    depth_layers: int = sized(toy=4, book=6)  # of the model whose gradients are measured (C7, C8)
    depth_d_model: int = sized(toy=32, book=64)  # its width
    depth_hidden: int = sized(toy=96, book=192)  # width of its feed-forward layers
    depth_seq: int = sized(toy=64, book=128)  # tokens of a window
    depth_windows: int = sized(8)  # of a batch
    depth_steps: int = sized(toy=25, book=200)  # updates before measuring
    depth_batches: int = sized(toy=4, book=16)  # measured (C7)
    average_counts: tuple[int, ...] = sized(toy=(1, 2, 4), book=(1, 2, 4, 8, 16))  # K (C8)
    average_replicates: int = sized(3)  # batches (C8)
    # what is trained beside the unquantized run (C9, C10, C12, C13, C15)
    recipes: tuple[str, ...] = sized(toy=AT_TOY, book=QUANTIZED)
    train_width: int = sized(32)  # of the model that is quantized
    train_rate: float = sized(2e-3)  # learning rate of every run
    train_steps: int = sized(toy=32, book=1200)  # of 256 tokens each
    train_seeds: int = sized(toy=2, book=8)  # of every run
    ladder_widths: tuple[int, ...] = sized(toy=(16, 24, 32), book=(16, 24, 32, 40))  # unquantized
    ladder_steps: tuple[int, ...] = sized(toy=(21, 26, 32), book=(300, 600, 1200, 1800))  # also
    held_out_tokens: int = sized(toy=4_096, book=32_768)  # on which the loss is read
    # learning rates that are compared, the middle one that of all other runs (C16)
    rates: tuple[float, ...] = sized(toy=(2e-3,), book=(1e-3, 2e-3, 4e-3))
    rate_recipes: tuple[str, ...] = sized(toy=(), book=("SR:none", QUARTET))  # beside none:none
    jobs: int = sized(toy=1, book=2)  # stacks of runs side by side, each on one thread
    bench_size: int = sized(toy=512, book=2048)  # side of the matrix in the speed table
    hub_recipes: tuple[str, ...] = sized((), paper=AT_30M)  # of the paper's 30M model
    hub_steps: int = sized(0, paper=2861)  # 25 tokens per parameter, as the authors' shortest run
    hub_sequences: int = sized(512)  # of 512 tokens per update
    hub_micro: int = sized(32)  # sequences at a time
    hub_windows: int = sized(0, paper=64)  # of C4 validation text, for a pretrained model's depth

    def __post_init__(self) -> None:
        super().__post_init__()
        if not {1, 64} <= set(self.product_counts):
            raise ValueError(f"product_counts must hold 1 and 64, got {self.product_counts}")
        for name in ("product_depth", "depth_d_model", "depth_hidden", "bench_size", "train_width"):
            check_groups(getattr(self, name), what=name)
        check_groups(self.depth_windows * self.depth_seq, what="tokens of a gradient batch")
        if unknown := {*self.recipes, *self.rate_recipes, *self.hub_recipes} - set(RECIPES):
            raise ValueError(f"unknown recipes {sorted(unknown)}; known are {', '.join(RECIPES)}")
        for name in ("ladder_widths", "ladder_steps"):
            if len(set(getattr(self, name))) < 3:
                raise ValueError(f"{name} needs three different rungs, got {getattr(self, name)}")
        if self.rates[len(self.rates) // 2] != self.train_rate:
            raise ValueError(f"the middle one of {self.rates} must be {self.train_rate}")
        if len(self.average_counts) < 2 or self.average_counts[0] != 1:
            raise ValueError(f"average_counts must start at 1, got {self.average_counts}")


contracts.ranges(
    Settings,
    recipes=contracts.one_of(tuple(RECIPES)),
    train_rate=contracts.RATE,
    rates=contracts.RATE,
    rate_recipes=contracts.one_of(tuple(RECIPES)),
    hub_recipes=contracts.one_of(tuple(RECIPES)),
)
PRESETS = Settings.presets()
