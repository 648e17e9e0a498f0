import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.scaling_laws.method.law import (
    ScalingLaw,
    check_identified,
    is_identified,
    join,
    points,
    residual_sum,
)

positive = st.floats(0.01, 1e4)
exponent = st.floats(0.01, 3)
count = st.floats(1e3, 1e13)


@given(positive, positive, positive, exponent, exponent, count, count)
def test_predict_is_equation_1(E, A, B, alpha, beta, N, D):
    law = ScalingLaw.of(E=E, A=A, B=B, alpha=alpha, beta=beta)
    assert float(law.predict(N, D)) == pytest.approx(E + A / N**alpha + B / D**beta, rel=1e-9)
    assert pytest.approx(A) == law.A
    assert pytest.approx(B) == law.B


def test_by_hand():
    law = ScalingLaw.of(E=2, A=100, B=1000, alpha=0.5, beta=1)
    assert float(law.predict(10_000, 500)) == pytest.approx(2 + 1 + 2)
    assert float(law.size_term(10_000)) == pytest.approx(1)
    assert float(law.data_term(500)) == pytest.approx(2)


@given(*(st.floats(-30, 60) for _ in range(3)), exponent, exponent)
def test_log_parameters_go_there_and_back(a, b, e, alpha, beta):
    theta = np.array([a, b, e, alpha, beta])
    assert ScalingLaw.from_log(theta).log_parameters == pytest.approx(theta)


def test_factors_that_no_float_can_hold_still_predict():
    law = ScalingLaw(1.0, 5.0, 40 * math.log(1e11), 0.3, 40.0)  # B = 1e440
    assert math.inf == law.B
    assert float(law.data_term(1e11)) == pytest.approx(1.0)


def test_a_term_that_is_zero_stays_zero():
    law = ScalingLaw.of(E=1, A=0, B=0, alpha=0.3, beta=0.3)
    assert law.predict([1e6, 1e9], [1e9, 1e12]).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1e6, -1e6], [1e9, 1e9], [3, 3]), r"1 of 2 values of N are not positive.*row 1 \(-1000"),
        (([1e6, 1e6], [0, 1e9], [3, 3]), r"1 of 2 values of D are not positive.*row 0 \(0.0\)"),
        (([1e6, 1e6], [1e9, 1e9], [3, -3]), "values of loss are not positive"),
        (([1e6, 1e6], [1e9, 1e9], [3, math.nan]), r"1 of 2 values of loss are not finite.*row 1"),
        (([math.nan] * 2, [1e9, 1e9], [3, 3]), "2 of 2 values of N are not finite"),
        (([1e6, 1e6], [1e9, math.inf], [3, 3]), "values of D are not finite"),
        (([1e6], [1e9, 1e9], [3, 3]), "equally long"),
        (([], [], []), "not empty"),
        (([[1e6]], [[1e9]], [[3]]), "1-D"),
    ],
)
def test_bad_points_are_named(columns, message):
    with pytest.raises(ValueError, match=message):
        points(*columns)


def test_the_points_must_determine_the_law(exact_points):
    check_identified(exact_points)
    assert is_identified(exact_points)
    two_sizes = points([1e6, 1e6, 1e7, 1e7], [1e9, 2e9, 3e9, 4e9], [3, 3, 3, 3])
    with pytest.raises(ValueError, match=r"at least 3 different sizes.*got 2.*fit_one_model"):
        check_identified(two_sizes)
    two_counts = points([1e6, 1e7, 1e8], [1e9, 1e9, 2e9], [3, 3, 3])
    with pytest.raises(ValueError, match=r"3 or more token counts.*got 2.*fit_size_only"):
        check_identified(two_counts)
    assert not is_identified(two_sizes)
    assert not is_identified(two_counts)


def test_residual_sum_and_join(exact_points):
    law = ScalingLaw.of(E=0, A=0, B=0, alpha=1, beta=1)
    assert residual_sum(law, exact_points) == pytest.approx((exact_points.loss**2).sum())
    twice = join([exact_points, exact_points])
    assert twice.N.size == 2 * exact_points.N.size
    assert twice.n_sizes == exact_points.n_sizes
