"""Published results: ``records/<slug>.json``, written by a run and read by pages and tests."""

from companion import _quick as _quick
from companion.records._provenance import code as code
from companion.records._provenance import peak_mb as peak_mb
from companion.records._provenance import processor as processor
from companion.records._provenance import provenance as provenance
from companion.records._provenance import provenance_of_machine as provenance_of_machine
from companion.records._store import MIME as MIME
from companion.records._store import STEPS_MIME as STEPS_MIME
from companion.records._store import RecordInvalid as RecordInvalid
from companion.records._store import accepted_definitions as accepted_definitions
from companion.records._store import changed_definitions as changed_definitions
from companion.records._store import emit as emit
from companion.records._store import from_notebook as from_notebook
from companion.records._store import is_stale as is_stale
from companion.records._store import load as load
from companion.records._store import outdated as outdated
from companion.records._store import report_name as report_name
from companion.records._store import save as save
from companion.records._store import validate as validate
