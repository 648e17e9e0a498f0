"""One thread for many small fits: torch's, and those below numpy and scikit-learn.

A logistic regression on 18 points takes a millisecond; two threads that wait for each other on a
busy machine take ten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from companion.scale import one_thread


@contextmanager
def one_core() -> Iterator[None]:
    """Torch and linear algebra compute on one thread within the block; works as a decorator."""
    with one_thread(), threadpool_limits(1):
        yield
