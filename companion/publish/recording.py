"""Publish a chapter's results: one run at book scale, one small JSON file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import nbformat

from companion.papers import paper
from companion.project import Project
from companion.publish import store
from companion.publish.errors import DataMissing, NoRecord, NotebookFailed
from companion.publish.lock import Say, only_one
from companion.publish.progress import to_stderr
from companion.publish.runs import run


def record(
    slug: str, project: Project | None = None, *, scale: str = "book", say: Say = to_stderr
) -> Path:
    """Run a notebook at book scale and write ``companion/records/<slug>.json``.

    A finished run is found again.  A run that was killed goes on with the steps that are done
    (:mod:`companion.chapter`), and of a sweep with the jobs that are done.  The results that the
    run used are shipped beside the record.  The file is replaced in one step; a run that fails
    leaves it as it was.

    Where data are not here from which the published record was made, the stored results alone are
    judged.  Raises :class:`~companion.publish.errors.DataMissing`, before anything is computed, if
    none ship or one is of other code: the new record would say *not tested* for claims that were
    tested.
    """
    from companion import chapter, records

    project = (project or Project()).require()
    lacking = _lacking_data(slug, scale, project)
    if lacking and not store.ships(paper(slug, project), project):
        raise lacking
    with only_one(project, say, f"record {slug}"):
        try:
            env = {chapter.PUBLISHED: "1"} if lacking else None
            finished = run(slug, scale, project=project, env=env)
        except NotebookFailed as failed:
            if lacking and failed.error == chapter.Stale.__name__:
                raise lacking from failed
            raise
        notebook = nbformat.read(finished.path, as_version=4)
        result = records.from_notebook(notebook)
        if result is None:
            raise NoRecord(f"{slug}: the notebook emitted no record; call records.emit in it")
        if (result["slug"], result["scale"]) != (slug, scale):
            raise NoRecord(
                f"{slug}: the notebook emitted a record of {result['slug']} at "
                f"{result['scale']} scale, expected {slug} at {scale}"
            )
        if report := records.report_name(notebook):
            try:
                cost = chapter.ship(slug, report, project)
            except FileNotFoundError as error:
                raise NoRecord(f"{slug}: {error}") from error
            made = result["provenance"]
            made["wall_s"] = round(made["wall_s"] + cost["seconds"], 1)
            made["peak_mb"] = max(made["peak_mb"], cost["peak_mb"])
        path = records.save(result, project)
        say(f"{slug}: record written to {path}")
    return path


def _lacking_data(slug: str, scale: str, project: Project) -> DataMissing | None:
    """Why no step may be computed: data of the published record that the code still reads.

    Files that were not there when that record was made, as its notes say, are not asked for.
    """
    from companion import claims, data, records

    published, now = records.load(slug, project), records.code(slug, scale, project)
    if published is None or now is None:
        return None
    made_from = published["provenance"].get("definitions", {}).keys() & now.definitions.keys()
    without = " ".join(
        finding["note"]
        for finding in published["findings"]
        if finding["verdict"] == claims.NOT_TESTED
    )
    files = [
        entry
        for name, entry in sorted(data.registry().items())
        if f"data: {name}" in made_from and name not in without
        if not entry.ships and data.locate(name) is None
    ]
    if not files:
        return None
    what = "\n".join(f"    {entry.name}  ({entry.why}; from {entry.origin})" for entry in files)
    message = (
        f"{slug}: the published record was made from data that are not on this machine and do not "
        "ship, and not all of its stored results are of this code; without the data, claims that "
        f"were tested would be recorded as not tested:\n{what}\n"
        "Put them into a folder under these names and set COMPANION_DATA to that folder."
    )
    return DataMissing(slug, [entry.name for entry in files], message)


def verify(
    slug: str,
    n_steps: int,
    project: Project | None = None,
    *,
    minutes: float = math.inf,
    say: Say = to_stderr,
) -> list[tuple[str, str]]:
    """Compute some of the shipped results again and compare them to the last digit.

    n_steps : how many, drawn at random with the seconds that they take as weights
    minutes : that the chosen steps took together when they were recorded, at most

    Returns name and outcome of each: ``verified``, ``differs: ...`` with the first place, or why
    it was not compared.  Where another processor recorded them, its arithmetic may round
    otherwise (within :func:`companion.rounding.bound`) and a training run ends elsewhere: then it
    is ``on another processor differs: ...``, and more than that is ``differs: ...`` there, too.

    Raises :class:`~companion.publish.errors.NoRecord` if no result ships, or none within `minutes`.
    """
    import random

    from companion import chapter, records

    project = (project or Project()).require()
    steps = {line["step"]: line for line in chapter.shipped_steps(slug, project)}
    if not steps:
        raise NoRecord(f"{slug} ships no results of steps")
    draw = random.SystemRandom()
    # the largest of u^(1/w) are a weighted draw without replacement (Efraimidis and Spirakis 2006)
    rank = {name: draw.random() ** (1 / max(line["seconds"], 0.01)) for name, line in steps.items()}
    chosen, left = [], 60 * minutes
    for name in sorted(steps, key=rank.get, reverse=True):
        if len(chosen) < n_steps and steps[name]["seconds"] <= left:
            chosen.append(name)
            left -= steps[name]["seconds"]
    if not chosen:
        raise NoRecord(f"{slug}: no step was recorded in less than {minutes:g} minutes")
    scale = records.load(slug, project)["scale"]
    say(f"{slug}: computing {', '.join(chosen)} again")
    # the last name is of no step: this run is not another one's and is never found again
    names = ",".join([*chosen, f"#{draw.getrandbits(64):x}"])
    finished = run(slug, scale, project=project, env={chapter.VERIFY: names})
    notebook = nbformat.read(finished.path, as_version=4)
    for path in (finished.path, finished.path.with_suffix(".json")):
        path.unlink(missing_ok=True)
    report = chapter.kept_folder(slug, project) / "runs" / str(records.report_name(notebook))
    lines = [chapter.Done(**line) for line in json.loads(report.read_text("utf-8"))]
    other = records.load(slug, project)["provenance"]["processor"] != records.processor()
    return [(line.step, _outcome(line, other)) for line in lines if line.step in chosen]


def _outcome(line, other_processor: bool) -> str:
    from companion import chapter

    if line.how in ("shipped", "kept"):
        if other_processor and line.note.endswith((chapter.TRAINED, chapter.ROUNDED)):
            return f"on another processor {line.note}"
        return line.note
    return f"not stored with this key: {line.note or line.how}"
