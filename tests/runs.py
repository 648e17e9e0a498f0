"""Runs of the notebooks, once for all tests that read them."""

from companion import publish
from companion.papers import chapters
from companion.publish.lock import only_one
from companion.publish.progress import to_stderr

OFFLINE = dict.fromkeys(
    ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"
)
OFFLINE |= {"no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}
OFFLINE |= {"HF_HUB_OFFLINE": "1"}
"""Environment in which a request to another machine fails: a notebook that makes one fails too."""


class Runs:
    """Runs of notebooks at toy scale without a network: slug -> run, or its own failure raised.

    env : more for the environment of the kernels; a value None removes a variable
    """

    def __init__(self, slugs, env=None):
        self._failures = {}
        env = {**OFFLINE, **(env or {})}
        try:
            runs = publish.run_many(slugs, env=env)
        except publish.RunsFailed as failed:
            self._failures = {failure.slug: failure for failure in failed.failures}
            sound = [slug for slug in slugs if slug not in self._failures]
            runs = publish.run_many(sound, env=env)  # all of them ran already
        self._runs = {run.slug: run for run in runs}

    def __getitem__(self, slug):
        if slug in self._failures:
            raise self._failures[slug]
        return self._runs[slug]

    @property
    def paths(self):
        """Executed notebooks of all chapters; the first failure if there is one."""
        for failure in self._failures.values():
            raise failure
        return {slug: run.path for slug, run in self._runs.items()}


def site_of(project, run):
    """The built site, made by the first process of a run of the tests that asks for it.

    A build that changes nothing still makes all pictures anew, only to see that.

    run : names the run of the tests that several processes share; empty for one process
    """
    mark, built = project.build / ".site-of-tests", project.build / "site"
    with only_one(project, to_stderr):
        if not (run and built.is_dir() and mark.is_file() and mark.read_text() == run):
            built = publish.build(project)
            mark.write_text(run)
    return built


def wanted(session, fixture):
    """Chapters that the selected tests ask `fixture` for: those of their parameters, or all."""
    known = [paper.slug for paper in chapters()]
    asked = set()
    for item in session.items:
        if fixture in item.fixturenames:
            params = item.callspec.params if hasattr(item, "callspec") else {}
            asked |= {params["slug"]} if "slug" in params else set(known)
    return [slug for slug in known if slug in asked]
