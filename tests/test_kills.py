"""Ten kills at random moments: the next call goes on, the bytes are the same, nothing is left.

Real commands take longer: ``python -m tests.kills``.

The processes are forks of one server that has imported everything, so that a kill costs no start.
"""

from __future__ import annotations

import random
import shutil
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests import kill_jobs as jobs
from tests import kills
from tests.forks import FORKS

KILLS = 10


@pytest.fixture(scope="module", autouse=True)
def _imported():
    """The server has imported everything before the length of a job is measured."""
    assert run(time.sleep, 0)


def run(job, *arguments, seconds: float | None = None) -> bool:
    """Whether `job` came to its end; it is killed after `seconds`, with whatever it does then."""
    process = FORKS.Process(target=job, args=arguments, daemon=True)
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        family = [psutil.Process(process.pid)]
        with suppress(psutil.Error):
            family += family[0].children(recursive=True)
        process.kill()
        process.join(30)
        psutil.wait_procs(family, timeout=10)
        assert not [one for one in family if one.is_running()]
    assert process.exitcode in (0, -9), f"{job.__name__} ended with {process.exitcode}"
    return process.exitcode == 0


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def killed_at_random(job, folder: Path, *more, check=None, result: str = "") -> None:
    """Kill `job` ten times at moments of its own length, then let it end.

    A start goes on where the one before was killed; one that ends before its moment begins anew.

    result : folder of what must be equal; all if empty
    """
    whole, cut = folder / "whole", folder / "kills"
    begun = time.monotonic()
    assert run(job, whole, *more)
    length, moments, n = time.monotonic() - begun, random.Random(35), 0
    for _ in range(5 * KILLS):
        if run(job, cut, *more, seconds=moments.uniform(0.01, 0.9) * length):
            assert files(cut / result) == files(whole / result)
            shutil.rmtree(cut)
            length *= 0.8  # the machine is quicker now, or the job has little left to do
        else:
            n += 1
            if check:
                check(cut)
        if n == KILLS:
            break
    assert n == KILLS
    assert run(job, cut, *more)
    assert files(cut / result) == files(whole / result)
    assert files(cut).keys() == files(whole).keys()
    assert not [name for name in files(cut) if Path(name).name.startswith((".", "tmp"))]


def test_a_sweep(tmp_path):
    killed_at_random(jobs.swept, tmp_path)


def test_the_store(tmp_path):
    killed_at_random(jobs.stored, tmp_path, check=jobs.stored_whole)


def test_a_maker_goes_on_from_its_checkpoint(tmp_path):
    # the checkpoint also holds the state of torch's own generator, from which nothing is drawn
    killed_at_random(jobs.made, tmp_path, result="made")


def test_a_download(tmp_path):
    with kills.serving() as address:
        killed_at_random(jobs.fetched, tmp_path, address)
