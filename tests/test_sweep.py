"""Sweeps: order, seeds that fail, jobs that are kept, processes that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from companion import results
from companion import sweep as sweeping
from companion.project import Project
from companion.stats import Interval, t_interval
from companion.sweep import Failed, SweepFailed, sweep
from tests import steps

JOBS = [[1.0, 2.0, 4.0 + k] for k in range(5)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_come_in_order_and_do_not_depend_on_the_number_of_processes(n_jobs, tmp_path):
    expected = [t_interval(job) for job in JOBS]
    assert sweep(t_interval, JOBS, n_jobs=n_jobs) == expected
    with sweeping.kept_in(tmp_path):
        assert sweep(t_interval, JOBS, n_jobs=n_jobs) == expected
        assert sweep(t_interval, JOBS[::-1], n_jobs=n_jobs) == expected[::-1]
    assert len(list((tmp_path / "t_interval").glob("*.npz"))) == 5
    assert sweep(t_interval, [], n_jobs=n_jobs) == []


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_jobs_that_fail_are_named_and_the_others_kept(n_jobs, tmp_path):
    jobs = [JOBS[0], [1.0], JOBS[1]]  # one value has no interval
    with sweeping.kept_in(tmp_path):
        with pytest.raises(SweepFailed, match=r"1 of 3 jobs failed\n  job \[1\.0\]: ValueError: n"):
            sweep(t_interval, jobs, n_jobs=n_jobs)
        assert len(list(tmp_path.rglob("*.npz"))) == 2
        with pytest.warns(UserWarning, match="1 of 3 jobs failed"):
            found = sweep(t_interval, jobs, n_jobs=n_jobs, on_error="keep")
        assert [type(one) for one in found] == [Interval, Failed, Interval]
        assert len(list(tmp_path.rglob("*.npz"))) == 3
        with pytest.raises(SweepFailed):  # a failure that was kept is no result here
            sweep(t_interval, jobs, n_jobs=n_jobs)


def test_a_finished_job_is_not_done_again(tmp_path, monkeypatch):
    lab = steps.install(tmp_path, monkeypatch)
    with sweeping.kept_in(tmp_path / "parts"):
        sweep(lab.one, [1, 2], n_jobs=1)
        lab.CALLS.clear()
        found = sweep(lab.one, [1, 2, 3], n_jobs=1)
        assert lab.CALLS == [3]
        assert [float(x[0]) for x in found] == [1.0, 2.0, 3.0]
        for path in (tmp_path / "parts" / "one").iterdir():
            path.write_bytes(path.read_bytes()[:-40])
        lab.CALLS.clear()
        with pytest.warns(UserWarning, match="done again"):
            sweep(lab.one, [1, 2, 3], n_jobs=1)
        assert lab.CALLS == [1, 2, 3]
        lab.BAD.add(4)
        lab.CALLS.clear()
        for _ in range(2):
            with pytest.warns(UserWarning, match="seed 4: ValueError: diverged at 4"):
                sweep(lab.one, [3, 4], n_jobs=1, on_error="keep")
        assert lab.CALLS == [4]  # once: a failed seed is a result
        lab.BAD.clear()
        assert float(sweep(lab.one, [3, 4], n_jobs=1)[1][0]) == 4.0  # who wants none tries again
        assert lab.CALLS == [4, 4]
    changed = steps.install(tmp_path, monkeypatch, "float(seed)", "float(-seed)")
    with sweeping.kept_in(tmp_path / "parts"):
        assert float(sweep(changed.one, [1], n_jobs=1)[0][0]) == -1.0


def test_what_a_partial_function_is_given_counts(tmp_path):
    with sweeping.kept_in(tmp_path):
        for level in (0.95, 0.5):
            (found,) = sweep(partial(t_interval, confidence=level), JOBS[:1], n_jobs=1)
            assert found == t_interval(JOBS[0], level)
    assert len(list(tmp_path.rglob("*.npz"))) == 2


def test_a_full_disk_costs_the_file_and_not_the_run(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(sweeping.results, "save", full)
    with sweeping.kept_in(tmp_path), pytest.warns(UserWarning, match="no space left"):
        assert sweep(t_interval, JOBS[:1], n_jobs=1) == [t_interval(JOBS[0])]


@pytest.mark.parametrize(
    ("job", "text"),
    [
        (3, "seed 3"),
        ({"seed": 4, "n": 1}, "seed 4"),
        ((1, "a"), "job (1, 'a')"),
        ("x" * 99, "job '" + "x" * 76 + "..."),
    ],
)
def test_the_seed_of_a_job(job, text):
    assert sweeping.seed_of(job) == text


def test_each_job_has_one_thread():
    import torch
    from threadpoolctl import threadpool_info, threadpool_limits

    def numbers() -> set[int]:
        return {torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())}

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threadpool_limits(2):
            with sweeping.one_thread():
                assert numbers() == {1}
                with sweeping.one_thread():
                    assert numbers() == {1}
                assert numbers() == {1}
            assert numbers() == {2}
            assert set(sweep(threads_of_a_job, range(2), n_jobs=1)) == {1}
            assert set(sweep(threads_of_a_job, range(4), n_jobs=2, threads=True)) == {1}
            assert numbers() == {2}
    finally:
        torch.set_num_threads(before)


def threads_of_a_job(job: int) -> int:
    import torch

    return torch.get_num_threads()


def pair(a: float, b: float) -> float:
    return a - b


@pytest.mark.parametrize("threads", [False, True])
def test_jobs_of_several_values(threads):
    for jobs in ([(1, 2), (3, 5)], [{"b": 2, "a": 1}, {"a": 3, "b": 5}]):
        assert sweep(pair, jobs, n_jobs=1 + threads, unpack=True, threads=threads) == [-1, -2]


def test_jobs_that_cannot_be_kept_are_done_all_the_same(tmp_path):
    jobs = [object(), object()]
    with sweeping.kept_in(tmp_path):
        with pytest.raises(results.NotStorable):
            sweep(sweeping.seed_of, jobs, n_jobs=1)
        said = [f"job {job!r}" for job in jobs]
        assert sweep(sweeping.seed_of, jobs, n_jobs=1, keep=False) == said
        assert sweep(sweeping.seed_of, jobs, n_jobs=2, threads=True) == said
    assert not list(tmp_path.rglob("*.npz"))


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValueError, match="'raise' or 'keep'"):
        sweep(t_interval, JOBS, on_error="ignore")


N_JOBS = 24
SCRIPT = """
import sys
from functools import partial
from pathlib import Path
from companion.sweep import kept_in, sweep
from companion.synthetic_data.method.mixing import largest_share
shares = partial(largest_share, k=100, protocol="accumulate")
with kept_in(Path(sys.argv[1])):
    found = sweep(shares, [i / 24 for i in range(24)], n_jobs=2)
