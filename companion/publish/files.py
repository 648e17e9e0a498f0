"""Files that are either whole or not there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path


def digest(data: bytes | str) -> str:
    """SHA-256 of `data` as 64 hexadecimal digits; text is encoded as UTF-8."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def write_atomic(path: Path, data: bytes | str, *, sync: bool = False) -> Path:
    """Write `data` under a temporary name beside `path`, then rename it to `path`.

    A reader sees the old content or the new one; an interrupted or failed write (no disk space)
    leaves the old content and no temporary file.

    sync : wait until the content is on the disk, so that it also survives a loss of power
    """
    raw = data.encode() if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def to_disk(path: Path) -> None:
    """Wait until the content of the file `path` is on the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_if_changed(path: Path, data: bytes | str) -> bool:
    """Write `data` to `path` unless it is there already; True if the file was written.

    A file that does not change keeps its modification time.
    """
    raw = data.encode() if isinstance(data, str) else data
    if path.is_file() and path.read_bytes() == raw:
        return False
    write_atomic(path, raw)
    return True


def tree_files(folder: Path) -> list[Path]:
    """Files below `folder`, sorted; caches of Python and of Jupyter are left out."""
    skipped = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and not skipped & set(p.parts)]


def swap_folder(new: Path, target: Path) -> None:
    """Put the folder `new` in the place of `target`, which stays whole if the rename fails."""
    old = target.with_name(target.name + ".old")
    restore_folder(target)
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        restore_folder(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def restore_folder(target: Path) -> None:
    """Undo a :func:`swap_folder` that was interrupted between its two renames."""
    old = target.with_name(target.name + ".old")
    if old.exists() and not target.exists():
        old.rename(target)
