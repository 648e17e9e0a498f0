"""The register of papers, ``papers.toml``: everything that lists papers reads it here."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from companion.project import PACKAGE, Project


class UnknownPaper(ValueError):
    """A slug that is not in the register; the message lists those that are."""


@dataclass(frozen=True)
class Paper:
    """One paper of the book; a fact that is not known is an empty string.

    slug : the chapter's name everywhere
    number : position in the book, from 1
    short : chapter title; question : the chapter in one sentence
    licences : of "paper", "code" and "data"
    data : keys of ``data/registry.toml`` that the chapter fetches
    models : distributions that carry a model (their versions stand under ``[models]``)
    ideas : what the chapter shares with others, which it links to
    packages : requirements that only this chapter has, its extra (:mod:`companion.extras`)
    """

    slug: str
    number: int
    title: str
    short: str
    question: str
    authors: tuple[str, ...]
    year: int
    arxiv: str
    venue: str
    part: str
    code: str
    data_url: str
    licences: dict[str, str]
    module: str
    notebook: str
    data: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    ideas: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    def notebook_path(self, project: Project | None = None) -> Path:
        """The notebook's source, whether or not it exists yet."""
        return (project or Project()).notebooks / f"{self.notebook}.ipynb"

    def package_path(self, project: Project | None = None) -> Path:
        """The folder of the chapter's package."""
        return (project or Project()).root.joinpath(*self.module.split("."))

    def is_available(self, project: Project | None = None) -> bool:
        """Whether the chapter has a notebook; else it is planned."""
        return self.notebook_path(project).is_file()


@cache
def _read(path: Path, _stamp: int) -> tuple[Paper, ...]:
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["paper"]
    for entry in entries:
        for name in ("authors", "data", "models", "ideas", "packages"):
            entry[name] = tuple(entry.get(name, ()))
    return tuple(sorted((Paper(**entry) for entry in entries), key=lambda paper: paper.number))


def papers(project: Project | None = None) -> tuple[Paper, ...]:
    """All papers in the book's order."""
    path = (project.package if project else PACKAGE) / "papers.toml"
    return _read(path, path.stat().st_mtime_ns)


def paper(slug: str, project: Project | None = None) -> Paper:
    """The paper called `slug`; :class:`UnknownPaper` lists the slugs if there is none."""
    register = {entry.slug: entry for entry in papers(project)}
    if slug not in register:
        raise UnknownPaper(f"unknown paper {slug!r}; the register has {', '.join(register)}")
    return register[slug]


def chapters(project: Project | None = None) -> tuple[Paper, ...]:
    """The papers that have a notebook."""
    return tuple(entry for entry in papers(project) if entry.is_available(project))
