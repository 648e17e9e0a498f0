"""Fixtures that more than one folder of tests uses."""

import pytest

from companion import publish
from companion.project import Project


@pytest.fixture(scope="session")
def project():
    """The book's own checkout."""
    return Project().require()


@pytest.fixture(scope="session")
def site(project):
    """The built site; what `make book` built in the same state is used as it is."""
    return publish.build(project)
