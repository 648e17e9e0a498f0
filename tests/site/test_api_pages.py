"""The pages of the code in the built site: complete, and joined with the chapters' equations."""

import ast
import re
from urllib.parse import unquote

import pytest

from companion.papers import chapters
from companion.project import PACKAGE
from companion.publish import api
from tests.site import browser, checks
from tests.test_equations import claimed, docstrings, method_of

pytestmark = [pytest.mark.site, pytest.mark.timeout(3600)]

each_chapter = pytest.mark.parametrize("entry", chapters(), ids=lambda entry: entry.slug)

WITHOUT: set[str] = set()
"""Chapters whose first page does not say yet which function is which equation."""

INDEX = 260_000
"""Bytes of the search's index, which only the page of the search loads."""


def page(site, name):
    """A page of the site as a tree."""
    return checks.tree(site / f"{name}.html")


def public(source):
    """Definitions of a module, and their methods, that have no underscore in front."""
    names = {name for name, _ in docstrings(source) if name}
    return {name for name in names if not any(part.startswith("_") for part in name.split("."))}


def printed(chapter):
    """Equations of a chapter's page: ``"3"`` or, by the paper's number, ``"9 (paper)"``."""
    found = {}
    for tag in chapter.select('[id^="mjx-eqn:"]'):
        said = unquote(tag["id"]).removeprefix("mjx-eqn:").replace("_", " ")
        own, _, more = said.partition(", paper eq. ")
        found[own] = own
        if more:
            found[f"{more} (paper)"] = own
    return found


def functions_of(chapter, number):
    """Where the line below an equation leads; empty without one."""
    formula = chapter.find(id=f"equation-{number}")
    line = formula.find_next(class_="rp-code") if formula else None
    ours = line and line.find_previous(id=re.compile("^equation-"))["id"] == f"equation-{number}"
    return [link["href"] for link in line.select("a")] if ours else []


def equations_of(code, anchor):
    """Where the line below an entry's head leads; empty without one."""
    head = code.find(id=anchor)
    body = head if anchor.startswith("module-") else head.find_next_sibling("dd")
    line = body.find(class_="rp-equation", recursive=False)
    return [link["href"] for link in line.select("a")] if line else []


def test_what_is_public_is_found():
    source = "def f(): pass\ndef _g(): pass\nclass A:\n    def m(self): pass\n    def _p(self): 1\n"
    assert public(source) == {"f", "A", "A.m"}


@each_chapter
def test_every_public_definition_of_a_method_has_an_entry(site, entry):
    shown = {tag["id"] for tag in page(site, api.page(entry)).select("article dt[id]")}
    expected = {
        f"{entry.module}.{module.replace('/', '.')}.{name}"
        for module, source in method_of(entry.package_path()).items()
        for name in public(source)
    }
    assert expected
    assert expected - shown == set()


def test_every_public_definition_of_a_shared_module_has_an_entry(site):
    shown = {tag["id"] for tag in page(site, "api/shared").select("article dt[id]")}
    for name in api.SHARED:
        path = PACKAGE / f"{name}.py"
        if path.is_file():
            names = public(path.read_text("utf-8"))
        else:
            body = ast.parse((PACKAGE / name / "__init__.py").read_text("utf-8")).body
            names = {alias.asname for node in body for alias in getattr(node, "names", ())}
            names = {one for one in names - {None} if not one.startswith("_") and not one.isupper()}
        assert names, name
        assert {f"companion.{name}.{one}" for one in names} - shown == set()


@each_chapter
def test_an_equation_leads_to_every_function_that_says_it_is_that_equation(site, entry):
    chapter = page(site, f"notebooks/{entry.notebook}")
    numbers = printed(chapter)
    claims = {k: v for k, v in claimed(method_of(entry.package_path())).items() if k in numbers}
    for key, places in claims.items():
        led = {link.partition("#")[2] for link in functions_of(chapter, numbers[key])}
        for place in places:
            name = f"{entry.module}.{place.replace('/', '.')}"
            assert {name, f"module-{name}"} & led, (key, place)


@each_chapter
def test_equations_and_functions_lead_to_each_other(site, entry):
    chapter, code = page(site, f"notebooks/{entry.notebook}"), page(site, api.page(entry))
    forth = {
        (number, link.partition("#")[2])
        for number in printed(chapter).values()
        for link in functions_of(chapter, number)
    }
    assert len(chapter.select(".rp-code")) == len({number for number, _ in forth})
    heads = {anchor for _, anchor in forth} | {tag["id"] for tag in code.select("article dt[id]")}
    back = {
        (link.partition("#equation-")[2], anchor)
        for anchor in heads
        for link in equations_of(code, anchor)
        if link.startswith(f"../notebooks/{entry.notebook}.html#")
    }
    assert forth == back
    assert forth or entry.slug in WITHOUT


def test_an_entry_shows_fields_and_no_raw_line_of_a_docstring(site):
    for name in ("shared", *(entry.slug for entry in chapters())):
        code = page(site, f"{api.FOLDER}/{name}")
        assert len(code.select("dl.field-list")) >= 3, name
        raw = [p.get_text() for p in code.select("article dd > p") if " : " in p.get_text()]
        assert raw == [], name


def test_the_pages_of_the_code_are_beside_the_search_and_not_in_the_way(site):
    assert (site / "searchindex.js").stat().st_size < INDEX
    front = page(site, "book/intro")
    listed = {link["href"] for link in front.select(".bd-sidebar-primary a")}
    assert "../api/index.html" in listed


@pytest.mark.browser
def test_the_search_finds_a_function_by_its_name(address, open_page):
    view = open_page()
    seen = browser.visit(view, f"{address}/search.html?q=absmax_scale")
    view.locator("#search-results a").first.wait_for()
    links = view.locator("#search-results a").evaluate_all("all => all.map(a => a.href)")
    assert any("api/quartet.html" in link for link in links)
    assert seen.problems == []
