"""The size and the shape of the chapters, counted from the sources; nothing is imported or run.

    python -m tests.measure            # this checkout
    python -m tests.measure FOLDER     # another one, of another commit too

A line of code holds a token that is neither comment nor docstring.  A module is a file of a
chapter that is not an ``__init__``.  An arrow is an import inside a chapter; a module stands one
floor above the highest that it imports, and the ground floor imports none.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from companion import imports

KINDS = ("method", "lab", "sources", "verdict", "page", "settings", "hub", "makers", "__init__")
"""Rooms, and files that stand beside them; in a chapter without rooms all is ``other``."""

_SILENT = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def code_lines(source: str) -> set[int]:
    """Numbers of the lines that hold code."""
    said = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    spans = [(one.start[0], one.end[0]) for one in tokens if one.type not in _SILENT]
    return {line for first, last in spans for line in range(first, last + 1)} - said


def import_lines(source: str) -> set[int]:
    """Numbers of the lines of import statements."""
    return {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in range(node.lineno, node.end_lineno + 1)
    }


def public_names(source: str) -> set[str]:
    """What a module defines without an underscore in front."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, _DEFINES):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return {name for name in found if not name.startswith("_")}


def kind_of(module: str) -> str:
    """Room of ``lab.run``; ``other`` where a chapter has no rooms."""
    room = module.partition(".")[0] or "__init__"
    return room if room in KINDS else "other"


# ------------------------------------------------------------------------------- floors and arrows


def arrows(sources: Mapping[str, str], chapter: str) -> dict[str, set[str]]:
    """Module -> modules of the chapter that it imports.

    sources : of the modules, named below the chapter; chapter : its package, dotted

    A package counts only where nothing inside it is meant, and inits that do nothing stand for
    nobody.
    """
    found = {}
    for module, source in sources.items():
        named = imports.imported_names(source, f"{chapter}.{module}")
        names = {n.removeprefix(f"{chapter}.") for n in named if n.startswith(f"{chapter}.")}
        hits = {n if n in sources else n.rpartition(".")[0] for n in names} & set(sources)
        found[module] = {a for a in hits if not any(b.startswith(f"{a}.") for b in hits)} - {module}
    return found


def circles(edges: Mapping[str, set[str]]) -> list[str]:
    """Modules that reach themselves."""

    def reached(module: str) -> set[str]:
        todo, seen = [*edges.get(module, ())], set()
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo.extend(edges.get(one, ()))
        return seen

    return sorted(module for module in edges if module in reached(module))


def floors(edges: Mapping[str, set[str]]) -> dict[str, int]:
    """Floor of each module, 1 on the ground; a circle is cut where it is met again."""
    height: dict[str, int] = {}

    def climb(module: str, below: tuple[str, ...]) -> int:
        if module not in height:
            under = [climb(m, (*below, module)) for m in edges.get(module, ()) if m not in below]
            height[module] = 1 + max(under, default=0)
        return height[module]

    for module in sorted(edges):
        climb(module, ())
    return height


# --------------------------------------------------------------------------- the way of a parameter


class Stop(NamedTuple):
    """A parameter of a function; of ``settings``, a field of it where it is read."""

    module: str
    function: str
    parameter: str


def _known(tree: ast.Module, module: str, functions: Mapping[str, set[str]]) -> dict[str, str]:
    """Name in a module -> the module it stands for, or ``module:function``."""
    names = {name: f"{module}:{name}" for name in functions.get(module, ())}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                whole, name = f"{node.module}.{alias.name}", alias.asname or alias.name
                if whole in functions:
                    names[name] = whole
                elif alias.name in functions.get(node.module, ()):
                    names[name] = f"{node.module}:{alias.name}"
    return names


def _callee(call: ast.Call, names: Mapping[str, str]) -> str | None:
    """``module:function`` that a call means, or None."""
    what = call.func
    if isinstance(what, ast.Name):
        found = names.get(what.id, "")
    elif isinstance(what, ast.Attribute) and isinstance(what.value, ast.Name):
        found = f"{names.get(what.value.id, '')}:{what.attr}"
    else:
        return None
    return found if ":" in found and not found.startswith(":") else None


def _parameters(node: ast.AST) -> list[str]:
    """Of a function; of a class with annotated fields, those."""
    if isinstance(node, ast.ClassDef):
        made = [one for one in node.body if getattr(one, "name", "") == "__init__"]
        if made:
            return _parameters(made[0])[1:]
        return [one.target.id for one in node.body if isinstance(one, ast.AnnAssign)]
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    return [one.arg for one in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]


def passes(sources: Mapping[str, str]) -> dict[Stop, set[Stop]]:
    """Where each parameter, and each setting, is handed on as it is.

    sources : of modules, by dotted name; calls are followed by name, not by value
    """
    trees = {module: ast.parse(source) for module, source in sources.items()}
    defined = {
        module: {node.name: node for node in tree.body if isinstance(node, _DEFINES)}
        for module, tree in trees.items()
    }
    functions = {module: set(there) for module, there in defined.items()}
    found: dict[Stop, set[Stop]] = {}
    for module, tree in trees.items():
        names = _known(tree, module, functions)
        for name, node in defined[module].items():
            own = set(_parameters(node))
            for call in ast.walk(node):
                if not isinstance(call, ast.Call) or (target := _callee(call, names)) is None:
                    continue
                there, _, callee = target.partition(":")
                if callee not in defined.get(there, {}):
                    continue
                takes = _parameters(defined[there][callee])
                handed = [*zip(takes, call.args, strict=False)]
                handed += [(word.arg, word.value) for word in call.keywords if word.arg in takes]
                for taken, value in handed:
                    if isinstance(value, ast.Name) and value.id in own:
                        stop = Stop(module, name, value.id)
                    elif isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
                        if value.value.id not in ("settings", "s"):
                            continue
                        stop = Stop(module, name, value.attr)
                        setting = Stop(
                            f"{'.'.join(module.split('.')[:2])}.settings", "settings", value.attr
                        )
                        found.setdefault(setting, set()).add(stop)
                    else:
                        continue
                    found.setdefault(stop, set()).add(Stop(there, callee, taken))
    return found


