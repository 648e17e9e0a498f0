"""A fresh small book for each test."""

import pytest

from tests.publish import tiny


@pytest.fixture
def book(tmp_path):
    """A book with the chapters alpha and beta, of which nothing ran yet."""
    return tiny.make(tmp_path / "book")
