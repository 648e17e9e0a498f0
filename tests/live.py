"""The live figures of the book, and their functions in an engine without a browser (QuickJS)."""

from __future__ import annotations

import importlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from companion import live
from companion.project import Project

PACKAGE = Project().package
NUMBER = re.compile(r"−?\d+(?:\.\d+)?")


def scripts() -> list[Path]:
    """The page's side of every live figure: ``live_*.js`` somewhere in a chapter's package."""
    return sorted(PACKAGE.rglob("live_*.js"))


@cache
def figure(script: Path) -> live.Live:
    """The figure whose twin lies beside `script`."""
    name = ".".join(script.relative_to(PACKAGE.parent).with_suffix("").parts)
    return importlib.import_module(name).figure()


@cache
def output(script: Path) -> str:
    """What a notebook shows of the figure, drawn once for all tests."""
    return figure(script).to_html()


def context(*sources: Path):
    """An engine that has read some scripts; without one, the tests that need it are skipped."""
    engine = pytest.importorskip("quickjs", reason="needs quickjs-ng (the extra `test`)").Context()
    for source in sources:
        engine.eval(source.read_text(encoding="utf-8"))
    return engine


def page_scene(script: Path, data: Mapping) -> Callable[[Mapping], dict]:
    """The scene as the page computes it, from its values."""
    engine = context(PACKAGE / "live.js", script)
    engine.eval(f"const given = {json.dumps(data)}")
    return lambda values: json.loads(
        engine.eval(f"JSON.stringify(scene({json.dumps(values)}, given))")
    )


def corners(figure: live.Live) -> Iterator[dict]:
    """All combinations of the ends of the sliders and of all choices."""
    names = [control.name for control in figure.controls]
    for values in itertools.product(*(control.values(2) for control in figure.controls)):
        yield figure.within(dict(zip(names, values, strict=True)))


def settings(figure: live.Live, inside: int) -> list[dict]:
    """The start, all corners, and about `inside` settings between them, the same ones each time.

    Each slider goes through its values in steps of its own, so that no two move together.
    """
    grids = [control.values(max(inside, 3)) for control in figure.controls]
    names = [control.name for control in figure.controls]
    steps = (1, 3, 7, 11)
    between = [
        figure.within(
            dict(
                zip(
                    names,
                    (g[(i * s) % len(g)] for g, s in zip(grids, steps, strict=False)),
                    strict=True,
                )
            )
        )
        for i in range(inside)
    ]
    return [figure.start, *corners(figure), *between]


def difference(ours: object, page: object, *, words: bool = True, path: str = "scene") -> float:
    """Largest difference of two scenes, relative to max(1, |a|).

    Keys and lengths must be equal, and words to the letter; without `words`, numbers inside of
    words may differ by one in their last digit.
    """
    if isinstance(ours, Mapping):
        assert ours.keys() == page.keys(), path
        parts = [(ours[k], page[k], f"{path}.{k}") for k in ours]
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(page), path
        parts = [(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(ours, page, strict=True))]
    elif isinstance(ours, str):
        assert (ours == page) if words else _alike(ours, page), f"{path}: {ours!r}, page {page!r}"
        return 0.0
    elif isinstance(ours, bool) or ours is None:
        assert ours is page, path
        return 0.0
    else:
        return abs(ours - page) / max(1.0, abs(ours))
    return max((difference(a, b, words=words, path=p) for a, b, p in parts), default=0.0)


def _alike(a: str, b: str) -> bool:
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    pairs = zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)
    return all(
        abs(float(x.replace("−", "-")) - float(y.replace("−", "-")))
        <= 1.01 * 10.0 ** -len(x.partition(".")[2])
        for x, y in pairs
    )
