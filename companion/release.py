"""The data release: the files that a reader without a mirror downloads.

A maintainer packs a folder from a complete mirror and attaches its files to the release named in
:data:`companion.data.RELEASE`.  Files whose license does not allow it stay out.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from companion.data import Entry, registry
from companion.data._fetch import sha256


class CannotPack(RuntimeError):
    """The mirror is not what the registry says; the message names every file."""


@dataclass(frozen=True)
class Packed:
    """What went into the release and what did not.

    assets : files written, among them ``SHA256SUMS`` and ``LICENSES.md``
    left_out : entries that may not be redistributed
    """

    assets: tuple[Path, ...]
    left_out: tuple[Entry, ...]


def pack(mirror: Path, out: Path) -> Packed:
    """Copy every file that may be redistributed from `mirror` to the new folder `out`.

    mirror : folder with ``<slug>/<file>``, as ``$COMPANION_DATA`` has it
    out : must not exist, or be empty; it is there in the end only if everything was right

    Raises
    ------
    CannotPack : a file is missing or has another hash; nothing is written
    FileExistsError : `out` holds something
    """
    entries = list(registry().values())
    allowed = [entry for entry in entries if entry.release]
    problems = [problem for entry in allowed if (problem := _problem(mirror, entry))]
    if problems:
        raise CannotPack("nothing was packed:\n" + "\n".join(f"  {line}" for line in problems))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} exists and is not an empty folder; name a new one")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".pack-") as scratch:
        folder = Path(scratch) / "release"
        folder.mkdir()
        for entry in allowed:
            shutil.copyfile(mirror / entry.name, folder / entry.asset)
        sums = "".join(f"{entry.sha256}  {entry.asset}\n" for entry in allowed)
        (folder / "SHA256SUMS").write_text(sums, encoding="utf-8")
        (folder / "LICENSES.md").write_text(licences(allowed), encoding="utf-8")
        if out.exists():
            out.rmdir()
        os.replace(folder, out)
    left_out = tuple(entry for entry in entries if not entry.release)
    return Packed(tuple(sorted(out.iterdir())), left_out)


def licences(entries: list[Entry]) -> str:
    """The notice that goes with the files: license and origin of each."""
    rows = "".join(f"| `{e.asset}` | {e.licence} | {e.origin} |\n" for e in entries)
    head = "| file | license | origin |\n| --- | --- | --- |\n"
    return f"# Licenses of the data files\n\n{head}{rows}"


def _problem(mirror: Path, entry: Entry) -> str | None:
    path = mirror / entry.name
    if not path.is_file():
        return f"{entry.name}: not in {mirror}"
    found = sha256(path)
    if found != entry.sha256:
        return f"{entry.name}: SHA-256 is {found}, the registry says {entry.sha256}"
    return None
