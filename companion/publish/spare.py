"""A kernel that is forked before its command is known: a fork must come before all threads.

See :mod:`companion.publish.nursery` for what it is a fork of.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import NoReturn

from companion._quick import LOADED


class Spare:
    """The process, forked when this is made, in a session of its own.

    The child goes on from here as a kernel once :meth:`launch` says so, and ends if this process
    does.

    loaded_s : processor seconds that libraries took, which count as the kernel's
    """

    def __init__(self, loaded_s: float = 0.0) -> None:
        self._order, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid:
            theirs.close()
            self._order.recv(1)
            return
        self._order.close()
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.setsid()  # whoever launches it then finds the group of its own that a signal goes to
        with theirs:
            theirs.sendall(b"+")
            said = theirs.makefile("rb").readline()
        if not said:
            os._exit(0)
        _become(**json.loads(said), loaded_s=loaded_s)

    def launch(
        self, cmd: list[str], *, env: Mapping[str, str], cwd: str | None = None, **_: object
    ) -> SpareProcess:
        """Run `cmd` there, in the place of :func:`jupyter_client.launcher.launch_kernel`."""
        env = {**env, "JPY_PARENT_PID": str(os.getpid())}
        order = {"cmd": cmd, "env": env, "cwd": str(cwd or os.getcwd())}
        self._order.sendall(json.dumps(order).encode() + b"\n")
        return SpareProcess(self.pid)


def _become(cmd: list[str], env: Mapping[str, str], cwd: str, loaded_s: float) -> NoReturn:
    """Go on as what `cmd` starts, ``python -m ipykernel_launcher``, in `cwd`; ends the process."""
    python, option, module, *arguments = cmd
    if [python, option, module] != [sys.executable, "-m", "ipykernel_launcher"]:
        raise ValueError(f"no kernel of this interpreter: {cmd}")
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update({**env, LOADED: f"{loaded_s:.2f}"})
    _seed_anew()
    sys.argv[:] = [str(find_spec(module).origin), *arguments]

    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
    gc.freeze()  # the end would look through all that is left, twice
    sys.exit()


def _seed_anew() -> None:
    """Give the global generators seeds of the system's, as each new process does (Python's has)."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.default_generator.seed()


class SpareProcess:
    """A child of this process, as far as jupyter_client needs a :class:`subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._ask(os.WNOHANG)

    def wait(self) -> int | None:
        """Wait for its end."""
        return self._ask(0)

    def _ask(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to leave."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)
