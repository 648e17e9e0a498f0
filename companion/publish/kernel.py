"""The kernel that runs the book's notebooks: this interpreter, whatever kernels a user has."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

NAME = "python3"


def kernel_manager(env: Mapping[str, str]) -> type[AsyncKernelManager]:
    """A kernel manager class that starts this interpreter with `env` added to its environment.

    Nothing is registered, and no kernel specification of the user is read.
    """

    class ThisInterpreter(AsyncKernelManager):
        """Starts ``sys.executable``."""

        @property
        def kernel_spec(self) -> KernelSpec:
            """The specification of this interpreter."""
            return KernelSpec(
                argv=[
                    sys.executable,
                    "-m",
                    "ipykernel_launcher",
                    "-f",
                    "{connection_file}",
                    "--HistoryManager.enabled=False",
                ],
                display_name="Python 3",
                language="python",
                env=dict(env),
            )

    return ThisInterpreter
