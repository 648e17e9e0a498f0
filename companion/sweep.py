"""Many runs side by side: processes with one thread each, and no run is done twice.

Inside a step of a chapter every finished job is a file (:func:`kept_in`), so a sweep that was
interrupted goes on with the jobs that are left.  What a job gives does not depend on how many run
at a time, nor on where: each has one thread, and its seed is part of the job.

``COMPANION_CLUSTER=tcp://host:port`` names the scheduler of a Dask cluster; every sweep then runs
there, whatever its `n_jobs`.  The workers need this package in the same state, which is checked;
for results that are equal to the last digit, the same versions of libraries, too.  They need no
common disk: what is kept is kept here.
"""

from __future__ import annotations

import contextvars
import functools
import hashlib
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from companion import fingerprint, results, scale
from companion.scale import one_thread

CLUSTER = "COMPANION_CLUSTER"
"""Environment variable with the address of a Dask scheduler, as ``tcp://10.0.0.1:8786``."""

PATIENCE = 10.0
"""Seconds until a scheduler has to answer, and to have a worker."""

_FOLDER: contextvars.ContextVar[Path | None] = contextvars.ContextVar("folder", default=None)
_WORKER = contextvars.ContextVar("worker", default=False)
"""Whether this is a job on a cluster; a sweep inside of one runs there and then."""


class SweepFailed(RuntimeError):
    """Some jobs raised; the message names their seeds.  What is finished stays finished."""


class ClusterError(RuntimeError):
    """The cluster did not do the jobs; the message says why.  What is finished stays finished."""


@dataclass(frozen=True)
class Failed:
    """Stands for the result of a job that raised.

    seed : of the job, as text (:func:`seed_of`); error : type and message
    """

    seed: str
    error: str

    def __str__(self) -> str:
        return f"{self.seed}: {self.error}"


def sweep(
    function: Callable[[object], object],
    jobs: Iterable[object],
    *,
    n_jobs: int | None = None,
    label: str = "",
    on_error: str = "raise",
    unpack: bool = False,
    keep: bool = True,
    threads: bool = False,
) -> list[object]:
    """``[function(job) for job in jobs]``, side by side, in the order of `jobs`.

    function : a named function of the package, or a ``functools.partial`` of one
    jobs : what each call is given; it should hold the job's seed
    n_jobs : processes; None takes as many as this process may use threads.  One runs here
    label : of the progress bar; "" shows none
    on_error : ``"raise"`` raises :class:`SweepFailed` after the other jobs have ended; ``"keep"``
        puts a :class:`Failed` into the result, which counts as finished
    unpack : call ``function(*job)``, or ``function(**job)`` where a job is a dictionary
    keep : whether finished jobs may be kept; a job that holds a model cannot be, nor one that
        gives a model
    threads : threads of this process in place of processes, for jobs of a second or that share
        objects: any function will do, nothing is kept, and no cluster is asked

    Raises joblib's ``TerminatedWorkerError`` if a process dies: that is no result of a job.
    Where this process is interrupted, jobs that wait on a cluster are canceled; one that has begun
    there ends, and its result is forgotten.
    A cluster gives the jobs of a worker that died to the others; a job under which more workers
    die than Dask's ``distributed.scheduler.allowed-failures`` (3) ends as a :class:`ClusterError`,
    after all others, and so does whatever else keeps a cluster from working.
    """
    if on_error not in ("raise", "keep"):
        raise ValueError(f"on_error is 'raise' or 'keep', got {on_error!r}")
    jobs, keeps = list(jobs), on_error == "keep"
    folder = _FOLDER.get() if keep and not threads else None
    calls = [
        _Call(function, job, _path(folder, function, job) if folder else None, keeps, unpack)
        for job in jobs
    ]
    found = {i: _finished(call) for i, call in enumerate(calls)}
    found = {i: value for i, value in found.items() if value is not _NOTHING}
    todo = [i for i in range(len(calls)) if i not in found]
    done_now = _run([calls[i] for i in todo], n_jobs, label, threads)
    for i, done in zip(todo, done_now, strict=True):
        # what comes back from the file is what a later start will see
        found[i] = results.load(done.path) if isinstance(done, _Kept) else done
    values = [found[i] for i in range(len(calls))]
    failed = [value for value in values if isinstance(value, Failed)]
    if failed and not keeps:
        listed = "\n".join(f"  {one}" for one in failed)
        raise SweepFailed(f"{len(failed)} of {len(jobs)} jobs failed\n{listed}")
    if failed:
        shown = "; ".join(map(str, failed))
        warnings.warn(f"{len(failed)} of {len(jobs)} jobs failed: {shown}", stacklevel=2)
    return values


