"""Chapter "Memorization in distillation": everything that its notebook uses.

Memorization Dynamics in Knowledge Distillation for Language Models (arXiv:2601.15394).
"""

from companion.distillation_memorization.hub import run_hub_world as run_hub_world
from companion.distillation_memorization.lab.calibration import NotCalibrated as NotCalibrated
from companion.distillation_memorization.lab.calibration import (
    check_calibration as check_calibration,
)
from companion.distillation_memorization.lab.logits import cache_logits as cache_logits
from companion.distillation_memorization.lab.mlp import LaneMLP as LaneMLP
from companion.distillation_memorization.lab.predictor import predict as predict
from companion.distillation_memorization.lab.reading import generate as generate
from companion.distillation_memorization.lab.reading import generate_plainly as generate_plainly
from companion.distillation_memorization.lab.reading import memorized as memorized
from companion.distillation_memorization.lab.run import run_overfit as run_overfit
from companion.distillation_memorization.lab.run import run_pools as run_pools
from companion.distillation_memorization.lab.run import run_real as run_real
from companion.distillation_memorization.lab.run import run_transformers as run_transformers
from companion.distillation_memorization.lab.speed import measure_extraction as measure_extraction
from companion.distillation_memorization.lab.text import pool_text as pool_text
from companion.distillation_memorization.lab.text import zlib_bytes as zlib_bytes
from companion.distillation_memorization.lab.world import World as World
from companion.distillation_memorization.method.arms import objectives as objectives
from companion.distillation_memorization.method.extraction import matches as matches
from companion.distillation_memorization.method.objectives import Cached as Cached
from companion.distillation_memorization.method.objectives import Objective as Objective
from companion.distillation_memorization.method.objectives import cross_entropy as cross_entropy
from companion.distillation_memorization.method.objectives import (
    distillation_loss as distillation_loss,
)
from companion.distillation_memorization.method.objectives import top_k_loss as top_k_loss
from companion.distillation_memorization.method.sets import easy as easy
from companion.distillation_memorization.method.sets import inherited as inherited
from companion.distillation_memorization.method.sets import rejected as rejected
from companion.distillation_memorization.page.exercises import (
    check_counterfactual as check_counterfactual,
)
from companion.distillation_memorization.page.exercises import check_kl as check_kl
from companion.distillation_memorization.page.exercises import check_share as check_share
from companion.distillation_memorization.page.exercises import check_softening as check_softening
from companion.distillation_memorization.page.explorers import filter_explorer as filter_explorer
from companion.distillation_memorization.page.explorers import prefix_explorer as prefix_explorer
from companion.distillation_memorization.page.explorers import (
    sequence_explorer as sequence_explorer,
)
from companion.distillation_memorization.page.tables import kinds_table as kinds_table
from companion.distillation_memorization.page.tables import models_table as models_table
from companion.distillation_memorization.page.tables import paper_table as paper_table
from companion.distillation_memorization.page.tables import predictor_table as predictor_table
from companion.distillation_memorization.page.tables import sets_table as sets_table
from companion.distillation_memorization.settings import PRESETS as PRESETS
from companion.distillation_memorization.settings import Settings as Settings
from companion.distillation_memorization.sources import inherited_ratio as inherited_ratio
from companion.distillation_memorization.sources import paper_rates as paper_rates
from companion.distillation_memorization.verdict.claims import CLAIMS as CLAIMS
from companion.distillation_memorization.verdict.findings import evaluate as evaluate
from companion.distillation_memorization.verdict.findings import series as series
from companion.distillation_memorization.verdict.results import Results as Results
