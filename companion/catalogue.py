"""Everything that lists papers, computed from the register and the records.

One function a place: the README's table, the scoreboard page, the cards of the book's front page,
the card at the top of a notebook, the chapters of the table of contents.  A paper without a
notebook is "planned" and is never linked; a chapter without a record says so; a record that is
older than the code says that it is stale.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import groupby

from companion import repository
from companion.papers import Paper, papers
from companion.project import Project

PLANNED = "planned"
UNRECORDED = "no published result yet"
UNREADABLE = "the published record cannot be read"
STALE = "stale: the code changed after this result was recorded"
AGAIN = "being computed again, because the code changed after the last result was recorded"
"""In the place of counts on a chapter's own page: those of other code are not shown there."""

_ORDER = ("holds", "does not hold", "not resolved", "not tested")  # companion.claims.VERDICTS
_PLURAL = {"holds": "hold", "does not hold": "do not hold"}


@dataclass(frozen=True)
class Standing:
    """What is known about one chapter.

    paper : its entry in the register
    record : the published record, or None
    state : :data:`PLANNED`, :data:`UNRECORDED`, :data:`UNREADABLE` or ``"recorded"``
    stale : the record is older than the code; False where that cannot be told
    """

    paper: Paper
    record: Mapping[str, object] | None
    state: str
    stale: bool = False

    @property
    def verdict(self) -> str:
        """The chapter in one line, see :func:`count_line`."""
        if self.record is None:
            return self.state
        line = count_line(self.record["findings"])
        return f"{line} ({STALE})" if self.stale else line


_FOUND: ContextVar[dict[tuple, Standing] | None] = ContextVar("found", default=None)


@contextmanager
def once() -> Iterator[None]:
    """In here each chapter is looked up once, whatever happens to its files meanwhile.

    For whoever writes several lists in a row: the comparison of all records with the code takes
    seconds.
    """
    if _FOUND.get() is not None:
        yield
        return
    token = _FOUND.set({})
    try:
        yield
    finally:
        _FOUND.reset(token)


def standing(paper: Paper, project: Project | None = None, *, check_stale: bool = True) -> Standing:
    """Look up one chapter.

    check_stale : False skips the comparison with the code, which imports the record machinery
    """
    project = project or Project()
    found, key = _FOUND.get(), (paper.slug, project.root, check_stale)
    if found is None:
        return _standing(paper, project, check_stale)
    if key not in found:
        found[key] = _standing(paper, project, check_stale)
    return found[key]


def _standing(paper: Paper, project: Project, check_stale: bool) -> Standing:
    if not paper.is_available(project):
        return Standing(paper, None, PLANNED)
    path = project.records / f"{paper.slug}.json"
    if not path.is_file():
        return Standing(paper, None, UNRECORDED)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if check_stale:
            from companion import records

            records.validate(record)
            return Standing(paper, record, "recorded", bool(records.is_stale(paper.slug, project)))
        count_line(record["findings"])
    except (ValueError, KeyError, TypeError):  # not JSON, not a record, or code that does not parse
        return Standing(paper, None, UNREADABLE)
    return Standing(paper, record, "recorded")


def standings(project: Project | None = None, *, check_stale: bool = True) -> list[Standing]:
    """All chapters in the book's order."""
    return [standing(entry, project, check_stale=check_stale) for entry in papers(project)]


def count_line(findings: Sequence[Mapping[str, object]]) -> str:
    """The paper's claims in words, then the checks that this book adds, counted apart.

    findings : rows of a record.  For example: ``3 of the paper's 5 claims hold, 1 does not hold,
    1 not resolved; 6 of 6 checks of our own hold (all in simulations)``
    """
    of = {"paper": [], "ours": []}
    for finding in findings:
        of[str(finding["of"])].append(str(finding["verdict"]))
    simulated = all_simulated([row for row in findings if row["of"] == "ours"])
    paper, ours = of["paper"], of["ours"]
    parts = []
    if paper:
        noun = "the paper's one claim" if len(paper) == 1 else f"the paper's {len(paper)} claims"
        parts.append(_counts(paper, f"of {noun}"))
    if ours:
        noun = "check" if len(ours) == 1 else "checks"
        parts.append(_counts(ours, f"of {len(ours)} {noun} of our own", simulated))
    return "; ".join(parts)


def all_simulated(findings: Sequence[Mapping[str, object]]) -> str:
    """`` (all in simulations)`` if every finding that holds rests on a simulator; else empty."""
    held = [finding.get("on") == "model" for finding in findings if finding["verdict"] == "holds"]
    if not held or not all(held):
        return ""
    words = {1: "in a simulation", 2: "both in simulations"}
    return f" ({words.get(len(held), 'all in simulations')})"


