"""Reading, writing and checking records."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import numpy as np

from companion import fingerprint
from companion.papers import paper
from companion.project import PACKAGE, Project
from companion.records._provenance import code, provenance

if TYPE_CHECKING:  # not for readers of records: it loads the libraries of the statistics
    from companion.claims import Finding

MIME = "application/vnd.runnable-papers.record+json"
"""An executed notebook carries its record as an output of this type."""


STEPS_MIME = "application/vnd.runnable-papers.steps+json"
"""Beside the record: the name of the file in which the run lists its steps."""


class RecordInvalid(ValueError):
    """A record that does not match the schema; the message names the place."""


def plain(value: object) -> object:
    """`value` as JSON can hold it: arrays to lists, numpy numbers to numbers, nan to null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    raise RecordInvalid(f"a record cannot hold {type(value).__name__}: {value!r}")


def validate(record: Mapping[str, object]) -> None:
    """Raise :class:`RecordInvalid` unless `record` matches ``schema.json``."""
    schema = json.loads((PACKAGE / "records" / "schema.json").read_text(encoding="utf-8"))
    try:
        jsonschema.validate(record, schema)
    except jsonschema.ValidationError as error:
        raise RecordInvalid(f"record, at {error.json_path}: {error.message}") from None


def emit(
    slug: str,
    scale: str,
    *,
    seeds: Sequence[int],
    settings: object,
    findings: Sequence[Finding],
    series: Mapping[str, object],
    sources: Mapping[str, str] | None = None,
) -> None:
    """Put the record of this run into the notebook, as an output that pages do not show.

    The notebook stays the only artifact of a run: whoever has the executed notebook has the
    record, and :func:`from_notebook` reads it back.

    settings : the chapter's dataclass of settings, or a mapping
    series : what the published figures need; arrays, numbers, strings, lists and dicts of them
    sources : name and identity (version, hash) of texts and other inputs that are not in the data
        registry; kept beside the versions of the libraries
    """
    from IPython.display import display

    record = plain(
        {
            "slug": slug,
            "scale": scale,
            "seeds": list(seeds),
            "settings": asdict(settings) if is_dataclass(settings) else settings,
            "findings": [finding.as_dict() for finding in findings],
            "series": series,
            "provenance": provenance(slug, scale),
        }
    )
    record["provenance"]["versions"] |= dict(sources or {})
    validate(record)
    verdicts = [finding.verdict for finding in findings]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    text = (
        f"{slug} at {scale} scale: {counts}; "
        f"{record['provenance']['wall_s']:.0f} s, {record['provenance']['peak_mb']:.0f} MB"
    )
    display({MIME: record, **_report(slug), "text/plain": text}, raw=True)


def _report(slug: str) -> dict[str, object]:
    """Where the run lists its steps, if the notebook keeps its results (companion.chapter)."""
    chapter = sys.modules.get("companion.chapter")
    path = chapter.report_of(slug) if chapter else None
    return {STEPS_MIME: {"report": path.name}} if path else {}


def from_notebook(notebook: Mapping[str, object]) -> dict[str, object] | None:
    """The record that an executed notebook carries, or None."""
    for cell in reversed(notebook["cells"]):
        for output in reversed(cell.get("outputs", ())):
            if MIME in output.get("data", {}):
                record = json.loads(json.dumps(output["data"][MIME]))
                validate(record)
                return record
    return None


def report_name(notebook: Mapping[str, object]) -> str | None:
    """Name of the file in which an executed notebook's run lists its steps, or None."""
    for cell in reversed(notebook["cells"]):
        for output in reversed(cell.get("outputs", ())):
            if STEPS_MIME in output.get("data", {}):
                return str(output["data"][STEPS_MIME]["report"])
    return None


def _path(slug: str, project: Project | None) -> Path:
    folder = project.records if project else PACKAGE / "records"
    return folder / f"{paper(slug, project).slug}.json"


def load(slug: str, project: Project | None = None) -> dict[str, object] | None:
    """The published record of a chapter, or None if there is none yet."""
    path = _path(slug, project)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def save(record: Mapping[str, object], project: Project | None = None) -> Path:
    """Validate and publish a record, in one step: the old file or the new one, nothing between."""
    validate(record)
    path = _path(str(record["slug"]), project)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(record, stream, indent=1, ensure_ascii=False, allow_nan=False)
            stream.write("\n")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def is_stale(slug: str, project: Project | None = None) -> bool | None:
    """Whether a definition that the numbers depend on changed since the record was made.

    A change that a person accepted (``companion restamp SLUG --accept REASON``) does not count as
    long as the code is exactly what was accepted.  A record without a digest counts as stale, and
    so does one that a person called outdated (:func:`outdated`).

    None if it cannot be told: without a record, or where only the package is installed and the
    notebook's source is not there.
    """
    record = load(slug, project)
    now = code(slug, str(record["scale"]), project) if record else None
    if now is None:
        return None
    made = record["provenance"]
    if made.get("outdated"):
        return True
    accepted = [entry["digest"] for entry in made.get("accepted", ())]
    return now.digest not in {made.get("digest"), *accepted}


def outdated(record: Mapping[str, object] | None) -> str:
    """Why a person said that a run of today may find something else; empty if nobody did."""
    return (record or {}).get("provenance", {}).get("outdated", {}).get("reason", "")


def changed_definitions(slug: str, project: Project | None = None) -> fingerprint.Changes | None:
    """The definitions by which the code differs from the one that made the record.

    Empty while the record is fresh; definitions that stand as a person accepted them are left out.
    None if it cannot be told, and for a record without a digest.
    """
    record = load(slug, project)
    now = code(slug, str(record["scale"]), project) if record else None
    if now is None or not record["provenance"].get("digest"):
        return None
    if not is_stale(slug, project):
        return fingerprint.Changes()
    return fingerprint.changes(accepted_definitions(record), now.definitions)


def accepted_definitions(record: Mapping[str, object]) -> dict[str, str]:
    """Definitions that made a record, with those instead that were accepted since."""
    found = dict(record["provenance"]["definitions"])
    for entry in record["provenance"].get("accepted", ()):
        found |= entry["definitions"]
    return {name: own for name, own in found.items() if own is not None}
