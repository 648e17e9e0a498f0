"""A plug-and-play reasoning module (arXiv:2306.07536).

The skeleton of a chapter: a complete small experiment about the mean of n draws, in the form that
every chapter has.  Replace its parts by the paper's; keep the names of the modules.

settings     one frozen dataclass, one preset per scale
experiment   the method and the runs; no figures, no verdicts
claims       what the paper claims, with criteria fixed before the run
findings     from the runs to one finding per claim
figures      drawing; changes here do not make a record stale
"""

from companion.tart.claims import CLAIMS as CLAIMS
from companion.tart.experiment import Result as Result
from companion.tart.experiment import run as run
from companion.tart.findings import findings as findings
from companion.tart.settings import PRESETS as PRESETS
from companion.tart.settings import Settings as Settings
