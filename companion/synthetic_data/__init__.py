"""Chapter "Training on synthetic data": everything that its notebook uses.

Characterizing Model Behavior Under Synthetic Data Training (arXiv:2510.05133).
"""

from companion.synthetic_data.hub import run_hub as run_hub
from companion.synthetic_data.lab.run import real_laws as real_laws
from companion.synthetic_data.lab.run import real_students as real_students
from companion.synthetic_data.lab.run import real_variety as real_variety
from companion.synthetic_data.lab.run import repeat_difference as repeat_difference
from companion.synthetic_data.lab.run import run_artifact as run_artifact
from companion.synthetic_data.lab.run import run_infinite as run_infinite
from companion.synthetic_data.lab.run import run_loops as run_loops
from companion.synthetic_data.lab.run import run_tables as run_tables
from companion.synthetic_data.lab.run import run_theory as run_theory
from companion.synthetic_data.lab.run import run_transformers as run_transformers
from companion.synthetic_data.lab.run import survival_margin as survival_margin
from companion.synthetic_data.lab.speed import measure_speed as measure_speed
from companion.synthetic_data.lab.threshold import one_knot as one_knot
from companion.synthetic_data.lab.world import make_world as make_world
from companion.synthetic_data.method.calibration import fit_temperature as fit_temperature
from companion.synthetic_data.method.calibration import sharpen as sharpen
from companion.synthetic_data.method.infinite import (
    predicted_over_confidence as predicted_over_confidence,
)
from companion.synthetic_data.method.infinite import student as student
from companion.synthetic_data.method.mixing import largest_share as largest_share
from companion.synthetic_data.method.mixing import mixing_law as mixing_law
from companion.synthetic_data.page.exercises import check_budget as check_budget
from companion.synthetic_data.page.exercises import check_greedy as check_greedy
from companion.synthetic_data.page.exercises import check_knot as check_knot
from companion.synthetic_data.page.exercises import check_law as check_law
from companion.synthetic_data.page.explorers import law_explorer as law_explorer
from companion.synthetic_data.page.explorers import reliability_explorer as reliability_explorer
from companion.synthetic_data.page.explorers import survival_explorer as survival_explorer
from companion.synthetic_data.page.explorers import survivors as survivors
from companion.synthetic_data.page.explorers import threshold_explorer as threshold_explorer
from companion.synthetic_data.page.explorers import zipf as zipf
from companion.synthetic_data.page.tables import arms_table as arms_table
from companion.synthetic_data.page.tables import elsewhere_table as elsewhere_table
from companion.synthetic_data.page.tables import holm_table as holm_table
from companion.synthetic_data.page.tables import hub_table as hub_table
from companion.synthetic_data.page.tables import infinite_table as infinite_table
from companion.synthetic_data.page.tables import rivals_table as rivals_table
from companion.synthetic_data.page.tables import sizes_table as sizes_table
from companion.synthetic_data.page.tables import speed_table as speed_table
from companion.synthetic_data.page.tables import variety_table as variety_table
from companion.synthetic_data.page.tables import verdicts_table as verdicts_table
from companion.synthetic_data.settings import PRESETS as PRESETS
from companion.synthetic_data.settings import Settings as Settings
from companion.synthetic_data.verdict.claims import CLAIMS as CLAIMS
from companion.synthetic_data.verdict.findings import evaluate as evaluate
from companion.synthetic_data.verdict.findings import series as series
from companion.synthetic_data.verdict.paper import knot_ranges as knot_ranges
from companion.synthetic_data.verdict.results import Results as Results
