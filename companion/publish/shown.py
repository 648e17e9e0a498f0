"""Which run a page shows: the published one where its results ship, else one at toy scale.

A chapter whose steps are kept (:mod:`companion.chapter`) ships the results of its published run.
Its page is made from them, at the record's own scale, and computes nothing that ships.  Where a
result is of other code than this, the page says so and shows a toy run: a build never computes for
minutes, and never shows old numbers as those of this code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from companion import chapter, records
from companion.papers import Paper, paper
from companion.project import Project
from companion.publish import runs, store
from companion.publish.errors import NotebookFailed, RunsFailed
from companion.publish.files import write_atomic
from companion.publish.keys import PUBLISH
from companion.publish.store import Plan, Run, ships

AS_PUBLISHED = {chapter.PUBLISHED: "1"}
"""Environment of a kernel that shows the published run."""

FOR_PAGES = {PUBLISH: "1"}
"""Environment of a kernel that draws for pages, whatever ships."""


@dataclass(frozen=True)
class Shown:
    """What a page is made from.

    run : the executed notebook
    stale : which shipped result is not of this code, and why; empty if the page shows the
        published run or if nothing ships
    """

    run: Run
    stale: str = ""


def for_pages(slugs: Sequence[str], project: Project | None = None) -> dict[str, Shown]:
    """The run that each page shows, by slug; what did not run before is run.

    Raises :class:`~companion.publish.errors.RunsFailed` after the last one if a notebook failed,
    with the finished ones named.
    """
    project = (project or Project()).require()
    found, failures, stale = _published(slugs, project)
    broken = {failure.slug for failure in failures}
    toys = [slug for slug in slugs if slug not in found and slug not in broken]
    finished = set(found)
    try:
        done = runs.run_many(toys, "toy", project=project, env=FOR_PAGES)
        found |= {run.slug: run for run in done}
        finished |= set(toys)
    except RunsFailed as failed:
        failures += failed.failures
        finished |= set(failed.finished)
    if failures:
        raise RunsFailed(failures, sorted(finished))
    return {slug: Shown(found[slug], stale.get(slug, "")) for slug in slugs}


def _published(
    slugs: Sequence[str], project: Project
) -> tuple[dict[str, Run], list[NotebookFailed], dict[str, str]]:
    """(runs that show the published one, notebooks that failed, why others are stale)."""
    entries = [entry for slug in slugs if ships(entry := paper(slug, project), project)]
    found: dict[str, Run] = {}
    failures: list[NotebookFailed] = []
    stale: dict[str, str] = {}
    of_scale: dict[str, list[str]] = {}
    for entry in entries:
        scale = str(records.load(entry.slug, project)["scale"])
        if note := _known_as_stale(entry, scale, project):
            stale[entry.slug] = note
        else:
            of_scale.setdefault(scale, []).append(entry.slug)
    for scale, chosen in of_scale.items():
        try:
            done = runs.run_many(chosen, scale, project=project, env=AS_PUBLISHED)
        except RunsFailed as failed:
            for failure in failed.failures:
                if failure.error == chapter.Stale.__name__:
                    stale[failure.slug] = failure.message
                    _remember_as_stale(failure, scale, project)
                else:
                    failures.append(failure)
            # the finished ones are found again
            done = runs.run_many(failed.finished, scale, project=project, env=AS_PUBLISHED)
        found |= {run.slug: run for run in done}
    return found, failures, stale


def _plan(entry: Paper, scale: str, project: Project) -> Plan:
    env = runs.environment(AS_PUBLISHED)
    return store.plan(entry, scale, None, None, project, env)


def _note(slug: str, project: Project) -> Path:
    return project.build / "stale" / f"{slug}.json"


def _known_as_stale(entry: Paper, scale: str, project: Project) -> str:
    """What an earlier attempt in this very state found; empty if there was none."""
    try:
        note = json.loads(_note(entry.slug, project).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    if not isinstance(note, Mapping):
        return ""
    is_same = note.get("run") == _plan(entry, scale, project).path.stem
    return str(note.get("stale", "")) if is_same else ""


def _remember_as_stale(failure: NotebookFailed, scale: str, project: Project) -> None:
    """A stale chapter is tried once, and not at every build; it is no notebook that failed."""
    if failure.path:
        failure.path.unlink(missing_ok=True)
    state = _plan(paper(failure.slug, project), scale, project).path.stem
    note = {"run": state, "stale": failure.message}
    write_atomic(_note(failure.slug, project), json.dumps(note))
