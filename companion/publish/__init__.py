"""Run the notebooks and build the site.

:func:`run` and :func:`run_many` execute notebooks (cached), :func:`stage` prepares clean sources,
:func:`build_site` turns them into pages, :func:`build` does all three, and :func:`record` writes a
chapter's published results.  Everything made lies under ``build/``.
"""

from companion.publish import _quick as _quick
from companion.publish.building import build as build
from companion.publish.errors import DataMissing as DataMissing
from companion.publish.errors import NoRecord as NoRecord
from companion.publish.errors import NotebookFailed as NotebookFailed
from companion.publish.errors import PublishError as PublishError
from companion.publish.errors import RunsFailed as RunsFailed
from companion.publish.errors import SiteFailed as SiteFailed
from companion.publish.errors import SourceChanged as SourceChanged
from companion.publish.recording import record as record
from companion.publish.recording import verify as verify
from companion.publish.runs import run as run
from companion.publish.runs import run_many as run_many
from companion.publish.site import build_site as build_site
from companion.publish.staging import stage as stage
from companion.publish.store import Run as Run
