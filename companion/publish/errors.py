"""What can go wrong while the book is built, in words that say where to look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class PublishError(RuntimeError):
    """Running a notebook or building the site did not succeed."""


class NotebookFailed(PublishError):
    """A cell of a notebook raised, or its kernel died.

    slug : the chapter
    cell : number of the cell in the notebook's source, from 1; None if the kernel never started
    source : first lines of that cell
    error, message : class and text of the exception
    path : the notebook executed up to there, None if there is none
    """

    def __init__(
        self,
        slug: str,
        cell: int | None,
        source: str,
        error: str,
        message: str,
        path: Path | None = None,
    ) -> None:
        self.slug, self.cell, self.source = slug, cell, source
        self.error, self.message, self.path = error, message, path
        super().__init__(self.describe())

    def describe(self) -> str:
        """The failure in a few lines: notebook, cell, source, error, where the outputs are."""
        where = f"cell {self.cell}" if self.cell else "before the first cell"
        lines = [f"{self.slug}: {where} failed"]
        lines += [f"    | {line}" for line in self.source.splitlines()]
        lines += [f"    {line}" for line in f"{self.error}: {self.message}".splitlines()]
        if self.path:
            lines.append(f"    executed up to there: {self.path}")
        return "\n".join(lines)


class RunsFailed(PublishError):
    """Some notebooks of a batch failed; the others ran and their results are kept.

    failures : one :class:`NotebookFailed` a notebook
    finished : slugs of the notebooks that succeeded
    """

    def __init__(self, failures: Sequence[NotebookFailed], finished: Sequence[str] = ()) -> None:
        self.failures, self.finished = tuple(failures), tuple(finished)
        total = len(self.failures) + len(self.finished)
        noun = "notebook" if total == 1 else "notebooks"
        head = f"{len(self.failures)} of {total} {noun} failed"
        if self.finished:
            head += f" (kept: {', '.join(self.finished)})"
        super().__init__("\n".join([head, *(failure.describe() for failure in self.failures)]))


class SourceChanged(PublishError):
    """A notebook's code changed between its run and the staging of its page; build again."""


class SiteFailed(PublishError):
    """jupyter-book reported an error or a warning; the previous site is still in place."""


class DataMissing(PublishError):
    """Data that the published record was made from are not on this machine, and do not ship.

    slug : the chapter; files : names in the registry
    """

    def __init__(self, slug: str, files: Sequence[str], message: str) -> None:
        self.slug, self.files = slug, tuple(files)
        super().__init__(message)


class NoRecord(PublishError):
    """A notebook ran to its end but emitted no record, or more than one."""
