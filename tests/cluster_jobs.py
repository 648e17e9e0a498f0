"""Jobs for sweeps in other processes; imports little, because each process imports it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from companion.sweep import CLUSTER, sweep


def where(job: int) -> int:
    """The process that does the job; slow enough for two of them."""
    time.sleep(0.1)
    return os.getpid()


def slow(job: int) -> int:
    """A job of a fifth of a second."""
    time.sleep(0.2)
    return job


def nested(job: int) -> list:
    """A sweep in a job, which finds the address of a cluster in its environment."""
    os.environ[CLUSTER] = "tcp://127.0.0.1:1"
    try:
        return [os.getpid(), *sweep(where, [job, job + 1], n_jobs=2)]
    finally:
        del os.environ[CLUSTER]


BUSY: list[int] = []


def alone(job: int) -> int:
    """How many others are in here at the same time."""
    BUSY.append(job)
    time.sleep(0.05)
    others = len(BUSY) - 1
    BUSY.remove(job)
    return others


def spectrum(job: int) -> np.ndarray:
    x = np.random.default_rng(job).standard_normal((200, 300))
    return np.concatenate([(x @ x.T).ravel(), np.linalg.svd(x)[1]])


def pools(job: int) -> list[int]:
    from threadpoolctl import threadpool_info

    return [pool["num_threads"] for pool in threadpool_info()]


def die_once(job: int, folder: Path) -> int:
    """The process dies under job 3 when it is first asked."""
    mark = folder / f"{job}"
    again = mark.exists()
    mark.touch()
    if job == 3 and not again:
        os.kill(os.getpid(), signal.SIGKILL)
    with (folder / "done").open("a") as file:
        file.write(f"{job}\n")
    return job * job


def die(job: int) -> int:
    if job == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return job
