"""Run notebooks with papermill, side by side, and only where something changed.

A finished run is kept (:mod:`companion.publish.store`) under a key of everything that it depends
on (:mod:`companion.publish.keys`).  A run that fails is set apart, in ``build/failed/``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from companion.chapter import PUBLISHED
from companion.papers import Paper, paper
from companion.project import Project
from companion.publish import store
from companion.publish.batch import Batch
from companion.publish.errors import RunsFailed
from companion.publish.keys import PUBLISH
from companion.publish.lock import only_one
from companion.publish.progress import to_stderr
from companion.publish.store import Run
from companion.scale import check_scale, check_seed

FOLDERS = ("COMPANION_DATA", "COMPANION_CACHE")


def run(
    slug: str,
    scale: str = "toy",
    seed: int | None = None,
    settings: Mapping[str, object] | None = None,
    *,
    project: Project | None = None,
    env: Mapping[str, str | None] | None = None,
) -> Run:
    """Run one notebook, or find its finished run.

    slug : a chapter that has a notebook
    scale : ``"toy"``, ``"book"`` or ``"paper"``
    seed : the notebook's ``SEED``, see :func:`~companion.scale.check_seed`; None leaves its own
    settings : single settings of the chapter, the notebook's ``SETTINGS``
    env : additions to the environment of the kernel; a value None removes a variable

    Raises :class:`NotebookFailed` if a cell raises, ``ValueError`` for an unknown slug or scale, or
    a seed out of range.
    """
    try:
        return run_many([slug], scale, seed, settings, project=project, env=env)[0]
    except RunsFailed as failed:
        raise failed.failures[0] from None


def run_many(
    slugs: Sequence[str],
    scale: str = "toy",
    seed: int | None = None,
    settings: Mapping[str, object] | None = None,
    *,
    project: Project | None = None,
    env: Mapping[str, str | None] | None = None,
    workers: int | None = None,
) -> list[Run]:
    """Run several notebooks, as many at a time as there are cores.

    Each has a process of its own and an equal share of the threads.  A notebook that fails does
    not stop the others; :class:`RunsFailed` names all that did, after the last one ended.
    Arguments as for :func:`run`.
    """
    project = (project or Project()).require()
    check_scale(scale)
    if seed is not None:
        check_seed(seed)
    chapters = [_chapter(slug, project) for slug in slugs]
    with only_one(project, to_stderr, f"run {' '.join(slugs)}"):
        plans = [
            store.plan(entry, scale, seed, settings, project, _drawing(entry, env, project))
            for entry in chapters
        ]
        finished = {plan.paper.slug: found for plan in plans if (found := store.find(plan))}
        if todo := [plan for plan in plans if plan.paper.slug not in finished]:
            try:
                finished |= Batch(project, environment(env), workers).run(todo)
            except RunsFailed as failed:  # what ran before has not failed either
                kept = sorted({*finished, *failed.finished})
                raise RunsFailed(failed.failures, kept) from None
    return [finished[entry.slug] for entry in chapters]


def _chapter(slug: str, project: Project) -> Paper:
    entry = paper(slug, project)
    if not entry.is_available(project):
        raise ValueError(f"{slug} is planned: {entry.notebook}.ipynb does not exist yet")
    return entry


def _drawing(
    entry: Paper, changes: Mapping[str, str | None] | None, project: Project
) -> dict[str, str]:
    """Environment of the chapter's kernel, which draws for a page only if one is made from it.

    A picture for a page is drawn for a wide window and for a phone, an explorer in all its frames.
    """
    env = environment(changes)
    is_for_page = env.get(PUBLISHED) or not store.ships(entry, project)
    return env if is_for_page or PUBLISH in (changes or {}) else {**env, PUBLISH: "0"}


def environment(changes: Mapping[str, str | None] | None) -> dict[str, str]:
    """Environment of a kernel: this process's with `changes`, publishing switched on."""
    merged = {**os.environ, PUBLISH: "1", **(changes or {})}
    env = {name: value for name, value in merged.items() if value is not None}
    for name in FOLDERS:
        if env.get(name):
            env[name] = str(Path(env[name]).resolve())  # kernels run in another folder
    return env
