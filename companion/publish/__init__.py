"""Run the notebooks and build the site.

:func:`run` and :func:`run_many` execute notebooks (cached), :func:`stage` prepares clean sources,
:func:`build_site` turns them into pages, :func:`build` does all three, and :func:`record` writes a
chapter's published results.  Everything made lies under ``build/``.

Names are imported when they are first asked for: the process of each notebook needs one module of
this package, and not the libraries of all the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from companion import _quick as _quick

if TYPE_CHECKING:
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
    from companion.publish.shown import for_pages as for_pages
    from companion.publish.site import build_site as build_site
    from companion.publish.staging import stage as stage
    from companion.publish.store import Run as Run

_PLACES = {
    "building": ("build",),
    "errors": (
        *("DataMissing", "NoRecord", "NotebookFailed", "PublishError"),
        *("RunsFailed", "SiteFailed", "SourceChanged"),
    ),
    "recording": ("record", "verify"),
    "runs": ("run", "run_many"),
    "shown": ("for_pages",),
    "site": ("build_site",),
    "staging": ("stage",),
    "store": ("Run",),
}


def __getattr__(name: str) -> object:
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"companion.publish.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *(name for names in _PLACES.values() for name in names)})
