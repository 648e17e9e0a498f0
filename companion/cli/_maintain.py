"""Commands for maintainers: ``new``, ``make``, ``sync``, ``restamp``, ``repository`` and
``colab-check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from companion.cli._app import MAINTAIN, Slug, app, chapter, checkout, fail, usage, work
from companion.papers import UnknownPaper, paper


@app.command(rich_help_panel=MAINTAIN)
def new(slug: Slug) -> None:
    """Make the skeleton of a chapter: notebook, package, tests.

    SLUG must be in companion/papers.toml.  The skeleton is a complete small experiment, so all
    tests pass from the first minute; replace it piece by piece.
    """
    from companion import skeleton, sync

    project = checkout()
    with usage():
        try:
            entry = paper(slug, project)
        except UnknownPaper as error:
            how = "a new paper first gets an entry there, as book/add-your-paper.md shows"
            raise UnknownPaper(f"{error} (companion/papers.toml): {how}") from None
        skeleton.check_free(entry, project)
    with work():
        for path in [*skeleton.create(entry, project), *sync.sync(project)]:
            typer.echo(path.relative_to(project.root))
    tests = f"tests/{entry.module.rpartition('.')[2]}"
    typer.echo(f'next: make test ARGS="{tests}", then: companion run {slug}', err=True)


@app.command(rich_help_panel=MAINTAIN)
def make(
    slug: Slug,
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="One of the chapter's makers, such as `head`.")
    ],
) -> None:
    """Make a file that a chapter ships, such as a trained module; goes on where it stopped.

    Checkpoints lie in build/make/SLUG; the file and its record go into the chapter's package.
    """
    import importlib

    project = checkout()
    with usage():
        entry = paper(slug, project)
        try:
            makers = importlib.import_module(f"{entry.module}.makers").MAKERS
        except ModuleNotFoundError as error:
            if error.name and not error.name.startswith(entry.module):
                raise
            raise ValueError(f"{slug} ships no file that is made") from error
        if what not in makers:
            raise ValueError(f"{slug} makes {', '.join(makers)}; it does not know {what!r}")
    with work("the same command goes on from the last checkpoint"):
        from safetensors import SafetensorError

        from companion.data import DataUnavailable
        from companion.results import forget_parts

        scratch = project.build / "make" / entry.slug
        forget_parts(scratch)
        try:
            typer.echo(makers[what](scratch, lambda line: typer.echo(line, err=True)))
        except (DataUnavailable, SafetensorError) as error:  # a full disk is the latter
            raise fail(error, 1) from None


@app.command(rich_help_panel=MAINTAIN)
def sync(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; status 1 if something is out of date.")
    ] = False,
) -> None:
    """Write the generated parts: README table, notebook cards, table of contents, citation."""
    from companion import sync as syncing

    project = checkout()
    with work():
        paths = syncing.out_of_date(project) if check else syncing.sync(project)
        for path in paths:
            typer.echo(f"{'out of date' if check else 'updated'}: {path.relative_to(project.root)}")
    if not paths:
        typer.echo("everything is up to date")
    raise typer.Exit(int(check and bool(paths)))


@app.command(rich_help_panel=MAINTAIN)
def restamp(
    slugs: Annotated[
        list[str] | None, typer.Argument(metavar="[SLUG]...", help="All chapters if none is named.")
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Why what changed cannot move a published number."),
    ] = None,
    outdated: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="What a run of today may find otherwise."),
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry", help="Say what would be done; write nothing.")
    ] = False,
) -> None:
    """Write into records the digest of the code that made them, and say what changed since.

    A record from before there were digests names a commit and a fingerprint: both are checked
    against the history.  With --accept, the changes since the record are noted in it with the
    reason, and it counts as fresh as long as exactly this code stands.  With --outdated, it counts
    as stale, for that reason, until it is recorded again.
    """
    from companion import records
    from companion import restamp as restamping
    from companion import sync as syncing
    from companion.papers import chapters

    project = checkout()
    with usage():
        if (accept or outdated) is not None and not slugs:
            raise ValueError("name the chapters whose changes are judged")
        if accept is not None and outdated is not None:
            raise ValueError("changes are accepted, or the record is outdated; not both")
        chosen = [chapter(s, project) for s in slugs] if slugs else list(chapters(project))
    failed = False
    with work():
        for entry in chosen:
            record = records.load(entry.slug, project)
            if record is None:
                typer.echo(f"{entry.slug}: no record yet")
                continue
            try:
                if record["provenance"].get("digest") is None:
                    found = restamping.stamp(entry.slug, project)
                    typer.echo(found.text())
                    if not dry:
                        restamping.write(found, project)
                elif accept is None or dry:
                    now = records.code(entry.slug, record["scale"], project)
                    left = records.changed_definitions(entry.slug, project)
                    stale = records.is_stale(entry.slug, project)
                    text = left.text(now.places) or "another order of parts"
                    typer.echo(f"{entry.slug}: {text if stale else 'fresh'}")
                if accept is not None and not dry:
                    accepted = restamping.accept(entry.slug, accept, project)
                    typer.echo(f"{entry.slug}: accepted {accepted.text() or 'nothing'}")
                if outdated is not None and not dry:
                    restamping.outdate(entry.slug, outdated, project)
                    typer.echo(f"{entry.slug}: outdated until it is recorded again")
            except restamping.CannotRestamp as error:
                typer.echo(f"companion: {error}", err=True)
                failed = True
        for path in () if dry else syncing.sync(project):
            typer.echo(f"updated: {path.relative_to(project.root)}")
    raise typer.Exit(int(failed))


@app.command(rich_help_panel=MAINTAIN)
def repository(
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="https://HOST/OWNER/NAME to set.")
    ] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Take the address away again.")] = False,
) -> None:
    """Show the book's public address, or set it everywhere.

    It is stored in _config.yml, and written from there into the notebooks, the README,
    CITATION.cff, and pyproject.toml.
    """
    from companion import repository as repositories
    from companion import sync as syncing

    project = checkout()
    if url is None and not unset:
        typer.echo(repositories.url(project) or "not set")
        return
    with usage():
        if url is not None and unset:
            raise ValueError("give a URL or --unset, not both")
        address = None if url is None else repositories.check_url(url)
    with work():
        for path in syncing.set_address(address, project):
            typer.echo(f"updated: {path.relative_to(project.root)}")
    typer.echo(address or "not set")


@app.command("colab-check", rich_help_panel=MAINTAIN)
def colab_check(
    slugs: Annotated[
        list[str] | None, typer.Argument(metavar="[SLUG]...", help="All chapters if none is named.")
    ] = None,
    constraints: Annotated[
        Path | None, typer.Option(help="Colab's pins; tests/colab-constraints.txt if not given.")
    ] = None,
    python: Annotated[
        str, typer.Option(help="Python of the environment; this one if not given.")
    ] = sys.executable,
    torch: Annotated[
        str | None,
        typer.Option(
            help="What pip installs as torch, as in torch==2.13.0; linked from here if not given."
        ),
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--go-on", help="Keep the environment, and chapters that passed.")
    ] = False,
) -> None:
    """Install the package beside Colab's versions and run notebooks there, in build/colab.

    Shows that pip replaces none of Colab's packages, and names the pins that have no wheel for that
    Python.
    """
    from companion import colab
    from companion.papers import chapters

    project = checkout()
    pins = constraints or project.root / "tests" / "colab-constraints.txt"
    if not pins.is_file():
        raise fail(f"{pins} is not a file", 2)
    with usage():
        chosen = [chapter(s, project) for s in slugs] if slugs else list(chapters(project))
    with work():
        report = colab.check(
            pins,
            chosen,
            project,
            say=lambda line: typer.echo(line, err=True),
            python=python,
            torch=torch,
            go_on=go_on,
        )
        typer.echo(report)
