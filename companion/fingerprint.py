"""Digest by definition: what a number can depend on in this package, wherever it stands.

A definition is a function, a class or a constant of a module, or a statement of a notebook.  Its
text is its syntax tree in a form of our own (:func:`canonical`), the same under every Python that
the book supports; ``ast.dump`` is not.  Docstrings and annotations are left out, and every global
name that is a definition of the package is replaced by *that* definition's digest, shared modules
included.  Module paths and imports never enter, so that a move or a rename changes nothing, while
a changed constant, default or shared helper is seen by everything that reaches it.

A chapter's digest begins at what its notebook hands to ``records.emit`` and goes back from there:
figures, tables, explorers and exercises are not reached and do not count.

Only the standard library is used and nothing is imported, so that any checkout can be read under
any Python.  Not seen: attributes fetched by name (``getattr``), files of the package that are read
by path, versions of libraries (provenance names them).
"""

from __future__ import annotations

import ast
import functools
import gc
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

PACKAGE = "companion"
SCALES = ("toy", "book", "paper")  # companion.scale needs numpy
OUTSIDE = (
    "chapter",
    "data",
    "fingerprint",
    "papers",
    "project",
    "records",
    "repository",
    "restamp",
    "results",
    "sweep",
)
"""Shared modules that fetch, schedule and keep: what they hand on is checked by hash or by test,
and a number never depends on how they do it."""

SIZED = (f"{PACKAGE}.scale", "sized")
"""What gives a setting its value at each scale."""

NOTEBOOK = "notebook"
RECORD = "record"
"""In a notebook: the statements that hand the results to the record."""

_NOT_CODE = {"setup", "parameters"}
_GENERATORS = {"generator", "torch_generator", "default_rng", "Generator", "RandomState"}
_CHANGERS = {
    "add",
    "append",
    "clear",
    "discard",
    "eval",
    "extend",
    "fill",
    "fit",
    "insert",
    "load_state_dict",
    "pop",
    "remove",
    "reverse",
    "seed",
    "setdefault",
    "shuffle",
    "sort",
    "step",
    "train",
    "update",
}
"""Methods that change their object also where they end a cell, which else displays a value."""

Key = tuple[str, str]
"""Module and name of a definition; the module of a notebook's statement is :data:`NOTEBOOK`."""

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTION, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)
_CLOSED = (*_FUNCTION, ast.ClassDef, ast.Lambda)
_COMPOUND = (ast.If, ast.Try, ast.With, ast.For, ast.While, ast.Match)
_LEAVES = frozenset({"ctx", "kind", "op", "ops", "type_comment"})
"""Fields below which no name stands."""
_LEFT_OUT = frozenset(
    {"annotation", "ctx", "kind", "returns", "simple", "type_comment", "type_params"}
)
"""Fields that differ between versions, and annotations."""


def sha(text: str) -> str:
    """SHA-256 of `text`, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


class Chapter(NamedTuple):
    """What the numbers of a chapter depend on.

    digest : SHA-256 over everything that is reached
    definitions : name -> 12 digits of the hash of its own text, without what it refers to; names
        that occur twice hold both
    places : name -> where it stands now, for messages
    """

    digest: str
    definitions: dict[str, str]
    places: dict[str, str]


class Changes(NamedTuple):
    """Names of definitions that differ; only where a change begins, not all that reaches it."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(self)

    def text(self, places: Mapping[str, str] | None = None) -> str:
        """E.g. ``changed: t_interval (companion.stats); added: _sample (companion.stats)``."""
        parts = []
        for what in ("changed", "added", "removed"):
            names = [
                f"{n} ({places[n]})" if n in (places or {}) else n for n in getattr(self, what)
            ]
            parts += [f"{what}: {', '.join(names)}"] if names else []
        return "; ".join(parts)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    """What differs between two maps of definitions."""
    return Changes(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(before.keys() - after.keys())),
        tuple(sorted(n for n in before.keys() & after.keys() if before[n] != after[n])),
    )


# --------------------------------------------------------------------------- modules
@dataclass
class _Table:
    """Global names of a module: statements that define or change them, and imports."""

    defined: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def add(self, name: str, node: ast.stmt) -> None:
        """`node` defines or changes `name`; a name that is bound twice counts with both."""
        nodes = self.defined.setdefault(name, [])
        if node not in nodes:
            nodes.append(node)


