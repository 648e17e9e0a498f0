"""Sweeps on a Dask cluster: a scheduler and two worker processes on this machine."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

from companion import results
from companion import sweep as sweeping
from companion.project import Project
from companion.scale import check_seed, derive_seed
from companion.sweep import ClusterError, Failed, SweepFailed, sweep
from tests import cluster_jobs as jobs
from tests import sweeps

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.xdist_group("cluster")


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """Address of a scheduler with two workers, each a process that is begun again if it dies."""
    import dask

    with pytest.MonkeyPatch.context() as patch, dask.config.set(ONE_FAILURE):
        patch.setenv("PYTHONPATH", path_of_workers())
        patch.setenv("OMP_NUM_THREADS", "2")  # a job takes one all the same
        patch.setenv("OPENBLAS_NUM_THREADS", "2")
        with distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as cluster:
            cluster.wait_for_workers(2)
            yield cluster.scheduler_address


ONE_FAILURE = {"distributed.scheduler.allowed-failures": 1}
"""A worker may die once under a job; Dask's own number is 3, which takes longer to reach."""


def path_of_workers() -> str:
    return os.pathsep.join([str(Project().root), os.environ.get("PYTHONPATH", "")])


@pytest.fixture
def on_cluster(scheduler, monkeypatch):
    monkeypatch.setenv(sweeping.CLUSTER, scheduler)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_the_same_bits_as_here_and_in_processes(on_cluster, monkeypatch):
    away = sweep(jobs.spectrum, range(4), label="away")
    assert len(set(sweep(jobs.where, range(6)))) == 2
    assert os.getpid() not in sweep(jobs.where, range(2), n_jobs=1)
    assert all(set(found) == {1} for found in sweep(jobs.pools, range(2)))
    monkeypatch.delenv(sweeping.CLUSTER)
    for n_jobs in (1, 2):
        here = sweep(jobs.spectrum, range(4), n_jobs=n_jobs)
        assert all(x.tobytes() == y.tobytes() for x, y in zip(away, here, strict=True))


CHAPTERS = (
    ("model_ecosystem", "coverage", {"coverage_models": 2_000, "coverage_runs": 4}),
    ("scaling_laws", "run_designs", {"draws": 8, "subset_sizes": (3, 8), "shares": (0.0,)}),
)
"""Sweeps of the book, at toy scale but for these settings."""


@pytest.mark.parametrize(("chapter", "step", "less"), CHAPTERS, ids=["coverage", "run_designs"])
def test_a_chapters_sweep_is_the_same_there_and_here(on_cluster, monkeypatch, chapter, step, less):
    settings = importlib.import_module(f"companion.{chapter}.settings").PRESETS["toy"]
    settings = replace(settings, **less)
    run = getattr(importlib.import_module(f"companion.{chapter}.lab.run"), step)
    calls, real = [], sweeping._on_cluster
    monkeypatch.setattr(
        sweeping, "_on_cluster", lambda at, todo, bar: calls.append(todo) or real(at, todo, bar)
    )
    away = run(settings, 0)
    assert sum(map(len, calls)) > 1  # it did run there
    monkeypatch.delenv(sweeping.CLUSTER)
    here = run(settings, 0)
    assert results.content(away)[0] == results.content(here)[0]


def test_what_goes_both_ways_is_compared(scheduler):
    shown = []
    with sweeps.caught(scheduler, shown.append) as found:
        assert len(sweep(jobs.spectrum, range(2), label="same")) == 2
        assert len(sweep(jobs.where, range(2))) == 2
        sweep(jobs.where, range(2), n_jobs=2, threads=True)
    assert [bool(one.different) for one in found] == [False, True, False]  # where: other processes
    assert [one.jobs for one in shown] == [2, 2, 2]
    assert {one.place for one in found} == {f"{__name__}.test_what_goes_both_ways_is_compared"}
    assert sweep(jobs.where, range(1), n_jobs=1) == [os.getpid()]  # and only within the block


INTERRUPTED = """
import sys
from companion.sweep import sweep
from tests import cluster_jobs as jobs
from tests import sweeps
print("begun", flush=True)
sweep(jobs.slow, range(200), label="")
"""


def test_an_interrupt_leaves_nothing_on_the_cluster(scheduler):
    env = {**os.environ, sweeping.CLUSTER: scheduler, "PYTHONPATH": path_of_workers()}
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with distributed.Client(scheduler, set_as_default=False) as client:

        def tasks() -> int:
            return client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))

        try:
            wait_until(lambda: tasks() > 10)
            before = set(client.scheduler_info()["workers"])
            child.send_signal(signal.SIGINT)
            _, errors = child.communicate(timeout=30)
            assert child.returncode != 0
            assert "KeyboardInterrupt" in errors
            wait_until(lambda: tasks() == 0, seconds=10)
            assert set(client.scheduler_info()["workers"]) == before  # nobody had to die for it
        finally:
            child.kill()
            child.communicate()


def test_what_is_finished_is_kept_here_and_not_done_again(on_cluster, monkeypatch, tmp_path):
    with sweeping.kept_in(tmp_path / "away"):
        away = sweep(derive_seed, range(3))
        monkeypatch.setenv(sweeping.CLUSTER, "tcp://nobody:1")  # finished: nobody is asked
        assert sweep(derive_seed, range(3)) == away
    monkeypatch.delenv(sweeping.CLUSTER)
    with sweeping.kept_in(tmp_path / "here"):
        assert sweep(derive_seed, range(3), n_jobs=1) == away
    kept = [
        {path.name: path.read_bytes() for path in (tmp_path / place).rglob("*.npz")}
        for place in ("away", "here")
    ]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 3


