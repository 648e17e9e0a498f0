"""Sizes of the chapter's experiments, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion.tart.lab.cells import FineTuning
from companion.tart.method.module import STANDARD, HeadConfig
from companion.tart.method.training import Curriculum, HeadRecipe


@dataclass(frozen=True)
class Settings:
    """What a run does; every number that differs between scales is here.

    live_d, live_pairs : of the module that the notebook trains; live_embd, live_layers : its size
    live_steps, live_lr, live_batch, live_every : of its training; `live_every` steps per stage
    live_seeds : modules trained with different seeds; live_k : examples at which they are judged
    shipped_k, shipped_tasks : sizes and synthetic tasks of the shipped module's curve
    n_tasks, n_query : synthetic test tasks, and queries of each
    n_controls : tasks of each negative control; n_first : tasks of the first-position check
    cells : (k, seed) pairs that SmolLM2 reads, seeds counted from the run's; empty takes the
        stored cells
    cell_queries : queries of a cell; n_swapped : cells asked with swapped label words too
    tune_k, tune_seeds, tune_blocks, tune_lr : of the fine-tuning; 0 seeds leaves it out; the rate
        was chosen on contexts of seeds 100 and 101, which are in no record
    stream_k, stream_seeds, stream_queries : sentence-encoder vectors
    stream_tasks : text sets of that part
    digits_k, digits_seeds : of the handwritten digits
    orders : permutations of each context in the order ablation
    hub_models, hub_tasks, hub_k, hub_seeds, hub_queries : what the paper scale reads from the Hub
    hub_images : images of each of two classes; hub_train : train the paper's own module first
    """

    live_d: int = 4
    live_pairs: int = 18
    live_embd: int = 32
    live_layers: int = 2
    live_steps: int = 600
    live_lr: float = 3e-3
    live_batch: int = 32
    live_every: int = 100
    live_seeds: int = 1
    live_k: int = 17
    shipped_k: tuple[int, ...] = (18, 32)
    shipped_tasks: int = 20
    n_tasks: int = 60
    n_query: int = 100
    n_controls: int = 800
    n_first: int = 4000
    cells: tuple[tuple[int, int], ...] = ()
    cell_queries: int = 60
    n_swapped: int = 0
    tune_k: int = 32
    tune_seeds: int = 0
    tune_blocks: int = 2
    tune_lr: float = 3e-4
    stream_tasks: tuple[str, ...] = ("SMS",)
    stream_k: tuple[int, ...] = (18, 32)
    stream_seeds: int = 3
    stream_queries: int = 40
    digits_k: tuple[int, ...] = (18, 32)
    digits_seeds: int = 5
    orders: int = 5
    hub_models: tuple[str, ...] = ()
    hub_tasks: tuple[str, ...] = ()
    hub_k: tuple[int, ...] = ()
    hub_seeds: int = 0
    hub_queries: int = 200
    hub_images: int = 300
    hub_train: bool = False

    def __post_init__(self) -> None:
        for name in ("n_tasks", "n_query", "n_controls", "n_first", "live_seeds", "orders"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 1 <= self.live_k < self.live_pairs:
            raise ValueError(f"live_k must be 1 to {self.live_pairs - 1}, got {self.live_k}")
        for name in ("stream_seeds", "digits_seeds", "shipped_tasks"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} must be at least 2, got {getattr(self, name)}")
        for name in ("stream_k", "digits_k"):
            sizes = getattr(self, name)
            if len(sizes) < 2 or any(k < 4 or k % 2 for k in sizes) or list(sizes) != sorted(sizes):
                raise ValueError(f"{name} needs two or more even sizes that grow, got {sizes}")
        for name in ("cell_queries", "stream_queries", "hub_queries"):
            if getattr(self, name) < 2 or getattr(self, name) % 2:
                raise ValueError(f"{name} must be even and positive, got {getattr(self, name)}")
        if any(len(pair) != 2 or pair[0] < 4 or pair[0] % 2 for pair in self.cells):
            raise ValueError(f"cells are pairs (even k >= 4, seed), got {self.cells}")

    @property
    def live_recipe(self) -> HeadRecipe:
        """How the notebook's module is trained."""
        return HeadRecipe(
            head=HeadConfig(
                self.live_d, self.live_pairs, self.live_embd, self.live_layers, 2, repeats=True
            ),
            curriculum=Curriculum(2, 2, 6, 6, self.live_every),
            steps=self.live_steps,
            lr=self.live_lr,
            batch=self.live_batch,
        )

    @property
    def tuning(self) -> FineTuning:
        """How the language model is tuned."""
        return FineTuning(blocks=self.tune_blocks, lr=self.tune_lr)


TOY = Settings()

BOOK = replace(
    TOY,
    live_d=8,
    live_pairs=34,
    live_embd=64,
    live_layers=3,
    live_steps=3_000,
    live_lr=1e-3,
    live_every=300,
    live_seeds=2,
    live_k=32,
    shipped_k=(18, 32, 64, 128),
    shipped_tasks=60,
    n_tasks=200,
    n_query=200,
    n_controls=2_000,
    n_first=10_000,
    cells=tuple((18, seed) for seed in range(5)) + tuple((32, seed) for seed in range(3)),
    n_swapped=2,
    tune_seeds=3,
    stream_tasks=("SMS", "YouTube"),
    stream_k=(18, 32, 64, 128),
    stream_seeds=30,
    stream_queries=280,
    digits_k=(18, 32, 64, 128),
    digits_seeds=20,
    orders=20,
)

PAPER = replace(
    BOOK,
    tune_blocks=0,
    tune_lr=2e-5,
    hub_models=(
        "EleutherAI/gpt-neo-125m",
        "EleutherAI/pythia-160m",
        "bigscience/bloom-560m",
        "HuggingFaceTB/SmolLM2-135M",
    ),
    hub_tasks=(
        "SMS",
        "YouTube",
        "Rotten Tomatoes",
        "SST-2",
        "IMDB",
        "Civil Comments",
        "AG News 0",
        "AG News 1",
        "AG News 2",
        "AG News 3",
        "DBPedia 0",
        "DBPedia 1",
        "DBPedia 2",
        "DBPedia 3",
    ),
    hub_k=(18, 32, 48, 64),
    hub_seeds=5,
    hub_train=True,
)

PAPER_RECIPE = HeadRecipe(
    head=STANDARD,
    curriculum=Curriculum(4, 4, 18, 30, 1000),
    steps=24_000,
    lr=1e-4,
    batch=128,
)
"""The paper's module and the step of the checkpoint that its scripts use."""

PRESETS = {"toy": TOY, "book": BOOK, "paper": PAPER}
