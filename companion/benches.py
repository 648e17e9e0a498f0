"""Ratios and growth of run times, as ``make bench`` measured them, and the tables of both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from companion.catalogue import cell, table
from companion.papers import papers
from companion.project import Project
from companion.records import provenance_of_machine

FILE = "speed.json"
"""In the folder of the book's prose."""

NOT_MEASURED = "Not measured yet: `make bench` measures this and writes the table.\n"

LEVEL = 0.95
"""Of the intervals of exponents."""


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


@dataclass(frozen=True)
class Curve:
    """How the time of one method grows with the size of what it is given.

    chapter : slug; what : in words, what runs; over : what grows, as a unit ("tokens")
    sizes, seconds : processor seconds of the quickest turn at each size; at least three
    theory : the exponent that counting operations gives, in words where it is no number
    """

    chapter: str
    what: str
    over: str
    sizes: tuple[float, ...]
    seconds: tuple[float, ...]
    theory: str

    def __post_init__(self) -> None:
        """Lists, as they come from a file, become tuples.

        Raises ``ValueError`` for fewer than three sizes, or a size or time that is not positive.
        """
        for name in ("sizes", "seconds"):
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        if len(self.sizes) < 3 or len(self.sizes) != len(self.seconds):
            raise ValueError(f"{self.what}: give a time for each of three sizes or more")
        if not all(0 < value < np.inf for value in (*self.sizes, *self.seconds)):
            raise ValueError(f"{self.what}: sizes and seconds must be positive and finite")

    @property
    def exponent(self) -> Exponent:
        """b of seconds = a size^b, by least squares on logarithms."""
        return exponent(self.sizes, self.seconds)


class Exponent(NamedTuple):
    """A slope on logarithms, with the interval of a straight line through so few points."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.2f} [{self.low:.2f}, {self.high:.2f}]"


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> Exponent:
    """b of seconds = a size^b by least squares on logarithms, with Student's interval.

    The residuals are not noise alone: where the curve bends, as it does while a fixed cost still
    counts, they say so, and the interval is wide.
    """
    from scipy.stats import t

    (slope, _), covariance = np.polyfit(np.log(sizes), np.log(seconds), 1, cov=True)
    room = t.ppf(0.5 + LEVEL / 2, len(sizes) - 2) * np.sqrt(covariance[0, 0])
    return Exponent(float(slope), float(slope - room), float(slope + room))


class Measured(NamedTuple):
    """The last ``make bench``."""

    machine: Mapping[str, object]
    ratios: list[Ratio]
    curves: list[Curve]


def write(path: Path, ratios: Sequence[Ratio], curves: Sequence[Curve] = ()) -> None:
    """Keep `ratios` and `curves` with the machine and the versions; in one step."""
    from companion.publish.files import write_atomic

    made = {
        "machine": provenance_of_machine(),
        "ratios": [asdict(row) for row in _in_order(ratios)],
        "curves": [asdict(row) for row in _in_order(curves)],
    }
    write_atomic(path, json.dumps(made, indent=1, ensure_ascii=False) + "\n")


def _in_order(rows: Sequence[Ratio] | Sequence[Curve]) -> list[Ratio] | list[Curve]:
    """The book's order, all chapters first; of what was measured twice the last one."""
    order = {paper.slug: paper.number for paper in papers()}
    last = {(one.chapter, one.what, getattr(one, "over", "")): one for one in rows}
    return [last[key] for key in sorted(last, key=lambda key: (order.get(key[0], 0), key))]


def read(project: Project) -> Measured | None:
    """What the last ``make bench`` measured; None without one."""
    path = project.book / FILE
    if not path.is_file():
        return None
    made = json.loads(path.read_text(encoding="utf-8"))
    return Measured(
        made["machine"],
        [Ratio(**row) for row in made["ratios"]],
        [Curve(**row) for row in made.get("curves", ())],
    )


def page(project: Project) -> str:
    """The table of ratios, and the machine, as Markdown."""
    if not (found := read(project)):
        return NOT_MEASURED
    rows = [
        (_name(r.chapter, project), cell(r.what), f"{r.value:.3g}", r.target) for r in found.ratios
    ]
    return f"{table(('chapter', 'ratio', 'measured', 'target'), rows)}\n{_machine(found)}"


def growth(project: Project) -> str:
    """The table of exponents as Markdown."""
    found = read(project)
    if not found or not found.curves:
        return NOT_MEASURED
    rows = [
        (
            _name(c.chapter, project),
            cell(c.what),
            f"{_short(c.sizes[0])} to {_short(c.sizes[-1])} {cell(c.over)}",
            f"{1e3 * c.seconds[0]:.3g} to {1e3 * c.seconds[-1]:.3g} ms",
            str(c.exponent),
            cell(c.theory),
        )
        for c in found.curves
    ]
    heads = ("chapter", "what runs", "over", "time", "exponent", "theory")
    return f"{table(heads, rows)}\n{_machine(found)}"


def _name(chapter: str, project: Project) -> str:
    return {paper.slug: paper.short for paper in papers(project)}.get(chapter, "All chapters")


def _short(size: float) -> str:
    return f"{size:,.0f}"


def _machine(found: Measured) -> str:
    machine = found.machine
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, "
        f"{machine['date']}; {versions}.\n"
    )
