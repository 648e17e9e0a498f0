"""Going on without a file: the section says so, its live claims are not tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from companion.data._fetch import DataUnavailable, fetch

INSTEAD = "What the published run found, if it did this part, is in the claims table."
"""What stands in for a result that is not here."""

BELOW = "In its place, from the published run:"
"""The same, where that follows at once."""


@dataclass(frozen=True)
class Missing:
    """Stands for a result that could not be had; a page shows one line of text for it.

    reason : what is not here, why, and what to do; the note of claims that are not tested
    short : what is not here and why, in one sentence; empty if `reason` is that
    instead : what stands in for it, in one sentence
    """

    reason: str
    short: str = ""
    instead: str = INSTEAD

    def _repr_html_(self) -> str:
        said = _sentence(self.short or self.reason)
        # The style goes along, because notebooks are read without the book's own as well.
        text = escape(f"{said} {self.instead}")
        return f'<p class="rp-missing" style="overflow-wrap: anywhere">{text}</p>'


def _sentence(text: str) -> str:
    """`text` with a full stop; a first word that is a word begins with a capital."""
    text = text.strip()
    word = text.split(maxsplit=1)[0] if text else ""
    if word.isalpha():
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


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
        return Missing(str(error), error.short)


def load(name: str, reader: Callable[[Path], object]) -> object:
    """``reader(path of the data file name)``, or :class:`Missing` where it is not to be had.

    A file with a wrong hash is an error all the same.
    """
    return attempt(lambda: reader(fetch(name)))


def show(
    draw: Callable[..., object],
    *arguments: object,
    instead: Callable[[], object] | None = None,
    **options: object,
) -> object:
    """``draw(*arguments, **options)``, or what stands in for it where an argument is missing.

    instead : draws the same from the published record; its result stands below the line of text
        that says what is missing.  Without it, or where it gives None, the line stands alone.
    """
    missing = next((argument for argument in arguments if isinstance(argument, Missing)), None)
    if missing is None:
        return draw(*arguments, **options)
    found = None if instead is None else instead()
    if found is None:
        return missing
    from IPython.display import display

    display(replace(missing, instead=BELOW))
    return found
