"""A kernel that is forked finds what one of its own finds, and ends as it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import nbformat
import psutil
import pytest

from companion import publish
from companion._quick import LOADED
from companion.publish import batch, nursery, process
from companion.publish.nursery import Nursery, is_possible
from companion.publish.process import Interrupted, Processes
from companion.publish.worker import Job
from tests.publish import tiny

ENV = {**os.environ, "PYTHONPATH": str(tiny.REAL.root)}

pytestmark = pytest.mark.skipif(not is_possible(), reason="processes are forked on Linux only")

STATE = """\
import gc, json, locale, logging, multiprocessing, os, random, resource, signal, sys, threading
import warnings
from pathlib import Path
import matplotlib, numpy, pandas, scipy.stats, torch

BEFORE = {str(k): repr(signal.getsignal(k)) for k in signal.valid_signals()}
STARTED_WITH = dict(
    part.split("=", 1) for part in Path("/proc/self/environ").read_text().split(chr(0)) if part
)
STATE = {
    "path": sys.path,
    "argv": sys.argv,
    "flags": repr(sys.flags),
    "folder": os.getcwd(),
    "environment": dict(os.environ),
    "found by": STARTED_WITH["COMPANION_FAMILY"] == os.environ["COMPANION_FAMILY"],
    "signals": BEFORE,
    "garbage": [gc.isenabled(), gc.get_threshold()],
    "warnings": sorted(set(map(repr, warnings.filters))),
    "main": [__name__, sorted(vars(sys.modules["__main__"]).keys() & {"__file__", "__spec__"})],
    "locale": locale.getlocale(),
    "logging": [repr(h) for h in logging.getLogger().handlers],
    "processes": multiprocessing.get_start_method(allow_none=True),
    "limits": [resource.getrlimit(k) for k in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)],
    "group": [os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid()],
    "input": os.read(0, 1).decode(),
    "output": os.readlink("/proc/self/fd/1") == os.readlink("/proc/self/fd/2"),
    "threads": sorted(t.name.rstrip("0123456789") for t in threading.enumerate()),
    "drawing": {k: repr(v) for k, v in matplotlib.rcParams.items()},
    "tables": [pandas.get_option(f"display.{k}") for k in ("max_columns", "width", "max_rows")],
    "torch": [torch.get_num_threads(), str(torch.get_default_dtype())],
    "at random": [random.random(), float(numpy.random.rand()), float(torch.rand(()))],
}
Path(OUT).write_text(json.dumps(STATE))
"""


UNUSED = ("sympy", "requests", "urllib3")
"""What torch's compiler and papermill bring, and a kernel has no use for."""


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """One that loads all libraries."""
    made = Nursery(ENV, tmp_path_factory.mktemp("nursery"))
    yield made
    made.close()


def follow(processes, book, source, **parameters):
    """Last event of a notebook with the cell `source`, and the ones of its cells."""
    parameters_cell = tiny.code("\n".join(f"{k} = None" for k in parameters), ("parameters",))
    path = tiny.write_notebook(book, 9, "one", [parameters_cell, tiny.code(source)])
    path = path.rename(path.with_stem(f"one-{len(list(book.notebooks.iterdir()))}"))
    seen = []
    job = Job(
        str(path), str(path) + ".out", str(book.notebooks), parameters, {**ENV, "MORE": "yes"}
    )
    return processes.follow(job, ENV, seen.append), seen


def state(book, tmp_path, name, parent):
    """What a kernel finds."""
    out = tmp_path / f"{name}.json"
    last, _ = follow(Processes(book, parent), book, STATE, OUT=str(out))
    assert last == {"event": "done"}
    return json.loads(out.read_text())


def test_a_kernel_finds_what_it_finds_without_a_fork(book, tmp_path, parent):
    ways = {"plain": None, "forked": parent, "again": parent}
    found = {name: state(book, tmp_path, name, way) for name, way in ways.items()}
    drawn = [one.pop("at random") for one in found.values()]
    assert len({number for numbers in drawn for number in numbers}) == 9
    loaded = {}
    for name, one in found.items():
        assert one["environment"].pop("MORE") == "yes"
        assert one["environment"].pop("COMPANION_FAMILY")
        assert one["environment"].pop("JPY_PARENT_PID")
        loaded[name] = float(one["environment"].pop(LOADED, 0))
        assert one["argv"].pop(2).startswith(str(book.build))  # the file of the connection
        one["warnings"] = [f for f in one["warnings"] if not any(name in f for name in UNUSED)]
    assert found["forked"] == found["again"] == found["plain"]
    assert loaded["forked"] == loaded["again"] > 1 > loaded["plain"] == 0


