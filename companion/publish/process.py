"""The processes that run notebooks, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

import psutil

from companion.project import Project
from companion.publish.lock import scratch
from companion.publish.worker import Job

GRACE_S = 3.0
"""Seconds that a process gets to leave before it is killed."""


class Processes:
    """The notebooks that run now; :meth:`end_all` ends them with everything they started."""

    def __init__(self, project: Project) -> None:
        self.folder = scratch(project)
        self._live: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._closed = False

    def follow(
        self, job: Job, env: Mapping[str, str], on_cell: Callable[[dict], None]
    ) -> dict[str, object]:
        """Run `job` in a new process; its last event (``done`` or ``failed``).

        env : the whole environment of the process
        on_cell : called with each ``cell`` event
        """
        with tempfile.TemporaryFile(dir=self.folder) as errors:
            with self._lock:
                if self._closed:
                    return _lost("interrupted")
                process = subprocess.Popen(
                    [sys.executable, "-m", "companion.publish.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=dict(env),
                    start_new_session=True,  # Ctrl-C reaches the parent only, which ends us
                )
                self._live.add(process)
            try:
                process.stdin.write(job.to_json().encode() + b"\n")
                process.stdin.flush()
                for line in process.stdout:
                    event = json.loads(line)
                    if event["event"] != "cell":
                        return event
                    on_cell(event)
                errors.seek(0)
                return _lost(errors.read().decode(errors="replace")[-2000:])
            finally:
                _end(process)
                with self._lock:
                    self._live.discard(process)

    def end_all(self) -> None:
        """End all processes and start no more."""
        with self._lock:
            self._closed = True
            live = list(self._live)
        for process in live:
            _end(process)


def _lost(text: str) -> dict[str, object]:
    message = text.strip() or "it left no message"
    return {
        "event": "failed",
        "cell": None,
        "source": "",
        "error": "ProcessLost",
        "message": message,
    }


def _end(process: subprocess.Popen) -> None:
    """End `process` and all its descendants."""
    try:
        family = [psutil.Process(process.pid)]
        family += family[0].children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.5)  # a worker that is done leaves by itself
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(family, timeout=GRACE_S)
    for member in alive:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
