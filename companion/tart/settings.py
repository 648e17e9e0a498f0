"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.scale import Sized, sized

MODELS = (
    "EleutherAI/gpt-neo-125m",
    "EleutherAI/pythia-160m",
    "bigscience/bloom-560m",
    "HuggingFaceTB/SmolLM2-135M",
)
TASKS = (
    "SMS",
    "YouTube",
    "Rotten Tomatoes",
    "SST-2",
    "IMDB",
    "Civil Comments",
    *(f"AG News {i}" for i in range(4)),
    *(f"DBPedia {i}" for i in range(4)),
)
"""The paper's fourteen."""


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED: the published run has seeds that no earlier run had
    seed_base: int = sized(toy=0, book=9_100, least=0)
    live_d: int = sized(toy=4, book=8, least=1)  # dimensions of the module trained here (O4, C1)
    live_pairs: int = sized(toy=18, book=34, least=2)  # its longest sequence
    live_embd: int = sized(toy=32, book=64, least=2)  # its width
    live_layers: int = sized(toy=2, book=3, least=1)  # its blocks
    live_steps: int = sized(toy=375, book=1_500, least=1)  # at a constant rate
    live_falling: int = sized(toy=60, book=300, least=1)  # then at a falling one
    live_lr: float = sized(toy=3e-3, book=1e-3)  # the constant rate
    live_every: int = sized(toy=75, book=150, least=1)  # steps of a stage of the curriculum
    live_seeds: int = sized(toy=1, book=2, least=1)  # modules
    live_k: int = sized(toy=17, book=32, least=1)  # examples at which they are judged
    plain_steps: int = sized(toy=60, book=400, least=1)  # with the paper's label tokens
    n_tasks: int = sized(toy=30, book=150, least=2)  # synthetic test tasks
    n_query: int = sized(toy=80, book=200, least=2)  # queries of each
    n_controls: int = sized(toy=200, book=1_200, least=2)  # tasks of each control (O4)
    n_first: int = sized(toy=4_000, book=10_000, least=2)  # tasks of the first position
    alphas: tuple[float, ...] = sized((1.0, 3.0, 10.0, 30.0))  # noise of test tasks
    tie_k: tuple[int, ...] = sized(toy=(32,), book=(18, 32, 128))  # examples, why they tie (O3)
    tie_tasks: int = sized(toy=8, book=80, least=2)  # synthetic tasks of 16 dimensions
    samples: int = sized(toy=60, book=800, least=10)  # of the posterior, in each of two chains
    cells: int = sized(toy=2, book=8, least=1)  # stored contexts of the language model a text set
    digits_k: tuple[int, ...] = sized(toy=(18, 32), book=(18, 32, 64))  # examples, pixels
    digits_seeds: int = sized(toy=2, book=12, least=2)  # contexts a pair of digits
    digits_queries: int = sized(100, least=2)  # of each
    stream_k: tuple[int, ...] = sized(toy=(18, 32), book=(18, 32, 128))  # sentence encoder
    stream_seeds: int = sized(toy=2, book=20, least=2)  # contexts a text set
    stream_queries: int = sized(toy=40, book=200, least=2)  # of each
    ideal_k: tuple[int, ...] = sized(toy=(18,), book=(18, 32))  # real contexts for the ideal (O2)
    orders: int = sized(toy=5, book=12, least=2)  # of the same examples
    hub_models: tuple[str, ...] = sized((), paper=MODELS)
    hub_tasks: tuple[str, ...] = sized((), paper=TASKS)
    hub_k: tuple[int, ...] = sized((), paper=(18, 32, 48, 64))
    hub_seeds: int = sized(toy=0, book=0, paper=5, least=0)
    hub_queries: int = sized(200, least=2)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.live_k >= self.live_pairs:
            raise ValueError(f"live_k must be below live_pairs {self.live_pairs}: {self.live_k}")
        for name in ("digits_k", "stream_k"):
            sizes = getattr(self, name)
            if any(k < 4 or k % 2 for k in sizes) or list(sizes) != sorted(sizes):
                raise ValueError(f"{name} needs even sizes from 4 on that grow, got {sizes}")
        for name in ("digits_queries", "stream_queries", "hub_queries"):
            if getattr(self, name) % 2:
                raise ValueError(f"{name} must be even, got {getattr(self, name)}")


contracts.ranges(
    Settings,
    live_lr=contracts.RATE,
    alphas=contracts.between(0, 1e6),
    hub_models=contracts.NAMES,
    hub_tasks=contracts.one_of(TASKS),
)
PRESETS = Settings.presets()
