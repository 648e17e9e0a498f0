"""The processes that a notebook started, and their end, whoever died first.

A process whose parent dies is adopted by another, so the tree alone loses the children of a kernel
that was killed.  Three ways to find them: every process of a run inherits :data:`MARK` in its
environment; the tree is remembered while it is whole; and a kernel and its children are a process
group, which outlives the kernel.  Where a system hides environments (macOS does so for some
programs), the other two are left.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil

MARK = "COMPANION_FAMILY"
"""Variable in the environment of all processes of one run; its value is the run's own."""

ROUNDS = 5
"""How often is looked again, because a process may start another one while it is found."""


class Family:
    """All processes of one run, but not the one that asks.

    mark : value of :data:`MARK` that the run's processes inherit; empty if there is none
    root : process id whose descendants belong to the family, too, with itself unless it asks
    """

    def __init__(self, mark: str, root: int) -> None:
        self.mark, self.root = mark, root
        self._remembered: set[psutil.Process] = set()

    def remember(self) -> None:
        """Look at the tree while it is whole."""
        with suppress(psutil.Error):
            root = psutil.Process(self.root)
            self._remembered |= {root, *root.children(recursive=True)}

    def members(self) -> list[psutil.Process]:
        """The processes that run now."""
        self.remember()
        found = self._remembered | set(_marked(self.mark)) | set(self._left_behind())
        return [one for one in found if one.pid != os.getpid() and _runs(one)]

    def _left_behind(self) -> Iterable[psutil.Process]:
        """Members of the groups that the remembered processes led, after their end.

        A system gives the number of a group that has members to no new process.  So where another
        process has the number of a remembered one, the group was empty and is not ours.
        """
        if not hasattr(os, "getpgid"):
            return
        running = {one.pid for one in self._remembered if one.is_running()}
        ended = {one.pid for one in self._remembered} - running
        groups = running | {pid for pid in ended if not psutil.pid_exists(pid)}
        for pid in psutil.pids():
            with suppress(OSError, psutil.Error):
                if os.getpgid(pid) in groups - {os.getpgrp()}:
                    yield psutil.Process(pid)

    def end(self, grace_s: float = 1.0) -> None:
        """Ask all to leave, kill those that have not after `grace_s` seconds."""
        self._signal(psutil.Process.terminate, grace_s)
        for _ in range(ROUNDS):
            if not self._signal(psutil.Process.kill, 1.0):
                return

    def _signal(self, how: Callable[[psutil.Process], None], wait_s: float) -> bool:
        """Do `how` to all and wait until they are gone; False if there is nobody."""
        alive = self.members()
        for one in alive:
            with suppress(psutil.Error):
                how(one)
        stop = time.monotonic() + wait_s
        while any(map(_runs, alive)) and time.monotonic() < stop:
            time.sleep(0.02)
        return bool(alive)


def _runs(one: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    return False


def _marked(mark: str) -> Iterable[psutil.Process]:
    """Processes of ours that inherited `mark`."""
    if not mark:
        return
    for one in psutil.process_iter():
        # psutil passes on what a system answers for processes that it does not show
        with suppress(psutil.Error, OSError, SystemError):
            if one.environ().get(MARK) == mark:
                yield one


def cause(status: int | None) -> str:
    """How a process ended, in words, from the status that ``subprocess`` gives."""
    if status is None:
        return "it is gone"
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "a signal without a name"
    text = f"killed by signal {-status}, {name}"
    if name == "SIGKILL":
        text += ": by hand, or by the system because memory was short"
    return text
