"""No chapter keeps definitions that nothing but tests reaches.

Names are followed, not values: a definition is reached if a definition that is reached, or a cell
of a notebook, says its name.  Two of one name count as one, so that what is found is dead.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from companion.papers import chapters
from companion.project import PACKAGE

DOORS = {"hub.py", "makers.py", "settings.py"}
"""Modules of a chapter that are asked for by name: paper scale, ``companion make``, settings."""

KNOWN = {
    "gaussian-rbf": {"gaussian_rbf/lab/estimator.py: GaussianRBFRegressor"},
}
"""What tests alone use today, to be shown on a page or to move into the tests; none is added."""


def names_in(node: ast.AST) -> set[str]:
    """Every name that code says: variables, attributes, imports, and strings that are names."""
    found = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            found.add(one.id)
        elif isinstance(one, ast.Attribute):
            found.add(one.attr)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            found.update(word for word in one.value.split(".") if word.isidentifier())
    return found


def parts(source: str) -> Iterator[tuple[str | None, set[str]]]:
    """Definitions of a module with the names in them; None for what runs at import."""
    for node in ast.parse(source).body:
        names = names_in(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield (None if node.decorator_list and _registers(node) else node.name), names
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            said = names_in(node.value) if node.value else set()
            if isinstance(node, ast.AnnAssign):
                said |= names_in(node.annotation)
            for target in targets:
                for one in ast.walk(target):
                    if isinstance(one, ast.Name):
                        yield one.id, said
        else:
            yield None, names


def _registers(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a decorator hands the definition to a registry: ``@verdicts.claim(...)``."""
    calls = [one.func for one in node.decorator_list if isinstance(one, ast.Call)]
    return any(isinstance(one, ast.Attribute) and one.attr == "claim" for one in calls)


def dead(modules: Iterable[tuple[str, str]], roots: set[str]) -> set[str]:
    """Definitions that no root reaches.

    modules : (name in messages, source); roots : names said outside of them
    """
    reached, inside, place = set(roots), {}, {}
    for where, source in modules:
        for name, said in parts(source):
            if name is None:
                reached |= said
                continue
            inside.setdefault(name, set()).update(said)
            place[name] = f"{where}: {name}"
    todo = reached & set(inside)
    done = set()
    while todo:
        name = todo.pop()
        done.add(name)
        todo |= (inside[name] & set(inside)) - done
    return {place[name] for name in set(inside) - done if not name.startswith("__")}


def code_of(path: Path) -> str:
    """The code cells of a notebook, without commands of the shell."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    lines = "\n".join(sources).splitlines()
    return "\n".join(
        line.replace(line.strip(), "pass") if line.strip()[:1] in ("%", "!") else line
        for line in lines
    )


def dead_in(folder: Path, notebook: Path) -> set[str]:
    """Dead definitions of one chapter."""
    roots = names_in(ast.parse(code_of(notebook)))
    modules = []
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if path.name in DOORS:
            roots |= names_in(ast.parse(source))
        elif path.name != "__init__.py":
            modules.append((path.relative_to(folder.parent).as_posix(), source))
    for path in sorted({*folder.parent.glob("*.py"), *folder.parent.glob("publish/*.py")}):
        roots |= names_in(ast.parse(path.read_text(encoding="utf-8")))
    return dead(modules, roots)


LIVE = """
from x import helper
LIMIT = 3
SPARE = OTHER = 4
def door(): return inner() + LIMIT
def inner(): return 1
def lonely(): return spoken()
def spoken(): return lonely()
@verdicts.claim("C1")
def measure(found): return counted(found)
def counted(found): return 2
class Kept:
    def method(self): return by_method()
def by_method(): pass
"""


def test_what_nothing_reaches_is_found():
    assert dead([("a.py", LIVE)], {"door", "Kept"}) == {
        *("a.py: SPARE", "a.py: OTHER", "a.py: lonely", "a.py: spoken")
    }
    assert dead([("a.py", LIVE)], {"door", "Kept", "lonely", "SPARE"}) == {"a.py: OTHER"}


def test_an_import_alone_is_no_use():
    assert dead([("a.py", "def f(): pass"), ("b.py", "from a import f")], set()) == {"a.py: f"}


@pytest.mark.parametrize("entry", chapters(), ids=lambda entry: entry.slug)
def test_a_chapter_keeps_no_dead_code(entry):
    folder = PACKAGE / entry.module.rpartition(".")[2]
    assert dead_in(folder, entry.notebook_path()) <= KNOWN.get(entry.slug, set())
