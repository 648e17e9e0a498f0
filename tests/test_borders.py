"""Border results of the shared rule and of every chapter.  See :mod:`tests.borders`."""

import numpy as np
import pytest

from companion import stats
from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    Claim,
    Criterion,
    as_verdict,
    check,
    judge,
)
from companion.scale import SCALES
from companion.stats import Interval, exact, p_value
from tests.borders import KINDS, NOT_HELD, alone, chapters, crossing, spread

ABOVE, BELOW = Criterion("above 1", low=1.0), Criterion("below 1", high=1.0)
BETWEEN = Criterion("between 1 and 2", low=1.0, high=2.0)
AT_LEAST = Criterion("at least 1", low=1.0, closed=True)


def claim_of(criterion, **options):
    return Claim("C", "x", "", dict.fromkeys(SCALES, criterion), of="ours", **options)


# The shared rule.


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    ("region", "measured", "verdict"),
    [
        (ABOVE, Interval(1.5, 1.001, 2.0), HOLDS),
        (ABOVE, Interval(1.5, 0.999, 2.0), NOT_RESOLVED),
        (ABOVE, Interval(1.5, 1.0, 2.0), NOT_RESOLVED),
        (ABOVE, Interval(0.9, 0.5, 1.0), DOES_NOT_HOLD),
        (ABOVE, Interval(0.9, 0.5, 1.001), NOT_RESOLVED),
        (BELOW, Interval(0.5, 0.0, 0.999), HOLDS),
        (BELOW, Interval(0.5, 0.0, 1.001), NOT_RESOLVED),
        (BETWEEN, Interval(1.5, 1.001, 1.999), HOLDS),
        (BETWEEN, Interval(1.5, 0.999, 1.9), NOT_RESOLVED),
        (BETWEEN, Interval(1.5, 1.1, 2.001), NOT_RESOLVED),
        (BETWEEN, Interval(2.5, 2.001, 3.0), DOES_NOT_HOLD),
        (AT_LEAST, Interval(1.5, 1.0, 2.0), HOLDS),
        (AT_LEAST, Interval(1.5, np.nextafter(1, 0), 2.0), NOT_RESOLVED),
        (ABOVE, exact(1.0), DOES_NOT_HOLD),
        (AT_LEAST, exact(1.0), HOLDS),
    ],
)
def test_both_ends_of_the_interval_decide(region, measured, verdict, scale):
    assert judge(claim_of(region), scale, measured).verdict == verdict


@pytest.mark.parametrize("n_parts", [1, 3, 6])
@pytest.mark.parametrize(
    ("bad", "verdict"),
    [
        (Interval(1.5, 0.999, 2.0), NOT_RESOLVED),
        (Interval(0.5, 0.1, 0.9), DOES_NOT_HOLD),
        (Interval(1.5), NOT_RESOLVED),
        (Interval(float("nan")), NOT_RESOLVED),
    ],
)
def test_one_part_is_enough_wherever_it_stands(n_parts, bad, verdict):
    good = Interval(1.5, 1.2, 1.8)
    for place in range(n_parts):
        parts = {f"part {i}": (bad if i == place else good, ABOVE) for i in range(n_parts)}
        found = judge(claim_of(ABOVE), "book", good, parts=parts)
        assert found.verdict == verdict
        assert f"part {place} " in found.note
    assert judge(claim_of(ABOVE), "book", good, parts={"x": (good, ABOVE)}).verdict == HOLDS
    assert judge(claim_of(ABOVE), "book", bad, parts={"x": (good, ABOVE)}).verdict == verdict


def test_a_part_that_fails_outweighs_one_that_is_open():
    parts = {"open": (Interval(1.5, 0.5, 2.5), ABOVE), "fails": (exact(0.5), ABOVE)}
    assert judge(claim_of(ABOVE), "book", exact(2.0), parts=parts).verdict == DOES_NOT_HOLD


@pytest.mark.parametrize("must_hold", [True, False])
@pytest.mark.parametrize("scale", SCALES)
def test_the_estimate_decides_at_toy_scale_alone_and_only_where_it_must_hold(must_hold, scale):
    region = Criterion("above 1", low=1.0, must_hold=must_hold)
    rule = must_hold and scale == "toy"
    for measured in (Interval(2.0), stats.over_seeds([2.0]), stats.over_seeds([2.0, 2.0])):
        found = judge(claim_of(region), scale, measured, parts={"p": (measured, region)})
        assert found.verdict == (HOLDS if rule else NOT_RESOLVED)
    # an interval that is there counts, at toy scale too
    assert judge(claim_of(region), scale, Interval(2.0, 0.5, 3.5)).verdict == NOT_RESOLVED
    open_ = judge(claim_of(region), scale, Interval(2.0, 0.5, 3.5))
    if must_hold:
        with pytest.raises(AssertionError, match="must hold"):
            check([open_])
    else:
        check([open_])


