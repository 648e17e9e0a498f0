"""Work that is counted, and times that a busy machine does not decide.

A count is the same on every machine, whatever else it does; a time is for the marker ``bench``.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from companion.scale import one_thread


def quickest(*functions: Callable[[], object], repeats: int = 5) -> list[float]:
    """Least processor seconds of each function, in turn, after a first run of each.

    One thread and no collector: what is left is the function's own work.  The least, because all
    that other programs do to caches and clock rates only adds to it.
    """
    took: list[list[float]] = [[] for _ in functions]
    collects = gc.isenabled()
    with one_thread():
        for function in functions:
            function()
        gc.disable()
        try:
            for _ in range(repeats):
                for function, times in zip(functions, took, strict=True):
                    start = time.process_time()
                    function()
                    times.append(time.process_time() - start)
        finally:
            if collects:
                gc.enable()
    return [min(times) for times in took]


class Work(NamedTuple):
    """Operations of torch, and numbers in their results."""

    operations: int
    numbers: int


def work(function: Callable[[], object]) -> Work:
    """What torch does in a call; views of a tensor count as operations without numbers."""
    from torch import Tensor
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    found = [0, 0]

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            out = operation(*args, **(kwargs or {}))
            found[0] += 1
            if not operation.is_view:
                found[1] += sum(x.numel() for x in tree_leaves(out) if isinstance(x, Tensor))
            return out

    with Counting():
        function()
    return Work(*found)


def calls(function: Callable[[], object]) -> int:
    """Calls of functions of Python and of C in a call."""
    n = 0

    def note(frame, event, argument):
        nonlocal n
        n += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return n
