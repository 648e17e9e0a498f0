"""Formulas that are typeset when the site is built."""

import sys

import pytest

from companion.publish import PublishError
from companion.publish.formulas import Formulas, fonts

INLINE = r'<span class="math notranslate nohighlight">\({}\)</span>'
DISPLAY = (
    '<div class="math notranslate nohighlight" id="equation-1">\n<span class="eqno">(1)</span>'
)


@pytest.fixture(scope="module")
def math():
    return Formulas()


def test_a_formula_is_html_with_mathml_beside_it(math):
    page = math.page(INLINE.format(r"a &lt; \frac{1}{2}"))
    assert "<mjx-frac" in page
    assert '<mjx-math class=" MJX-TEX" aria-hidden="true">' in page
    assert "<mfrac><mn>1</mn><mn>2</mn></mfrac>" in page
    assert "<mo>&lt;</mo>" in page
    assert "\\" not in page


def test_a_formula_on_a_line_of_its_own_keeps_its_number_and_anchor(math):
    page = math.page(DISPLAY + r"\[a = \boldsymbol{b}\]</div>")
    assert page.startswith(DISPLAY)
    assert 'display="true"' in page
    assert page.endswith("</div>")


def test_formulas_in_marked_tables_are_typeset_and_dollars_elsewhere_stay(math):
    table = (
        '<table class="dataframe mathjax_process"><tr title="$x$"><td>$x$ of $10</td></tr></table>'
    )
    page = math.page(table + "<p>$y$</p>")
    assert page.count("<mjx-container") == 1
    assert 'title="$x$"' in page
    assert " of $10" in page
    assert "<p>$y$</p>" in page


def test_what_mathjax_cannot_read_stops_the_build(math):
    with pytest.raises(PublishError, match="frac"):
        math.page(INLINE.format(r"\frac{1"))
    with pytest.raises(PublishError, match="nosuchthing"):
        math.page(INLINE.format(r"\nosuchthing{x}"))


def test_the_script_goes_and_the_style_sheet_knows_the_signs_and_fonts(math):
    scripts = (
        "<script>window.MathJax = {tex: {}}</script>"
        '<script defer="defer" src="../_static/mathjax/none.js"></script><script>a()</script>'
    )
    assert math.page(scripts) == "<script>a()</script>"
    math.typeset(r"\zeta", display=False)
    assert "mjx-c1D701" in math.style()
    assert 'url("./MathJax_Math-Italic.woff")' in math.style()
    assert "vendor/mathjax/MathJax_Math-Italic.woff" in fonts()
    assert b"Apache License" in fonts()["vendor/mathjax/LICENSE"]


def test_an_engine_that_is_missing_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "quickjs", None)
    with pytest.raises(PublishError, match="quickjs-ng"):
        Formulas()


def test_mathjax_that_is_missing_is_explained(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PublishError, match="django-static-mathjax"):
        fonts()