def test_an_interval_from_seeds_of_which_one_fails():
    good = spread(2.0, 0.1, 8)
    assert ABOVE.verdict(stats.over_seeds(good)) == HOLDS
    assert ABOVE.verdict(stats.over_seeds([*good[:-1], -4.0])) == NOT_RESOLVED
    assert ABOVE.verdict(stats.over_seeds([*good[:-1], np.nan])) == NOT_RESOLVED
    assert ABOVE.verdict(stats.over_seeds(crossing(1.2, 1.0, 8))) == NOT_RESOLVED


def test_a_paired_difference_resolves_what_the_seeds_hide():
    seeds = spread(0.0, 100.0, 6)
    above, below = seeds + spread(0.5, 0.1, 6, 1), seeds + spread(0.0, 0.1, 6, 2)
    zero = Criterion("above 0", low=0.0)
    assert zero.verdict(stats.paired(above, below)) == HOLDS
    assert zero.verdict(stats.paired(above, below[::-1])) == NOT_RESOLVED
    assert zero.verdict(stats.paired(above, below, 0.90)) == HOLDS


@pytest.mark.parametrize("n", [2, 5, 20])
def test_p_between_the_raw_and_the_corrected_threshold(n):
    """The smallest of n p-values passes at 0.05 alone, and after Holm only below 0.05 / n."""
    small = Criterion("below 0.05", high=0.05)
    for p, verdict in ((0.049 / n, HOLDS), (0.051 / n, NOT_RESOLVED)):
        p_values = [p, *np.full(n - 1, 0.9)]
        corrected = stats.holm(p_values)[0]
        assert corrected == pytest.approx(n * p)
        assert small.verdict(p_value(p)) == HOLDS
        assert small.verdict(p_value(corrected)) == verdict


def test_a_step_of_holm_counts_only_what_is_left():
    p = stats.holm([0.01, 0.02, 0.04])
    assert (p < 0.05).tolist() == [True, True, True]
    assert (np.array([0.01, 0.02, 0.04]) * 3 < 0.05).tolist() == [True, False, False]
    assert stats.holm([0.03, 0.01])[1] == pytest.approx(0.02)


def test_a_gate_can_only_weaken():
    weaker = as_verdict(judge(claim_of(ABOVE), "book", exact(2.0)), NOT_RESOLVED, "gate")
    assert weaker.verdict == NOT_RESOLVED
    assert weaker.note == "gate"


# The chapters.

ALL = chapters()
EACH = [(one, border) for one in ALL for border in one.borders]


@pytest.fixture(scope="module")
def clean():
    """Findings of perfect results, by chapter, made when they are asked for."""
    made = {}

    def of(chapter):
        if chapter.slug not in made:
            made[chapter.slug] = {f.claim: f.verdict for f in chapter.clean()}
        return made[chapter.slug]

    return of


@pytest.mark.parametrize("chapter", ALL, ids=lambda one: one.slug)
def test_perfect_results_hold(chapter, clean):
    """Otherwise a border result that does not hold would say nothing."""
    asked = {border.claim for border in chapter.borders} - set(chapter.never)
    found = clean(chapter)
    assert {name: found[name] for name in asked} == dict.fromkeys(asked, HOLDS)
    for name in chapter.never:
        assert found[name] != HOLDS, f"{name} can hold: {chapter.never[name]}"


@pytest.mark.parametrize(
    ("chapter", "border"), EACH, ids=lambda x: x.slug if hasattr(x, "slug") else f"{x[0]}-{x[2]}"
)
def test_a_border_result_gets_the_verdict_that_it_should(chapter, border):
    assert border.kind in KINDS
    assert border.verdict() in border.verdicts


@pytest.mark.parametrize("chapter", ALL, ids=lambda one: one.slug)
def test_a_claim_is_judged_alone_as_among_the_others(chapter, clean):
    border = chapter.borders[len(chapter.borders) // 2]
    with alone(border.claim):
        found = {f.claim: f.verdict for f in chapter.clean()}
    assert found[border.claim] == clean(chapter)[border.claim]


def test_kinds_of_borders_are_spread():
    assert {border.kind for _, border in EACH} == set(KINDS)
    assert all(set(border.verdicts) <= {HOLDS, *NOT_HELD} for _, border in EACH)
