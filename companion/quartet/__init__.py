"""Chapter "Training in four bits": everything that its notebook uses.

Quartet: Native FP4 Training Can Be Optimal for Large Language Models (arXiv:2505.14669).
"""

from companion.quartet.hub import run_paper_runs as run_paper_runs
from companion.quartet.hub import run_pretrained_depth as run_pretrained_depth
from companion.quartet.lab.gaussian import gaussian_mse as gaussian_mse
from companion.quartet.lab.gaussian import optimal_scale as optimal_scale
from companion.quartet.lab.gaussian import simulate as simulate
from companion.quartet.lab.refit import run_refit as run_refit
from companion.quartet.lab.reruns import regress as regress
from companion.quartet.lab.reruns import table as rerun_table  # noqa: F401
from companion.quartet.lab.run import average_products as average_products
from companion.quartet.lab.run import averaged_control as averaged_control
from companion.quartet.lab.run import gradient_averages as gradient_averages
from companion.quartet.lab.run import gradient_depth as gradient_depth
from companion.quartet.lab.run import gradient_model as gradient_model
from companion.quartet.lab.run import maps as maps
from companion.quartet.lab.run import run_table as run_table
from companion.quartet.lab.run import scale_rules as scale_rules
from companion.quartet.lab.run import train as train
from companion.quartet.lab.speed import run_speed as run_speed
from companion.quartet.lab.text import corpus as corpus
from companion.quartet.method.hadamard import hadamard as hadamard
from companion.quartet.method.hadamard import random_signs as random_signs
from companion.quartet.method.hadamard import rotate as rotate
from companion.quartet.method.law import fit_law as fit_law
from companion.quartet.method.linear import QUARTET as QUARTET
from companion.quartet.method.linear import QuantizedMatmul as QuantizedMatmul
from companion.quartet.method.linear import QuartetLinear as QuartetLinear
from companion.quartet.method.linear import Recipe as Recipe
from companion.quartet.method.mxfp4 import NotFinite as NotFinite
from companion.quartet.method.mxfp4 import NotWholeGroups as NotWholeGroups
from companion.quartet.method.mxfp4 import decode as decode
from companion.quartet.method.mxfp4 import encode as encode
from companion.quartet.method.mxfp4 import nearest_by_search as nearest_by_search
from companion.quartet.method.mxfp4 import round_ as round_
from companion.quartet.method.quantizers import SCHEMES as SCHEMES
from companion.quartet.method.quantizers import Quantized as Quantized
from companion.quartet.method.quantizers import Scheme as Scheme
from companion.quartet.method.quantizers import quantize as quantize
from companion.quartet.method.scales import absmax_scale as absmax_scale
from companion.quartet.method.scales import group_deviation as group_deviation
from companion.quartet.method.scales import quest_scale as quest_scale
from companion.quartet.page.exercises import check_averaging as check_averaging
from companion.quartet.page.exercises import check_clipping as check_clipping
from companion.quartet.page.exercises import check_lost_direction as check_lost_direction
from companion.quartet.page.exercises import check_training_speed as check_training_speed
from companion.quartet.page.exercises import example_group as example_group
from companion.quartet.page.explorers import group_explorer as group_explorer
from companion.quartet.page.explorers import map_explorer as map_explorer
from companion.quartet.page.explorers import product_explorer as product_explorer
from companion.quartet.page.tables import authors_depth as authors_depth
from companion.quartet.page.tables import authors_depth_table as authors_depth_table
from companion.quartet.page.tables import law_table as law_table
from companion.quartet.page.tables import quantizer_table as quantizer_table
from companion.quartet.page.tables import regression_table as regression_table
from companion.quartet.page.tables import speed_table as speed_table
from companion.quartet.page.tables import training_table as training_table
from companion.quartet.settings import PRESETS as PRESETS
from companion.quartet.settings import Settings as Settings
from companion.quartet.sources import released_losses as released_losses
from companion.quartet.sources import select as select
