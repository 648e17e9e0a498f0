"""The ``companion`` command.

Exit status: 0 done, 1 the work failed, 2 the command was used wrongly, 130 interrupted.  Heavy
libraries are imported inside the commands that need them, so that listing papers is quick.
"""

from __future__ import annotations

import importlib
import json
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from companion.papers import Paper, UnknownPaper
from companion.project import NotACheckout, Project

LOOK, RUN, KEEP, GET = "Look", "Run", "Maintain the book", "Models and data"
DEFAULT_PORT = 8000

app = typer.Typer(
    name="companion",
    help="Runnable Papers: twelve machine-learning papers as notebooks that test their claims.",
    epilog=(
        "Examples\n\n"
        "  companion doctor\n\n"
        "  companion run massive-activations\n\n"
        "  companion run massive-activations --scale book --seed 3 --set n_texts=8\n\n"
        "  companion record massive-activations && companion build && companion serve\n\n"
        "Scales: toy takes a minute, book gives the published numbers in up to 20 minutes on a "
        "laptop, paper uses a GPU and the Hub.\n\n"
        "Exit status: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)
data_app = typer.Typer(
    help="The published data that chapters compare with.", no_args_is_help=True
)
app.add_typer(data_app, name="data", rich_help_panel=GET)

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="A chapter; see `companion list`.")]


class Usage(typer.TyperException if hasattr(typer, "TyperException") else Exception):
    """The command was used wrongly; nothing was done."""


def fail(message: object, status: int) -> typer.Exit:
    """Say what went wrong on standard error; raise the result."""
    typer.echo(f"companion: {message}", err=True)
    return typer.Exit(status)


@contextmanager
def usage() -> Iterator[None]:
    """Errors about what the user typed end with status 2; used before anything is done."""
    try:
        yield
    except (UnknownPaper, ValueError) as error:
        raise fail(error, 2) from None


@contextmanager
def work() -> Iterator[None]:
    """Known ways in which work fails end with status 1 and a message, without a traceback."""
    from companion.publish import PublishError
    from companion.release import CannotPack
    from companion.skeleton import AlreadyThere
    from companion.sync import CannotSync

    try:
        yield
    except (PublishError, CannotPack, CannotSync, AlreadyThere, NotACheckout, OSError) as error:
        raise fail(error, 1) from None
