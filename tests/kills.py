"""``python -m tests.kills``: real commands, killed ten times at random moments, and what is left.

    python -m tests.kills record build make dask loky download --kills 10 --seed 35

Each way begins with an undisturbed run, which says how long it takes and what comes of it.  Then
the command is killed (SIGKILL, that process alone) after a random share of that time and begun
again, until it was killed as often as asked; one that ends before its moment begins anew.  After
every kill no process of it may be left and every file that has its name must be whole; at the end
the results must be the undisturbed run's, to the last digit, with no half-written file beside them.

The seconds depend on the machine; the shares follow from the seed and are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from companion.project import Project
from tests import copies
from tests import kill_jobs as jobs

ROOT = Project().root
MARK = "COMPANION_TEST_OF_KILLS"
SLUG = "mamba3"
"""Whose place the small chapter takes; any registered one would do."""

LAB = '''"""A small experiment: a sweep in two processes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import numpy as np

from companion.@package@.lab.draws import DRAWS
from companion.@package@.method.spread import log_slope, spread_of_means
from companion.@package@.settings import Settings
from companion.scale import generator
from companion.sweep import sweep


@dataclass(frozen=True)
class Result:
    """As in the chapter that ``companion new`` makes."""

    sizes: np.ndarray
    spread: dict[str, np.ndarray]
    slope: dict[str, np.ndarray]


def one(job: tuple[str, int], sizes: tuple[int, ...], repeats: int, seed: int) -> np.ndarray:
    """The spreads of one seed."""
    kind, i = job
    time.sleep(0.1)
    draws = (DRAWS[kind](generator(seed, kind, i, n), (repeats, n)) for n in sizes)
    return np.array([spread_of_means(one) for one in draws])


def spreads(settings: Settings, seed: int) -> Result:
    """Measure the spread for every kind of draw, seed, and size."""
    jobs = [(kind, i) for kind in DRAWS for i in range(settings.n_seeds)]
    call = partial(one, sizes=settings.sizes, repeats=settings.n_repeats, seed=seed)
    rows = dict(zip(jobs, sweep(call, jobs, n_jobs=2), strict=True))
    spread = {k: np.array([r for (kind, _), r in rows.items() if kind == k]) for k in DRAWS}
    slope = {k: np.array([log_slope(settings.sizes, r) for r in s]) for k, s in spread.items()}
    return Result(np.array(settings.sizes), spread, slope)
