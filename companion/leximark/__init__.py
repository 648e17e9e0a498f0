"""Chapter "Watermarks by rare synonyms": everything that its notebook uses.

LexiMark: Robust Watermarking via Lexical Substitutions to Enhance Membership Verification of an
LLM's Textual Training Data (arXiv:2506.14474).
"""

from companion.leximark.hub import run_hub as run_hub
from companion.leximark.hub import run_smollm2 as run_smollm2
from companion.leximark.lab.arms import CONTROL as CONTROL
from companion.leximark.lab.arms import MARK as MARK
from companion.leximark.lab.arms import NONE as NONE
from companion.leximark.lab.detection import auroc as auroc
from companion.leximark.lab.detection import blind as blind
from companion.leximark.lab.detection import tpr_at as tpr_at
from companion.leximark.lab.keyed import rank_p as rank_p
from companion.leximark.lab.lm import WordModel as WordModel
from companion.leximark.lab.power import effect_of_auroc as effect_of_auroc
from companion.leximark.lab.power import effect_size as effect_size
from companion.leximark.lab.power import records_needed as records_needed
from companion.leximark.lab.probe import probe_transformer as probe_transformer
from companion.leximark.lab.probe import probe_words as probe_words
from companion.leximark.lab.quality import measure as measure
from companion.leximark.lab.quality import samples as samples
from companion.leximark.lab.quality import trade_off as trade_off
from companion.leximark.lab.run import Run as Run
from companion.leximark.lab.run import pretrained_transformer as pretrained_transformer
from companion.leximark.lab.run import run_transformer as run_transformer
from companion.leximark.lab.run import run_words as run_words
from companion.leximark.method.scores import lowest_mean as lowest_mean
from companion.leximark.method.scores import token_moments as token_moments
from companion.leximark.method.watermark import Recipe as Recipe
from companion.leximark.method.watermark import Watermarker as Watermarker
from companion.leximark.method.watermark import pick as pick
from companion.leximark.method.words import selection_key as selection_key
from companion.leximark.method.words import surprisal as surprisal
from companion.leximark.page.exercises import MEMBERS as MEMBERS
from companion.leximark.page.exercises import OTHERS as OTHERS
from companion.leximark.page.exercises import check_auroc as check_auroc
from companion.leximark.page.exercises import check_keys as check_keys
from companion.leximark.page.exercises import check_records as check_records
from companion.leximark.page.exercises import check_surprisal as check_surprisal
from companion.leximark.page.explorers import key_explorer as key_explorer
from companion.leximark.page.explorers import power_explorer as power_explorer
from companion.leximark.page.explorers import score_explorer as score_explorer
from companion.leximark.page.explorers import stored_scores as stored_scores
from companion.leximark.page.explorers import text_box as text_box
from companion.leximark.page.explorers import text_explorer as text_explorer
from companion.leximark.page.tables import arms_table as arms_table
from companion.leximark.page.tables import changes_table as changes_table
from companion.leximark.page.tables import paper_summary as paper_summary
from companion.leximark.page.tables import paper_table as paper_table
from companion.leximark.page.tables import quality_table as quality_table
from companion.leximark.page.tables import sample_texts as sample_texts
from companion.leximark.page.tables import scores_table as scores_table
from companion.leximark.settings import PRESETS as PRESETS
from companion.leximark.settings import Settings as Settings
from companion.leximark.sources import bible as bible
from companion.leximark.verdict.claims import CLAIMS as CLAIMS
from companion.leximark.verdict.findings import Results as Results
from companion.leximark.verdict.findings import evaluate as evaluate
from companion.leximark.verdict.findings import run_series as run_series
from companion.leximark.verdict.findings import series as series