def seed_of(job: object) -> str:
    """The seed of a job as text: the job itself, its field or key ``seed``, else all of it."""
    if isinstance(job, dict) and "seed" in job:
        return f"seed {job['seed']}"
    if hasattr(job, "seed"):
        return f"seed {job.seed}"
    text = repr(job)
    if isinstance(job, int):
        return f"seed {text}"
    return f"job {text if len(text) <= 80 else text[:77] + '...'}"


@contextmanager
def kept_in(folder: Path | None) -> Iterator[None]:
    """Within the block finished jobs are kept below `folder`; None keeps nothing.

    What a killed process left half-written there goes.
    """
    if folder is not None:
        results.forget_parts(folder)
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def key(function: Callable, job: object) -> str:
    """What a job's result depends on: the digest of the function, and the job by its content."""
    return hashlib.sha256("|".join([digest(function), content(job)]).encode()).hexdigest()


def digest(function: Callable) -> str:
    """Digest by definition of a function; of a partial one with what it is given."""
    if isinstance(function, functools.partial):
        given = content([list(function.args), function.keywords])
        return f"{digest(function.func)}({given})"
    return fingerprint.digest(function)


def content(value: object) -> str:
    """Hash of a value that no step made; methods of its classes count, a function by digest.

    Raises :class:`companion.results.NotStorable` for a generator, a model and the like: they have
    a state that no key can tell.
    """
    if callable(value) and hasattr(value, "__qualname__"):
        return digest(value)
    found, classes = results.content(value)
    methods = [fingerprint.digest(results.find_class(name)) for name in sorted(classes)]
    return hashlib.sha256("".join([found, *methods]).encode()).hexdigest()


def _path(folder: Path, function: Callable, job: object) -> Path:
    named = function.func if isinstance(function, functools.partial) else function
    return folder / named.__name__ / f"{key(function, job)[:32]}.npz"


class _Call(NamedTuple):
    """One job: what to call, where its result is kept, and whether a failure counts as one."""

    function: Callable
    job: object
    path: Path | None
    keeps_failures: bool
    unpack: bool


class _Kept(NamedTuple):
    """What a process hands back in place of a result that is on disk."""

    path: Path


_NOTHING = object()


def _finished(call: _Call) -> object:
    """The kept result of a job; :data:`_NOTHING` if there is none that counts."""
    if call.path is None:
        return _NOTHING
    try:
        value = results.load(call.path)
    except FileNotFoundError:
        return _NOTHING
    except results.Damaged as error:
        warnings.warn(f"done again: {error}", stacklevel=3)
        return _NOTHING
    return _NOTHING if isinstance(value, Failed) and not call.keeps_failures else value


def _run(calls: Sequence[_Call], n_jobs: int | None, label: str, threads: bool) -> Iterator[object]:
    """Results in order, each as soon as those before it are there."""
    if not calls:
        return
    from tqdm.auto import tqdm

    n_jobs = 1 if _WORKER.get() else min(n_jobs or scale.n_threads(), len(calls))
    address = "" if threads or _WORKER.get() else os.environ.get(CLUSTER, "")
    hide = not label or bool(os.environ.get("COMPANION_PUBLISH"))
    with tqdm(total=len(calls), desc=label, disable=hide, leave=False) as bar:
        if address:
            yield from _on_cluster(address, calls, bar.update)
            return
        for one in _here(calls, n_jobs, threads):
            bar.update()
            yield one


