"""Two builds at once, Ctrl-C, a build that is killed: nothing half-done, the next call goes on.

What an interrupted build runs are notebooks with kernels; all others run without.  In the place of
the site stands an empty folder.
"""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from companion import publish
from companion.publish import files
from companion.publish.lock import only_one
from tests.publish import tiny

BUILD = """
import sys
from pathlib import Path
from types import ModuleType
for name, made in (("staging", "stage"), ("site", "build_site")):
    module = sys.modules[f"companion.publish.{name}"] = ModuleType(name)
    setattr(module, made, lambda *_: (Path(sys.argv[1]) / "build" / "site").mkdir(exist_ok=True))
from companion import publish
from companion.project import Project
from companion.publish import process
if len(sys.argv) > 2:
    process.WORKER = sys.argv[2:]
try:
    publish.build(Project(Path(sys.argv[1])))
except KeyboardInterrupt:
    sys.exit(130)
"""
SLOW = """\
import os, time
from pathlib import Path
if Path("../slow").exists():
    Path("../kernel.pid").write_text(str(os.getpid()))
    time.sleep(600)"""


@pytest.fixture
def slow(book):
    """A book whose chapter alpha takes ten minutes while the file ``slow`` is there."""
    tiny.write_notebook(book, 1, "alpha", [*tiny.cells("alpha"), tiny.code(SLOW)])
    (book.root / "slow").touch()
    return book


def start(book, *worker):
    """A build in a process of its own.

    worker : command that runs a notebook, if it is not the real one
    """
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(book.root), *worker],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a runner in the background makes SIGINT ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(condition, what):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail(f"waited two minutes for {what}")


def kernel_of(book, process):
    """Id of alpha's kernel, once its slow cell runs and beta is done."""
    pid = book.root / "kernel.pid"
    done = book.build / "runs" / "beta" / "toy"
    wait_for(
        lambda: process.poll() is not None or (pid.is_file() and list(done.glob("*.ipynb"))),
        "the slow cell",
    )
    assert process.poll() is None, process.communicate()
    return int(pid.read_text())


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def leftovers(book):
    """Files of an unfinished run or page outside the folder for such files."""
    inside = [p for p in book.build.rglob("*") if "tmp" not in p.parts[len(book.build.parts) :]]
    return [p for p in inside if p.suffix in {".part", ".tmp"} or "alpha" in p.parts[-3:-1]]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_an_interrupted_build_leaves_nothing_and_the_next_one_goes_on(
    slow, how, lines, quick, no_site
):
    process = start(slow)
    kernel = kernel_of(slow, process)
    process.send_signal(how)
    process.communicate(timeout=180)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    wait_for(lambda: gone(kernel), "the end of the kernel")
    assert leftovers(slow) == []
    assert not (slow.build / "site").exists()

    (slow.root / "slow").unlink()
    tiny.ran(slow)
    publish.build(slow, say=lines.append)
    assert tiny.ran(slow) == ["alpha toy"]
    assert lines[0] == "notebooks: 1 ran, 1 unchanged"
    assert not list((slow.build / "tmp").iterdir())


def test_a_second_build_waits_and_says_so(slow):
    first = start(slow, *tiny.QUICK)
    kernel = kernel_of(slow, first)
    second = start(slow, *tiny.QUICK)
    line = second.stderr.readline()
    assert "waiting" in line
    assert f"process {first.pid}" in line
    assert "companion build" in line
    time.sleep(5)  # a build that does not wait would have started a kernel of its own by now
    assert second.poll() is None
    assert int((slow.root / "kernel.pid").read_text()) == kernel
    (slow.root / "slow").unlink()
    os.kill(kernel, signal.SIGINT)  # the slow cell ends with an error
    _, first_said = first.communicate(timeout=300)
    _, second_said = second.communicate(timeout=300)
    assert first.returncode == 1
    assert "KeyboardInterrupt" in first_said
    assert second.returncode == 0
    assert "notebooks: 1 ran, 1 unchanged" in second_said


def test_the_lock_can_be_taken_again_by_its_holder(book, lines):
    with only_one(book, lines.append), only_one(book, lines.append):
        assert (book.build / ".lock.json").is_file()
    assert not (book.build / ".lock.json").exists()
    assert lines == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    files.write_atomic(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        files.write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_swap_that_fails_restores_the_old_folder(tmp_path, monkeypatch):
    old, new = tmp_path / "site", tmp_path / "new"
    old.mkdir()
    (old / "page").write_text("old")
    with pytest.raises(FileNotFoundError):
        files.swap_folder(new, old)
    assert (old / "page").read_text() == "old"
    new.mkdir()
    (new / "page").write_text("new")
    files.swap_folder(new, old)
    assert (old / "page").read_text() == "new"
    assert list(tmp_path.iterdir()) == [old]
