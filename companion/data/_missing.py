"""Going on without a file: the section says so, its live claims are not tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from companion.data._fetch import DataUnavailable, fetch


@dataclass(frozen=True)
class Missing:
    """Stands for a table that could not be loaded; `reason` says what to do."""

    reason: str

    def _repr_html_(self) -> str:
        return f'<p class="rp-missing"><strong>Not shown here.</strong> {escape(self.reason)}</p>'


def attempt(function: Callable[..., object], *arguments: object, **options: object) -> object:
    """``function(...)``, or :class:`Missing` if what it needs is not to be had.

    A :class:`Missing` among the arguments is returned as it is, and the function is not called.
    """
    for value in (*arguments, *options.values()):
        if isinstance(value, Missing):
            return value
    try:
        return function(*arguments, **options)
    except DataUnavailable as error:
        return Missing(str(error))


def load(name: str, reader: Callable[[Path], object]) -> object:
    """``reader(path of the data file name)``, or :class:`Missing` where it is not to be had.

    A file with a wrong hash is an error all the same.
    """
    return attempt(lambda: reader(fetch(name)))


def show(draw: Callable[..., object], *arguments: object, **options: object) -> object:
    """``draw(*arguments, **options)``, or the first missing argument itself, which says why."""
    for argument in arguments:
        if isinstance(argument, Missing):
            return argument
    return draw(*arguments, **options)
