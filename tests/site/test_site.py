"""The built site, read without a browser."""

import os

import nbformat
import pytest
import yaml

from companion import repository
from companion.papers import chapters, papers
from companion.pictures import LEAST
from companion.publish.shown import ships
from tests.site import checks

pytestmark = [pytest.mark.site, pytest.mark.timeout(3600)]  # the site may have to be built first


def problems(site, check):
    """Problems of all pages, each with its page."""
    return [
        f"{page.relative_to(site)}: {problem}"
        for page in checks.pages(site)
        for problem in check(checks.tree(page))
    ]


@pytest.mark.parametrize(
    "check",
    [checks.remote_assets, checks.missing_alts, checks.double_ids, checks.raw_text],
)
def test_no_page_has_a_problem(site, check):
    assert problems(site, check) == []


def test_headings_are_in_order(site):
    own = [page for page in checks.pages(site) if page.parent != site]
    assert own
    found = [
        f"{page.name}: {problem}" for page in own for problem in checks.headings(checks.tree(page))
    ]
    assert found == []


def test_no_page_shows_traces_of_the_tools_or_of_this_machine(site, project):
    machine = (str(project.root), os.path.expanduser("~") + os.sep, "site-packages")
    found = [
        f"{page.relative_to(site)}: {problem}"
        for page in checks.pages(site)
        for problem in checks.leftovers(page.read_text(encoding="utf-8"), machine)
    ]
    assert found == []


def test_no_link_inside_the_site_is_broken(site):
    assert checks.broken_links(site) == []


def test_no_style_sheet_loads_from_another_host(site):
    sheets = list(site.rglob("*.css"))
    assert sheets
    found = {s.name: checks.remote_in_css(s.read_text(encoding="utf-8")) for s in sheets}
    assert {name: urls for name, urls in found.items() if urls} == {}


def test_every_chapter_has_its_page_and_every_planned_paper_none(site, project):
    available = {paper.notebook for paper in chapters(project)}
    for paper in papers(project):
        page = site / "notebooks" / f"{paper.notebook}.html"
        assert page.is_file() == (paper.notebook in available)


def test_the_download_is_the_notebook_as_it_is_stored(site, project):
    for paper in chapters(project):
        offered = site / "_sources" / "notebooks" / f"{paper.notebook}.ipynb"
        assert offered.read_bytes() == paper.notebook_path(project).read_bytes()
        notebook = nbformat.read(offered, as_version=4)
        assert not any(cell.get("outputs") for cell in notebook.cells)


def test_every_chapter_page_shows_figures(site, project):
    for paper in chapters(project):
        page = checks.tree(site / "notebooks" / f"{paper.notebook}.html")
        assert page.select("article figure img, article .rp-explorer img")


def test_formulas_are_on_the_page_and_need_no_script(site):
    folder = site / "_static" / "mathjax"
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert list(folder.glob("*.js")) == []
    html = "".join(page.read_text(encoding="utf-8") for page in checks.pages(site))
    assert html.count("<mjx-container") > 500
    assert "MathJax =" not in html


def test_every_figure_has_a_picture_for_light_and_for_dark_and_one_that_a_phone_can_read(
    site, project
):
    for entry in chapters(project):
        page = site / "notebooks" / f"{entry.notebook}.html"
        tree = checks.tree(page)
        assert checks.unpaired(tree) == []
        sources = tree.select(".rp-figure source")
        assert sources, entry.slug
        for source in sources:
            svg = (page.parent / source["srcset"]).read_text(encoding="utf-8")
            assert checks.smallest_letters(svg) >= LEAST - 0.01, source["srcset"]


def test_figures_are_numbered_within_their_chapter(site, project):
    for entry in chapters(project):
        page = checks.tree(site / "notebooks" / f"{entry.notebook}.html")
        told = [tag.get_text().strip() for tag in page.select(".caption-number")]
        assert told == [f"Figure {entry.number}.{n + 1}" for n in range(len(told))]


def test_no_solution_is_a_fold_beside_a_fold(site):
    assert problems(site, lambda page: page.select("details + .tag_hide-cell")) == []


def test_no_page_is_heavy(site):
    found = {page.name: checks.weight(page, site) for page in checks.pages(site)}
    heavy = {n: w for n, w in found.items() if w.first > 400_000 or w.all > 2_500_000}
    assert heavy == {}


def test_the_front_page_is_light_to_its_last_card(site):
    """As it travels, with the first figures of all chapters; fonts do not get smaller."""
    front = site / "book" / "intro.html"
    assert checks.weight(front, site).sent <= 600_000
    pictures = checks.parse(front.read_text(encoding="utf-8")).select("article img")
    heroes = problems(site, lambda page: page.select(".tag_hero figure")[:1])
    assert len(pictures) == 2 * len(heroes)  # light and dark, of which a browser loads one
    assert all(image["loading"] == "lazy" for image in pictures)


def test_only_the_page_that_searches_has_the_words_of_all_pages(site):
    found = {p.name for p in checks.pages(site) if checks.searching(checks.parse(p.read_text()))}
    assert found == {"search.html"}


def test_buttons_lead_to_the_repository_only_if_there_is_one(site, project):
    address = repository.url(project)
    html = "".join(page.read_text(encoding="utf-8") for page in checks.pages(site))
    launch = ("colab.research.google.com/github", "mybinder.org/v2", "/edit/main/")
    for text in launch:
        assert (text in html) == (address is not None), text
    if address is None:
        config = yaml.safe_load((project.build / "src" / "_config.yml").read_text())
        assert "launch_buttons" not in config
        assert "repository" not in config


@pytest.mark.parametrize("entry", chapters(), ids=lambda entry: entry.slug)
def test_a_page_says_which_run_it_shows_and_no_stored_result_is_stale(site, project, entry):
    page = checks.tree(site / "notebooks" / f"{entry.notebook}.html")
    (line,) = page.select(".rp-run")
    expected = "the published run" if ships(entry, project) else "a toy run"
    assert line.get_text().strip().startswith(f"The figures on this page show {expected}")


def test_every_page_is_described_and_its_later_pictures_wait(site, project):
    address = repository.pages(project)
    for page in checks.pages(site):
        tree = checks.tree(page)
        told = {tag.get("property"): tag["content"] for tag in tree.select("meta[property]")}
        if page.parent == site:
            continue  # search and index have no text of their own
        assert told["og:title"], page.name
        assert told["og:description"], page.name
        first, *later = tree.select("article img") or [None]
        assert [one["src"] for one in later if one.get("loading") != "lazy"] == []
        if first is not None:
            picture = told["og:image"].removeprefix(address or "")
            folder = site if address else page.parent
            assert (folder / picture).is_file(), picture
