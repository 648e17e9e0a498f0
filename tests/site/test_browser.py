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


def collect(names, look):
    """Problems that `look` finds on each page, with the page's name."""
    return [f"{name}: {problem}" for name in names for problem in look(name)]


@pytest.mark.parametrize("viewport", [browser.WIDE, browser.PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_sound(site, address, chromium, viewport, scheme):
    def look(name):
        def action(page):
            seen = browser.visit(page, f"{address}/{name}")
            return [
                *browser.raw_math(page),
                *browser.overflow(page),
                *browser.broken_images(page),
                *browser.axe(page),
                *seen.problems,
            ]

        return chromium.look(action, viewport=viewport, color_scheme=scheme)

    assert collect(addresses(site), look) == []


def test_the_site_needs_no_server(site, chromium):
    def look(name):
        def action(page):
            seen = browser.visit(page, browser.file_url(site / name))
            return [*browser.raw_math(page), *browser.broken_images(page), *seen.problems]

        return chromium.look(action)

    assert collect(addresses(site), look) == []


@pytest.mark.parametrize("from_file", [False, True], ids=["http", "file"])
def test_explorers_work_by_keyboard(site, project, address, chromium, from_file):
    def look(name):
        def action(page):
            url = browser.file_url(site / name) if from_file else f"{address}/{name}"
            seen = browser.visit(page, url)
            missing = [] if page.locator(".rp-explorer").count() else ["no explorer"]
            return [*missing, *browser.explorer_problems(page), *seen.problems]

        return chromium.look(action)

    assert collect(chapter_pages(project), look) == []


def test_without_javascript_the_first_frame_is_there(project, address, chromium):
    def look(name):
        def action(page):
            page.goto(f"{address}/{name}")
            return [
                f"{root.get_attribute('id')}: {problem}"
                for root in page.locator(".rp-explorer").all()
                for problem in browser.still_problems(root)
            ]

        return chromium.look(action, java_script_enabled=False)

    assert collect(chapter_pages(project), look) == []


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
