"""Apply every kept mistake to a copy of the checkout and see whether the tests notice.

``python -m tests.mutants [--only ID|KIND ...] [--jobs 2] [--fresh] [--timeout 300]``

Results are kept in ``build/mutants.json`` as they come, so an interrupted call goes on where it
stopped, and a mistake is tried again only if it, its file or its tests have changed (``--fresh``
tries all).  Nothing else is left behind.  The exit status is 1 if fewer than 90 % are noticed.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from tests.mutants import KINDS, ROOT, CannotApply, Mistake, load

NOTICED, MISSED, TOO_LONG = "noticed", "missed", "took too long"
UNFIT, RED = "cannot be applied", "tests fail without it"
GOAL = 0.9
"""Share of the mistakes that must be noticed."""

RESULTS = ROOT / "build" / "mutants.json"

Outcome = tuple[str, str]
"""(one of the words above, detail)"""


class Runner:
    """One copy of the checkout, in which tests run with and without a mistake."""

    def __init__(self, root: Path, timeout: float) -> None:
        self.root, self.timeout = root, timeout
        self.process: subprocess.Popen | None = None
        self.closed = False

    def fill(self) -> None:
        """Copy what git tracks or would track."""
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for name in filter(None, listing.decode().split("\0")):
            source, target = ROOT / name, self.root / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def tests(self, mistake: Mistake) -> tuple[int | None, str]:
        """(exit status of pytest or None for too long, its last line)."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            *mistake.tests,
        ]
        command += ["-k", mistake.select] if mistake.select else []
        # compiled files are told apart by seconds and size: a quick edit could go unseen
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        environment.setdefault("OMP_NUM_THREADS", "1")
        if self.closed:
            return None, "stopped"
        self.process = subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            text=True,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            output, _ = self.process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return None, f"more than {self.timeout:.0f} s"
        lines = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return self.process.returncode, (lines or output.splitlines()[-1:] or [""])[0][:160]

    def stop(self) -> None:
        """End the tests that run now and start no others."""
        self.closed = True
        self.kill()

    def kill(self) -> None:
        """End the tests that run now, with all processes that they started."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def judge(self, mistake: Mistake) -> Outcome:
        """Whether the tests notice the mistake; the copy is as before afterwards."""
        path = self.root / mistake.file
        text = path.read_text(encoding="utf-8")
        try:
            path.write_text(mistake.applied(text), encoding="utf-8")
            status, detail = self.tests(mistake)
        except CannotApply as error:
            return UNFIT, str(error)
        finally:
            path.write_text(text, encoding="utf-8")
        if status is None or status < 0:  # too long, or ended by a signal: nobody noticed
            return TOO_LONG, detail
        if status in (4, 5):  # wrong arguments, or no test was chosen
            return UNFIT, detail
        return (MISSED if status == 0 else NOTICED), detail


class Copies:
    """As many copies as jobs, lent out one at a time; all are removed in the end."""

    def __init__(self, jobs: int, timeout: float) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        self.all = [Runner(self.folder / str(i), timeout) for i in range(jobs)]
        self.free: queue.Queue[Runner] = queue.Queue()
        for runner in self.all:
            runner.fill()
            self.free.put(runner)

    @contextmanager
    def lent(self) -> Iterable[Runner]:
        """A copy that nobody else uses."""
        runner = self.free.get()
        try:
            yield runner
        finally:
            self.free.put(runner)

    def stop(self) -> None:
        """End what runs."""
        for runner in self.all:
            runner.stop()

    def remove(self) -> None:
        """Delete the copies, when nobody writes into them any more."""
        shutil.rmtree(self.folder)


class Green:
    """Whether tests pass without any mistake; each choice of tests is run once."""

    def __init__(self) -> None:
        self._known: dict[tuple, Outcome | None] = {}
        self._locks: dict[tuple, threading.Lock] = {}
        self._guard = threading.Lock()

    def __call__(self, runner: Runner, mistake: Mistake) -> Outcome | None:
        """None if they pass, else why nothing can be said."""
        key = (mistake.tests, mistake.select)
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._known:
                status, detail = runner.tests(mistake)
                passed = status == 0
                self._known[key] = None if passed else (UNFIT if status == 5 else RED, detail)
            return self._known[key]


def try_all(
    mistakes: Iterable[Mistake], jobs: int, timeout: float, done: Callable[..., None]
) -> None:
    """Judge every mistake; ``done(mistake, outcome, seconds)`` is called as results come."""
    copies, green = Copies(jobs, timeout), Green()

    def one(mistake: Mistake) -> tuple[Outcome, float]:
        with copies.lent() as runner:
            began = time.monotonic()
            outcome = green(runner, mistake) or runner.judge(mistake)
            return outcome, time.monotonic() - began

    pool = ThreadPoolExecutor(jobs)
    try:
        waiting = {pool.submit(one, mistake): mistake for mistake in mistakes}
        for future in as_completed(waiting):
            done(waiting[future], *future.result())
    finally:
        copies.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        copies.remove()


def kept() -> dict[str, dict]:
    """Results of earlier calls: id to key, outcome, detail."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def keep(results: dict[str, dict]) -> None:
    """Write all results, under another name first."""
    RESULTS.parent.mkdir(exist_ok=True)
    part = RESULTS.with_suffix(".part")
    part.write_text(json.dumps(results, indent=1), encoding="utf-8")
    part.replace(RESULTS)


