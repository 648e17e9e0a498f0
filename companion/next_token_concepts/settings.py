"""Sizes of the chapter's experiments, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Settings:
    """What a run does; every number that differs between scales is here.

    network, d, steps : the headline's network ("transformer" or "perceptron"), width, updates
    seeds : worlds of the headline; sweep_seeds, sweep_steps : perceptrons at the other four eta,
        and the trained points of E5, E7 and E8; 0 leaves them out
    sampled_steps : updates of the runs on sampled names (sweep_seeds of them); 0 leaves them out
    contexts : fresh contexts per measurement; exact_seeds : worlds of exact tables
    sim_m, sim_edges, sim_bits, sim_seeds, sim_steps : E6; 0 steps: ceilings only
    noise_d, noise_concepts : E9's isotropic noise
    sae_* : E10; 0 seeds leaves it out; sae_net_steps : updates of the network it reads
    word_concepts, word_pairs : E11, 0 for all; word_layers : depths looked at; word_c : penalty;
        word_cs : of the sweep; null_draws : matched noises
    hub_models, hub_revisions : Pythia at paper scale
    n_jobs : trainings side by side, where the machine has the cores
    """

    network: str = "perceptron"
    d: int = 16
    steps: int = 800
    seeds: int = 1
    sweep_seeds: int = 0
    sweep_steps: int = 1500
    sampled_steps: int = 0
    contexts: int = 8192
    exact_seeds: int = 4
    sim_m: tuple[int, ...] = (5,)
    sim_edges: tuple[int, ...] = (1, 2, 3)
    sim_bits: tuple[int, ...] = (1, 2, 4, 6, 8, 12)
    sim_seeds: int = 1
    sim_steps: int = 0
    noise_d: int = 256
    noise_concepts: int = 10
    sae_seeds: int = 0
    sae_contexts: int = 100_000
    sae_network: str = "perceptron"
    sae_d: int = 32
    sae_features: int = 128
    sae_steps: int = 1500
    sae_net_steps: int = 5000
    word_concepts: int = 5
    word_pairs: int = 20
    word_layers: int = 3
    word_c: float = 1e-4
    word_cs: tuple[float, ...] = (1e-4, 1.0)
    null_draws: int = 3
    hub_models: tuple[str, ...] = ()
    hub_revisions: tuple[str, ...] = ("step0", "step512", "step8000", "step143000")
    n_jobs: int = 2

    def __post_init__(self) -> None:
        least = {
            "d": 8,
            "steps": 1,
            "seeds": 1,
            "sweep_seeds": 0,
            "contexts": 64,
            "exact_seeds": 1,
            "sim_seeds": 1,
            "noise_concepts": 2,
            "sae_seeds": 0,
            "word_layers": 2,
            "null_draws": 1,
            "n_jobs": 1,
        }
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, got {getattr(self, name)}")
        if self.network not in ("transformer", "perceptron"):
            raise ValueError(f"network is transformer or perceptron, got {self.network!r}")
        if self.word_c <= 0 or any(c <= 0 for c in self.word_cs):
            raise ValueError(f"penalties C must be positive, got {self.word_c}, {self.word_cs}")


TOY = Settings()

BOOK = replace(
    TOY,
    network="transformer",
    d=32,
    steps=2000,
    seeds=5,
    sweep_seeds=3,
    sampled_steps=3000,
    exact_seeds=6,
    sim_seeds=3,
    sim_steps=1500,
    noise_d=1024,
    noise_concepts=27,
    sae_seeds=3,
    word_concepts=0,
    word_pairs=0,
    word_layers=11,
    word_cs=(1e-4, 1e-2, 1.0),
    null_draws=3,
)

PAPER = replace(
    BOOK,
    hub_models=tuple(
        f"EleutherAI/pythia-{s}" for s in ("70m", "160m", "410m", "1b", "1.4b", "2.8b")
    ),
)

PRESETS = {"toy": TOY, "book": BOOK, "paper": PAPER}
