"""Where finished runs are kept: ``build/runs/<slug>/<scale>/<key>.ipynb``.

A note beside each lists what the run depended on, how long it took, and size and SHA-256 of the
notebook.  A notebook that is not what its note says, or that has no note, counts as absent: the
chapter runs again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from companion.chapter import STEPS
from companion.papers import Paper
from companion.project import Project
from companion.publish import keys
from companion.publish.files import digest, to_disk, write_atomic

KEPT = 8
"""Finished runs kept per chapter and scale."""


@dataclass(frozen=True)
class Run:
    """A finished run of a notebook.

    path : the executed notebook
    cached : whether it was there already
    wall_s : seconds that it took when it ran
    """

    slug: str
    scale: str
    path: Path
    cached: bool
    wall_s: float


@dataclass(frozen=True)
class Plan:
    """A run that somebody wants: what, and everything that its outputs depend on.

    parts : the ingredients of the key, see :mod:`companion.publish.keys`
    """

    paper: Paper
    scale: str
    seed: int | None
    settings: Mapping[str, object] | None
    project: Project = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    parts: Mapping[str, str] = field(repr=False)

    @property
    def path(self) -> Path:
        """Where the executed notebook is, or will be."""
        folder = self.project.build / "runs" / self.paper.slug / self.scale
        return folder / f"{keys.key(self.parts)}.ipynb"

    @property
    def parameters(self) -> dict[str, object]:
        """What papermill puts into the notebook."""
        given: dict[str, object] = {"SCALE": self.scale}
        given |= {} if self.seed is None else {"SEED": self.seed}
        return given | ({"SETTINGS": dict(self.settings)} if self.settings else {})


def plan(
    paper: Paper,
    scale: str,
    seed: int | None,
    settings: Mapping[str, object] | None,
    project: Project,
    env: Mapping[str, str],
) -> Plan:
    """Look at everything that the run depends on, as it is now."""
    parts = keys.ingredients(paper, scale, seed, settings, project, env)
    return Plan(paper, scale, seed, settings, project, env, parts)


def ships(entry: Paper, project: Project) -> bool:
    """Whether the results of the chapter's published run ship: its page is made from those."""
    record = project.records / f"{entry.slug}.json"
    return record.is_file() and (project.records / entry.slug / STEPS).is_file()


def again(old: Plan) -> Plan:
    """The same wish, with a new look at the files."""
    return plan(old.paper, old.scale, old.seed, old.settings, old.project, old.env)


def find(wanted: Plan) -> Run | None:
    """The finished run, or None; a damaged one is none."""
    note = _note(wanted.path)
    if not _is_whole(wanted.path, note):
        return None
    return Run(wanted.paper.slug, wanted.scale, wanted.path, True, _wall_s(note, 0.0))


def _is_whole(path: Path, note: Mapping[str, object]) -> bool:
    """Whether the notebook is the one that its note was written for."""
    try:
        if path.stat().st_size != note.get("bytes"):
            return False
        return digest(path.read_bytes()) == note.get("sha256")
    except OSError:
        return False


def keep(done: Plan, output: Path, wall_s: float) -> Run:
    """Take an executed notebook into the store, in one step, and drop the oldest ones.

    Note and notebook are on the disk before the notebook gets its name.
    """
    done.path.parent.mkdir(parents=True, exist_ok=True)
    content = output.read_bytes()
    note = {
        "wall_s": round(wall_s, 2),
        "bytes": len(content),
        "sha256": digest(content),
        "parts": dict(done.parts),
    }
    to_disk(output)
    write_atomic(done.path.with_suffix(".json"), json.dumps(note, indent=1), sync=True)
    os.replace(output, done.path)
    runs = sorted(done.path.parent.glob("*.ipynb"), key=_age, reverse=True)
    for path in runs[KEPT:]:
        path.unlink()
        path.with_suffix(".json").unlink(missing_ok=True)
    return Run(done.paper.slug, done.scale, done.path, False, wall_s)


def changed(wanted: Plan) -> list[str]:
    """What differs from the newest finished run; empty if there is none."""
    before = _newest(wanted).get("parts")
    return keys.difference(before, wanted.parts) if isinstance(before, dict) else []


def last_duration(wanted: Plan) -> float:
    """Seconds of the newest finished run; a guess if there is none."""
    return _wall_s(_newest(wanted), 60.0)


def _wall_s(note: Mapping[str, object], guess: float) -> float:
    found = note.get("wall_s")
    return float(found) if isinstance(found, int | float) else guess


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _newest(wanted: Plan) -> dict:
    runs = sorted(wanted.path.parent.glob("*.ipynb"), key=_age)
    return _note(runs[-1]) if runs else {}


def _note(path: Path) -> dict:
    """What stands beside the notebook `path`; empty if nothing that can be read."""
    try:
        note = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
