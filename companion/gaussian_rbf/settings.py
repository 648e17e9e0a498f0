"""Sizes of the chapter's experiments, one line a setting."""

from __future__ import annotations

from dataclasses import dataclass

from companion import contracts
from companion.gaussian_rbf.sources import CLASSES, OTHERS, VALUES
from companion.scale import Sized, sized

RIVALS = (
    "SVM",
    "MLP",
    "random forest",
    "XGBoost",
    "xRFM",
    "linear",
    "neighbors",
)
PENALTY_TABLES = (
    "iris",
    "wine",
    "breast cancer",
    "penguins",
    "phishing",
    "vote",
)
ALL_PAIRS = tuple((a, b) for a in range(10) for b in range(a + 1, 10))
"""Digits against digits."""

# (features, rows, lambda_u, spread of the start) beside the main point
SWEEP = (
    (20, 400, 0.0, 0.2),
    (20, 400, 0.01, 0.2),
    (20, 400, 1.0, 0.2),
    (20, 100, 0.1, 0.2),
)


@dataclass(frozen=True)
class Settings(Sized):
    """What a run does; every number that differs between scales is here."""

    # added to SEED: the published run has seeds that no earlier run had
    seed_base: int = sized(toy=0, book=7_300, least=0)
    jobs: int = sized(toy=1, book=2, least=1)  # processes for the tables
    restarts: int = sized(toy=2, book=3, least=1)  # of a network; the lowest objective is kept
    log_seeds: int = sized(toy=1, book=6, least=1)  # runs of the authors' digits example
    log_steps: int = sized(toy=400, book=4_950, least=1)  # Adam steps of each
    dead_seeds: int = sized(toy=2, book=20, least=1)  # dead starts (C7)
    # weights of the norm of U in the dead start
    dead_lams: tuple[float, ...] = sized((1e-2, 1e-5, 0.0))
    dead_steps: int = sized(toy=150, book=600, least=1)  # Adam steps of each
    ridge_seeds: int = sized(toy=3, book=16, least=1)  # rotated ridges with a full precision (C3)
    shape_seeds: int = sized(toy=3, book=6, least=1)  # ridges with every precision (C2)
    ridge_dim: int = sized(toy=10, book=20, least=2)  # features of the ridge
    ridge_rows: int = sized(400, least=2)  # training rows of the ridge
    ridge_steps: int = sized(toy=300, book=1_000, least=1)  # Adam steps on the ridge
    ridge_lam: float = sized(0.1)  # lambda_u at which C2 and C3 are judged
    sweep_seeds: int = sized(toy=1, book=2, least=1)  # ridges a further point of the sweep
    # further points: features, rows, lambda_u, spread of the start
    ridge_sweep: tuple[tuple[int, int, float, float], ...] = sized(toy=SWEEP[:1], book=SWEEP)
    selection_seeds: int = sized(toy=1, book=20, least=1)  # draws of each problem (C5, C11, C12)
    selection_rows: int = sized(512, least=2)  # training rows of a problem
    selection_test: int = sized(1_024, least=2)  # test rows of a problem
    selection_steps: int = sized(toy=100, book=800, least=1)  # Adam steps on a classification
    additive_steps: int = sized(toy=100, book=2_000, least=1)  # and on the additive regression
    selector_seeds: int = sized(toy=0, book=4, least=0)  # draws on which LassoNet ranks too
    # tables of the nested cross-validation (C1)
    tables: tuple[str, ...] = sized(
        toy=("wine",), book=(*CLASSES, *VALUES), paper=(*CLASSES, *VALUES, *OTHERS)
    )
    outer: int = sized(toy=3, book=5, least=2)  # folds that score
    inner: int = sized(toy=2, book=3, least=2)  # folds that choose
    nested_steps: int = sized(toy=150, book=400, paper=2_000, least=1)  # Adam steps of each fit
    gpu: bool = sized(toy=False, book=False, paper=True)  # use one if there is
    # grid of lambda_u and of M, with trained centers
    nested_lams: tuple[float, ...] = sized(toy=(1e-2, 0.1), book=(1e-2, 0.1, 0.5))
    nested_centers: tuple[int, ...] = sized(toy=(8,), book=(16,), paper=(8, 32))
    rivals: tuple[str, ...] = sized(toy=("SVM",), book=RIVALS, paper=(*RIVALS, "FT-Transformer"))
    # tables on which both penalties are varied (C6, C10)
    penalty_tables: tuple[str, ...] = sized(toy=("wine", "iris"), book=PENALTY_TABLES)
    # weights of both; the smaller grid ends at 0.1
    penalty_lams: tuple[float, ...] = sized(
        toy=(1e-3, 1e-1, 1.0), book=(1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    )
    penalty_folds: int = sized(toy=3, book=4, least=2)  # folds of a table
    penalty_steps: int = sized(toy=60, book=300, least=1)  # Adam steps of each fit
    # pairs of digits whose images are laid out in two coordinates (C9)
    pairs: tuple[tuple[int, int], ...] = sized(toy=((3, 8), (1, 7), (4, 9)), book=ALL_PAIRS)
    reading_folds: int = sized(toy=3, book=10, least=2)  # folds over which a spectrum is read (C4)
    # Adam steps of networks that are read (C4, C9)
    reading_steps: int = sized(toy=200, book=1_000, least=1)
    # tables that are read as a whole
    reading_tables: tuple[str, ...] = sized(
        toy=("wine", "diabetes"),
        book=("wine", "digits 3v8", "breast cancer", "diabetes", "Boston"),
    )
    trees: int = sized(toy=30, book=100, least=1)  # of a random forest
    permutations: int = sized(1, least=1)  # of each feature, for its importance
    bench_steps: int = sized(toy=5, book=100, least=1)  # Adam steps of the speed table

    def __post_init__(self) -> None:
        super().__post_init__()
        if {0.0, 1e-2, 1e-5} - set(self.dead_lams):
            raise ValueError(f"dead_lams needs 0, 0.01 and 1e-5, got {self.dead_lams}")
        if self.penalty_tables and max(self.penalty_lams) <= 0.1:
            raise ValueError("penalty_lams needs a value above 0.1 for the second grid")


contracts.ranges(
    Settings,
    dead_lams=contracts.between(0, 1e6),
    ridge_lam=contracts.between(0, 1e6),
    ridge_sweep=contracts.between(0, contracts.MANY),
    tables=contracts.NAMES,  # those of OpenML can be asked for, too
    nested_lams=contracts.between(0, 1e6),
    rivals=contracts.one_of((*RIVALS, "FT-Transformer")),
    penalty_tables=contracts.one_of((*CLASSES, *VALUES, *OTHERS)),
    penalty_lams=contracts.between(0, 1e6),
    pairs=contracts.between(0, 9),
    reading_tables=contracts.one_of((*CLASSES, *VALUES, *OTHERS)),
)
PRESETS = Settings.presets()
