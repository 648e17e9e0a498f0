"""The kernel that runs the book's notebooks: this interpreter, whatever kernels a user has."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import local_provisioner

if TYPE_CHECKING:
    from companion.publish.spare import Spare

NAME = "python3"


def kernel_manager(
    env: Mapping[str, str], connection: str, spare: Spare | None = None
) -> type[AsyncKernelManager]:
    """A kernel manager class that starts this interpreter with `env` added to its environment.

    Nothing is registered, and no kernel specification of the user is read.  The kernel leads a
    process group of its own, as jupyter_client starts it.

    connection : path of the file with the ports and the key, which whoever gave it removes
    spare : process that becomes the kernel; None starts one
    """
    if spare:  # this process has one kernel in its life
        local_provisioner.launch_kernel = spare.launch

    class ThisInterpreter(AsyncKernelManager):
        """Starts ``sys.executable``; knows how it ended."""

        started: ClassVar[list[AsyncKernelManager]] = []

        def __init__(self, **options: object) -> None:
            super().__init__(**options, connection_file=connection)
            self.started.append(self)

        @classmethod
        def status(cls) -> int | None:
            """Exit status of the kernel, negative for a signal; None if nobody knows."""
            processes = [getattr(one.provisioner, "process", None) for one in cls.started]
            return processes[-1].poll() if processes and processes[-1] else None

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
