"""The checks that need a browser find what they are for."""

from pathlib import Path

import pytest
from playwright.sync_api import Error

from companion.data import Missing
from companion.exercises import respond
from companion.live import Choice, Live, Slider
from tests.site import browser
from tests.site.conftest import serve

pytestmark = pytest.mark.browser

PICTURES = [
    "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
    "data:image/gif;base64,R0lGODlhAQABAIABAP8AAP///yH5BAEAAAEALAAAAAABAAEAAAICRAEAOw==",
]
EXPLORER = """<div class="rp-explorer" id="rp-demo"><img alt="first" src="{0}">
<label for="s">value</label><input id="s" type="range" min="0" max="1" value="0"></div>
<script>
const image = document.querySelector(".rp-explorer img");
document.querySelector("input").addEventListener("input", event => {{
  const second = event.target.value === "1";
  {1}
}});
</script>"""
CHANGE_SRC = f'image.src = second ? "{PICTURES[1]}" : "{PICTURES[0]}";'
CHANGE_ALT = 'image.alt = second ? "second" : "first";'


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder for pages, and its address."""
    folder = tmp_path_factory.mktemp("pages")
    server = serve(folder)
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def show(place, chromium):
    """A function that serves a page with the given body and visits it."""
    folder, address = place

    def make(body, head="", **options):
        html = f"<!doctype html><html lang='en'><head><title>t</title>{head}</head>"
        style = "<body style='margin:0'>"
        text = f"{html}{style}<main><article><h1>T</h1>{body}</article></main></body></html>"
        name = f"{sum(1 for _ in folder.iterdir())}.html"  # a browser keeps what has the same name
        (folder / name).write_text(text)
        page = chromium.page(**options)
        if options.get("java_script_enabled", True):
            return browser.visit(page, f"{address}/{name}")
        page.goto(f"{address}/{name}")  # without scripts nothing can be waited for
        return browser.Visit(page)

    return make


def icon(visit):
    """Problems apart from the icon that this bare page does not have."""
    return [
        problem for problem in visit.problems if "favicon" not in problem and "404" not in problem
    ]


def test_a_good_page_has_no_problem(show):
    seen = show(f"<p>Good text.</p><img alt='A dot.' src='{PICTURES[0]}'>")
    assert icon(seen) == []
    for check in (browser.raw_math, browser.overflow, browser.broken_images, browser.axe):
        assert check(seen.page) == []


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("<script src='http://192.0.2.1/x.js' async></script>", "another host"),
        ("<img alt='A dot.' src='http://localhost:9/x.png'>", "another host"),
        ("<script>console.error('went wrong')</script>", "went wrong"),
        ("<script>nothing.here()</script>", "page error"),
        ("<img alt='A dot.' src='gone.png'>", "gone.png"),
    ],
)
def test_a_bad_request_or_script_is_found(show, body, part):
    assert any(part in problem for problem in show(body).problems)


@pytest.mark.parametrize(
    "text", ["the loss $L = 2$ falls", r"\(x^2\)", r"\begin{align}", r"see {cite:p}`key`"]
)
def test_raw_math_is_found(show, text):
    assert len(browser.raw_math(show(f"<p>{text}</p>").page)) == 1


@pytest.mark.parametrize("text", ["costs $5 and more", "<code>$x$</code>", "<pre>\\(x\\)</pre>"])
def test_text_that_is_no_math_is_left_alone(show, text):
    assert browser.raw_math(show(f"<p>{text}</p>").page) == []


def test_a_formula_that_mathjax_could_not_read_is_found(show):
    error = "<mjx-merror data-mjx-error='Undefined control'>x</mjx-merror>"
    body = f"<mjx-container>{error}</mjx-container>"
    assert browser.raw_math(show(body).page) == ["bad: Undefined control"]


GOOD_PRINT = "<style>@media print { button { display: none } }</style>"


def test_what_is_printed_badly_is_found(show):
    body = "<p>Text.</p><button>Go</button>"
    assert browser.print_problems(show(body, GOOD_PRINT).page) == []
    (control,) = browser.print_problems(show(body).page)
    assert "button" in control
    wide = "<p>Text.</p><div style='width:900px'>Wide</div>"
    assert "900" in browser.print_problems(show(wide).page)[0]
    code = f"<p>Text.</p><pre style='overflow:auto'>{'x' * 300}</pre>"
    assert "pre" in browser.print_problems(show(code).page)[0]
    (pale,) = browser.print_problems(show("<p style='color:#ddd'>Text.</p>").page)
    assert "pale" in pale
    page = show(body).page
    browser.print_problems(page)
    assert page.viewport_size == browser.WIDE
    assert page.evaluate("() => matchMedia('screen').matches")


def test_a_page_that_is_too_wide_is_found(show):
    body = "<code style='white-space:nowrap'>" + "long_name_" * 60 + "</code>"
    (problem,) = browser.overflow(show(body, viewport=browser.PHONE).page)
    assert "390" in problem
    assert "code" in problem


def test_a_line_for_what_is_missing_wraps_on_a_phone(show):
    name = "model-ecosystem/" + "hub_families_card_terms_" * 8 + ".csv.gz"
    line = Missing(f"{name} does not ship with this book.")._repr_html_()
    seen = show(line, viewport=browser.PHONE)
    assert browser.overflow(seen.page) == []
    assert browser.axe(seen.page) == []
    plain = line.replace("overflow-wrap", "x-wrap")
    assert browser.overflow(show(plain, viewport=browser.PHONE).page) != []


@pytest.mark.parametrize(
    "image",
    [
        "<img alt='A dot.' src='gone.png'>",
        "<div style='height:9000px'></div><img loading='lazy' alt='A dot.' src='gone.png'>",
        "<img alt='A dot.' src='data:image/png;base64,AAAA'>",
    ],
)
def test_an_image_without_picture_is_found(show, image):
    there = f"<img loading='lazy' alt='A dot.' src='{PICTURES[0]}'>"
    assert len(browser.broken_images(show(image + there).page)) == 1


def test_axe_reports_what_is_serious(show):
    body = "<p style='color:#ccc;background:#fff'>pale</p><input type='range'>"
    problems = browser.axe(show(body).page)
    assert any("color-contrast" in problem for problem in problems)
    assert any("label" in problem for problem in problems)


def test_axe_sees_contrasts_in_the_other_mode_when_asked(show):
    style = "<style>html[data-theme=dark] body { background: #000 } p { color: #333 }</style>"
    page = show("<p>grey</p>", head=style).page
    page.evaluate("() => { document.documentElement.dataset.theme = 'light'; }")
    assert browser.axe(page) == []
    (problem,) = browser.axe(page, both_modes=True)
    assert problem.startswith("dark: color-contrast")


def test_words_that_differ_in_the_other_mode_only_are_looked_at_there(show):
    style = "<style>html[data-theme=dark] body { background: #000; color: #fff }"
    style += "html[data-theme=dark] .b { color: #333 }</style>"
    code = "<pre><span class='a'>word</span> <span class='b'>word</span></pre>"
    page = show(code, head=style).page
    page.evaluate("() => { document.documentElement.dataset.theme = 'light'; }")
    (problem,) = browser.axe(page, both_modes=True)
    assert problem.startswith("dark: color-contrast")


def test_a_page_is_whole_after_axe(show):
    words = "<span class='n'>f(<em class='p'></em><em>x</em>)</span> <span class='n'>y</span>"
    formula = "<mjx-container><mjx-math>x</mjx-math></mjx-container>"
    page = show(f"<pre>{words}{words}</pre><p>Let {formula} and {formula} be.</p>").page
    before = page.inner_html("main")
    assert browser.axe(page) == []
    page.evaluate(
        """() => { for (const mark of ["data-first", "data-link"])
        document.querySelectorAll(`[${mark}]`).forEach(e => e.removeAttribute(mark)); }"""
    )
    assert page.inner_html("main") == before


def test_code_and_tables_that_are_cut_are_found_in_a_wide_window(show):
    body = "<pre style='overflow-x:auto;width:100px'>" + "long " * 60 + "</pre><pre>short</pre>"
    (problem,) = browser.cut(show(body).page)
    assert "in 100" in problem
    assert browser.cut(show(body, viewport=browser.PHONE).page) == []


def test_an_icon_without_its_sign_is_found(show):
    style = "<style>.fa-bars::before { content: 'x' }</style>"
    body = "<i class='fa-solid fa-bars'></i><i class='fa-solid fa-gone'></i>"
    assert browser.lost_icons(show(body, head=style).page) == ["fa-solid fa-gone"]


PALE = "<style>.pale { color: #ccc } .boxed { background: #fff } .dark { background: #000 }</style>"


@pytest.mark.parametrize(
    ("blocks", "found"),
    [
        (["boxed"], 1),
        (["boxed", "boxed"], 1),  # the first word stands for those like it
        (["dark"], 0),
        (["dark", "boxed"], 1),  # but not for those on another ground
        (["hidden", "boxed"], 1),  # and a word that nobody sees for none
    ],
)
def test_pale_words_of_code_are_found(show, blocks, found):
    code = "<pre><span class='pale'>word</span> <span class='pale'>word</span></pre>"
    body = "".join(f"<div class='{block}'>{code}</div>" for block in blocks)
    body = body.replace("<div class='hidden'>", "<div class='boxed' hidden>")
    problems = browser.axe(show(body, head=PALE).page)
    assert [p.split()[0] for p in problems] == ["color-contrast"] * found


SIGNATURE = "<dl><dt class='sig'>{}</dt><dd>text</dd></dl>"
ARGUMENT = "<em class='sig-param'><span class='{}'>word</span></em>"
FORMULA = "<p><mjx-container>{}</mjx-container></p>"
SIGN = "<span style='color:#ccc;background:#fff'>word</span>"


@pytest.mark.parametrize(
    "body",
    [
        SIGNATURE.format(2 * ARGUMENT.format("pale")),
        SIGNATURE.format(ARGUMENT.format("n") + ARGUMENT.format("pale")),
        "<p><code><span class='n'>a</span></code> <code><span class='pale'>word</span></code></p>",
        # a color of its own is no matter of kind
        f"<p><code><span class='n'>a</span></code> <code>{SIGN}</code></p>",
        2 * FORMULA.format(SIGN),
        f"<h2><mjx-container>y</mjx-container></h2>{FORMULA.format(SIGN)}",
    ],
)
def test_a_pale_word_of_a_signature_or_a_formula_is_found_once(show, body):
    style = "<style>.pale { color: #ccc; background: #fff }</style>"
    problems = browser.axe(show(body, head=style).page)
    assert [p.split()[0] for p in problems] == ["color-contrast"]


LINKS = """<style>a {{ color: #0000ee; text-decoration: none; border: 0 }}
a.good {{ text-decoration: underline }} p {{ color: #000090; background: #fff }}</style>
<p>Many words around a link, <a class='good' href='#'>which</a> stands among them.</p>{}
<p>Many more words around a link, <a {} href='#'>which</a> stands among them.</p>"""


@pytest.mark.parametrize(
    ("before", "own", "found"),
    [
        ("", "class='good'", 0),
        ("", "", 1),
        ("<p><a href='#'>alone</a></p>" * 4, "", 1),  # those that stand alone stand for no others
        (
            "<ul><li>Some words, a <a href='#'>link</a></li></ul>" * 4,
            "",
            4,
        ),  # three for four, and the last
    ],
)
def test_links_that_cannot_be_told_from_text_are_found(show, before, own, found):
    problems = browser.axe(show(LINKS.format(before, own)).page)
    assert [p.split()[0] for p in problems] == ["link-in-text-block"] * found


def test_what_a_wide_window_cuts_off_is_found_on_a_phone(show):
    style = "@media (min-width: 900px) { pre { width: 100px; overflow: auto } }"
    body = f"<style>{style}</style><pre>{'long ' * 60}</pre>"
    page = show(body, viewport=browser.PHONE).page
    assert browser.cut(page) == []
    (problem,) = browser.widened(page, browser.cut)
    assert "in 100" in problem
    assert page.viewport_size == browser.PHONE


def test_an_explorer_that_works_has_no_problem(show):
    body = EXPLORER.format(PICTURES[0], CHANGE_SRC + CHANGE_ALT)
    assert browser.explorer_problems(show(body).page) == []


@pytest.mark.parametrize(
    ("script", "part"),
    [
        (CHANGE_SRC, "description does not change"),
        (CHANGE_ALT, "picture does not change"),
        ("", "picture does not change"),
    ],
)
def test_an_explorer_that_does_nothing_is_found(show, script, part):
    problems = browser.explorer_problems(show(EXPLORER.format(PICTURES[0], script)).page)
    assert any(part in problem for problem in problems)


def test_a_slider_that_the_keyboard_cannot_move_is_found(show):
    body = EXPLORER.format(PICTURES[0], CHANGE_SRC + CHANGE_ALT).replace(
        "<input", "<input disabled"
    )
    problems = browser.explorer_problems(show(body).page)
    assert any("arrow keys" in problem for problem in problems)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (f"<img alt='A dot.' hidden src='{PICTURES[0]}'>", "not visible"),
        (f"<img alt='A dot.' src='{PICTURES[0]}'>", "not a file"),
        ("<img alt='A dot.' src='a.webp'><div class='rp-controls'>c</div>", "controls"),
    ],
)
def test_an_explorer_that_needs_a_script_is_found(show, body, part):
    controls = "" if "rp-controls" in body else "<div class='rp-controls' hidden>c</div>"
    seen = show(f"<div class='rp-explorer'>{body}{controls}</div>", java_script_enabled=False)
    problems = browser.still_problems(seen.page.locator(".rp-explorer"))
    assert any(part in problem for problem in problems)


UTF8 = '<meta charset="utf-8">'
LIVE = Live(
    "demo",
    lambda values, _: {
        "headline": f"A is {values['a']:g}.",
        "detail": "That is all.",
        "panels": [
            {
                "title": "T",
                "x": {"label": "x", "domain": [0, 10]},
                "y": {"label": "", "domain": [0, 1]},
                "marks": [{"kind": "rule", "x": values["a"]}],
            }
        ],
    },
    Path(__file__).with_name("live_demo.js"),
    [Slider("a", "a", 0, 10, 5), Choice("b", "b", [("p", "plain"), ("q", "quick")])],
)


def test_a_live_figure_that_works_has_no_problem(show):
    seen = show(LIVE.to_html())
    assert browser.live_problems(seen.page) == []
    assert browser.axe(seen.page) == []
    assert icon(seen) == []


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("live((me", "(() => 0)((me", "not live"),
        (".rpl-still { display: none; }", ".rpl-still { display: block !important }", "stays"),
        ("x: a + b.length", "x: b.length", "demo, a: picture does not change"),
        ("A is ${a}${b}.", "A is ${a}.", "demo, b: sentence does not change"),
        ("max: high, step", "max: high, disabled: 1, step", "demo, a: picture does not change"),
        ("const began = performance.now()", "const began = performance.now() - 1500", "takes 15"),
        ("aloud.textContent =", "aloud.title =", "read aloud"),
        (".rpl-live p { margin: 0; }", ".rpl-live p { min-width: 2000px }", "wider"),
    ],
)
def test_a_fault_of_a_live_figure_is_found(show, old, new, part):
    text = LIVE.to_html()
    assert text.count(old) == 1
    problems = browser.live_problems(show(text.replace(old, new)).page)
    assert any(part in problem for problem in problems), problems


def test_an_answer_box_that_works_has_no_problem(show):
    one, other = (respond(..., 0.25, tolerance=0.01, unit="rad", name=n).to_html() for n in "ab")
    seen = show(one + other, head=UTF8)
    assert seen.page.locator(".rpl-answer").first.is_visible()
    assert browser.answer_problems(seen.page) == []
    assert browser.axe(seen.page) == []


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("const isNear = (target, tolerance) =>", "const isNear = () => false &&", "not taken"),
        ("const isNear = (target, tolerance) =>", "const isNear = () => true ||", "is taken"),
        ("output.textContent =", "output.title =", "not taken"),
        ("<output", "<output style='display: none'", "not taken"),
    ],
)
def test_a_fault_of_an_answer_box_is_found(show, old, new, part):
    """In the box that is typed into, and in one that is handed its answers."""
    good, text = (respond(..., 0.25, tolerance=0.01, name=n).to_html() for n in ("good", "demo"))
    assert text.count(old) == 1
    wrong = text.replace(old, new)
    for body in (wrong, good + wrong):
        problems = browser.answer_problems(show(body, head=UTF8).page)
        assert any(part in problem for problem in problems), problems
        assert not any("good" in problem for problem in problems)


def crash(chromium, page):
    """End the browser's own process, as running out of memory would."""
    chromium.browser.new_browser_cdp_session().send("Browser.crash")
    return [page.title()]


def test_a_browser_that_died_is_started_once_more(chromium):
    tries = []

    def action(page):
        tries.append(page)
        return crash(chromium, page) if len(tries) == 1 else ["looked"]

    assert chromium.look(action) == ["looked"]
    assert len(tries) == 2


def test_a_page_that_ends_the_browser_twice_is_at_fault(chromium):
    with pytest.raises(Error, match="closed"):
        chromium.look(lambda page: crash(chromium, page))
    assert chromium.look(lambda page: [page.title()]) == [""]


def test_another_error_is_not_tried_again(chromium):
    tries = []

    def action(page):
        tries.append(page.evaluate("() => { throw new Error('wrong') }"))

    with pytest.raises(Error, match="wrong"):
        chromium.look(action)
    assert tries == []


HERO = f'<div class="tag_hero"><figure><img alt="a" src="{PICTURES[0]}"></figure></div>'
SCREEN = f"""<p><em>Why?</em></p><p><strong>So.</strong></p><p>1 holds.</p>{HERO}
<div class="rp-opening"><ol><li>a</li><li>b</li><li>c</li></ol>
<p>Reading: 1 min</p><details><summary>Paper</summary><table></table></details></div>
<p class="rp-run">A run.</p><div class="tag_setup"><details><summary>Setup</summary></details></div>
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", None),
        ("rp-opening", "other", None),  # a page without a first screen
        (HERO, f'<div style="height: 900px"></div>{HERO}', "the figure begins at"),
        (HERO, "", "no figure"),
        (HERO, HERO.replace("<img", '<img style="height: 310px"'), "the figure is 310 px high"),
        (
            '<div class="rp-opening">',
            '<div style="height: 900px"></div><div class="rp-opening">',
            "the takeaways begin at",
        ),
        ("<p>1 holds.</p>", "", "verdicts"),
        ("<strong>So.</strong>", "So.", "no answer"),
        ("<li>c</li>", "", "no takeaways"),
        ("<details>", "<details open>", "a fold is open"),
        ('<p class="rp-run">A run.</p>', "", "no run"),
    ],
)
def test_a_first_screen_has_its_parts(show, old, new, problem):
    found = browser.first_screen(show(SCREEN.replace(old, new) if old else SCREEN).page)
    assert any(problem in one for one in found) if problem else found == []


def test_a_first_screen_has_its_order(show):
    body = SCREEN.replace(HERO, "") + HERO
    assert "the takeaways comes too early" in browser.first_screen(show(body).page)
    far = SCREEN.replace(HERO, f'<div style="height: 900px"></div>{HERO}')
    assert "the figure begins at" in browser.first_screen(show(far, viewport=browser.PHONE).page)[0]
