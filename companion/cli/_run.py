"""Commands that run notebooks and build the site, ``run`` to ``clean``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from companion.cli import _settings
from companion.cli._app import RUN, Slug, app, chapter, checkout, fail, usage, work
from companion.papers import chapters

PORT = 8000


@app.command(rich_help_panel=RUN)
def run(
    slug: Slug,
    scale: Annotated[
        str, typer.Option(help="toy, book, or paper, whatever the notebook's cell says.")
    ] = "toy",
    seed: Annotated[
        int | None, typer.Option(help="Seed of the run; the notebook's own if not given.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Replace one setting; may be given several times."
        ),
    ] = None,
) -> None:
    """Run one notebook and say what it found.

    A run with the same code, scale, seed, and settings is not repeated: its notebook is found
    again.  A claim that must hold at this scale and does not fails the run.
    """
    project = checkout()
    with usage():
        entry = chapter(slug, project)
        overrides = _settings.parse(settings or ())
        _settings.check(entry, scale, seed, overrides)
    with work():
        from companion import publish, records, scoreboard

        # isort: split
        import nbformat

        finished = publish.run(slug, scale, seed, overrides or None, project=project)
        record = records.from_notebook(nbformat.read(finished.path, as_version=4))
        if record:
            typer.echo(scoreboard.findings_text(record))
        how = "found again" if finished.cached else f"ran in {finished.wall_s:.0f} s"
        typer.echo(f"{how}: {finished.path}")


@app.command(rich_help_panel=RUN)
def seeds(
    slugs: Annotated[
        list[str] | None, typer.Argument(metavar="[SLUG]...", help="All chapters if none is named.")
    ] = None,
    which: Annotated[
        str, typer.Option("--seeds", metavar="SEEDS", help="A range or a list: 0-5, or 0,3,7.")
    ] = "0-5",
    scale: Annotated[str, typer.Option(help="toy, book, or paper.")] = "toy",
    file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every verdict there, too.")
    ] = None,
) -> None:
    """Run chapters at several seeds: a table of which runs end well, and of their verdicts.

    The chapters of a seed run side by side; a run that was done before is found again, as by `run`,
    which keeps the newest eight of a chapter and scale.  Ends with status 1 if a run failed.
    """
    project = checkout()
    with usage():
        slugs = list(dict.fromkeys(slugs or [entry.slug for entry in chapters(project)]))
        asked = _settings.seeds(which)
        for slug in slugs:
            _settings.check(chapter(slug, project), scale, None, {})
        if file is not None and (file.is_dir() or not file.resolve().parent.is_dir()):
            raise ValueError(f"--json {file}: no file can be there")
    with work():
        from companion.publish import seeds as repeating
        from companion.publish.files import write_atomic

        found = repeating.repeat(slugs, asked, scale, project)
        if file is not None:
            write_atomic(file, repeating.as_json(found, scale))
        typer.echo(repeating.text(found))
    raise typer.Exit(int(not all(one.ends_well for one in found)))


@app.command(rich_help_panel=RUN)
def train(
    slug: Slug,
    seed: Annotated[int, typer.Option(help="Seed of the run, as in the notebook.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Replace one setting; may be given several times."
        ),
    ] = None,
) -> None:
    """Train what a chapter trains at paper scale, by all processes that were started together.

    `accelerate launch -m companion.cli train SLUG` starts one for each GPU.  The command goes on
    from its last checkpoint, with as many processes as there are then; afterwards the notebook at
    paper scale finds what is trained.
    """
    import importlib

    project = checkout()
    with usage():
        entry = chapter(slug, project)
        overrides = _settings.parse(settings or ())
        _settings.check(entry, "paper", seed, overrides)
        trainings = _trainings(entry.module)
        if not trainings:
            raise ValueError(f"{slug} trains nothing that several processes can share")
    with work("the same command goes on from the last checkpoint"):
        from companion import processes
        from companion.data import DataUnavailable
        from companion.scale import settings_for
        from companion.training import TrainingDiverged

        presets = importlib.import_module(f"{entry.module}.settings").PRESETS
        asked = settings_for(presets, "paper", overrides)
        try:
            for name, function in trainings.items():
                function(asked, seed)
                if processes.Processes.join().is_main:
                    typer.echo(f"{slug}, {name}: trained")
        except (DataUnavailable, TrainingDiverged) as error:
            raise fail(error, 1) from None
        finally:
            processes.leave()


def _trainings(module: str) -> dict[str, Callable]:
    """What a chapter trains by all processes, by name."""
    import importlib

    from companion import processes

    try:
        importlib.import_module(f"{module}.hub")
    except ModuleNotFoundError as error:
        if error.name != f"{module}.hub":
            raise
        return {}
    return processes.doors(f"{module}.hub")


@app.command(rich_help_panel=RUN)
def record(slug: Slug) -> None:
    """Run a chapter at book scale and publish its results.

    Writes companion/records/SLUG.json, then the README's table and the notebook's card.  Data that
    the published record was made from and that do not ship are looked for in the folder
    COMPANION_DATA; without them the stored results alone are judged.
    """
    project = checkout()
    with usage():
        chapter(slug, project)
    with work():
        from companion import publish, sync

        publish.record(slug, project)
        for path in sync.sync(project):
            typer.echo(f"updated {path.relative_to(project.root)}")


@app.command(rich_help_panel=RUN)
def verify(
    slug: Annotated[
        str | None, typer.Argument(metavar="SLUG", help="A chapter's name; or give --all.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every chapter whose results ship, in their order.")
    ] = False,
    steps: Annotated[int, typer.Option(min=1, help="How many steps, drawn at random.")] = 3,
    minutes: Annotated[
        float, typer.Option(min=0, help="How long they took together when recorded, at most.")
    ] = float("inf"),
) -> None:
    """Compute some stored results of a chapter again and compare them to the last digit.

    Ends with status 1 if one differs, and says where first.  On another processor than the one
    that recorded them a difference is told and is no failure after training, or where it is as
    small as rounding.
    """
    project = checkout()
    with usage():
        if every == (slug is not None):
            raise ValueError("name one chapter, or give --all")
        if slug is not None:
            chapter(slug, project)
    with work():
        from companion import publish
        from companion.chapter import shipped_steps

        slugs = [slug] if slug else [entry.slug for entry in chapters(project)]
        failed = False
        for one in slugs:
            if every and not shipped_steps(one, project):
                typer.echo(f"{one}: ships no results of steps")
                continue
            try:
                outcomes = publish.verify(one, steps, project, minutes=minutes)
            except publish.NoRecord as error:
                if not every:
                    raise
                typer.echo(error)  # all its steps take longer than asked for
                continue
            for name, outcome in outcomes:
                typer.echo(f"{one}, {name}: {outcome}" if every else f"{name}: {outcome}")
                failed |= outcome.startswith("differs")
    raise typer.Exit(int(failed))


@app.command(rich_help_panel=RUN)
def build() -> None:
    """Run what changed and build the site in build/site.

    Pages show the published run where its results ship and are of this code, else a toy run.
    If a notebook fails, the others still run and the site stays as it was.
    """
    project = checkout()
    with work():
        from companion import publish

        site = publish.build(project)
        typer.echo(site / "index.html")


@app.command(rich_help_panel=RUN)
def pdf() -> None:
    """Print the built site into one PDF, build/site/runnable-papers.pdf; needs Chromium."""
    project = checkout()
    with work():
        from companion.publish import pdf as printing

        path = printing.make(project, say=lambda text: typer.echo(text, err=True))
        typer.echo(path)


@app.command(rich_help_panel=RUN)
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = PORT,
) -> None:
    """Show the built site at http://127.0.0.1:PORT until Ctrl-C."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    site = (checkout().build / "site").resolve()
    if not (site / "index.html").is_file():
        raise fail("there is no site yet; `companion build` makes it", 1)
    with work():

        class Handler(SimpleHTTPRequestHandler):
            """Shows pages of the site; lists no folder, and follows no link out of it."""

            def send_head(self) -> object:
                if not Path(self.translate_path(self.path)).resolve().is_relative_to(site):
                    self.send_error(404)
                    return None
                return super().send_head()

            def list_directory(self, path: str) -> None:
                self.send_error(404)

        handler = partial(Handler, directory=site)
        with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
            typer.echo(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)")
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                return


@app.command(rich_help_panel=RUN)
def clean() -> None:
    """Remove build/: runs, staged sources, and the site.  Records and sources stay."""
    project = checkout()
    with work():
        import shutil

        from companion.publish.lock import only_one
        from companion.publish.progress import to_stderr

        with only_one(project, to_stderr, "clean"):
            for path in project.build.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                elif not path.name.startswith(".lock"):  # held right now
                    path.unlink()
        typer.echo(f"emptied {project.build}")
