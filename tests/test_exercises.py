"""Exercises: a cell and a box on the page read the same numbers and give the same responses."""

import json
import math

import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given
from hypothesis import strategies as st

from companion.exercises import NEAR, Answer, Box, read, respond
from tests import live as book

PAGE = book.context(book.PACKAGE / "exercises.js")

NUMBERS = {
    "78.5": 78.5,
    "78,5": 78.5,
    " 1/4 ": 0.25,
    "25 %": 0.25,
    "3e-4": 3e-4,
    "3E4": 3e4,
    "pi/0.04": math.pi / 0.04,
    "2*pi": 2 * math.pi,
    "2π": 2 * math.pi,
    "-π": -math.pi,
    "−0,5": -0.5,
    ".5": 0.5,
    "5.": 5.0,
    "1 000": 1000.0,
    "10^-3": 1e-3,
    "2*10^3": 2000.0,
    "2pi^2": 2 * math.pi**2,
    "-2^2": -4.0,
    "8/2/2": 2.0,
    "3·4÷2": 6.0,
    "1/2*3": 1.5,
    "150%": 1.5,
}
NOT_NUMBERS = (
    "",
    "abc",
    "1+1",
    "1,000.5",
    "1/0",
    "1//2",
    "*2",
    "2*",
    "1e",
    "%",
    "--2",
    "π π",
    "__import__('os')",
    "2**3",
    "1e999",
    "9^9^9",
    "9^999",
)


def in_page(call):
    return json.loads(PAGE.eval(f"JSON.stringify({call})"))


@pytest.mark.parametrize(("text", "value"), NUMBERS.items())
def test_what_a_reader_may_type(text, value):
    assert read(text) == pytest.approx(value, rel=1e-14)
    assert in_page(f"read({json.dumps(text)}, '')") == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_what_is_no_number_is_not_guessed(text):
    assert not math.isfinite(read(text))
    assert in_page(f"read({json.dumps(text)}, '')") is None  # JSON has neither nan nor inf


def test_where_percent_are_asked_for_the_sign_says_nothing():
    assert read("10.5 %", "%") == read("10.5", "%") == 10.5
    assert in_page("[read('10.5 %', '%'), read('10.5', '%')]") == [10.5, 10.5]


@given(st.text("0123456789.,eE+-*/^%πpi x", max_size=10))
@example("1/4%")
def test_both_read_alike(text):
    ours, page = read(text), in_page(f"read({json.dumps(text)}, '')")
    if page is None:
        assert not math.isfinite(ours)
    else:
        assert ours == pytest.approx(page, rel=1e-12)


HINTS = [(4.0, "A <b>square</b>."), (-2.0, "The sign.")]
QUESTION = {"tolerance": 0.01, "hints": HINTS, "otherwise": "Try eq. 1.", "unit": ""}


@given(
    st.floats(-1e8, 1e8, allow_subnormal=False)
    | st.sampled_from([2.0, 4.0, -2.0, 1e-5, 123456.7, 1234567.0, 0.0])
)
@example(2.0 * 1.00999)
@example(4.0 * (1 - 0.999 * NEAR))
@example(100000.5)
@example(-0.0)
def test_both_give_the_same_response(value):
    ours = respond(value, 2.0, **QUESTION)
    question = json.dumps(respond(..., 2.0, name="demo", **QUESTION).question)
    page = in_page(f"respond({json.dumps(repr(value))}, {question})")
    assert page["says"] == ours
    assert page["isRight"] == ours.startswith("Right")


def test_a_response_says_what_a_wrong_number_suggests():
    assert respond(2.01, 2.0, **QUESTION) == "Right: 2.01."
    assert respond("8/4", 2.0, **QUESTION) == "Right: 2."
    assert respond(4, 2.0, **QUESTION) == "Not yet: 4 is too large. A <b>square</b>."
    assert respond(1, 2.0, **QUESTION) == "Not yet: 1 is too small. Try eq. 1."
    assert respond(1, 2.0, tolerance=0.01) == "Not yet: 1 is too small."
    assert "Please give a number" in respond("two", 2.0, **QUESTION)
    explained = respond(1, 2.0, tolerance=0.01, explain=lambda value: f"Half of {2 * value:g}.")
    assert explained.endswith("too small. Half of 2.")


def test_a_response_does_not_give_the_answer_away():
    assert "2.718" not in respond(1, math.e, **QUESTION)


def test_an_unanswered_question_is_a_box_only_with_a_name():
    plain, box = respond(..., 2.0, tolerance=0.01), respond(..., 2.0, tolerance=0.01, name="demo")
    assert plain == box == "Not answered yet: replace the three dots."
    assert type(plain) is Answer
    assert type(box) is Box
    assert box._repr_mimebundle_()["text/plain"] == plain


def test_a_box_has_a_label_and_is_hidden_without_a_script():
    text = respond(..., 2.0, name="demo", **(QUESTION | {"unit": "rad </script>"})).to_html()
    assert text.count("<script") == text.count("</script") == 1
    form = BeautifulSoup(text, "html.parser").form
    assert form.has_attr("hidden")
    assert form.label["for"] == form.input["id"]
    assert form.output["for"] == [form.input["id"]]
    assert form.output["aria-live"] == "polite"
    assert form.span.text == "rad </script>"


def test_a_bad_name_is_refused():
    with pytest.raises(ValueError, match="lower-case"):
        respond(..., 2.0, tolerance=0.01, name="No Spaces")
