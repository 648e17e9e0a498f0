"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.scale import Sized, sized

ETAS = (0.002, 0.01, 0.05, 0.15, 0.3, 0.45)
"""Errors of the names, from sharp to vague."""

PYTHIAS = tuple(f"EleutherAI/pythia-{size}" for size in ("70m", "160m", "410m", "1b"))


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED: the published run has seeds that no earlier run had
    seed_base: int = sized(toy=0, book=8_300, least=0)
    jobs: int = sized(toy=1, book=2, least=1)  # processes, where the machine has the cores
    # of the networks of the title's question: a transformer on sampled tokens, all weighted
    # equally, or at toy scale a perceptron on word counts that is given p(y|x)
    network: str = sized(toy="perceptron", book="transformer")
    steps: int = sized(toy=600, book=5_800, least=1)  # Adam steps of each
    d: int = sized(16, least=8)  # width of its last hidden vector
    seeds: int = sized(toy=1, book=8, least=1)  # worlds (C1, C2, C4, C5)
    contexts: int = sized(toy=4_096, book=8_192, least=64)  # fresh ones, for each measurement
    # errors of the names at which perceptrons are trained (C3, C11), their worlds and Adam steps
    etas: tuple[float, ...] = sized(toy=(0.01, 0.3), book=(0.002, 0.01, 0.05, 0.3, 0.45))
    eta_seeds: int = sized(toy=1, book=4, least=1)
    eta_steps: int = sized(toy=600, book=1_200, least=1)
    exact_seeds: int = sized(toy=6, book=8, least=1)  # worlds of what needs no training (C6, C12)
    # worlds in which assumptions are broken (C13), and Adam steps of perceptrons in the first ones
    broken_seeds: int = sized(toy=6, book=12, least=1)
    broken_trained: int = sized(toy=0, book=5, least=0)
    broken_steps: int = sized(1_000, least=1)
    # the paper's simulation (C7): latents, edges a node, observed bits
    sim_m: tuple[int, ...] = sized(toy=(5,), book=(4, 5))
    sim_edges: tuple[int, ...] = sized(toy=(1,), book=(1, 2))
    sim_bits: tuple[int, ...] = sized(toy=(2, 6), book=(1, 4, 12))
    sim_seeds: int = sized(toy=1, book=3, least=1)
    sim_steps: int = sized(toy=0, book=1_500, least=0)  # Adam steps of each; 0: ceilings only
    noise_d: int = sized(toy=256, book=1_024, least=2)  # width of pure noise (C14)
    noise_concepts: int = sized(toy=10, book=27, least=2)
    # autoencoders (C9, C10, C16): worlds, contexts, features, Adam steps; 0 seeds: left out
    sae_seeds: int = sized(toy=0, book=5, least=0)
    sae_contexts: int = sized(toy=4_000, book=30_000, least=512)
    sae_features: int = sized(128, least=8)
    sae_steps: int = sized(toy=100, book=1_200, least=1)
    sae_net_steps: int = sized(toy=100, book=3_000, least=1)  # of the network that they read
    # real words (C8, C15): concepts and pairs of each, 0 for all; layers; draws of noise
    word_concepts: int = sized(toy=5, book=0, least=0)
    word_pairs: int = sized(toy=20, book=0, least=0)
    word_layers: int = sized(toy=2, book=4, least=2)
    null_draws: int = sized(toy=1, book=2, least=1)
    # Pythia over its checkpoints
    hub_models: tuple[str, ...] = sized(toy=(), book=(), paper=PYTHIAS)
    hub_revisions: tuple[str, ...] = sized(("step0", "step512", "step8000", "step143000"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.network not in ("transformer", "perceptron"):
            raise ValueError(f"network is transformer or perceptron, got {self.network!r}")
        if unknown := set(self.etas) - set(ETAS):
            raise ValueError(f"etas are some of {ETAS}, got {sorted(unknown)}")


contracts.ranges(
    Settings,
    network=contracts.one_of(("transformer", "perceptron")),
    etas=contracts.SHARE,
    hub_models=contracts.NAMES,
    hub_revisions=contracts.NAMES,
)
PRESETS = Settings.presets()
