"""The processes that run notebooks, and how they end."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

from companion.project import Project
from companion.publish.family import MARK, Family, cause
from companion.publish.lock import scratch
from companion.publish.nursery import Forked, Nursery
from companion.publish.worker import Job

GRACE_S = 3.0
"""Seconds that a process gets to leave before it is killed."""

WORKER = (sys.executable, "-m", "companion.publish.worker")
"""Command that runs one notebook, see :mod:`companion.publish.worker`."""

FULL_BYTES = 10**6
"""Free space below which a failure is put down to the disk."""


Process = subprocess.Popen | Forked


class Interrupted(Exception):
    """The notebook was ended on purpose, by :meth:`Processes.end_all`."""


class Processes:
    """The notebooks that run now; :meth:`end_all` ends them with everything they started.

    nursery : forks their processes; None starts each by itself
    """

    def __init__(self, project: Project, nursery: Nursery | None = None) -> None:
        self.folder, self._nursery = scratch(project), nursery
        self._live: dict[Process, Family] = {}
        self._lock = threading.Lock()
        self._closed = False

    def follow(
        self, job: Job, env: Mapping[str, str], on_cell: Callable[[dict], None]
    ) -> dict[str, object]:
        """Run `job` in a new process; its last event (``done`` or ``failed``).

        env : the whole environment of the process
        on_cell : called with each ``cell`` event

        Raises :class:`Interrupted` if :meth:`end_all` ended it.
        """
        mark = uuid.uuid4().hex
        connection = self.folder / f"kernel-{mark}.json"
        job = replace(job, connection=str(connection))
        with tempfile.TemporaryFile(dir=self.folder) as errors:
            with self._lock:
                if self._closed:
                    raise Interrupted
                process = self._start({**env, MARK: mark}, errors)
                family = self._live[process] = Family(mark, process.pid)
            try:
                last = self._listen(process, family, job, on_cell)
                if last["event"] == "lost":
                    errors.seek(0)
                    last = _lost(last, process.returncode, errors.read().decode(errors="replace"))
            finally:
                _end(process, family)
                connection.unlink(missing_ok=True)
                with self._lock:
                    self._live.pop(process, None)
                    closed = self._closed
        if closed and last["event"] == "failed":
            raise Interrupted
        return self._with_cause(last)

    def _start(self, env: Mapping[str, str], errors: BinaryIO) -> Process:
        """A process that waits for its job."""
        if self._nursery:
            with suppress(OSError):  # it was killed; a process of its own does as well
                return self._nursery.start(env, errors.fileno())
        return subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=env,
            start_new_session=True,  # Ctrl-C reaches the parent only, which ends us
        )

    def _listen(
        self,
        process: Process,
        family: Family,
        job: Job,
        on_cell: Callable[[dict], None],
    ) -> dict[str, object]:
        """Start `job` and wait for its last event; ``lost`` if the process ends without one."""
        last: dict[str, object] = {"number": None}
        with suppress(BrokenPipeError):  # it died before it could read
            process.stdin.write(job.to_json().encode() + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] != "cell":
                return event
            family.remember()
            last = event
            on_cell(event)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        return {**last, "event": "lost"}

    def _with_cause(self, event: dict[str, object]) -> dict[str, object]:
        """`event`, and that the disk is full where that explains the failure."""
        free = shutil.disk_usage(self.folder).free
        if event["event"] == "failed" and free < FULL_BYTES:
            event["message"] = (
                f"{event['message']}\nthe disk is full: {free / 1e6:.1f} MB are free for build/"
            )
        return event

    def end_all(self) -> None:
        """End all processes and start no more."""
        with self._lock:
            self._closed = True
            live = list(self._live.items())
        for process, family in live:
            _end(process, family)


def _lost(last: Mapping[str, object], status: int | None, errors: str) -> dict[str, object]:
    """The failure of a process that left no word.

    last : the cell that ran; errors : what it wrote to standard error
    """
    message = f"the process that ran the notebook died: {cause(status)}"
    if status is None or status >= 0:  # a signal leaves no message of its own
        message = "\n".join(filter(None, [message, errors.strip()[-2000:]]))
    return {
        "event": "failed",
        "cell": last["number"],
        "source": "",
        "error": "ProcessLost",
        "message": message,
    }


def _end(process: Process, family: Family) -> None:
    """End `process` and all that it started."""
    family.remember()
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.5)  # a worker that is done leaves by itself
    family.end(GRACE_S)
    process.wait()
    with suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()