def _imports(node: ast.Import | ast.ImportFrom) -> dict[str, tuple[str, str | None]]:
    """Names that an import binds: name -> (module, name in it or None for the module itself)."""
    if isinstance(node, ast.ImportFrom):
        return {a.asname or a.name: (node.module, a.name) for a in node.names if node.module}
    return {
        a.asname or a.name.partition(".")[0]: (
            a.name if a.asname else a.name.partition(".")[0],
            None,
        )
        for a in node.names
    }


def _base(node: ast.expr) -> str | None:
    """``x`` of ``x``, ``x.a.b``, ``x[0].a`` and ``x.a(1).b``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


@functools.cache
def _below(kind: type[ast.AST]) -> tuple[str, ...]:
    """Fields of a node in which there may be names of the same scope."""
    if issubclass(kind, _CLOSED):
        return ()
    no = _LEAVES | ({"target"} if issubclass(kind, ast.comprehension) else set())
    return tuple(name for name in kind._fields if name not in no)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and what is below it in the same scope, but for operators, in order."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        children: list[ast.AST] = []
        for name in _below(type(node)):
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                children.append(value)
            elif isinstance(value, list):
                children += [child for child in value if isinstance(child, ast.AST)]
        todo += reversed(children)


def _bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that statements bind in their own scope."""
    return _names_bound(n for one in nodes for n in _inside(one))


def _names_bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that these nodes bind, without what is below them."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                names.add(node.id)
        elif isinstance(node, _NAMED) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= set(_imports(node))
    return names


def _changed(statement: ast.stmt) -> set[str]:
    """Names whose objects a statement changes in place: ``x[0] = 1``, ``x.a = 1``, ``x.add(1)``."""
    names: set[str | None] = set()
    for node in _inside(statement):
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            names.add(_base(node))
        elif _method(node):
            names.add(_base(node.value))
    return {name for name in names if name}


def _fill(table: _Table, body: Iterable[ast.stmt]) -> None:
    """Enter the statements of a module; compound ones count whole for each name they bind."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            table.imported |= _imports(node)
            continue
        for inner in _inside(node) if isinstance(node, _COMPOUND) else ():
            if isinstance(inner, ast.Import | ast.ImportFrom):
                table.imported |= _imports(inner)
            elif isinstance(inner, (*_FUNCTION, ast.ClassDef)):
                table.add(inner.name, inner)
        bound = _bound([node])
        if isinstance(node, _COMPOUND):
            bound -= {n.name for n in _inside(node) if isinstance(n, (*_FUNCTION, ast.ClassDef))}
            bound -= table.imported.keys()
        for name in sorted(bound):
            table.add(name, node)
        # a decorator of this module's own registry changes the registry
        decorators = getattr(node, "decorator_list", ())
        for name in _changed(node) | {_base(d) for d in decorators if isinstance(d, ast.Call)}:
            if name in table.defined and name != getattr(node, "name", None):
                table.add(name, node)


def _parsed(source: str) -> list[ast.stmt]:
    """The statements of a module; the collector waits, as all that is made here stays."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source).body
    finally:
        if collects:
            gc.enable()


# --------------------------------------------------------------------------- texts
def canonical(node: object) -> str:
    """A syntax tree as text that is the same under every Python."""
    return _Printer().text(node)


@dataclass
class _Scope:
    """Local names of a function, class or comprehension."""

    bound: set[str]
    imported: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    is_class: bool = False


