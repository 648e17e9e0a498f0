"""What a chapter may cost, and what its runs cost.

Wall times count on a quiet machine only; processor time and memory say more of the code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from companion import records
from companion.papers import chapters
from companion.project import Project

LIMITS: Mapping[str, Mapping[str, float]] = {
    "toy": {"processor": 30, "memory": 1200},
    "book": {"wall": 900, "memory": 4000},
}
"""Scale -> what is limited there: seconds of the clock, seconds of processors, MB of one process.

At toy scale a reader waits, on whatever machine: the processor time is what the code decides.
"""

FIELDS = {"wall": "wall_s", "processor": "cpu_s", "memory": "peak_mb"}
"""What is measured -> its name in a run's provenance."""

UNKNOWN = {("book", "processor")}
"""A published run that went on from stored steps counted only its own."""

MET, OVER, OPEN = "met", "over", "not measured"


@dataclass(frozen=True)
class Cost:
    """One number of one run.

    what : one of :data:`FIELDS`; value : measured, None if there is no run or it did not say
    limit : None where only the number is shown
    """

    slug: str
    scale: str
    what: str
    value: float | None
    limit: float | None

    @property
    def verdict(self) -> str:
        """Whether the limit is met; empty where there is none."""
        if self.limit is None:
            return ""
        if self.value is None:
            return OPEN
        return MET if self.value <= self.limit else OVER


def measured(project: Project | None = None) -> list[Cost]:
    """Costs of all chapters, toy before book."""
    project = project or Project()
    return [
        Cost(entry.slug, scale, what, _number(run, name), LIMITS[scale].get(what))
        for entry in chapters(project)
        for scale, run in (
            ("toy", newest(entry.slug, "toy", project)),
            ("book", _at(records.load(entry.slug, project), "book")),
        )
        for what, name in FIELDS.items()
        if (scale, what) not in UNKNOWN
    ]


def _at(record: Mapping[str, object] | None, scale: str) -> Mapping[str, object] | None:
    return record if record and record["scale"] == scale else None


def _number(run: Mapping[str, object] | None, name: str) -> float | None:
    found = run["provenance"].get(name) if run else None
    return None if found is None else float(found)


def newest(slug: str, scale: str, project: Project) -> Mapping[str, object] | None:
    """The record of the newest kept run with the notebook's own settings; None without one."""
    folder = project.build / "runs" / slug / scale
    for path in sorted(folder.glob("*.ipynb"), key=lambda one: -one.stat().st_mtime):
        if record := _record(path.read_text(encoding="utf-8")):
            return record
    return None


def _record(text: str) -> Mapping[str, object] | None:
    try:
        return records.from_notebook(json.loads(text))
    except (ValueError, KeyError):  # damaged, or of another edition
        return None


def text(costs: Sequence[Cost]) -> str:
    """A table, and how many limits are met."""
    lines = [f"{'chapter':<26} {'scale':<5} {'wall':>9} {'processor':>11} {'memory':>10}"]
    lines += list(_rows(costs))
    counted = [cost.verdict for cost in costs if cost.verdict]
    said = ", ".join(f"{counted.count(word)} {word}" for word in (MET, OVER, OPEN))
    limits = "; ".join(
        f"{scale}: " + ", ".join(f"{what} {_shown(what, most)}" for what, most in limited.items())
        for scale, limited in LIMITS.items()
    )
    return "\n".join([*lines, f"limits at {limits} (* is over)", f"limits: {said}"])


def _rows(costs: Sequence[Cost]) -> Iterator[str]:
    runs: dict[tuple[str, str], dict[str, str]] = {}
    for cost in costs:
        shown = _shown(cost.what, cost.value) + ("*" if cost.verdict == OVER else " ")
        runs.setdefault((cost.slug, cost.scale), {})[cost.what] = shown
    for (slug, scale), row in runs.items():
        wall, processor, memory = (row.get(what, "- ") for what in FIELDS)
        yield f"{slug:<26} {scale:<5} {wall:>9} {processor:>11} {memory:>10}"


def _shown(what: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f} MB" if what == "memory" else f"{value:,.0f} s"
