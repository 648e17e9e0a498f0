"""The data that ship: the files of the release, and the notice that goes with them.

The same files lie in the package (``companion/data/files``) and, for a reader whose package lacks
one, in the release named in :data:`companion.data._fetch.RELEASE`, to which a maintainer attaches
the folder that :func:`pack` makes.  What may not be redistributed is in neither.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from companion.data import Entry, registry
from companion.data._fetch import sha256
from companion.data._registry import FILES

NOTICE = "LICENSES.md"
"""Name of the notice, in the package and in the release."""

TEXTS = Path(__file__).with_name("data") / "licenses"
"""Texts of the licenses that must go along with the files."""

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
        "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
        "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
        "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
        "MIT": "https://opensource.org/license/mit",
    }
)
"""Licenses that allow redistribution, and where they stand; anything else stays out."""

MUST_GO_ALONG = ("MIT", "Apache-2.0")
"""Licenses that ask for their text; those of Creative Commons are content with a link."""


class CannotPack(RuntimeError):
    """The source is not what the registry says; the message names every file."""


@dataclass(frozen=True)
class Packed:
    """What went into the release and what did not.

    assets : files written, among them ``SHA256SUMS`` and ``LICENSES.md``
    left_out : entries that may not be redistributed
    """

    assets: tuple[Path, ...]
    left_out: tuple[Entry, ...]


def shipped() -> list[Entry]:
    """Entries of the files that ship, in the registry's order."""
    return [entry for entry in registry().values() if entry.ships]


def pack(mirror: Path | None, out: Path) -> Packed:
    """Copy every file that may be redistributed from `mirror` to the new folder `out`.

    mirror : folder with ``<slug>/<file>``, as ``$COMPANION_DATA`` has it; None: the package's own
    out : must not exist, or be empty; it is there in the end only if everything was right

    Raises
    ------
    CannotPack : a file is missing or has another hash; nothing is written
    FileExistsError : `out` holds something
    """
    source = mirror or FILES
    entries = shipped()
    problems = [problem for entry in entries if (problem := _problem(source, entry))]
    if problems:
        raise CannotPack("nothing was packed:\n" + "\n".join(f"  {line}" for line in problems))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} exists and is not an empty folder; name a new one")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".pack-") as scratch:
        folder = Path(scratch) / "release"
        folder.mkdir()
        for entry in entries:
            shutil.copyfile(source / entry.name, folder / entry.asset)
        sums = "".join(f"{entry.sha256}  {entry.asset}\n" for entry in entries)
        for name, text in (("SHA256SUMS", sums), (NOTICE, licences(entries))):
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
        if out.exists():
            out.rmdir()
        os.replace(folder, out)
    left_out = tuple(entry for entry in registry().values() if not entry.ships)
    return Packed(tuple(sorted(out.iterdir())), left_out)


def licences(entries: Iterable[Entry]) -> str:
    """The notice that goes with the files: license, origin and holder of each, and the texts.

    The package has the files as ``<slug>/<file>``, the release as ``<slug>--<file>``.
    """
    entries = list(entries)
    used = sorted({name for e in entries for name in _names(e.licence)})
    lines = [
        "# Licenses of the data files",
        "",
        "The files below come with this book, in `companion/data/files/` (in the data release with",
        "`--` in the place of `/`). The book's own code is under the MIT license; these files are",
        "not part of that grant, each has the license that stands beside it. This list is made",
        "from `companion/data/registry.toml`, which has the hashes.",
        "",
        "Facts are numbers that a paper or its authors printed, transcribed for this book without",
        "any text or code; no license was found for them.",
        "",
        "| file | license | holder | origin |",
        "| --- | --- | --- | --- |",
    ]
    for e in entries:
        licence, holder = ("facts", "") if e.facts else (e.licence, e.copyright or "this book")
        cells = (f"`{e.name}`", licence, holder, e.origin)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += ["", "## Where the licenses stand", ""]
    lines += [f"- {name}: <{NAMES[name]}>" for name in used]
    for name in (n for n in MUST_GO_ALONG if n in used):
        text = (TEXTS / f"{name}.txt").read_text(encoding="utf-8").strip("\n")
        lines += ["", f"## {name}", "", "```", text, "```"]
    return "\n".join(lines) + "\n"


def _names(licence: str) -> list[str]:
    """SPDX names in a license field: ``"MIT AND Apache-2.0"`` has two, words have none."""
    parts = licence.split(" AND ")
    return parts if all(part in NAMES for part in parts) else []


def _problem(mirror: Path, entry: Entry) -> str | None:
    path = mirror / entry.name
    if not path.is_file():
        return f"{entry.name}: not in {mirror}"
    found = sha256(path)
    if found != entry.sha256:
        return f"{entry.name}: SHA-256 is {found}, the registry says {entry.sha256}"
    return None
