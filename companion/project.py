"""Where things are in a checkout of the book."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
"""The installed package; the register and the records live inside it."""


class NotACheckout(RuntimeError):
    """The command needs the book's sources, and the package is installed without them."""


@dataclass(frozen=True)
class Project:
    """The folders of one book.

    root : folder that holds ``_config.yml``, ``notebooks/``, ``book/`` and ``companion/``
    """

    root: Path = PACKAGE.parent

    @property
    def package(self) -> Path:
        """The package's sources, ``companion/``."""
        return self.root / "companion"

    @property
    def notebooks(self) -> Path:
        """Notebook sources, stored without outputs."""
        return self.root / "notebooks"

    @property
    def book(self) -> Path:
        """Prose and assets around the chapters."""
        return self.root / "book"

    @property
    def config(self) -> Path:
        """``_config.yml``: the site's configuration, and the one place of the repository URL."""
        return self.root / "_config.yml"

    @property
    def records(self) -> Path:
        """Published results, one JSON file a chapter."""
        return self.package / "records"

    @property
    def build(self) -> Path:
        """Everything that can be made again."""
        return self.root / "build"

    @property
    def version(self) -> str:
        """Version of the package whose sources these are; of the installed one without them."""
        path = self.root / "pyproject.toml"
        if not path.is_file():
            return metadata.version("runnable-papers")
        return str(tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"])

    def require(self) -> Project:
        """This project, or :class:`NotACheckout` if the sources are not there."""
        if not self.config.is_file():
            raise NotACheckout(
                f"{self.root} is not a checkout of the book (no _config.yml); "
                "clone the repository and install it with `pip install -e .`"
            )
        return self
