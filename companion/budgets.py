"""What chapters, pages, ``make book``, and ``make test`` may cost, and what they cost.

Wall times count on a quiet machine only; processor time and memory say more of the code.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from companion import records
from companion.papers import chapters
from companion.project import Project

if TYPE_CHECKING:
    from companion.publish.weights import Weight

LIMITS: Mapping[str, Mapping[str, float]] = {
    "toy": {"processor": 30, "memory": 1200},
    "book": {"wall": 900, "memory": 4000},
}
"""Scale -> what is limited there: seconds of the clock, seconds of processors, MB of one process.

At toy scale a reader waits, on whatever machine: the processor time is what the code decides.
"""

WHOLE: Mapping[str, float] = {"make book": 240, "make book, unchanged": 10, "make test": 720}
"""What is done for the whole book -> most seconds of the clock, on two cores."""

PASSES = {"not bench": "make test", "bench": "make test, benches"}
"""The marks that the two passes of ``make test`` ask for -> the name under which each is noted."""

PAGES: Mapping[str, tuple[str, float]] = {
    "heaviest page": ("all", 2.5e6),
    "heaviest up to its first figure": ("first", 4e5),
}
"""What is limited of pages -> the part of :class:`companion.publish.weights.Weight`, its bytes."""

NOTES = "costs.json"
"""In ``build/``: seconds that the last ``make book`` and ``make test`` took."""

FIELDS = {"wall": "wall_s", "processor": "cpu_s", "memory": "peak_mb"}
"""What is measured -> its name in a run's provenance."""

UNKNOWN = {("book", "processor")}
"""A published run that went on from stored steps counted only its own."""

MET, OVER, OPEN = "met", "over", "not measured"


@dataclass(frozen=True)
class Cost:
    """One number of one run.

    slug : of a chapter, or what else is limited; scale : "" where there is none
    what : one of :data:`FIELDS`, or "weight"; value : measured, None if there is no run or it did
        not say
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


def note(project: Project, what: str, wall: float, processor: float) -> None:
    """Keep what something took that is done for the whole book; a full disk costs the note."""
    from companion.publish.files import write_atomic

    noted = _noted(project) | {what: {"wall_s": round(wall, 1), "cpu_s": round(processor, 1)}}
    with contextlib.suppress(OSError):
        project.build.mkdir(exist_ok=True)
        write_atomic(project.build / NOTES, json.dumps(noted, indent=1) + "\n")


def _noted(project: Project) -> dict[str, dict[str, float]]:
    try:
        return json.loads((project.build / NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def for_all(project: Project | None = None) -> list[Cost]:
    """Costs of what is done for the whole book, and the heaviest pages of the built site."""
    project = project or Project()
    noted, costs = _noted(project), []
    for name, limit in WHOLE.items():
        parts = [noted.get(one, {}) for one in (PASSES.values() if name == "make test" else [name])]
        for what, most in (("wall", limit), ("processor", None)):
            times = [part.get(FIELDS[what]) for part in parts]
            value = None if None in times else sum(times)
            costs.append(Cost(name, "", what, value, most))
    weights = _weights(project)
    for name, (part, limit) in PAGES.items():
        heaviest = max((getattr(one, part) for one in weights), default=None)
        costs.append(Cost(name, "", "weight", heaviest, limit))
    return costs


def _weights(project: Project) -> list[Weight]:
    site = project.build / "site"
    found = sorted(path for name in ("notebooks", "book") for path in (site / name).glob("*.html"))
    if not found:
        return []
    from companion.publish.weights import weigh

    return [weigh(page, site) for page in found]


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
    heads = ("wall", "processor", "memory", "weight")
    lines = [f"{'':<32} {'scale':<5} " + " ".join(f"{name:>11}" for name in heads)]
    lines += list(_rows(costs, heads))
    counted = [cost.verdict for cost in costs if cost.verdict]
    said = ", ".join(f"{counted.count(word)} {word}" for word in (MET, OVER, OPEN))
    limits = "; ".join(
        f"{scale}: " + ", ".join(f"{what} {_shown(what, most)}" for what, most in limited.items())
        for scale, limited in LIMITS.items()
    )
    limits += "; " + ", ".join(f"{name} {_shown('wall', most)}" for name, most in WHOLE.items())
    pages = ", ".join(f"{name} {_shown('weight', most)}" for name, (_, most) in PAGES.items())
    return "\n".join([*lines, f"limits: {limits}; {pages} (* is over)", f"limits: {said}"])


def _rows(costs: Sequence[Cost], heads: Sequence[str]) -> Iterator[str]:
    runs: dict[tuple[str, str], dict[str, str]] = {}
    for cost in costs:
        shown = _shown(cost.what, cost.value) + ("*" if cost.verdict == OVER else " ")
        runs.setdefault((cost.slug, cost.scale), {})[cost.what] = shown
    for (slug, scale), row in runs.items():
        yield f"{slug:<32} {scale:<5} " + " ".join(f"{row.get(name, ''):>11}" for name in heads)


def _shown(what: str, value: float | None) -> str:
    if value is None:
        return "-"
    if what == "weight":
        return f"{value / 1e3:,.0f} kB"
    return f"{value:,.0f} MB" if what == "memory" else f"{value:,.0f} s"
