"""What is on the pages of the code, and how equations and functions lead to each other."""

import json

import pytest
import yaml

from companion.papers import paper
from companion.publish import api, pdf, staging
from companion.publish.api import Equation, Place
from tests import copies
from tests.publish import tiny
from tests.site import checks

INIT = '''"""Alpha.

 1 method/second  Reads first
 2 method/first   Reads second

The paper:

==========  =====================================
equation    function
==========  =====================================
2           method/first.Law.of, lab/trial.mean
9 (paper)   method/second
7 (paper)   method/first.Law
==========  =====================================
"""
'''
PROSE = "$$a \\tag{2}$$ and $$b \\tag{3, paper eq. 9}$$ and $$c \\tag{4}$$"
LAW = Place("method/first.Law.of", "companion.alpha.method.first", "Law.of")
MEAN = Place("lab/trial.mean", "companion.alpha.lab.trial", "mean")
WHOLE = Place("method/second", "companion.alpha.method.second", "")


@pytest.fixture
def book(tmp_path):
    """A book whose first chapter has a method."""
    made = tiny.make(tmp_path)
    folder = made.package / "alpha"
    (folder / "__init__.py").write_text(INIT)
    for name, source in {
        "method/__init__": "",
        "method/first": "class Law:\n    def of(self): pass\n",
        "method/second": "",
        "lab/trial": "def mean(): pass\n",
    }.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    notebook = json.loads((made.notebooks / "01-alpha.ipynb").read_text())
    notebook["cells"][0]["source"] = PROSE
    (made.notebooks / "01-alpha.ipynb").write_text(json.dumps(notebook))
    return made


def test_equations_have_the_numbers_that_the_chapter_prints(book):
    found = api.equations(paper("alpha", book), book)
    assert found == [
        Equation(2, None, (LAW, MEAN)),
        Equation(3, 9, (WHOLE,)),
        Equation(None, 7, (Place("method/first.Law", "companion.alpha.method.first", "Law"),)),
    ]
    assert (LAW.anchor, WHOLE.anchor) == (
        "companion.alpha.method.first.Law.of",
        "module-companion.alpha.method.second",
    )


def test_a_page_has_the_method_in_reading_order_and_the_equations_beside_it(book):
    pages = api.pages(book)
    assert set(pages) == {"api/index.rst", "api/alpha.rst"}
    page = pages["api/alpha.rst"]
    directives = [line for line in page.splitlines() if line.startswith(".. auto")]
    assert directives == [
        ".. automodule:: companion.alpha.method.second",
        ".. automodule:: companion.alpha.method.first",
        ".. autofunction:: companion.alpha.lab.trial.mean",
    ]
    assert "`3, paper eq. 9 <../notebooks/01-alpha.html#equation-3>`__" in page
    assert "https://arxiv.org/abs/2501.00001" in page


def test_a_function_without_a_public_name_has_an_entry_if_it_is_an_equation(book):
    init = book.package / "alpha" / "__init__.py"
    init.write_text(INIT.replace("Law.of", "Law._of"))
    lines = api.pages(book)["api/alpha.rst"].splitlines()
    at = lines.index(".. automodule:: companion.alpha.method.first")
    assert lines[at + 1] == "   :private-members: _of"


def test_the_contents_list_the_pages_and_the_printed_book_leaves_them_out(book):
    (listed,) = yaml.safe_load(staging.contents(book))["parts"][-1]["chapters"][-1:]
    assert listed == {
        "file": "api/index",
        "sections": [{"file": "api/alpha", "title": "Chapter alpha"}],
    }
    assert not any(name.startswith("api/") for _, name in pdf.pages(book))
    assert ("Reference", "book/references") in pdf.pages(book)


def test_a_book_without_methods_has_no_such_pages(tmp_path):
    plain = tiny.make(tmp_path)
    assert api.pages(plain) == {}
    assert "api/" not in staging.contents(plain)