def test_a_batch_of_notebooks_is_forked_and_a_small_one_is_not(book, monkeypatch):
    tiny.whole(book)
    made = []

    class Counted(Nursery):
        def start(self, env, errors):
            made.append(env["COMPANION_FAMILY"])
            return super().start(env, errors)

    monkeypatch.setattr(batch, "Nursery", Counted)
    monkeypatch.setattr(nursery, "LIBRARIES", ("no_such_library",))
    monkeypatch.setattr(batch, "WORTH_IT", 2)
    runs = publish.run_many(["alpha", "beta"], project=book)
    assert len(set(made)) == 2
    assert tiny.ran(book) == ["alpha toy", "beta toy"]
    cell = nbformat.read(runs[0].path, as_version=4).cells[4]
    assert cell.outputs[0].data["text/plain"] == "1"
    monkeypatch.setattr(batch, "WORTH_IT", 3)
    monkeypatch.setattr(process, "WORKER", tiny.QUICK)
    publish.run_many(["alpha", "beta"], seed=1, project=book)
    assert len(made) == 2


def test_nothing_is_forked_beside_a_gpu_or_on_another_system(tmp_path, monkeypatch):
    assert is_possible()
    monkeypatch.setattr(nursery, "DRIVERS", (*nursery.DRIVERS, tmp_path))
    assert not is_possible()
    monkeypatch.undo()
    monkeypatch.setattr(nursery.sys, "platform", "other")
    assert not is_possible()


def sleeper(folder):
    """A program that never says that it is ready."""
    program = folder / "sleeper"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o700)
    return program


def test_where_nothing_can_be_forked_each_starts_by_itself(book, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "WORKER", tiny.QUICK)
    monkeypatch.setattr(batch, "WORTH_IT", 1)
    monkeypatch.setattr(nursery, "PATIENCE_S", 0.1)
    for seed, python in enumerate(("/bin/false", "/bin/no-such-file", sleeper(tmp_path))):
        monkeypatch.setattr(nursery.sys, "executable", str(python))
        publish.run_many(["alpha", "beta"], seed=seed, project=book)
        assert tiny.ran(book) == ["alpha toy", "beta toy"]


def test_a_nursery_that_is_gone_is_done_without(book, tmp_path, monkeypatch):
    monkeypatch.setattr(nursery, "LIBRARIES", ())
    mortal = Nursery(ENV, tmp_path)
    mortal._process.kill()
    mortal._process.wait()
    monkeypatch.setattr(process, "WORKER", tiny.QUICK)
    assert follow(Processes(book, mortal), book, "1", X=1)[0] == {"event": "done"}
    mortal.close()


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("1 / 0", "ZeroDivisionError", "division"),
        ("import os\nos._exit(3)", "DeadKernel", "ended with status 3"),
        ("import os\nos.abort()", "DeadKernel", "SIGABRT"),
        ("import os\nos.kill(os.getppid(), 9)", "ProcessLost", "SIGKILL: by hand"),
        ("import os\nos.kill(os.getppid(), 15)", "ProcessLost", "SIGTERM"),
    ],
)
def test_how_a_forked_process_ends_is_known(book, parent, source, error, message):
    ended = len(nursery.SPENT)
    last, cells = follow(Processes(book, parent), book, source, X=1)
    assert [0.1 < seconds < 60 for seconds in nursery.SPENT[ended:]] == [True]
    assert (last["event"], last["error"]) == ("failed", error)
    assert message in last["message"]
    assert cells[-1]["event"] == "cell"
    assert not list((book.build / "tmp").iterdir())


def test_all_are_ended_on_demand(book, parent, tmp_path):
    pid = tmp_path / "pid"
    note = f"from pathlib import Path\nPath({str(pid)!r}).write_text(str(os.getpid()))"
    source = f"import os, time\n{note}\ntime.sleep(600)"
    processes, raised = Processes(book, parent), []

    def run():
        try:
            follow(processes, book, source, X=1)
        except Interrupted:
            raised.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    while not (pid.is_file() and pid.read_text()):
        assert thread.is_alive()
        time.sleep(0.05)
    kernel = psutil.Process(int(pid.read_text()))
    family = [kernel, kernel.parent(), kernel.parent().parent()]
    for one in family[:2]:  # a signal to its group reaches no other notebook
        assert os.getsid(one.pid) == os.getpgid(one.pid) == one.pid
    processes.end_all()
    thread.join(30)
    assert raised == [True]
    assert psutil.wait_procs(family, timeout=5)[1] == []


def test_nobody_who_waits_is_left_when_who_asked_is_gone(book, tmp_path):
    """Before the first cell, and with the one that is forked, too."""
    asks = (
        "import os, sys\nfrom pathlib import Path\nfrom companion.publish import nursery\n"
        "nursery.LIBRARIES = ()\n"
        "made = nursery.Nursery(dict(os.environ), Path('.'))\n"
        "started = made.start({**os.environ, 'COMPANION_FAMILY': 'f' * 32}, 2)\n"
        "print(made._process.pid, started.pid, flush=True)\nsys.stdin.read()\n"
    )
    asking = subprocess.Popen(
        [sys.executable, "-c", asks], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with asking:
        those = [psutil.Process(int(pid)) for pid in asking.stdout.readline().split()]
        stop = time.monotonic() + 30
        while len(those) < 3 and time.monotonic() < stop:
            those[2:] = those[1].children()
        assert len(those) == 3
        assert those[1].environ()["COMPANION_FAMILY"] == "f" * 32
        asking.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(those, timeout=10)[1] == []
