"""The scoreboard: every claim of every paper, the paper's number beside ours.

The checks that the book adds (identities, controls, laws of our own) stand in tables of their own.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from companion.catalogue import PLANNED, STALE, Standing, cell, sentence, standings
from companion.claims import EVIDENCE, HOLDS, NOT_TESTED, OURS, PAPER, VERDICTS, interval_text
from companion.project import Project
from companion.tables import MARKS, anchor, numbers_text, replications_html, verdict_html

DOWNLOADS = "book/_static/scoreboard"
"""Place of the downloads in the staged tree, less their endings."""

KEYS = (
    *("number", "slug", "chapter", "claim", "of", "statement", "on", "paper"),
    *("estimate", "low", "high", "unit", "n", "p", "verdict", "stale"),
    *("scale", "date", "seconds", "criterion", "note", "replications", "page"),
    *("version", "digest", "commit"),
)
"""Columns of the downloads, which ``scoreboard.schema.json`` explains."""

SCHEMA = Path(__file__).parent / "scoreboard.schema.json"
"""What the list of rows is, as a JSON schema; a download of its own."""

_WHOSE = {PAPER: "the paper's claims", OURS: "checks of our own"}

_HEAD = """\
# Scoreboard

Every claim of every paper in this book: what the paper reports, what we measured, and the verdict.
All of it is made from the published records when the book is built; nobody types a number into it.

**holds** means that the whole 95 % interval satisfies a criterion that was fixed before the run.
**does not hold** means that no part of it does.
**not resolved** means that the interval allows both answers at our scale.
**not tested** means that the run could not test the claim, and the note says why.

## Chapter by chapter

The counts are of the paper's claims. What the book checks beside them, such as identities and
controls, is counted apart.
"""

_CLAIMS = """\
## Claim by claim

The evidence is *real data* where it comes from real data, real text, or networks that were trained;
it is a *simulator* where the world was written by us; it is *the paper's own* where we repeat a
simulation that is itself the claim, or compare with numbers that the paper prints.
A claim's name leads to its place in the chapter, with the criterion and the notes.
A claim may have several parts: the number here is that of the first, and one part that leaves it
open, or that fails, decides the verdict; the notes in the chapter say which.
All rows with all their numbers, criteria and notes: {csv} for a spreadsheet, {json} for a program,
with {schema}.
"""

_RUNS = "## The runs behind it\n"


def duration(seconds: float) -> str:
    """Seconds as a reader says them: ``45 s``, ``12 min``, ``1.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def rows(entry: Standing, version: str | None = None) -> list[dict[str, object]]:
    """The findings of one chapter with :data:`KEYS`, one dictionary a claim.

    Empty without a record.  What is not known is None; ``seconds`` are of the whole run.

    version : of the package
    """
    if entry.record is None:
        return []
    paper, provenance = entry.paper, entry.record["provenance"]
    known = {
        "number": paper.number,
        "slug": paper.slug,
        "chapter": paper.short,
        "stale": entry.stale,
        "scale": entry.record["scale"],
        "date": provenance["date"],
        "seconds": provenance["wall_s"],
        "version": version,
        "digest": provenance.get("digest"),
        "commit": provenance["commit"],
    }
    made = []
    for finding in entry.record["findings"]:
        page = f"notebooks/{paper.notebook}.html#{anchor(finding['claim'])}"
        row = {"replications": "", **finding, **known, "page": page}
        made.append({key: row[key] for key in KEYS})
    return made


def text(entry: Standing, *, notes: bool = False) -> str:
    """One chapter for a terminal: a head line, then its claims.

    notes : also the statements, criteria and notes of the findings
    """
    head = f"{entry.paper.number:>2}  {entry.paper.slug}: {entry.verdict}"
    if entry.record is None:
        return head
    run_time = duration(entry.record["provenance"]["wall_s"])
    head += f" ({entry.record['scale']} scale, {run_time})"
    return f"{head}\n{findings_text(entry.record, notes=notes)}"