def test_an_equation_leads_to_its_functions_and_each_of_them_back(book):
    entry = paper("alpha", book)
    chapter = "".join(
        f'<div class="math notranslate">{one}</div>'
        for one in (
            '<mjx-container><mjx-mtd id="mjx-eqn:2"></mjx-mtd></mjx-container>',
            '<mjx-container><mjx-mtd id="mjx-eqn:3, paper eq. 9"></mjx-mtd></mjx-container>',
            '<mjx-container><mjx-mtd id="mjx-eqn:4"></mjx-mtd></mjx-container>',
            "<mjx-container></mjx-container>",
        )
    )
    tree = checks.parse(api.with_functions(chapter, entry, book))
    assert [tag["id"] for tag in tree.select("div.math[id]")] == [
        *("equation-2", "equation-3", "equation-4")
    ]
    links = [[a["href"] for a in line.select("a")] for line in tree.select(".math + .rp-code")]
    assert links == [
        [f"../api/alpha.html#{LAW.anchor}", f"../api/alpha.html#{MEAN.anchor}"],
        [f"../api/alpha.html#{WHOLE.anchor}"],
    ]
    code = (
        f'<section id="{WHOLE.anchor}"><h2>second</h2><p>It.</p></section>'
        '<dl class="py class"><dt id="companion.alpha.method.first.Law">Law</dt>\n<dd><p>A.</p>'
        f'<dl class="py method"><dt id="{LAW.anchor}">of</dt>\n<dd><p>B.</p></dd></dl></dd></dl>'
    )
    tree = checks.parse(api.with_equations(code, entry, book))
    back = {
        line.find_previous(id=True)["id"]: (line.a["href"], line.get_text())
        for line in tree.select(".rp-equation")
    }
    assert back == {
        WHOLE.anchor: (
            "../notebooks/01-alpha.html#equation-3",
            "Equation 3, the paper's equation 9",
        ),
        LAW.anchor: ("../notebooks/01-alpha.html#equation-2", "Equation 2"),
        "companion.alpha.method.first.Law": (
            "https://arxiv.org/abs/2501.00001",
            "The paper's equation 7",
        ),
    }


def test_a_long_signature_is_lines_and_no_list_in_a_list():
    line = '<dd><em class="sig-param"><span>x</span>: <a href="#T">T</a></em>,</dd>\n'
    text = (
        f'<dl class="py"><dt id="f">f(\n\n<dl>\n{line * 2}</dl>\n\n)</dt>\n<dd><p>It.</p></dd></dl>'
    )
    tree = checks.parse(api.with_lines(text))
    assert len(tree.select("dt > .rp-line > em.sig-param")) == 2
    assert len(tree.select("dl")) == len(tree.select("dd")) == 1
    assert api.with_lines("<dl><dd><p>A.</p></dd></dl>") == "<dl><dd><p>A.</p></dd></dl>"


def test_the_button_to_edit_a_page_leads_to_the_code(book):
    home = "https://github.com/someone/papers"
    text = "".join(f'<a href="{home}/edit/main/api/{name}.rst">' for name in ("alpha", "index"))
    assert api.with_source_button(text, "api/alpha.html", book) == text
    book.config.write_text(book.config.read_text().replace('url: ""', f'url: "{home}"'))
    changed = api.with_source_button(text, "api/alpha.html", book)
    changed = api.with_source_button(changed, "api/index.html", book)
    assert changed == (
        f'<a href="{home}/tree/main/companion/alpha"><a href="{home}/tree/main/companion">'
    )


def test_a_change_of_a_docstring_makes_the_site_new(book):
    names = {path.relative_to(book.root).as_posix() for path in api.sources(book)}
    assert "companion/alpha/method/first.py" in names
    real = {path.name for path in api.sources(copies.REAL)}
    assert {"stats.py", "_fetch.py", "mxfp4.py"} <= real
