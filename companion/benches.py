"""Ratios of run times, as ``make bench`` measured them, and the table that shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from companion.catalogue import cell, table
from companion.papers import papers
from companion.project import Project
from companion.records import provenance_of_machine

FILE = "speed.json"
"""In the folder of the book's prose."""

NOT_MEASURED = "Not measured yet: `make bench` measures the ratios and writes this table.\n"


@dataclass(frozen=True)
class Ratio:
    """One ratio of two times that were taken in one process.

    chapter : slug, or "" for what belongs to all
    what : in words, what is divided by what
    value : above 1 where `least` is given: so many times quicker than what it is compared with
    least, most : the region that a test holds, on a machine that is busy with other things too;
        one of them
    """

    chapter: str
    what: str
    value: float
    least: float | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        if (self.least is None) == (self.most is None):
            raise ValueError(f"{self.what}: give least or most")

    @property
    def is_met(self) -> bool:
        """Whether the value lies in its region; NaN does not."""
        return self.value >= self.least if self.most is None else self.value <= self.most

    @property
    def target(self) -> str:
        """The region in words."""
        return f"at least {self.least:g}" if self.most is None else f"at most {self.most:g}"


def write(path: Path, ratios: Sequence[Ratio]) -> None:
    """Keep `ratios` with the machine and the versions; in one step."""
    from companion.publish.files import write_atomic

    order = {paper.slug: paper.number for paper in papers()}
    last = {(one.chapter, one.what): one for one in ratios}
    rows = [last[key] for key in sorted(last, key=lambda key: (order.get(key[0], 0), key))]
    made = {"machine": provenance_of_machine(), "ratios": [asdict(row) for row in rows]}
    write_atomic(path, json.dumps(made, indent=1, ensure_ascii=False) + "\n")


def read(project: Project) -> tuple[Mapping[str, object], list[Ratio]] | None:
    """(machine, ratios) of the last ``make bench``; None without one."""
    path = project.book / FILE
    if not path.is_file():
        return None
    made = json.loads(path.read_text(encoding="utf-8"))
    return made["machine"], [Ratio(**row) for row in made["ratios"]]


def page(project: Project) -> str:
    """Table and machine as Markdown."""
    if not (found := read(project)):
        return NOT_MEASURED
    machine, ratios = found
    names = {paper.slug: paper.short for paper in papers(project)}
    rows = [
        (names.get(r.chapter, "All chapters"), cell(r.what), f"{r.value:.3g}", r.target)
        for r in ratios
    ]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{table(('chapter', 'ratio', 'measured', 'target'), rows)}\n"
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, "
        f"{machine['date']}; {versions}.\n"
    )
