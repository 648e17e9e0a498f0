"""Many runs side by side: processes with one thread each, and no run is done twice.

Inside a step of a chapter every finished job is a file (:func:`kept_in`), so a sweep that was
interrupted goes on with the jobs that are left.  What a job gives does not depend on how many run
at a time: each has one thread, and its seed is part of the job.
"""

from __future__ import annotations

import contextvars
import functools
import hashlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from companion import fingerprint, results, scale

_FOLDER: contextvars.ContextVar[Path | None] = contextvars.ContextVar("folder", default=None)


class SweepFailed(RuntimeError):
    """Some jobs raised; the message names their seeds.  What is finished stays finished."""


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
) -> list[object]:
    """``[function(job) for job in jobs]``, side by side, in the order of `jobs`.

    function : a named function of the package, or a ``functools.partial`` of one
    jobs : what each call is given; it should hold the job's seed
    n_jobs : processes; None takes as many as this process may use threads.  One runs here
    label : of the progress bar; "" shows none
    on_error : ``"raise"`` raises :class:`SweepFailed` after the other jobs have ended; ``"keep"``
        puts a :class:`Failed` into the result, which counts as finished

    Raises joblib's ``TerminatedWorkerError`` if a process dies: that is no result of a job.
    """
    if on_error not in ("raise", "keep"):
        raise ValueError(f"on_error is 'raise' or 'keep', got {on_error!r}")
    jobs, folder, keeps = list(jobs), _FOLDER.get(), on_error == "keep"
    calls = [
        _Call(function, job, _path(folder, function, job) if folder else None, keeps)
        for job in jobs
    ]
    found = {i: _finished(call) for i, call in enumerate(calls)}
    found = {i: value for i, value in found.items() if value is not _NOTHING}
    todo = [i for i in range(len(calls)) if i not in found]
    for i, done in zip(todo, _run([calls[i] for i in todo], n_jobs, label), strict=True):
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
    """Within the block finished jobs are kept below `folder`; None keeps nothing."""
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch and BLAS compute on one thread within the block, and as before after it.

    One thread keeps the order of sums, so a job gives the same bits beside others and alone.
    """
    from threadpoolctl import threadpool_limits

    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(1))
        if "torch" in sys.modules:
            stack.enter_context(scale.one_thread())
        yield


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


def _run(calls: Sequence[_Call], n_jobs: int | None, label: str) -> Iterator[object]:
    """Results in order, each as soon as those before it are there."""
    if not calls:
        return
    from joblib import Parallel, delayed, parallel_config
    from tqdm.auto import tqdm

    n_jobs = min(n_jobs or scale.n_threads(), len(calls))
    hide = not label or bool(os.environ.get("COMPANION_PUBLISH"))
    with tqdm(total=len(calls), desc=label, disable=hide, leave=False) as bar:
        if n_jobs == 1:
            done = map(_one, calls)
        else:
            with parallel_config(backend="loky", inner_max_num_threads=1):
                parallel = Parallel(n_jobs=n_jobs, return_as="generator")
            done = parallel(delayed(_one)(call) for call in calls)
        for one in done:
            bar.update()
            yield one


def _one(call: _Call) -> object:
    """One job, in whatever process; an exception is a result.

    The process itself keeps what it made, so that nothing waits for a slower job.  A disk that is
    full costs the file and not the run.
    """
    try:
        with one_thread():
            value = call.function(call.job)
    except Exception as error:
        value = Failed(seed_of(call.job), f"{type(error).__name__}: {error}")
    if call.path is None or (isinstance(value, Failed) and not call.keeps_failures):
        return value
    try:
        results.save(call.path, value)
    except OSError as error:
        warnings.warn(f"{call.path.name} is not kept: {error}", stacklevel=2)
        return value
    return _Kept(call.path)
