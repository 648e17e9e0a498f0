"""The table at the end of every chapter: the paper's claims beside our measurements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from companion.catalogue import count_line
from companion.claims import (
    DOES_NOT_HOLD,
    EVIDENCE,
    HOLDS,
    NOT_RESOLVED,
    NOT_TESTED,
    OURS,
    PAPER,
    Finding,
    interval_text,
    is_p_value,
    p_text,
)

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.formats.style import Styler

MARKS = {HOLDS: "✓", DOES_NOT_HOLD: "✗", NOT_RESOLVED: "?", NOT_TESTED: "–"}
"""A sign for each verdict, so that color never carries it alone."""

_CLASSES = {
    HOLDS: "rp-holds",
    DOES_NOT_HOLD: "rp-fails",
    NOT_RESOLVED: "rp-open",
    NOT_TESTED: "rp-untested",
}

_NO_BREAK = "\N{NO-BREAK SPACE}"

_LEFT = (
    "<style>table.dataframe.rp-claims tr :is(th, td) "
    "{ text-align: left; vertical-align: top }</style>"
)
"""What the table needs where it is not on a page of the book: notebooks set cells to the right."""


class Html(str):
    """A piece of HTML that a notebook displays as such."""

    def _repr_html_(self) -> str:
        return str(self)


def styled(frame: pd.DataFrame, name: str, formats: Mapping[str, str] | None = None) -> Styler:
    """A table without index column.

    name : unique on its page, so that ids are the same at every run
    formats : column to format string, e.g. ``{"loss": "{:.3f}"}``; missing values are a dash

    Text in cells and heads is shown as it is: a ``<`` in it begins no tag.
    """
    styler = frame.style.hide(axis="index").set_uuid(name)
    styler = styler.format(dict(formats or {}), na_rep="–", escape="html")
    styler = styler.format_index(escape="html", axis="columns")
    return styler.set_table_attributes('class="dataframe"')


def predictions(
    findings: Iterable[Finding], answers: Iterable[tuple[str, Sequence[str]]]
) -> Styler:
    """What this run says of the predictions of a chapter's opening.

    answers : (prediction in words, the claims that decide it)
    """
    import pandas as pd

    verdicts = {finding.claim: finding.verdict for finding in findings}
    rows = [
        (text, "; ".join(f"{claim}: {verdicts[claim]}" for claim in claims))
        for text, claims in answers
    ]
    return styled(pd.DataFrame(rows, columns=["prediction", "this run"]), "predictions")


def verdict_html(verdict: str) -> str:
    """The verdict with its sign."""
    return f'<span class="rp-verdict {_CLASSES[verdict]}">{MARKS[verdict]} {verdict}</span>'


def anchor(claim: str) -> str:
    """The id of a claim on its chapter's page: ``C1`` gives ``claim-c1``, ``3'`` ``claim-3-prime``.

    Lower case, digits and hyphens; the scoreboard links to it.
    """
    name = re.sub(r"[^a-z0-9]+", "-", claim.replace("'", "-prime").lower())
    return f"claim-{name.strip('-')}"


def claims_table(
    findings: Iterable[Finding],
    *,
    scale: str,
    published: Mapping[str, object] | None = None,
    stale: bool | None = None,
) -> Html:
    """The paper's claims with this run and the published record; our own checks folded below.

    Every claim has an id, see :func:`anchor`; its criterion and its notes are folded. Where this
    run says the same as the record, one column is both.

    scale : the scale of this run
    published : the chapter's record (``records.load``); without one its column says so
    stale : whether the record was made by other code than this (``records.is_stale``)
    """
    record = {row["claim"]: row for row in (published or {}).get("findings", ())}
    found = [(finding.as_dict(), record.get(finding.claim)) for finding in findings]
    is_published = bool(published) and not stale and scale == published["scale"]
    is_published = is_published and all(past and _same(row, past) for row, past in found)
    if is_published:
        heads = [f"The published run, {scale} scale"]
    else:
        source = f"Published, {published['scale']} scale" if published else "Published record"
        if stale:
            source += " (stale: the code has changed since)"
        heads = [f"This run, {scale} scale", source]
    of = {kind: [pair for pair in found if pair[0]["of"] == kind] for kind in (PAPER, OURS)}
    parts = [_LEFT]
    if of[PAPER]:
        parts.append(_table(of[PAPER], heads))
    if of[OURS]:
        counts = count_line([past or row for row, past in of[OURS]])
        parts.append(
            f'<details class="rp-own"{"" if of[PAPER] else " open"}>'
            f"<summary>{counts}</summary>{_table(of[OURS], heads)}</details>"
        )
    return Html("".join(parts))


def _table(pairs: Iterable[tuple[Mapping, Mapping | None]], heads: Sequence[str]) -> str:
    """The table of the claims of one kind; each claim is a row and, below it, a fold.

    heads : of the measured columns, two or, where this run is the published one, one
    """
    rows = []
    for row, past in pairs:
        name = escape(str(row["claim"]))
        measured = [row, past][: len(heads)]
        cells = [_measured(one) if one else "none yet" for one in measured]
        rows.append(
            f'<tr id="{anchor(str(row["claim"]))}"><th scope="row">'
            f'<a href="#{anchor(str(row["claim"]))}">{name}</a></th>'
            f"<td>{escape(str(row['statement']))} <small>{EVIDENCE[row['on']]}</small></td>"
            f'<td data-head="Paper">{escape(str(row["paper"])) or "–"}</td>'
            + "".join(
                f'<td data-head="{escape(head)}">{cell}</td>'
                for head, cell in zip(heads, cells, strict=True)
            )
            + "</tr>"
        )
        if lines := _fine_print(row, past, is_published=len(heads) == 1):
            rows.append(
                f'<tr class="rp-details"><td colspan="{3 + len(heads)}"><details>'
                f"<summary>Criterion and notes of {name}</summary>"
                f"{'<br>'.join(lines)}</details></td></tr>"
            )
    titles = ("Claim", "What it says", "Paper", *heads)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in titles)
    return (
        f'<table class="dataframe rp-claims"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _same(row: Mapping[str, object], past: Mapping[str, object]) -> bool:
    """Whether two findings of one claim would read the same."""
    texts = ("criterion", "note", "of", "on")
    return _measured(row) == _measured(past) and all(row[name] == past[name] for name in texts)


def _measured(row: Mapping[str, object]) -> str:
    """Verdict, estimate with interval, and sample size of one finding; its replications below."""
    lines = [verdict_html(str(row["verdict"])), escape(numbers_text(row)), replications_html(row)]
    return "<br>".join(filter(None, lines))


def replications_html(row: Mapping[str, object]) -> str:
    """What the same measurement says on other data; empty where there is none."""
    told = str(row.get("replications", ""))
    return f"<small>On other data: {escape(told)}</small>" if told else ""


def numbers_text(row: Mapping[str, object]) -> str:
    """Estimate with interval, sample size and p-value of a finding; empty without an estimate."""
    if row["estimate"] is None:
        return ""
    tested = is_p_value(row)
    parts = [interval_text(row).replace(" ", _NO_BREAK) if tested else interval_text(row)]
    if row["n"] is not None:
        counted = f" {row['unit']}" if tested and row["unit"] not in ("", "p") else ""
        parts.append(f"n = {row['n']:,}{counted}".replace(" ", _NO_BREAK))
    if row["p"] is not None and not tested:
        p = "p < 0.001" if row["p"] < 1e-3 else p_text(row["p"])
        parts.append(p.replace(" ", _NO_BREAK))
    return ", ".join(parts)


def _fine_print(
    row: Mapping[str, object], past: Mapping[str, object] | None, *, is_published: bool
) -> list[str]:
    """The criterion and what else was measured, a line each."""
    criterion = (past or {}).get("criterion")
    told = [
        ("Criterion", row["criterion"]),
        ("Criterion of the published run", criterion if criterion != row["criterion"] else ""),
        ("Notes" if is_published else "This run", row["note"]),
        ("Published", "" if is_published else (past or {}).get("note")),
    ]
    return [f"<em>{name}:</em> {escape(str(text))}" for name, text in told if text]
