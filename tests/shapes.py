"""Shape types of the methods, checked at each call while tests of methods run.

A method writes ``Float[Tensor, "batch seq state"]`` beside a parameter or behind the arrow, and
imports the name for readers and type checkers only: the package does not need jaxtyping.  Here
such texts become types.  :func:`watch` has every module of a method checked as it is imported:
in one call, one name of an axis is one size.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import inspect
import numbers
import re
import sys
import typing
from pathlib import Path
from types import ModuleType, UnionType

import jaxtyping
from jaxtyping import jaxtyped

METHODS = re.compile(r"companion\.\w+\.method\.\w+(\.\w+)*")
"""Names of the modules that are watched."""

NAMES = {name: getattr(jaxtyping, name) for name in ("Float", "Int", "Int32", "Bool", "Num")}
NAMES["Shaped"] = jaxtyping.Shaped
"""What a text may use besides what its module knows."""

FILES = {
    "consistent_diffusion": ("blocks", "graph_transformer", "plane"),
    "distillation_memorization": ("models", "objectives", "worlds"),
    "gaussian_rbf": ("model", "precision"),
    "leximark": ("scores",),
    "mamba3": ("layer", "theory"),
    "massive_activations": ("curve", "measure", "null"),
    "model_ecosystem": ("drift", "forest", "similarity", "theory"),
    "next_token_concepts": ("methods", "theory"),
    "quartet": ("kernel", "law", "layer", "mxfp4", "numbers"),
    "scaling_laws": ("law", "protocol", "varpro"),
    "synthetic_data": ("calibration", "loop", "mixing", "threshold"),
    "tart": ("classifier", "module", "sampler", "theory", "training", "whitening"),
}
"""Chapter -> its tests of the method, less ``test_``: their calls are looked at."""

LOOKING: list[str] = []
"""Names of the files of tests whose calls are checked; more than none while one of them runs."""

_SHAPE = re.compile(rf"\b(?:{'|'.join(NAMES)})\[")


class WrongShape(TypeError):
    """A function was given, or gave, an array of another shape or kind than it says."""


def types(function: object, module: ModuleType) -> dict[str, object]:
    """Parameter, or ``return``, to its shape type; without those that have none."""
    texts = getattr(inspect.unwrap(function), "__annotations__", {})
    known = {**vars(typing), **vars(module), **NAMES}
    return {
        name: eval(text, known)
        for name, text in texts.items()
        if isinstance(text, str) and _SHAPE.search(text)
    }


def fits(value: object, kind: object) -> bool:
    """Whether a value has a type: an array's, one of several, or a tuple of them."""
    if typing.get_origin(kind) is tuple:
        kinds = typing.get_args(kind)
        kinds = kinds[:1] * len(value) if kinds[-1] is Ellipsis else kinds
        return len(value) == len(kinds) and all(map(fits, value, kinds))
    if typing.get_origin(kind) in (typing.Union, UnionType):
        return any(fits(value, one) for one in typing.get_args(kind))
    if kind in (int, float):
        return isinstance(value, numbers.Real)
    return not isinstance(kind, type) or isinstance(value, kind)


def checked(function, module: ModuleType):
    """The same function; :class:`WrongShape` where an array is not as it says.

    What the function refuses itself it may refuse in its own words.  Nothing is looked at while
    :data:`LOOKING` is empty.
    """
    kinds = types(function, module)
    if not kinds:
        return function
    parameters = inspect.signature(function)

    @functools.wraps(function)
    def call(*arguments, **named):
        if not LOOKING:
            return function(*arguments, **named)
        with jaxtyped("context"):
            given = parameters.bind(*arguments, **named).arguments
            wrong = [
                _words(function, name, given[name], kind)
                for name, kind in kinds.items()
                if name in given and not fits(given[name], kind)
            ]
            try:
                result = function(*arguments, **named)
            except (ValueError, TypeError):
                raise
            except Exception as error:
                if wrong:
                    raise WrongShape(wrong[0]) from error
                raise
            if wrong:
                raise WrongShape(wrong[0])
            if "return" in kinds and not fits(result, kinds["return"]):
                raise WrongShape(_words(function, "return", result, kinds["return"]))
            return result

    return call


def _words(function, name: str, value: object, kind: object) -> str:
    parts = value if isinstance(value, tuple) else (value,)
    got = ", ".join(
        f"{getattr(part, 'dtype', type(part).__name__)}{list(getattr(part, 'shape', ()))}"
        for part in parts
    )
    return f"{function.__module__}.{function.__qualname__}: {name} is {got}, not {kind}"


def check(module: ModuleType) -> None:
    """Check the functions of a module, and those of its classes, from now on."""
    for name, value in list(vars(module).items()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value):
            setattr(module, name, checked(value, module))
        elif inspect.isclass(value):
            for part, inside in list(vars(value).items()):
                if made := _part(inside, module):
                    setattr(value, part, made)


def _part(inside: object, module: ModuleType) -> object | None:
    """What stands in a class instead of one of its functions; None where nothing is checked."""
    if isinstance(inside, property):
        new = checked(inside.fget, module)
        return None if new is inside.fget else property(new, inside.fset, inside.fdel)
    wrapped = isinstance(inside, staticmethod | classmethod)
    function = inside.__func__ if wrapped else inside
    if not inspect.isfunction(function):
        return None
    new = checked(function, module)
    if new is function:
        return None
    return type(inside)(new) if wrapped else new


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of methods as Python does, and has them checked."""

    def find_spec(self, name, path=None, target=None):
        if not METHODS.fullmatch(name):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (run(module), check(module))
        return spec


def of_methods(path: Path) -> bool:
    """Whether a file is one of :data:`FILES`."""
    return path.stem.removeprefix("test_") in FILES.get(path.parent.name, ())


def watch() -> None:
    """Have all methods ready that are imported from now on, in this process."""
    if not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
