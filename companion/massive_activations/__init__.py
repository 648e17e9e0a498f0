"""Chapter "Massive activations": everything that its notebook uses.

Hidden Dynamics of Massive Activations in Transformer Training (arXiv:2508.03616).
"""

from companion.massive_activations.lab.attention import (
    first_token_attention as first_token_attention,
)
from companion.massive_activations.lab.identifiability import REGIMES as REGIMES
from companion.massive_activations.lab.identifiability import plateau_bounded as plateau_bounded
from companion.massive_activations.lab.identifiability import profile_plateau as profile_plateau
from companion.massive_activations.lab.identifiability import refit as refit
from companion.massive_activations.lab.intervention import intervene as intervene
from companion.massive_activations.lab.measurements import (
    authors_measurements as authors_measurements,
)
from companion.massive_activations.lab.measurements import our_measurements as our_measurements
from companion.massive_activations.lab.mini_runs import train_minis as train_minis
from companion.massive_activations.lab.null import hidden_state_ratio as hidden_state_ratio
from companion.massive_activations.lab.pipeline import untrained as untrained
from companion.massive_activations.lab.predict import confounding as confounding
from companion.massive_activations.lab.predict import leakage_by_regressor as leakage_by_regressor
from companion.massive_activations.lab.predict import leakage_null as leakage_null
from companion.massive_activations.lab.real_model import english_texts as english_texts
from companion.massive_activations.lab.real_model import (
    first_token_variants as first_token_variants,
)
from companion.massive_activations.lab.real_model import load_real_model as load_real_model
from companion.massive_activations.lab.real_model import locate as locate
from companion.massive_activations.method.curve import CurveParams as CurveParams
from companion.massive_activations.method.curve import damped_log as damped_log
from companion.massive_activations.method.curve import turning_point as turning_point
from companion.massive_activations.method.fit import fit_curve as fit_curve
from companion.massive_activations.method.measure import Watch as Watch
from companion.massive_activations.method.measure import measure as measure
from companion.massive_activations.method.measure import reduce_hidden as reduce_hidden
from companion.massive_activations.page.exercises import check_last_layer as check_last_layer
from companion.massive_activations.page.exercises import check_noise_maximum as check_noise_maximum
from companion.massive_activations.page.exercises import check_peak as check_peak
from companion.massive_activations.page.explorers import excerpt_explorer as excerpt_explorer
from companion.massive_activations.page.tables import correlation_table as correlation_table
from companion.massive_activations.page.tables import curve_table as curve_table
from companion.massive_activations.page.tables import predictions_table as predictions_table
from companion.massive_activations.page.tables import step_zero_table as step_zero_table
from companion.massive_activations.page.tables import variants_table as variants_table
from companion.massive_activations.settings import PRESETS as PRESETS
from companion.massive_activations.settings import Settings as Settings
from companion.massive_activations.settings import arm_minis as arm_minis
from companion.massive_activations.settings import base_minis as base_minis
from companion.massive_activations.settings import grid_minis as grid_minis
from companion.massive_activations.sources.excerpt import load_excerpt as load_excerpt
from companion.massive_activations.sources.excerpt import load_fit_record as load_fit_record
from companion.massive_activations.sources.paper_numbers import TABLE_1 as TABLE_1
from companion.massive_activations.sources.paper_numbers import TABLE_3 as TABLE_3
from companion.massive_activations.sources.paper_numbers import TABLE_5 as TABLE_5
from companion.massive_activations.sources.paper_numbers import (
    TABLE_5_AS_PRINTED as TABLE_5_AS_PRINTED,
)
from companion.massive_activations.sources.paper_numbers import (
    layer_weighted_mean as layer_weighted_mean,
)
from companion.massive_activations.sources.paper_numbers import table_5_gap as table_5_gap
from companion.massive_activations.verdict.claims import CLAIMS as CLAIMS
from companion.massive_activations.verdict.evidence import step_1_floor as step_1_floor
from companion.massive_activations.verdict.findings import Results as Results
from companion.massive_activations.verdict.findings import evaluate as evaluate
from companion.massive_activations.verdict.findings import series as series
from companion.massive_activations.verdict.mini_evidence import by_arm as by_arm
from companion.massive_activations.verdict.mini_evidence import curve_quality as curve_quality
