"""The registry of claims: regions and their texts, what is declared, and verdicts by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import verdicts as v
from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    MODEL,
    NOT_RESOLVED,
    NOT_TESTED,
    OURS,
    PAPER,
    REAL,
    ClaimFailed,
    Criterion,
    check,
)
from companion.data import Missing
from companion.scale import SCALES
from companion.stats import Interval, exact, over_seeds
from companion.verdicts import FROM_BOOK, YES, Measured, Open, Untested, Verdicts

# Regions.


@pytest.mark.parametrize(
    ("region", "text", "low", "high", "closed"),
    [
        (v.above(0.2), "above 0.2", 0.2, None, False),
        (v.above(1.15, closed=True), "at least 1.15", 1.15, None, True),
        (v.below(1e-6), "below 1e-6", None, 1e-6, False),
        (v.below(0, closed=True), "at most 0", None, 0, True),
        (v.between(-1.1, -0.9), "between -1.1 and -0.9", -1.1, -0.9, False),
        (v.within(0.48708, 1e-4), "within 1e-4 of 0.48708", 0.48698, 0.48718, False),
        (v.within(200, percent=1), "within 1 % of 200", 198, 202, False),
        (v.within(-200, percent=1), "within 1 % of -200", -202, -198, False),
        (v.size_below(5e-4), "below 5e-4 in size", -5e-4, 5e-4, False),
        (v.equal_to(1), "equal to 1", 1 - 1e-12, 1 + 1e-12, False),
        (YES, "yes", 0.5, None, False),
    ],
)
def test_a_region_says_its_numbers(region, text, low, high, closed):
    assert (region.text, region.closed, region.must_hold) == (text, closed, False)
    assert [region.low, region.high] == [
        None if end is None else pytest.approx(end, rel=1e-12) for end in (low, high)
    ]


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_digits_say_the_number(value):
    assert float(v.digits(value)) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.03, "0.03"),
        (0.001, "0.001"),
        (5e-4, "5e-4"),
        (2.775e-5, "2.775e-5"),
        (175, "175"),
        (999_999, "999999"),
        (1e6, "1e6"),
        (-2.5e7, "-2.5e7"),
    ],
)
def test_digits_are_written_as_people_write_them(value, text):
    assert v.digits(value) == text


def test_the_region_stands_where_the_text_wants_it():
    assert v.above(0.2, "gap {}, over families").text == "gap above 0.2, over families"
    assert v.below(3, "{}", must_hold=True).must_hold


@pytest.mark.parametrize(
    "make",
    [
        lambda: v.between(8.9e-3, 10.0e-3, "between 8.9e-3 and 10.0e-3"),
        lambda: v.within(0.648, 0.003, "0.648 +- 0.003"),
        lambda: v.within(2.775e-2, percent=1, text="within 1 % of 2.775e-2"),
        lambda: v.above(0.9, "at least 90 % of them"),
        lambda: v.above(0.5, "more than half"),
        lambda: v.above(1, "at every point"),
        lambda: v.below(0, "none"),
        lambda: v.below(-1, "below −1, over families"),
        lambda: v.above(33_000, "more than 33,000"),
    ],
)
def test_a_text_may_name_the_numbers_itself(make):
    assert "{" not in make().text


@pytest.mark.parametrize(
    ("make", "lacks"),
    [
        (lambda: v.above(0.3, "above 0.2"), "0.3"),
        (lambda: v.above(0.3, "well above"), "0.3"),
        (lambda: v.between(1.98, 2.08, "between 1.98 and 2.8"), "2.08"),
        (lambda: v.within(0.648, 0.003, "0.648 +- 0.03"), "0.003"),
        (lambda: v.above(0.9, "at least 95 % of them"), "0.9"),
        (lambda: v.below(5e-4, "below 5e-3"), "5e-4"),
    ],
)
def test_a_text_that_says_other_numbers_is_refused(make, lacks):
    with pytest.raises(ValueError, match=f"does not name {lacks}: write {{}}"):
        make()


def test_a_tolerance_is_one_of_two():
    for options in ({}, {"tolerance": 1.0, "percent": 1.0}):
        with pytest.raises(ValueError, match="either a tolerance or a percentage"):
            v.within(1.0, **options)


# What is declared.


def registry(measure=None, **options):
    """One claim C1, above 1, whose measurement hands on what it is given."""
    made = Verdicts()
    given = {
        "of": OURS,
        "paper": "2.0 (Table 1)",
        "region": v.above(1.0),
        "unit": "ratio",
        "needs": ("found",),
    } | options
    made.claim("C1", "It grows.", **given)(measure or (lambda found: found))
    return made


def judged(found, scale="book", **options):
    (finding,) = registry(**options).evaluate(SimpleNamespace(found=found), scale)
    return finding


def test_a_claim_has_what_was_declared():
    made = registry(of=PAPER, on=MODEL)
    (claim,) = made.claims
    assert (claim.id, claim.statement, claim.paper) == ("C1", "It grows.", "2.0 (Table 1)")
    assert (claim.unit, claim.of, claim.on) == ("ratio", PAPER, MODEL)
    assert dict(claim.criteria) == dict.fromkeys(SCALES, v.above(1.0))
    assert registry().claims[0].on == REAL
    assert set(registry(scales=FROM_BOOK).claims[0].criteria) == {"book", "paper"}


def test_the_criterion_has_the_region_in_its_place():
    region = {"toy": v.above(1.0), "book": v.above(3.0, "gap {}")}
    (claim,) = registry(region=region, criterion="ratio {}, over seeds").claims
    assert {scale: (one.text, one.low) for scale, one in claim.criteria.items()} == {
        "toy": ("ratio above 1, over seeds", 1.0),
        "book": ("ratio gap above 3, over seeds", 3.0),
    }
    (claim,) = registry(criterion="more than one").claims
    assert claim.criteria["toy"].text == "more than one"
    with pytest.raises(ValueError, match="'more than two' does not name 1: write"):
        registry(criterion="more than two")


def test_claims_keep_their_order_and_a_function_stays_what_it_was():
    made = Verdicts()

    def measure(found):
        return Measured(found)

    for name in ("C2", "C1", "C10"):
        declare = made.claim(name, "x", of=OURS, paper="", region=v.above(1.0), needs=("found",))
        assert declare(measure) is measure
    assert [claim.id for claim in made.claims] == ["C2", "C1", "C10"]
    found = made.evaluate(SimpleNamespace(found=exact(2.0)), "toy")
    assert [f.claim for f in found] == ["C2", "C1", "C10"]
    check(found, made.claims)
    with pytest.raises(ValueError, match="C1 is declared twice"):
        made.claim("C1", "x", of=OURS, paper="", region=v.above(1.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "theirs"}, "of is one of"),
        ({"on": "theirs"}, "on is one of"),
        ({"scales": ("toy", "huge")}, "unknown scale 'huge'"),
        ({"region": {"small": v.above(1.0)}}, "unknown scale 'small'"),
        ({"scales": FROM_BOOK, "parts": {"x": {"toy": YES}}}, r"'x' is judged at \['toy'\] alone"),
        ({"by_estimate": ("x",)}, r"no part is called \['x'\]"),
        ({"parts": {"x": YES}, "by_estimate": ("x",)}, "only where the claim must hold"),
        ({"parts": {"x": YES}, "replications": ("x", "y")}, r"no part is called \['y'\]"),
    ],
)
def test_declarations_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        registry(**options)


# Verdicts, computed by hand.


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (Interval(1.5, 1.001, 2.0), HOLDS),
        (Interval(1.5, 1.0, 2.0), NOT_RESOLVED),
        (Interval(1.5, 0.999, 2.0), NOT_RESOLVED),
        (Interval(0.9, 0.5, 1.0), DOES_NOT_HOLD),
        (Interval(1.5), NOT_RESOLVED),
        (Interval(math.nan), NOT_RESOLVED),
        (over_seeds([3.0]), NOT_RESOLVED),
        (exact(1.0), DOES_NOT_HOLD),
    ],
)
def test_the_interval_decides(measured, verdict, scale):
    found = judged(Measured(measured, note="told"), scale)
    assert found.verdict == verdict
    assert found.note.startswith("told")
    assert (found.claim, found.criterion, found.of, found.on) == ("C1", "above 1", OURS, REAL)


@pytest.mark.parametrize(
    ("part", "verdict"),
    [
        (Interval(0.3, 0.2, 0.4), HOLDS),
        (Interval(0.3, 0.2, 0.5), NOT_RESOLVED),
        (Interval(0.3, 0.2, 0.51), NOT_RESOLVED),
        (Interval(0.6, 0.51, 0.7), DOES_NOT_HOLD),
        (exact(0.5), DOES_NOT_HOLD),
    ],
)
def test_the_weakest_part_decides(part, verdict):
    found = judged(Measured(exact(2.0), {"width": part}), parts={"width": v.below(0.5)})
    assert found.verdict == verdict
    assert found.note.startswith("width 0.")
    assert f"(below 0.5: {verdict})" in found.note


@pytest.mark.parametrize(("fact", "verdict"), [(True, HOLDS), (False, DOES_NOT_HOLD)])
def test_a_fact_is_true_or_false(fact, verdict):
    for value in (fact, np.bool_(fact)):
        assert judged(Measured(exact(2.0), {"x": value}), parts={"x": YES}).verdict == verdict


@pytest.mark.parametrize("number", [0.3, 1, np.float64(0.3), None])
def test_a_bare_number_is_no_part_and_no_quantity(number):
    with pytest.raises(TypeError, match="'x' is an Interval or a fact"):
        judged(Measured(exact(2.0), {"x": number}), parts={"x": YES})
    with pytest.raises(TypeError, match="its quantity is an Interval"):
        judged(Measured(number))


def test_parts_are_those_that_were_declared():
    parts = {"x": YES}
    with pytest.raises(ValueError, match="'y' was not declared before the run; declared: x"):
        judged(Measured(exact(2.0), {"x": True, "y": True}), parts=parts)
    with pytest.raises(ValueError, match="'y' was not declared before the run; declared: none"):
        judged(Measured(exact(2.0), {"y": True}))
    with pytest.raises(ValueError, match="declared and not measured: x"):
        judged(Measured(exact(2.0)), parts=parts)


def test_a_number_of_the_run_may_stand_in_a_name():
    parts = {"K = {} over K = 1": v.below(0.5), "K = 1": YES}
    found = judged(
        Measured(exact(2.0), {"K = 32 over K = 1": exact(0.2), "K = 1": True}), parts=parts
    )
    assert found.note == "K = 32 over K = 1 0.2 (below 0.5: holds); K = 1 1 (yes: holds)"
    both = {"K = 32 over K = 1": exact(0.2), "K = 64 over K = 1": exact(0.2), "K = 1": True}
    with pytest.raises(ValueError, match="measured twice"):
        judged(Measured(exact(2.0), both), parts=parts)
    with pytest.raises(ValueError, match="was not declared"):
        judged(Measured(exact(2.0), {"K = over K = 1": exact(0.2), "K = 1": True}), parts=parts)


def test_a_missing_part_is_left_out_and_must_be_said():
    parts = {"violations in {} families": v.below(0, closed=True)}
    found = judged(Measured(exact(2.0), {"violations in {} families": Missing("x")}), parts=parts)
    assert (found.verdict, found.note) == (HOLDS, "")
    found = judged(Measured(exact(2.0), {"violations in 20 families": exact(1)}), parts=parts)
    assert found.verdict == DOES_NOT_HOLD


def test_replications_are_several_names():
    with pytest.raises(TypeError, match="replications are names, got 'x'"):
        registry(parts={"x": YES}, replications="x")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    ("main", "other", "verdict", "as_part"),
    [
        (Interval(1.5, 1.001, 2.0), Interval(1.5, 1.001, 2.0), HOLDS, HOLDS),
        (Interval(1.5, 1.001, 2.0), Interval(1.5, 1.0, 2.0), NOT_RESOLVED, NOT_RESOLVED),
        (Interval(1.5, 1.001, 2.0), Interval(0.9, 0.5, 1.001), NOT_RESOLVED, NOT_RESOLVED),
        (Interval(1.5, 1.001, 2.0), Interval(0.9, 0.5, 1.0), NOT_RESOLVED, DOES_NOT_HOLD),
        (Interval(1.5, 1.001, 2.0), Interval(1.5), NOT_RESOLVED, NOT_RESOLVED),
        (Interval(1.5, 1.001, 2.0), Interval(math.nan), NOT_RESOLVED, NOT_RESOLVED),
        (Interval(1.5, 1.0, 2.0), exact(2.0), NOT_RESOLVED, NOT_RESOLVED),
        (Interval(1.5, 1.0, 2.0), exact(0.5), NOT_RESOLVED, DOES_NOT_HOLD),
        (Interval(0.9, 0.5, 1.0), exact(2.0), DOES_NOT_HOLD, DOES_NOT_HOLD),
        (Interval(0.9, 0.5, 1.0), exact(0.5), DOES_NOT_HOLD, DOES_NOT_HOLD),
    ],
)
def test_other_data_weaken_and_never_refute(main, other, verdict, as_part, scale):
    options = {"parts": {"other data": v.above(1.0)}}
    measured = Measured(main, {"other data": other}, "told")
    found = judged(measured, scale, replications=("other data",), **options)
    plain = judged(measured, scale, **options)
    assert (found.verdict, plain.verdict) == (verdict, as_part)
    own = v.above(1.0).verdict(other)
    assert found.replications.startswith("other data ")
    assert found.replications.endswith(f"(above 1: {own})")
    assert found.note == "told"
    row, same = found.as_dict(), plain.as_dict()
    assert row.pop("replications") == same["note"].removeprefix("told; ")
    for one in (row, same):
        del one["verdict"], one["note"]
    assert row == same


@pytest.mark.parametrize(("part", "verdict"), [(True, NOT_RESOLVED), (False, DOES_NOT_HOLD)])
def test_an_ordinary_part_still_refutes_beside_a_replication(part, verdict):
    options = {"parts": {"x": YES, "data of {}": v.above(1.0)}, "replications": ("data of {}",)}
    found = judged(Measured(exact(2.0), {"x": part, "data of 2020": exact(0.5)}), **options)
    assert found.verdict == verdict
    assert found.note.startswith("x ")
    assert found.replications == "data of 2020 0.5 (above 1: does not hold)"
    absent = Measured(exact(2.0), {"x": True, "data of {}": Missing("no file")})
    assert judged(absent, **options).verdict == HOLDS
    assert "replications" not in judged(absent, **options).as_dict()


def test_regions_of_scales():
    region = {"toy": v.above(1.0), "book": v.above(3.0)}
    parts = {"x": {"book": YES}}
    for scale, verdict in (("toy", HOLDS), ("book", DOES_NOT_HOLD), ("paper", NOT_TESTED)):
        found = judged(Measured(exact(2.0), {"x": False}), scale, region=region, parts=parts)
        assert found.verdict == verdict
        assert ("x" in found.note.split()) == (scale == "book")
    assert found.note == "no criterion at paper scale"


def test_by_estimate_decides_at_toy_scale_alone():
    options = {
        "region": v.above(1.0, must_hold=True),
        "parts": {"x": v.below(0.5)},
        "by_estimate": ("x",),
    }
    measured = Measured(exact(2.0), {"x": Interval(0.3, 0.1, 0.7, n=3)})
    assert judged(measured, "toy", **options).verdict == HOLDS
    assert judged(measured, "toy", **options).note == "x 0.3 (below 0.5: holds)"
    assert judged(measured, "book", **options).verdict == NOT_RESOLVED
    assert (
        judged(measured, "book", **options).note == "x 0.30 [0.10, 0.70] (below 0.5: not resolved)"
    )
    wrong = Measured(exact(2.0), {"x": Interval(0.6, 0.1, 0.7, n=3)})
    assert judged(wrong, "toy", **options).verdict == DOES_NOT_HOLD


def test_what_must_hold_fails_the_run():
    options = {"region": v.above(1.0, must_hold=True)}
    for measured in (exact(0.5), Interval(1.5, 0.5, 2.5)):
        with pytest.raises(ClaimFailed, match="C1"):
            check([judged(Measured(measured), "toy", **options)])
    check([judged(Measured(Interval(1.5)), "toy", **options)])
    with pytest.raises(ClaimFailed, match="C1"):
        check([judged(Measured(Interval(1.5)), "book", **options)])

    def diverged(found):
        raise Open("2 runs diverged")

    with pytest.raises(ClaimFailed, match="2 runs diverged"):
        check([judged(None, "book", measure=diverged, **options)])


@pytest.mark.parametrize(
    ("measured", "plain", "doubted"),
    [
        (exact(2.0), HOLDS, NOT_RESOLVED),
        (Interval(1.5, 0.5, 2.5), NOT_RESOLVED, NOT_RESOLVED),
        (exact(0.5), DOES_NOT_HOLD, DOES_NOT_HOLD),
    ],
)
def test_doubt_weakens_and_a_refutation_decides(measured, plain, doubted):
    found = [
        judged(Measured(measured, note="told", **more))
        for more in ({}, {"doubt": "why"}, {"refuted": "why"})
    ]
    assert [f.verdict for f in found] == [plain, doubted, DOES_NOT_HOLD]
    assert [f.note for f in found] == [
        "told",
        "told; why" if plain == HOLDS else "told",
        "told; why",
    ]


# What is not there.


def never(*_):
    raise AssertionError("measured what is missing")


@pytest.mark.parametrize("scale", SCALES)
def test_a_missing_result_is_not_tested_for_its_reason(scale):
    results = SimpleNamespace(a=1, b=Missing("no file", "short"), c=Missing("nor this"))
    made = registry(never, needs=("a", "b", "c"), scales=FROM_BOOK, elsewhere="too small")
    (found,) = made.evaluate(results, scale)
    assert (found.verdict, found.note) == (NOT_TESTED, "no file")
    assert found.criterion == ("" if scale == "toy" else "above 1")


def test_what_is_only_used_may_be_missing():
    def measure(found, more):
        return Measured(found, note="alone" if isinstance(more, Missing) else f"with {more}")

    made = registry(measure, uses=("more",))
    for more, note in ((Missing("x"), "alone"), (3, "with 3")):
        (found,) = made.evaluate(SimpleNamespace(found=exact(2.0), more=more), "book")
        assert (found.verdict, found.note) == (HOLDS, note)


def test_a_scale_without_a_criterion_is_not_measured():
    found = judged(None, "toy", measure=never, scales=FROM_BOOK, elsewhere="shown, not tested")
    assert (found.verdict, found.note, found.criterion) == (NOT_TESTED, "shown, not tested", "")


def test_a_measurement_may_find_that_it_cannot():
    def untested(found):
        raise Untested("one seed")

    def open_(found):
        raise Open("diverged")

    found = judged(None, measure=untested)
    assert (found.verdict, found.note, found.criterion) == (NOT_TESTED, "one seed", "above 1")
    found = judged(None, measure=open_)
    assert (found.verdict, found.note) == (NOT_RESOLVED, "diverged")
    assert found.estimate is found.low is found.high is found.n is None


def test_a_result_that_nobody_made_is_an_error():
    with pytest.raises(AttributeError, match="found"):
        registry().evaluate(SimpleNamespace(), "book")
    with pytest.raises(ValueError, match="unknown scale"):
        registry().evaluate(SimpleNamespace(found=Measured(exact(1))), "huge")


def test_a_criterion_in_words_alone_is_still_one():
    found = judged(Measured(exact(2.0)), region=Criterion("as the paper has it", low=1.0))
    assert (found.verdict, found.criterion) == (HOLDS, "as the paper has it")
