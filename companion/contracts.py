"""What public functions may be given: no silent number from nonsense.

A module names at its end, after all definitions, what it takes::

    contracts.guard(__name__, {"sibling": {"mu": contracts.SHARE, "s": contracts.SHARE}})

A call with anything else is a ``ValueError`` that names function, parameter and value.  The
definitions stay as they are, and with them the digests of stored results: a guard lets a value
through unchanged or raises, so it can move no number.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rule:
    """A condition on a value, which may be an array or a tensor; all of its numbers count.

    words : after "must be" in a message; holds : of the array of floats
    optional : whether None is allowed
    single : whether only single numbers are looked at; what is none, the function judges itself
    """

    words: str
    holds: Callable[[np.ndarray], bool]
    optional: bool = False
    single: bool = False

    def or_none(self) -> Rule:
        """The same, where None stands for "not known"."""
        return Rule(f"{self.words}, or None", self.holds, optional=True)


def _all(condition: np.ndarray) -> bool:
    return bool(np.all(condition))


def _is_whole(x: np.ndarray) -> np.ndarray:
    return np.isfinite(x) & (x == np.floor(x))


FINITE = Rule("finite", lambda x: _all(np.isfinite(x)))
POSITIVE = Rule("finite and above 0", lambda x: _all(np.isfinite(x) & (x > 0)))
NOT_NEGATIVE = Rule("finite and at least 0", lambda x: _all(np.isfinite(x) & (x >= 0)))
SHARE = Rule("between 0 and 1", lambda x: _all((x >= 0) & (x <= 1)))
WHOLE = Rule("a whole number of at least 0", lambda x: _all((x >= 0) & _is_whole(x)))
COUNT = Rule("a whole number of at least 1", lambda x: _all((x >= 1) & _is_whole(x)))
FINITE_NUMBER = Rule("finite", lambda x: _all(np.isfinite(x)), single=True)

NUMBERS = Rule("numbers", lambda _x: True)
"""For a function that judges the values itself: a text is no number, nor is None."""

NUMBER = Rule("a number", lambda x: not np.isnan(x).any())
"""Infinite ends are numbers, NaN is none."""

PROBABILITY = Rule("between 0 and 1, or NaN", lambda x: _all(np.isnan(x) | ((x >= 0) & (x <= 1))))
"""NaN where a test could not be made."""

ONE = Rule("one number", lambda x: x.ndim == 0)
ROWS = Rule("an array of at least one dimension", lambda x: x.ndim >= 1)


DIAGONAL = Rule(
    "finite, with no negative number on its diagonal",
    lambda x: _all(np.isfinite(x)) and _all(np.diagonal(x) >= 0),
)
"""What a positive semi-definite matrix has at least."""


def matrix(rule: Rule) -> Rule:
    """A square matrix, not empty, whose numbers satisfy `rule`."""
    return Rule(
        f"a square matrix, {rule.words}",
        lambda x: x.ndim == 2 and 0 < x.shape[0] == x.shape[1] and rule.holds(x),
    )


def guard(module: str, rules: Mapping[str, Mapping[str, Rule]]) -> None:
    """Check calls of functions and classes of a module from now on.

    module : its ``__name__``; it calls this at its end
    rules : function or class -> parameter -> rule; a default that a caller leaves out counts as
        right

    Raises ``TypeError`` for a name that the module or the function does not have.
    """
    space = vars(sys.modules[module])
    for name, wanted in rules.items():
        thing = space.get(name)
        if inspect.isclass(thing):
            _wrap_maker(thing, lambda make, w=wanted, n=name: _checked(make, w, n))
        elif callable(thing):
            space[name] = _checked(thing, wanted, name)
        else:
            raise TypeError(f"{module} has no {name}")


def ordered(made: type, low: str, high: str) -> None:
    """From now on a `made` whose `low` lies above its `high` is a ``ValueError``; None is open."""

    def wrap(make: Callable) -> Callable:
        signature = inspect.signature(make)

        @functools.wraps(make)
        def checked(*args: object, **kwargs: object) -> object:
            given = signature.bind(*args, **kwargs).arguments
            first, last = given.get(low), given.get(high)
            if first is not None and last is not None and first > last:
                raise ValueError(f"{made.__name__}: {low} {first!r} is above {high} {last!r}")
            return make(*args, **kwargs)

        return checked

    _wrap_maker(made, wrap)


def _wrap_maker(made: type, wrap: Callable[[Callable], Callable]) -> None:
    """Replace what makes a class's objects; a named tuple is made before it is initialized."""
    if issubclass(made, tuple):
        made.__new__ = staticmethod(wrap(made.__new__))
    else:
        made.__init__ = wrap(made.__init__)


def _checked(function: Callable, wanted: Mapping[str, Rule], name: str) -> Callable:
    """`function`, which is called only where the rules hold."""
    places = list(inspect.signature(function).parameters)
    if unknown := [one for one in wanted if one not in places]:
        raise TypeError(f"{name} has no parameter {', '.join(unknown)}; it has {places}")
    checks = [(places.index(one), one, rule) for one, rule in wanted.items()]

    @functools.wraps(function)
    def checked(*args: object, **kwargs: object) -> object:
        for place, one, rule in checks:
            if one in kwargs:
                check(name, one, kwargs[one], rule)
            elif place < len(args):
                check(name, one, args[place], rule)
        return function(*args, **kwargs)

    return checked


def check(name: str, parameter: str, value: object, rule: Rule) -> None:
    """Raise ``ValueError`` unless `value` satisfies `rule`; `name` is of the function."""
    if value is None and rule.optional:
        return
    if rule.single and not isinstance(value, numbers.Number):
        return
    try:
        right = rule.holds(_numbers(value))
    except (TypeError, ValueError, AttributeError):
        right = False
    if not right:
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise ValueError(f"{name}: {parameter} must be {rule.words}, got {shown}")


def _numbers(value: object) -> np.ndarray:
    """The numbers of a value; a text is no number, whatever it says."""
    if isinstance(value, str | bytes) or value is None:
        raise TypeError("no number")
    if hasattr(value, "detach"):
        value = value.detach().cpu().double().numpy()
    made = np.asarray(value)
    if made.dtype.kind not in "biuf":
        raise TypeError("no number")
    return made.astype(float, copy=False)