class _Printer:
    """Writes trees as text and notes what they refer to.

    Where a definition of the package is named, the text has the mark and the bare name between two
    zero characters: the digest drops the name (a rename counts for nothing), the map keeps it.
    """

    def __init__(self, sources: Sources | None = None, key: Key | None = None) -> None:
        self.sources, self.key = sources, key
        self.uses: list[Key] = []
        self.strings: set[str] = set()
        self.scopes: list[_Scope] = []

    def text(self, node: object) -> str:
        if isinstance(node, list):
            return f"[{','.join(map(self.text, node))}]"
        if not isinstance(node, ast.AST):
            return ascii(node)
        special = _special(type(node))
        return special(self, node) if special else self.plain(node)

    def plain(self, node: ast.AST, **instead: object) -> str:
        """Type and fields, less what is empty, what differs between versions and annotations."""
        parts = []
        for name in _shown(type(node)):
            value = instead[name] if name in instead else getattr(node, name, None)
            if value is None or value == [] or value == "[]":
                continue
            parts.append(f"{name}={value if isinstance(value, _Done) else self.text(value)}")
        return f"{type(node).__name__}({','.join(parts)})"

    # -- leaves
    def _Constant(self, node: ast.Constant) -> str:
        if isinstance(node.value, str):
            self.strings.add(node.value)
        return f"Constant({node.value!a})"

    def _JoinedStr(self, node: ast.JoinedStr) -> str:
        """Neighboring pieces of text as one: Python 3.12 cuts them at other places."""
        values: list[ast.expr] = []
        for value in node.values:
            if isinstance(value, ast.Constant) and values and isinstance(values[-1], ast.Constant):
                values[-1] = ast.Constant(values[-1].value + value.value)
            elif not (isinstance(value, ast.Constant) and value.value == ""):
                values.append(value)
        return self.plain(node, values=values)

    def _Name(self, node: ast.Name) -> str:
        return self.reference(node) or f"Name({self.own(node.id)})"

    def _Attribute(self, node: ast.Attribute) -> str:
        return self.reference(node) or self.plain(node)

    def own(self, name: str) -> str:
        """A name that is bound here; the definition's own name does not count."""
        return "§self" if self.key and not self.scopes and name == self.key[1] else name

    def reference(self, node: ast.expr) -> str | None:
        """The text of a name of the package, or None for any other expression."""
        parts, base = [], node
        while isinstance(base, ast.Attribute):
            parts.insert(0, base.attr)
            base = base.value
        if self.sources is None or not isinstance(base, ast.Name):
            return None
        if not isinstance(base.ctx, ast.Load):
            return None
        found = self.look_up(base.id)
        while found and found[0] == "module" and parts and not _is_outside(found[1]):
            found = self.sources.resolve(found[1], parts.pop(0))
        if found is None:
            return None
        if found == self.key:
            made = "§self"
        elif found[0] == "module" and _is_outside(found[1]):
            made = f"§{'.'.join([found[1].rpartition('.')[2], *parts])}"
            parts = []
        elif found[0] == "module":  # a module handed on as a value: all that it defines counts
            self.uses += [(found[1], name) for name in sorted(self.sources.table(found[1]).defined)]
            made = "§module"
        elif _is_outside(found[0]):
            made = f"§{found[1]}"
        else:
            self.uses.append(found)
            made = f"\0{found[1]}\0"
        for part in parts:
            made = f"Attribute(value={made},attr={part!a})"
        return made

    def look_up(self, name: str) -> Key | None:
        """What a name means here, by Python's rules: inner scopes first, classes only directly."""
        for depth, scope in enumerate(reversed(self.scopes)):
            if scope.is_class and depth:
                continue
            if name in scope.imported:
                return self.sources.imported(*scope.imported[name])
            if name in scope.bound:
                return None
        return self.sources.resolve(self.key[0], name)

    # -- imports: those of the package leave no trace
    def _Import(self, node: ast.Import) -> str:
        kept = [a for a in node.names if a.name.partition(".")[0] != PACKAGE]
        return self.plain(node, names=kept) if kept else ""

    def _ImportFrom(self, node: ast.ImportFrom) -> str:
        return "" if (node.module or "").partition(".")[0] == PACKAGE else self.plain(node)

    # -- scopes
    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        a = node.args
        arguments = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
        outer = {
            "name": _Done(self.own(node.name)),
            "args": _Done(self.text(a)),  # defaults belong to the scope around
            "decorator_list": _Done(self.text(node.decorator_list)),
        }
        inner = _scope(node.body)
        inner.bound |= {argument.arg for argument in arguments}
        return self.plain(node, **outer, body=self.body(node.body, inner))

    _AsyncFunctionDef = _FunctionDef

    def _ClassDef(self, node: ast.ClassDef) -> str:
        outer = {
            name: _Done(self.text(getattr(node, name)))
            for name in ("bases", "keywords", "decorator_list")
        }
        inner = _scope(node.body)
        inner.is_class = True
        name = _Done(self.own(node.name))
        return self.plain(node, name=name, **outer, body=self.body(node.body, inner))

    def _Lambda(self, node: ast.Lambda) -> str:
        a = node.args
        arguments = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
        outer = _Done(self.text(a))
        inner = _Scope({argument.arg for argument in arguments})
        return self.plain(node, args=outer, body=self.body(node.body, inner))

    def _ListComp(self, node: ast.expr) -> str:
        self.scopes.append(_Scope(_bound(generator.target for generator in node.generators)))
        try:
            return self.plain(node)
        finally:
            self.scopes.pop()

    _SetComp = _DictComp = _GeneratorExp = _ListComp

    def body(self, body: list[ast.stmt] | ast.expr, scope: _Scope) -> _Done:
        self.scopes.append(scope)
        try:
            if isinstance(body, list):
                return _Done(self.text([node for node in body if not _is_text(node)]))
            return _Done(self.text(body))
        finally:
            self.scopes.pop()

    def _Dict(self, node: ast.Dict) -> str:
        """``{"toy": …, "book": …}``: only the scale in question counts."""
        names = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        scale = self.sources.scale if self.sources else None
        if scale in names and set(names) <= set(SCALES):
            return f"§{scale}{self.text(node.values[names.index(scale)])}"
        return self.plain(node)

    def _Call(self, node: ast.Call) -> str:
        """``sized(toy=…, book=…)``: of a setting, too, only the scale in question counts."""
        scale = self.sources.scale if self.sources else None
        if scale is None or not self.is_sized(node.func):
            return self.plain(node)
        given = dict(zip(SCALES, node.args, strict=False))
        given |= {keyword.arg: keyword.value for keyword in node.keywords}
        at = next(s for s in reversed(SCALES[: SCALES.index(scale) + 1]) if s in given)
        return f"{self.text(node.func)}§{scale}{self.text(given[at])}"

    def is_sized(self, node: ast.expr) -> bool:
        """Whether a name means ``companion.scale.sized``."""
        return isinstance(node, ast.Name) and self.look_up(node.id) == SIZED


