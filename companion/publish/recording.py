"""Publish a chapter's results: one run at book scale, one small JSON file."""

from __future__ import annotations

from pathlib import Path

import nbformat

from companion.project import Project
from companion.publish.errors import NoRecord
from companion.publish.lock import Say, only_one
from companion.publish.progress import to_stderr
from companion.publish.runs import run


def record(
    slug: str, project: Project | None = None, *, scale: str = "book", say: Say = to_stderr
) -> Path:
    """Run a notebook at book scale and write ``companion/records/<slug>.json``.

    A finished run is found again; of a run that was interrupted nothing is kept.  The file is
    replaced in one step; a run that fails leaves it as it was.
    """
    from companion import records

    project = (project or Project()).require()
    with only_one(project, say, f"record {slug}"):
        finished = run(slug, scale, project=project)
        result = records.from_notebook(nbformat.read(finished.path, as_version=4))
        if result is None:
            raise NoRecord(f"{slug}: the notebook emitted no record; call records.emit in it")
        if (result["slug"], result["scale"]) != (slug, scale):
            raise NoRecord(
                f"{slug}: the notebook emitted a record of {result['slug']} at "
                f"{result['scale']} scale, expected {slug} at {scale}"
            )
        path = records.save(result, project)
        say(f"{slug}: record written to {path}")
    return path
