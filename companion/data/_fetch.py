"""From a name to a checked local file."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import pooch

from companion import repository
from companion.data import _registry
from companion.data._registry import Entry, registry

RELEASE = "data-v1"
"""Tag of the release that carries the data files."""

TIMEOUT = 30
"""Seconds of silence after which a download is given up."""

PATIENCE, SLOWEST = 60, 20_000
"""A download may take PATIENCE seconds, and one more for each SLOWEST bytes."""

MARGIN = 60
"""Seconds after that until a half-written file is nobody's."""


class DataUnavailable(RuntimeError):
    """A file or a model is not here and cannot be had; the message says what to do.

    short : one sentence for a page: what is not here, and why; empty if the message has to do
    """

    def __init__(self, message: str, *, short: str = ""):
        super().__init__(message)
        self.short = short


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
    """The file if it is on this machine, without checking it; else None.

    Looked for in the package, in ``$COMPANION_DATA`` and in the cache, in this order.  So a file
    that ships is always the package's: another one of that name in ``$COMPANION_DATA`` is not
    looked at, because only one content can have the registered hash.

    env : look as a process with this environment would; default this process's
    """
    entry = _entry(name)
    mirror = (os.environ if env is None else env).get("COMPANION_DATA")
    places = [_registry.FILES / entry.name] if entry.ships else []
    if mirror:
        places.append(Path(mirror) / entry.name)
    places.append(cache_folder(env) / entry.asset)
    return next((place for place in places if place.is_file()), None)


def fetch(name: str, *, download: bool = True) -> Path:
    """A local path of the data file `name`, whose hash is right.

    Raises
    ------
    ValueError : no such name; the message lists the names
    DataCorrupt : a local copy with another hash (one in the cache is removed), or a download that
        is not the registered file
    DataUnavailable : not on this machine and not to be downloaded, or not to be had there
    """
    entry = _entry(name)
    if path := locate(name):
        if (found := sha256(path)) != entry.sha256:
            raise DataCorrupt(
                f"{path} has SHA-256 {found}, the registry says {entry.sha256}; {_mend(path)}"
            )
        return path
    address = repository.url()
    if not download or address is None or not entry.ships:
        reason = (
            f"its licence ({entry.licence}) does not let the book redistribute it"
            if not entry.ships
            else "the book has no data release yet"
            if address is None
            else "downloads are off"
        )
        raise DataUnavailable(
            f"{name} is not on this machine and {reason}. {_by_hand(entry)} Origin: {entry.origin}",
            short=f"{name} does not ship with this book ({entry.why})."
            if entry.why
            else f"{name} is not on this machine: {reason}.",
        )
    return _download(entry, f"{address}/releases/download/{RELEASE}/{entry.asset}")


def _mend(path: Path) -> str:
    """What to do about a file with another hash; one in the cache is removed."""
    if path.is_relative_to(_registry.FILES):
        return "it came with the package: install that again, or check the file out again"
    if path.is_relative_to(cache_folder()):
        path.unlink()
        return "the damaged copy was removed, try again"
    return "replace the file or unset COMPANION_DATA"


def _by_hand(entry: Entry) -> str:
    """How a reader provides a file."""
    return f"Put it into a folder as {entry.name} and set COMPANION_DATA to that folder."


class _WebPage(Exception):
    """An HTML page came in the place of the file."""


class _TooLong(Exception):
    """More bytes came than the registered file has."""


class _TooSlow(Exception):
    """The whole download took too long, though the server was never silent for long."""


class _Limited:
    """A stream that takes no web page, and no more than `limit` bytes."""

    def __init__(self, stream: BinaryIO, limit: int):
        self._stream, self._left, self._begun = stream, limit, False

    def write(self, chunk: bytes) -> None:
        """Write `chunk`, or raise before anything of it is written."""
        if not self._begun and _is_html(chunk):
            raise _WebPage
        self._begun = True
        self._left -= len(chunk)
        if self._left < 0:
            raise _TooLong
        self._stream.write(chunk)


