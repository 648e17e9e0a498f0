"""What a reader takes away from a chapter: its citation, its badge, and a way to object.

``_static/cite/<slug>.bib`` has the entries of the paper and of the chapter, and
``_static/badges/<slug>.svg`` counts the paper's claims that hold, for a README of its authors.
Both lie at the end of a chapter's page.  Where the book has a repository, every claim leads to a
new report there, with the claim, the record's digest and the version filled in.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from companion import catalogue
from companion.papers import Paper
from companion.tables import anchor

AUTHORS = "The Runnable Papers authors"
BOOK = "Runnable Papers"

LETTER = 6.4
"""CSS pixels of a letter of a badge, which has 11 px letters of whatever sans font there is."""

COLORS = {"holds": "#00704f", "fails": "#a8431a", "open": "#5a6069"}
"""Of the right half of a badge: all claims hold, some do not, and everything between."""

_READING = re.compile(r'(<section[^>]*id="further-reading">.*?)(</section>)', re.DOTALL)
_CLAIM = re.compile(
    r'<tr id="(claim-[^"]+)">.*?</tr><tr class="rp-details">.*?(?=</details>)', re.S
)


def bibtex(paper: Paper, address: str | None = None) -> str:
    """Entries of the paper and of the chapter about it.

    address : of the chapter's page; left out if None
    """
    venue = f"  note = {{{paper.venue}}},\n" if paper.venue else ""
    place = f"  url = {{{paper.url}}}\n" if paper.url else ""
    if paper.arxiv:
        place = f"  eprint = {{{paper.arxiv}}},\n  archiveprefix = {{arXiv}}\n"
    url = f"  url = {{{address}}},\n" if address else ""
    return (
        f"@misc{{{paper.slug}-paper,\n"
        f"  title = {{{{{paper.title}}}}},\n"
        f"  author = {{{' and '.join(paper.authors)}}},\n"
        f"  year = {{{paper.year}}},\n"
        f"{venue}"
        f"{place}"
        "}\n\n"
        f"@incollection{{{paper.slug}-runnable,\n"
        f"  title = {{{{{paper.short}}}}},\n"
        f"  author = {{{{{AUTHORS}}}}},\n"
        f"  booktitle = {{{{{BOOK}}}}},\n"
        f"  chapter = {{{paper.number}}},\n"
        f"{url}"
        f"  note = {{On {paper.called or paper.title}}}\n"
        "}\n"
    )


def counted(entry: catalogue.Standing) -> tuple[str, str]:
    """What a badge says of a paper, and which of :data:`COLORS` it has."""
    if entry.record is None or entry.stale:
        return "not verified yet", "open"
    given = [row["verdict"] for row in entry.record["findings"] if row["of"] == "paper"]
    held = given.count("holds")
    noun = "claim" if len(given) == 1 else "claims"
    color = "fails" if "does not hold" in given else "holds" if held == len(given) else "open"
    return f"{held} of {len(given)} {noun} reproduced", color


def badge(entry: catalogue.Standing) -> str:
    """A badge as SVG: the book's name, and how many of the paper's claims hold."""
    text, color = counted(entry)
    left, right = (round(LETTER * len(part) + 14) for part in (BOOK, text))
    said = html.escape(f"{BOOK}: {text}")
    font = 'font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{said}"><title>{said}</title>'
        f'<rect width="{left + right}" height="20" rx="3" fill="#3b4048"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3}z" '
        f'fill="{COLORS[color]}"/><g fill="#fff" {font}>'
        f'<text x="{left / 2}" y="14" textLength="{left - 12}">{BOOK}</text>'
        f'<text x="{left + right / 2}" y="14" textLength="{right - 12}">{html.escape(text)}</text>'
        "</g></svg>\n"
    )


def files(entry: catalogue.Standing, site: str | None) -> dict[str, str]:
    """Citation and badge of a chapter: path in the site -> content.

    site : address of the site with a slash at its end, or None
    """
    slug = entry.paper.slug
    page = f"{site}notebooks/{entry.paper.notebook}.html" if site else None
    return {
        f"_static/cite/{slug}.bib": bibtex(entry.paper, page),
        f"_static/badges/{slug}.svg": badge(entry),
    }


def with_citation(text: str, entry: catalogue.Standing, site: str | None) -> str:
    """A chapter's page whose further reading ends with what to cite and what to embed."""
    slug, made = entry.paper.slug, files(entry, site)
    cite = html.escape(made[f"_static/cite/{slug}.bib"])
    said = html.escape(f"{BOOK}: {counted(entry)[0]}")
    size = re.search(r'width="(\d+)"', made[f"_static/badges/{slug}.svg"])[1]
    embed = ""
    if site:
        page = f"{site}notebooks/{entry.paper.notebook}.html"
        code = f"[![{said}]({site}_static/badges/{slug}.svg)]({page})"
        embed = f"<p>For a README:</p><pre>{html.escape(code)}</pre>"
    more = (
        '<details class="rp-cite"><summary>Cite the paper and this chapter</summary>'
        f'<pre tabindex="0">{cite}</pre>'
        f'<p><a href="../_static/cite/{slug}.bib" download>as a BibTeX file</a></p>'
        f'<p><img src="../_static/badges/{slug}.svg" alt="{said}" width="{size}" height="20"></p>'
        f"{embed}</details>"
    )
    return _READING.sub(lambda found: f"{found[1]}{more}\n{found[2]}", text, count=1)


def with_reports(
    text: str,
    paper: Paper,
    record: Mapping[str, object] | None,
    repository: str | None,
    version: str,
    commit: str | None = None,
) -> str:
    """A chapter's page on which the fine print of each claim says how to name it for good.

    That is the claim with the book's version and the record's digest, a link to the record as it
    is in the state that the page was built from, and one to a report of a problem, filled in.

    repository : its address; without one there are no links
    version : of the package; commit : of the state, None where it is not known
    """
    if not record:
        return text
    known = {anchor(row["claim"]): row for row in record["findings"]}
    made = record["provenance"]
    kept = f"record {(made.get('digest') or 'unknown')[:12]}"
    if repository and commit:
        place = f"{repository}/blob/{commit}/companion/records/{paper.slug}.json"
        kept = f'<a href="{html.escape(place)}">{kept}</a>'

    def claim(match: re.Match[str]) -> str:
        row = known.get(match[1])
        if row is None:
            return match[0]
        name = html.escape(str(row["claim"]))
        said = f"To cite: {paper.slug} {name}, {BOOK} {version}, {kept}"
        lines = f'{match[0]}<br><small class="rp-permanent">{said}</small>'
        if repository:
            link = html.escape(report(paper, row, record, repository, version))
            lines += f'<br><a href="{link}">Report a problem with {name}</a>'
        return lines

    return _CLAIM.sub(claim, text)


def report(
    paper: Paper,
    finding: Mapping[str, object],
    record: Mapping[str, object],
    repository: str,
    version: str,
) -> str:
    """Address of a new issue about one claim."""
    made = record["provenance"]
    commit = made["commit"] or "unknown"
    body = (
        f"Chapter {paper.number}, {paper.slug}, claim {finding['claim']}: {finding['statement']}\n"
        f"Verdict: {finding['verdict']}, {record['scale']} scale\n"
        f"{BOOK} {version}, record {made['digest'][:12]}, commit {commit}, "
        f"Python {made['python']}\n\n"
        "What is wrong, and how it shows:\n"
    )
    title = f"{paper.slug} {finding['claim']}: "
    return f"{repository}/issues/new?{urlencode({'title': title, 'body': body})}"
