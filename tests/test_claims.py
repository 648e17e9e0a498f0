import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    NOT_TESTED,
    Claim,
    ClaimFailed,
    Criterion,
    Finding,
    as_verdict,
    check,
    interval_text,
    judge,
    not_tested,
)
from companion.stats import Interval, p_value

ABOVE = Criterion("above 1", low=1.0, must_hold=True)
CLAIM = Claim(
    "C1", "it grows", "Table 1: 2.0", {"toy": ABOVE, "book": Criterion("band", 1, 2)}, of="paper"
)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        (Interval(2, 1.5, 2.5), HOLDS),
        (Interval(1.2, 0.8, 1.6), NOT_RESOLVED),
        (Interval(0.5, 0.2, 0.9), DOES_NOT_HOLD),
        (Interval(1.0, 1.0, 1.0), DOES_NOT_HOLD),  # a treatment that does nothing
        (Interval(3.0), NOT_RESOLVED),  # an estimate without an interval
        (Interval(3.0, -math.inf, math.inf), NOT_RESOLVED),
        (Interval(3.0, 2.0, None), HOLDS),  # a lower bound
        (Interval(0.5, None, 0.9), DOES_NOT_HOLD),
        (Interval(3.0, 1.5, 2.5), NOT_RESOLVED),  # outside its own interval
        (Interval(math.nan), NOT_RESOLVED),
        (Interval(2, math.nan, 3), NOT_RESOLVED),
    ],
)
def test_verdict_of_a_one_sided_region(interval, verdict):
    assert ABOVE.verdict(interval) == verdict


@pytest.mark.parametrize("unknown", [(None, None), (-math.inf, math.inf)])
def test_an_estimate_decides_alone_only_where_the_run_tests_the_code(unknown):
    toy = Criterion("above 1", low=1.0, must_hold=True)
    claim = Claim("C1", "x", "", {"toy": toy, "book": toy}, of="ours")
    free = Claim("C1", "x", "", {"toy": Criterion("above 1", low=1.0)}, of="ours")
    measured = Interval(2.0, *unknown, n=1)
    assert judge(claim, "toy", measured).verdict == HOLDS
    assert judge(claim, "toy", measured._replace(estimate=0.5)).verdict == DOES_NOT_HOLD
    for chosen, scale in ((claim, "book"), (free, "toy")):
        finding = judge(chosen, scale, measured, note="told")
        assert (finding.verdict, finding.note) == (NOT_RESOLVED, "told; no interval from n = 1")


def test_an_interval_that_ends_before_it_begins_is_an_error():
    with pytest.raises(ValueError, match="ends before it begins"):
        ABOVE.verdict(Interval._make((2.0, 3.0, 1.5, None, None)))
    with pytest.raises(ValueError, match=r"low 3\.0 is above high 1\.5"):
        Interval(2.0, 3.0, 1.5)


def test_a_p_value_never_speaks_against_a_claim():
    small = Criterion("below 0.01", high=0.01)
    assert small.verdict(p_value(0.001)) == HOLDS
    assert small.verdict(p_value(0.2)) == NOT_RESOLVED
    assert small.verdict(p_value(math.nan)) == NOT_RESOLVED


def test_a_claim_says_whose_it_is_and_so_does_its_finding():
    with pytest.raises(TypeError, match="of"):
        Claim("C1", "x", "", {})
    for wrong in ({"of": "theirs"}, {"of": "ours", "on": "theirs"}):
        with pytest.raises(ValueError, match="is one of"):
            Claim("C1", "x", "", {}, **wrong)
    claim = Claim("C1", "x", "", {"toy": ABOVE}, of="ours", on="model")
    for finding in (judge(claim, "toy", Interval(3, 2, 4)), not_tested(claim, "toy", "why")):
        assert (finding.as_dict()["of"], finding.as_dict()["on"]) == ("ours", "model")


@given(st.floats(-5, 5), st.floats(0, 5), st.floats(0, 5), st.floats(-5, 5), st.floats(0, 5))
def test_verdict_is_set_inclusion(estimate, below, above, floor, width):
    region = Criterion("band", floor, floor + width)
    low, high = estimate - below, estimate + above
    verdict = region.verdict(Interval(estimate, low, high))
    assert (verdict == HOLDS) == (floor < low and high < floor + width)
    assert (verdict == DOES_NOT_HOLD) == (high <= floor or low >= floor + width)


def test_a_closed_region_has_its_ends():
    closed = Criterion("at least 1, at most 2", 1, 2, closed=True)
    assert closed.verdict(Interval(1, 1, 2)) == HOLDS
    assert closed.verdict(Interval(0.5, 0, 1)) == NOT_RESOLVED
    assert closed.verdict(Interval(0.5, 0, 0.99)) == DOES_NOT_HOLD


def test_criterion_needs_a_region():
    with pytest.raises(ValueError, match="no region"):
        Criterion("anything")
    with pytest.raises(ValueError, match="low 2 above high 1"):
        Criterion("empty", 2, 1)


def test_claim_refuses_an_unknown_scale():
    with pytest.raises(ValueError, match="unknown scale"):
        Claim("C1", "x", "", {"tiny": ABOVE}, of="paper")


