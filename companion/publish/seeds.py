"""Chapters at several seeds: which runs end well, and what each says of its claims.

Every run is kept and found again like any other (:mod:`companion.publish.runs`).  One that fails
stops no other; its notebook is set apart under its seed, ``build/failed/SLUG-seed-3.ipynb``.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from companion import records
from companion.claims import VERDICTS, ClaimFailed
from companion.project import Project
from companion.publish.errors import NotebookFailed, RunsFailed
from companion.publish.runs import run_many

_CLAIM = re.compile(r"^  (\S+): ", re.MULTILINE)
"""The claims in the message of :func:`companion.claims.check`, a line each."""


@dataclass(frozen=True)
class Outcome:
    """A chapter at one seed.

    verdicts : claim -> verdict, checks of our own among them; empty without a record
    failure : the whole message of a run that failed; empty if it ended well
    stopped : what stopped it in a few words, ``"C3, cell 31"``
    wall_s : seconds of a run that ended well, whenever that was
    """

    slug: str
    seed: int
    verdicts: dict[str, str]
    failure: str = ""
    stopped: str = ""
    wall_s: float | None = None

    @property
    def ends_well(self) -> bool:
        """Whether the notebook came to its end."""
        return not self.failure

    @property
    def counts(self) -> dict[str, int]:
        """Verdict -> how many claims have it, in the order of the closed list."""
        found = Counter(self.verdicts.values())
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def text(self) -> str:
        """A cell of the table."""
        counts = "/".join(map(str, self.counts.values())) if self.verdicts else ""
        return f"STOPPED {self.stopped}" if self.failure else counts or "ends well"


def repeat(
    slugs: Sequence[str],
    seeds: Iterable[int],
    scale: str = "toy",
    project: Project | None = None,
) -> list[Outcome]:
    """Run each chapter at each seed: first all chapters at one seed, side by side.

    Raises ``ValueError`` as :func:`companion.publish.run_many` does.
    """
    project = project or Project()
    found: list[Outcome] = []
    for seed in seeds:
        failures: dict[str, NotebookFailed] = {}
        try:
            done = run_many(slugs, scale, seed, project=project)
        except RunsFailed as failed:
            failures = {one.slug: one for one in failed.failures}
            # those that ended well are there; what failed is not tried again
            done = run_many(failed.finished, scale, seed, project=project)
        runs = {one.slug: one for one in done}
        for slug in slugs:
            apart = project.build / "failed" / f"{slug}-seed-{seed}.ipynb"
            if slug in failures:
                found.append(_failed(failures[slug], seed, apart))
            else:
                apart.unlink(missing_ok=True)
                run = runs[slug]
                found.append(Outcome(slug, seed, _verdicts(run.path), wall_s=run.wall_s))
    return found


def _failed(failure: NotebookFailed, seed: int, apart: Path) -> Outcome:
    """What is left of a run that failed; its notebook gets the seed into its name."""
    if failure.path is not None:
        os.replace(failure.path, apart)
        failure.path = apart
    where = f"cell {failure.cell}" if failure.cell else "before the first cell"
    claims = _CLAIM.findall(failure.message) if failure.error == ClaimFailed.__name__ else []
    return Outcome(
        failure.slug,
        seed,
        _verdicts(failure.path) if failure.path else {},
        failure.describe(),
        f"{', '.join(claims) or failure.error}, {where}",
    )


def _verdicts(path: Path) -> dict[str, str]:
    """Claim -> verdict of the record that an executed notebook carries."""
    record = records.from_notebook(nbformat.read(path, as_version=4))
    return {row["claim"]: row["verdict"] for row in record["findings"]} if record else {}


def text(outcomes: Sequence[Outcome]) -> str:
    """A table, a line a chapter and a column a seed; below it what stopped the runs that failed."""
    slugs = list(dict.fromkeys(one.slug for one in outcomes))
    seeds = list(dict.fromkeys(one.seed for one in outcomes))
    cell = {(one.slug, one.seed): one.text for one in outcomes}
    table = [["", *(f"seed {seed}" for seed in seeds)]]
    table += [[slug, *(cell[slug, seed] for seed in seeds)] for slug in slugs]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    lines += ["", f"claims: {'/'.join(VERDICTS)}"]
    for one in outcomes:
        if one.failure:
            lines += ["", f"seed {one.seed}, {one.failure}"]
    ended = sum(one.ends_well for one in outcomes)
    return "\n".join([*lines, "", f"{ended} of {len(outcomes)} runs ended well"])


def as_json(outcomes: Sequence[Outcome], scale: str) -> str:
    """The same for programs, with the verdict of every claim."""
    rows = [
        {
            "slug": one.slug,
            "seed": one.seed,
            "ends_well": one.ends_well,
            "stopped": one.stopped,
            "failure": one.failure,
            "counts": one.counts,
            "verdicts": one.verdicts,
            "wall_s": one.wall_s,
        }
        for one in outcomes
    ]
    return json.dumps({"scale": scale, "runs": rows}, indent=1) + "\n"
