"""What depends on the scale of the chapter, and nothing else does."""

from __future__ import annotations

from dataclasses import dataclass

from companion.mamba3.lab.language import PARTS, Reading
from companion.mamba3.lab.tracking import VARIANTS, Training

_BOOK_ARMS = {
    "parity": tuple(VARIANTS),
    "Z3": ("Mamba-3", "Mamba-3, no RoPE", "real, both signs"),
    "S3": ("Mamba-3",),
}
_FAMILIES = ("Mamba-3", "Mamba-3, no RoPE", "Mamba-2")


@dataclass(frozen=True)
class Settings:
    """Sizes of the chapter's experiments.

    n_systems : random systems on which all forms must agree (C1)
    check_gradients : whether the gradient is also held against central differences
    step_counts : steps of the integration (C3); n_equations : random equations, 0 for none
    rotor_length : tokens of the layer built by hand (C4, C5)
    track_seeds, track_steps, track_batch, lengths : training of state tracking
    track_arms : (task, variant) pairs that are trained
    read_lengths, n_read : moves and number of the walks that are read
    text_seeds, text_steps, text_batch, text_length : training of the language models
    eval_windows : windows of 1,024 held-out characters that they are read on
    parts : arms of the ablation (C6)
    state_sizes, mimo_sizes : N of the comparison by state size (C7); empty for none
    decode_heads, decode_ranks, decode_rounds : heads of the large state, ranks, repeats (C8)
    contexts, context_rounds : tokens of context, repeats (C9)
    scan_length, scan_rounds : the scan in chunks against token by token
    n_documents, n_passages, document_length : of the released models (C10); 0 leaves them out
    n_jobs : trainings side by side, one thread each, where the machine has the cores
    """

    n_systems: int
    check_gradients: bool
    step_counts: tuple[int, ...]
    n_equations: int
    rotor_length: int
    track_seeds: int
    track_steps: int
    track_batch: int
    lengths: tuple[int, ...]
    track_arms: tuple[tuple[str, str], ...]
    read_lengths: tuple[int, ...]
    n_read: int
    text_seeds: int
    text_steps: int
    text_batch: int
    text_length: int
    eval_windows: int
    parts: tuple[str, ...]
    state_sizes: tuple[int, ...]
    mimo_sizes: tuple[int, ...]
    decode_heads: int
    decode_ranks: tuple[int, ...]
    decode_rounds: int
    contexts: tuple[int, ...]
    context_rounds: int
    scan_length: int
    scan_rounds: int
    n_documents: int
    n_passages: int
    document_length: int
    n_jobs: int

    def __post_init__(self) -> None:
        if len(self.step_counts) < 3 or len(self.contexts) < 2:
            raise ValueError(
                "a slope needs three step_counts and two contexts, got "
                f"{self.step_counts} and {self.contexts}"
            )
        if 1 not in self.decode_ranks or 4 not in self.decode_ranks:
            raise ValueError(f"decode_ranks must hold 1 and 4, got {self.decode_ranks}")
        if len({*self.state_sizes}) == 1:
            raise ValueError(f"a slope needs two state_sizes or none, got {self.state_sizes}")
        _ = self.training, self.reading

    @property
    def training(self) -> Training:
        """How the models that track states are trained."""
        return Training(self.track_seeds, self.track_steps, self.track_batch, self.lengths)

    @property
    def arms(self) -> dict[str, list[str]]:
        """Task to the variants that are trained on it."""
        made: dict[str, list[str]] = {}
        for task, variant in self.track_arms:
            made.setdefault(task, []).append(variant)
        return made

    @property
    def reading(self) -> Reading:
        """How the language models are trained."""
        return Reading(
            self.text_seeds,
            self.text_steps,
            batch=self.text_batch,
            seq=self.text_length,
            eval_windows=self.eval_windows,
        )


def _pairs(arms: dict[str, tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    return tuple((task, variant) for task, names in arms.items() for variant in names)


_STEPS = (16, 32, 64, 128, 256, 512, 1024)

PRESETS = {
    "toy": Settings(
        n_systems=20,
        check_gradients=False,
        step_counts=_STEPS,
        n_equations=0,
        rotor_length=4096,
        track_seeds=3,
        track_steps=200,
        track_batch=16,
        lengths=(24,),
        track_arms=_pairs({"parity": _FAMILIES}),
        read_lengths=(8, 16, 24, 32, 48, 96),
        n_read=256,
        text_seeds=1,
        text_steps=100,
        text_batch=8,
        text_length=128,
        eval_windows=4,
        parts=("full", "no bias, no trapezoid"),
        state_sizes=(),
        mimo_sizes=(),
        decode_heads=2048,
        decode_ranks=(1, 4),
        decode_rounds=5,
        contexts=(128, 1024, 8192),
        context_rounds=20,
        scan_length=2048,
        scan_rounds=2,
        n_documents=0,
        n_passages=0,
        document_length=2048,
        n_jobs=2,
    ),
    "book": Settings(
        n_systems=100,
        check_gradients=True,
        step_counts=_STEPS,
        n_equations=20,
        rotor_length=4096,
        track_seeds=5,
        track_steps=1200,
        track_batch=16,
        lengths=(3, 40, 64),
        track_arms=_pairs(_BOOK_ARMS),
        read_lengths=(16, 32, 64, 96, 128, 192, 256, 512),
        n_read=2048,
        text_seeds=5,
        text_steps=200,
        text_batch=8,
        text_length=128,
        eval_windows=16,
        parts=PARTS,
        state_sizes=(4, 8, 16),
        mimo_sizes=(8,),
        decode_heads=8192,
        decode_ranks=(1, 2, 4, 8),
        decode_rounds=15,
        contexts=(128, 512, 2048, 8192),
        context_rounds=200,
        scan_length=2048,
        scan_rounds=5,
        n_documents=0,
        n_passages=0,
        document_length=2048,
        n_jobs=2,
    ),
    "paper": Settings(
        n_systems=300,
        check_gradients=True,
        step_counts=_STEPS,
        n_equations=50,
        rotor_length=4096,
        track_seeds=5,
        track_steps=10_000,
        track_batch=256,
        lengths=(3, 40, 80, 120, 160),
        track_arms=_pairs(_BOOK_ARMS | {"Z5": ("Mamba-3", "real, both signs")}),
        read_lengths=(40, 160, 256, 320, 512, 1024),
        n_read=4096,
        text_seeds=10,
        text_steps=5000,
        text_batch=16,
        text_length=256,
        eval_windows=16,
        parts=PARTS,
        state_sizes=(16, 32, 64, 128),
        mimo_sizes=(16, 32, 64),
        decode_heads=8192,
        decode_ranks=(1, 2, 4, 8, 16),
        decode_rounds=30,
        contexts=(128, 512, 2048, 8192, 32768),
        context_rounds=200,
        scan_length=2048,
        scan_rounds=5,
        n_documents=500,
        n_passages=5153,
        document_length=2048,
        n_jobs=2,
    ),
}
