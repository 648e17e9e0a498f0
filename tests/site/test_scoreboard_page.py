"""The scoreboard's controls and the folds of claims in a browser, without the site."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from companion import catalogue, scoreboard
from companion.claims import OURS, PAPER
from companion.project import Project

pytestmark = pytest.mark.browser

ROWS = "#rp-board-table tbody tr"


@pytest.fixture(scope="module")
def html():
    """The raw HTML of the page, as Sphinx passes it on."""
    page = scoreboard._page(catalogue.standings(check_stale=False))
    return "\n".join(re.findall(r"```\{raw\} html\n(.*?)\n```", page, re.DOTALL))


@pytest.fixture(scope="module")
def findings():
    """(chapter's number, finding) in the order of the book."""
    entries = catalogue.standings(check_stale=False)
    return [(e.paper.number, f) for e in entries for f in e.record["findings"]]


def visible(page) -> list[tuple[str, str]]:
    """Chapter and verdict of the rows that are shown, from the top."""
    return page.locator(ROWS).evaluate_all(
        "all => all.filter(r => r.checkVisibility()).map(r => [r.dataset.paper, r.dataset.verdict])"
    )


def choose(page, name: str, value: str) -> None:
    page.locator(f".rp-filter select[name={name}]").select_option(value)


def expected(findings, **wanted):
    return [
        [str(number), f["verdict"]]
        for number, f in findings
        if all(f[key] == value for key, value in wanted.items())
    ]


def test_the_controls_filter_and_order(html, findings, open_page):
    page = open_page()
    page.set_content(html)
    of_paper = expected(findings, of=PAPER)
    assert visible(page) == of_paper
    choose(page, "verdict", "does not hold")
    few = expected(findings, of=PAPER, verdict="does not hold")
    assert visible(page) == few
    output = page.locator(".rp-filter output")
    expect(output).to_have_text(f"{len(few)} of {len(findings)} are shown.")
    choose(page, "of", OURS)
    choose(page, "verdict", "")
    choose(page, "order", "verdict")
    ours = visible(page)
    assert sorted(ours) == sorted(expected(findings, of=OURS))
    found = [verdict for _, verdict in ours]
    assert found == sorted(found, key=scoreboard.VERDICTS.index)
    page.get_by_role("button", name="Reset").click()
    expect(output).to_have_text(f"{len(of_paper)} of {len(findings)} are shown.")
    assert visible(page) == of_paper


def test_without_a_script_all_rows_are_there_and_no_controls(html, findings, chromium):
    page = chromium.page(java_script_enabled=False)
    page.set_content(html)
    assert page.locator(ROWS).filter(visible=True).count() == len(findings)
    assert not page.locator(".rp-filter").is_visible()


def test_a_link_to_a_folded_claim_opens_its_fold(tmp_path, open_page):
    script = (Project().book / "_static" / "book.js").read_text(encoding="utf-8")
    path = tmp_path / "page.html"
    path.write_text(
        '<details><summary>a</summary><details><summary>b</summary><p id="claim-x">x</p>'
        f"</details></details><details><summary>c</summary></details><script>{script}</script>"
    )
    page = open_page()
    page.goto(f"{path.as_uri()}#claim-x")
    # Chromium opens them by itself, other browsers do not
    page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = false; })")
    page.evaluate("() => unfold()")
    assert page.locator("#claim-x").is_visible()
    assert page.locator("details[open]").count() == 2
