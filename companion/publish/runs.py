"""Run notebooks with papermill, side by side, and only where something changed.

A finished run lies in ``build/runs/<slug>/<scale>/<key>.ipynb``; a file beside it lists what it
depends on.  A run that fails is kept apart, in ``build/failed/<slug>.ipynb``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from companion.papers import Paper, paper
from companion.project import Project
from companion.publish import keys
from companion.publish.errors import NotebookFailed, RunsFailed
from companion.publish.files import write_atomic
from companion.publish.lock import only_one
from companion.publish.process import Processes
from companion.publish.progress import Progress
from companion.publish.worker import Job
from companion.scale import check_scale, n_cores

KEPT = 8
"""Finished runs kept per chapter and scale."""

FOLDERS = ("COMPANION_DATA", "COMPANION_CACHE")

THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


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
class _Plan:
    paper: Paper
    path: Path
    parts: dict[str, str]

    @property
    def note(self) -> Path:
        return self.path.with_suffix(".json")


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
    seed : the notebook's ``SEED``; None leaves the notebook's own
    settings : single settings of the chapter, the notebook's ``SETTINGS``
    env : additions to the environment of the kernel; a value None removes a variable

    Raises :class:`NotebookFailed` if a cell raises, ``ValueError`` for an unknown slug or scale.
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
    environment = _environment(env)
    chapters = [_chapter(slug, project) for slug in slugs]
    with only_one(project, Progress(0).say, f"run {' '.join(slugs)}"):
        plans = [_plan(p, scale, seed, settings, project, environment) for p in chapters]
        finished = {p.paper.slug: _finished(p, scale) for p in plans if p.path.is_file()}
        todo = sorted(
            (p for p in plans if p.paper.slug not in finished),
            key=lambda plan: -_last_duration(plan),
        )
        if todo:
            parameters = {"SCALE": scale}
            parameters |= {} if seed is None else {"SEED": seed}
            parameters |= {"SETTINGS": dict(settings)} if settings else {}
            finished |= _run_all(todo, scale, parameters, project, environment, workers)
    return [finished[p.slug] for p in chapters]


def _chapter(slug: str, project: Project) -> Paper:
    entry = paper(slug, project)
    if not entry.is_available(project):
        raise ValueError(f"{slug} is planned: {entry.notebook}.ipynb does not exist yet")
    return entry


def _environment(changes: Mapping[str, str | None] | None) -> dict[str, str]:
    """Environment of a kernel: this process's with `changes`, publishing switched on."""
    merged = {**os.environ, "COMPANION_PUBLISH": "1", **(changes or {})}
    env = {name: value for name, value in merged.items() if value is not None}
    for name in FOLDERS:
        if env.get(name):
            env[name] = str(Path(env[name]).resolve())  # kernels run in another folder
    return env


def _plan(
    entry: Paper,
    scale: str,
    seed: int | None,
    settings: Mapping[str, object] | None,
    project: Project,
    env: Mapping[str, str],
) -> _Plan:
    parts = keys.ingredients(entry, scale, seed, settings, project, env)
    folder = project.build / "runs" / entry.slug / scale
    return _Plan(entry, folder / f"{keys.key(parts)}.ipynb", parts)


def _finished(plan: _Plan, scale: str, cached: bool = True) -> Run:
    wall_s = _note(plan.note).get("wall_s", 0.0)
    return Run(plan.paper.slug, scale, plan.path, cached, wall_s)


def _note(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _earlier(plan: _Plan) -> dict:
    """What is known of the chapter's last finished run at this scale."""
    notes = sorted(plan.path.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
    return _note(notes[-1]) if notes else {}


def _last_duration(plan: _Plan) -> float:
    return float(_earlier(plan).get("wall_s", 60.0))


def _run_all(
    todo: Sequence[_Plan],
    scale: str,
    parameters: Mapping[str, object],
    project: Project,
    env: Mapping[str, str],
    workers: int | None,
) -> dict[str, Run]:
    """Run `todo`; raise :class:`RunsFailed` at the end if a notebook failed."""
    workers = max(1, min(workers or n_cores(), len(todo)))
    threads = str(max(1, n_cores() // workers))
    env = {**env, **dict.fromkeys(THREADS, threads)}
    progress = Progress(len(todo))
    finished: dict[str, Run] = {}
    failures: list[NotebookFailed] = []

    def one(plan: _Plan) -> None:
        before = _earlier(plan).get("parts")
        changed = keys.difference(before, plan.parts) if before else []
        try:
            finished[plan.paper.slug] = _run_one(
                plan, scale, parameters, project, env, processes, progress, changed
            )
        except NotebookFailed as failure:
            failures.append(failure)
            progress.end(failure.slug, f"failed with {failure.error}")

    pool = ThreadPoolExecutor(workers)
    processes = Processes(project)
    try:
        for future in [pool.submit(one, plan) for plan in todo]:
            future.result()
    finally:
        # After the last notebook this does nothing; after Ctrl-C it ends those that still run.
        pool.shutdown(wait=False, cancel_futures=True)
        processes.end_all()
        pool.shutdown(wait=True)
        progress.close()
    if failures:
        raise RunsFailed(failures, sorted(finished))
    return finished


def _run_one(
    plan: _Plan,
    scale: str,
    parameters: Mapping[str, object],
    project: Project,
    env: Mapping[str, str],
    processes: Processes,
    progress: Progress,
    changed: Sequence[str],
) -> Run:
    slug = plan.paper.slug
    job = Job(
        notebook=str(plan.paper.notebook_path(project)),
        output=str(processes.folder / f"{slug}-{plan.path.name}"),
        folder=str(project.notebooks),
        parameters=dict(parameters),
        env=_kernel_paths(project, env),
    )
    start = time.monotonic()
    last = processes.follow(
        job, env, lambda e: progress.cell(slug, e["number"], e["of"], e["name"])
    )
    wall_s = round(time.monotonic() - start, 2)
    output = Path(job.output)
    if last["event"] == "done":
        plan.path.parent.mkdir(parents=True, exist_ok=True)
        note = {"wall_s": wall_s, "parts": plan.parts}
        write_atomic(plan.note, json.dumps(note, indent=1))
        os.replace(output, plan.path)
        _prune(plan)
        (project.build / "failed" / f"{slug}.ipynb").unlink(missing_ok=True)
        progress.end(slug, f"ran in {wall_s:.0f} s{_reason(changed)}")
        return _finished(plan, scale, cached=False)
    kept = None
    if output.is_file():
        kept = project.build / "failed" / f"{slug}.ipynb"
        kept.parent.mkdir(parents=True, exist_ok=True)
        os.replace(output, kept)
    raise NotebookFailed(slug, last["cell"], last["source"], last["error"], last["message"], kept)


def _kernel_paths(project: Project, env: Mapping[str, str]) -> dict[str, str]:
    """The checkout comes first on the kernel's path; no profile of the user's is read."""
    path = [str(project.root), *filter(None, [env.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path), "IPYTHONDIR": str(project.build / "ipython")}


def _reason(changed: Sequence[str]) -> str:
    """Why a chapter ran again, if it had run before."""
    if not changed:
        return ""
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    return f" (changed: {', '.join(changed[:3])}{more})"


def _prune(plan: _Plan) -> None:
    """Keep the newest :data:`KEPT` runs of a chapter and scale."""
    runs = sorted(plan.path.parent.glob("*.ipynb"), key=lambda p: p.stat().st_mtime, reverse=True)
    for path in runs[KEPT:]:
        path.unlink()
        path.with_suffix(".json").unlink(missing_ok=True)
