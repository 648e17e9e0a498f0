"""Sizes of the chapter's experiments, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion.distillation_memorization.method.objectives import MIXTURE, SMOOTHED, TAU

LENGTH, PREFIX, SUFFIX = 48, 16, 16
"""Characters of a sequence, of its prompt, and of the continuation that is compared."""


@dataclass(frozen=True)
class Settings:
    """What a run does; every number that differs between scales is here.

    n_seeds : independent worlds of word-pool text and MLPs (data, weights and order)
    n, n_base, n_held : sequences of D, of the base models' text, and held out
    teacher_hidden, student_hidden : widths of the MLPs
    teacher_epochs, student_epochs : passes over D; chosen so that the calibration rule is kept
    taus : temperatures of the soft students; 2 must be there
    extras : further students (a mixed loss, label smoothing)
    resamples : of the predictor; filtering : whether to distil again on the filtered D
    overfit_epochs, overfit_seeds : teachers of the sweep over teacher epochs
    transformer_seeds, transformer_n, transformer_base : worlds with transformers on word pools
    real_seeds, real_n, real_base : worlds with MLPs on real text
    jobs : worlds computed side by side, each on one thread
    bootstrap : resamples of the intervals
    hub_teacher, hub_student, hub_n, hub_held, hub_batch, hub_top_k : the paper's own kind of run
    """

    n_seeds: int
    n: int
    n_base: int
    n_held: int
    teacher_hidden: int
    student_hidden: int
    teacher_epochs: int
    student_epochs: int
    taus: tuple[float, ...]
    extras: tuple[str, ...]
    resamples: int
    filtering: bool
    overfit_epochs: tuple[int, ...]
    overfit_seeds: int
    transformer_seeds: int
    transformer_n: int
    transformer_base: int
    real_seeds: int
    real_n: int
    real_base: int
    jobs: int
    bootstrap: int
    hub_teacher: str = ""
    hub_student: str = ""
    hub_n: int = 0
    hub_held: int = 0
    hub_batch: int = 64
    hub_top_k: int = 32

    def __post_init__(self) -> None:
        if TAU not in self.taus:
            raise ValueError(f"taus must hold {TAU:g}, the paper's temperature, got {self.taus}")
        if self.n_seeds < 1 or min(self.n, self.n_base, self.n_held) < 1:
            raise ValueError("need at least one seed and one sequence in each set")
        if unknown := set(self.extras) - {MIXTURE, SMOOTHED}:
            raise ValueError(f"unknown extras {sorted(unknown)}; known: {MIXTURE}, {SMOOTHED}")


TOY = Settings(
    n_seeds=1,
    n=800,
    n_base=2400,
    n_held=1500,
    teacher_hidden=512,
    student_hidden=192,
    teacher_epochs=9,
    student_epochs=15,
    taus=(2.0, 4.0),
    extras=(),
    resamples=100,
    filtering=False,
    overfit_epochs=(4,),
    overfit_seeds=1,
    transformer_seeds=0,
    transformer_n=300,
    transformer_base=600,
    real_seeds=0,
    real_n=800,
    real_base=3000,
    jobs=1,
    bootstrap=300,
)

BOOK = replace(
    TOY,
    n_seeds=8,
    n=1200,
    n_base=3000,
    n_held=3000,
    teacher_hidden=640,
    teacher_epochs=8,
    student_hidden=224,
    taus=(1.0, 2.0, 4.0, 8.0),
    extras=(MIXTURE, SMOOTHED),
    filtering=True,
    overfit_epochs=(4, 12, 16),
    overfit_seeds=2,
    transformer_seeds=3,
    transformer_n=500,
    transformer_base=1500,
    real_seeds=3,
    real_n=1200,
    jobs=2,
    bootstrap=1000,
)

PAPER = replace(
    BOOK,
    hub_teacher="EleutherAI/pythia-1.4b",
    hub_student="EleutherAI/pythia-160m",
    hub_n=200_000,
    hub_held=20_000,
)

PRESETS = {"toy": TOY, "book": BOOK, "paper": PAPER}
