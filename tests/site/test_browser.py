"""The built site in headless Chromium: nothing foreign, nothing broken, usable by everybody."""

import pytest

from companion.papers import chapters
from tests.site import browser, checks

pytestmark = [pytest.mark.site, pytest.mark.browser, pytest.mark.timeout(3600)]


def addresses(site):
    """Path of each page inside the site."""
    return [page.relative_to(site).as_posix() for page in checks.pages(site)]


def chapter_pages(project):
    return [f"notebooks/{paper.notebook}.html" for paper in chapters(project)]


def collect(site, look):
    """Problems that `look` finds on each page, with the page's name."""
    return [f"{name}: {problem}" for name in addresses(site) for problem in look(name)]


@pytest.mark.parametrize("viewport", [browser.WIDE, browser.PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_sound(site, address, open_page, viewport, scheme):
    def look(name):
        page = open_page(viewport=viewport, color_scheme=scheme)
        seen = browser.visit(page, f"{address}/{name}")
        problems = [
            *browser.raw_math(page),
            *browser.overflow(page),
            *browser.broken_images(page),
            *browser.axe(page),
            *seen.problems,
        ]
        page.context.close()
        return problems

    assert collect(site, look) == []


def test_the_site_needs_no_server(site, open_page):
    def look(name):
        page = open_page()
        seen = browser.visit(page, browser.file_url(site / name))
        problems = [*browser.raw_math(page), *browser.broken_images(page), *seen.problems]
        page.context.close()
        return problems

    assert collect(site, look) == []


@pytest.mark.parametrize("from_file", [False, True], ids=["http", "file"])
def test_explorers_work_by_keyboard(site, project, address, open_page, from_file):
    for name in chapter_pages(project):
        page = open_page()
        url = browser.file_url(site / name) if from_file else f"{address}/{name}"
        seen = browser.visit(page, url)
        assert page.locator(".rp-explorer").count() >= 1, f"{name} has no explorer"
        assert browser.explorer_problems(page) == []
        assert seen.problems == []


def test_without_javascript_the_first_frame_is_there(project, address, open_page):
    for name in chapter_pages(project):
        page = open_page(java_script_enabled=False)
        page.goto(f"{address}/{name}")
        for root in page.locator(".rp-explorer").all():
            assert root.locator("img").is_visible()
            assert root.locator("img").get_attribute("src").endswith(".webp")
            assert not root.locator(".rp-controls").is_visible()


def test_without_javascript_the_text_is_there(site, address, open_page):
    page = open_page(java_script_enabled=False)
    page.goto(f"{address}/book/intro.html")
    assert page.locator("article h1").is_visible()
    assert page.locator("article").inner_text().strip()


def test_the_color_mode_follows_the_reader(address, open_page):
    shades = {}
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        browser.visit(page, f"{address}/book/intro.html")
        assert page.locator("html").get_attribute("data-theme") == scheme
        color = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        shades[scheme] = sum(int(part) for part in color[4:-1].split(",")[:3])
    assert shades["light"] > 600 > 200 > shades["dark"]


def test_the_root_leads_to_the_introduction(address, open_page):
    page = open_page()
    page.goto(f"{address}/")
    page.wait_for_url("**/book/intro.html")


def test_search_finds_a_page_by_its_words(address, open_page):
    page = open_page()
    seen = browser.visit(page, f"{address}/search.html?q=scoreboard")
    page.locator("#search-results a").first.wait_for()
    links = page.locator("#search-results a").evaluate_all("all => all.map(a => a.href)")
    assert any("book/scoreboard.html" in link for link in links)
    assert seen.problems == []


def test_the_menu_opens_on_a_phone(address, open_page):
    page = open_page(viewport=browser.PHONE)
    browser.visit(page, f"{address}/book/intro.html")
    entry = page.locator(".bd-sidebar-primary a", has_text="Scoreboard").first
    assert not entry.is_visible()
    page.locator("button.primary-toggle").first.click()
    entry.wait_for(state="visible")
    entry.click()
    page.wait_for_url("**/book/scoreboard.html")