def _here(calls: Sequence[_Call], n_jobs: int, threads: bool) -> Iterator[object]:
    """In this process, in threads of it, or in other processes of this machine."""
    from joblib import Parallel, delayed, parallel_config

    if n_jobs == 1:
        yield from map(_one, calls)
    elif threads:
        with one_thread():  # around all: a thread that ends must not unlock those that run
            parallel = Parallel(n_jobs=n_jobs, backend="threading", return_as="generator")
            yield from parallel(delayed(_tried)(call) for call in calls)
    else:
        watch = {"initializer": _end_with, "initargs": (os.getpid(),)}
        with parallel_config(backend="loky", inner_max_num_threads=1, **watch):
            parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        yield from parallel(delayed(_one)(call) for call in calls)


def _end_with(parent: int) -> None:
    """From now on this process ends within a second of its parent.

    A worker whose parent is killed would do all that is left to do, and then wait for more.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _one(call: _Call) -> object:
    """One job, in whatever process; an exception is a result.

    The process itself keeps what it made, so that nothing waits for a slower job.
    """
    with one_thread():
        value = _tried(call)
    return _keep(call, value)


def _tried(call: _Call) -> object:
    """The value of a job, or how it failed."""
    try:
        if not call.unpack:
            return call.function(call.job)
        return call.function(**call.job) if isinstance(call.job, dict) else call.function(*call.job)
    except Exception as error:
        return Failed(seed_of(call.job), f"{type(error).__name__}: {error}")


def _keep(call: _Call, value: object) -> object:
    """Write a result where it belongs; a disk that is full costs the file and not the run."""
    if call.path is None or (isinstance(value, Failed) and not call.keeps_failures):
        return value
    try:
        results.save(call.path, value)
    except OSError as error:
        warnings.warn(f"{call.path.name} is not kept: {error}", stacklevel=2)
        return value
    return _Kept(call.path)


# --------------------------------------------------------------------------- a cluster
_AT_A_TIME = threading.Lock()
"""A worker with several threads does one job after the other: their number is set per process."""


def _on_cluster(
    address: str, calls: Sequence[_Call], update: Callable[[], object]
) -> Iterator[object]:
    """Results in order; each is kept as soon as it is here, in whatever order that is."""
    client, as_completed = _connected(address)
    code = {id(call.function): _code(call.function) for call in calls}
    found, lost = {}, []
    with client, client.as_current():
        futures = {
            client.submit(_away, call._replace(path=None), code[id(call.function)], pure=False): i
            for i, call in enumerate(calls)
        }
        try:
            for future in as_completed(futures):
                i = futures.pop(future)
                try:
                    found[i] = _keep(calls[i], future.result())
                except Exception as error:  # of the cluster: what a job raises is a result
                    lost.append(f"  {seed_of(calls[i].job)}: {type(error).__name__}: {error}")
                future.release()
                update()
        except BaseException:  # of this machine, Ctrl-C first of all: nobody waits for the rest
            client.cancel(list(futures), force=True)
            raise
    if lost:
        listed = "\n".join([*lost[:9], "  ..."] if len(lost) > 9 else lost)
        counts = f"{len(lost)} of {len(calls)} jobs were lost at {address}, {len(found)} are done"
        raise ClusterError(f"{counts}\n{listed}")
    yield from (found[i] for i in range(len(calls)))


def _connected(address: str) -> tuple[object, Callable]:
    """A client of the scheduler, and ``as_completed``; at least one worker is there."""
    if not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d+", address):
        raise ClusterError(f"{CLUSTER} is {address!r}; expected tcp://host:port")
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise ClusterError(
            f"{CLUSTER} is set, which needs pip install 'runnable-papers[cluster]' ({error})"
        ) from error
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answered at {address} ({CLUSTER}) within {PATIENCE:g} s: {error}"
        ) from error
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except OSError as error:  # TimeoutError is one
        client.close()
        raise ClusterError(f"the scheduler at {address} has no worker") from error
    return client, as_completed


def _away(call: _Call, code: str) -> object:
    """One job on a worker, if that has the code of whoever asks."""
    mine = _code(call.function)
    if mine != code:
        raise ClusterError("the worker has another state of the package; install the same one")
    with _AT_A_TIME:
        token = _WORKER.set(True)
        try:
            return _one(call)
        finally:
            _WORKER.reset(token)


def _code(function: Callable) -> str:
    """Digest of a function of the package; "" for one that travels with its code."""
    named = function.func if isinstance(function, functools.partial) else function
    try:
        return fingerprint.digest(named)
    except TypeError:
        return ""