@functools.cache
def _special(kind: type) -> Callable[[_Printer, ast.AST], str] | None:
    """How a printer writes nodes of a kind, if not as all others."""
    return getattr(_Printer, f"_{kind.__name__}", None)


@functools.cache
def _shown(kind: type[ast.AST]) -> tuple[str, ...]:
    """Fields of a node that its text has."""
    return tuple(name for name in kind._fields if name not in _LEFT_OUT)


class _Done(str):
    """A field that is written already."""


def _scope(body: Iterable[ast.stmt]) -> _Scope:
    nodes = [n for one in body for n in _inside(one)]
    scope = _Scope(_names_bound(nodes))
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            scope.imported |= {
                name: source
                for name, source in _imports(node).items()
                if source[0].partition(".")[0] == PACKAGE
            }
        elif isinstance(node, ast.Global | ast.Nonlocal):
            scope.bound -= set(node.names)
    return scope


def _is_text(node: ast.stmt) -> bool:
    """A docstring, of a definition or behind a constant."""
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant and isinstance(node.value.value, str)


def _is_outside(module: str) -> bool:
    return module.split(".")[1:2] != [] and module.split(".")[1] in OUTSIDE


class _Definition(NamedTuple):
    """Texts of one definition, and what it refers to."""

    text: str  # hash; references are a mark
    own: str  # hash; references are bare names
    uses: tuple[Key, ...]
    strings: frozenset[str]


