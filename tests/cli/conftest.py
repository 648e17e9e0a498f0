"""The command line on a copy of the book."""

import pytest
from typer.testing import CliRunner

from companion.cli import _app, app
from companion.project import Project
from tests import copies


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A copy of the sources with the skeleton of tart; the commands work on it."""
    project = copies.make(tmp_path / "book")
    copies.start(project, "tart")
    monkeypatch.setattr(_app, "Project", lambda: project)
    return project


@pytest.fixture
def companion(monkeypatch):
    """Call the command; the result has ``exit_code``, ``stdout``, ``stderr``."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")

    def call(*arguments: str):
        return CliRunner().invoke(app, list(arguments))

    return call


@pytest.fixture
def unchanged(book: Project):
    """The book must be byte for byte the same at the end of the test."""
    before = copies.snapshot(book.root)
    yield book
    assert copies.snapshot(book.root) == before
