"""Chapter "Gaussian RBF networks": everything that its notebook uses.

Learning Active Subspaces and Discovering Important Features with Gaussian Radial Basis Functions
Neural Networks (arXiv:2307.05639).
"""

from companion.gaussian_rbf.lab.bench import run_bench as run_bench
from companion.gaussian_rbf.lab.digits import authors_log as authors_log
from companion.gaussian_rbf.lab.digits import run_dead_start as run_dead_start
from companion.gaussian_rbf.lab.digits import run_log as run_log
from companion.gaussian_rbf.lab.estimator import GaussianRBFClassifier as GaussianRBFClassifier
from companion.gaussian_rbf.lab.estimator import GaussianRBFRegressor as GaussianRBFRegressor
from companion.gaussian_rbf.lab.examples import run_examples as run_examples
from companion.gaussian_rbf.lab.nested import run_nested as run_nested
from companion.gaussian_rbf.lab.penalties import run_penalties as run_penalties
from companion.gaussian_rbf.lab.reduction import read_tables as read_tables
from companion.gaussian_rbf.lab.reduction import run_reduction as run_reduction
from companion.gaussian_rbf.lab.ridges import run_ridges as run_ridges
from companion.gaussian_rbf.lab.selection import run_selection as run_selection
from companion.gaussian_rbf.method.precision import agop as agop
from companion.gaussian_rbf.method.precision import importance as importance
from companion.gaussian_rbf.method.precision import spectrum as spectrum
from companion.gaussian_rbf.method.tasks import Recipe as Recipe
from companion.gaussian_rbf.method.tasks import Task as Task
from companion.gaussian_rbf.method.theory import ambiguity as ambiguity
from companion.gaussian_rbf.method.theory import counterexample as counterexample
from companion.gaussian_rbf.method.theory import inactive_change as inactive_change
from companion.gaussian_rbf.method.training import fit_many as fit_many
from companion.gaussian_rbf.page.exercises import check_directions as check_directions
from companion.gaussian_rbf.page.exercises import check_gaussian as check_gaussian
from companion.gaussian_rbf.page.exercises import check_same_sign as check_same_sign
from companion.gaussian_rbf.page.exercises import check_start_scale as check_start_scale
from companion.gaussian_rbf.page.exercises import entries as entries
from companion.gaussian_rbf.page.explorers import formula_explorer as formula_explorer
from companion.gaussian_rbf.page.explorers import path_explorer as path_explorer
from companion.gaussian_rbf.page.explorers import rotation_explorer as rotation_explorer
from companion.gaussian_rbf.page.explorers import start_explorer as start_explorer
from companion.gaussian_rbf.page.tables import authors_table as authors_table
from companion.gaussian_rbf.page.tables import bench_table as bench_table
from companion.gaussian_rbf.page.tables import effects as effects
from companion.gaussian_rbf.page.tables import score_table as score_table
from companion.gaussian_rbf.settings import PRESETS as PRESETS
from companion.gaussian_rbf.settings import Settings as Settings
from companion.gaussian_rbf.sources import load as load
from companion.gaussian_rbf.verdict.claims import CLAIMS as CLAIMS
from companion.gaussian_rbf.verdict.findings import Results as Results
from companion.gaussian_rbf.verdict.findings import evaluate as evaluate
from companion.gaussian_rbf.verdict.findings import series as series
