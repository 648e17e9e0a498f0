"""Chapter "Training in four bits": everything that its notebook uses.

Quartet: Native FP4 Training Can Be Optimal for Large Language Models (arXiv:2505.14669).
"""

from companion.quartet.exercises import check_averaging as check_averaging
from companion.quartet.exercises import check_clipping as check_clipping
from companion.quartet.exercises import check_lost_direction as check_lost_direction
from companion.quartet.exercises import check_training_speed as check_training_speed
from companion.quartet.exercises import example_group as example_group
from companion.quartet.experiments import average_products as average_products
from companion.quartet.experiments import averaged_control as averaged_control
from companion.quartet.experiments import gradient_averages as gradient_averages
from companion.quartet.experiments import gradient_depth as gradient_depth
from companion.quartet.experiments import gradient_model as gradient_model
from companion.quartet.experiments import maps as maps
from companion.quartet.experiments import run_table as run_table
from companion.quartet.experiments import scale_rules as scale_rules
from companion.quartet.experiments import train as train
from companion.quartet.explorers import group_explorer as group_explorer
from companion.quartet.explorers import map_explorer as map_explorer
from companion.quartet.explorers import product_explorer as product_explorer
from companion.quartet.gaussian import gaussian_mse as gaussian_mse
from companion.quartet.gaussian import optimal_scale as optimal_scale
from companion.quartet.gaussian import simulate as simulate
from companion.quartet.hadamard import hadamard as hadamard
from companion.quartet.hadamard import random_signs as random_signs
from companion.quartet.hadamard import rotate as rotate
from companion.quartet.law import fit_law as fit_law
from companion.quartet.linear import QUARTET as QUARTET
from companion.quartet.linear import QuantizedMatmul as QuantizedMatmul
from companion.quartet.linear import QuartetLinear as QuartetLinear
from companion.quartet.linear import Recipe as Recipe
from companion.quartet.mxfp4 import NotFinite as NotFinite
from companion.quartet.mxfp4 import NotWholeGroups as NotWholeGroups
from companion.quartet.mxfp4 import decode as decode
from companion.quartet.mxfp4 import encode as encode
from companion.quartet.mxfp4 import nearest_by_search as nearest_by_search
from companion.quartet.mxfp4 import round_ as round_
from companion.quartet.paper_scale import run_paper_runs as run_paper_runs
from companion.quartet.paper_scale import run_pretrained_depth as run_pretrained_depth
from companion.quartet.published import released_losses as released_losses
from companion.quartet.published import select as select
from companion.quartet.quantizers import SCHEMES as SCHEMES
from companion.quartet.quantizers import Quantized as Quantized
from companion.quartet.quantizers import Scheme as Scheme
from companion.quartet.quantizers import quantize as quantize
from companion.quartet.refit import run_refit as run_refit
from companion.quartet.reruns import regress as regress
from companion.quartet.reruns import table as rerun_table  # noqa: F401
from companion.quartet.scales import absmax_scale as absmax_scale
from companion.quartet.scales import group_deviation as group_deviation
from companion.quartet.scales import quest_scale as quest_scale
from companion.quartet.settings import PRESETS as PRESETS
from companion.quartet.settings import Settings as Settings
from companion.quartet.speed import run_speed as run_speed
from companion.quartet.tables import authors_depth as authors_depth
from companion.quartet.tables import authors_depth_table as authors_depth_table
from companion.quartet.tables import law_table as law_table
from companion.quartet.tables import quantizer_table as quantizer_table
from companion.quartet.tables import regression_table as regression_table
from companion.quartet.tables import speed_table as speed_table
from companion.quartet.tables import training_table as training_table
from companion.quartet.text import corpus as corpus
