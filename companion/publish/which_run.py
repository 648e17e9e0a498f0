"""The line below a chapter's card: which run its figures show."""

from __future__ import annotations

from collections.abc import Mapping

import nbformat

from companion.scoreboard import duration

OTHER = (
    "The figures on this page show a {scale} run; the verdicts and the first figure come from the "
    "published run."
)

NOT_PUBLISHED = "The figures on this page show a {scale} run; there is no published run yet."


def scale(executed: nbformat.NotebookNode) -> str:
    """The scale that an executed notebook was given; toy if it was given none."""
    given = executed.metadata.get("papermill", {}).get("parameters", {})
    return str(given.get("SCALE", "toy"))


def other(scale: str, record: Mapping[str, object] | None, stale: str = "") -> str:
    """The line of a page whose run is not the published one.

    record : the chapter's published one, or None
    stale : which shipped result is not of this code, and why; empty if none ships
    """
    if record is None:
        return NOT_PUBLISHED.format(scale=scale)
    step, _, why = stale.partition(": ")
    why = why.removeprefix("stale: ")
    said = f"The stored results of the published run are stale (`{step}`: {why}). "
    return (said if stale else "") + OTHER.format(scale=scale)


def published(record: Mapping[str, object]) -> str:
    """The line of a page that shows the run which made `record`."""
    made = record["provenance"]
    facts = [f"{record['scale']} scale", str(made["date"])]
    if version := made["versions"].get("runnable-papers"):
        facts.append(f"version {version}")
    if made["commit"]:
        commit, _, dirty = str(made["commit"]).partition("-")
        facts.append(f"commit {commit[:10]}{' with changes' if dirty else ''}")
    cores = "core" if made["cores"] == 1 else "cores"
    facts.append(f"computed in {duration(made['wall_s'])} on {made['cores']} {cores}")
    return f"The figures on this page show the published run: {', '.join(facts)}."
