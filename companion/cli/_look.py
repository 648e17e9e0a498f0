"""Commands that only look: ``list``, ``scoreboard``, ``settings``, ``budgets``, ``doctor``."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer

from companion.cli._app import LOOK, Slug, app, book, chapter, usage
from companion.papers import paper as find_paper


@app.command("list", rich_help_panel=LOOK)
def list_papers() -> None:
    """The papers, and which chapters are ready."""
    from companion.catalogue import standings

    entries = standings(book(), check_stale=False)
    width = max(len(entry.paper.slug) for entry in entries)
    for part, group in groupby(entries, key=lambda entry: entry.paper.part):
        typer.echo(part)
        for entry in group:
            paper = entry.paper
            typer.echo(f"  {paper.number:>2}  {paper.slug:<{width}}  {entry.verdict}")


@app.command(rich_help_panel=LOOK)
def scoreboard(
    slug: Annotated[
        str | None, typer.Argument(metavar="[SLUG]", help="Only this chapter, with its notes.")
    ] = None,
) -> None:
    """Every claim of every paper: the paper's number, ours, and the verdict."""
    from companion import scoreboard as board
    from companion.catalogue import standings

    with usage():
        chosen = find_paper(slug).slug if slug else None
    for entry in standings(book()):
        if chosen in (None, entry.paper.slug):
            typer.echo(board.text(entry, notes=chosen is not None))


@app.command(rich_help_panel=LOOK)
def settings(slug: Slug) -> None:
    """What `run --set` can replace: each setting's value at the three scales, and what it is."""
    import importlib

    from companion.scale import help_text

    with usage():
        entry = chapter(slug, book())
    typer.echo(help_text(importlib.import_module(f"{entry.module}.settings").PRESETS))


@app.command(rich_help_panel=LOOK)
def budgets() -> None:
    """What each chapter, the whole book, and its pages cost beside their limits.

    Of the published run as its record says it, of the newest toy run in build/, which
    `companion build` or `companion run` makes, of the last `make book` and `make test`, and of the
    built site.
    """
    from companion import budgets as costs

    project = book()
    typer.echo(costs.text([*costs.measured(project), *costs.for_all(project)]))


@app.command(rich_help_panel=LOOK)
def doctor() -> None:
    """Check python, torch, device, threads, models, data, disk, and network.

    Ends with status 1 when something that is required is missing.
    """
    from companion import doctor as doctors

    checks = doctors.examine(book())
    typer.echo(doctors.text(checks))
    raise typer.Exit(int(any(check.status == doctors.MISSING for check in checks)))
