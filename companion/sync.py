"""Writes the parts of the sources that are generated, and the book's address.

Everything here is computed from the register, the records and ``_config.yml``:

=======================  ======================================================================
file                     generated part
=======================  ======================================================================
``README.md``            the table of papers, the lines with the address, and the scales with the
                         times of the published runs, between markers
``book/how-to-read.md``  the scales, between markers
``book/speed.md``        the run times that ``make bench`` measured, between markers
``book/_toc.yml``        the parts with chapters, between markers
``notebooks/*.ipynb``    the cells tagged ``card`` and ``opening``; address and extra in the cell
                         tagged ``setup``; run times where the prose says ``{time}``
``CITATION.cff``         version and ``repository-code``
``pyproject.toml``       ``[project.urls]``, and the extras of the chapters between markers
``LICENSES.md``          all of it, in ``companion/data/files/``
=======================  ======================================================================

:func:`plan` computes what each file should hold and writes nothing; :func:`sync` writes what
differs.  A test holds that nothing differs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from companion import _quick as _quick

# isort: split
import nbformat
import yaml

from companion import benches, catalogue, extras, opening, repository
from companion.papers import Paper, chapters, papers
from companion.project import Project

SETUP_LINE = re.compile(r"^REPOSITORY = .*$", re.MULTILINE)
"""The line of a notebook's setup cell that holds the address."""

SETUP_INSTALL = re.compile(r'^( +%pip install --quiet )".* @ git\+\{REPOSITORY\}"$', re.MULTILINE)
"""The line that installs the companion, with the chapter's extra, where it is missing."""

SETUP_IMPORT = re.compile(
    r"^from companion import (?:extras, )?plotting\n\n(?:extras\.require\(.*\)\n)?", re.MULTILINE
)
"""The lines that import the companion, and ask for the chapter's extra if it has one."""

_COMMENT = {".md": ("<!-- ", " -->"), ".yml": ("# ", ""), ".toml": ("# ", "")}


class CannotSync(RuntimeError):
    """A file lacks the place that a generated part belongs to."""


@catalogue.once()
def plan(project: Project | None = None) -> dict[Path, str]:
    """What every file with a generated part should hold; nothing is written."""
    project = (project or Project()).require()
    makers = {
        project.root / "README.md": readme,
        project.book / "_toc.yml": toc,
        project.book / "how-to-read.md": how_to_read,
        project.book / "speed.md": speed,
        project.root / "CITATION.cff": citation,
        project.root / "pyproject.toml": pyproject,
        project.package / "data" / "files" / "LICENSES.md": licenses,
    }
    wanted = {
        path: make(path.read_text(encoding="utf-8"), project)
        for path, make in makers.items()
        if path.is_file()
    }
    for paper in chapters(project):
        path = paper.notebook_path(project)
        wanted[path] = notebook(path.read_text(encoding="utf-8"), paper, project)
    return wanted


def out_of_date(project: Project | None = None) -> list[Path]:
    """Files whose generated part is not what it should be."""
    wanted = plan(project)
    return [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]


