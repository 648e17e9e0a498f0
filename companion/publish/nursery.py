"""Processes for notebooks that find the libraries loaded: each is a fork of one that loaded them.

To import torch, its compiler, scipy and matplotlib takes four seconds of processor time, in every
kernel anew.  Where several notebooks run, a process of its own imports them once
(:data:`LIBRARIES`, nothing of this package) and is forked for each: into the process that runs the
notebook (:mod:`companion.publish.worker`), which forks its kernel (:mod:`companion.publish.spare`).
What a notebook computes is the same to the last digit.

For a notebook there are three processes::

    nursery --fork--> guard --fork--> worker --fork--> kernel

The guard waits for the worker and says how it ended, which only a parent can know.

Linux only: elsewhere a fork without ``exec`` is not safe with these libraries, or environments of
processes cannot be read.  And without a GPU only: a driver that was asked before a fork does not
answer after it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

from companion._quick import without
from companion.publish.family import MARK
from companion.publish.spare import Spare

LIBRARIES = (
    "IPython.core.interactiveshell",
    "ipywidgets",
    "matplotlib.pyplot",
    "scipy.stats",
    "torch",
    "torch._dynamo",  # the first step of an optimizer imports it
)
"""What the kernels of most chapters import; one that is missing is left to the notebook to miss.

Not pandas, polars, and what imports them: both begin threads, which are lost in a fork, and pandas
asks at its import whether it is in a notebook.  Not ipykernel, which asks then who its parent is.
"""

WORTH_IT = 4
"""Notebooks from which on loading the libraries once takes less time than in each kernel."""

DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
"""Files of the drivers of GPUs (CUDA, ROCm)."""

PATIENCE_S = 120.0
"""Seconds after which each notebook starts by itself instead, on a disk that is very slow."""

SPENT: list[float] = []
"""Processor seconds of each forked process that has ended: they are nobody's children here."""

_BLANK = "0" * 32


def is_possible() -> bool:
    """Whether processes can be forked safely on this system, and found by their mark."""
    has_gpu = any(file.exists() for file in DRIVERS)
    return sys.platform == "linux" and hasattr(socket, "send_fds") and not has_gpu


# ------------------------------------------------------------------------------ who asks for them
class Nursery:
    """The process that is forked, while a batch of notebooks runs; made once it is ready.

    env : of the kernels; libraries read some of it when they are imported
    folder : that the kernels begin in, as libraries may look there

    Raises ``OSError`` if it does not come to life.
    """

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self._control, theirs = socket.socketpair()
        backend = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # as ipykernel does
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), *LIBRARIES],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**backend, **env, MARK: _BLANK},
                cwd=folder,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        try:
            self._control.settimeout(PATIENCE_S)
            if not self._control.recv(1):
                raise ConnectionResetError("the process that loads the libraries is gone")
            self._control.settimeout(None)
        except BaseException:
            self._process.kill()
            self.close()
            raise

    def start(self, env: Mapping[str, str], errors: int) -> Forked:
        """A process that waits for its job; ``OSError`` if there is no nursery any more.

        env : the whole environment of the process
        errors : descriptor of the file that takes its standard error
        """
        (ours, theirs), (ends, end) = socket.socketpair(), os.pipe()
        try:
            with theirs:
                socket.send_fds(self._control, [b"+"], [theirs.fileno(), errors, end])
        except OSError:
            ours.close()
            os.close(ends)
            raise
        finally:
            os.close(end)
        with ours:
            return Forked(ours, ends, env)

    def close(self) -> None:
        """Fork no more."""
        self._control.close()
        self._process.wait()


class Forked:
    """A process that the nursery forked, as :class:`subprocess.Popen` shows one of its own.

    connection : its standard input and output
    ends : descriptor that its guard tells its number and its end
    env : its whole environment

    Raises ``OSError`` if nobody is at the other end.
    """

    def __init__(self, connection: socket.socket, ends: int, env: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        self._ends: BinaryIO | None = os.fdopen(ends, "rb")
        self._lock = threading.Lock()
        self.stdin = connection.makefile("wb")
        self.stdout = connection.makefile("rb")
        self.stdin.write(json.dumps(dict(env)).encode() + b"\n")
        self.stdin.flush()
        self.pid = int(self._ends.readline() or -1)
        if self.pid < 0:
            raise ConnectionResetError("the process that is forked is gone")

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit status, None if nobody knows; ``TimeoutExpired`` after `timeout` seconds."""
        with self._lock:
            if self._ends:
                if not select.select([self._ends], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("a notebook", timeout)
                with self._ends as ends:
                    status, *seconds = ends.readline().split() or [None]
                self.returncode = None if status is None else os.waitstatus_to_exitcode(int(status))
                SPENT.extend(map(float, seconds))
                self._ends = None
        return self.returncode


# -------------------------------------------------------------------------------- what is forked
def main() -> None:
    """Load the libraries, then fork for everybody who asks, until there is nobody."""
    del sys.path[0]  # the folder of this process; a kernel puts its own there
    control = socket.socket(fileno=int(sys.argv[1]))
    mark = _MarkInPlace()
    with without("pyarrow"), suppress(ImportError):  # as in the worker
        importlib.import_module("papermill.execute")
    for name in sys.argv[2:]:
        with suppress(ImportError):
            importlib.import_module(name)
    loaded_s = time.process_time()
    gc.collect()
    gc.freeze()  # a collection would write to every object, and copy the page it lies on
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a guard ended
    control.sendall(b"+")
    while True:
        said, received, _, _ = socket.recv_fds(control, 1, 3)
        if not said:
            os._exit(0)
        if not os.fork():
            control.close()
            _guard(*received, mark, loaded_s)
        for one in received:
            os.close(one)


def _guard(connection: int, errors: int, end: int, mark: _MarkInPlace, loaded_s: float) -> NoReturn:
    """Become guard, worker and kernel, of which the last one ends as programs do."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(connection, 0)
    for place in (1, 2):
        os.dup2(errors, place)
    os.close(connection)
    os.close(errors)
    env = json.loads(_line(0))
    if pid := os.fork():
        os.close(0)
        os.write(end, b"%d\n" % pid)
        _, status, used = os.wait4(pid, 0)  # with the kernel, for which the worker has waited
        with suppress(OSError):
            os.write(end, b"%d %.2f\n" % (status, used.ru_utime + used.ru_stime))
        os._exit(0)
    os.close(end)
    mark.write(env[MARK])  # the guard has none: it ends last, and by itself
    os.environ.clear()
    os.environ.update(env)
    os.setsid()  # Ctrl-C reaches the process that asked, which ends us
    spare = Spare(loaded_s)
    os.dup2(0, 1)

    from companion.publish import worker

    worker.main(spare)
    os._exit(0)


def _line(descriptor: int) -> bytes:
    """One line, and nothing of the next."""
    line = bytearray()
    while not line.endswith(b"\n"):
        one = os.read(descriptor, 1)
        if not one:
            os._exit(1)  # whoever asked for the process is gone
        line += one
    return bytes(line)


class _MarkInPlace:
    """The mark in the memory that a process was started with, which is what others can read."""

    def __init__(self) -> None:
        getenv = ctypes.CDLL(None).getenv
        getenv.restype = ctypes.c_void_p
        self._place = getenv(MARK.encode())

    def write(self, mark: str) -> None:
        """Let this process and its forks be found by `mark`, as if started with it."""
        if len(mark) != len(_BLANK):
            raise ValueError(f"a mark has {len(_BLANK)} characters, got {mark!r}")
        ctypes.memmove(self._place, mark.encode(), len(_BLANK))


if __name__ == "__main__":
    main()
