"""The whole book, in one call."""

from __future__ import annotations

from pathlib import Path

from companion.papers import chapters
from companion.project import Project
from companion.publish.lock import Say, only_one
from companion.publish.progress import to_stderr
from companion.publish.runs import run_many
from companion.publish.site import build_site
from companion.publish.staging import stage


def build(project: Project | None = None, *, say: Say = to_stderr) -> Path:
    """Run every notebook at toy scale where something changed, build the site, say where it is.

    Returns the folder of the site.  Raises :class:`~companion.publish.errors.RunsFailed` (what ran
    is kept, the site stays as it was) or :class:`~companion.publish.errors.SiteFailed`.
    """
    project = (project or Project()).require()
    with only_one(project, say, "build"):
        slugs = [entry.slug for entry in chapters(project)]
        runs = run_many(slugs, "toy", project=project)
        fresh = sum(not run.cached for run in runs)
        say(f"notebooks: {fresh} ran, {len(runs) - fresh} unchanged")
        staged = stage({run.slug: run.path for run in runs}, project)
        built = build_site(staged, project)
        site = project.build / "site"
        say(f"site: {'built' if built else 'unchanged'}, open {site / 'index.html'}")
    return site