# --------------------------------------------------------------------------- a checkout
class Sources:
    """The package's sources below one folder, parsed on demand.

    root : folder that holds the package
    scale : of the run in question; entries of other scales do not count.  None: all count
    """

    def __init__(self, root: Path, scale: str | None = None) -> None:
        self.root, self.scale = Path(root), scale
        self._tables: dict[str, _Table] = {}
        self._definitions: dict[Key, _Definition] = {}
        self._digests: dict[Key, str] = {}
        self._files: dict[str, Path | None] = {}

    def file(self, module: str) -> Path | None:
        """The source of a module of the package, or None."""
        if module not in self._files:
            places: tuple[Path, ...] = ()
            if module.partition(".")[0] == PACKAGE:
                base = self.root.joinpath(*module.split("."))
                places = (base.with_suffix(".py"), base / "__init__.py")
            self._files[module] = next((p for p in places if p.is_file()), None)
        return self._files[module]

    def table(self, module: str) -> _Table:
        """Global names of a module."""
        if module not in self._tables:
            self._tables[module] = table = _Table()
            _fill(table, _parsed(self.file(module).read_text(encoding="utf-8")))
        return self._tables[module]

    def resolve(self, module: str, name: str, seen: frozenset[Key] = frozenset()) -> Key | None:
        """(module, definition), ("module", module), or None for what is not of the package."""
        if (module, name) not in seen:  # else a package takes in a module of its own
            table = self.table(module)
            if name in table.defined:
                return module, name
            if name in table.imported:
                return self.imported(*table.imported[name], seen=seen | {(module, name)})
        return ("module", f"{module}.{name}") if self.file(f"{module}.{name}") else None

    def imported(
        self, module: str, name: str | None, seen: frozenset[Key] = frozenset()
    ) -> Key | None:
        """What ``from module import name`` means; without a name, the module."""
        if self.file(module) is None:
            below = f"{module}.{name}"  # of a package without __init__
            return ("module", below) if name and self.file(below) else None
        if name is None:
            return "module", module
        if _is_outside(module):
            return module, name
        return self.resolve(module, name, seen)

    def definition(self, key: Key) -> _Definition:
        """Texts of one definition."""
        if key not in self._definitions:
            printer = _Printer(self, key)
            text = "\n".join(map(printer.text, self.table(key[0]).defined[key[1]]))
            bare = re.sub("\0.*?\0", "§", text)
            uses, strings = tuple(printer.uses), frozenset(printer.strings)
            self._definitions[key] = _Definition(sha(bare), sha(text), uses, strings)
        return self._definitions[key]

    def reached(self, key: Key) -> list[Key]:
        """`key` and every definition that it can reach, in order of discovery."""
        seen, todo = {key: None}, [key]
        while todo:
            for use in self.definition(todo.pop()).uses:
                if use not in seen:
                    seen[use] = None
                    todo.append(use)
        return list(seen)

    def strings(self, key: Key) -> set[str]:
        """All texts (not docstrings) of what `key` reaches."""
        return {text for one in self.reached(key) for text in self.definition(one).strings}

    def digest(self, key: Key) -> str:
        """Digest of one definition with everything that it reaches."""
        if key not in self._digests:
            for circle in _circles(key, lambda k: self.definition(k).uses, self._digests):
                now = {one: self.definition(one).text for one in circle}
                for _ in circle:  # as many rounds as a circle has members tell all of them apart
                    now = {one: self._combine(one, now) for one in circle}
                self._digests |= now
        return self._digests[key]

    def _combine(self, key: Key, now: Mapping[Key, str]) -> str:
        own = self.definition(key)
        return sha("\n".join([own.text, *(now.get(u) or self._digests[u] for u in own.uses)]))

    # -- notebooks
    def read_notebook(self, path: Path, package: str = "") -> Key:
        """Take the notebook's statements in as a module; the key of what makes its record.

        package : of the chapter; ``run.settings`` is made from its presets

        Raises ``SyntaxError`` for a cell that does not parse.
        """
        table = _Table()
        table.imported["settings_for"] = (f"{PACKAGE}.scale", "settings_for")
        table.imported[_Plainly.PRESETS] = (f"{package}.settings", "PRESETS")
        plainly = _Plainly()
        record: list[ast.stmt] = []
        every: list[ast.stmt] = []
        begun: set[str] = set()
        for body in _cells(path):
            for node in map(plainly.visit, body):
                if isinstance(node, ast.Import | ast.ImportFrom) or _is_text(node):
                    _fill(table, [node])
                    continue
                every.append(node)
                if any(_is_emit(call) for call in ast.walk(node)):
                    record.append(node)
                    continue
                if _is_begin(node):
                    begun |= _bound([node])
                is_expression = isinstance(node, ast.Expr)
                is_shown = node is body[-1] and _method(node) not in _CHANGERS
                if not is_expression or not (is_shown or _base(node.value) in begun):
                    _fill(table, [node])
        random = {
            name
            for name, nodes in table.defined.items()
            if any(_calls(node) & _GENERATORS for node in nodes)
        }
        for node in every:  # whoever draws from a generator changes what the next one draws
            for name in random & {n.id for n in _inside(node) if isinstance(n, ast.Name)}:
                if node not in record and name in table.defined:
                    table.add(name, node)
        table.defined[RECORD] = record or every
        self._tables[NOTEBOOK] = table
        for key in [k for k in (*self._definitions, *self._digests) if k[0] == NOTEBOOK]:
            self._definitions.pop(key, None)
            self._digests.pop(key, None)
        return NOTEBOOK, RECORD


