"""Live figures in a bare page, without the site: the rules that only a browser can hold."""

import html
from pathlib import Path

import pytest

from companion.exercises import respond
from companion.live import Choice, Live, Slider
from tests import live as book
from tests.site import browser

pytestmark = pytest.mark.browser

SCRIPTS = book.scripts()
VIEWS = [("light", 1180, slice(0, None, 2)), ("dark", 390, slice(1, None, 2))]
"""Theme, width, and which figures; the pages of the site show each of them in both ways, and move
them in the wide one."""

THEME = """<style>
html[data-theme="light"] { --pst-color-background: #fdfdfb; --pst-color-surface: #f4f3ef;
  --pst-color-text-base: #23262b; --pst-color-text-muted: #5a6069; --pst-color-border: #dedcd5 }
html[data-theme="dark"] { --pst-color-background: #15171a; --pst-color-surface: #202429;
  --pst-color-text-base: #d9dde3; --pst-color-text-muted: #9aa2ad; --pst-color-border: #363b42 }
body { margin: 10px; background: var(--pst-color-background); color: var(--pst-color-text-base) }
</style>"""


@pytest.fixture(scope="session")
def outputs():
    """The html of every live figure of the book, by name."""
    return {script.stem: book.output(script) for script in SCRIPTS}


@pytest.fixture
def show(tmp_path, chromium):
    """A function that opens a file with some outputs and nothing else."""

    def make(*outputs, theme="light", width=1180, **options):
        body = "".join(outputs)
        file = tmp_path / "bare.html"
        file.write_text(
            f'<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width"><title>t</title>{THEME}</head>'
            f"<body><main><h1>Bare</h1>{body}</main></body></html>",
            encoding="utf-8",
        )
        page = chromium.page(viewport={"width": width, "height": 900}, **options)
        if options.get("java_script_enabled", True):
            return browser.visit(page, browser.file_url(file))
        page.goto(browser.file_url(file))
        return browser.Visit(page)

    return make


def test_each_figure_is_looked_at_in_one_bare_file():
    shown = [script for *_, which in VIEWS for script in SCRIPTS[which]]
    assert sorted(shown) == sorted(SCRIPTS)


@pytest.mark.parametrize(("theme", "width", "which"), VIEWS)
def test_every_figure_works_from_a_bare_file(show, outputs, theme, width, which):
    seen = show(*list(outputs.values())[which], theme=theme, width=width)
    assert browser.live_problems(seen.page) == []
    assert browser.overflow(seen.page) == []
    assert browser.axe(seen.page) == []
    assert seen.problems == []


@pytest.mark.parametrize("name", [script.stem for script in SCRIPTS])
def test_a_longer_sentence_moves_nothing(show, outputs, name):
    """There is room for it at every corner of the sliders, and for all on one screen."""
    (script,) = (s for s in SCRIPTS if s.stem == name)
    figure = book.figure(script)
    data = figure.data | ({"shares": [0.0]} if "shares" in figure.data else {})
    said = [figure.scene(values, data) for values in book.corners(figure)]
    for width in (1180, 390):
        page = show(outputs[name], width=width).page
        screen = browser.PHONE["height"]
        assert page.evaluate("document.querySelector('.rpl-live').offsetHeight") <= screen
        heights = page.evaluate(
            """said => { const say = document.querySelector(".rpl-say");
              return said.map(([what, why]) => { say.children[0].textContent = what;
                say.children[1].textContent = why; return say.offsetHeight; }); }""",
            [[scene["headline"], scene["detail"]] for scene in said],
        )
        assert len(set(heights)) == 1, (width, heights)


