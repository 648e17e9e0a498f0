"""One walk through every page of the site, in two ways that cover all there are.

A page is opened twice: over http in a wide light window, and from its file in a dark phone.  Each
visit collects everything that can be wrong, so that a page is typeset twice and not nine times.
The pages of the code are all made by one program: the longest stands for them in the wide window,
and what else could be cut off there is looked at while the phone is made wide for a moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from companion.publish import api
from tests.site import browser, checks
from tests.site.browser import PHONE, WIDE, Chromium

CHECKS = (
    "requests",
    "errors",
    "math",
    "overflow",
    "cut",
    "icons",
    "images",
    "axe",
    "explorers",
    "live",
    "moves",
    "answers",
    "first screen",
    "print",
)
"""What a visit collects, each a list of problems."""

ONCE = {
    "print": "phone-dark-file",
    "answers": "wide-light-http",
    "moves": "wide-light-http",
    "images": "wide-light-http",
}
"""Checks that one view is enough for, and which: paper is as wide for both, and the harder for dark
letters; a box takes an answer, and a live figure draws its scene, wherever they stand; both views
have the same pictures, shown or not, and a server also says which are not there."""


@dataclass(frozen=True)
class View:
    """A way to look at a page: window, colors, and where the page comes from."""

    viewport: dict[str, int]
    scheme: str
    from_file: bool

    def url(self, site: Path, address: str, name: str) -> str:
        """Address of the page `name` in this view."""
        return browser.file_url(site / name) if self.from_file else f"{address}/{name}"


VIEWS = {
    "wide-light-http": View(WIDE, "light", from_file=False),
    "phone-dark-file": View(PHONE, "dark", from_file=True),
}


def checks_of(view: str) -> tuple[str, ...]:
    """The checks that are made in a view."""
    return tuple(check for check in CHECKS if ONCE.get(check, view) == view)


def look(
    page: Page,
    url: str,
    *,
    checks: tuple[str, ...] = CHECKS,
    both_modes: bool = False,
    with_axe: bool = True,
    widened: bool = False,
) -> dict[str, list[str]]:
    """Everything that is wrong with one page, by the names of :data:`CHECKS`.

    checks : what to look at; those of :data:`ONCE` cost time
    both_modes : whether its contrasts are looked at in light and in dark
    with_axe : whether axe looks at it
    widened : whether its widths are looked at in a wide window too
    """
    seen = browser.visit(page, url)
    found = {"answers": browser.answer_problems(page)} if "answers" in checks else {}
    found["math"] = browser.raw_math(page)
    found["live"] = browser.placed_problems(page)
    if "moves" in checks:
        found["moves"] = browser.moved_problems(page)
    found |= {
        "first screen": browser.first_screen(page),
        "overflow": browser.overflow(page),
        "cut": browser.cut(page),
        "icons": browser.lost_icons(page),
    }
    if "images" in checks:
        found["images"] = browser.broken_images(page)
    found["explorers"] = browser.explorer_problems(page)
    found["axe"] = browser.axe(page, both_modes=both_modes) if with_axe else []
    # the page is left as wide as these make it
    if widened:
        too_wide, cut = browser.widened(
            page, lambda wide: (browser.overflow(wide), browser.cut(wide)), back=False
        )
        found |= {"overflow": found["overflow"] + too_wide, "cut": found["cut"] + cut}
    if "print" in checks:
        found["print"] = browser.print_problems(page, back=False)
    # last: what the images and the explorers asked for belongs to it
    return {**found, "errors": seen.errors, "requests": seen.foreign}


class Walked(dict):
    """view -> page -> check -> problems, for all pages of the site.

    A view is walked when it is first asked for: two processes of tests can take one each.
    """

    def __init__(self, site: Path, address: str, chromium: Chromium) -> None:
        super().__init__()
        self.site, self.address, self.chromium = site, address, chromium
        self.names = [page.relative_to(site).as_posix() for page in checks.pages(site)]
        # one style sheet colors all pages: those around the chapters, and a chapter that has every
        # kind of content, stand for the others in the mode that a view does not have
        full = (n for n in self.names if 'class="rpl-live"' in (site / n).read_text("utf-8"))
        self.code = {n for n in self.names if n.startswith(f"{api.FOLDER}/")}
        self.both = {*(n for n in self.names if n.startswith("book/")), next(full, "")}
        self.longest = max(self.code, key=lambda n: (site / n).stat().st_size, default="")
        self.both |= {self.longest}

    def pages(self, view: str) -> list[str]:
        """The pages that are opened in a view."""
        is_phone = VIEWS[view].viewport == PHONE
        return [n for n in self.names if is_phone or n not in self.code or n == self.longest]

    def __missing__(self, key: str) -> dict[str, dict[str, list[str]]]:
        """Walk through all pages in one view."""
        self[key] = {name: self._visit(key, name) for name in self.pages(key)}
        return self[key]

    def _visit(self, key: str, name: str) -> dict[str, list[str]]:
        view = VIEWS[key]
        return self.chromium.look(
            lambda page: look(
                page,
                view.url(self.site, self.address, name),
                checks=checks_of(key),
                both_modes=name in self.both,
                with_axe=view.viewport == PHONE or name not in self.code,
                widened=view.viewport == PHONE and name in self.code,
            ),
            viewport=view.viewport,
            color_scheme=view.scheme,
        )