'''

MAKE = """
import sys
from pathlib import Path
from companion.cli import _app, _maintain, main
from companion.project import Project
from companion.tart import makers
from companion.tart.lab import shipped
from tests import kill_jobs as jobs
root = Path(sys.argv.pop(1))
_app.Project = lambda: Project(root)
makers.MAKERS = {"head": lambda scratch, say: shipped.make_head(
    scratch, say, recipe=jobs.RECIPE, falling=20, folder=root / "made")}
main()
"""
"""The real command with a smaller recipe."""

SWEEP = """
import sys
from functools import partial
from pathlib import Path
from companion import results
from companion.model_ecosystem.lab.worlds import coverage
from companion.sweep import kept_in, sweep
folder = Path(sys.argv[1])
with kept_in(folder / "kept"):
    found = sweep(partial(coverage, 2_000, 2, n_resamples=20), range(24), n_jobs=2)
results.save(folder / "all.npz", found)
"""

BUILD = """
import sys
from pathlib import Path
from companion.cli import _app, main
from companion.project import Project
root = Path(sys.argv.pop(1))
_app.Project = lambda: Project(root)
main()
"""


@dataclass
class Way:
    """One command: how it is called in a folder, and what must be equal in the end.

    prepare : makes the folder; content : name -> what counts; whole : says which file is not
    own : whether the folder has the package that runs
    """

    name: str
    prepare: Callable[[Path], object]
    command: Callable[[Path], list[str]]
    content: Callable[[Path], dict[str, object]]
    whole: Callable[[Path], list[str]] = lambda folder: []
    env: dict[str, str] | None = None
    own: bool = False


def family(mark: str) -> list[psutil.Process]:
    """Processes that inherited the mark of one run."""
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if one.environ().get(MARK) == mark and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


def log_of(folder: Path) -> Path:
    """What the command in a folder said on standard error."""
    return folder.with_name(f"{folder.name}.log")


def start(way: Way, folder: Path, mark: str) -> subprocess.Popen:
    """Begin the command."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    env = {
        **os.environ,
        **threads,
        "PYTHONPATH": str(folder if way.own else ROOT),
        **(way.env or {}),
        MARK: mark,
    }
    return subprocess.Popen(
        way.command(folder),
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log_of(folder).open("wb"),
        start_new_session=True,
    )


def end(process: subprocess.Popen, folder: Path) -> None:
    """Wait for a run that nobody disturbs."""
    if process.wait(900):
        raise AssertionError(log_of(folder).read_text()[-3000:])


def left_behind(mark: str, seconds: float = 20) -> list[str]:
    """Command lines of the processes that are still there after a while; they are ended then."""
    stop = time.monotonic() + seconds
    while (found := family(mark)) and time.monotonic() < stop:
        time.sleep(0.1)
    names = []
    for one in found:
        with suppress(psutil.Error):
            names.append(" ".join(one.cmdline())[:120])
            one.kill()
    return names


def killed(way: Way, place: Path, kills: int, seed: int, say=print) -> dict[str, object]:
    """Kill a command at random moments, go on, and compare; a row of the report.

    Raises ``AssertionError`` for whatever is left, half-written or different.
    """
    mark = uuid.uuid4().hex
    quiet, loud = place / "quiet", place / "loud"
    for folder in (quiet, loud):
        folder.mkdir(parents=True)
        way.prepare(folder)
    begun = time.monotonic()
    end(start(way, quiet, mark), quiet)
    length = time.monotonic() - begun
    wanted = way.content(quiet)
    assert wanted, f"{way.name}: nothing came of the undisturbed run"
    draw, shares, early = random.Random(f"{way.name} {seed}"), [], 0
    while len(shares) < kills:
        share = draw.uniform(0.02, 0.98)
        process = start(way, loud, mark)
        try:
            process.wait(share * length)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            shares.append(round(share, 2))
        else:
            assert process.returncode == 0, log_of(loud).read_text()[-3000:]
            assert way.content(loud) == wanted, f"{way.name}: differs after {shares}"
            early += 1
            shutil.rmtree(loud)
            loud.mkdir()
            way.prepare(loud)
        lost = left_behind(mark)
        assert not lost, f"{way.name}: left after {shares}: {lost}"
        broken = way.whole(loud)
        assert not broken, f"{way.name}: half-written after {shares}: {broken}"
    begun = time.monotonic()
    end(start(way, loud, mark), loud)
    last = time.monotonic() - begun
    assert not left_behind(mark)
    found = way.content(loud)
    assert found.keys() == wanted.keys(), set(found) ^ set(wanted)
    assert found == wanted, [name for name in wanted if found[name] != wanted[name]]
    row = {"way": way.name, "undisturbed s": round(length, 1), "last s": round(last, 1)}
    row |= {"kills": len(shares), "ended before": early, "shares": shares, "compared": len(wanted)}
    say(json.dumps(row))
    return row


# --------------------------------------------------------------------------- what is compared
def unreadable(folder: Path) -> list[str]:
    """Files with their final names that cannot be read whole."""
    bad = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        if inside[:2] == ("companion", "data"):
            continue  # what ships, which no command here writes
        if not path.is_file() or "tmp" in inside or path.name.startswith("."):
            continue
        try:
            if path.suffix == ".npz":
                with zipfile.ZipFile(path) as file:  # its classes may be of another package
                    assert file.testzip() is None
            elif path.suffix in (".json", ".ipynb"):
                json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError, AssertionError, zipfile.BadZipFile) as error:
            bad.append(f"{'/'.join(inside)}: {error}")
    return bad


def parts(folder: Path) -> list[str]:
    """Half-written files, by their names."""
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
        and (path.suffix in (".part", ".tmp") or (path.name.startswith(".") and "npz" in path.name))
    ]


def recorded(folder: Path) -> dict[str, object]:
    """The record without date and times, and the bytes of the results that ship."""
    records = folder / "companion" / "records"
    record = json.loads((records / f"{SLUG}.json").read_text())
    found: dict[str, object] = {key: record[key] for key in ("findings", "series", "settings")}
    found["digest"] = record["provenance"]["digest"]
    found |= {path.name: path.read_bytes() for path in (records / SLUG).glob("*.npz")}
    return found | dict.fromkeys(parts(folder), "half-written")


def built(folder: Path) -> dict[str, object]:
    """Every page of the site; the search index and the times are Sphinx's."""
    site = folder / "build" / "site"
    pages = {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")}
    left = [path.name for path in (folder / "build" / "tmp").rglob("*") if path.is_file()]
    return pages | dict.fromkeys([*parts(folder), *left], "half-written")


def bytes_in(*names: str) -> Callable[[Path], dict[str, object]]:
    """Everything below these folders, or the files themselves."""

    def content(folder: Path) -> dict[str, object]:
        files = [folder / name for name in names if (folder / name).is_file()]
        files += [path for name in names for path in (folder / name).rglob("*") if path.is_file()]
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
        return found | dict.fromkeys(parts(folder), "half-written")

    return content


# --------------------------------------------------------------------------- ways
@contextmanager
def serving():
    """The file in pieces, in a third of a second; the address of a server."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with suppress(OSError):
                self.request.recv(1 << 16)
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(jobs.CONTENT)}\r\n\r\n"
                self.request.sendall(head.encode())
                for start in range(0, len(jobs.CONTENT), 10_000):
                    self.request.sendall(jobs.CONTENT[start : start + 10_000])
                    time.sleep(0.01)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def small_book(folder: Path) -> None:
    """A copy of the package with one new chapter whose experiment is a sweep."""
    from companion.papers import paper, papers

    project = copies.make(folder)
    chapters = [paper(one.slug).package_path(project).name for one in papers()]
    ignored = shutil.ignore_patterns("__pycache__", "*.json", *chapters)
    shutil.copytree(copies.REAL.package, project.package, ignore=ignored, dirs_exist_ok=True)
    shutil.copy(copies.REAL.records / "schema.json", project.records)
    entry = copies.start(project, SLUG)
    package = entry.package_path(project)
    (package / "lab" / "run.py").write_text(LAB.replace("@package@", package.name))


def tiny_book(folder: Path) -> None:
    """Two chapters that take a second each."""
    from tests.publish import tiny

    tiny.make(folder)


def command(script: str, *words: str) -> Callable[[Path], list[str]]:
    return lambda folder: [sys.executable, "-c", script, str(folder), *words]


def own(folder: Path) -> list[str]:
    """``companion record`` of the copy itself."""
    return [sys.executable, "-m", "companion.cli", "record", SLUG]


RECORD = Way("record", small_book, own, recorded, unreadable, own=True)
BOOK = Way("build", tiny_book, command(BUILD, "build"), built, unreadable)
MAKER = Way("make", copies.make, command(MAKE, "make", "tart", "head"), bytes_in("made"))
LOKY = Way(
    "loky", lambda folder: None, command(SWEEP), bytes_in("all.npz", "kept"), unreadable
)  # two worker processes beside the command


def download(address: str) -> Way:
    """``data.fetch`` of the server's file, into a cache in the folder."""
    script = "import sys; from pathlib import Path; from tests import kill_jobs as jobs; "
    script += "jobs.fetched(Path(sys.argv[1]), sys.argv[2])"
    return Way("download", lambda folder: None, command(script, address), bytes_in("cache"))


@contextmanager
def cluster() -> Iterator[tuple[str, object]]:
    """Address of a scheduler with two workers, each begun again if it dies; and the cluster."""
    import dask
    from distributed import LocalCluster

    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ["COMPANION_PUBLISH"] = "1"  # no bars of the workers over what is said here
    patient = {
        "distributed.scheduler.allowed-failures": 100,
        "distributed.deploy.lost-worker-timeout": "600 s",  # a busy machine begins it slowly
    }
    with (
        dask.config.set(patient),
        tempfile.TemporaryDirectory() as scratch,
    ):
        made = LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            local_directory=scratch,
        )
        try:
            made.wait_for_workers(2)
            yield made.scheduler_address, made
        finally:
            closed(made)


def closed(made: object) -> None:
    """End a cluster, and what is left of it.

    A worker that was killed a moment ago may keep its nanny longer than it has patience; that is
    no fault of a sweep, and must not hide one.
    """
    with suppress(TimeoutError):
        made.close(timeout=60)
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(one.cmdline()):
                one.kill()


def dask_clients(place: Path, kills: int, seed: int, say=print) -> None:
    """The process that asks is killed; the scheduler forgets what it wanted."""
    from distributed import Client

    with cluster() as (address, _):
        way = Way("dask client", LOKY.prepare, LOKY.command, LOKY.content, unreadable)
        way.env = {"COMPANION_CLUSTER": address}
        killed(way, place / "clients", kills, seed, say)
        with Client(address, set_as_default=False) as client:
            stop = time.monotonic() + 30
            while n := client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
                assert time.monotonic() < stop, f"{n} tasks of killed clients are left"
                time.sleep(0.2)


def workers_of(process: subprocess.Popen, kind: str) -> list[psutil.Process]:
    """Worker processes of loky below a process."""
    with suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
        return [one for one in children if kind in " ".join(one.cmdline())]
    return []


def loky_workers(place: Path, kills: int, seed: int, say=print) -> None:
    """A worker is killed, not the command: it says so, ends, and the next call goes on."""
    mark, draw, shares, early = uuid.uuid4().hex, random.Random(f"loky workers {seed}"), [], 0
    quiet, loud = place / "workers quiet", place / "workers"
    quiet.mkdir(parents=True)
    loud.mkdir()
    begun = time.monotonic()
    end(start(LOKY, quiet, mark), quiet)
    length = time.monotonic() - begun
    while len(shares) < kills:
        process = start(LOKY, loud, mark)
        while process.poll() is None and not workers_of(process, "popen_loky"):
            time.sleep(0.02)
        share = draw.uniform(0.02, 0.6)
        with suppress(subprocess.TimeoutExpired):
            process.wait(share * length)
        workers = workers_of(process, "popen_loky")
        hit = process.poll() is None and bool(workers)
        if hit:
            draw.choice(sorted(workers, key=lambda one: one.pid)).kill()
            shares.append(round(share, 2))
        process.wait(120)
        said = log_of(loud).read_text()
        if process.returncode == 0:
            early += not hit
            assert LOKY.content(loud) == LOKY.content(quiet)
            shutil.rmtree(loud)
            loud.mkdir()
        else:
            assert hit, said[-3000:]
            assert "TerminatedWorkerError" in said, said[-3000:]
        assert not left_behind(mark)
        assert not unreadable(loud)
    end(start(LOKY, loud, mark), loud)
    assert LOKY.content(loud) == LOKY.content(quiet)
    say(
        json.dumps({"way": "loky workers", "kills": kills, "ended before": early, "shares": shares})
    )


def dask_workers(place: Path, kills: int, seed: int, say=print) -> None:
    """Workers are killed while a sweep runs, which does not notice: the jobs go to the others.

    Both may be gone at once; the sweep then waits.  Before it has handed out its jobs it would end,
    as it should without a worker, and one that is killed while it starts Dask begins no more: at
    these two moments nobody is killed.
    """
    mark, draw, n, runs = uuid.uuid4().hex, random.Random(f"dask workers {seed}"), 0, 0
    quiet = place / "dask quiet"
    quiet.mkdir(parents=True)
    end(start(LOKY, quiet, mark), quiet)  # without a cluster: the same results
    with cluster() as (address, made):
        way = Way("dask workers", LOKY.prepare, LOKY.command, LOKY.content, unreadable)
        way.env = {"COMPANION_CLUSTER": address}
        while n < kills:
            runs += 1
            folder = place / f"dask {runs}"
            folder.mkdir()
            made.wait_for_workers(1)
            process = start(way, folder, mark)
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(draw.uniform(0.5, 3))
                    break
                known = sorted(one.name for one in list(made.scheduler.workers.values()))
                if n < kills and known and made.scheduler.tasks:
                    pid = made.workers[draw.choice(known)].pid
                    if pid:
                        with suppress(ProcessLookupError):
                            os.kill(pid, 9)
                            n += 1
            end(process, folder)
            assert way.content(folder) == LOKY.content(quiet)
            assert not left_behind(mark)
    say(json.dumps({"way": "dask workers", "kills": n, "sweeps": runs}))


def downloads(place: Path, kills: int, seed: int, say=print) -> None:
    """``data.fetch`` of 300 kB from a slow server on this machine."""

    with serving() as address:
        killed(download(address), place / "download", kills, seed, say)


def one_way(way: Way) -> Callable[..., object]:
    return lambda place, kills, seed, say=print: killed(way, place / way.name, kills, seed, say)


def both(*ways: Callable[..., object]) -> Callable[..., object]:
    def call(place: Path, kills: int, seed: int, say=print) -> None:
        for way in ways:
            way(place, kills, seed, say)

    return call


WAYS: dict[str, Callable[..., object]] = {
    "record": one_way(RECORD),
    "build": one_way(BOOK),
    "make": one_way(MAKER),
    "loky": both(one_way(LOKY), loky_workers),
    "dask": both(dask_clients, dask_workers),
    "download": downloads,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills")
    parser.add_argument("ways", nargs="*", default=list(WAYS), choices=WAYS, metavar="WAY")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=35)
    given = parser.parse_args()
    for name in given.ways:
        with tempfile.TemporaryDirectory(prefix="kills-") as place:
            WAYS[name](Path(place), given.kills, given.seed)


if __name__ == "__main__":
    main()
