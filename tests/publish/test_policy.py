"""A page runs its own scripts, and no other."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from companion.exercises import respond
from companion.publish.errors import PublishError
from companion.publish.policy import inline, policy, with_policy
from tests import live as book
from tests.site import browser
from tests.site.conftest import serve

HEAD = '<!doctype html><html lang="en"><head>\n<meta charset="utf-8">\n<title>t</title></head>'


def page(body):
    return f"{HEAD}<body><main><h1>Page</h1>{body}</main></body></html>"


def test_the_policy_names_each_script_by_its_hash():
    text = page(
        "<script>one()</script><script type='module'>two()</script>"
        '<script type="application/json">{"a": 1}</script><script src="a.js"></script>'
        "<SCRIPT>\nthree('é')\n</SCRIPT>"
    )
    assert inline(text) == ["one()", "two()", "\nthree('é')\n"]
    made = with_policy(text, "a.html")
    allowed = re.search(r"script-src ([^;]*);", made)[1].split()
    hashes = [hashlib.sha256(s.encode()).digest() for s in ("one()", "two()", "\nthree('é')\n")]
    assert allowed == ["'self'", *(f"'sha256-{base64.b64encode(h).decode()}'" for h in hashes)]
    assert "unsafe" not in " ".join(allowed)
    assert "default-src 'none'" in made
    assert made.index("Content-Security-Policy") < made.index("<title>")
    assert made.replace(re.search(r"\n<meta http-equiv=[^>]*>", made)[0], "") == text


def test_handlers_of_the_theme_become_words_and_others_stop_the_build():
    made = with_policy(page('<button class="b" onclick="window.print()">P</button>'), "a.html")
    assert '<button class="b" data-rp-click="print">' in made
    assert "onclick" not in made
    for body in (
        '<img src="x" onerror="go()">',
        "<a onmouseover='go()'>x</a>",
        '<a href="javascript:go()">x</a>',
    ):
        with pytest.raises(PublishError, match=r"a\.html has a"):
            with_policy(page(body), "a.html")
    with pytest.raises(PublishError, match="no head"):
        with_policy("<script>go()</script>", "a.html")


@pytest.mark.parametrize(
    "body",
    [
        "<p>An onclick=\"x()\" in a text, and <code>&lt;b onclick='y()'&gt;</code>.</p>",
        "<script>const text = '<b onclick=\"go()\">';</script>",
        '<p title="a &lt;b onclick=go()">x</p>',
    ],
)
def test_what_only_looks_like_a_handler_stays(body):
    assert body in with_policy(page(body), "a.html")


def test_every_page_of_a_built_site_has_its_policy(built):
    site = built.build / "site"
    pages = [p for p in site.rglob("*.html") if "_static" not in p.parts and p.name != "index.html"]
    assert len(pages) > 5
    for path in pages:
        text = path.read_text(encoding="utf-8")
        (said,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
        assert said == policy(text), path.name
        assert not re.search(r"<[^>]*\sonclick=", text), path.name


# --------------------------------------------------------------------------- in the browser
def violations(shown):
    """What the browser refused, in its words."""
    return [text for text in shown.errors if "Content Security Policy" in text]


@pytest.mark.browser
def test_figures_and_answers_run_and_what_is_injected_does_not(chromium, tmp_path):
    box = respond(..., 0.5, tolerance=0.01, name="half", otherwise="No.")
    figures = [book.figure(script).to_html() for script in book.scripts()[:2]]
    text = page("".join([*figures, box.to_html()]))
    file = tmp_path / "page.html"
    file.write_text(with_policy(text, "page.html"), encoding="utf-8")

    def look(tab):
        shown = browser.visit(tab, browser.file_url(file))
        assert shown.problems == []
        assert browser.live_problems(tab, slowest=2000.0) == []
        tab.evaluate(
            """() => { const script = document.createElement("script");
            script.textContent = "window.injected = 1"; document.body.append(script);
            const button = document.createElement("button");
            button.setAttribute("onclick", "window.injected = 2");
            document.body.append(button); button.click();
            const far = document.createElement("img"); far.src = "http://127.0.0.2:9/x.png";
            document.body.append(far); }"""
        )
        tab.wait_for_timeout(50)
        assert tab.evaluate("window.injected") is None
        assert len(violations(shown)) == 3
        return True

    assert chromium.look(look)
    # one letter of a script that the build wrote, and it does not run
    changed = file.read_text(encoding="utf-8").replace("(function () {", "(function  () {", 1)
    file.write_text(changed, encoding="utf-8")
    refused = chromium.look(lambda tab: violations(browser.visit(tab, browser.file_url(file))))
    assert len(refused) == 1


@pytest.mark.browser
@pytest.mark.parametrize("how", ["http", "file"])
def test_search_and_buttons_of_a_built_site_run(chromium, built, how):
    site = built.build / "site"
    server = serve(site)
    base = f"http://127.0.0.1:{server.server_port}" if how == "http" else site.as_uri()

    def look(tab):
        shown = browser.visit(tab, f"{base}/search.html?q=beta")
        tab.wait_for_selector("#search-results li")
        tab.goto(f"{base}/notebooks/01-alpha.html", wait_until="load")
        tab.evaluate("window.print = () => { window.printed = true; }")
        tab.evaluate("document.querySelector('[data-rp-click=print]').click()")
        assert tab.evaluate("window.printed")
        return shown.problems

    try:
        assert chromium.look(look) == []
    finally:
        server.shutdown()