def test_weakest_part_decides_and_is_named():
    finding = judge(
        CLAIM,
        "toy",
        Interval(3, 2, 4),
        parts={"share": (Interval(0.5), Criterion("at least 0.9", low=0.9))},
    )
    assert finding.verdict == DOES_NOT_HOLD
    assert finding.note == "share 0.5 (at least 0.9: does not hold)"


def test_a_scale_without_criterion_is_not_tested():
    finding = judge(CLAIM, "paper", Interval(3, 2, 4))
    assert finding.verdict == NOT_TESTED
    assert "paper" in finding.note


def test_check_raises_on_a_claim_that_must_hold():
    good = judge(CLAIM, "toy", Interval(3, 2, 4))
    bad = judge(CLAIM, "toy", Interval(1, 0, 2))
    untested = not_tested(CLAIM, "toy", "no data")
    free = judge(CLAIM, "book", Interval(9, 8, 10))  # fails, but is not required
    check([good, untested, free])
    with pytest.raises(ClaimFailed, match=r"C1: it grows\n +required: above 1\n +measured: 1"):
        check([good, bad])


def test_check_wants_one_finding_per_claim():
    good = judge(CLAIM, "toy", Interval(3, 2, 4))
    check([good], [CLAIM])
    for findings in ([], [good, good]):
        with pytest.raises(ClaimFailed, match="one by one"):
            check(findings, [CLAIM])


def test_verdicts_are_a_closed_list():
    good = judge(CLAIM, "toy", Interval(3, 2, 4))
    with pytest.raises(ValueError, match="unknown verdict"):
        as_verdict(good, "maybe", "")
    weaker = as_verdict(good, NOT_RESOLVED, "gate closed")
    assert (weaker.verdict, weaker.note) == (NOT_RESOLVED, "gate closed")


@pytest.mark.parametrize(
    ("estimate", "low", "high", "unit", "text"),
    [
        (0.98412, 0.97911, 0.98831, "", "0.9841 [0.9791, 0.9883]"),
        (2.311, 0.4565, 11.7, "× error", "2.3 [0.46, 12] × error"),  # not 2 [0, 12]
        (9.695, 3.222, 29.18, "%", "9.7 [3.2, 29] %"),
        (0.055, 0.0018, 0.11, "", "0.055 [0.0018, 0.11]"),
        (0.957, 0.0007, 1.0, "", "0.96 [0.00, 1.00]"),  # next to zero is zero
        (34.0, 0.0, 76.6, "%", "34 [0, 77] %"),
        (-0.3, -0.52, -0.004, "", "-0.30 [-0.52, 0.00]"),
        (22552.3, 21000.0, 24000.0, "", "22,552 [21,000, 24,000]"),
        (3.0, None, None, "%", "3 %"),
        (None, None, None, "", "–"),
        (2.0, 2.0, 2.0, "runs", "2 runs"),
        (8428.7, 154.5, 1.15e18, "", "8.43e+03 [154, 1.15e+18]"),
        (1e12, None, None, "", "1e+12"),
        (1.2345e-11, 0.0, 1.2345e-11, "", "1.23e-11 [0, 1.23e-11]"),
        (-0.00001, -0.0043, 0.0041, "", "0.0000 [-0.0043, 0.0041]"),  # no minus zero
        (0.5, math.nan, 0.7, "", "0.5"),
        (math.nan, 0.1, 0.7, "", "–"),
    ],
)
def test_interval_text_shows_two_digits_of_the_width(estimate, low, high, unit, text):
    row = {"estimate": estimate, "low": low, "high": high, "unit": unit}
    assert interval_text(row) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.04987, "p = 0.050"),
        (0.148, "p = 0.148"),
        (1.0, "p = 1.000"),
        (0.001, "p = 0.001"),
        (0.00099, "p = 0.00099"),
        (1.2e-11, "p = 1.2e-11"),
        (0.0, "p = 0"),
    ],
)
def test_a_p_value_is_printed_as_one(p, text):
    small = Criterion("below 0.06", high=0.06)
    claim = Claim("C1", "x", "", {"book": small}, "pairs", of="paper")
    parts = {"share": (p_value(p), small), "largest p": (p_value(p), small)}
    found = judge(claim, "book", p_value(p, 30), parts=parts)
    assert interval_text(found) == text
    assert (found.estimate, found.low, found.high, found.p, found.n) == (p, 0, p, p, 30)
    verdict = HOLDS if p < 0.06 else NOT_RESOLVED
    assert found.verdict == verdict
    assert found.note == (
        f"share {text} (below 0.06: {verdict}); largest {text} (below 0.06: {verdict})"
    )


@pytest.mark.parametrize("p", [None, 0.3, 0.5])
def test_an_interval_that_begins_at_zero_is_no_p_value(p):
    assert interval_text({"estimate": 0.3, "low": 0.0, "high": 0.5, "p": p}).startswith("0.30 [")


def test_a_finding_holds_json_numbers_or_none():
    finding = judge(CLAIM, "toy", Interval(math.inf, math.nan, None))
    row = finding.as_dict()
    assert row["estimate"] is row["low"] is row["high"] is None
    assert "must_hold" not in row
    assert isinstance(finding, Finding)
