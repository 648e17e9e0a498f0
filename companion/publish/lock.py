"""One build at a time: a second one waits, and says for whom."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from companion.project import Project
from companion.publish.files import write_atomic

Say = Callable[[str], None]


@contextmanager
def only_one(project: Project, say: Say, what: str = "build") -> Iterator[None]:
    """Hold the lock of ``build/`` while the block runs.

    The lock belongs to the process: taking it again inside is free, and it is released when the
    process ends, however it ends.

    say : called with one line if somebody else holds the lock
    what : what this process is doing, for the line that the others show
    """
    project.build.mkdir(parents=True, exist_ok=True)
    lock = FileLock(project.build / ".lock", is_singleton=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"waiting: {_holder(project)} is using {project.build}")
        lock.acquire()
    try:
        if lock.lock_counter == 1:
            _tidy(project)
            note = {"process": os.getpid(), "what": what}
            write_atomic(_note(project), json.dumps(note))
        yield
    finally:
        if lock.lock_counter == 1:
            _note(project).unlink(missing_ok=True)
        lock.release()


def scratch(project: Project) -> Path:
    """Folder for files that are not finished; emptied by the next holder of the lock."""
    folder = project.build / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _note(project: Project) -> Path:
    return project.build / ".lock.json"


def _holder(project: Project) -> str:
    try:
        note = json.loads(_note(project).read_text(encoding="utf-8"))
        return f"another `companion {note['what']}` (process {note['process']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another companion command"


def _tidy(project: Project) -> None:
    """Remove what an earlier process left half-done; nobody else is running now."""
    shutil.rmtree(project.build / "tmp", ignore_errors=True)
