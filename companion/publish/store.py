"""Where finished runs are kept: ``build/runs/<slug>/<scale>/<key>.ipynb``.

A file beside each lists what the run depended on and how long it took.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from companion.papers import Paper
from companion.project import Project
from companion.publish import keys
from companion.publish.files import write_atomic

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


def again(old: Plan) -> Plan:
    """The same wish, with a new look at the files."""
    return plan(old.paper, old.scale, old.seed, old.settings, old.project, old.env)


def find(wanted: Plan) -> Run | None:
    """The finished run, or None."""
    if not wanted.path.is_file():
        return None
    wall_s = float(_note(wanted.path).get("wall_s", 0.0))
    return Run(wanted.paper.slug, wanted.scale, wanted.path, True, wall_s)


def keep(done: Plan, output: Path, wall_s: float) -> Run:
    """Take an executed notebook into the store, in one step, and drop the oldest ones."""
    done.path.parent.mkdir(parents=True, exist_ok=True)
    note = {"wall_s": round(wall_s, 2), "parts": dict(done.parts)}
    write_atomic(done.path.with_suffix(".json"), json.dumps(note, indent=1))
    os.replace(output, done.path)
    runs = sorted(done.path.parent.glob("*.ipynb"), key=_age, reverse=True)
    for path in runs[KEPT:]:
        path.unlink()
        path.with_suffix(".json").unlink(missing_ok=True)
    return Run(done.paper.slug, done.scale, done.path, False, wall_s)


def changed(wanted: Plan) -> list[str]:
    """What differs from the newest finished run; empty if there is none."""
    before = _newest(wanted).get("parts")
    return keys.difference(before, wanted.parts) if before else []


def last_duration(wanted: Plan) -> float:
    """Seconds of the newest finished run; a guess if there is none."""
    return float(_newest(wanted).get("wall_s", 60.0))


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _newest(wanted: Plan) -> dict:
    runs = sorted(wanted.path.parent.glob("*.ipynb"), key=_age)
    return _note(runs[-1]) if runs else {}


def _note(path: Path) -> dict:
    try:
        return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
