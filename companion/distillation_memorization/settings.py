"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.distillation_memorization.method.objectives import TAU
from companion.scale import Sized, sized


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED: the published run has seeds that no earlier run had
    seed_base: int = sized(toy=0, book=29_000, least=0)
    jobs: int = sized(toy=1, book=2, least=1)  # worlds side by side, each on one thread
    n_seeds: int = sized(toy=2, book=5, least=1)  # worlds of word pools and transformers
    n: int = sized(toy=80, book=1000, least=1)  # sequences of D
    n_base: int = sized(toy=120, book=3000, least=1)  # of the base models' text
    n_held: int = sized(toy=80, book=800, least=2)  # held out; one half chooses epochs
    teacher_d: int = sized(toy=32, book=96, least=4)  # width of the teacher
    teacher_layers: int = sized(toy=1, book=2, least=1)  # its blocks
    student_d: int = sized(toy=16, book=32, least=4)  # width of every student
    student_layers: int = sized(toy=1, book=2, least=1)  # its blocks
    base_epochs: int = sized(toy=1, book=3, least=1)  # passes over the base models' text
    teacher_epochs: int = sized(toy=2, book=12, least=1)  # of the teacher over D
    # budgets of the students, each a training of its own
    epochs: tuple[int, ...] = sized(toy=(1, 2), book=(8, 16, 24, 32))
    judged: int = sized(toy=2, book=32, least=1)  # the budget at which all arms are trained
    lr: float = sized(4e-3)  # peak learning rate of the transformers
    batch: int = sized(16, least=1)  # sequences an update
    taus: tuple[float, ...] = sized(toy=(2.0, 4.0), book=(1.0, 2.0, 4.0))  # temperatures
    resamples: int = sized(toy=3, book=100, least=1)  # of the predictor
    real_seeds: int = sized(toy=0, book=3)  # worlds of real text
    real_base: int = sized(toy=120, book=3000, least=1)  # windows of the base models' text there
    perceptron_seeds: int = sized(toy=1, book=3)  # worlds of perceptrons
    perceptron_teacher: int = sized(toy=32, book=256, least=1)  # hidden width of the teacher
    perceptron_student: int = sized(toy=16, book=96, least=1)  # and of the students
    perceptron_epochs: tuple[int, ...] = sized(toy=(1, 2), book=(2, 4, 12))
    # the paper's own kind of run: models, sequences of D and held out, batch, probabilities kept
    hub_teacher: str = sized("", paper="EleutherAI/pythia-1.4b")
    hub_student: str = sized("", paper="EleutherAI/pythia-160m")
    hub_n: int = sized(0, paper=200_000)
    hub_held: int = sized(0, paper=20_000)
    hub_batch: int = sized(64, least=1)
    hub_top_k: int = sized(32, least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if TAU not in self.taus:
            raise ValueError(f"taus must hold {TAU:g}, the paper's temperature, got {self.taus}")
        for name in ("epochs", "perceptron_epochs"):
            budgets = getattr(self, name)
            if len(budgets) < 2 or list(budgets) != sorted(set(budgets)) or budgets[0] < 1:
                raise ValueError(f"{name} needs two or more ascending numbers, got {budgets}")
        if self.judged not in self.epochs:
            raise ValueError(f"judged must be one of epochs, got {self.judged} and {self.epochs}")


contracts.ranges(
    Settings,
    lr=contracts.RATE,
    taus=contracts.between(0.01, 1000),
    hub_teacher=contracts.NAMES,
    hub_student=contracts.NAMES,
)
PRESETS = Settings.presets()
