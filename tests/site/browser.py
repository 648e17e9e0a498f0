"""A page in headless Chromium: what it asked for, what it complained about, how it looks."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Locator, Page, Playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
Found = TypeVar("Found")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

ALLOWED = (
    # the theme's own: the color-mode button has a name of its own that is not its icon's text
    ("label-content-name-mismatch", ".theme-switch-button"),
)
"""Findings of axe that come from the theme: rule and the element it may concern."""

# Text that MathJax or MyST should have turned into something else.
_RAW_MATH = r"""() => {
  const raw = /\\\(|\\\[|\\begin\{|\\frac|\\boldsymbol|\$[A-Za-z\\][^$\n]{0,80}\$|\{cite|\{eq\}/;
  const skip = "pre, code, script, style, noscript, textarea, mjx-container, mjx-assistive-mml";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (raw.test(node.data) && !node.parentElement.closest(skip)) {
      found.push(node.data.trim().slice(0, 80));
    }
  }
  return found;
}"""

# A page has thousands of words, and axe takes milliseconds for the contrast of each.  All that the
# contrast hangs on is the letters and what lies behind them: the first element of each kind stands
# for those that are equal in all of it.  What is placed by position is a kind of its own, for it
# may lie on something else.  In the same way three links stand for those that look alike in blocks
# that look alike: whether a link can be told from the text around it hangs on nothing else.
_ONE_OF_A_KIND = """() => {
  const mode = document.documentElement.dataset.theme ?? "";
  const around = new Map();  // of each element: what it and all around it lie on
  const behind = element => {
    if (!element) return "";
    if (!around.has(element)) {
      const style = getComputedStyle(element);
      around.set(element, [
        behind(element.parentElement), style.backgroundColor, style.backgroundImage,
        style.opacity, style.filter, style.mixBlendMode,
        ["static", "relative"].includes(style.position) ? "" : element.className,
      ].filter(part => !["", "rgba(0, 0, 0, 0)", "none", "1", "normal"].includes(part)).join("/"));
    }
    return around.get(element);
  };
  const seen = new Set(), first = [], links = [];
  for (const element of document.body.querySelectorAll("*")) {
    const has_words = [...element.childNodes].some(
      node => node.nodeType === 3 && node.data.trim());
    if (!has_words || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const kind = [style.color, style.fontSize, style.fontWeight, style.textShadow,
      element.tagName, behind(element)].join("|");
    if (seen.has(kind)) continue;
    seen.add(kind);
    first.push(element);
  }
  const counted = new Map(), blocks = new Map();
  const long = element => element.textContent.trim().length;
  for (const link of document.querySelectorAll("a[href]")) {
    let block = link.parentElement;
    while (block.parentElement && getComputedStyle(block).display === "inline") {
      block = block.parentElement;
    }
    if (!blocks.has(block)) {
      const linked = [...block.querySelectorAll("a[href]")].reduce((sum, a) => sum + long(a), 0);
      blocks.set(block, [long(block) > 2 * linked, long(block) > linked]);
    }
    const [own, around] = [getComputedStyle(link), getComputedStyle(block)];
    const kind = [link.className, own.color, own.textDecoration, own.border, own.fontSize,
      own.fontWeight, own.fontStyle, own.fontFamily, own.backgroundImage, own.backgroundColor,
      around.color, around.fontSize, around.fontWeight, around.fontStyle, around.fontFamily,
      link.parentElement.tagName, block.tagName, block.className, ...blocks.get(block),
      link.checkVisibility(), behind(block)].join("|");
    counted.set(kind, (counted.get(kind) ?? 0) + 1);
    if (counted.get(kind) <= 3) links.push(link);
  }
  for (const [name, all] of [["data-first", first], ["data-link", links]]) {
    for (const element of all) {
      element.setAttribute(name, `${element.getAttribute(name) ?? ""} of-${mode}`);
    }
  }
}"""

# What is left after that costs by the number of elements, most of which are the signs of formulas
# and the words of code: a formula without one that is looked at is emptied, and words that have
# nothing but a class, and a place in the line, become plain text, for as long as axe looks.
_LIGHTENED = """() => {
  const kept = new Set();
  for (let element of document.querySelectorAll("[data-first]")) {
    for (; element && !kept.has(element); element = element.parentElement) kept.add(element);
  }
  const plain = new Set();
  const words = [...document.body.querySelectorAll("span, em")].reverse();
  for (const word of words) {  // from the innermost to the outermost
    if (kept.has(word) || word.attributes.length > Number(word.hasAttribute("class"))) continue;
    if ([...word.children].some(child => !plain.has(child))) continue;
    if (word.checkVisibility()) {
      const style = getComputedStyle(word);
      if (style.display !== "inline" || style.position !== "static") continue;
    }
    plain.add(word);
  }
  const undo = [];
  for (const word of plain) {
    const nodes = word.firstChild ? [...word.childNodes] : [new Text("")];
    word.replaceWith(...nodes);
    undo.push(() => { nodes[0].before(word); word.append(...nodes); });
  }
  for (const formula of document.querySelectorAll("mjx-container")) {
    if (kept.has(formula)) continue;
    const nodes = [...formula.childNodes];
    formula.replaceChildren();
    undo.push(() => formula.append(...nodes));
  }
  window.asItWas = () => undo.reverse().forEach(one => one());
}"""

_SETTLED = """async () => {
  await (window.MathJax?.startup?.promise ?? null);
  await document.fonts.ready;
  await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve, 50)));
}"""


class NoBrowser(RuntimeError):
    """There is no Chromium on this machine; the message says how to get one."""


def executable() -> str:
    """Chromium of this system: ``$CHROMIUM`` or the first one found."""
    named = os.environ.get("CHROMIUM")
    found = named or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise NoBrowser(
            "the tests of the pages need Chromium: `apt-get install chromium` on Debian or Ubuntu, "
            "`brew install --cask chromium` on macOS, or set CHROMIUM to the program"
        )
    return found


class Chromium:
    """Headless Chromium that is started when it is needed, and anew when it has died.

    A new window costs as much as a short page, and scripts and styles that a window has read need
    not be read again: what is looked at one after the other is looked at in one window.
    """

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._browser: Browser | None = None
        self._pages: dict[frozenset, Page] = {}

    @property
    def browser(self) -> Browser:
        """The running browser."""
        if self._browser is None or not self._browser.is_connected():
            self._browser = self._playwright.chromium.launch(
                executable_path=executable(), args=list(ARGUMENTS)
            )
        return self._browser

    def close(self) -> None:
        """Stop the browser if it runs."""
        self._pages.clear()
        if self._browser is not None:
            with suppress(Error):
                self._browser.close()
            self._browser = None

    def page(self, *, viewport: dict[str, int] = WIDE, **options: object) -> Page:
        """An empty page of this size, in the window that earlier ones with these options had.

        Whoever had it before is done with it; only what a site keeps in a browser is still there.
        """
        key = frozenset(options.items())
        page = self._pages.pop(key, None)
        if page is None or page.is_closed() or not self.browser.is_connected():
            page = self.browser.new_context(viewport=viewport, **options).new_page()
        leave(page)
        page.emulate_media(media="null", color_scheme=options.get("color_scheme", "null"))
        if page.viewport_size != viewport:
            page.set_viewport_size(viewport)
        self._pages[key] = page
        return page

    def look(self, action: Callable[[Page], Found], **options: object) -> Found:
        """What ``action`` finds on an empty page.

        A browser that dies on the way is started once more: only a page that ends it twice is
        at fault. Every other error is raised at once.
        """
        try:
            return action(self.page(**options))
        except Error as error:
            if not _DIED.search(error.message):
                raise
            self.close()
            return action(self.page(**options))


_DIED = re.compile("crashed|has been closed|connection closed", re.IGNORECASE)


@dataclass
class Visit:
    """An open page and everything that went wrong while it loaded."""

    page: Page
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """All of it."""
        return [*self.errors, *(f"request to another host: {url}" for url in self.foreign)]


_HEARD: WeakKeyDictionary[Page, Callable[[], None]] = WeakKeyDictionary()
"""How to stop listening to a page."""


def leave(page: Page) -> None:
    """Empty the page; what was there is no longer listened to."""
    if stop := _HEARD.pop(page, None):
        stop()
    if page.url != "about:blank":
        page.goto("about:blank")


def visit(page: Page, url: str) -> Visit:
    """Open `url` in `page`, wait until fonts and math are there, and report what happened."""
    seen = Visit(page)
    host, asked = urlsplit(url).netloc, set()  # what the page before asked for is not its fault

    def on_request(request) -> None:
        asked.add(request)
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != host:
            seen.foreign.append(request.url)

    def on_console(message) -> None:
        if message.type == "error":
            seen.errors.append(f"console: {message.text}")

    def on_response(response) -> None:
        if response.status >= 400 and response.request in asked:
            seen.errors.append(f"status {response.status}: {response.url}")

    def on_error(error: object) -> None:
        seen.errors.append(f"page error: {error}")

    def on_failure(request: object) -> None:
        # a key pressed before a frame has arrived replaces it: that is no fault of the page
        replaced = "/frames/" in request.url and "ERR_ABORTED" in str(request.failure)
        if request in asked and not replaced:
            seen.errors.append(f"request failed: {request.url} ({request.failure})")

    heard = {
        "request": on_request,
        "console": on_console,
        "response": on_response,
        "pageerror": on_error,
        "requestfailed": on_failure,
    }

    def stop() -> None:
        for event, hear in heard.items():
            page.remove_listener(event, hear)

    leave(page)
    for event, hear in heard.items():
        page.on(event, hear)
    _HEARD[page] = stop
    page.goto(url, wait_until="load")
    page.evaluate(_SETTLED)
    return seen


def wait_for_styles(page: Page) -> None:
    """Wait until every style sheet is there; one that does not come is waited for ten seconds."""
    for _ in range(200):
        if page.evaluate(_STYLED):
            return
        page.wait_for_timeout(50)


_STYLED = """() => document.styleSheets.length >=
  document.querySelectorAll("link[rel~=stylesheet][href], style").length"""


def raw_math(page: Page) -> list[str]:
    """Formulas that are still TeX, and those that MathJax could not read."""
    errors = page.evaluate(
        "() => [...document.querySelectorAll('mjx-merror, [data-mjx-error]')]"
        ".map(e => e.getAttribute('data-mjx-error') || e.textContent)"
    )
    return [*(f"raw: {text}" for text in page.evaluate(_RAW_MATH)), *(f"bad: {e}" for e in errors)]


def overflow(page: Page) -> list[str]:
    """What makes the page scroll sideways, or sticks out on the left, where nobody can scroll."""
    lost = page.evaluate(
        """() => [...document.querySelectorAll("article :is(mjx-container, img, table, pre)")]
        .filter(e => e.getBoundingClientRect().width > 1 && e.getBoundingClientRect().left < -1)
        .map(e => e.tagName.toLowerCase() + " " + e.textContent.trim().slice(0, 40))"""
    )
    if lost:
        return [f"cut off on the left: {lost[:5]}"]
    width, inner = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    if width <= inner:
        return []
    wide = page.evaluate(
        """(limit) => [...document.querySelectorAll("article *")]
        .filter(e => e.getBoundingClientRect().right > limit + 1)
        .map(e => e.tagName.toLowerCase() + "." + e.className).slice(0, 5)""",
        inner,
    )
    return [f"the page is {width} px wide in a window of {inner} px: {wide}"]


def cut(page: Page) -> list[str]:
    """Code and tables that are wider than their place in a wide window; a phone scrolls them."""
    if page.viewport_size["width"] < WIDE["width"]:
        return []
    return page.evaluate(
        """() => [...document.querySelectorAll("article :is(pre, .cell_output .text_html)")]
        .filter(e => e.checkVisibility() && e.clientWidth && e.scrollWidth > e.clientWidth + 1)
        .map(e => `${e.scrollWidth} in ${e.clientWidth}: ` + e.textContent.trim().slice(0, 60))"""
    )


def widened(page: Page, check: Callable[[Page], Found], *, back: bool = True) -> Found:
    """What `check` finds while the window is wide.

    back : whether the page is as it was afterwards
    """
    with _changed(page, WIDE, back=back):
        return check(page)


@contextmanager
def _changed(
    page: Page, window: dict[str, int], media: str = "screen", *, back: bool
) -> Iterator[None]:
    """The page in a window of another size, or on paper."""
    before = page.viewport_size
    _change(page, window, media)
    try:
        yield
    finally:
        if back:
            _change(page, before, "screen")


def _change(page: Page, window: dict[str, int], media: str) -> None:
    """Another window and another medium at once.

    Nothing is shown meanwhile: each half would be laid out, and sidebars would slide in over the
    text.
    """
    page.evaluate(_HIDDEN, True)
    page.emulate_media(media=media)
    page.set_viewport_size(window)
    page.evaluate(_HIDDEN, False)


_HIDDEN = """is_hidden => {
  document.documentElement.style.display = is_hidden ? "none" : "";
}"""

SHEET = 688
"""CSS pixels of text on a sheet of A4: 210 mm without margins of 14 mm, which browsers leave."""

_PRINTED = """async () => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const found = [];
  const name = e => e.tagName.toLowerCase() + "." + e.className + " "
    + e.textContent.trim().slice(0, 40);
  const shown = e => e.checkVisibility({visibilityProperty: true})
    && e.getBoundingClientRect().height > 1 && e.getBoundingClientRect().width > 1;
  const controls = "button, input, select, textarea, form, nav, audio, video, .bd-sidebar, .rp-pdf"
    + ", .headerlink";
  for (const e of document.querySelectorAll(controls)) {
    if (shown(e)) found.push("a control is printed: " + name(e));
  }
  const text = document.querySelector("article p, article li, article dd, article td");
  const [r, g, b] = getComputedStyle(text ?? document.body).color.match(/[\\d.]+/g).map(Number);
  if (r + g + b > 380) found.push(`letters are pale: ${r}, ${g}, ${b}`);
  const limit = document.documentElement.clientWidth;
  for (const e of document.querySelectorAll("article *")) {
    const box = e.getBoundingClientRect();
    const out = box.right > limit + 1 || box.left < -1;
    const fixed = e.matches("pre, .cell_output .text_html");
    // the most first: a page has thousands of elements, and almost all are in their place
    if (!(out || fixed) || !shown(e)) continue;
    if (e.closest("svg, mjx-container, mjx-assistive-mml")) continue;
    if (out) {
      found.push(`${Math.round(box.left)} to ${Math.round(box.right)} px of ${limit}: ` + name(e));
    } else if (e.scrollWidth > e.clientWidth + 1) {
      found.push(`${e.scrollWidth} px in ${e.clientWidth}: ` + name(e));
    }
  }
  return [...new Set(found)].slice(0, 6);
}"""


def print_problems(page: Page, *, back: bool = True) -> list[str]:
    """What is wrong with a page on paper: controls, what a sheet cuts off, pale letters.

    back : whether the page is as it was afterwards
    """
    with _changed(page, {"width": SHEET, "height": 972}, "print", back=back):
        return page.evaluate(_PRINTED)


def lost_icons(page: Page) -> list[str]:
    """Icons whose sign is not in the fonts that the site kept."""
    return page.evaluate(
        """() => [...document.querySelectorAll(":is(i, span)[class*='fa-']")]
        .filter(e => getComputedStyle(e, "::before").content === "none")
        .map(e => e.className)"""
    )


def first_screen(page: Page) -> list[str]:
    """What is wrong with a chapter's first screen: its parts, their order, and where the figure is.

    A page without one has no problem.  In a wide window the first figure begins inside the window.
    """
    return page.evaluate(
        """wide => {
          const opening = document.querySelector(".rp-opening");
          if (!opening) return [];
          const parts = {
            title: "article h1", question: "article h1 + p > em:only-child",
            answer: "article h1 + p + p > strong:only-child", verdicts: "article h1 + p + p + p",
            figure: ".tag_hero figure img", takeaways: ".rp-opening > ol > li:nth-child(3)",
            times: ".rp-opening > p:nth-of-type(1)", paper: ".rp-opening > details table",
            run: ".rp-run", setup: ".tag_setup details",
          };
          const found = [], seen = [];
          // of the drawings for light and for dark pages, the one that shows
          const first_of = where => {
            const all = [...document.querySelectorAll(where)];
            return all.find(element => element.getClientRects().length) ?? all[0];
          };
          for (const [name, where] of Object.entries(parts)) {
            const element = first_of(where);
            if (!element) found.push(`no ${name}`);
            else if (seen.length && !(seen.at(-1).compareDocumentPosition(element) & 4)) {
              found.push(`the ${name} comes too early`);
            }
            if (element) seen.push(element);
          }
          for (const fold of document.querySelectorAll(".rp-opening details, .tag_setup details")) {
            if (fold.open) found.push("a fold is open");
          }
          const figure = first_of(parts.figure);
          const top = figure ? figure.getBoundingClientRect().top + scrollY : 0;
          if (top > innerHeight) found.push(`the figure begins at ${top} px`);
          const tall = figure ? figure.getBoundingClientRect().height : 0;
          if (wide && tall > 301) found.push(`the figure is ${tall} px high`);
          const first = document.querySelector(".rp-opening > ol > li");
          const start = first ? first.getBoundingClientRect().top + scrollY : 0;
          if (wide && start > innerHeight) found.push(`the takeaways begin at ${start} px`);
          return found;
        }""",
        page.viewport_size["width"] >= WIDE["width"],
    )


def broken_images(page: Page) -> list[str]:
    """Images without a picture; those that wait to be scrolled to are loaded first."""
    return page.evaluate(
        """async () => {
          const images = [...document.images];
          images.forEach(image => { image.loading = "eager"; });
          await Promise.all(images.filter(image => !image.complete).map(
            image => new Promise(done => { image.onload = image.onerror = done; })));
          return images.filter(i => i.naturalWidth === 0).map(i => i.src.slice(-80));
        }"""
    )


def axe(page: Page, *, both_modes: bool = False) -> list[str]:
    """Serious and critical findings of axe, and what is not on the list of exceptions.

    both_modes : whether to look at the contrasts in the page's other color mode too; all else is
        the same there
    """
    page.evaluate(Axe().axe_script)
    if both_modes:  # what stands for others in one mode need not do so in the other
        page.evaluate(_UNMOVED)
        page.evaluate(_OTHER_MODE)
        page.evaluate(_ONE_OF_A_KIND)
        page.evaluate(_OTHER_MODE)
    page.evaluate(_ONE_OF_A_KIND)
    page.evaluate(_LIGHTENED)
    found = _axe(page, {})
    if both_modes:
        mode = page.evaluate(_OTHER_MODE)
        contrast = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
        found += [f"{mode}: {problem}" for problem in _axe(page, contrast)]
    page.evaluate("asItWas()")
    return found


# what fades over or slides in would be measured half way
_UNMOVED = """() => {
  const still = document.createElement("style");
  still.textContent = "*, *::before, *::after { transition: none !important; }";
  document.head.append(still);
}"""
_OTHER_MODE = """() => {
  const data = document.documentElement.dataset;
  data.theme = data.theme === "dark" ? "light" : "dark";
  return data.theme;
}"""


def _axe(page: Page, more: dict[str, object]) -> list[str]:
    # what passed is not described, which is half of the time; styles are not fetched anew
    options = {"preload": False, "resultTypes": ["violations"], **more}
    problems = []
    for finding in page.evaluate(_RUN, options):
        if finding["impact"] not in {"serious", "critical"}:
            continue
        for node in finding["nodes"]:
            html = node["html"]
            if not any(finding["id"] == rule and _is(html, css) for rule, css in ALLOWED):
                problems.append(f"{finding['id']} ({finding['impact']}): {html[:160]}")
    return problems


# rules whose findings are never serious are not asked
_RUN = """async options => {
  const of = `~="of-${document.documentElement.dataset.theme ?? ""}"`;
  axe.configure({rules: [
    {id: "color-contrast", selector: `[data-first${of}], input, select, textarea`},
    {id: "link-in-text-block", selector: `a[data-link${of}]`},
  ]});
  const mild = axe._audit.rules.filter(rule => ["minor", "moderate"].includes(rule.impact));
  const rules = Object.fromEntries(mild.map(rule => [rule.id, {enabled: false}]));
  const result = await axe.run(options.runOnly ? options : {...options, rules});
  return result.violations;
}"""


def _is(html: str, css: str) -> bool:
    """Whether the first tag of `html` has the class that `css` names."""
    tag = re.match(r"<[^>]*>", html)
    return bool(tag and css.lstrip(".") in tag.group(0))


def explorer_problems(page: Page) -> list[str]:
    """Sliders that the keyboard does not move, or that change neither picture nor description."""
    problems = []
    for root in page.locator(".rp-explorer").all():
        name = root.get_attribute("id")
        image = root.locator("img")
        sliders = root.locator("input[type=range]")
        if sliders.count() == 0:
            problems.append(f"{name} has no slider")
        for index in range(sliders.count()):
            slider = sliders.nth(index)
            before = (image.get_attribute("src"), image.get_attribute("alt"))
            value = slider.input_value()
            slider.focus()
            at_end = value == slider.get_attribute("max")
            after = _press(page, image, "ArrowLeft" if at_end else "ArrowRight")
            if slider.input_value() == value:
                problems.append(f"{name}, slider {index}: the arrow keys do not move it")
            problems += [
                f"{name}, slider {index}: {what} does not change"
                for what, old, new in zip(("picture", "description"), before, after, strict=True)
                if old == new
            ]
            if _press(page, image, "Home")[0] == _press(page, image, "End")[0]:
                problems.append(f"{name}, slider {index}: Home and End show the same picture")
    return problems


def live_problems(page: Page, slowest: float = 100.0) -> list[str]:
    """All that is wrong with live figures: :func:`placed_problems` and :func:`moved_problems`."""
    return [*placed_problems(page), *moved_problems(page, slowest)]


def placed_problems(page: Page) -> list[str]:
    """What is wrong with live figures before anything moves: script, still picture, width."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".rpl-live")].flatMap(root => {
          const still = root.querySelector(".rpl-still"), image = still?.querySelector("img");
          if (!root.rplLive) return [`${root.id} is not live`];
          const found = {
            ": the still picture stays beside the live one": still?.checkVisibility(),
            ": the still picture is loaded though nobody sees it":
              image && performance.getEntriesByName(image.src).length > 0,
            " is wider than its place": root.scrollWidth > root.clientWidth,
          };
          return Object.keys(found).filter(what => found[what]).map(what => root.id + what);
        })"""
    )


def moved_problems(page: Page, slowest: float = 100.0) -> list[str]:
    """What is wrong with live figures at work: keyboard, picture, words, time.

    slowest : milliseconds that the quickest redraw of a control may take where `_ARITHMETIC` takes
        `USUAL`; a machine that is slower, or does other things as well, is given more
    """
    problems = []
    for root in page.locator(".rpl-live").all():
        name = root.get_attribute("id")
        if not root.evaluate("root => Boolean(root.rplLive)"):
            continue  # which is said where they are placed
        for control in root.locator("input, select").all():
            told = f"{name}, {control.get_attribute('id').removeprefix(f'{name}-')}"
            before, there = control.evaluate(_AT_START)
            _move(control, there)
            after, times = control.evaluate(_MOVED, there)
            problems += [
                f"{told}: {what} does not change"
                for what, old, new in zip(("picture", "sentence"), before, after, strict=True)
                if old == new
            ]
            if min(times) > slowest and min(times) > slowest * _pace(page):
                problems.append(f"{told}: drawing takes {min(times):.0f} ms")
        root.locator(".rpl-reset").click()
        try:
            page.wait_for_function(
                """root => root.querySelector(".rpl-aloud").textContent ===
                   root.querySelector(".rpl-say").textContent""",
                arg=root.element_handle(),
                timeout=5000,
            )
        except Error:
            problems.append(f"{name}: what is read aloud is not what stands there")
    return problems


def _pace(page: Page) -> float:
    """How much longer than usual this machine takes just now; at its quickest of a few times."""
    return min(page.evaluate(_ARITHMETIC) for _ in range(5)) / USUAL


USUAL = 10.0
"""Milliseconds of `_ARITHMETIC` on a quiet core, as `make test` expects one."""
_ARITHMETIC = """() => {
  const start = performance.now();
  let sum = 0;
  for (let i = 0; i < 1e6; i++) sum += Math.exp(-i * 1e-6) * Math.log(i + 1);
  return sum > 0 ? performance.now() - start : 0;
}"""
_NEXT_DRAWN = """root => new Promise(done => requestAnimationFrame(() => {
  const stage = root.querySelector(".rpl-stage");
  done([[stage.innerHTML, stage.getAttribute("aria-label")], root.rplLive.ms]);
}))"""
"""Picture and its description, and milliseconds of the drawing."""
_AT_START = f"""async control => {{
  const root = control.closest(".rpl-live");
  root.querySelector(".rpl-reset").click();
  const [shown] = await ({_NEXT_DRAWN})(root);
  const start = control.selectedIndex, many = control.options?.length;
  const known = control.list && [...control.list.options].map(option => option.value);
  return [shown, {{
    kind: control.tagName === "SELECT" ? "select" : control.type,
    key: control.value === control.max ? "Home" : "End",
    choices: many ? [(start + 1) % many, start] : [known?.at(-1), known?.[0], ""],
  }}];
}}"""
"""The same at the start, and where a control can be moved to; without a pointer, which a figure
gets once, in the end."""
_MOVED = f"""async (control, there) => {{
  const root = control.closest(".rpl-live"), next = () => ({_NEXT_DRAWN})(root);
  const [shown, ms] = await next(), times = [ms];
  const step = there.key === "Home" ? 1 : -1;
  for (const way of [1, 2]) {{
    if (there.kind === "select") control.selectedIndex = there.choices[way % 2];
    else if (there.kind === "text") control.value = there.choices[way];
    else control.stepUp(way === 1 ? step : -step);
    control.dispatchEvent(new Event("input", {{bubbles: true}}));
    control.dispatchEvent(new Event("change", {{bubbles: true}}));
    times.push((await next())[1]);
  }}
  return [shown, times];
}}"""
"""Picture and description after a move, and milliseconds of that drawing and of two more."""


def _move(control: Locator, there: dict[str, Any]) -> None:
    """Move a control as a reader does, a slider by keyboard."""
    if there["kind"] == "select":
        control.select_option(index=there["choices"][0])
    elif there["kind"] == "text":
        control.fill(there["choices"][0])
    else:
        control.press(there["key"])


def answer_problems(page: Page) -> list[str]:
    """Answer boxes that do not take the right answer, or take a wrong one.

    The first box of a page by keyboard and pointer; the others, which have the same script, are
    handed their answers.
    """
    boxes = page.evaluate(
        """() => [...document.querySelectorAll(".rpl-answer")]
        .map(form => [form.id, form.querySelector("script").textContent])"""
    )
    right = [float(re.search(r'"answer": ([-+.e0-9]+)', code).group(1)) for _, code in boxes]
    answers = [[f"{value:.9g}".replace(".", ","), f"{3 * value + 1:.9g}"] for value in right]
    said = [_typed(page.locator(".rpl-answer").first, *answers[0])] if boxes else []
    said += page.evaluate(_HANDED, answers) if len(boxes) > 1 else []
    problems = []
    for (name, _), value, (to_right, to_wrong) in zip(boxes, right, said, strict=True):
        if not to_right.startswith("✓ Right"):
            problems.append(f"{name}: {value:.9g} is not taken: {to_right!r}")
        if not to_wrong.startswith("✗ Not yet"):
            problems.append(f"{name}: three times as much is taken: {to_wrong!r}")
    return problems


def _typed(form: Locator, right: str, wrong: str) -> list[str]:
    """What a box says to two answers, one sent by key and one by button."""
    box = form.locator("input")
    box.fill(right)
    box.press("Enter")
    said = [form.evaluate(_SAID)]
    box.fill(wrong)
    form.locator("button").click()
    return [*said, form.evaluate(_SAID)]


_SAID = """form => {
  const output = form.querySelector("output");
  return output.checkVisibility() ? output.textContent.trim() : "nothing that anybody sees";
}"""


_HANDED = f"""answers => [...document.querySelectorAll(".rpl-answer")].slice(1).map((form, i) => {{
  const input = form.querySelector("input"), button = form.querySelector("button");
  const usable = [input, button].every(e => !e.disabled && e.checkVisibility());
  return answers[i + 1].map(answer => {{
    if (!usable) return "a box that nobody can use";
    input.value = answer;
    button.click();
    return ({_SAID})(form);
  }});
}})"""


def still_problems(root: Locator) -> list[str]:
    """What an explorer or a live figure lacks where no script runs: a picture, no controls."""
    seen, src, controls = root.evaluate(_STILL)
    problems = [] if seen else ["the first frame is not visible"]
    if not src.endswith(".webp"):
        problems.append("the first frame is not a file of its own")
    if controls:
        problems.append("the controls are visible though nothing moves them")
    return problems


_STILL = """root => {
  const shown = e => Boolean(e) && e.checkVisibility({visibilityProperty: true})
    && e.getBoundingClientRect().width * e.getBoundingClientRect().height > 0;
  const image = root.querySelector("img");
  return [shown(image), image.getAttribute("src"), shown(root.querySelector(".rp-controls"))];
}"""


def _press(page: Page, image: Locator, key: str) -> tuple[str | None, str | None]:
    """Press a key, wait for the picture, and return its address and description."""
    page.keyboard.press(key)
    image.evaluate("image => image.decode()")
    return image.get_attribute("src"), image.get_attribute("alt")


def file_url(path: Path) -> str:
    """Address of a file without a server."""
    return path.resolve().as_uri()
