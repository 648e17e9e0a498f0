"""Saves more than a second of start-up in every process that reads a notebook or a record.

Both need jsonschema, which imports ``rfc3987_syntax`` where it is installed (JupyterLab brings it),
which builds a grammar for internationalized addresses at import.  Notebooks and records hold none.
jsonschema does without the module where it cannot be imported, so it cannot while jsonschema is.
"""

import sys

_SLOW = "rfc3987_syntax"

if _SLOW not in sys.modules and "jsonschema" not in sys.modules:
    sys.modules[_SLOW] = None
    try:
        import jsonschema as jsonschema
    finally:
        del sys.modules[_SLOW]
