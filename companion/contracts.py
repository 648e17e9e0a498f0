"""What public functions may be given: no silent number from nonsense.

A module names at its end, after all definitions, what it takes::

    contracts.guard(__name__, {"sibling": {"mu": contracts.SHARE, "s": contracts.SHARE}})

A call with anything else is a ``ValueError`` that names function, parameter and value.  The
definitions stay as they are, and with them the digests of stored results: a guard lets a value
through unchanged or raises, so it can move no number.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import numbers
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rule:
    """A condition on a value, which may be an array or a tensor; all of its numbers count.

    words : after "must be" in a message; holds : of the array of floats
    optional : whether None is allowed
    single : whether only single numbers are looked at; what is none, the function judges itself
    text : whether it is about texts
    parts : whether it is about each array in a tuple or list, also in those inside of it
    """

    words: str
    holds: Callable[[np.ndarray], bool]
    optional: bool = False
    single: bool = False
    text: bool = False
    parts: bool = False

    def or_none(self) -> Rule:
        """The same, where None stands for "not known"."""
        return dataclasses.replace(self, words=f"{self.words}, or None", optional=True)

    def of_parts(self) -> Rule:
        """The same of each array of a record or a list, its texts left out."""
        return dataclasses.replace(self, parts=True)


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


MANY = 10**9
"""More of anything that is counted no machine of a reader holds, or waits for."""

UP_TO_MANY = Rule(f"a whole number from 0 to {MANY}", lambda x: _all((x >= 0) & (x <= MANY)))
JOBS = Rule("a whole number from 0 to 4096", lambda x: _all((x >= 0) & (x <= 4096)))
SEED = Rule("a whole number from 0 to 2147483647", lambda x: _all((x >= 0) & (x <= 2**31 - 1)))


def between(low: float, high: float) -> Rule:
    """Finite numbers from `low` to `high`, both ends included."""
    return Rule(f"between {low:g} and {high:g}", lambda x: _all((x >= low) & (x <= high)))


def one_of(known: Collection[str]) -> Rule:
    """Texts that occur in `known`."""
    return Rule(f"one of {', '.join(known)}", lambda x: np.isin(x, list(known)).all(), text=True)


NAMES = Rule(
    "a name of at most 200 printable characters",
    lambda x: all(len(one) <= 200 and one.isprintable() for one in x.ravel().tolist()),
    text=True,
)
"""Of something outside, a repository of the Hub or a folder: whether it is there shows later."""

RATE = between(0, 1)
"""Of a learning rate: nothing in the book learns with a larger one."""


def ranges(settings: type, **rules: Rule) -> None:
    """From now on settings of this class are in range, however they are made.

    settings : a class of settings whose fields are keywords
    rules : field -> rule for each number or text in it; a field that is not named may hold whole
        numbers from 0 to :data:`MANY` (``seed_base`` seeds, ``jobs`` and ``n_jobs`` a few
        thousand), floats that are finite and not negative, and any text

    Lower ends above 0 stand in ``sized(least=…)``, what fields mean for each other in the class's
    own ``__post_init__``.

    Raises ``TypeError`` for a rule of a field that is not there.
    """
    names = [one.name for one in dataclasses.fields(settings)]
    if unknown := [one for one in rules if one not in names]:
        raise TypeError(f"{settings.__name__} has no {', '.join(unknown)}; it has {names}")
    usual = {"seed_base": SEED, "jobs": JOBS, "n_jobs": JOBS}
    rules = {name: rule for name, rule in usual.items() if name in names} | rules

    def wrap(make: Callable) -> Callable:
        @functools.wraps(make)
        def checked(self: object, **fields: object) -> None:
            make(self, **fields)  # the class's own words come first
            for name, value in fields.items():
                for one in _leaves(value):
                    _in_range(name, one, rules.get(name))

        return checked

    _wrap_maker(settings, wrap)
    settings.RANGES = rules


def _leaves(value: object) -> Iterator[object]:
    """The numbers and texts of a setting, which may be a tuple of tuples."""
    if isinstance(value, tuple):
        for member in value:
            yield from _leaves(member)
    elif value is not None and not isinstance(value, bool):
        yield value


def _in_range(name: str, value: object, rule: Rule | None) -> None:
    if rule is None and isinstance(value, str):
        return
    rule = rule or (UP_TO_MANY if isinstance(value, int) else NOT_NEGATIVE)
    if not _holds(value, rule):
        raise ValueError(f"setting {name!r} must be {rule.words}, got {value!r}")


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


SOME = Rule(
    "whole numbers of at least 0, one or more",
    lambda x: x.size > 0 and _all(_is_whole(x) & (x >= 0)),
)
BELOW_INFINITY = Rule("a number below infinity", lambda x: _all(x < np.inf))
INTEGERS = Rule("whole numbers", lambda x: _all(_is_whole(x)))
INTEGER = Rule("a whole number", lambda x: x.size > 0 and _all(_is_whole(x)))

USUAL = {"float": FINITE, "int": INTEGER, "np.ndarray": FINITE, "ArrayLike": FINITE}
"""What an annotation says: arrays and floats are finite, an ``int`` is whole."""


def guard_public(module: str, rules: Mapping[str, Mapping[str, Rule | None]] | None = None) -> None:
    """Check the numbers and arrays that all public functions of a module are given.

    Which they are is read from the annotations (:data:`USUAL`, also with ``| None``).  Functions of
    tensors are left alone: they are called in training loops, and NaN stays NaN in torch.

    module : its ``__name__``; it calls this at its end
    rules : function or class -> parameter -> another rule, also of what is not annotated so; None
        takes a parameter as it is
    """
    space, wanted = vars(sys.modules[module]), {}
    for name, thing in space.items():
        is_own = inspect.isfunction(thing) and thing.__module__ == module
        if is_own and not name.startswith("_"):
            kinds = {one: str(kind) for one, kind in thing.__annotations__.items()}
            found = {} if any("Tensor" in kind for kind in kinds.values()) else _usual(kinds)
            wanted[name] = found
    for name, more in (rules or {}).items():
        wanted[name] = wanted.get(name, {}) | dict(more)
    guard(
        module,
        {
            name: {one: rule for one, rule in found.items() if rule is not None}
            for name, found in wanted.items()
            if any(found.values())
        },
    )


_SHAPED = re.compile(r"\b(?:Float|Num|Int|Bool|Shaped)\[([\w.]+), [^\]]*\]")


def _usual(kinds: Mapping[str, str]) -> dict[str, Rule]:
    """Parameter -> rule, by annotation; ``Float[np.ndarray, " n"]`` is an array."""
    found = {}
    for one, kind in kinds.items():
        kind = _SHAPED.sub(r"\1", kind).replace("np.ndarray | float", "np.ndarray")
        if one != "return" and (rule := USUAL.get(kind.removesuffix(" | None"))):
            found[one] = rule.or_none() if kind.endswith(" | None") else rule
    return found


def alike(module: str, pairs: Mapping[str, tuple[str, ...]]) -> None:
    """From now on arrays that speak of the same things must be equally many, and at least one.

    pairs : function -> parameters whose first axes go together
    """
    space = vars(sys.modules[module])

    def wrap(function: Callable, names: tuple[str, ...]) -> Callable:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args: object, **kwargs: object) -> object:
            given = signature.bind(*args, **kwargs).arguments
            sizes = [len(given[name]) for name in names]
            if len(set(sizes)) > 1 or not sizes[0]:
                said = ", ".join(map(str, sizes))
                raise ValueError(
                    f"{function.__name__}: {' and '.join(names)} must be equally many, got {said}"
                )
            return function(*args, **kwargs)

        return checked

    for name, names in pairs.items():
        space[name] = wrap(space[name], names)


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
    if rule.parts and isinstance(value, tuple | list):
        for i, one in enumerate(value):
            if not isinstance(one, str):
                at = getattr(value, "_fields", range(len(value)))[i]
                check(name, f"{parameter}[{at}]", one, rule)
        return
    if not _holds(value, rule):
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise ValueError(f"{name}: {parameter} must be {rule.words}, got {shown}")


def _holds(value: object, rule: Rule) -> bool:
    """Whether a value has the kind that a rule is about, and satisfies it."""
    try:
        if rule.text:
            made = np.asarray(value)
            return made.dtype.kind == "U" and bool(rule.holds(made))
        return bool(rule.holds(_numbers(value)))
    except (TypeError, ValueError, AttributeError, OverflowError):
        return False


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
