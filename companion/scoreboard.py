"""The scoreboard: every claim of every paper, the paper's number beside ours.

The checks that the book adds (identities, controls, laws of our own) stand in tables of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from companion.catalogue import PLANNED, STALE, Standing, cell, sentence, standings, table
from companion.project import Project

_COLUMNS = (
    "claim",
    "what the paper says",
    "evidence",
    "paper",
    "ours",
    "n",
    "p",
    "verdict",
    "scale",
    "run time",
)

_OWN_COLUMNS = ("claim", "what we check", *_COLUMNS[2:3], *_COLUMNS[4:])

_EVIDENCE = {"real": "real", "model": "simulator"}

_INTRO = """\
# Scoreboard

Every claim of every paper in this book, with the paper's own number, our measurement with its
95 % interval, and the verdict.
Checks that the book adds, such as identities and controls, are folded below each table and are
counted apart.
The tables are made from the published records when the book is built; nobody types a number
into them.

**holds** means that the whole interval satisfies a criterion that was fixed before the run.
**does not hold** means that no part of it does.
**not resolved** means that the interval allows both answers at our scale.
**not tested** means that the run could not test the claim, and the note says why.

The evidence is *real* where it comes from real data, real text, or networks that were trained;
it is a *simulator* where the world was written by us.
"""


def duration(seconds: float) -> str:
    """Seconds as a reader says them: ``45 s``, ``12 min``, ``1.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def rows(entry: Standing) -> list[dict[str, str]]:
    """The findings of one chapter as text, one dictionary a claim; empty without a record."""
    from companion.claims import interval_text
    from companion.tables import MARKS

    if entry.record is None:
        return []
    provenance = entry.record["provenance"]
    return [
        {
            "claim": finding["claim"],
            "of": finding["of"],
            "what the paper says": finding["statement"],
            "what we check": finding["statement"],
            "evidence": _EVIDENCE[finding["on"]],
            "paper": finding["paper"],
            "ours": interval_text(finding),
            "n": "" if finding["n"] is None else f"{finding['n']:,}",
            "p": p_text(finding["p"]),
            "verdict": f"{MARKS[finding['verdict']]} {finding['verdict']}"
            + (" (stale)" if entry.stale else ""),
            "scale": entry.record["scale"],
            "run time": duration(provenance["wall_s"]),
            "criterion": finding["criterion"],
            "note": finding["note"],
        }
        for finding in entry.record["findings"]
    ]


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
    from companion.claims import interval_text
    from companion.tables import MARKS

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
    return "\n".join(lines)


def p_text(p: float | None) -> str:
    """A p-value with three decimals, as the chapters print it; nothing when there is none."""
    if p is None:
        return ""
    return "< 0.001" if p < 1e-3 else f"{p:.3f}"


def page(project: Project | None = None) -> str:
    """The page ``book/scoreboard.md``: an overview, then one table a paper."""
    entries = standings(project)
    overview = [
        (
            str(entry.paper.number),
            _linked(entry),
            cell(entry.verdict),
            entry.record["scale"] if entry.record else "",
            duration(entry.record["provenance"]["wall_s"]) if entry.record else "",
        )
        for entry in entries
    ]
    blocks = [_INTRO, table(("number", "chapter", "verdict", "scale", "run time"), overview)]
    blocks += [_section(entry) for entry in entries if entry.state != PLANNED]
    return "\n".join(blocks)


def _linked(entry: Standing) -> str:
    title = cell(entry.paper.short)
    if entry.state == PLANNED:
        return title
    return f"[{title}](../notebooks/{entry.paper.notebook}.ipynb)"


def _section(entry: Standing) -> str:
    head = f"## {entry.paper.number}. {entry.paper.short}\n"
    if entry.record is None:
        return f"{head}\n{sentence(entry.state)}\n"
    record, provenance = entry.record, entry.record["provenance"]
    facts = (
        f"Recorded on {provenance['date']} at {record['scale']} scale, "
        f"on {provenance['cores']} cores ({cell(provenance['processor'])}), "
        f"in {duration(provenance['wall_s'])} with {provenance['peak_mb']:.0f} MB of memory.\n"
    )
    stale = f"\n:::{{warning}}\n{sentence(_why_stale(record))}\n:::\n" if entry.stale else ""
    found = rows(entry)
    body = _claims(found, "paper", _COLUMNS)
    if own := _claims(found, "ours", _OWN_COLUMNS):
        body += f"\n:::{{dropdown}} Checks of our own\n\n{own}:::\n"
    details = table(
        ("claim", "criterion fixed before the run", "note"),
        [[cell(row[name]) for name in ("claim", "criterion", "note")] for row in found],
    )
    return f"{head}\n{facts}{stale}\n{body}\n:::{{dropdown}} Criteria and notes\n\n{details}:::\n"


def _why_stale(record: Mapping[str, object]) -> str:
    from companion.records import outdated

    reason = cell(outdated(record))
    return f"{STALE}. {reason}" if reason else STALE


def _claims(found: list[dict[str, str]], of: str, columns: tuple[str, ...]) -> str:
    """The table of the claims of one kind; empty if there are none."""
    chosen = [[cell(row[name]) for name in columns] for row in found if row["of"] == of]
    return table(columns, chosen) if chosen else ""
