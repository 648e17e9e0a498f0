"""Saves more than a second of start-up in every process that reads a notebook.

nbformat imports jsonschema, which imports ``rfc3987_syntax`` where it is installed (JupyterLab
brings it), which builds a grammar for internationalized addresses at import.  Notebooks hold none.
jsonschema does without the module where it cannot be imported.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)