class _Deadline:
    """Shuts the connections of a download when its time is over.

    A limit on silence alone would let a server that sends a byte now and then keep a reader for
    days; and while the library waits for a full chunk, or for a header, there is no place in our
    code to look at a clock.
    """

    def __init__(self, seconds: float):
        self.over = False
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        self._timer.join()

    def _end(self) -> None:
        with self._lock:
            self.over = True
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def watch(self, connection: socket.socket) -> None:
        """Shut `connection` at the end, or raise if that is over."""
        with self._lock:
            if self.over:
                raise OSError("out of time")
            self._open.append(connection)


@contextmanager
def _session(deadline: _Deadline) -> Iterator[object]:
    """A session of requests whose connections `deadline` knows."""
    import requests
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    def watched(pool: type) -> type:
        class Connection(pool.ConnectionCls):
            def connect(self) -> None:
                super().connect()
                deadline.watch(self.sock)

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})

    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: object, **kwargs: object) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {
                "http": watched(HTTPConnectionPool),
                "https": watched(HTTPSConnectionPool),
            }

    with requests.Session() as session:
        session.adapters.clear()  # no address but one of the web, wherever a redirect leads
        session.mount("http://", Adapter())
        session.mount("https://", Adapter())
        yield session


def _is_html(start: bytes) -> bool:
    """Whether bytes look like the start of a web page: markup that names ``html``."""
    text = start[:2048].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return bool(re.match(rb"<(?:!doctype|html|head|body|!--|\?xml)", text)) and b"html" in text


def _forget_leftovers(folder: Path) -> None:
    """Remove what downloads of killed processes left: files older than any download may last.

    pooch writes to a temporary name in the folder of the file.
    """
    largest = max(entry.bytes for entry in registry().values())
    oldest = time.time() - PATIENCE - largest / SLOWEST - MARGIN
    for part in folder.glob("tmp*"):
        with suppress(OSError):  # another process may have removed it
            if part.stat().st_mtime < oldest:
                part.unlink()


def _downloader(entry: Entry) -> Callable[[str, str, object], None]:
    """What pooch calls with (address, path): bounded in silence, in time, and in size."""

    def get(address: str, path: str, _pooch: object) -> None:
        with _Deadline(PATIENCE + entry.bytes / SLOWEST) as deadline, _session(deadline) as session:
            try:
                with (
                    open(path, "wb") as file,
                    session.get(address, stream=True, timeout=TIMEOUT) as answer,
                ):
                    answer.raise_for_status()
                    limited = _Limited(file, entry.bytes)
                    for chunk in answer.iter_content(1 << 16):
                        limited.write(chunk)
            except OSError as error:
                if deadline.over:
                    raise _TooSlow from error
                raise
            if deadline.over:  # what was shut may look like the end of the file
                raise _TooSlow

    return get


def _download(entry: Entry, url: str) -> Path:
    """Through pooch, which writes to a temporary name and keeps only a file with the right hash."""
    _forget_leftovers(cache_folder())
    try:
        if urlsplit(url).scheme not in ("http", "https"):
            raise OSError("the address is neither http nor https")
        return Path(
            pooch.retrieve(
                url,
                known_hash=f"sha256:{entry.sha256}",
                fname=entry.asset,
                path=cache_folder(),
                downloader=_downloader(entry),
            )
        )
    except _WebPage as error:
        raise _unavailable(entry, url, "a web page came, perhaps a login") from error
    except _TooSlow as error:
        raise _unavailable(entry, url, "the server is too slow") from error
    except _TooLong as error:
        raise DataCorrupt(
            f"{url} is not the file that the registry names: it has more than {entry.bytes} bytes"
        ) from error
    # First what the network did: some of its errors are a ValueError as well, for instance that of
    # a redirect to a file of this machine.
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataUnavailable(
                f"{entry.name} could not be kept in {cache_folder()} ({error.strerror}). Make room "
                "there, or set COMPANION_CACHE to a folder on another disk.",
                short=f"{entry.name} could not be kept on this machine: its disk is full.",
            ) from error
        raise _unavailable(entry, url, str(error)) from error
    except ValueError as error:
        raise DataCorrupt(f"{url} is not the file that the registry names: {error}") from error


def _unavailable(entry: Entry, url: str, reason: str) -> DataUnavailable:
    return DataUnavailable(
        f"{entry.name} could not be downloaded from {url} ({reason}). Try again with a network; "
        + _by_hand(entry),
        short=f"{entry.name} is not on this machine and could not be downloaded.",
    )
