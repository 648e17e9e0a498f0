"""Digests for records that were made before there were digests, and accepted changes.

:func:`stamp` goes to the commit that a record names, proves that the old fingerprint of the code
there is the record's, and writes the digest *of that code* into the record.  What changed since
then is the difference to the code of today.  :func:`accept` writes down that a person looked at
these changes and why no published number can have moved.  Findings and series are never touched.
:func:`outdate` writes down the contrary: the result may differ today, and pages show it as stale
until it is recorded again.
"""

from __future__ import annotations

import datetime
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from companion import fingerprint, records
from companion.papers import UnknownPaper
from companion.project import Project
from companion.records import _fingerprint


class CannotRestamp(RuntimeError):
    """No commit can be shown to have made the record; the message says what was tried."""


@dataclass(frozen=True)
class Stamp:
    """What was found out about one record.

    commit : where the old fingerprint is the record's; `named` : the commit that the record names
    made : what the numbers depended on there
    now : what they depend on in the code of today
    """

    slug: str
    commit: str
    named: str
    made: fingerprint.Chapter
    now: fingerprint.Chapter

    @property
    def changes(self) -> fingerprint.Changes:
        """The definitions that differ between then and now; empty while the digests are equal."""
        if self.made.digest == self.now.digest:
            return fingerprint.Changes()
        return fingerprint.changes(self.made.definitions, self.now.definitions)

    def text(self) -> str:
        """In one line."""
        proof = f"the fingerprint is that of {self.commit[:9]}"
        if self.commit != self.named:
            proof += f" (the record names {self.named[:9]}{self.named[40:]})"
        if self.made.digest == self.now.digest:
            return f"{self.slug}: {proof}; nothing has changed since"
        places = self.made.places | self.now.places
        return (
            f"{self.slug}: {proof}; since then {self.changes.text(places) or 'an order of parts'}"
        )


def _git(project: Project, *arguments: str) -> bytes:
    command = ["git", "-C", str(project.root), *arguments]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    if done.returncode:
        raise CannotRestamp(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


@contextmanager
def checkout(commit: str, project: Project) -> Iterator[Project]:
    """Package and notebooks of a commit, in a temporary folder."""
    archive = _git(project, "archive", "--format=tar", commit, "companion", "notebooks")
    with tempfile.TemporaryDirectory(prefix="companion-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        yield Project(Path(folder))


def _candidates(slug: str, named: str, project: Project) -> list[str]:
    """The commit that the record names, then those that changed the record's file, oldest first."""
    path = f"companion/records/{slug}.json"
    later = _git(project, "log", "--reverse", "--format=%H", "--", path).decode().split()
    return list(dict.fromkeys([named[:40], *later]))


def stamp(slug: str, project: Project | None = None) -> Stamp:
    """Find the code that made a record; the first commit whose old fingerprint is the record's.

    Raises :class:`CannotRestamp` if there is none, or no record with a fingerprint.
    """
    project = project or Project()
    record = records.load(slug, project)
    if record is None:
        raise CannotRestamp(f"{slug} has no record")
    wanted = record["provenance"].get("fingerprint")
    named = record["provenance"]["commit"]
    if wanted is None or named is None:
        raise CannotRestamp(
            f"{slug}: the record names no fingerprint or no commit; record it again"
        )
    tried = []
    for commit in _candidates(slug, named, project):
        try:
            with checkout(commit, project) as then:
                if _fingerprint.fingerprint(slug, then) == wanted:
                    made = records.code(slug, record["scale"], then)
                    now = records.code(slug, record["scale"], project)
                    return Stamp(slug, commit, named, made, now)
            tried.append(f"{commit[:9]} has another fingerprint")
        except (CannotRestamp, UnknownPaper, SyntaxError) as error:
            tried.append(f"{commit[:9]}: {error}")
    raise CannotRestamp(f"{slug}: no commit is shown to have made the record; {'; '.join(tried)}")


def write(found: Stamp, project: Project | None = None) -> Path:
    """Write digest and definitions of the code that made the record into it."""
    record = records.load(found.slug, project)
    made = record["provenance"] | {
        "digest": found.made.digest,
        "definitions": found.made.definitions,
    }
    if found.commit != found.named:
        made["digest_commit"] = found.commit
    record["provenance"] = dict(sorted(made.items()))
    return records.save(record, project)


def accept(slug: str, reason: str, project: Project | None = None) -> fingerprint.Changes:
    """Declare that what changed since the record cannot move a published number.

    The record keeps date, reason and definitions, and is fresh as long as the code has exactly
    this digest.  Returns the changes; without any, nothing is written.

    Raises :class:`CannotRestamp` without a reason, or if the record carries no digest.
    """
    if not reason.strip():
        raise CannotRestamp("say why no published number can have moved")
    found = records.changed_definitions(slug, project)
    if found is None:
        raise CannotRestamp(
            f"{slug}: the record carries no digest; `companion restamp {slug}` first"
        )
    if not records.is_stale(slug, project):
        return found
    record = records.load(slug, project)
    now = records.code(slug, record["scale"], project)
    entry = {
        "date": datetime.date.today().isoformat(),
        "reason": reason.strip(),
        "digest": now.digest,
        "definitions": {
            name: now.definitions.get(name)
            for name in sorted({*found.added, *found.removed, *found.changed})
        },
    }
    made = record["provenance"]
    made["accepted"] = [*made.get("accepted", ()), entry]
    record["provenance"] = dict(sorted(made.items()))
    records.save(record, project)
    return found


def outdate(slug: str, reason: str, project: Project | None = None) -> Path:
    """Declare that a run of today may find something else than the record says.

    The record is stale everywhere, with this reason, until it is recorded again.

    Raises :class:`CannotRestamp` without a reason or without a record.
    """
    record = records.load(slug, project)
    if record is None:
        raise CannotRestamp(f"{slug} has no record")
    if not reason.strip():
        raise CannotRestamp("say what may differ today")
    made = record["provenance"]
    made["outdated"] = {"date": datetime.date.today().isoformat(), "reason": reason.strip()}
    record["provenance"] = dict(sorted(made.items()))
    return records.save(record, project)
