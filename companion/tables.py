"""The table at the end of every chapter: the paper's claims beside our measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    NOT_TESTED,
    OURS,
    Finding,
    interval_text,
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


_OWN = '<tr class="rp-own"><th colspan="5" scope="colgroup">Checks of our own</th></tr>'


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


def claims_table(
    findings: Iterable[Finding],
    *,
    scale: str,
    published: Mapping[str, object] | None = None,
    stale: bool | None = None,
) -> Html:
    """The paper's claims, this run, and the published record side by side.

    Checks of our own follow below a heading of their own.

    scale : the scale of this run
    published : the chapter's record (``records.load``); without one its column says so
    stale : whether the record was made by other code than this (``records.is_stale``)
    """
    record = {row["claim"]: row for row in (published or {}).get("findings", ())}
    source = f"published, {published['scale']} scale" if published else "published record"
    if stale:
        source += " (stale: the code has changed since)"
    rows = []
    for finding in sorted(findings, key=lambda finding: finding.of == OURS):
        if finding.of == OURS and _OWN not in rows:
            rows.append(_OWN)
        row, past = finding.as_dict(), record.get(finding.claim)
        rows.append(
            f'<tr><th scope="row">{escape(finding.claim)}</th>'
            f"<td>{escape(finding.statement)}</td>"
            f"<td>{escape(finding.paper) or '–'}</td>"
            f"<td>{_measured(row)}</td>"
            f"<td>{_measured(past) if past else 'none yet'}</td></tr>"
        )
        rows.append(_details(row, past))
    heads = ("Claim", "What it says", "Paper", f"This run, {scale} scale", source.capitalize())
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return Html(
        f'<table class="dataframe rp-claims"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _measured(row: Mapping[str, object]) -> str:
    """Verdict, estimate with interval, and sample size of one finding."""
    lines = [verdict_html(str(row["verdict"]))]
    if row["estimate"] is not None:
        size = f", n = {row['n']}" if row["n"] is not None else ""
        p = ""
        if row["p"] is not None:
            p = ", p < 0.001" if row["p"] < 1e-3 else f", p = {row['p']:.3f}"
        lines.append(escape(f"{interval_text(row)}{size}{p}"))
    return "<br>".join(lines)


def _details(row: Mapping[str, object], past: Mapping[str, object] | None) -> str:
    """A row below the finding, as wide as the table: the criterion and what else was measured."""
    criterion = (past or {}).get("criterion")
    told = [
        ("Criterion", row["criterion"]),
        ("Criterion of the published run", criterion if criterion != row["criterion"] else ""),
        ("This run", row["note"]),
        ("Published", (past or {}).get("note")),
    ]
    lines = [f"<em>{name}:</em> {escape(str(text))}" for name, text in told if text]
    if not lines:
        return ""
    return f'<tr class="rp-details"><td colspan="5"><small>{"<br>".join(lines)}</small></td></tr>'
