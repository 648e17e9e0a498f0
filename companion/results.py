"""Results on disk: a tree as JSON beside arrays and tables, in one zip file.  No pickle.

``tree.json`` holds the tree and a few words about it, arrays are ``.npy`` members (``np.load``
opens the file, too), tables are Arrow.  What JSON cannot say is an object with the key ``~``.
Nothing is ever unpickled: of classes, only dataclasses, named tuples and enums that are defined
inside ``companion`` are built again, field by field and without running their code.

Equal values give equal bytes: entries carry no time, and sets are sorted.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import importlib
import io
import json
import math
import os
import re
import sys
import threading
import types
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from companion.imports import NAME
from companion.project import PACKAGE

FORMAT = 1
"""Written into every file; another number is :class:`Damaged`."""

TAG = "~"
_DATE = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(r"companion(\.\w+)*:\w+(\.\w+)*")
_ADVICE = "return arrays, tables or a dataclass of companion (of a model: its state_dict)"


class NotStorable(TypeError):
    """The value holds what a file cannot: a model, a generator, a function.  Says where."""


class Damaged(ValueError):
    """The file is cut, changed or of another time; compute the result again."""


# --------------------------------------------------------------------------- writing
class _Writer:
    """Turns a value into a tree that JSON can hold, and members for arrays and tables.

    by_value : for hashes: members are named by what they hold, and a table counts by its values;
        Arrow files name the versions of the libraries that wrote them
    """

    def __init__(self, *, by_value: bool = False) -> None:
        self.by_value = by_value
        self.members: dict[str, bytes] = {}
        self.classes: set[str] = set()
        self._names: dict[str, str] = {}

    def member(self, data: bytes, suffix: str) -> str:
        """Keep bytes once, however often they occur; the member's name."""
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._names:
            name = f"{digest if self.by_value else len(self.members)}.{suffix}"
            self._names[digest] = name
            self.members[name] = b"" if self.by_value else data
        return self._names[digest]

    def array(self, value: np.ndarray) -> str:
        """Keep an array in numpy's own format."""
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.asarray(value, order="C"), allow_pickle=False)
        return self.member(buffer.getvalue(), "npy")

    def class_name(self, cls: type, at: str) -> str:
        """``companion.<chapter>:Class`` of a class of companion; it has to tell which one."""
        name = f"{_unit(cls.__module__)}:{cls.__qualname__}"
        if not _NAME.fullmatch(name):
            cls_name = f"{cls.__module__}:{cls.__qualname__}"
            raise NotStorable(f"{at} is a {cls_name}, which is not a class of companion; {_ADVICE}")
        homes = _homes(_unit(cls.__module__), cls.__qualname__.partition(".")[0])
        if homes != (cls.__module__,):
            raise NotStorable(
                f"{at} is a {name}, and {' and '.join(homes)} define such a class; rename one"
            )
        self.classes.add(name)
        return name

    def tree(self, value: object, at: str) -> object:
        """`value` as JSON can hold it; `at` says where it stands, for errors."""
        write = _PLAIN.get(type(value)) or _kind(value)
        if write is None:
            cls = type(value)
            raise NotStorable(f"{at} is a {cls.__module__}.{cls.__qualname__}; {_ADVICE}")
        return write(self, value, at)

    def items(self, values: Iterable[object], at: str) -> list[object]:
        return [self.tree(value, f"{at}[{i}]") for i, value in enumerate(values)]


def _same(_: _Writer, value: object, at: str) -> object:
    return value


def _float(_: _Writer, value: float, at: str) -> object:
    return value if math.isfinite(value) else {TAG: "float", "v": str(value)}


def _dict(w: _Writer, value: dict, at: str) -> object:
    if all(type(key) is str and key != TAG for key in value):
        return {key: w.tree(item, f"{at}[{key!r}]") for key, item in value.items()}
    pairs = [
        [w.tree(key, f"a key of {at}"), w.tree(item, f"{at}[{key!r}]")]
        for key, item in value.items()
    ]
    return {TAG: "dict", "v": pairs}


def _set(w: _Writer, value: set | frozenset, at: str) -> object:
    return {TAG: type(value).__name__, "v": w.items(sorted(value, key=repr), at)}


def _array(w: _Writer, value: np.ndarray, at: str) -> object:
    if value.dtype.hasobject:
        return {TAG: "objects", "shape": list(value.shape), "v": w.items(value.ravel(), at)}
    return {TAG: "array", "v": w.array(value)}


