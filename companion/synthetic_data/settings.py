"""Sizes of the chapter's experiments, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion.synthetic_data.lab.tabular import DATASETS

NEEDED = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.0)
"""Mixing ratios that findings look at."""

ARMS = ("fixed, T=1", "fixed, T=0.7", "fresh, T=1", "fresh, T=0.7")


@dataclass(frozen=True)
class Settings:
    """What a run does; every number that differs between scales is here.

    replicates : simulated histories of each theorem (A); noisy_curves : of the threshold test
    ranks : sizes of the log-bilinear model (B); shares : its mixing ratios s
    n_seeds : data sets and starting points; n_samples : N, training samples of a generation
    full_arms : arms that all sizes and ratios run; the others run the largest size at few ratios
    resamples : of every bootstrap over seeds
    tables, table_splits : data sets and random halves (C); their T and s are 1, 0.5, 0 and
        `table_shares`
    life_sizes : (width, layers) of the tiny transformers (D), none leaves them out;
        life_each : sequences per task; life_steps : updates; life_shares; life_temperatures;
        life_seeds
    positions : next-token distributions of SmolLM2 (E); completions, completion_tokens : texts per
        temperature and their length, 0 leaves them out
    jobs : processes, each on one thread
    hub_models : Pythia sizes of the paper's path; hub_examples : per task
    """

    replicates: int = 20_000
    noisy_curves: int = 200
    ranks: tuple[int, ...] = (8, 24)
    shares: tuple[float, ...] = NEEDED
    n_seeds: int = 8
    n_samples: int = 4_000
    full_arms: tuple[str, ...] = ("fixed, T=1", "fresh, T=0.7")
    resamples: int = 500
    tables: tuple[str, ...] = ("diabetes",)
    table_splits: int = 10
    table_shares: tuple[float, ...] = (0.0, 0.2, 0.5)
    life_sizes: tuple[tuple[int, int], ...] = ()
    life_each: int = 2_000
    life_steps: int = 450
    life_shares: tuple[float, ...] = (0.0, 0.2, 0.5)
    life_temperatures: tuple[float, ...] = (0.7, 1.0)
    life_seeds: int = 2
    positions: int = 128
    completions: int = 0
    completion_tokens: int = 20
    jobs: int = 1
    hub_models: tuple[str, ...] = ()
    hub_examples: int = 10_000

    def __post_init__(self) -> None:
        least = {
            "replicates": 100,
            "noisy_curves": 20,
            "n_seeds": 2,
            "n_samples": 100,
            "resamples": 100,
            "table_splits": 2,
            "life_each": 128,
            "life_steps": 10,
            "life_seeds": 2,
            "positions": 16,
            "completions": 0,
            "jobs": 1,
        }
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, got {getattr(self, name)}")
        if missing := set(NEEDED) - set(self.shares):
            raise ValueError(f"shares must hold {sorted(missing)}, which the findings look at")
        if list(self.ranks) != sorted(set(self.ranks)) or not self.ranks:
            raise ValueError(f"ranks must increase, got {self.ranks}")
        for name, known in (("full_arms", ARMS), ("tables", DATASETS)):
            if unknown := set(getattr(self, name)) - set(known):
                raise ValueError(f"unknown {name} {sorted(unknown)}; known are {', '.join(known)}")
        for name in ("table_shares", "life_shares"):
            if not {0.0, 0.2, 0.5} <= set(getattr(self, name)):
                raise ValueError(f"{name} must hold 0, 0.2 and 0.5, got {getattr(self, name)}")


TOY = Settings()

BOOK = replace(
    TOY,
    replicates=100_000,
    noisy_curves=1_000,
    ranks=(4, 8, 24),
    shares=(*(round(0.05 * i, 2) for i in range(11)), 0.6, 0.7, 0.8, 0.9, 1.0),
    n_seeds=24,
    full_arms=ARMS,
    resamples=2_000,
    tables=DATASETS,
    table_splits=60,
    life_sizes=((16, 2), (32, 2)),
    life_seeds=4,
    positions=256,
    completions=100,
    jobs=2,
)

PAPER = replace(
    BOOK,
    n_samples=40_000,
    positions=1_024,
    hub_models=("EleutherAI/pythia-410m", "EleutherAI/pythia-1b", "EleutherAI/pythia-1.4b"),
)

PRESETS = {"toy": TOY, "book": BOOK, "paper": PAPER}
