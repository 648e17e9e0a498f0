"""From a name to a checked local file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import pooch

from companion import repository
from companion.data._registry import Entry, registry

RELEASE = "data-v1"
"""Tag of the release that carries the data files."""


class DataUnavailable(RuntimeError):
    """A file or a model is not here and cannot be had; the message says what to do."""


class DataCorrupt(ValueError):
    """The file is here, but it is not the one that the registry names."""


def cache_folder(env: Mapping[str, str] | None = None) -> Path:
    """Where downloads are kept: ``$COMPANION_CACHE``, else the user's cache folder.

    env : environment to look at; default this process's
    """
    chosen = (os.environ if env is None else env).get("COMPANION_CACHE")
    return Path(chosen or pooch.os_cache("runnable-papers")) / "data"


def _entry(name: str) -> Entry:
    if name not in registry():
        raise ValueError(f"unknown data file {name!r}; known are {', '.join(registry())}")
    return registry()[name]


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def locate(name: str, env: Mapping[str, str] | None = None) -> Path | None:
    """The file if it is on this machine (mirror or cache), without checking it; else None.

    env : look as a process with this environment would; default this process's
    """
    entry = _entry(name)
    mirror = (os.environ if env is None else env).get("COMPANION_DATA")
    places = [Path(mirror) / entry.name] if mirror else []
    places.append(cache_folder(env) / entry.asset)
    return next((place for place in places if place.is_file()), None)


def fetch(name: str, *, download: bool = True) -> Path:
    """A local path of the data file `name`, whose hash is right.

    Raises
    ------
    ValueError : no such name; the message lists the names
    DataCorrupt : a local copy with another hash; one in the cache is removed
    DataUnavailable : not on this machine and not to be downloaded
    """
    entry = _entry(name)
    if path := locate(name):
        if (found := sha256(path)) != entry.sha256:
            if path.is_relative_to(cache_folder()):
                path.unlink()
            raise DataCorrupt(
                f"{path} has SHA-256 {found}, the registry says {entry.sha256}; "
                "replace the file or unset COMPANION_DATA"
            )
        return path
    address = repository.url()
    if not download or address is None or not entry.release:
        reason = (
            f"its licence ({entry.licence}) does not let the book redistribute it"
            if not entry.release
            else "the book has no data release yet"
            if address is None
            else "downloads are off"
        )
        raise DataUnavailable(
            f"{name} is not on this machine and {reason}. Put it into a folder as {name} and set "
            f"COMPANION_DATA to that folder. Origin: {entry.origin}"
        )
    return _download(entry, f"{address}/releases/download/{RELEASE}/{entry.asset}")


def _download(entry: Entry, url: str) -> Path:
    """Through pooch, which writes to a temporary name and keeps only a file with the right hash."""
    try:
        return Path(
            pooch.retrieve(
                url,
                known_hash=f"sha256:{entry.sha256}",
                fname=entry.asset,
                path=cache_folder(),
                progressbar=False,
            )
        )
    except ValueError as error:
        raise DataCorrupt(f"{url} is not the file that the registry names: {error}") from error
    except OSError as error:
        raise DataUnavailable(
            f"{entry.name} could not be downloaded from {url} ({error}). Try again with a network, "
            f"or put it into a folder as {entry.name} and set COMPANION_DATA to that folder."
        ) from error
