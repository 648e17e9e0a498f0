"""Chapters whose results are published; of one that was only started less is asked."""

from __future__ import annotations

from companion import records
from companion.papers import Paper, chapters


def published() -> tuple[Paper, ...]:
    """Chapters with a record, in the book's order."""
    return tuple(entry for entry in chapters() if records.load(entry.slug) is not None)
