"""Sizes of the chapter's experiments, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

BILLION = 1e9


@dataclass(frozen=True)
class Settings:
    """What a run does; every number that differs between scales is here.

    ladders : families for the heat maps; empty means all that were released
    experiments : whether all experiments of the paper run, or only the main one
    bench_fits, bench_starts : fits of the solver benchmark, starts of each multi-start search
    draws : subsets per design for the claims; table_draws : for the practitioner's table
    subset_sizes : numbers of runs k; claims need 3, 5, 8, 10 and 12
    table_tokens : tokens per run of the designs in the practitioner's table
    budgets : shares of the target's cost that the table answers for
    huber_resamples : bootstrap refits of the Chinchilla points
    lab_worlds, lab_seeds : world seeds and training seeds; lab_tokens, lab_checkpoints : per run
    control_families : lawful families of the negative control
    live_shapes : layers and width of the live family, the last one is the target
    live_seeds : seeds of each training size (the target has one)
    live_cool : which of live_shapes are trained again with a falling rate
    live_jobs : runs side by side, each on one thread
    live_steps, live_batch, live_checkpoints, live_eval : see tiny_family.Recipe
    hub_models, hub_steps : Pythia checkpoints to evaluate; hub_windows : of 1,024 tokens
    """

    ladders: tuple[str, ...]
    experiments: bool
    bench_fits: int
    bench_starts: int
    draws: int
    table_draws: int
    subset_sizes: tuple[int, ...]
    table_tokens: tuple[float, ...]
    budgets: tuple[float, ...]
    huber_resamples: int
    lab_worlds: int
    lab_seeds: int
    lab_tokens: int
    lab_checkpoints: int
    control_families: int
    live_shapes: tuple[tuple[int, int], ...]
    live_seeds: int
    live_cool: tuple[int, ...]
    live_jobs: int
    live_steps: int
    live_batch: int
    live_checkpoints: int
    live_eval: int
    hub_models: tuple[str, ...] = ()
    hub_steps: tuple[int, ...] = ()
    hub_windows: int = 0

    def __post_init__(self) -> None:
        if len(self.live_shapes) < 4:
            raise ValueError(
                "live_shapes needs three training sizes and a target, got "
                f"{len(self.live_shapes)} shapes"
            )
        if any(not 0 <= i < len(self.live_shapes) for i in self.live_cool):
            raise ValueError(f"live_cool {self.live_cool} must index live_shapes, from 0")


TOY = Settings(
    ladders=(
        "OPT",
        "gpt3",
        "t5-pile",
        "pythia",
        "pythia-deduped",
        "pythia-v0",
        "pythia-deduped-v0",
    ),
    experiments=False,
    bench_fits=8,
    bench_starts=20,
    draws=40,
    table_draws=20,
    subset_sizes=(3, 5, 8, 10, 12),
    table_tokens=(50 * BILLION, 350 * BILLION),
    budgets=(0.03, 0.1, 0.3, 1.0),
    huber_resamples=50,
    lab_worlds=5,
    lab_seeds=1,
    lab_tokens=1_000_000,
    lab_checkpoints=40,
    control_families=100,
    live_shapes=((1, 16), (1, 32), (2, 32), (2, 48)),
    live_seeds=2,
    live_cool=(1,),
    live_jobs=1,  # starting a process takes longer than a run
    live_steps=60,
    live_batch=16,
    live_checkpoints=15,
    live_eval=32,
)

BOOK = Settings(
    ladders=(),
    experiments=True,
    bench_fits=150,
    bench_starts=20,
    draws=300,
    table_draws=100,
    subset_sizes=(3, 4, 5, 6, 8, 10, 12),
    table_tokens=(20 * BILLION, 50 * BILLION, 100 * BILLION, 200 * BILLION, 350 * BILLION),
    budgets=(0.01, 0.03, 0.1, 0.3, 1.0),
    huber_resamples=1000,
    lab_worlds=10,
    lab_seeds=5,
    lab_tokens=1_000_000,
    lab_checkpoints=40,
    control_families=100,
    live_shapes=((1, 16), (1, 32), (2, 32), (2, 48), (2, 64), (3, 80), (4, 96)),
    live_seeds=3,
    live_cool=(2, 4),
    live_jobs=4,
    live_steps=600,
    live_batch=32,
    live_checkpoints=40,
    live_eval=128,
)

PAPER = replace(
    BOOK,
    hub_models=tuple(
        f"EleutherAI/pythia-{size}" for size in ("14m", "31m", "70m", "160m", "410m", "1b", "1.4b")
    ),
    hub_steps=(1000, 3000, *range(13_000, 143_001, 10_000)),
    hub_windows=240,
)

PRESETS = {"toy": TOY, "book": BOOK, "paper": PAPER}
