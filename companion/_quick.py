"""Saves more than a second of start-up in every process that reads a notebook or a record.

Both need jsonschema, which imports ``rfc3987_syntax`` where it is installed (JupyterLab brings it),
which builds a grammar for internationalized addresses at import, and ``isoduration``, for spans of
time.  Notebooks and records hold none.  jsonschema does without the modules where they cannot be
imported, so they cannot while jsonschema is.  Whoever imports nbformat first imports this.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

LOADED = "COMPANION_LOADED_S"
"""Variable in the environment of a forked kernel: processor seconds that libraries took before."""


@contextmanager
def without(name: str) -> Iterator[None]:
    """While this lasts, the module `name` cannot be imported; one that was imported before stays.

    For a library that goes on without a slow module which it tries to import.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]


if "jsonschema" not in sys.modules:
    with without("rfc3987_syntax"), without("isoduration"):
        import jsonschema as jsonschema
