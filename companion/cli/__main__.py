"""``python -m companion.cli`` is the ``companion`` command."""

from companion.cli import main

main()