def sync(project: Project | None = None) -> list[Path]:
    """Write every generated part that is out of date; the files that changed."""
    wanted = plan(project)
    changed = [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    for path in changed:
        _write(path, wanted[path])
    return changed


def set_address(address: str | None, project: Project | None = None) -> list[Path]:
    """Store the book's address in ``_config.yml`` and write it everywhere; None takes it away.

    Raises ``ValueError`` for something that is no repository address; then nothing is written.
    """
    project = (project or Project()).require()
    clean = None if address is None else repository.check_url(address)
    old = project.config.read_text(encoding="utf-8")
    new = config(old, clean)
    plan(project)  # refuses before anything is written if a file lacks its place
    if new != old:
        _write(project.config, new)
    return [project.config] * (new != old) + sync(project)


def _write(path: Path, text: str) -> None:
    """Replace a file in one step."""
    from companion.publish.files import write_atomic  # the publisher imports this module

    write_atomic(path, text)


def config(text: str, address: str | None) -> str:
    """``_config.yml`` with `address` as the value of ``repository: url:``; comments stay."""
    line = re.compile(
        r"^(repository:[^\S\n]*(?:#.*)?\n(?:[^\S\n]+.*\n|[^\S\n]*\n)*?[^\S\n]+url:)[^\n#]*(#.*)?$",
        re.MULTILINE,
    )
    if not line.search(text):
        raise CannotSync("_config.yml has no line `url:` in a block `repository:`")
    value = json.dumps(address or "")
    new = line.sub(lambda m: f"{m[1]} {value}{'  ' + m[2] if m[2] else ''}", text, count=1)
    before, after = yaml.safe_load(text), yaml.safe_load(new)
    before["repository"]["url"] = address or ""
    if before != after:
        raise CannotSync("_config.yml: the line `url:` of `repository:` could not be replaced")
    return new


def readme(text: str, project: Project) -> str:
    """The README with its table of papers and the lines that name the address."""
    text = between(text, "papers", catalogue.readme_table(project), "README.md")
    text = between(text, "scales", catalogue.scales_table(project), "README.md")
    return between(text, "address", address_note(project), "README.md")


def how_to_read(text: str, project: Project) -> str:
    """The page about reading, with the scales and their times."""
    return between(text, "scales", catalogue.scales_table(project), "how-to-read.md")


def speed(text: str, project: Project) -> str:
    """The page with ratios of run times, and how they grow."""
    text = between(text, "speed", benches.page(project), "speed.md")
    return between(text, "growth", benches.growth(project), "speed.md")


def address_note(project: Project) -> str:
    """How to get the book: with the address, or what to do until there is one."""
    address = repository.url(project)
    if address is None:
        return (
            "The book's public address is not set yet, so there is nothing to click: Colab and "
            "Binder links appear in the notebooks once `companion repository URL` has been run.\n"
            "Until then, work in a copy of this folder.\n"
        )
    name = address.rsplit("/", 1)[-1]
    return f"```\ngit clone {address}.git\ncd {name}\n```\n"


def toc(text: str, project: Project) -> str:
    """The table of contents with the parts that have chapters."""
    parts = catalogue.contents(project)
    listed = yaml.safe_dump(parts, sort_keys=False, allow_unicode=True, width=100) if parts else ""
    indent = re.search(r"^( *)# chapters:begin", text, re.MULTILINE)
    space = indent[1] if indent else ""
    lines = "".join(f"{space}{line}\n" for line in listed.splitlines())
    return between(text, "chapters", lines, "_toc.yml")


def citation(text: str, project: Project) -> str:
    """``CITATION.cff`` with the package's version and the address."""
    address = repository.url(project)
    text = re.sub(r"^repository-code:.*\n", "", text, flags=re.MULTILINE)
    line = f"version: {project.version}\n" + (f"repository-code: {address}\n" if address else "")
    text, count = re.subn(r"^version:.*\n", lambda _: line, text, flags=re.MULTILINE)
    if count != 1:
        raise CannotSync(f"CITATION.cff has {count} lines `version:`, not one")
    return text


def pyproject(text: str, project: Project) -> str:
    """``pyproject.toml`` with the address in ``[project.urls]``, or without it; and the extras."""
    text = between(text, "chapters", chapter_extras(project), "pyproject.toml")
    address = repository.url(project)
    text = re.sub(r"^\[project\.urls\]\n(?:[^\[\n].*\n)*\n?", "", text, flags=re.MULTILINE)
    if address:
        urls = f'[project.urls]\nRepository = "{address}"\nIssues = "{address}/issues"\n\n'
        text, count = re.subn(
            r"^\[project\.scripts\]", lambda m: urls + m[0], text, flags=re.MULTILINE
        )
        if count != 1:
            raise CannotSync("pyproject.toml has no table [project.scripts]")
    return text


def chapter_extras(project: Project) -> str:
    """An extra for each chapter that has packages of its own, and ``all`` with those of all."""
    own = {entry.slug: entry.packages for entry in papers(project) if entry.packages}
    own["all"] = tuple(dict.fromkeys(line for lines in own.values() for line in lines))
    return "".join(
        f"{slug} = [\n" + "".join(f"  {json.dumps(line)},\n" for line in sorted(lines)) + "]\n"
        for slug, lines in own.items()
    )


def licenses(text: str, project: Project) -> str:
    """The notice that goes with the data that ship; nothing of the old `text` stays."""
    from companion import release

    return release.licences(release.shipped())


def notebook(text: str, paper: Paper, project: Project) -> str:
    """A notebook with its card and first screen, and with address and extra in its setup cell."""
    document = nbformat.reads(text, as_version=4)
    name = f"{paper.notebook}.ipynb"
    card, setup = (_cell(document, tag, name) for tag in ("card", "setup"))
    wanted = [(setup, _setup(setup.source, name, paper, repository.url(project)))]
    entry = catalogue.standing(paper, project)
    generated = {"card", opening.KEY}
    wanted += [
        (cell, opening.run_times(cell.source, entry.record))
        for cell in document.cells
        if cell.cell_type == "markdown" and not generated & set(cell.metadata.get("tags", ()))
    ]
    try:
        wanted += _first_screen(document, card, name, entry, project)
    except opening.OpeningInvalid as error:
        raise CannotSync(f"{name}: {error}") from None
    if all(cell.source == source for cell, source in wanted):
        return text  # as it is, whatever program formatted it
    for cell, source in wanted:
        cell.source = source
    return nbformat.writes(document) + "\n"


def _setup(source: str, name: str, paper: Paper, address: str | None) -> str:
    """A setup cell with the book's address and the chapter's extra."""
    needs, asks = ("extras, ", f'extras.require("{paper.slug}")\n') if paper.packages else ("", "")
    places = {
        "REPOSITORY = ...": (SETUP_LINE, f'REPOSITORY = "{address or ""}"'),
        "%pip install ...": (SETUP_INSTALL, rf'\1"{extras.target(paper)} @ git+{{REPOSITORY}}"'),
        "from companion import plotting": (
            SETUP_IMPORT,
            f"from companion import {needs}plotting\n\n{asks}",
        ),
    }
    for what, (line, new) in places.items():
        source, count = line.subn(new, source)
        if count != 1:
            raise CannotSync(f"{name}: the cell tagged `setup` needs one line `{what}`")
    return source


def _first_screen(
    document: nbformat.NotebookNode,
    card: nbformat.NotebookNode,
    name: str,
    entry: catalogue.Standing,
    project: Project,
) -> list[tuple[nbformat.NotebookNode, str]]:
    """The generated cells at the top of a notebook, each with the text that it should have."""
    lines = opening.read(card)
    if lines is None:
        return [(card, catalogue.card(entry.paper, project).rstrip("\n"))]
    minutes = opening.reading_minutes(document)
    return [
        (card, opening.head(entry, lines)),
        (_cell(document, opening.KEY, name), opening.body(entry, lines, minutes, project)),
    ]


def _cell(document: nbformat.NotebookNode, tag: str, name: str) -> nbformat.NotebookNode:
    found = [cell for cell in document.cells if tag in cell.metadata.get("tags", ())]
    if len(found) != 1:
        raise CannotSync(f"{name} has {len(found)} cells tagged `{tag}`; it needs one")
    return found[0]


def between(text: str, name: str, body: str, file: str) -> str:
    """`text` with `body` between the lines that mark the generated part `name`.

    The markers are comments, ``name:begin`` (anything may follow on the line) and ``name:end``.
    """
    start, end = _COMMENT[Path(file).suffix]
    part = re.compile(
        rf"^([^\S\n]*{re.escape(start)}{name}:begin.*\n)(?:.*\n)*?"
        rf"([^\S\n]*{re.escape(start)}{name}:end{re.escape(end)}[^\S\n]*)$",
        re.MULTILINE,
    )
    if len(part.findall(text)) != 1:
        raise CannotSync(
            f"{file} needs the lines `{start}{name}:begin{end}` and `{start}{name}:end{end}` once"
        )
    return part.sub(lambda m: f"{m[1]}{body}{m[2]}", text)