def _circles(
    start: Key, uses: Callable[[Key], Iterable[Key]], done: Mapping[Key, str]
) -> Iterator[list[Key]]:
    """Strongly connected components below `start`, deepest first (Tarjan 1972)."""
    index: dict[Key, int] = {start: 0}
    low = {start: 0}
    stack, work = [start], [(start, iter(uses(start)))]
    while work:
        node, rest = work[-1]
        for child in rest:
            if child in done:
                continue
            if child not in index:
                index[child] = low[child] = len(index)
                stack.append(child)
                work.append((child, iter(uses(child))))
                break
            if child in low:
                low[node] = min(low[node], index[child])
        else:
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                at = stack.index(node)
                circle = stack[at:]
                del stack[at:]
                for one in circle:
                    del low[one]  # no longer on the stack
                yield circle


# --------------------------------------------------------------------------- notebooks
def _cells(path: Path) -> Iterator[list[ast.stmt]]:
    """Statements of each code cell, without setup, parameters and lines of IPython magic."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        tags = set(cell.get("metadata", {}).get("tags", ()))
        if cell["cell_type"] == "code" and not tags & _NOT_CODE:
            source = "".join(cell["source"])
            lines = [
                line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))
            ]
            if body := ast.parse("\n".join(lines)).body:
                yield body


class _Plainly(ast.NodeTransformer):
    """``data.attempt(f, x)`` and ``run.step(f, x)`` as ``f(x)``; parts of a run as they are made.

    How a result is kept does not count, so a chapter may begin to keep its results.
    """

    PRESETS = "_presets_of_the_chapter"
    _KEEPING = frozenset({"keep", "timing"})

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        called = (_base(node.func), getattr(node.func, "attr", ""))
        if called not in {("data", "attempt"), ("run", "step")} or not node.args:
            return node
        kept = [k for k in node.keywords if k.arg not in self._KEEPING]
        return ast.copy_location(ast.Call(node.args[0], node.args[1:], kept), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.value, ast.Name) or node.value.id != "run":
            return node
        made = {
            "settings": f"settings_for({self.PRESETS}, SCALE, SETTINGS)",
            "seed": "SEED",
            "scale": "SCALE",
        }.get(node.attr)
        return ast.parse(made, mode="eval").body if made else node


def _is_emit(node: ast.AST) -> bool:
    """``records.emit(...)`` or ``run.finish(...)``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return (_base(node.func), node.func.attr) in {("records", "emit"), ("run", "finish")}


def _is_begin(node: ast.stmt) -> bool:
    """``run = chapter.begin(...)``."""
    return isinstance(node, ast.Assign) and "begin" in _calls(node)


def _method(node: ast.AST) -> str:
    """``add`` of the statement ``x.add(1)``; else the empty string."""
    call = node.value if isinstance(node, ast.Expr) else None
    is_method = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    return call.func.attr if is_method else ""


def _calls(node: ast.AST) -> set[str]:
    """Last names of what an assignment calls directly."""
    value = getattr(node, "value", None) if isinstance(node, ast.Assign | ast.AnnAssign) else None
    names = set()
    while isinstance(value, ast.Call | ast.Attribute):
        if isinstance(value, ast.Attribute):
            names.add(value.attr)
            value = value.value
        else:
            value = value.func
    return names | ({value.id} if isinstance(value, ast.Name) else set())