def _scalar(w: _Writer, value: np.generic, at: str) -> object:
    is_plain = value.dtype.kind in "biufU" and value.dtype.itemsize <= 8
    plain = w.tree(value.item(), at) if is_plain else {TAG: "array", "v": w.array(value)}
    return {TAG: "scalar", "v": plain, "t": value.dtype.str}


def _fields(names: Iterable[str]) -> Callable[[_Writer, object, str], object]:
    def write(w: _Writer, value: object, at: str) -> object:
        held = {name: w.tree(getattr(value, name), f"{at}.{name}") for name in names}
        return {TAG: w.class_name(type(value), at), "f": held}

    return write


def _enum(w: _Writer, value: enum.Enum, at: str) -> object:
    return {TAG: w.class_name(type(value), at), "e": value.name}


def _tensor(w: _Writer, value: object, at: str) -> object:
    """On the processor and without gradient; types that numpy lacks as integers."""
    import torch

    if value.layout is not torch.strided:
        raise NotStorable(f"{at} is a tensor of layout {value.layout}; make it dense")
    plain = value.detach().cpu().contiguous()
    size = plain.dtype.itemsize
    is_known = size >= 4 or not plain.dtype.is_floating_point or plain.dtype == torch.float16
    raw = plain if is_known else plain.view(torch.uint8 if size == 1 else torch.int16)
    return {TAG: "tensor", "v": w.array(raw.numpy()), "t": str(plain.dtype).removeprefix("torch.")}


def _by_value(w: _Writer, columns: object) -> object:
    return {TAG: "values", "v": w.member(json.dumps(columns, default=str).encode(), "json")}


def _polars(w: _Writer, value: object, at: str) -> object:
    import polars as pl

    frame = value.to_frame() if isinstance(value, pl.Series) else value
    if w.by_value:
        return _by_value(w, [*map(str, frame.dtypes), frame.to_dict(as_series=False)])
    buffer = io.BytesIO()
    frame.write_ipc(buffer)
    return {TAG: f"polars.{type(value).__name__}", "v": w.member(buffer.getvalue(), "arrow")}


def _pandas(w: _Writer, value: object, at: str) -> object:
    """As Arrow, whose metadata keep index, types and names; what Arrow would change is refused."""
    import pandas as pd
    import pyarrow as pa

    frame = value if isinstance(value, pd.DataFrame) else pd.Series(value).to_frame(name="0")
    if w.by_value:
        columns = [[str(name), frame.iloc[:, i].tolist()] for i, name in enumerate(frame.columns)]
        return _by_value(w, [*columns, frame.index.tolist()])
    try:
        table = pa.Table.from_pandas(frame)
        pd.testing.assert_frame_equal(table.to_pandas(), frame, check_exact=True, check_freq=False)
    except (pa.ArrowException, AssertionError, ValueError) as error:
        raise NotStorable(f"{at} is a table that Arrow cannot hold as it is: {error}") from error
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    kind = next(k for k in ("DataFrame", "Series", "Index") if isinstance(value, getattr(pd, k)))
    name = None if kind == "DataFrame" else w.tree(value.name, f"{at}.name")
    data = w.member(sink.getvalue().to_pybytes(), "arrow")
    return {TAG: "pandas", "v": data, "name": name, "t": kind}


_PLAIN: dict[type, Callable[[_Writer, object, str], object]] = {
    **dict.fromkeys((type(None), bool, int, str), _same),
    float: _float,
    list: lambda w, v, at: w.items(v, at),
    tuple: lambda w, v, at: {TAG: "tuple", "v": w.items(v, at)},
    dict: _dict,
    set: _set,
    frozenset: _set,
    bytes: lambda w, v, at: {TAG: "bytes", "v": w.member(v, "bin")},
    range: lambda w, v, at: {TAG: "range", "v": [v.start, v.stop, v.step]},
    types.MappingProxyType: lambda w, v, at: {TAG: "mappingproxy", "v": _dict(w, dict(v), at)},
    np.ndarray: _array,
    np.memmap: _array,
}


