"""The built site in headless Chromium: nothing foreign, nothing broken, usable by everybody."""

import pytest

from companion.papers import chapters
from tests import live as book
from tests.site import browser, checks, walk

pytestmark = [pytest.mark.site, pytest.mark.browser, pytest.mark.timeout(3600)]


def chapter_pages(project):
    return [f"notebooks/{paper.notebook}.html" for paper in chapters(project)]


@pytest.mark.parametrize(
    ("check", "view"), [(check, view) for view in walk.VIEWS for check in walk.checks_of(view)]
)
def test_every_page_is_sound(walked, view, check):
    found = [f"{name}: {p}" for name, seen in walked[view].items() for p in seen[check]]
    assert found == []


@pytest.mark.parametrize("view", walk.VIEWS)
def test_the_walk_saw_every_page(site, project, walked, view):
    """All on the phone; in the wide window all but those of the code, which one stands for."""
    there = {p.relative_to(site).as_posix() for p in checks.pages(site)}
    code = {name for name in there if name.startswith("api/")}
    assert set(walked[view]) <= there
    assert set(walked[view]) > set(chapter_pages(project))
    left_out = there - set(walked[view])
    assert left_out == set() if walk.VIEWS[view].viewport == browser.PHONE else left_out < code


def test_the_walk_covers_both_widths_and_both_colors_with_and_without_a_server():
    views = walk.VIEWS.values()
    assert {view.viewport["width"] for view in views} == {1280, 390}
    assert {view.scheme for view in views} == {"light", "dark"}
    assert {view.from_file for view in views} == {True, False}


def test_every_check_is_made():
    made = {check for view in walk.VIEWS for check in walk.checks_of(view)}
    assert made == set(walk.CHECKS)
    assert set(walk.ONCE.values()) <= set(walk.VIEWS)


def test_contrasts_are_seen_in_the_mode_that_a_view_does_not_have(site, address, chromium):
    walked = walk.Walked(site, address, chromium)
    assert "book/scoreboard.html" in walked.both
    assert any(name.startswith("notebooks/") for name in walked.both)
    assert any(name.startswith("api/") for name in walked.both)


def test_axe_looks_at_every_page(site, address, chromium, monkeypatch):
    """At those of the code on a phone, which is made wide for a moment, at others in both views."""
    seen = []
    monkeypatch.setattr(walk, "look", lambda page, url, **how: seen.append((url, how)) or {})
    monkeypatch.setattr(chromium, "look", lambda action, **options: action(None))
    walked = walk.Walked(site, address, chromium)
    for view in walk.VIEWS:
        for name in walked.pages(view):
            walked._visit(view, name)
    looked = [url for url, how in seen if how["with_axe"]]
    code = [name for name in walked.names if name.startswith("api/")]
    assert code
    assert len(looked) == 2 * len(walked.names) - len(code)
    assert all(any(url.endswith(name) for url in looked) for name in walked.names)
    widened = [url for url, how in seen if how["widened"]]
    assert all(any(url.endswith(name) for url in widened) for name in code)


def test_without_javascript_the_first_frame_is_there(project, address, chromium):
    def action(page):
        problems = []
        for name in chapter_pages(project):
            # without scripts a browser loads and draws all pictures, which say nothing here
            page.goto(f"{address}/{name}", wait_until="domcontentloaded")
            browser.wait_for_styles(page)
            explorers = page.locator(".rp-explorer, .rpl-live").all()
            problems += [] if explorers else [f"{name}: no explorer"]
            boxes = page.evaluate(
                """() => [...document.querySelectorAll(".rpl-answer")]
                .filter(box => box.checkVisibility({visibilityProperty: true})).length"""
            )
            problems += [f"{name}: a box that checks nothing"] * boxes
            problems += [
                f"{name}, {root.get_attribute('id')}: {problem}"
                for root in explorers
                for problem in browser.still_problems(root)
            ]
        return problems

    assert chromium.look(action, java_script_enabled=False) == []


def test_the_site_has_live_figures_and_answer_boxes(site):
    pages = [page.read_text(encoding="utf-8") for page in checks.pages(site)]
    assert sum(text.count('class="rpl-live"') for text in pages) == len(book.scripts())
    assert sum(text.count('class="rpl-answer"') for text in pages) >= 6


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


@pytest.mark.parametrize("from_file", [False, True], ids=["http", "file"])
def test_search_finds_a_page_by_its_words(site, address, open_page, from_file):
    page = open_page()
    start = browser.file_url(site) if from_file else address
    seen = browser.visit(page, f"{start}/search.html?q=scoreboard")
    page.locator("#search-results a").first.wait_for()
    links = page.locator("#search-results a").evaluate_all("all => all.map(a => a.href)")
    assert any("book/scoreboard.html" in link for link in links)
    assert seen.problems == []


@pytest.mark.parametrize("from_file", [False, True], ids=["http", "file"])
def test_a_search_begins_on_any_page(site, address, open_page, from_file):
    page = open_page()
    start = browser.file_url(site) if from_file else address
    seen = browser.visit(page, f"{start}/book/intro.html")
    page.locator(".search-button__button:visible, .search-button:visible").first.click()
    page.locator("#pst-search-dialog input[name=q]").fill("watermark")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=watermark*")
    page.locator("#search-results a").first.wait_for()
    links = page.locator("#search-results a").evaluate_all("all => all.map(a => a.href)")
    assert "book/notation.html#term-watermark" in links[0]
    assert "notebooks/05-leximark.html" in links[1]  # chapters before the code
    assert seen.problems == []


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_the_front_page_loads_pictures_of_its_colors_only(site, address, open_page, scheme, other):
    page = open_page(color_scheme=scheme)
    browser.visit(page, f"{address}/book/intro.html")
    height = page.evaluate("() => document.documentElement.scrollHeight")
    for top in range(0, height + 600, 600):
        page.evaluate("top => scrollTo(0, top)", top)
        page.wait_for_timeout(50)
    page.wait_for_load_state("networkidle")
    entries = page.evaluate(
        """() => [...performance.getEntriesByType("navigation"),
                  ...performance.getEntriesByType("resource")]
        .map(e => [e.name, e.decodedBodySize])"""
    )
    loaded = {name.rpartition("/")[2].partition("?")[0]: size for name, size in entries}
    soup = checks.parse((site / "book" / "intro.html").read_text(encoding="utf-8"))
    drawn = {
        mode: {
            image["src"].rpartition("/")[2] for image in soup.select(f"article .only-{mode} img")
        }
        for mode in ("light", "dark")
    }
    assert drawn[scheme] <= set(loaded)
    assert not drawn[other] & set(loaded)
    if scheme == "light":  # which is what is weighed
        assert sum(loaded.values()) <= checks.weight(site / "book" / "intro.html", site).all


def test_the_menu_opens_on_a_phone(address, open_page):
    page = open_page(viewport=browser.PHONE)
    browser.visit(page, f"{address}/book/intro.html")
    entry = page.locator(".bd-sidebar-primary a", has_text="Scoreboard").first
    assert not entry.is_visible()
    page.locator("button.primary-toggle").first.click()
    entry.wait_for(state="visible")
    entry.click()
    page.wait_for_url("**/book/scoreboard.html")
