"""What depends on the scale of the chapter, and nothing else does."""

from dataclasses import dataclass, replace

from companion.massive_activations.lab.minis import Mini, arm


@dataclass(frozen=True)
class Settings:
    """Sizes of the chapter's experiments.

    n_pipeline_seeds : random initializations of the 14M shape (C0)
    n_layers, batch, steps, n_seeds : the base minis (C1, C4)
    arms, arm_steps, n_arm_seeds : control arms by name, each beside a base arm of equal length
    grid_steps : steps of each model of the architecture grid; 0 leaves the grid out
    n_refits, n_leak_draws : Monte Carlo draws (C5, C6)
    n_table_draws : draws for each of the paper's regressors
    n_texts, text_tokens : texts for the real model (C9)
    source : ``"excerpt"`` or ``"hub"``, where the authors' measurements come from
    pythia : models whose checkpoints are measured anew
    n_jobs : minis trained side by side, one thread each, where the machine has the cores
    """

    n_pipeline_seeds: int
    n_layers: int
    batch: int
    steps: int
    n_seeds: int
    arms: tuple[str, ...]
    arm_steps: int
    n_arm_seeds: int
    grid_steps: int
    n_refits: int
    n_leak_draws: int
    n_table_draws: int
    n_texts: int
    text_tokens: int
    source: str
    pythia: tuple[str, ...]
    n_jobs: int


PRESETS = {
    "toy": Settings(
        n_pipeline_seeds=1,
        n_layers=3,
        batch=8,
        steps=300,
        n_seeds=2,
        arms=(),
        arm_steps=0,
        n_arm_seeds=0,
        grid_steps=0,
        n_refits=45,
        n_leak_draws=40,
        n_table_draws=3,
        n_texts=4,
        text_tokens=64,
        source="excerpt",
        pythia=(),
        n_jobs=2,
    ),
    "book": Settings(
        n_pipeline_seeds=3,
        n_layers=4,
        batch=16,
        steps=2000,
        n_seeds=4,
        arms=("relu", "sgd", "softmax1", "no-decay", "lr-third", "no-bos"),
        arm_steps=600,
        n_arm_seeds=4,
        grid_steps=600,
        n_refits=200,
        n_leak_draws=200,
        n_table_draws=40,
        n_texts=16,
        text_tokens=128,
        source="excerpt",
        pythia=(),
        n_jobs=2,
    ),
    "paper": Settings(
        n_pipeline_seeds=10,
        n_layers=4,
        batch=16,
        steps=2000,
        n_seeds=8,
        arms=("relu", "sgd", "softmax1", "no-decay", "lr-third", "no-bos", "text"),
        arm_steps=2000,
        n_arm_seeds=8,
        grid_steps=2000,
        n_refits=200,
        n_leak_draws=500,
        n_table_draws=40,
        n_texts=50,
        text_tokens=512,
        source="hub",
        pythia=("pythia-14m", "pythia-70m", "pythia-160m", "pythia-410m"),
        n_jobs=2,
    ),
}

GRID_HEADS = ((64, 2), (64, 4), (64, 8), (96, 3), (96, 6), (96, 12))
"""(width, heads): heads vary at fixed width, width at fixed width per head."""


def base_minis(settings: Settings, seed: int = 0) -> list[Mini]:
    """The base arm, one mini per seed, from `seed` on."""
    return [
        Mini(seed=seed + i, n_layers=settings.n_layers, batch=settings.batch, steps=settings.steps)
        for i in range(settings.n_seeds)
    ]


def arm_minis(settings: Settings, seed: int = 0) -> list[Mini]:
    """The base and each control arm, all of equal length, seed by seed; empty without arms."""
    if not settings.arms:
        return []
    base = Mini(n_layers=settings.n_layers, batch=settings.batch, steps=settings.arm_steps)
    return [
        arm(replace(base, seed=seed + i), name)
        for name in ("base", *settings.arms)
        for i in range(settings.n_arm_seeds)
    ]


def grid_minis(settings: Settings, seed: int = 0) -> list[Mini]:
    """Twelve shapes, two depths times :data:`GRID_HEADS`; empty when the grid is left out."""
    if not settings.grid_steps:
        return []
    return [
        Mini(
            arm="grid",
            seed=seed,
            n_layers=n_layers,
            d_model=d_model,
            n_heads=n_heads,
            batch=settings.batch,
            steps=settings.grid_steps,
        )
        for n_layers in (2, 4)
        for d_model, n_heads in GRID_HEADS
    ]
