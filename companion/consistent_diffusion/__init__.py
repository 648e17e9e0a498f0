"""Chapter "Diffusion that can simulate": everything that its notebook uses.

Consistent Sampling and Simulation: Molecular Dynamics with Energy-Based Diffusion Models
(arXiv:2506.17139).
"""

from companion.consistent_diffusion.lab.estimator import check_estimator as check_estimator
from companion.consistent_diffusion.lab.estimator import run_speed as run_speed
from companion.consistent_diffusion.lab.mixtures import TWO_MODES as TWO_MODES
from companion.consistent_diffusion.lab.mixtures import TWO_MODES_2D as TWO_MODES_2D
from companion.consistent_diffusion.lab.mixtures import Mixture as Mixture
from companion.consistent_diffusion.lab.molecule.check import compare as compare
from companion.consistent_diffusion.lab.molecule.check import rare_visits as rare_visits
from companion.consistent_diffusion.lab.molecule.check import run_live as run_live
from companion.consistent_diffusion.lab.molecule.energy import MoleculeEnergy as MoleculeEnergy
from companion.consistent_diffusion.lab.molecule.energy import MoleculeScore as MoleculeScore
from companion.consistent_diffusion.lab.molecule.experiment import run_molecule as run_molecule
from companion.consistent_diffusion.lab.molecule.frames import load_frames as load_frames
from companion.consistent_diffusion.lab.molecule.geometry import Invariants as Invariants
from companion.consistent_diffusion.lab.molecule.md import potential_energy as potential_energy
from companion.consistent_diffusion.lab.plane_models import run_models as run_models
from companion.consistent_diffusion.lab.random_features import Problem as Problem
from companion.consistent_diffusion.lab.random_runs import run_line as run_line
from companion.consistent_diffusion.lab.random_runs import run_plane as run_plane
from companion.consistent_diffusion.lab.two_for_one import exact_curve as exact_curve
from companion.consistent_diffusion.method.langevin import Dynamics as Dynamics
from companion.consistent_diffusion.method.langevin import simulate as simulate
from companion.consistent_diffusion.method.losses import objective_loss as objective_loss
from companion.consistent_diffusion.method.networks import MLP as MLP
from companion.consistent_diffusion.method.networks import EnergyMLP as EnergyMLP
from companion.consistent_diffusion.method.networks import ValueAndGradient as ValueAndGradient
from companion.consistent_diffusion.method.networks import automatic as automatic
from companion.consistent_diffusion.method.residual import exact_residual as exact_residual
from companion.consistent_diffusion.method.residual import right_side as right_side
from companion.consistent_diffusion.method.residual import weak_residuals as weak_residuals
from companion.consistent_diffusion.page.exercises import check_blur as check_blur
from companion.consistent_diffusion.page.exercises import (
    check_forgotten_dimension as check_forgotten_dimension,
)
from companion.consistent_diffusion.page.exercises import check_product_bias as check_product_bias
from companion.consistent_diffusion.page.exercises import check_separation as check_separation
from companion.consistent_diffusion.page.explorers import blur_explorer as blur_explorer
from companion.consistent_diffusion.page.explorers import line_explorer as line_explorer
from companion.consistent_diffusion.page.molecule.explorers import beads_explorer as beads_explorer
from companion.consistent_diffusion.page.molecule.tables import budgets as budgets
from companion.consistent_diffusion.page.molecule.tables import frames_table as frames_table
from companion.consistent_diffusion.page.molecule.tables import live_table as live_table
from companion.consistent_diffusion.page.molecule.tables import (
    molecule_comparison as molecule_comparison,
)
from companion.consistent_diffusion.page.molecule.tables import score_table as score_table
from companion.consistent_diffusion.page.tables import comparison_table as comparison_table
from companion.consistent_diffusion.page.tables import line_table as line_table
from companion.consistent_diffusion.page.tables import models_table as models_table
from companion.consistent_diffusion.page.tables import paper_numbers as paper_numbers
from companion.consistent_diffusion.page.tables import speed_table as speed_table
from companion.consistent_diffusion.settings import PRESETS as PRESETS
from companion.consistent_diffusion.settings import Settings as Settings
from companion.consistent_diffusion.verdict.claims import CLAIMS as CLAIMS
from companion.consistent_diffusion.verdict.findings import Results as Results
from companion.consistent_diffusion.verdict.findings import evaluate as evaluate
from companion.consistent_diffusion.verdict.findings import series as series
from companion.consistent_diffusion.verdict.random_features import (
    control_verdicts as control_verdicts,
)