def test_jobs_that_fail_are_named_and_the_others_kept(on_cluster, tmp_path):
    with sweeping.kept_in(tmp_path):
        with pytest.raises(SweepFailed, match=r"1 of 3 jobs failed\n  seed -1: ValueError: a seed"):
            sweep(check_seed, [1, -1, 2])
        assert len(list(tmp_path.rglob("*.npz"))) == 2
        with pytest.warns(UserWarning, match="1 of 3 jobs failed"):
            found = sweep(check_seed, [1, -1, 2], on_error="keep")
    assert [type(one) for one in found] == [int, Failed, int]


def test_a_sweep_inside_a_job_stays_on_its_worker(on_cluster):
    for mine, *others in sweep(jobs.nested, range(2)):
        assert others == [mine, mine]


def test_a_worker_with_threads_does_one_job_after_the_other():
    call = sweeping._Call(jobs.alone, 1, None, False, False)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: sweeping._away(call, ""), range(3))) == [0, 0, 0]


def test_a_worker_that_dies_costs_its_task_only(on_cluster, tmp_path):
    found = sweep(partial(jobs.die_once, folder=tmp_path), range(8))
    assert found == [i * i for i in range(8)]
    done = [int(line) for line in (tmp_path / "done").read_text().split()]
    assert done.count(3) == 1
    # a result lies on its worker until it is fetched: what is not yet here when that dies is lost
    assert len(done) < 8 + 4


@contextmanager
def allowed_failures(scheduler: str, n: int) -> Iterator[None]:
    """The scheduler gives a job up when more than `n` workers died under it."""

    def allow(n: int) -> int:
        def swap(dask_scheduler) -> int:
            before, dask_scheduler.allowed_failures = dask_scheduler.allowed_failures, n
            return before

        with distributed.Client(scheduler, set_as_default=False) as client:
            return client.run_on_scheduler(swap)

    before = allow(n)
    try:
        yield
    finally:
        allow(before)


def test_a_job_that_kills_its_workers_is_named(on_cluster, scheduler, tmp_path):
    # 0 or 2 waited on the same worker, maybe, and is lost with it; asked again, it would be done
    lost = pytest.raises(ClusterError, match=r"of 3 jobs were lost .*\n(.*\n)*  seed 1: KilledWor")
    with allowed_failures(scheduler, 0), lost:
        sweep(jobs.die, range(3))


def test_a_worker_of_another_state_is_refused(on_cluster, monkeypatch):
    monkeypatch.setattr(sweeping, "_code", lambda function: "another")
    with pytest.raises(ClusterError, match="another state of the package"):
        sweep(derive_seed, [1])


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "tcp://host", "http://host:1", "cluster"])
def test_a_bad_address_is_named(address, monkeypatch):
    monkeypatch.setenv(sweeping.CLUSTER, address)
    with pytest.raises(ClusterError, match=r"expected tcp://host:port"):
        sweep(jobs.where, [1])


def test_nobody_answers(monkeypatch, unused_port):
    monkeypatch.setattr(sweeping, "PATIENCE", 0.5)
    monkeypatch.setenv(sweeping.CLUSTER, f"tcp://127.0.0.1:{unused_port}")
    started = time.monotonic()
    with pytest.raises(ClusterError, match=r"no Dask scheduler answered at tcp://127"):
        sweep(jobs.where, [1])
    assert time.monotonic() - started < 10


def wait_until(ready, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.05)


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_a_scheduler_without_workers_and_one_that_dies(monkeypatch, tmp_path, unused_port):
    def begin(program: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", "--no-dashboard"]
        env = {**os.environ, "PYTHONPATH": path_of_workers()}
        return subprocess.Popen(
            [*command, *options], cwd=tmp_path, stderr=subprocess.DEVNULL, env=env
        )

    def kept() -> int:
        return len(list(tmp_path.rglob("[!.]*.npz")))

    def kill_when_two_are_kept() -> None:
        wait_until(lambda: kept() >= 2)
        processes[0].kill()

    address = f"tcp://127.0.0.1:{unused_port}"
    monkeypatch.setenv(sweeping.CLUSTER, address)
    processes = [begin("scheduler", "--host", "127.0.0.1", "--port", str(unused_port))]
    try:
        wait_until(lambda: answers(unused_port))
        monkeypatch.setattr(sweeping, "PATIENCE", 2.0)
        with pytest.raises(ClusterError, match="has no worker"):
            sweep(jobs.where, [1])
        monkeypatch.setattr(sweeping, "PATIENCE", 60.0)
        processes.append(begin("worker", address, "--nthreads", "1", "--no-nanny"))
        with sweeping.kept_in(tmp_path):
            killer = threading.Thread(target=kill_when_two_are_kept)
            killer.start()
            with pytest.raises(ClusterError, match="of 2000 jobs were lost"):
                sweep(derive_seed, range(2000))
            killer.join()
        assert 2 <= kept() < 2000
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv(sweeping.CLUSTER, "tcp://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"runnable-papers\[cluster\]"):
        sweep(jobs.where, [1])


def test_threads_stay_here(monkeypatch):
    monkeypatch.setenv(sweeping.CLUSTER, "tcp://127.0.0.1:1")
    assert set(sweep(jobs.where, range(4), n_jobs=2, threads=True)) == {os.getpid()}
