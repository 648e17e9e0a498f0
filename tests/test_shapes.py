"""Functions that are equations say the shapes of their arrays, and are held to it.

The tests of the methods are the calls that are looked at (``shapes.FILES``, and ``conftest``).
"""

from __future__ import annotations

import ast
import importlib
import re
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from companion.massive_activations.method import curve
from companion.papers import chapters
from companion.project import Project
from companion.publish import api
from companion.tart.method import module, theory
from tests import shapes

ARRAY = re.compile(r"\b(?:np\.ndarray|Tensor)\b(?!, [\"'])")
"""An array whose annotation does not say its shape."""

each_chapter = pytest.mark.parametrize("entry", chapters(), ids=lambda entry: entry.slug)


def functions(entry):
    """Equation functions of a method, and methods of equation classes: name -> definition."""
    found = {}
    for equation in api.equations(entry, Project()):
        for place in equation.places:
            if not place.said.startswith("method/") or not place.name:
                continue
            path = entry.package_path() / "method" / f"{place.module.rpartition('.')[2]}.py"
            inside = ast.parse(path.read_text(encoding="utf-8")).body
            for part in place.name.split("."):
                node = next(one for one in inside if getattr(one, "name", None) == part)
                inside = node.body
            nodes = inside if isinstance(node, ast.ClassDef) else [node]
            for one in nodes:
                if isinstance(one, ast.FunctionDef):
                    found[f"{place.module}.{one.name}"] = one
    return found


def annotations(node):
    """Parameters, and ``return``, with their annotations."""
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    found = {one.arg: one.annotation for one in arguments} | {"return": node.returns}
    return {name: ast.unparse(said) for name, said in found.items() if said is not None}


@each_chapter
def test_the_functions_that_are_equations_say_the_shapes_of_their_arrays(entry):
    silent = {
        (name, parameter): text
        for name, node in functions(entry).items()
        for parameter, text in annotations(node).items()
        if ARRAY.search(re.sub(r"Callable\[.*\]", "", text))
    }
    assert silent == {}


def test_most_equations_have_a_function_whose_arrays_have_shapes():
    shaped = {
        name
        for entry in chapters()
        for name, node in functions(entry).items()
        if any("[" in text and '"' in text.replace("'", '"') for text in annotations(node).values())
    }
    assert len(shaped) >= 50


@each_chapter
def test_every_shape_is_one_that_can_be_read(entry):
    for name in api.modules(entry, Project()):
        loaded = importlib.import_module(f"{entry.module}.method.{name}")
        for value in vars(loaded).values():
            if isinstance(value, types.FunctionType):
                shapes.types(value, loaded)


@each_chapter
def test_the_tests_of_every_method_are_looked_at(entry):
    folder = Path(__file__).parent / entry.package_path().name
    named = shapes.FILES.get(folder.name, ())
    assert all((folder / f"test_{name}.py").is_file() for name in named)
    if functions(entry):
        assert any(
            f"{entry.module}.method" in (folder / f"test_{name}.py").read_text(encoding="utf-8")
            for name in named
        )


@pytest.fixture
def looked_at(monkeypatch):
    monkeypatch.setattr(shapes, "LOOKING", ["this file"])


def test_nothing_is_checked_elsewhere():
    assert shapes.LOOKING == []
    assert theory.mean_difference(np.zeros((5, 3)), np.zeros(5), np.zeros(3)).shape == ()


@pytest.mark.usefixtures("looked_at")
def test_the_methods_that_tests_import_are_checked():
    x, y = torch.zeros(2, 3, 4), torch.zeros(2, 3)
    assert module.interleave(x, y).shape == (2, 6, 4)
    with pytest.raises(shapes.WrongShape, match=r"module\.interleave: y is .*\[2, 4\]"):
        module.interleave(x, torch.zeros(2, 4))
    with pytest.raises(shapes.WrongShape, match="queries is float64"):
        theory.mean_difference(np.zeros((5, 3)), np.zeros(5), np.zeros(3))
    with pytest.raises(ValueError, match="mismatch"):  # what a function refuses itself
        theory.mean_difference(np.zeros((5, 3)), np.zeros(5), np.zeros((2, 4)))


@pytest.mark.usefixtures("looked_at")
def test_a_result_is_held_to_its_shape_and_kind():
    given = {"__name__": __name__, "np": np}
    code = (
        'def f(x: Float[np.ndarray, " n"]) -> tuple[Float[np.ndarray, " n"], int]:\n'
        "    return np.zeros(len(x) + more), 1\n"
        'def g(x: Float[np.ndarray, " n"] | None = None) -> Bool[np.ndarray, "..."] | None:\n'
        "    return x if x is None else x > 0\n"
    )
    made = types.ModuleType(__name__)
    vars(made).update(given, more=0)
    exec("from __future__ import annotations\n" + code, vars(made))
    shapes.check(made)
    assert len(made.f(np.zeros(3))[0]) == 3
    made.more = 1
    with pytest.raises(shapes.WrongShape, match=r"return is float64\[4\], int\[\]"):
        made.f(np.zeros(3))
    with pytest.raises(shapes.WrongShape, match=r"x is int64\[3\]"):
        made.f(np.arange(3))
    assert made.g() is None
    assert made.g(np.ones(2)).all()
    with pytest.raises(shapes.WrongShape):
        made.g(np.ones((2, 2)))


def test_a_function_without_shapes_stays_as_it_is():
    assert shapes.checked(np.linalg.norm, np.linalg) is np.linalg.norm
    assert shapes.checked(curve.turning_point, curve) is curve.turning_point
