"""Several notebooks at a time, each in a process of its own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

from companion import records
from companion.project import Project
from companion.publish import keys, store
from companion.publish.errors import NotebookFailed, RunsFailed
from companion.publish.nursery import WORTH_IT, Nursery, is_possible
from companion.publish.process import Interrupted, Processes
from companion.publish.progress import Progress
from companion.publish.store import Plan, Run
from companion.publish.worker import Job
from companion.scale import n_cores

THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class Batch:
    """Runs notebooks side by side and reports on them.

    env : environment of the kernels; workers : notebooks at a time, one per core if None
    """

    def __init__(self, project: Project, env: Mapping[str, str], workers: int | None) -> None:
        self.project, self.env = project, dict(env)
        self.workers = workers or n_cores()

    def run(self, plans: Sequence[Plan]) -> dict[str, Run]:
        """Run all of `plans`; :class:`RunsFailed` at the end if a notebook failed.

        An interrupt ends the processes and leaves no part of an unfinished run.
        """
        workers = max(1, min(self.workers, len(plans)))
        self.env |= threads(self.env, max(1, n_cores() // workers))
        self.progress = Progress(len(plans))
        nursery = self._nursery() if len(plans) >= WORTH_IT and is_possible() else None
        self.processes = Processes(self.project, nursery)
        finished: dict[str, Run] = {}
        failures: list[NotebookFailed] = []

        def one(plan: Plan) -> None:
            try:
                finished[plan.paper.slug] = self._one(plan)
            except NotebookFailed as failure:
                failures.append(failure)
                self.progress.end(failure.slug, f"failed with {failure.error}")
            except Interrupted:
                return  # whoever interrupted says so

        pool = ThreadPoolExecutor(workers)
        try:
            longest_first = sorted(plans, key=self._expected_s, reverse=True)
            waiting = {pool.submit(one, plan) for plan in longest_first}
            while waiting:
                done, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                self.progress.tick()
        finally:
            # After the last notebook this does nothing; after Ctrl-C it ends those that still run.
            pool.shutdown(wait=False, cancel_futures=True)
            self.processes.end_all()
            pool.shutdown(wait=True)
            if nursery:
                nursery.close()
            self.progress.close()
        if failures:
            raise RunsFailed(failures, sorted(finished))
        return finished

    def _nursery(self) -> Nursery | None:
        """What forks the processes of all; None if it cannot, and each starts by itself."""
        try:
            return Nursery(self.env | self._paths(), self.project.notebooks)
        except OSError:
            return None

    def _expected_s(self, plan: Plan) -> tuple[float, float]:
        """Seconds of the last run; where there was none, the published run breaks the tie."""
        record = records.load(plan.paper.slug, self.project)
        published = record["provenance"].get("wall_s", 0.0) if record else 0.0
        return store.last_duration(plan), float(published)

    def _one(self, plan: Plan) -> Run:
        slug = plan.paper.slug
        output = self.processes.folder / f"{slug}-{plan.path.name}"
        job = Job(
            notebook=str(plan.paper.notebook_path(self.project)),
            output=str(output),
            folder=str(self.project.notebooks),
            parameters=plan.parameters,
            env=self._paths(),
        )
        reason = _reason(store.changed(plan))
        start = time.monotonic()
        last = self.processes.follow(
            job,
            {**self.env, keys.PUBLISH: plan.env.get(keys.PUBLISH, "1")},
            lambda e: self.progress.cell(slug, e["number"], e["of"], e["name"]),
        )
        wall_s = time.monotonic() - start
        if last["event"] == "failed":
            raise NotebookFailed(
                slug,
                last["cell"],
                last["source"],
                last["error"],
                last["message"],
                self._set_apart(slug, output),
            )
        now = store.again(plan)
        if edited := keys.sources(keys.difference(plan.parts, now.parts)):
            text = f"{', '.join(edited)} changed while the notebook ran; run it again"
            kept = self._set_apart(slug, output)
            raise NotebookFailed(slug, None, "", "SourceChanged", text, kept)
        run = store.keep(now, output, wall_s)
        self._failed(slug).unlink(missing_ok=True)
        self.progress.end(slug, f"ran in {wall_s:.0f} s{reason}")
        return run

    def _failed(self, slug: str) -> Path:
        return self.project.build / "failed" / f"{slug}.ipynb"

    def _set_apart(self, slug: str, output: Path) -> Path | None:
        """Keep a notebook that is no result where somebody can look at it; half of one goes."""
        try:
            json.loads(output.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:  # the disk was full
            output.unlink()
            return None
        self._failed(slug).parent.mkdir(parents=True, exist_ok=True)
        os.replace(output, self._failed(slug))
        return self._failed(slug)

    def _paths(self) -> dict[str, str]:
        """The checkout comes first on the kernel's path; no profile of the user's is read."""
        path = [str(self.project.root), *filter(None, [self.env.get("PYTHONPATH")])]
        profile = str(self.project.build / "ipython")
        return {"PYTHONPATH": os.pathsep.join(path), "IPYTHONDIR": profile}


def threads(env: Mapping[str, str], share: int) -> dict[str, str]:
    """The variables :data:`THREADS` for one notebook.

    share : threads that it gets if the user does not ask for fewer
    env : what the user asks for is an upper bound; ``OMP_NUM_THREADS`` counts for all libraries
        that have no variable of their own set
    """
    bounds = {name: env.get(name) or env.get("OMP_NUM_THREADS", "") for name in THREADS}
    return {
        name: str(min(share, max(1, int(bound))) if bound.isdigit() else share)
        for name, bound in bounds.items()
    }


def _reason(changed: Sequence[str]) -> str:
    """Why a chapter ran again, if it had run before."""
    if not changed:
        return ""
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    return f" (changed: {', '.join(changed[:3])}{more})"