def _counts(verdicts: Sequence[str], of_what: str, held_how: str = "") -> str:
    """``["holds", "not tested"]``: ``1 <of_what> holds, 1 not tested``."""
    counts = {verdict: verdicts.count(verdict) for verdict in _ORDER}
    if sum(counts.values()) != len(verdicts):
        raise ValueError(f"unknown verdict among {sorted(set(verdicts))}; known are {_ORDER}")
    held = counts.pop("holds")
    rest = [
        f"{n} {verdict if n == 1 else _PLURAL.get(verdict, verdict)}"
        for verdict, n in counts.items()
        if n
    ]
    return ", ".join([f"{held} {of_what} {'holds' if held == 1 else 'hold'}{held_how}", *rest])


def readme_table(project: Project | None = None) -> str:
    """The README's table of papers; titles of chapters that exist link to their notebook."""
    rows = []
    for entry in standings(project):
        paper = entry.paper
        title = cell(paper.short)
        if entry.state != PLANNED:
            title = f"[{title}](notebooks/{paper.notebook}.ipynb)"
        rows.append(
            (
                str(paper.number),
                ", ".join(filter(None, (f"{title}<br>{cell(paper.title)}", _linked(paper)))),
                cell(paper.question),
                entry.verdict,
            )
        )
    return table(("No.", "Chapter and paper", "Question", "Verdict"), rows)


TOGETHER = "What ties them together"
"""What leads to the page of a part, in the gallery and beside every page."""


def contents(project: Project | None = None) -> list[dict[str, object]]:
    """The chapters' parts of the table of contents, in the form that ``_toc.yml`` has.

    A part without a notebook is left out; so is a paper without one.  A part begins with the page
    that ties its chapters together, where ``book/`` has it.
    """
    available = [entry for entry in papers(project) if entry.is_available(project)]
    found = []
    for part, entries in groupby(available, key=lambda entry: entry.part):
        listed = [
            {"file": f"notebooks/{entry.notebook}", "title": f"{entry.number}. {entry.short}"}
            for entry in entries
        ]
        if (project or Project()).root.joinpath(f"{part_page(part)}.md").is_file():
            listed.insert(0, {"file": part_page(part), "title": TOGETHER})
        found.append({"caption": part, "chapters": listed})
    return found


def part_page(part: str) -> str:
    """The page of a part of the book, without its ending: ``book/part-what-models-keep``."""
    return f"book/part-{re.sub(r'[^a-z0-9]+', '-', part.lower()).strip('-')}"


def _told(answer: str) -> str:
    """The statements of an answer to the first one with a number: "Yes" alone tells nobody much."""
    statements = re.split(r"(?<=[.;]) ", answer)
    with_number = (i for i, one in enumerate(statements) if re.search(r"\d", one))
    return " ".join(statements[: next(with_number, 0) + 1]).rstrip(".;")


def cards(project: Project | None = None, answers: Mapping[str, str] | None = None) -> str:
    """The front page's gallery, one card a paper and grouped by part, as MyST with sphinx-design.

    Meant to be included by a page in ``book/``: links are relative to that folder.  Where the first
    figure of a chapter goes, a card has an empty element that names the chapter's page
    (:func:`companion.publish.pages.finish` fills it).

    answers : what was found, by slug, of which a card has the first clause; a chapter without
        one, or whose record is older than its code, shows its question alone
    """
    told, blocks = answers or {}, []
    for part, entries in groupby(standings(project), key=lambda entry: entry.paper.part):
        items = "\n".join(_grid_card(entry, told.get(entry.paper.slug, "")) for entry in entries)
        page = part_page(part).removeprefix("book/")
        root = (project or Project()).book
        more = f"[{TOGETHER}]({page}.md)\n\n" if (root / f"{page}.md").is_file() else ""
        blocks.append(f"### {part}\n\n{more}::::{{grid}} 1 1 2 2\n:gutter: 3\n\n{items}\n::::\n")
    return "\n".join(blocks)


def _grid_card(entry: Standing, answer: str) -> str:
    paper = entry.paper
    options, picture = "", ""
    if entry.state != PLANNED:
        options = f":link: ../notebooks/{paper.notebook}\n:link-type: doc\n"
        picture = f'<div class="rp-hero" data-page="notebooks/{paper.notebook}.html"></div>\n\n'
    told = f"*{paper.question}*"
    if answer and not entry.stale:
        told += "\n\n" + sentence(_told(answer))
    return (
        f":::{{grid-item-card}} {paper.number}. {paper.short}\n{options}\n{picture}{told}\n+++\n"
        f"{sentence(entry.verdict)}\n:::\n"
    )


