"""The whole book, in one call."""

from __future__ import annotations

import os
import time
from pathlib import Path

from companion import budgets, catalogue
from companion.papers import chapters
from companion.project import Project
from companion.publish import nursery
from companion.publish.lock import Say, only_one
from companion.publish.progress import to_stderr
from companion.publish.shown import for_pages
from companion.publish.site import build_site
from companion.publish.staging import stage


def build(project: Project | None = None, *, say: Say = to_stderr) -> Path:
    """Run every notebook where something changed, build the site, say where it is.

    A chapter whose published results ship is shown at their scale, the others at toy scale
    (:mod:`companion.publish.shown`).

    Returns the folder of the site.  Raises :class:`~companion.publish.errors.RunsFailed` (what ran
    is kept, the site stays as it was) or :class:`~companion.publish.errors.SiteFailed`.
    """
    project = (project or Project()).require()
    with only_one(project, say, "build"):
        begun, spent = time.monotonic(), _processor()
        slugs = [entry.slug for entry in chapters(project)]
        shown = for_pages(slugs, project)
        fresh = sum(not one.run.cached for one in shown.values())
        say(f"notebooks: {fresh} ran, {len(shown) - fresh} unchanged")
        stale = {slug: one.stale for slug, one in shown.items() if one.stale}
        for slug, why in stale.items():
            say(f"{slug}: the published results are stale, the page shows a toy run ({why})")
        with catalogue.once():
            staged = stage({slug: one.run.path for slug, one in shown.items()}, project, stale)
            built = build_site(staged, project)
        site = project.build / "site"
        say(f"site: {'built' if built else 'unchanged'}, open {site / 'index.html'}")
        what = "make book" if fresh or built else "make book, unchanged"
        budgets.note(project, what, time.monotonic() - begun, _processor() - spent)
    return site


def _processor() -> float:
    """Processor seconds of this process, of all that it waited for, and of forked notebooks."""
    return sum(os.times()[:4]) + sum(nursery.SPENT)
