"""Chapter "A plug-and-play reasoning module": everything that its notebook uses.

TART: A plug-and-play Transformer module for task-agnostic reasoning (arXiv:2306.07536).
"""

from companion.tart.ablations import flip_table as flip_table
from companion.tart.ablations import imbalance_table as imbalance_table
from companion.tart.ablations import order_table as order_table
from companion.tart.ablations import reliability as reliability
from companion.tart.ablations import variant_table as variant_table
from companion.tart.claims import CLAIMS as CLAIMS
from companion.tart.classifier import TartClassifier as TartClassifier
from companion.tart.embeddings import CausalEmbedder as CausalEmbedder
from companion.tart.exercises import check_attention as check_attention
from companion.tart.exercises import check_leak as check_leak
from companion.tart.exercises import check_parameters as check_parameters
from companion.tart.exercises import check_rank as check_rank
from companion.tart.exercises import example_context as example_context
from companion.tart.exercises import leaking_accuracy as leaking_accuracy
from companion.tart.exercises import rank_with_duplicates as rank_with_duplicates
from companion.tart.explorers import cloud_explorer as cloud_explorer
from companion.tart.explorers import plane_explorer as plane_explorer
from companion.tart.explorers import sentence_box as sentence_box
from companion.tart.explorers import sentence_explorer as sentence_explorer
from companion.tart.findings import Results as Results
from companion.tart.findings import evaluate as evaluate
from companion.tart.findings import series as series
from companion.tart.head_training import all_positions_loss as all_positions_loss
from companion.tart.head_training import train_head as train_head
from companion.tart.mean_difference import MeanDifferenceHead as MeanDifferenceHead
from companion.tart.module import HeadConfig as HeadConfig
from companion.tart.module import ReasoningModule as ReasoningModule
from companion.tart.module import TooLong as TooLong
from companion.tart.module import interleave as interleave
from companion.tart.nulls import NULLS as NULLS
from companion.tart.nulls import mean_difference as mean_difference
from companion.tart.run import ablation_vectors as ablation_vectors
from companion.tart.run import controls as controls
from companion.tart.run import curve as curve
from companion.tart.run import module_of as module_of
from companion.tart.run import noise as noise
from companion.tart.run import paper as paper
from companion.tart.run import paper_tokens as paper_tokens
from companion.tart.run import provenance as provenance
from companion.tart.run import read_cells as read_cells
from companion.tart.run import train_live as train_live
from companion.tart.run import tuned as tuned
from companion.tart.sampler import LogisticTaskSampler as LogisticTaskSampler
from companion.tart.settings import PRESETS as PRESETS
from companion.tart.settings import Settings as Settings
from companion.tart.whitening import NotEnoughVectors as NotEnoughVectors
from companion.tart.whitening import Whitening as Whitening
from companion.tart.whitening import shrinkage as shrinkage
from companion.tart.whitening import whiten as whiten
