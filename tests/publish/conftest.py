"""A small book for each test: fresh, or with everything built already."""

import os
import shutil

import pytest
from filelock import FileLock

from companion import publish
from companion.project import Project
from companion.publish import building, process
from tests.publish import tiny


@pytest.fixture
def book(tmp_path):
    """A book with the chapters alpha and beta, of which nothing ran yet."""
    return tiny.make(tmp_path / "book")


@pytest.fixture(scope="session")
def _built_once(tmp_path_factory):
    """Made by the first process of a run of the tests that asks for it; the others wait."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):  # it has a folder of its own below this one
        shared = shared.parent
    project, whole = Project(shared / "built" / "book"), shared / "built" / "whole"
    shared.joinpath("built").mkdir(exist_ok=True)
    with FileLock(shared / "built.lock"):
        if not whole.exists():
            shutil.rmtree(project.root, ignore_errors=True)  # of one that failed
            build_all(tiny.make(project.root))
            whole.touch()
    return project


def build_all(project):
    """Build a new book, in which nothing ran yet."""
    lines = []
    publish.build(project, say=lines.append)
    assert tiny.ran(project) == ["alpha toy", "beta toy"]
    assert lines[0] == "notebooks: 2 ran, 0 unchanged"


@pytest.fixture
def built(_built_once, tmp_path):
    """A copy of a book that was built; keys and stamps do not depend on where it lies."""
    shutil.copytree(_built_once.root, tmp_path / "book")
    return Project(tmp_path / "book")


@pytest.fixture
def lines():
    """What a build said."""
    return []


@pytest.fixture
def quick(monkeypatch):
    """Notebooks are executed without a kernel, see :mod:`tests.publish.quick_worker`."""
    monkeypatch.setattr(process, "WORKER", tiny.QUICK)


@pytest.fixture
def no_site(monkeypatch):
    """A build ends with the sources of the site, in ``build/src``; pages take seconds to make."""
    monkeypatch.setattr(building, "build_site", lambda staged, project: False)
