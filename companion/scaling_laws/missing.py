"""Results that could not be had because published data are not on this machine.

A section whose data are missing still runs: its result is a :class:`Missing`, its figure says so,
and its claims read `not tested` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from companion.data import DataUnavailable


@dataclass(frozen=True)
class Missing:
    """Stands in for a result; false in a condition. reason : what to do about it."""

    reason: str

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"not available here: {self.reason}"


def attempt(function: Callable[..., object], *args: object, **kwargs: object) -> object:
    """``function(*args, **kwargs)``, or a :class:`Missing` if its data are not to be had.

    If an argument is itself a ``Missing``, that one is returned and the function is not called.
    """
    for value in (*args, *kwargs.values()):
        if isinstance(value, Missing):
            return value
    try:
        return function(*args, **kwargs)
    except DataUnavailable as error:
        return Missing(str(error))
