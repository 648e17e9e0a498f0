"""What only one chapter needs from the package index: its extra.

The register lists it (``packages`` in ``papers.toml``), and ``companion sync`` writes it into
``pyproject.toml`` as ``runnable-papers[SLUG]``, and into the setup cell of the chapter's notebook.
A chapter that needs no more than all others has none.
"""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement

from companion.papers import Paper, paper
from companion.project import Project

DISTRIBUTION = "runnable-papers"


class MissingExtra(ModuleNotFoundError):
    """A package of a chapter's extra is not installed; the message says how to get it."""


def target(entry: Paper) -> str:
    """What pip is asked for: ``runnable-papers``, with the extra of a chapter that has one."""
    return f"{DISTRIBUTION}[{entry.slug}]" if entry.packages else DISTRIBUTION


def absent(entry: Paper) -> tuple[str, ...]:
    """Distributions of a chapter's extra that are not installed, in the register's order."""
    return tuple(name for name in map(_name, entry.packages) if not _is_installed(name))


def require(slug: str, project: Project | None = None) -> None:
    """Do nothing if the extra of a chapter is installed; else raise :class:`MissingExtra`."""
    entry = paper(slug, project)
    names = absent(entry)
    if names:
        raise MissingExtra(
            f"{slug} needs {', '.join(names)}, not installed here; its extra has all that only "
            f"this chapter needs: pip install '{target(entry)}'",
            name=names[0],
        )


def _name(requirement: str) -> str:
    return Requirement(requirement).name


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
