"""``python -m tests.full_disk``: real commands on a disk that is full, and again with space.

    python -m tests.full_disk build record make store download

As root, on Linux: each folder is a small file system in memory, of which a file takes all but a few
kilobytes.  A command then ends with status 1 and one line that names the disk, or does its work
where that needs no more; every file that has its name is whole.  With the space back the same
command goes on, and its results are those of a disk that was never full.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import kills

FREE = (0, 16, 128, 512)
"""Kilobytes that are left."""

STORE = """
import sys
from pathlib import Path
from tests import kill_jobs as jobs
jobs.stored(Path(sys.argv[1]))
"""
WORDS = ("No space left", "no space left", "disk")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system in memory at `folder`."""
    folder.mkdir(parents=True)
    size = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, free: int) -> Path:
    """A file that leaves `free` kilobytes."""
    from shutil import disk_usage

    filler = folder / "filler"
    with filler.open("wb") as file:
        left = disk_usage(folder).free - free * 1024
        file.write(b"x" * max(left, 0))
    return filler


def on_a_full_disk(way: kills.Way, place: Path, free: int, wanted: dict[str, object]) -> str:
    """How a command ends there; it goes on with space, which is checked."""
    mark, folder = uuid.uuid4().hex, place / f"{way.name} {free}"
    with small_disk(folder, 80):
        way.prepare(folder)
        filler = fill(folder, free)
        process = kills.start(way, folder, mark)
        status = process.wait(600)
        said = kills.log_of(folder).read_text().strip()
        assert not kills.left_behind(mark)
        assert not kills.unreadable(folder), kills.unreadable(folder)
        if status:
            last = said.splitlines()[-1] if said else ""
            assert status == 1, (status, said)
            assert any(word in said for word in WORDS), said
            assert "Traceback" not in said or way.name in ("store", "download"), said
        else:
            last = said.splitlines()[-1] if said else "done"
        filler.unlink()
        kills.end(kills.start(way, folder, mark), folder)
        assert way.content(folder) == wanted, f"{way.name} with {free} kB: differs"
        return f"status {status}, {len(said.splitlines())} lines: {last}"


def ways(address: str) -> dict[str, kills.Way]:
    """What is tried."""
    store = kills.Way(
        "store", lambda folder: None, kills.command(STORE), kills.bytes_in("value.npz")
    )
    known = (kills.BOOK, kills.RECORD, kills.MAKER, store, kills.download(address))
    return {way.name: way for way in known}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.full_disk")
    parser.add_argument("names", nargs="*", metavar="WAY")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="full-") as scratch, kills.serving() as address:
        place, known = Path(scratch), ways(address)
        for name in given.names or known:
            way, quiet = known[name], Path(scratch) / f"{name} quiet"
            quiet.mkdir()
            way.prepare(quiet)
            kills.end(kills.start(way, quiet, uuid.uuid4().hex), quiet)
            wanted = way.content(quiet)
            assert wanted
            for free in FREE:
                how = on_a_full_disk(way, place, free, wanted)
                print(json.dumps({"way": name, "free kB": free, "how": how}), flush=True)


if __name__ == "__main__":
    main()