# --------------------------------------------------------------------------- what others call
def registry(root: Path) -> dict[str, str]:
    """Name of each registered data file -> its hash, as the sources below `root` have it."""
    path = Path(root) / PACKAGE / "data" / "registry.toml"
    if not path.is_file():
        return {}
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: table["sha256"] for name, table in tables.items()}


def _data_named(said: set[str], data: Mapping[str, str]) -> dict[str, str]:
    """Those data files whose name is said: ``"slug/file"``, or ``f"{FOLDER}/file"``."""
    names = {name: {name, name.partition("/")[2], f"/{name.partition('/')[2]}"} for name in data}
    return {name: data[name] for name, forms in sorted(names.items()) if said & forms}


@functools.lru_cache(maxsize=8)
def _sources(root: Path, scale: str | None, _stamp: int) -> Sources:
    return Sources(root, scale)


def sources(root: Path, scale: str | None = None) -> Sources:
    """The sources below `root` as they are now; parsed once as long as no file changes."""
    files = sorted((root / PACKAGE).rglob("*.py"))
    stamp = hash(tuple((str(p), s.st_mtime_ns, s.st_size) for p in files for s in [p.stat()]))
    return _sources(root, scale, stamp)


def chapter(root: Path, notebook: Path, scale: str | None = None, package: str = "") -> Chapter:
    """What the numbers of a notebook's record depend on.

    root : folder that holds the package
    notebook : the notebook's source
    package : of the chapter, ``companion.<chapter>``
    scale : of the record; entries of other scales in ``{"toy": …, "book": …}`` do not count
    """
    found = sources(root, scale)
    key = found.read_notebook(notebook, package)
    data = _data_named(found.strings(key), registry(root))
    definitions: dict[str, set[str]] = {}
    places: dict[str, str] = {}
    for module, name in found.reached(key):
        label = f"{NOTEBOOK}: {name}" if module == NOTEBOOK else name
        definitions.setdefault(label, set()).add(found.definition((module, name)).own[:12])
        if module != NOTEBOOK:
            places[label] = f"{places[label]}, {module}" if label in places else module
    own = {label: " ".join(sorted(hashes)) for label, hashes in sorted(definitions.items())}
    own |= {f"data: {name}": digest[:12] for name, digest in data.items()}
    files = [f"{name}={digest}" for name, digest in data.items()]
    return Chapter(sha("\n".join([found.digest(key), *files])), own, places)


def digest(thing: Callable | type, data: Mapping[str, str] | None = None) -> str:
    """Digest of a function or class of the installed package.

    data : name of a data file -> hash; those that the definition names count.  The registry of
        the package if not given

    Raises ``TypeError`` for what is not defined at the top of one of the package's modules: a
    lambda, a function of a notebook.
    """
    key = key_of(thing)
    found = _installed()
    named = _data_named(found.strings(key), _registered() if data is None else data)
    return sha("\n".join([found.digest(key), *(f"{name}={h}" for name, h in named.items())]))


def key_of(thing: Callable | type) -> Key:
    """Module and name of a function or class of the installed package."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    first = name.partition(".")[0]
    found = _installed()
    if (
        not module
        or "<" in name
        or not found.file(module)
        or first not in found.table(module).defined
    ):
        raise TypeError(
            f"{module}.{name or thing!r} is not defined at the top of a module of {PACKAGE}; "
            "a step is a named function of the package"
        )
    return module, first


def names_used(thing: Callable | type) -> set[str]:
    """Names and attributes in a function of the installed package and in all that it reaches."""
    sources, found = _installed(), set()
    for module, name in sources.reached(key_of(thing)):
        for statement in sources.table(module).defined[name]:
            for node in ast.walk(statement):
                if isinstance(node, ast.Attribute):
                    found.add(node.attr)
                elif isinstance(node, ast.Name):
                    found.add(node.id)
    return found


@functools.cache
def _installed() -> Sources:
    """The package that runs; a process does not see later edits of its sources."""
    return Sources(Path(__file__).resolve().parent.parent)


@functools.cache
def _registered() -> dict[str, str]:
    return registry(_installed().root)
