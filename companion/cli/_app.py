"""The application object, and how failures become messages and exit statuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from companion.papers import Paper, paper
from companion.project import NotACheckout, Project

LOOK, RUN, GET, MAINTAIN = "Look", "Run", "Models and data", "Maintain the book"

DISK = (
    "the environment takes about 3 GB with a CPU build of torch, and about 7 GB with the build for "
    "CUDA that pip chooses on Linux; build/ takes less than 1 GB"
)

app = typer.Typer(
    name="companion",
    help="Runnable Papers: machine-learning papers as notebooks that test their claims.",
    epilog="\n\n".join(
        [
            "[bold]Examples[/bold]",
            "companion doctor",
            "companion run massive-activations",
            "companion run massive-activations --scale book --seed 3 --set texts=8",
            "companion record massive-activations",
            "companion build && companion serve",
            "companion COMMAND --help says more about one command.",
            "[bold]Scales[/bold]: toy takes minutes, book gives the published numbers on a laptop "
            "(companion scoreboard says how long each run took), paper uses a GPU and the Hub.",
            f"[bold]Disk[/bold]: {DISK}.",
            "[bold]Exit status[/bold]: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.",
        ]
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)

Slug = Annotated[
    str, typer.Argument(metavar="SLUG", help="A chapter's name, as `companion list` shows it.")
]


def fail(message: object, status: int) -> typer.Exit:
    """Say on standard error what went wrong; the caller raises the result."""
    typer.echo(f"companion: {message}", err=True)
    return typer.Exit(status)


@contextmanager
def usage() -> Iterator[None]:
    """What the user typed is checked in here, before anything is done: errors end with status 2."""
    try:
        yield
    except ValueError as error:
        raise fail(error, 2) from None


KEPT = "chapters that ran to their end are kept, one that was running begins again"
"""What a call of the same command finds after an interrupt."""


@contextmanager
def work(kept: str = KEPT) -> Iterator[None]:
    """The work is done in here: the known ways to fail end with status 1 and no traceback.

    kept : what is said after an interrupt
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, _known()):
            raise fail(error, 1) from None
        raise
    except KeyboardInterrupt:
        raise fail(f"interrupted; {kept}", 130) from None


def _known() -> tuple[type[Exception], ...]:
    """The known ways to fail; only a failure loads all the modules that have some."""
    from companion.colab import ColabCheckFailed
    from companion.publish import PublishError
    from companion.release import CannotPack
    from companion.sync import CannotSync

    return (PublishError, CannotPack, CannotSync, ColabCheckFailed, NotACheckout, OSError)


def book() -> Project:
    """The book that the commands work on: where this package lies."""
    return Project()


def checkout() -> Project:
    """The book, which must be there with its sources; status 1 otherwise."""
    try:
        return book().require()
    except NotACheckout as error:
        raise fail(error, 1) from None


def chapter(slug: str, project: Project) -> Paper:
    """The paper `slug`, which must have a notebook; ``ValueError`` otherwise."""
    entry = paper(slug, project)
    if not entry.is_available(project):
        raise ValueError(f"{slug} is planned; it has no notebook yet (`companion new {slug}`)")
    return entry
