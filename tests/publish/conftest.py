"""A small book for each test: fresh, or with everything built already."""

import shutil

import pytest

from companion import publish
from companion.project import Project
from tests.publish import tiny


@pytest.fixture
def book(tmp_path):
    """A book with the chapters alpha and beta, of which nothing ran yet."""
    return tiny.make(tmp_path / "book")


@pytest.fixture(scope="session")
def _built_once(tmp_path_factory):
    project = tiny.make(tmp_path_factory.mktemp("built") / "book")
    lines = []
    publish.build(project, say=lines.append)
    assert tiny.ran(project) == ["alpha toy", "beta toy"]
    assert lines[0] == "notebooks: 2 ran, 0 unchanged"
    return project


@pytest.fixture
def built(_built_once, tmp_path):
    """A copy of a book that was built; keys and stamps do not depend on where it lies."""
    shutil.copytree(_built_once.root, tmp_path / "book")
    return Project(tmp_path / "book")


@pytest.fixture
def lines():
    """What a build said."""
    return []