def chosen(only: list[str]) -> list[Mistake]:
    """Mistakes of these ids or kinds, all if none is named."""
    every = load()
    if unknown := set(only) - set(KINDS) - {one.id for one in every}:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; kinds are {', '.join(KINDS)}")
    return [one for one in every if not only or {one.id, one.kind} & set(only)]


def table(mistakes: list[Mistake], results: dict[str, dict]) -> tuple[str, float]:
    """Noticed of all by kind, with what was not noticed, and the share noticed."""
    lines, total = [], [0, 0]
    for kind in KINDS:
        names = [one.id for one in mistakes if one.kind == kind]
        good = sum(results[name]["outcome"] == NOTICED for name in names)
        total = [total[0] + good, total[1] + len(names)]
        if names:
            lines.append(f"{kind:12} {good:3} of {len(names):3}")
    share = total[0] / max(1, total[1])
    lines.append(f"{'all':12} {total[0]:3} of {total[1]:3}   {100 * share:.0f} %")
    for one in mistakes:
        if (outcome := results[one.id]["outcome"]) != NOTICED:
            lines.append(f"{outcome}: {one.id} ({one.breaks}); {results[one.id]['detail']}")
    return "\n".join(lines), share


def main(arguments: list[str] | None = None) -> int:
    """Try the mistakes, say what came out, return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="ID|KIND")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one mistake")
    parser.add_argument("--fresh", action="store_true", help="use no kept result")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the copies are removed
    mistakes = chosen(options.only)
    results = kept()
    keys = {one.id: one.key() for one in mistakes}
    open_ = [
        one
        for one in mistakes
        if options.fresh or results.get(one.id, {}).get("key") != keys[one.id]
    ]

    def done(mistake: Mistake, outcome: Outcome, seconds: float) -> None:
        word, detail = outcome
        results[mistake.id] = {"key": keys[mistake.id], "outcome": word, "detail": detail}
        keep(results)
        sys.stdout.write(f"{word:10} {mistake.kind:10} {mistake.id} ({seconds:.0f} s) {detail}\n")
        sys.stdout.flush()

    if open_:
        try_all(open_, options.jobs, options.timeout, done)
    text, share = table(mistakes, results)
    sys.stdout.write(f"\n{text}\n")
    return int(share < GOAL)


if __name__ == "__main__":
    sys.exit(main())
