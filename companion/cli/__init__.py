"""The ``companion`` command.

Exit status: 0 done, 1 the work failed, 2 the command was used wrongly, 130 interrupted.  Heavy
libraries are imported inside the commands that need them, so that listing papers is quick.
"""

import sys
from importlib import import_module

from companion.cli._app import app as app
from companion.papers import BadRegister

for _group in ("_look", "_run", "_get", "_maintain"):  # the order of the help page
    import_module(f"companion.cli.{_group}")


def main() -> None:
    """Entry point of the ``companion`` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal's encoding may lack ✓ and names of authors
            stream.reconfigure(errors="backslashreplace" if stream is sys.stderr else "replace")
    try:
        app(prog_name="companion")
    except BadRegister as error:  # every command reads it
        sys.stderr.write(f"companion: {error}\n")
        sys.exit(2)
