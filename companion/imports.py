"""The package's import graph, read from the sources without importing anything.

Two uses: a test holds the graph against the allowed direction (notebooks, chapter packages, shared
modules, third party), and a run's cache key covers the shared modules that a chapter reaches.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from companion.project import Project

NAME = "companion"


def module_name(path: Path, root: Path) -> str:
    """Dotted name of a source file below `root`; a package is named without ``__init__``."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(project: Project | None = None) -> dict[str, Path]:
    """All modules of the companion, by dotted name."""
    project = project or Project()
    return {module_name(p, project.root): p for p in sorted(project.package.rglob("*.py"))}


@lru_cache(maxsize=4096)  # the graph is asked for once a chapter, and the sources stay the same
def imported_names(source: str, module: str = "", is_package: bool = False) -> frozenset[str]:
    """Dotted names that `source` imports, anywhere in it (functions and type checks included).

    ``from a import b`` counts as ``a`` and ``a.b``: which of the two is a module is for the caller
    to decide.  Relative imports are resolved against `module`.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if is_package else module.split(".")[:-1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, base] if base else package)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return frozenset(found)


def graph(project: Project | None = None) -> dict[str, set[str]]:
    """Direct imports inside the companion: module -> modules."""
    known = modules(project)
    return {
        name: _inside(
            imported_names(path.read_text(encoding="utf-8"), name, path.name == "__init__.py"),
            known,
        )
        - {name}
        for name, path in known.items()
    }


def _inside(names: Iterable[str], known: dict[str, Path]) -> set[str]:
    """Known modules among `names`, with the packages around them (their ``__init__`` runs too)."""
    hits: set[str] = set()
    for name in names:
        parts = name.split(".")
        hits.update(
            prefix for i in range(1, len(parts) + 1) if (prefix := ".".join(parts[:i])) in known
        )
    return hits


def closure(names: Iterable[str], project: Project | None = None) -> set[str]:
    """Companion modules reached from `names`, themselves included; unknown names are ignored."""
    edges = graph(project)
    todo, seen = [name for name in _inside(names, modules(project))], set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(edges[name])
    return seen


def notebook_imports(sources: Iterable[str]) -> set[str]:
    """Names imported by the code cells of a notebook; lines of IPython magic are skipped."""
    found: set[str] = set()
    for source in sources:
        lines = [
            line.replace(line.strip(), "pass") if line.lstrip()[:1] in {"%", "!"} else line
            for line in source.splitlines()
        ]
        found |= imported_names("\n".join(lines))
    return found
