"""Collect everything that the site is made from in ``build/src``, apart from the sources.

The same relative paths as in the checkout: ``book/``, ``notebooks/`` (with outputs), ``vendor/``
for the signs of formulas and the pictures, and ``api/`` for the pages of the code.  Only files
whose content changed are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nbformat
import yaml

from companion import catalogue, languages, opening, records, repository, scoreboard, sync
from companion.papers import paper
from companion.project import Project
from companion.publish import api, clean, formulas, which_run
from companion.publish.files import tree_files, write_if_changed
from companion.publish.store import ships

CARDS = "<!-- cards -->"
"""Stands in ``book/intro.md`` where the cards of the chapters go."""


@catalogue.once()
def stage(
    runs: Mapping[str, Path],
    project: Project | None = None,
    stale: Mapping[str, str] | None = None,
) -> dict[str, bytes]:
    """Fill ``build/src`` and return what is in it: relative path -> content.

    runs : executed notebook of each chapter, by slug
    stale : why the results that a chapter ships are not shown, by slug
    """
    project = (project or Project()).require()
    files = prose(project) | formulas.fonts()
    files |= {name: text.encode() for name, text in api.pages(project).items()}
    for slug, path in runs.items():
        files |= chapter(slug, path, project, (stale or {}).get(slug, ""))
    files["_config.yml"] = config(project).encode()
    files["_toc.yml"] = contents(project).encode()
    target = project.build / "src"
    for name, content in files.items():
        write_if_changed(target / name, content)
    for path in target.rglob("*"):
        if path.is_file() and path.relative_to(target).as_posix() not in files:
            path.unlink()
    return files


def prose(project: Project) -> dict[str, bytes]:
    """The folder ``book/`` with the generated parts filled in."""
    files = {
        path.relative_to(project.root).as_posix(): path.read_bytes()
        for path in tree_files(project.book)
        if path.name != "_toc.yml"
    }
    intro = files["book/intro.md"].decode()
    files["book/intro.md"] = intro.replace(
        CARDS, catalogue.cards(project, opening.answers(project))
    ).encode()
    return files | scoreboard.files(project) | languages.files(project)


def chapter(slug: str, executed: Path, project: Project, stale: str = "") -> dict[str, bytes]:
    """One notebook with clean outputs and a line on its run, and the pictures of its explorers."""
    entry = paper(slug, project)
    source = entry.notebook_path(project)
    ran = nbformat.read(executed, as_version=4)
    notebook = clean.graft(nbformat.read(source, as_version=4), ran)
    scale, record = which_run.scale(ran), records.load(slug, project)
    is_published = ships(entry, project) and scale == record["scale"]
    clean.arrange(notebook)
    clean.insert_below_card(
        notebook,
        which_run.published(record) if is_published else which_run.other(scale, record, stale),
    )
    files = clean.extract_frames(notebook)
    name = source.relative_to(project.root).as_posix()
    return files | {name: nbformat.writes(notebook).encode()}


def contents(project: Project) -> str:
    """``_toc.yml`` with exactly the chapters that have a notebook, and the pages of the code."""
    text = sync.toc((project.book / "_toc.yml").read_text(encoding="utf-8"), project)
    if not (code := api.contents(project)):
        return text
    listed = yaml.safe_load(text)
    listed["parts"][-1]["chapters"] += code
    return yaml.safe_dump(listed, sort_keys=False, allow_unicode=True)


def config(project: Project) -> str:
    """``_config.yml`` for the build: without an address, no button points to one."""
    settings = yaml.safe_load(project.config.read_text(encoding="utf-8"))
    if repository.url(project) is None:
        settings.pop("repository", None)
        settings.pop("launch_buttons", None)
        for name in ("use_repository_button", "use_edit_page_button", "use_issues_button"):
            settings.get("html", {}).pop(name, None)
    return yaml.safe_dump(settings, sort_keys=False)
