"""The register of papers, ``papers.toml``: everything that lists papers reads it here."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from companion.project import PACKAGE, Project

LISTS = ("authors", "data", "models", "ideas", "packages")
"""Keys of an entry that are lists."""


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
    url : the paper's page, where it is not on arXiv
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
    url: str = ""

    @property
    def address(self) -> str:
        """The paper's page: on arXiv, else ``url``; empty if neither is known."""
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else self.url

    @property
    def called(self) -> str:
        """What a link to :attr:`address` says, ``arXiv:2501.00001``; empty without one."""
        return f"arXiv:{self.arxiv}" if self.arxiv else self.url.removeprefix("https://")

    def notebook_path(self, project: Project | None = None) -> Path:
        """The notebook's source, whether or not it exists yet."""
        return (project or Project()).notebooks / f"{self.notebook}.ipynb"

    def package_path(self, project: Project | None = None) -> Path:
        """The folder of the chapter's package."""
        return (project or Project()).root.joinpath(*self.module.split("."))

    def is_available(self, project: Project | None = None) -> bool:
        """Whether the chapter has a notebook; else it is planned."""
        return self.notebook_path(project).is_file()


class BadRegister(ValueError):
    """The register cannot be read; the message says which entry is wrong, and how."""


@cache
def _read(path: Path, _stamp: int) -> tuple[Paper, ...]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["paper"]
    except tomllib.TOMLDecodeError as error:
        raise BadRegister(f"{path}: {error}") from None
    found = sorted((_entry(entry, path) for entry in entries), key=lambda paper: paper.number)
    for name in ("number", "slug"):
        values = [getattr(one, name) for one in found]
        if twice := [value for value in values if values.count(value) > 1]:
            raise BadRegister(f"{path}: two papers have the {name} {twice[0]}")
    return tuple(found)


def _entry(entry: dict[str, object], path: Path) -> Paper:
    """One table of the register; :class:`BadRegister` names a key that it lacks or has too many."""
    whose = f"{path}: [[paper]] {entry.get('slug', entry.get('title', 'without a slug'))!r}"
    known = {one.name: one for one in fields(Paper)}
    lacking = [name for name, one in known.items() if one.default is MISSING and name not in entry]
    unknown = [name for name in entry if name not in known]
    if lacking or unknown:
        parts = [f"lacks {', '.join(lacking)}"] if lacking else []
        parts += [f"has no use for {', '.join(unknown)}"] if unknown else []
        raise BadRegister(f"{whose} {' and '.join(parts)}")
    lists = {name: tuple(entry.get(name, ())) for name in LISTS}
    return Paper(**{**entry, **lists})


def papers(project: Project | None = None) -> tuple[Paper, ...]:
    """All papers in the book's order."""
    path = (project.package if project else PACKAGE) / "papers.toml"
    return _read(path, path.stat().st_mtime_ns)


def paper(slug: str, project: Project | None = None) -> Paper:
    """The paper called `slug`; :class:`UnknownPaper` lists the slugs if there is none."""
    register = {entry.slug: entry for entry in papers(project)}
    if slug not in register:
        near = get_close_matches(slug, register, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UnknownPaper(f"unknown paper {slug!r}; {hint}the register has {', '.join(register)}")
    return register[slug]


def chapters(project: Project | None = None) -> tuple[Paper, ...]:
    """The papers that have a notebook."""
    return tuple(entry for entry in papers(project) if entry.is_available(project))
