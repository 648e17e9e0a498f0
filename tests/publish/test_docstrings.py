"""From the docstrings of the package to fields that Sphinx knows."""

import io

import pytest
from docutils.core import publish_doctree

from companion.publish import docstrings
from companion.publish.docstrings import escape, fields


def made(text, parameters=None):
    """Lines of a docstring, without empty ones."""
    return [line for line in fields(text.splitlines(), parameters) if line.strip()]


def test_names_with_a_text_become_fields():
    text = """\
What it does.

x, noise : (batch, dim); t : (batch,)
rate : ``"exact"`` or ``"difference"``, which
    takes longer
Returns : (batch,), detached"""
    assert made(text, ["x", "noise", "t", "rate"]) == [
        "What it does.",
        ":Parameters:",
        "    * ``x``, ``noise``: (batch, dim)",
        "    * ``t``: (batch,)",
        '    * ``rate``: ``"exact"`` or ``"difference"``, which takes longer',
        ":returns: (batch,), detached",
    ]


def test_names_that_are_no_parameters_are_not_called_so():
    text = "Pairs.\n\nfirst, second : (n,)"
    assert made(text, ["x"])[1] == ":Where:"
    assert made(text, ["first"])[1] == made(text)[1] == ":Parameters:"


def test_names_between_semicolons_and_lines_below_entries():
    text = "a_start; b_start : first value; c : last\n    one\nOther arguments as above."
    assert made(text) == [
        ":Parameters:",
        "    * ``a_start``, ``b_start``: first value",
        "    * ``c``: last one",
        "Other arguments as above.",
    ]


def test_entries_that_begin_inside_a_line():
    assert made("It is ``a < b``; less if `c`.  text : as above.") == [
        "It is ``a < b``; less if `c`.",
        ":Parameters:",
        "    * ``text``: as above.",
    ]
    assert made("A text; kept : (n,); names : (K, Y).", ["x"]) == [
        "A text.",
        ":Where:",
        "    * ``kept``: (n,)",
        "    * ``names``: (K, Y).",
    ]


def test_sections_of_numpydoc():
    text = """\
Parameters
----------
scale : one of three
    sizes

Raises
------
TypeError : a single string
ValueError
    Anything
    else.

Examples
--------
>>> f(x_ | y)
scale : 3"""
    assert made(text) == [
        ":Parameters:",
        "    * ``scale``: one of three sizes",
        ":raises TypeError: a single string",
        ":raises ValueError: Anything else.",
        *("Examples", "--------", ">>> f(x_ | y)", "scale : 3"),
    ]


def test_formulas_and_listings_stay_as_they_are():
    text = """\
The |h| of c*.

.. math:: \\|h\\| = h_
          x : y

Then::

    a | b

Also |x|."""
    assert made(text) == [
        r"The \|h\| of c\*.",
        *(r".. math:: \|h\| = h_", "          x : y", "Then::", "    a | b"),
        r"Also \|x\|.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log|a| of x_", r"log\|a\| of x\_"),
        ("(*copies, n); returns (*copies, m)", r"(\*copies, n); returns (\*copies, m)"),
        ("*emphasis* and **strength** of c*", r"*emphasis* and **strength** of c\*"),
        ("``a|b_`` and :math:`|c|_2` and `d_`", "``a|b_`` and :math:`|c|_2` and `d_`"),
        ("x_t and y_{t+1}", r"x_t and y\_{t+1}"),
    ],
)
def test_signs_that_are_no_markup(text, expected):
    assert escape(text) == expected
    said = io.StringIO()
    publish_doctree(escape(text), settings_overrides={"warning_stream": said})
    assert "WARNING" not in said.getvalue()


def test_a_definition_is_found_in_its_file():
    place = docstrings.lines_of("companion.publish.docstrings", "escape")
    path, _, lines = place.partition("#")
    source = docstrings.PACKAGE.parent.joinpath(path).read_text("utf-8").splitlines()
    first, last = (int(part[1:]) for part in lines.split("-"))
    assert source[first - 1].startswith("def escape(")
    assert source[last - 1].startswith("    return")
    assert docstrings.lines_of("companion.project", "Project.book").startswith(
        "companion/project.py#L"
    )
    assert docstrings.lines_of("companion.project", "PACKAGE") is None
    assert docstrings.lines_of("companion.publish.docstrings", "re.compile") is None
