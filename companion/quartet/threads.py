"""One thread for work in small pieces.

Operations on a few thousand numbers gain nothing from a second thread, and lose much where the
machine is busy, because every operation waits for the slower one.  One thread also makes results
the same on machines with different numbers of cores.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import torch

P, R = ParamSpec("P"), TypeVar("R")


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes on one thread within the block, and as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def on_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, run within :func:`one_thread`."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with one_thread():
            return function(*args, **kwargs)

    return run
