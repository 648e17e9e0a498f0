"""Times that a busy machine does not decide, for tests with the marker ``bench``."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

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