def _kind(value: object) -> Callable[[_Writer, object, str], object] | None:
    """How to write what is not of a plain type; None for what cannot be written.

    Only libraries that are loaded are asked: a value of another cannot exist.
    """
    if isinstance(value, np.generic):
        return _scalar
    if isinstance(value, enum.Enum):
        return _enum
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields([field.name for field in dataclasses.fields(value)])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _fields(value._fields)
    torch, pl, pd = (sys.modules.get(name) for name in ("torch", "polars", "pandas"))
    if torch and type(value) is torch.Tensor:
        return _tensor
    if pl and isinstance(value, pl.DataFrame | pl.Series):
        return _polars
    if pd and isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        return _pandas
    return None


# --------------------------------------------------------------------------- reading
class _Reader:
    """Builds a value from its tree; `member` gives the bytes of an entry."""

    def __init__(self, member: Callable[[str], bytes]) -> None:
        self.member = member

    def array(self, name: str) -> np.ndarray:
        return np.lib.format.read_array(io.BytesIO(self.member(name)), allow_pickle=False)

    def value(self, tree: object) -> object:
        if isinstance(tree, list):
            return [self.value(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if TAG not in tree:
            return {key: self.value(item) for key, item in tree.items()}
        kind = tree[TAG]
        return _READERS[kind](self, tree) if kind in _READERS else self.ours(kind, tree)

    def ours(self, name: str, tree: dict) -> object:
        """An object of companion, made of its fields; none of its code runs."""
        cls = find_class(name)
        if "e" in tree:
            return cls[tree["e"]]
        held = {key: self.value(item) for key, item in tree["f"].items()}
        is_tuple = issubclass(cls, tuple)
        names = cls._fields if is_tuple else [field.name for field in dataclasses.fields(cls)]
        if held.keys() != set(names):
            raise Damaged(f"{name} has the fields {', '.join(names)} now, not {', '.join(held)}")
        if is_tuple:
            return cls._make(held[field] for field in names)
        made = object.__new__(cls)
        for key, item in held.items():
            object.__setattr__(made, key, item)
        return made

    def objects(self, tree: dict) -> np.ndarray:
        made = np.empty(math.prod(tree["shape"]), dtype=object)
        for i, item in enumerate(tree["v"]):
            made[i] = self.value(item)
        return made.reshape(tree["shape"])

    def tensor(self, tree: dict) -> object:
        import torch

        raw, dtype = torch.from_numpy(self.array(tree["v"])), getattr(torch, tree["t"])
        return raw if raw.dtype == dtype else raw.view(dtype)

    def polars(self, tree: dict) -> object:
        import polars as pl

        frame = pl.read_ipc(io.BytesIO(self.member(tree["v"])))
        return frame.to_series() if tree[TAG].endswith("Series") else frame

    def pandas(self, tree: dict) -> object:
        import pandas as pd
        import pyarrow as pa

        frame = pa.ipc.open_file(io.BytesIO(self.member(tree["v"]))).read_all().to_pandas()
        if tree["t"] == "DataFrame":
            return frame
        series = frame.iloc[:, 0].rename(self.value(tree["name"]))
        return series if tree["t"] == "Series" else pd.Index(series)


_READERS: dict[str, Callable[[_Reader, dict], object]] = {
    "float": lambda r, t: float(t["v"]),
    "bytes": lambda r, t: r.member(t["v"]),
    "tuple": lambda r, t: tuple(r.value(t["v"])),
    "set": lambda r, t: set(r.value(t["v"])),
    "frozenset": lambda r, t: frozenset(r.value(t["v"])),
    "dict": lambda r, t: {r.value(key): r.value(item) for key, item in t["v"]},
    "mappingproxy": lambda r, t: types.MappingProxyType(r.value(t["v"])),
    "range": lambda r, t: range(*t["v"]),
    "array": lambda r, t: r.array(t["v"]),
    "objects": _Reader.objects,
    "scalar": lambda r, t: np.asarray(r.value(t["v"]), t["t"])[()],
    "tensor": _Reader.tensor,
    "polars.DataFrame": _Reader.polars,
    "polars.Series": _Reader.polars,
    "pandas": _Reader.pandas,
}


def _unit(module: str) -> str:
    """The chapter, or the shared module or package, that `module` belongs to."""
    return ".".join(module.split(".")[:2])


@functools.cache
def _classes(unit: str) -> dict[str, tuple[str, ...]]:
    """Classes at the top of the modules of `unit`: name -> the modules that define it.

    Read as text, so that no module is imported but the one that is wanted.
    """
    base = PACKAGE.joinpath(*unit.split(".")[1:])
    files = (
        {base.with_suffix(".py"), *base.rglob("*.py")}
        if base != PACKAGE
        else {*PACKAGE.glob("*.py"), *PACKAGE.glob("data/*.py")}
    )
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(path for path in files if path.is_file()):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found[name] = (*found.get(name, ()), module.removesuffix(".__init__"))
    return found


def _homes(unit: str, name: str) -> tuple[str, ...]:
    """Modules that define the class `name` of `unit`; among the shared ones if `unit` has none.

    A module that is not among the package's files (a test made it) is taken at its word.
    """
    return _classes(unit).get(name) or _classes(NAME).get(name) or (unit,)


def find_class(name: str) -> type:
    """The class of companion that `name` stands for: ``companion.<chapter>:Class``.

    Shared modules stand in the place of a chapter.  Where in it the class is does not count, so
    that it may move; of what follows the chapter in older files nothing is read.

    Raises :class:`Damaged` for everything that is not a dataclass, named tuple or enum defined in
    companion: nothing else is ever built.
    """
    if not _NAME.fullmatch(name):
        raise Damaged(f"{name!r} is not a class of companion")
    module, _, path = name.partition(":")
    homes = _homes(_unit(module), path.partition(".")[0])
    if len(homes) > 1:
        raise Damaged(f"{name} may be a class of {' or of '.join(homes)}")
    try:
        found: object = importlib.import_module(homes[0])
        for part in path.split("."):
            found = vars(found)[part]
    except (ImportError, KeyError, TypeError) as error:
        raise Damaged(f"{name} is no longer there") from error
    is_data = isinstance(found, type) and (
        dataclasses.is_dataclass(found)
        or issubclass(found, enum.Enum)
        or (issubclass(found, tuple) and hasattr(found, "_fields"))
    )
    if not is_data or found.__module__ != homes[0]:
        raise Damaged(f"{name} is not a dataclass, named tuple or enum of companion")
    return found


# --------------------------------------------------------------------------- files
def dump(value: object, about: dict[str, object] | None = None) -> bytes:
    """The bytes of a stored result; equal values give equal bytes.

    about : words about it that JSON can hold, read without the value by ``load(what="about")``

    Raises :class:`NotStorable`, which names the place in the value.
    """
    writer = _Writer()
    head = {"format": FORMAT, "about": about or {}, "value": writer.tree(value, "result")}
    tree = json.dumps(head, allow_nan=False, separators=(",", ":")).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in {"tree.json": tree, **writer.members}.items():
            file.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def content(value: object) -> tuple[str, set[str]]:
    """Hash of a value, and the names of the classes of companion that it is made of.

    Tables count by their values, so the hash is the same under other versions of pandas.
    """
    writer = _Writer(by_value=True)
    tree = json.dumps(writer.tree(value, "input"), allow_nan=False)
    return hashlib.sha256(tree.encode()).hexdigest(), writer.classes


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step: other processes see the whole file, the old one or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


_PART = re.compile(r"\..+?\.(\d+)(?:\.\d+)?")


def forget_parts(folder: Path) -> None:
    """Remove what processes that were killed while they wrote left in `folder` and below it.

    Half a file is named after the process that writes it: a dot, the file's name, and the id.
    """
    import psutil

    for part in folder.rglob(".*"):
        named = _PART.fullmatch(part.name)
        if named and part.is_file() and not psutil.pid_exists(int(named[1])):
            part.unlink(missing_ok=True)


def save(path: Path, value: object, **about: object) -> int:
    """Store a value in one step; the number of bytes.  Raises as :func:`dump`, and ``OSError``."""
    data = dump(value, about)
    write_bytes(path, data)
    return len(data)


def load(path: Path, what: str = "value") -> object:
    """The stored value, or with ``what="about"`` only what was said of it.

    Raises :class:`Damaged` for anything wrong with the file, ``FileNotFoundError`` without one.
    """
    if what not in ("value", "about"):
        raise ValueError(f"what is 'value' or 'about', got {what!r}")
    try:
        with zipfile.ZipFile(path) as file:  # a changed byte fails the check sum of its entry
            head = json.loads(file.read("tree.json"))
            if head["format"] != FORMAT:
                raise Damaged(f"format {head['format']}, this version reads {FORMAT}")
            return head["about"] if what == "about" else _Reader(file.read).value(head["value"])
    except FileNotFoundError:
        raise
    except Damaged as error:
        raise Damaged(f"{path.name}: {error}") from error
    except Exception as error:  # zipfile also raises OSError and RuntimeError for a flipped bit
        raise Damaged(f"{path.name} is damaged ({type(error).__name__}: {error})") from error


# --------------------------------------------------------------------------- comparing
def difference(first: object, second: object, tolerance: float = 0.0) -> str | None:
    """Where two values differ first, to the last digit; None if they are equal.

    tolerance : by which numbers may differ, as a share of the largest of their array or column

    E.g. ``result.pairs[3]: 0.25 and 0.2500000001, relative 4.0e-10``.
    """
    if tolerance:
        return _differ(first, second, "result", tolerance)
    trees = [_Writer(by_value=True) for _ in range(2)]
    left, right = (w.tree(v, "result") for w, v in zip(trees, (first, second), strict=True))
    if json.dumps(left) == json.dumps(right):
        return None
    return _differ(first, second, "result") or "result: the stored forms differ"


def _differ(a: object, b: object, at: str, tolerance: float = 0.0) -> str | None:
    """Go down to the first place where two values are not the same."""
    if tolerance and _is_table(a) and _is_table(b):
        a, b = ({str(name): np.asarray(one[name]) for name in one.columns} for one in (a, b))
    if type(a).__name__ != type(b).__name__:
        return f"{at}: {type(a).__name__} and {type(b).__name__}"
    if isinstance(a, dict | types.MappingProxyType):
        if list(a) != list(b):
            return f"{at}: keys {list(a)} and {list(b)}"
        return _first(((a[key], b[key], f"{at}[{key!r}]") for key in a), tolerance)
    if isinstance(a, tuple | list):
        if len(a) != len(b):
            return f"{at}: {len(a)} and {len(b)} items"
        names = [f".{n}" for n in getattr(a, "_fields", ())] or [f"[{i}]" for i in range(len(a))]
        return _first(((x, y, at + n) for x, y, n in zip(a, b, names, strict=True)), tolerance)
    if dataclasses.is_dataclass(a):
        names = [field.name for field in dataclasses.fields(a)]
        return _first(((getattr(a, n), getattr(b, n), f"{at}.{n}") for n in names), tolerance)
    if content(a)[0] == content(b)[0] or (tolerance and _is_near(a, b, tolerance)):
        return None
    size = _relative(a, b)
    shown = f": {a!r} and {b!r}" if isinstance(a, bool | int | float | str | np.generic) else ""
    return f"{at}{shown}{', ' if shown else ': '}{size}" if size else f"{at}{shown or ' differs'}"


def _first(triples: Iterable[tuple[object, object, str]], tolerance: float) -> str | None:
    return next((found for triple in triples if (found := _differ(*triple, tolerance))), None)


def _is_table(value: object) -> bool:
    return type(value).__name__ == "DataFrame"


def _is_near(a: object, b: object, tolerance: float) -> bool:
    """Whether numbers differ by a share of the largest one only; what is not finite is equal."""
    try:
        x, y = (np.asarray(value) for value in (a, b))
    except (TypeError, ValueError, RuntimeError):
        return False
    if x.shape != y.shape or not all(np.issubdtype(one.dtype, np.inexact) for one in (x, y)):
        return False
    if not np.array_equal(np.isfinite(x), np.isfinite(y)):
        return False
    odd = ~np.isfinite(x)
    if not np.array_equal(x[odd], y[odd], equal_nan=True):
        return False
    x, y = x[~odd], y[~odd]
    if not x.size:
        return True
    return bool(np.abs(x - y).max() <= tolerance * max(np.abs(x).max(), np.abs(y).max()))


def _relative(a: object, b: object) -> str:
    """Size of the difference of numbers, relative to the larger; "" if they are no numbers."""
    try:
        x, y = (np.asarray(value, dtype=float) for value in (a, b))
    except (TypeError, ValueError, RuntimeError):
        return ""
    if x.shape != y.shape:
        return f"shapes {x.shape} and {y.shape}"
    if not x.size or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return ""
    scale = max(np.abs(x).max(), np.abs(y).max())
    return f"relative {np.abs(x - y).max() / scale:.1e}" if scale else ""
