"""The ``companion`` command.

Exit status: 0 done, 1 the work failed, 2 the command was used wrongly, 130 interrupted.  Heavy
libraries are imported inside the commands that need them, so that listing papers is quick.
"""

from importlib import import_module

from companion.cli._app import app as app

for _group in ("_look", "_run", "_get", "_maintain"):  # the order of the help page
    import_module(f"companion.cli.{_group}")


def main() -> None:
    """Entry point of the ``companion`` command."""
    app(prog_name="companion")
