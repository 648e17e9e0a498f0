"""The book's public address: stored in ``_config.yml``, and nowhere else by hand."""

from __future__ import annotations

import re
from functools import lru_cache

import yaml

from companion.project import Project

_ADDRESS = re.compile(r"https://[\w.-]+/[\w.-]+/[\w.-]+")


def url(project: Project | None = None) -> str | None:
    """Address of the repository, or None while it is not set."""
    config = (project or Project()).config
    if not config.is_file():
        return None
    return _url(config.read_text(encoding="utf-8"))


@lru_cache(maxsize=4)  # every page and every card asks, and YAML is slow to read
def _url(config: str) -> str | None:
    settings = yaml.safe_load(config) or {}
    return (settings.get("repository") or {}).get("url") or None


def pages(project: Project | None = None) -> str | None:
    """Address of the published site with a slash at its end; None while it cannot be known.

    GitHub's Pages of a repository lie at a fixed place; other hosts have no rule.
    """
    address = url(project)
    host, _, name = (address or "").removeprefix("https://").partition("/")
    if host != "github.com":
        return None
    owner, name = name.split("/")
    home = f"{owner.lower()}.github.io"
    return f"https://{home}/" if name.lower() == home else f"https://{home}/{name}/"


def check_url(address: str) -> str:
    """`address` without trailing slash or ``.git``; ``ValueError`` if it is no https address."""
    clean = address.strip().rstrip("/").removesuffix(".git")
    if not _ADDRESS.fullmatch(clean):
        raise ValueError(f"{address!r} is no repository address; expected https://HOST/OWNER/NAME")
    return clean


def blob(path: str, project: Project | None = None) -> str | None:
    """Address of a file of the repository on branch main, or None while no address is set."""
    address = url(project)
    return f"{address}/blob/main/{path}" if address else None
