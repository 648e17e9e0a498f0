"""Public functions under nonsense: an error that says what is wrong, or a documented result.

A result that is not finite is documented by being so: no verdict follows from NaN, and an infinite
interval leaves a claim open.  What may never come back is a finite number.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion import claims, contracts, stats
from companion.gaussian_rbf.method import model as rbf
from companion.gaussian_rbf.method import precision
from companion.massive_activations.method import curve
from companion.massive_activations.method import theory as null
from companion.model_ecosystem.method import theory as kin
from companion.quartet.lab import rounding
from companion.quartet.method import mxfp4
from companion.scaling_laws.lab import solvers
from companion.scaling_laws.method import law
from companion.stats import Interval
from companion.synthetic_data.method import calibration, mixing

ERRORS = (ValueError, TypeError)
NAN, INF = math.nan, math.inf

# --------------------------------------------------------------------------- statistics
bad_numbers = st.sampled_from([NAN, INF, -INF])
numbers = st.floats(-1e6, 1e6)
samples = st.lists(numbers | bad_numbers, max_size=6)
shapes = st.sampled_from([(0,), (1,), (2, 2), (0, 3), ()]).map(np.zeros)
anything = samples | shapes | numbers | bad_numbers | st.just("text") | st.none()
counts = st.integers(-3, 6) | st.floats(-3, 6) | bad_numbers | st.none()
levels = st.sampled_from([0.9, 0.95, 0, 1, 95, -0.5, NAN, INF])


def resampled(function, values, level):
    return function(values, rng=np.random.default_rng(0), n_resamples=20, confidence=level)


CALLS: dict[str, tuple[Callable, tuple]] = {
    "over_seeds": (
        lambda x, null, level: stats.over_seeds(x, null=null, confidence=level),
        (anything, numbers | bad_numbers, levels),
    ),
    "t_interval": (stats.t_interval, (anything, levels, numbers | bad_numbers)),
    "paired": (stats.paired, (anything, anything, levels)),
    "bootstrap": (partial(resampled, stats.bootstrap), (anything, levels)),
    "geometric_mean": (partial(resampled, stats.geometric_mean), (anything, levels)),
    "proportion": (stats.proportion, (counts, counts, levels)),
    "sign_test": (stats.sign_test, (counts, counts, st.floats(-1, 2) | bad_numbers)),
    "exact": (stats.exact, (anything, counts)),
    "p_value": (stats.p_value, (st.floats(-1, 2) | bad_numbers, counts)),
}


def test_every_function_of_stats_is_tried():
    public = {
        name
        for name, thing in vars(stats).items()
        if callable(thing)
        and getattr(thing, "__module__", "") == stats.__name__
        and not name.startswith("_")
    }
    assert public == {*CALLS, "holm", "Interval"}


@pytest.mark.parametrize("name", CALLS)
@given(drawn=st.data())
def test_statistics_give_an_interval_that_is_one_or_an_error(name, drawn):
    function, strategies = CALLS[name]
    arguments = [drawn.draw(one) for one in strategies]
    try:
        found = function(*arguments)
    except ERRORS:
        return
    assert isinstance(found, Interval)
    if found.has_interval:
        assert math.isfinite(found.estimate)
        assert found.low <= found.high
        slack = 1e-9 * (1 + abs(found.estimate))
        assert found.low - slack <= found.estimate <= found.high + slack or name == "bootstrap"
    given_samples = [a for a in arguments if isinstance(a, list | np.ndarray)]
    for one in given_samples:
        # from a sample that is not finite, or of no values, comes no interval
        if np.size(one) == 0 or not np.isfinite(np.asarray(one, float)).all():
            assert not found.has_interval
            assert math.isnan(found.estimate)
    if found.p is not None:
        assert math.isnan(found.p) or 0 <= found.p <= 1
    assert found.n is None or found.n >= 0


@given(p=st.lists(st.floats(-1, 2) | bad_numbers, max_size=4))
def test_holm_takes_probabilities_only(p):
    try:
        found = stats.holm(p)
    except ERRORS:
        assert not p or not all(0 <= one <= 1 for one in p)
        return
    assert all(0 <= one <= 1 for one in p)
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: stats.exact(NAN),
        lambda: stats.exact(INF),
        lambda: stats.exact(1.0, n=-3),
        lambda: stats.p_value(0.1, n=-3),
        lambda: stats.over_seeds([1.0, 2.0], null=NAN),
        lambda: stats.proportion(2.5, 3),
        lambda: stats.proportion(2, 3.5),
        lambda: stats.bootstrap(1.0, rng=np.random.default_rng(0)),
        lambda: stats.bootstrap([1, 2, 3.0], rng=np.random.default_rng(0), n_resamples=0),
        lambda: Interval(1, 5, 2),
        lambda: Interval(1.0, p=7.0),
        lambda: Interval(1.0, n=-1),
        lambda: Interval([1.0, 2.0]),
        lambda: claims.Criterion("a", low=NAN),
        lambda: claims.Criterion("a", high=NAN),
        lambda: claims.Criterion("a", low="1"),
    ],
)
def test_what_was_once_silent_is_an_error(call):
    with pytest.raises(ValueError, match=r"must be|is above"):
        call()


def test_an_interval_stays_a_tuple_that_travels():
    import pickle

    made = Interval(1.0, 0.5, 2.0, 0.3, 4)
    assert made == (1.0, 0.5, 2.0, 0.3, 4)
    assert pickle.loads(pickle.dumps(made)) == made
    assert made._replace(p=None) == (1.0, 0.5, 2.0, None, 4)
    assert Interval(NAN, -INF, INF).has_interval is False


# --------------------------------------------------------------------------- methods
def task(**changed):
    X = np.arange(8.0).reshape(4, 2)
    return rbf.Task(X, np.ones((4, 1)), X[:2], **changed)


N, D = (one.ravel() for one in np.meshgrid([1e6, 2e6, 4e6], [1e8, 2e8, 4e8]))
POINTS = law.points(N, D, 1.7 + 400 / N**0.34 + 400 / D**0.28)
THIRD = np.array([0.5, 0.25, 0.25])

METHODS: dict[str, tuple[Callable, dict[str, object]]] = {
    "rbf.importance": (precision.importance, {"P": np.eye(2)}),
    "rbf.diagonal_importance": (precision.diagonal_importance, {"matrix": np.eye(2)}),
    "rbf.spectrum": (precision.spectrum, {"matrix": np.eye(2)}),
    "rbf.Task": (task, {"lam_u": 0.1, "lam_w": 0.1, "lam_c": 0.1, "scale": 1.0}),
    "rbf.Recipe": (rbf.Recipe, {"steps": 5, "lr": 0.1, "patience": 3}),
    "kin.parent_child": (kin.parent_child, {"mu": 0.2, "tagged": 0.1}),
    "kin.sibling": (kin.sibling, {"mu": 0.2, "s": 0.3, "tagged": 0.1}),
    "kin.critical_mutation": (kin.critical_mutation, {"s": 0.3}),
    "kin.enough_bookkeeping": (kin.enough_bookkeeping, {"mu": 0.2, "s": 0.3}),
    "kin.most_siblings": (kin.most_siblings, {"kept": 2, "d": 5}),
    "kin.concentrated": (kin.concentrated, {"s": 0.5, "k": 3}),
    "quartet.decode": (mxfp4.decode, {"codes": torch.tensor([3, 15])}),
    "quartet.gaussian_mse": (rounding.gaussian_mse, {"scale": 1.0}),
    "quartet.gaussian_misalignment": (rounding.gaussian_misalignment, {"scale": 1.0}),
    "scaling.fit_huber_log": (partial(solvers.fit_huber_log, POINTS), {"delta": 1e-3}),
    "scaling.points": (
        lambda N, D, loss: law.points([N, 2e6], [D, 3e8], [loss, 2.0]),
        {"N": 1e6, "D": 1e8, "loss": 2.0},
    ),
    "mixing.mixing_law": (mixing.mixing_law, {"s": 0.5, "k": 3}),
    "mixing.synthetic_share": (mixing.synthetic_share, {"s": 0.5, "k": 3}),
    "mixing.largest_share": (mixing.largest_share, {"tolerance": 0.5, "k": 3}),
    "calibration.sharpen": (calibration.sharpen, {"law": THIRD, "temperature": 0.5}),
    "infinite.student": (
        mixing.student,
        {"truth": THIRD[None], "s": 0.5, "temperature": 0.5, "k": 2},
    ),
    "infinite.predicted_over_confidence": (
        mixing.predicted_over_confidence,
        {"truth": THIRD[None], "weight": np.ones(1), "s": 0.5},
    ),
    "curve.damped_log": (
        partial(curve.damped_log, np.array([1.0, 2.0])),
        {"A": 1.0, "lam": 0.1, "gamma": 1.0, "t0": 1.0, "K": 0.0},
    ),
    "null.gaussian_ratio": (null.gaussian_ratio, {"n": 100, "quantile": 0.5}),
    "null.hidden_state_ratio": (null.hidden_state_ratio, {"width": 8, "seq": 16}),
}
"""Function with arguments that are right; each of them is replaced by nonsense."""

GARBAGE = {"nan": NAN, "infinity": INF, "minus infinity": -INF, "text": "0.5", "nothing": None}
BELOW = {"minus one": -1.0}
ANY_SIGN = {"curve.damped_log": {"A", "lam", "K", "t0"}}
"""Parameters that may be negative by their definition."""


def finite(value: object) -> bool:
    """Whether a result is made of finite numbers only, so that a reader would take it for one."""
    if isinstance(value, torch.Tensor):
        return bool(torch.isfinite(value.double()).all())
    if dataclasses.is_dataclass(value):
        return all(finite(one) for one in vars(value).values())
    if isinstance(value, tuple):
        return all(finite(one) for one in value)
    if isinstance(value, str | bool) or value is None:
        return True
    numbers = np.asarray(value, float)
    return numbers.size > 0 and bool(np.isfinite(numbers).all())


def cases():
    for name, (_, arguments) in METHODS.items():
        for parameter, right in arguments.items():
            for what, wrong in {**GARBAGE, **BELOW}.items():
                if what in BELOW and parameter in ANY_SIGN.get(name, ()):
                    continue
                if isinstance(right, torch.Tensor) and isinstance(wrong, float):
                    wrong = torch.full((2,), wrong)
                if isinstance(right, np.ndarray) and isinstance(wrong, float):
                    wrong = np.full_like(right, wrong)
                    if what in BELOW and name in ("rbf.spectrum", "rbf.diagonal_importance"):
                        continue
                yield pytest.param(name, parameter, wrong, id=f"{name}-{parameter}-{what}")
            if isinstance(right, np.ndarray):
                empty = np.zeros((0, *right.shape[1:]))
                yield pytest.param(name, parameter, empty, id=f"{name}-{parameter}-empty")
                deep = np.zeros((2, 3, 4))
                yield pytest.param(name, parameter, deep, id=f"{name}-{parameter}-shape")


@pytest.mark.parametrize("name", METHODS)
def test_right_arguments_are_taken(name):
    function, arguments = METHODS[name]
    assert finite(function(**arguments))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "parameter", "wrong"), list(cases()))
def test_nonsense_is_never_answered_by_a_number(name, parameter, wrong):
    function, arguments = METHODS[name]
    try:
        found = function(**{**arguments, parameter: wrong})
    except ERRORS:
        return
    assert not finite(found), f"{name}({parameter}={wrong!r}) is {found!r}"


# --------------------------------------------------------------------------- the guard itself
def test_a_guard_names_function_parameter_and_value():
    with pytest.raises(ValueError, match=r"sibling: mu must be between 0 and 1, got 2"):
        kin.sibling(2, 0.5)
    with pytest.raises(ValueError, match=r"sibling: s must be between 0 and 1, got -1"):
        kin.sibling(0.5, s=-1)
    assert kin.sibling(0.5, 0.5) == 0.375
    assert kin.sibling.__name__ == "sibling"


def test_a_guard_of_a_name_that_is_not_there_is_an_error():
    with pytest.raises(TypeError, match="has no nothing"):
        contracts.guard(__name__, {"nothing": {}})
    with pytest.raises(TypeError, match="has no parameter x"):
        contracts.guard(__name__, {"finite": {"x": contracts.FINITE}})


def test_a_tensor_and_an_array_count_whole():
    for good in (1.0, [0.0, 1.0], np.zeros((2, 2)), torch.ones(3), np.float32(0.5), True):
        contracts.check("f", "x", good, contracts.SHARE)
    for bad in ([0.0, 1.1], torch.tensor([NAN]), "1", None, object(), np.array(["a"])):
        with pytest.raises(ValueError, match="f: x must be between 0 and 1"):
            contracts.check("f", "x", bad, contracts.SHARE)