def card(paper: Paper, project: Project | None = None) -> str:
    """The first cell of a notebook: title, question, and the facts about the paper."""
    verdict = ("Our verdict", _verdict_cell(standing(paper, project)))
    head, *rows, run = _facts(paper, project)
    told = table(head, [*rows, verdict, run])
    return f"# {paper.short}\n\n*{paper.question}*\n\n{told}"


def facts(paper: Paper, project: Project | None = None) -> str:
    """What is known about the paper, and ways to run the chapter, as a table."""
    head, *rows = _facts(paper, project)
    return table(head, rows)


def _facts(paper: Paper, project: Project | None) -> list[tuple[str, str]]:
    authors = paper.authors if len(paper.authors) <= 10 else (*paper.authors[:9], "and others")
    return [
        ("Paper", _linked(paper, cell(paper.title)) or cell(paper.title)),
        ("Authors", cell(", ".join(authors))),
        ("Published", _published(paper)),
        ("Code", _link_or(paper.code, "none published that we found")),
        ("Data", _link_or(paper.data_url, "none published that we found")),
        ("Licenses", _licences(paper)),
        ("Run it", run_it(paper, project)),
    ]


def run_it(paper: Paper, project: Project | None = None) -> str:
    """Colab, Binder and download as text links, or why there are none."""
    address = repository.url(project)
    if address is None:
        return (
            "Colab, Binder, and download: not yet, because the address of the book's repository "
            f"is not set. On your computer: `companion run {paper.slug}`"
        )
    links = launch_links(paper, address)
    return " · ".join(f"[{text}]({link})" for text, link in links.items())


def launch_links(paper: Paper, address: str) -> dict[str, str]:
    """Text and address of each way to run the notebook from a public repository.

    Colab and Binder open notebooks of GitHub; for another host only the notebook's own page is
    given.
    """
    path = f"notebooks/{paper.notebook}.ipynb"
    host, owner_name = address.removeprefix("https://").split("/", 1)
    if host != "github.com":
        return {"The notebook": f"{address}/blob/main/{path}"}
    return {
        "Open in Colab": f"https://colab.research.google.com/github/{owner_name}/blob/main/{path}",
        "Open in Binder": (f"https://mybinder.org/v2/gh/{owner_name}/main?urlpath=lab/tree/{path}"),
        "Download the notebook": f"{address}/raw/main/{path}",
    }


def _linked(paper: Paper, words: str = "") -> str:
    """A link to the paper's page, called as it is if `words` is empty; empty without a page."""
    return f"[{words or paper.called}]({paper.address})" if paper.address else ""


def _published(paper: Paper) -> str:
    year = str(paper.year)
    parts = (paper.venue, "" if year in paper.venue else year)
    return ", ".join(filter(None, (*map(cell, filter(None, parts)), _linked(paper))))


def _link_or(address: str, otherwise: str) -> str:
    return f"[{address.removeprefix('https://')}]({address})" if address else otherwise


def _licences(paper: Paper) -> str:
    return "; ".join(
        f"{what}: {cell(paper.licences.get(what) or 'not found')}"
        for what in ("paper", "code", "data")
    )


def _verdict_cell(entry: Standing) -> str:
    if entry.record is None:
        return entry.state
    return AGAIN if entry.stale else f"{entry.verdict}, at {entry.record['scale']} scale"


def scales_table(project: Project | None = None) -> str:
    """The three scales as a Markdown table, with the times that the records show."""
    rows = [
        (
            "`toy`",
            "two cores, no network",
            "about half a minute a chapter",
            "seeing the effect; a broken implementation fails",
        ),
        (
            "`book`",
            "a laptop, no network",
            book_times(project),
            "the published numbers, with intervals over seeds",
        ),
        (
            "`paper`",
            "a GPU and the Hugging Face Hub",
            "hours",
            "the paper's own models and data, as far as one reader can run them",
        ),
    ]
    return table(("`SCALE`", "runs on", "takes", "for"), rows)


def book_times(project: Project | None = None) -> str:
    """How long the published runs at book scale took, e.g. ``6 to 41 minutes a chapter``."""
    found = [entry.record for entry in standings(project, check_stale=False) if entry.record]
    seconds = [r["provenance"]["wall_s"] for r in found if r["scale"] == "book"]
    if not seconds:
        return "not measured yet"
    low, high = (max(1, round(one / 60)) for one in (min(seconds), max(seconds)))
    times = f"{low} to {high} minutes" if low < high else f"about {high} min"
    return f"{times} a chapter, in the published runs"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; cells are taken as they are (see :func:`cell`)."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def cell(text: object) -> str:
    """`text` for a table cell: one line, and no bar that would end the cell."""
    return " ".join(str(text).split()).replace("|", "\\|")


def sentence(text: str) -> str:
    """`text` with a capital first letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