def longest(ways: Mapping[Stop, Iterable[Stop]], begins: str = "") -> list[Stop]:
    """The way through most modules; of those through as many, the one with fewest stops.

    begins : how the name of the module begins in which the way does
    """
    best: dict[Stop, list[Stop]] = {}

    def rank(way: list[Stop]) -> tuple[int, int]:
        return len({stop.module for stop in way}), -len(way)

    def go(stop: Stop, before: frozenset[Stop]) -> list[Stop]:
        if stop not in best:
            on = [go(n, before | {stop}) for n in sorted(ways.get(stop, ())) if n not in before]
            best[stop] = [stop, *max(on, key=rank, default=[])]
        return best[stop]

    starts = [stop for stop in sorted(ways) if stop.module.startswith(begins)]
    return max((go(stop, frozenset()) for stop in starts), key=rank, default=[])


# ------------------------------------------------------------------------------------------ a table


@dataclass
class Chapter:
    """What is counted of one chapter.

    lines, modules : by kind; ``code`` and ``imports`` : lines; ``public`` : names
    floors, arrows : of its modules; in_circles : modules that reach themselves
    way : longest path of one parameter, as the modules it enters
    """

    name: str
    lines: Counter = field(default_factory=Counter)
    modules: Counter = field(default_factory=Counter)
    imports: int = 0
    public: int = 0
    floors: int = 0
    arrows: int = 0
    in_circles: int = 0
    way: list[Stop] = field(default_factory=list)

    @property
    def code(self) -> int:
        """Lines of code."""
        return self.lines.total()


def chapter(folder: Path, shared: Mapping[str, str]) -> Chapter:
    """Count one chapter; shared : sources of the shared modules, by dotted name."""
    package = f"{folder.parent.name}.{folder.name}"
    sources = {
        ".".join(path.relative_to(folder).with_suffix("").parts)
        .removesuffix("__init__")
        .strip("."): (path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.py"))
    }
    one = Chapter(folder.name)
    for module, source in sources.items():
        lines = code_lines(source)
        one.lines[kind_of(module)] += len(lines)
        one.imports += len(lines & import_lines(source))
        one.public += len(public_names(source))
    files = [path for path in folder.rglob("*.py") if path.name != "__init__.py"]
    one.modules.update(
        kind_of(".".join(path.relative_to(folder).with_suffix("").parts)) for path in files
    )
    edges = arrows({m: s for m, s in sources.items() if m and public_names(s)}, package)
    one.floors, one.arrows = max(floors(edges).values()), sum(map(len, edges.values()))
    one.in_circles = len(circles(edges))
    ways = passes({f"{package}.{m}": s for m, s in sources.items() if m} | shared)
    one.way = longest(ways, package)
    return one


def measured(root: Path) -> tuple[list[Chapter], int, int]:
    """Chapters of a checkout; modules and code lines of what they share."""
    package = root / "companion"
    folders = sorted(path.parent for path in package.glob("*/settings.py"))
    found = [
        path
        for path in sorted(package.rglob("*.py"))
        if not any(path.is_relative_to(folder) for folder in folders)
    ]
    shared = {imports.module_name(path, root): path.read_text(encoding="utf-8") for path in found}
    lines = sum(len(code_lines(source)) for source in shared.values())
    return [chapter(folder, shared) for folder in folders], len(shared), lines


def table(root: Path) -> str:
    """The counts as text, a line a chapter and their sum."""
    chapters, n_shared, shared = measured(root)
    kinds = [kind for kind in (*KINDS, "other") if any(one.lines[kind] for one in chapters)]
    head = ["chapter", "modules", "code", *kinds, "imports", "public", "floors", "arrows"]
    rows = [[*head, "in circles", "a parameter's modules"]]
    for one in chapters:
        counts = [one.lines[kind] for kind in kinds]
        ends = [one.floors, one.arrows, one.in_circles, len({stop.module for stop in one.way})]
        share = f"{100 * one.imports / one.code:.1f} %"
        rows.append([one.name, one.modules.total(), one.code, *counts, share, one.public, *ends])
    code = sum(one.code for one in chapters)
    share = f"{100 * sum(one.imports for one in chapters) / code:.1f} %"
    sums = [sum(one.lines[kind] for one in chapters) for kind in kinds]
    rows.append(["all", sum(one.modules.total() for one in chapters), code, *sums, share])
    rows[-1].append(sum(one.public for one in chapters))
    rows[-1] += [max(one.floors for one in chapters), sum(one.arrows for one in chapters)]
    rows[-1] += [sum(one.in_circles for one in chapters)]
    rows[-1] += [max(len({stop.module for stop in one.way}) for one in chapters)]
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    lines.insert(1, "| --- " * len(rows[0]) + "|")
    far = max(chapters, key=lambda one: len({stop.module for stop in one.way}))
    way = " > ".join(f"{stop.module}.{stop.function}({stop.parameter})" for stop in far.way)
    return "\n".join([*lines, "", f"shared: {n_shared} modules, {shared} lines", "", way])


if __name__ == "__main__":
    print(table(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
