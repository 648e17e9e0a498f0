"""Sizes of the chapter's experiments, one preset per scale."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Settings:
    """What a run does; every number that differs between scales is here.

    restarts : starts per network where the lowest objective is kept
    log_seeds, log_steps : repetitions of the authors' digits example
    dead_lams, dead_steps : weights of the norm of U in the dead start, and Adam steps
    ridge_seeds, ridge_dim, ridge_rows, ridge_steps : the rotated ridge; ridge_lam : its lambda_u
    ridge_sweep : further points (features, rows, lambda_u, start scale), full precision only
    selection_seeds, selection_rows, selection_test, selection_steps : problems of selection
    lassonet : whether that rival runs
    tables : names for the nested cross-validation (``datasets.load``); outer, inner : folds
    repeats : of the outer cross-validation; nested_steps : Adam steps; gpu : use one if there is
    nested_lams, nested_centers : grid of lambda_u and M (each with fixed and trained centers)
    rivals : names (``rivals.RIVALS``); jobs : processes for the rivals
    penalty_tables, penalty_lams, penalty_folds, penalty_steps : grid of lambda_u by lambda_w
    reduction_tables, reduction_folds : supervised reduction; reading_tables : read as a whole
    trees, permutations : of the random forest and its permutation importance
    bench_fits, bench_steps : the batching benchmark
    """

    restarts: int
    log_seeds: int
    log_steps: int
    dead_lams: tuple[float, ...]
    dead_steps: int
    ridge_seeds: int
    ridge_dim: int
    ridge_rows: int
    ridge_steps: int
    ridge_lam: float
    ridge_sweep: tuple[tuple[int, int, float, float], ...]
    selection_seeds: int
    selection_rows: int
    selection_test: int
    selection_steps: int
    lassonet: bool
    tables: tuple[str, ...]
    outer: int
    inner: int
    repeats: int
    nested_steps: int
    gpu: bool
    nested_lams: tuple[float, ...]
    nested_centers: tuple[int, ...]
    rivals: tuple[str, ...]
    jobs: int
    penalty_tables: tuple[str, ...]
    penalty_lams: tuple[float, ...]
    penalty_folds: int
    penalty_steps: int
    reduction_tables: tuple[str, ...]
    reading_tables: tuple[str, ...]
    reduction_folds: int
    trees: int
    permutations: int
    bench_fits: int
    bench_steps: int

    def __post_init__(self) -> None:
        if min(self.ridge_seeds, self.selection_seeds, self.log_seeds, self.restarts) < 1:
            raise ValueError("every experiment needs at least one seed and one restart")
        if {0.0, 1e-2, 1e-5} - set(self.dead_lams):
            raise ValueError(f"dead_lams needs 0, 0.01 and 1e-5, got {self.dead_lams}")
        if min(self.outer, self.inner, self.penalty_folds, self.reduction_folds) < 2:
            raise ValueError("cross-validation needs at least two folds")
        if self.penalty_tables and max(self.penalty_lams) <= 0.1:
            raise ValueError("penalty_lams needs a value above 0.1 for the second grid")


TOY = Settings(
    restarts=3,
    log_seeds=1,
    log_steps=2000,
    dead_lams=(1e-2, 1e-4, 1e-5, 0.0),
    dead_steps=400,
    ridge_seeds=3,
    ridge_dim=20,
    ridge_rows=400,
    ridge_steps=800,
    ridge_lam=0.1,
    ridge_sweep=((20, 400, 0.0, 0.2), (20, 400, 1.0, 0.2)),
    selection_seeds=1,
    selection_rows=512,
    selection_test=1024,
    selection_steps=800,
    lassonet=False,
    tables=("wine",),
    outer=5,
    inner=3,
    repeats=1,
    nested_steps=400,
    gpu=False,
    nested_lams=(1e-2, 0.1),
    nested_centers=(8,),
    rivals=("SVM",),
    jobs=1,
    penalty_tables=("diabetes",),
    penalty_lams=(1e-4, 1e-2, 1e-1, 1.0),
    penalty_folds=3,
    penalty_steps=300,
    reduction_tables=("digits 3v8", "wine"),
    reading_tables=("wine", "digits 3v8", "diabetes"),
    reduction_folds=5,
    trees=100,
    permutations=2,
    bench_fits=100,
    bench_steps=60,
)

BOOK = replace(
    TOY,
    log_seeds=6,
    log_steps=4950,
    dead_lams=(1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 0.0),
    dead_steps=1500,
    ridge_seeds=10,
    ridge_steps=2000,
    ridge_sweep=(
        (20, 400, 0.0, 0.2),
        (20, 400, 0.01, 0.2),
        (20, 400, 0.03, 0.2),
        (20, 400, 0.3, 0.2),
        (20, 400, 1.0, 0.2),
        (20, 400, 0.1, 1.0),
        (10, 400, 0.1, 0.2),
        (40, 400, 0.1, 0.2),
        (20, 100, 0.1, 0.2),
        (20, 200, 0.1, 0.2),
    ),
    selection_seeds=10,
    selection_steps=2000,
    lassonet=True,
    tables=(
        "iris",
        "wine",
        "digits 3v8",
        "breast cancer",
        "diabetes",
        "Boston",
        "Auto-MPG",
        "Friedman 1",
    ),
    nested_steps=600,
    nested_lams=(1e-3, 1e-2, 0.1, 0.5),
    nested_centers=(8, 32),
    rivals=("SVM", "MLP", "random forest", "gradient boosting", "xRFM", "LassoNet"),
    jobs=2,
    penalty_tables=("wine", "breast cancer", "diabetes"),
    penalty_lams=(1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    penalty_folds=5,
    penalty_steps=400,
    permutations=3,
    reading_tables=("wine", "digits 3v8", "breast cancer", "diabetes", "Boston"),
    bench_steps=200,
)

PAPER = replace(
    BOOK,
    repeats=3,
    tables=(
        *BOOK.tables,
        "MNIST 3v8",
        *(
            f"openml:{name}"
            for name in (
                "australian",
                "credit-g",
                "blood-transfusion-service-center",
                "heart-statlog",
                "vowel",
                "bodyfat",
                "plasma_retinol",
                "cloud",
                "liver-disorders",
                "california",
            )
        ),
        "uci:42",
        "MNIST 3v8, all",
    ),
    rivals=(*BOOK.rivals, "FT-Transformer"),
    nested_steps=2000,
    gpu=True,
)

PRESETS = {"toy": TOY, "book": BOOK, "paper": PAPER}