def findings_text(record: Mapping[str, object], *, notes: bool = False) -> str:
    """The findings of a record as aligned lines."""
    findings = sorted(record["findings"], key=lambda row: row["of"] == "ours")
    widths = [max(len(f[name]) for f in findings) for name in ("claim", "verdict")]
    lines = []
    for f in findings:
        line = f"    {f['claim']:<{widths[0]}}  {MARKS[f['verdict']]} {f['verdict']:<{widths[1]}}"
        source = "a check of our own" if f["of"] == "ours" else f"paper {f['paper'] or '–'}"
        lines.append(f"{line}  ours {interval_text(f)}; {source}")
        if notes:
            details = (f["statement"], f["criterion"] and f"criterion: {f['criterion']}", f["note"])
            lines += [f"        {detail}" for detail in details if detail]
        elif f["verdict"] == NOT_TESTED and f["note"]:
            lines.append(f"        {f['note']}")
    return "\n".join(lines)


def files(project: Project | None = None) -> dict[str, bytes]:
    """The page and its downloads, by their place in the staged tree."""
    project = project or Project()
    entries = standings(project)
    found = [row for entry in entries for row in rows(entry, project.version)]
    made = {
        "book/scoreboard.md": _page(entries),
        f"{DOWNLOADS}.csv": as_csv(found),
        f"{DOWNLOADS}.json": as_json(found),
        f"{DOWNLOADS}.schema.json": SCHEMA.read_text(encoding="utf-8"),
    }
    return {name: content.encode() for name, content in made.items()}


def as_csv(found: Iterable[Mapping[str, object]]) -> str:
    """Rows as comma-separated values with a head line; None is an empty field."""
    target = io.StringIO()
    writer = csv.DictWriter(target, KEYS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return target.getvalue()


def as_json(found: Sequence[Mapping[str, object]]) -> str:
    """Rows as a list of objects."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def page(project: Project | None = None) -> str:
    """The page ``book/scoreboard.md``: counts a paper, a row a claim, how each was recorded."""
    return _page(standings(project))


def _page(entries: Sequence[Standing]) -> str:
    shown = {"csv": "CSV", "json": "JSON", "schema.json": "a schema of its fields"}
    links = {
        end.partition(".")[0]: f'<a href="../_static/scoreboard.{end}" download>{words}</a>'
        for end, words in shown.items()
    }
    blocks = [_HEAD, _raw(_summary(entries))]
    if any(entry.record for entry in entries):
        blocks += [_CLAIMS.format(**links), _raw(_board(entries)), _RUNS, _recorded(entries)]
    return "\n".join(blocks)


def _raw(html: str) -> str:
    return f"```{{raw}} html\n{html}\n```\n"


def _summary(entries: Sequence[Standing]) -> str:
    """A row a paper: how many of its claims have which verdict."""
    verdicts = [(verdict, verdict_html(verdict)) for verdict in VERDICTS]
    heads = "".join(f'<th scope="col">{shown}</th>' for _, shown in verdicts)
    lines, total = [], dict.fromkeys(VERDICTS, 0)
    for entry in entries:
        findings = entry.record["findings"] if entry.record else []
        of = {kind: [f["verdict"] for f in findings if f["of"] == kind] for kind in (PAPER, OURS)}
        head = f'<th scope="row">{entry.paper.number}.&nbsp;{_chapter(entry)}</th>'
        if entry.record is None:
            lines.append(f'<tr>{head}<td colspan="5">{escape(entry.state)}</td></tr>')
            continue
        counts = {verdict: of[PAPER].count(verdict) for verdict in VERDICTS}
        total = {verdict: total[verdict] + n for verdict, n in counts.items()}
        held = f"{of[OURS].count(HOLDS)} of {len(of[OURS])}" if of[OURS] else "–"
        lines.append(
            f"<tr>{head}{_counts(counts)}<td data-head='Checks of our own'>{held}</td></tr>"
        )
    foot = f'<tr><th scope="row">All</th>{_counts(total)}<td></td></tr>'
    return (
        '<div class="rp-board"><table class="rp-counts">'
        f'<thead><tr><th scope="col">Chapter</th>{heads}'
        '<th scope="col">Own checks that hold</th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody><tfoot>{foot}</tfoot></table></div>"
    )


def _counts(counts: Mapping[str, int]) -> str:
    return "".join(
        f'<td data-head="{MARKS[verdict]} {verdict}"{"" if n else " class=rp-none"}>{n}</td>'
        for verdict, n in counts.items()
    )


def _chapter(entry: Standing) -> str:
    """The chapter's short title, linked where there is one."""
    title = escape(entry.paper.short)
    if entry.state == PLANNED:
        return title
    return f'<a href="../notebooks/{entry.paper.notebook}.html">{title}</a>'


def _board(entries: Sequence[Standing]) -> str:
    """A row a claim, and the controls that a script puts to work."""
    found = [row for entry in entries for row in rows(entry)]
    lines = "".join(_line(row) for row in found)
    chapters = {str(row["number"]): f"{row['number']}. {row['chapter']}" for row in found}
    keys = {"paper": "chapter", "verdict": "verdict", "of": "whose claim", "on": "evidence"}
    evidence = {on: said for on, said in EVIDENCE.items() if on in {row["on"] for row in found}}
    controls = [
        _select("paper", "Chapter", {"": "all chapters", **chapters}),
        _select("verdict", "Verdict", {"": "all", **{v: f"{MARKS[v]} {v}" for v in VERDICTS}}),
        _select("of", "Whose claim", {"": "all", **_WHOSE}, PAPER),
        _select("on", "Evidence", {"": "all", **evidence}),
        _select("order", "Order by", keys),
    ]
    code = (Path(__file__).parent / "scoreboard.js").read_text(encoding="utf-8")
    heads = ("Chapter", "Claim", "Paper", "Measured")
    return (
        '<div class="rp-board">'
        f'<form id="rp-board-form" class="rp-filter" hidden>{"".join(controls)}'
        '<button type="reset">Reset</button><output aria-live="polite"></output></form>'
        '<table id="rp-board-table" class="rp-rows"><thead><tr>'
        + "".join(f'<th scope="col">{head}</th>' for head in heads)
        + f"</tr></thead><tbody>{lines}</tbody></table></div>"
        f"<script>(function () {{\n{code}\n"
        'const form = document.getElementById("rp-board-form");\n'
        'board(form, document.getElementById("rp-board-table"), form.querySelector("output"));'
        "\n})();</script>"
    )


def _select(name: str, label: str, options: Mapping[str, str], chosen: str | None = None) -> str:
    made = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>'
        f"{escape(shown)}</option>"
        for value, shown in options.items()
    )
    return f'<label>{label} <select name="{name}" autocomplete="off">{made}</select></label>'