print(len(found))
"""
"""A tenth of a second a job, in processes that import numpy alone: nine of them begin."""


def start(folder: Path) -> subprocess.Popen:
    env = {**os.environ, "PYTHONPATH": str(Project().root)}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )


def wait_for(folder: Path, process: subprocess.Popen, n: int) -> None:
    end = time.monotonic() + 120
    while len(list(folder.rglob("[!.]*.npz"))) < n:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)


def kept(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("[!.]*.npz")}


def test_a_killed_sweep_goes_on_where_it_stopped(tmp_path):
    first = start(tmp_path)
    try:
        wait_for(tmp_path, first, 2)
        children = psutil.Process(first.pid).children(recursive=True)
        next(c for c in children if "popen_loky" in " ".join(c.cmdline())).kill()
        _, errors = first.communicate(timeout=200)
    finally:
        if first.poll() is None:
            os.killpg(first.pid, signal.SIGKILL)
    assert first.returncode != 0
    assert "TerminatedWorkerError" in errors
    done = kept(tmp_path)
    assert 2 <= len(done) < N_JOBS
    second = start(tmp_path)
    try:
        wait_for(tmp_path, second, min(len(done) + 2, N_JOBS - 1))
        workers = psutil.Process(second.pid).children(recursive=True)
        second.kill()  # alone: its workers notice
        _, left = psutil.wait_procs(workers, timeout=60)
        assert len(workers) >= 2
        assert not left
    finally:
        with suppress(ProcessLookupError):
            os.killpg(second.pid, signal.SIGKILL)
    second.communicate()
    more = kept(tmp_path)
    assert done.items() <= more.items()
    last = start(tmp_path)
    output, errors = last.communicate(timeout=200)
    assert output.strip() == str(N_JOBS), errors
    assert more.items() <= kept(tmp_path).items()
    assert len(kept(tmp_path)) == N_JOBS