def test_text_is_as_large_on_a_phone_and_panels_stand_below_each_other(show, outputs):
    page = show(outputs["live_rotor"], width=390).page
    sizes = """() => [...document.querySelectorAll(".rpl-panel > svg text")]
        .map(text => getComputedStyle(text).fontSize)"""
    places = (
        "() => [...document.querySelectorAll('.rpl-panel')].map(p => [p.offsetLeft, p.offsetTop])"
    )
    (left, top), (below_left, below) = page.evaluate(places)
    assert (left, below > top) == (below_left, True)
    assert set(page.evaluate(sizes)) == {"12px"}
    narrow = page.evaluate("document.querySelector('.rpl-panel > svg').clientWidth")
    page.set_viewport_size({"width": 844, "height": 390})  # the phone is turned
    page.wait_for_function(
        "was => document.querySelector('.rpl-panel > svg').clientWidth !== was", arg=narrow
    )
    (left, top), (beside, same) = page.evaluate(places)
    assert (beside > left, top) == (True, same)
    assert set(page.evaluate(sizes)) == {"12px"}


def test_a_switch_of_the_theme_restyles_without_drawing_again(show, outputs):
    page = show(outputs["live_rotor"]).page
    colors = """() => { const stroke = name => getComputedStyle([...document.querySelectorAll(
        '.rpl-line')].find(l => l.getAttribute('style').includes(name))).stroke;
        const card = getComputedStyle(document.querySelector('.rpl-controls')).backgroundColor;
        return [stroke('--rpl-blue'), stroke('--rpl-black'), card]; }"""
    drawn, light = page.inner_html(".rpl-stage"), page.evaluate(colors)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.inner_html(".rpl-stage") == drawn
    assert all(a != b for a, b in zip(light, page.evaluate(colors), strict=True))
    assert light[0] == "rgb(0, 114, 178)"  # the book's blue


def test_a_figure_may_be_shown_twice(show, outputs):
    page = show(outputs["live_rotor"], outputs["live_rotor"]).page
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    second = page.locator(".rpl-live").nth(1)
    before = page.locator(".rpl-stage").nth(0).inner_html()
    second.locator("input").first.press("End")
    page.wait_for_function(
        "() => !document.querySelectorAll('.rpl-say')[1].textContent.includes('0.010')"
    )
    assert page.locator(".rpl-stage").nth(0).inner_html() == before
    assert browser.live_problems(page) == []


def test_in_a_sandboxed_frame(show, outputs):
    page = show(
        '<iframe title="f" sandbox="allow-scripts" width="800" height="700" srcdoc="'
        f'{html.escape(outputs["live_rotor"])}"></iframe>'
    ).page
    frame = page.frame_locator("iframe")
    before = frame.locator(".rpl-say").inner_text()
    frame.locator("input").first.press("Home")
    frame.get_by_text("The half turn is exact").wait_for()
    assert frame.locator(".rpl-say").inner_text() != before
    assert not frame.locator(".rpl-still").is_visible()


def test_without_javascript_the_still_picture_and_its_sentence_stay(show, outputs):
    box = respond(..., 1.0, tolerance=0.1, name="demo").to_html()
    page = show(*outputs.values(), box, java_script_enabled=False).page
    for root in page.locator(".rpl-live").all():
        image = root.locator(".rpl-still img")
        assert image.is_visible()
        assert image.get_attribute("alt") in root.locator(".rpl-still").inner_text()
        assert root.locator("input").count() == 0
    assert not page.locator(".rpl-answer").is_visible()


def test_focus_and_keys_stay_inside(show, outputs):
    """JupyterLab takes both for the cell, and the focus of a slider that was clicked."""
    box = respond(..., 1.0, tolerance=0.1, name="demo").to_html()
    page = show(outputs["live_rotor"], box).page
    page.evaluate(
        """() => { window.taken = []; for (const type of ["focusin", "keydown"])
          document.addEventListener(type, event => window.taken.push(event.type));
          document.addEventListener("pointerup", () => document.activeElement.blur()); }"""
    )
    for control in (page.locator(".rpl-live input").first, page.locator(".rpl-answer input")):
        control.click()
        page.wait_for_function(
            "control => document.activeElement === control", arg=control.element_handle()
        )
        page.keyboard.press("ArrowRight")
    assert page.evaluate("window.taken") == []