def _line(row: Mapping[str, object]) -> str:
    """The row of one claim."""
    text = {key: escape(str(row[key])) for key in ("chapter", "claim", "statement", "paper")}
    evidence = EVIDENCE[row["on"]] + ("; a check of our own" if row["of"] == OURS else "")
    stale = " <small>stale</small>" if row["stale"] else ""
    lines = filter(None, (escape(numbers_text(row)), replications_html(row)))
    numbers = "".join(f"<br>{line}" for line in lines)
    return (
        f'<tr data-paper="{row["number"]}" data-verdict="{row["verdict"]}" '
        f'data-of="{row["of"]}" data-on="{row["on"]}">'
        f"<td>{row['number']}.&nbsp;{text['chapter']}</td>"
        f'<th scope="row"><a href="../{row["page"]}">{text["claim"]}'
        f'<span class="visually-hidden"> in {text["chapter"]}</span></a> '
        f"{text['statement']} <small>{evidence}</small></th>"
        f'<td data-head="Paper">{text["paper"] or "–"}</td>'
        f"<td>{verdict_html(row['verdict'])}{stale}{numbers}</td></tr>"
    )


def _recorded(entries: Sequence[Standing]) -> str:
    """When, at which scale and on what each chapter was recorded; which records are stale."""
    lines, stale = [], []
    for entry in entries:
        if entry.record is None:
            continue
        made = entry.record["provenance"]
        gpu = made.get("device", "cpu")
        lines.append(
            f"- {entry.paper.number}. {cell(entry.paper.short)}: {made['date']}, "
            f"{entry.record['scale']} scale, {duration(made['wall_s'])} with "
            f"{made['peak_mb']:,.0f} MB of memory on {made['cores']} cores "
            f"({cell(made['processor'])})" + (f" and {cell(gpu)}" if gpu != "cpu" else "")
        )
        if entry.stale:
            stale.append(f"- {cell(entry.paper.short)}: {cell(_why_stale(entry.record))}")
    told = "\n".join(lines)
    body = f":::{{dropdown}} Date, scale and run time of each record\n\n{told}\n:::\n"
    if stale:
        told = "\n".join(stale)
        body += f"\n:::{{warning}}\nThese records are {STALE.partition(':')[0]}:\n\n{told}\n:::\n"
    return body


def _why_stale(record: Mapping[str, object]) -> str:
    from companion.records import outdated

    return outdated(record) or sentence(STALE.partition(": ")[2])
