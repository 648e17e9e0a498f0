"""Results that could not be had because published data are not on this machine.

A section whose data are missing still runs: its result is a ``companion.data.Missing``, its figure
says so, and its claims read `not tested` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable

from companion.data import DataUnavailable, Missing


def attempt(function: Callable[..., object], *args: object, **options: object) -> object:
    """``function(*args, **options)``, or a ``Missing`` if its data are not to be had.

    If an argument is itself a ``Missing``, that one is returned and the function is not called.
    """
    for value in (*args, *options.values()):
        if isinstance(value, Missing):
            return value
    try:
        return function(*args, **options)
    except DataUnavailable as error:
        return Missing(str(error))