def test_the_sentence_is_read_when_the_slider_rests(show, outputs):
    page = show(outputs["live_rotor"]).page
    assert page.inner_text(".rpl-aloud") == ""
    slider = page.locator(".rpl-live input").last
    heard = """() => { const heard = window.heard = []; new MutationObserver(() => heard.push(
        document.querySelector('.rpl-aloud').textContent)).observe(document.querySelector(
        '.rpl-aloud'), {childList: true}); }"""
    page.evaluate(heard)
    for _ in range(4):
        slider.press("ArrowLeft")
    page.wait_for_function("window.heard.length > 0")
    page.wait_for_timeout(600)
    assert page.evaluate("window.heard") == [page.inner_text(".rpl-say")]
    assert slider.get_attribute("aria-valuetext") == "448 tokens"


def test_back_to_the_start(show, outputs):
    page = show(outputs["live_fit"]).page
    before = page.inner_text(".rpl-say")
    page.locator("select").select_option("OPT")
    page.get_by_text("30B").first.wait_for()
    runs = page.locator(".rpl-live input").first
    assert (runs.input_value(), runs.get_attribute("max")) == ("5", "5")
    page.locator(".rpl-reset").click()
    page.wait_for_function(
        "was => document.querySelector('.rpl-say').innerText === was", arg=before
    )
    assert (runs.input_value(), runs.get_attribute("max")) == ("7", "7")


def test_on_paper_a_slider_is_its_label_and_value(show, outputs):
    page = show(outputs["live_rotor"], theme="dark").page
    page.emulate_media(media="print")
    assert not page.locator(".rpl-live input").first.is_visible()
    assert not page.locator(".rpl-reset").is_visible()
    assert page.get_by_text("error of the half turn").is_visible()
    assert page.get_by_text("0.010 rad").is_visible()
    line = page.locator("[style*='--rpl-blue']").last
    assert line.evaluate("line => getComputedStyle(line).fill") == "rgb(0, 114, 178)"


def test_a_text_is_typed_and_stays_text(show, outputs):
    """By keyboard; markup is no markup; on paper the words stand there instead of the box."""
    page = show(outputs["live_words"]).page
    box = page.get_by_label("your sentence")
    box.press("Control+a")
    box.press_sequentially("a <b> lazy dog </b> <img src=x>")
    page.get_by_text("lazy →").first.wait_for()
    assert page.locator(".rpl-live b, .rpl-live img[src=x]").count() == 0
    box.fill("lazy " * 100)
    assert len(box.input_value()) == int(box.get_attribute("maxlength"))
    page.emulate_media(media="print")
    assert not box.is_visible()
    assert page.locator(".rpl-typed").is_visible()
    page.emulate_media(media="screen")
    assert not page.locator(".rpl-typed").is_visible()
    page.locator(".rpl-reset").click()
    page.wait_for_function(
        "() => document.querySelector('.rpl-live input').value.startsWith('The old keeper')"
    )


def test_a_finger_can_hit_the_controls(show, outputs):
    page = show(outputs["live_fit"], width=390, has_touch=True, is_mobile=True).page
    for control in page.locator(".rpl-live :is(input, select, button)").all():
        assert control.bounding_box()["height"] >= 40
    assert (
        page.locator(".rpl-live input").first.evaluate(
            "slider => getComputedStyle(slider).touchAction"
        )
        == "pan-y"
    )


def test_a_figure_in_a_folded_part_is_drawn_at_its_width_when_it_opens(show):
    figure = Live(
        "folded",
        lambda values, _: {
            "headline": "H.",
            "detail": "D.",
            "panels": [
                {
                    "title": "T",
                    "x": {"label": "", "domain": [0, 1]},
                    "y": {"label": "", "domain": [0, 1]},
                    "marks": [],
                }
            ],
        },
        Path(__file__).with_name("live_demo.js"),
        [Slider("a", "a", 0, 10, 5), Choice("b", "b", [("p", "plain"), ("q", "quick")])],
    )
    seen = show(f"<details><summary>s</summary>{figure.to_html()}</details>", width=500)
    seen.page.locator("summary").click()
    seen.page.wait_for_function("document.querySelector('.rpl-panel > svg').clientWidth === 480")
    assert seen.problems == []
