"""Whoever is killed, nothing of the run is left, and the message names who died of what."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress

import psutil
import pytest

from companion.publish.family import Family, cause
from tests.publish import tiny

RUN = """
import sys
from pathlib import Path
from companion import publish
from companion.project import Project
from companion.publish import batch, nursery
nursery.LIBRARIES = ()
batch.WORTH_IT = int(sys.argv[2])
try:
    publish.run("alpha", project=Project(Path(sys.argv[1])))
except publish.PublishError as error:
    sys.exit(str(error))
except KeyboardInterrupt:
    sys.exit(130)
"""
LOKY = """\
import os, time
from pathlib import Path
from joblib import Parallel, delayed

Path("../kernel.pid").write_text(str(os.getpid()))

def task(i):
    Path(f"../task{i}.pid").write_text(str(os.getpid()))
    time.sleep(600)

Parallel(n_jobs=2)(delayed(task)(i) for i in range(2))"""

NAME = "COMPANION_TEST_OF_ORPHANS"


def family(mark):
    """Processes that inherited the test's variable."""
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if one.environ().get(NAME) == mark and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


def wait_for(condition, seconds, what):
    stop = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < stop, f"waited {seconds} s for {what}"
        time.sleep(0.1)


@pytest.fixture(params=[1, 2], ids=["forked", "plain"])
def running(book, tmp_path, request):
    """A run whose loky workers sleep: the process, the test's mark, the ids of all who matter.

    Its processes are forked, or each is started by itself.
    """
    tiny.whole(book)
    tiny.write_notebook(book, 1, "alpha", [*tiny.cells("alpha"), tiny.code(LOKY)])
    mark, scratch = uuid.uuid4().hex, tmp_path / "tmp"
    scratch.mkdir()
    command = subprocess.Popen(
        [sys.executable, "-c", RUN, str(book.root), str(request.param)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, NAME: mark, "TMPDIR": str(scratch)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        files = [book.root / f"{name}.pid" for name in ("kernel", "task0", "task1")]
        wait_for(
            lambda: command.poll() is not None or all(f.is_file() and f.read_text() for f in files),
            120,
            "the sleeping tasks",
        )
        assert command.poll() is None, command.communicate()
        kernel, *tasks = (int(file.read_text()) for file in files)
        who = {"command": command.pid, "worker": psutil.Process(kernel).ppid(), "kernel": kernel}
        assert len(family(mark)) >= 5  # these three and two tasks
        assert len({*who.values(), *tasks}) == 5
        starter = psutil.Process(who["worker"]).parent()  # of a forked one, its guard
        assert (starter.pid == command.pid) == (request.param == 2)
        yield command, mark, who
    finally:
        for one in family(mark):
            one.kill()
        command.communicate()


SAID = {
    "kernel": "DeadKernel: the kernel died: killed by signal 9, SIGKILL",
    "worker": "ProcessLost: the process that ran the notebook died: killed by signal 9, SIGKILL",
}


@pytest.mark.parametrize("killed", ["kernel", "worker", "command"])
def test_nothing_is_left_and_the_cause_is_named(running, killed, book, tmp_path):
    command, mark, who = running
    os.kill(who[killed], signal.SIGKILL)
    wait_for(lambda: not family(mark), 60, "the end of the family")
    _, said = command.communicate(timeout=10)
    if killed != "command":
        assert command.returncode == 1
        assert SAID[killed] in said
        assert "memory was short" in said
        assert "alpha: cell 7 failed" in said
        assert not list((book.build / "tmp").iterdir())
    assert not list((tmp_path / "tmp").rglob("*.json"))


def test_an_interrupt_is_no_failure(running):
    command, mark, _ = running
    command.send_signal(signal.SIGINT)
    wait_for(lambda: not family(mark), 60, "the end of the family")
    _, said = command.communicate(timeout=10)
    assert command.returncode == 130
    assert "ProcessLost" not in said
    assert "failed" not in said


TREE = """
import os, subprocess, sys, time
child = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(child).pid, flush=True)
if sys.argv[1] == "stay":
    time.sleep(600)
"""


@pytest.mark.parametrize("how", ["stay", "leave"])
def test_without_a_mark_the_tree_and_the_group_are_remembered(how):
    root = subprocess.Popen(
        [sys.executable, "-c", TREE, how],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with root:
        members = Family("", root.pid)
        members.remember()
        child = psutil.Process(int(root.stdout.readline()))
        if how == "stay":
            root.kill()
        root.wait()
        assert child.is_running()
        assert [one.pid for one in members.members()] == [child.pid]
        members.end()
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
        assert members.members() == []


def test_a_family_never_ends_who_asks():
    members = Family("", os.getpid()).members()  # what other tests have started, perhaps
    assert os.getpid() not in {process.pid for process in members}


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (3, "status 3"),
        (-15, "signal 15, SIGTERM"),
        (-9, "signal 9, SIGKILL: by hand, or by the system because memory was short"),
        (-99, "signal 99"),
        (None, "gone"),
    ],
)
def test_how_a_process_ended(status, text):
    assert text in cause(status)
